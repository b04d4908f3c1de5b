"""Prompt files: declared inputs, rendering, and a digest that is the prompt's version.

The candidate's and the guide's words enter a prompt only fenced, as data, between two lines that carry a
digest of those very words and that the words do not hold: text cannot close its own fence, and the same
text always gives the same prompt.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from simulator.errors import ContentError
from simulator.markdown import Document

Message = tuple[str, str]
"""A role (`system`, `user`, `assistant`) and its text."""
_JINJA = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u202a-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e01ef]"
)
"""Controls but line end and tab, overrides of direction, lone surrogates, tags, joiners that nobody sees."""
_CHAT_TOKENS = re.compile(r"<\|[^|<>\n]{1,40}\|>|\[/?INST\]|<</?SYS>>|</?s>")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file. `template` may use only the names in `inputs`."""

    id: str
    inputs: frozenset[str]
    template: str
    digest: str

    def render(self, **values: object) -> str:
        """The text with every declared input filled in. Raises ContentError on a wrong set of names."""
        if values.keys() != self.inputs:
            raise ContentError(
                f"Prompt {self.id} declares {sorted(self.inputs)} but was given {sorted(values)}.",
                "Make the front matter and the caller agree.",
            )
        try:
            return _JINJA.from_string(self.template).render(**values).strip()
        except (UndefinedError, TemplateSyntaxError) as error:
            raise ContentError(f"Prompt {self.id} cannot be rendered: {error}.", "Declare the input.") from None


def prompt_from(document: Document) -> Prompt:
    """Make a prompt of a parsed file whose body is the template."""
    inputs = frozenset(document.front.get("inputs") or ())
    return Prompt(str(document.front.get("id", "")), inputs, document.body, digest_of(document.body))


def digest_of(*texts: str) -> str:
    """A short version name for these texts: the first 16 hex digits of their SHA-256."""
    return hashlib.sha256("\x1f".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def clean(text: str) -> str:
    """Text from outside made safe for storage and prompts; what a person reads stays the same.

    Composes accents (NFC), normalises line ends, and drops lone surrogates, control and bidirectional
    override characters, tag characters and other invisible carriers.
    """
    text = _LINE_END.sub("\n", text)
    # Composed last: what was dropped may have stood between a letter and its accent.
    return unicodedata.normalize("NFC", _INVISIBLE.sub("", text))


def disarmed(text: str) -> str:
    """`text` with the control tokens of chat templates broken up, so that none opens or ends a message."""
    return _CHAT_TOKENS.sub(lambda match: match[0][0] + " " + match[0][1:], text)


def fenced(label: str, text: str) -> str:
    """`text` between two marker lines as data; the control tokens of chat templates are broken up."""
    safe = disarmed(text)
    mark = f"{label} {digest_of(text)[:6]}"
    while mark in safe:  # six hex digits can be forged
        mark = f"{label} {digest_of(mark, text)[:6]}"
    return f"<<< {mark}\n{safe}\n>>> {mark}"
