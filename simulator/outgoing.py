"""A chat model on another host: what it is sent goes through the outbox, and what was masked comes back in its reply.

Stands before the real model and is used in its place. Knows no rule of masking.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from simulator.masking import Vault
from simulator.models import ChatModel, Lane, Message, Typed, YesNo
from simulator.outbox import Outbox


class OutgoingModel(ChatModel):
    """A model that is not the embedded one, with the same interface."""

    def __init__(self, model: ChatModel, outbox: Outbox) -> None:
        self.name, self.host, self.turns = model.name, model.host, model.turns
        self._endpoint = None  # the embedded server is never behind this
        self._model, self._outbox = model, outbox

    def by(self, outbox: Outbox) -> "OutgoingModel":
        """The same model, with what it is sent going through another outbox."""
        return OutgoingModel(self._model, outbox)

    def reply(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> str:
        sent, vault = self._outbox.put(messages)
        return vault.restore(self._model.reply(sent, max_tokens, lane))

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> Iterator[str]:
        sent, vault = self._outbox.put(messages)
        return vault.restored(self._model.stream(sent, max_tokens, lane))

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.LIVE, *, fresh: bool = False) -> YesNo:
        sent, _ = self._outbox.put(messages)
        return self._model.yes_no(sent, lane, fresh=fresh)

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.LIVE) -> Typed:
        sent, vault = self._outbox.put(messages)
        return kind.model_validate(_restored(self._model.typed(sent, kind, lane).model_dump(), vault))


def _restored(value: Any, vault: Vault) -> Any:
    if isinstance(value, str):
        return vault.restore(value)
    if isinstance(value, dict):
        return {name: _restored(one, vault) for name, one in value.items()}
    return [_restored(one, vault) for one in value] if isinstance(value, list) else value
