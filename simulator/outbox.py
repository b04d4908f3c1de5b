"""The last request to another host, word for word, so that it can be shown; masked before that where it is wanted.

Of a request, what the candidate said is masked; the program's own words in it stay. Never on disk.
"""

import re
import threading
from collections.abc import Collection, Sequence

from simulator.library import Library
from simulator.masking import Vault, found
from simulator.prompts import Message

_FENCED = re.compile(r"<<< candidate (\w+)\n(.*?)\n>>> candidate \1$", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"\b(?:[a-z]+(?:'[a-z]+)?|[A-Z]{2,})\b")


class Outbox:
    """What goes out, in one process. Safe to use from several threads."""

    def __init__(self, known: Collection[str] | None = None) -> None:
        """`known` are words that are no names; None masks nothing."""
        self._known = known
        self._lock = threading.Lock()
        self.empty()

    def empty(self) -> None:
        """Forget the last request, and what its placeholders stand for."""
        with self._lock:
            self._last: tuple[Message, ...] = ()
            self._vault = Vault()

    @property
    def last(self) -> tuple[Message, ...]:
        """The messages as they were sent last; none before the first request."""
        return self._last

    def put(self, messages: Sequence[Message]) -> tuple[list[Message], Vault]:
        """The messages as they are to be sent, and the vault that puts the values back into the reply."""
        with self._lock:
            vault = self._vault
            sent = self._masked(messages, vault)
            self._last = tuple(sent)
        return sent, vault

    def sample(self, messages: Sequence[Message]) -> list[Message]:
        """How these messages would be sent."""
        return self._masked(messages, Vault())

    def _masked(self, messages: Sequence[Message], vault: Vault) -> list[Message]:
        if self._known is None:
            return list(messages)
        values: dict[str, str] = {}
        for role, text in messages:
            if role != "system":
                # The candidate's words are fenced; what is found there is masked wherever it stands, as in a quote.
                said = "\n".join(match[2] for match in _FENCED.finditer(text))
                values |= found(said or text, self._known)
        return [(role, text if role == "system" else vault.mask(text, values)) for role, text in messages]


def known_words(library: Library) -> frozenset[str]:
    """The words that the shipped content writes in lower case, or in capitals throughout: they name nobody."""
    texts = [f"{one.text} {one.ask} {one.when}" for one in library.passages]
    texts += [prompt.template for prompt in library.prompts.values()]
    texts += [question.text for question in library.questions]
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))
