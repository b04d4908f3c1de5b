"""One candidate: opens the page, holds an interview with pauses for thought, comes back, looks at the scorecard.

Sees to it that the page shows all that this visitor said, and never a word of another's.
"""

import asyncio
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html import escape

from load.marks import mark, marks_in
from load.tab import PageError, Shown, Tab
from simulator import markdown
from simulator.settings import ROOT

BLUR_SECONDS = 0.1
"""Between leaving the box and letting go of the button."""
_PAGES = ROOT / "simulator" / "pages"
_WORDS = {
    section.slug: section.text
    for file in ("words.md", "scorecard.words.md")
    for section in markdown.parse(_PAGES / file).sections
}
"""What the pages say, by its name: labels are looked for by them."""
_SAID = '<div class="said">'
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Manner:
    """How visitors behave. A pause for thought is drawn between two lengths; meanwhile what is typed is handed on
    every so often, as the page's component does."""

    think_seconds: tuple[float, float] = (20.0, 60.0)
    hand_on_seconds: float = 6.0
    patience_seconds: float = 120.0
    """For one thing to appear; grading may take ten times as long."""


@dataclass(frozen=True, slots=True)
class Took:
    """One turn: from the click to the first and to the last words of what followed, and what came over the wire."""

    visitor: int
    turn: int
    clicked: float
    first_words_seconds: float
    seconds: float
    rerun_seconds: float
    """Of the page alone, when the box was left; 0 where the visitor did not wait for it."""
    messages: int
    bytes: int


@dataclass(slots=True)
class Visitor:
    """Number `number`, to whom nobody else's words may be shown. `answers` are texts to say, in any order."""

    number: int
    port: int
    answers: Sequence[str]
    manner: Manner
    headers: Mapping[str, str] = field(default_factory=dict)
    opened_seconds: float = 0.0
    """From the first byte to the box for the first answer."""
    took: list[Took] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    foreign: set[tuple[int, int]] = field(default_factory=set)
    _draws: random.Random = field(init=False)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self._draws = random.Random(self.number)

    async def tab(self) -> Tab:
        """A new tab, open until `leave`."""
        return await self._stack.enter_async_context(Tab(self.port, self._sees, self.headers))

    async def leave(self) -> None:
        """Close all tabs."""
        await self._stack.aclose()

    async def begin(self, company: str = "", kind: str = "") -> Tab:
        """Open the page, choose, and start an interview; ends when its first question is there."""
        began = time.monotonic()
        tab = await self.tab()
        await tab.open()
        await self._wait(tab, "start button", lambda: tab.find("button", label=_WORDS["start"]))
        for key, choice in (("company", company), ("kind", _WORDS[f"kind {kind}"] if kind else "")):
            if choice:
                await self._choose(tab, key, choice)
        await tab.click(self._there(tab.find("button", label=_WORDS["start"])))
        await self._wait(tab, "first question", lambda: self._box(tab))
        self.opened_seconds = time.monotonic() - began
        return tab

    async def _choose(self, tab: Tab, key: str, choice: str) -> None:
        runs = tab.runs
        await tab.enter(self._there(tab.find("button_group", key)), [choice])
        await self._wait(tab, "page with the choice", lambda: tab.runs > runs)

    async def interview(self, tab: Tab) -> None:
        """Answer all that is asked. Raises PageError."""
        while not self._over(tab):
            await self.say(tab, self._text(words_at_most=60 if self.said else 200))

    async def say(self, tab: Tab, text: str, *, asks: bool = False, settles: bool = False) -> None:
        """Type a text as one does, send it and follow what the interviewer makes of it. It `settles` where the button
        is pressed no sooner than the page was drawn with the text in it."""
        box = self._there(self._box(tab))
        await self._type(tab, text)
        messages, size, runs = tab.messages, tab.bytes, tab.runs
        left = time.monotonic()
        await tab.enter(box, text)
        if settles:
            await self._wait(tab, "page with the text", lambda: tab.runs > runs)
        rerun_seconds = time.monotonic() - left
        await asyncio.sleep(BLUR_SECONDS)
        clicked = time.monotonic()
        await tab.click(self._there(tab.find("button", label=_WORDS["ask" if asks else "send"])))
        self.said.append(text)
        await self._wait(tab, "reply", lambda: self._replied(tab) or self._next(tab, box))
        first = time.monotonic() - clicked
        await self._wait(tab, "next box", lambda: self._next(tab, box))
        took = time.monotonic() - clicked
        came = tab.messages - messages, tab.bytes - size
        turn = len(self.said) - 1
        self.took.append(Took(self.number, turn, clicked, first, took, rerun_seconds if settles else 0.0, *came))
        self._check(tab)

    async def come_back(self, tab: Tab) -> None:
        """Open the interview anew in another tab and close that: all that was said is there."""
        async with Tab(self.port, self._sees, self.headers) as other:
            await other.open("interview", tab.query)
            await self._wait(
                other, "interview again", lambda: other.runs and len(self._shown(other)) >= len(self.said)
            )
            self._check(other)

    async def look_at_scorecard(self, tab: Tab) -> None:
        """Go on to the scorecard once the interview is over, rate nothing, and wait for the grades."""
        await tab.click(self._there(tab.find("button", label=_WORDS["to scorecard"])))
        skip = _WORDS["rate skip"]
        await self._wait(tab, "scorecard", lambda: tab.find("button", label=skip) or self._graded(tab))
        if button := tab.find("button", label=skip):
            await tab.click(button)
        await self._wait(tab, "grades", lambda: self._graded(tab), 10 * self.manner.patience_seconds)

    def question(self) -> str:
        """A question about a case."""
        return f"For {mark(self.number, len(self.said))}, how many of the orders are late, and since when?"

    def _text(self, words_at_most: int) -> str:
        """The sentences of an answer, each with this turn's mark."""
        sentences = _SENTENCE_END.split(self._draws.choice(self.answers))
        name, length = mark(self.number, len(self.said)), 0
        told: list[str] = []
        for sentence in sentences:
            length += len(sentence.split())
            if told and length > words_at_most:
                break
            told.append(f"For {name}, {sentence}")
        return " ".join(told)

    async def _type(self, tab: Tab, text: str) -> None:
        """Think and type: what is there so far is handed on again and again."""
        seconds, every = self._draws.uniform(*self.manner.think_seconds), self.manner.hand_on_seconds
        for number in range(1, int(seconds // every) + 1):
            await asyncio.sleep(every)
            typed = text[: int(number * every / seconds * len(text))]
            component = self._there(tab.find("bidi_component", "keeper-*"))
            await tab.trigger(component, "typed", {"number": number, "text": typed})
        await asyncio.sleep(seconds % every)

    def _sees(self, data: bytes) -> None:
        if b"Quill" in data:
            found = marks_in(data.decode("utf-8", "replace"))
            self.foreign |= {one for one in found if one[0] != self.number}

    def _check(self, tab: Tab) -> None:
        """Raises PageError where the page lacks own words, has others' or warns of something."""
        if self.foreign:
            raise PageError(f"words of others: {sorted(self.foreign)}")
        if missing := [text for text in self.said if not any(escape(text) in one for one in self._shown(tab))]:
            raise PageError(f"{len(missing)} own texts are not there: {missing[0][:60]}")
        if warned := tab.texts("alert"):
            raise PageError(f"a warning: {warned[0]}")

    @staticmethod
    def _shown(tab: Tab) -> list[str]:
        """What was said, by anyone."""
        return [text for text in tab.texts("html") if _SAID in text]

    @staticmethod
    def _box(tab: Tab) -> Shown | None:
        """The box of an answer, once its watch and its button are there."""
        box = tab.find("text_area", "answer-*")
        key = f"answer-{box.proto.id.partition('-answer-')[2]}" if box else ""
        whole = box and tab.find("bidi_component", f"keeper-{key}") and tab.find("button", f"send-{key}")
        return box if whole else None

    def _replied(self, tab: Tab) -> bool:
        """Whether something is said below this visitor's last words."""
        shown = self._shown(tab)
        own = [number for number, one in enumerate(shown) if escape(self.said[-1]) in one]
        return bool(own) and own[-1] < len(shown) - 1

    @staticmethod
    def _over(tab: Tab) -> bool:
        return tab.find("button", label=_WORDS["to scorecard"]) is not None

    def _next(self, tab: Tab, box: Shown) -> bool:
        found = self._box(tab)
        return self._over(tab) or (found is not None and found.proto.id != box.proto.id)

    @staticmethod
    def _graded(tab: Tab) -> bool:
        return _WORDS["dimensions"] in tab.texts("heading")

    @staticmethod
    def _there(one: Shown | None) -> Shown:
        if one is None:
            raise PageError("an element is gone")
        return one

    async def _wait(self, tab: Tab, what: str, holds: Callable[[], object], seconds: float = 0.0) -> None:
        await tab.until(f"{what} (visitor {self.number})", holds, seconds or self.manner.patience_seconds)
