"""The story bank over what is kept: stories beside the interviews in which they were told, and what follows.

The one place where stories, interviews, ticks and the likeness of texts are brought together. Keeps nothing itself.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from simulator.claims.contradictions import Contradiction, between, in_telling
from simulator.claims.ledger import Claim, Told, claims_of
from simulator.conductor import Conductor
from simulator.errors import InputError
from simulator.interview import Interview
from simulator.records import new_id
from simulator.stories.checklist import Done, Item, checklist
from simulator.stories.matrix import Matrix, Telling, Use, matrix, uses_of
from simulator.stories.story import Story, fields_of, from_exchange, story_from, told_by

if TYPE_CHECKING:
    import numpy as np
    from langchain_core.embeddings import Embeddings

_DISMISSED, _DENIED, _WANTED = "claim:", "not-told:", "wanted:"
"""How a tick begins that is no item of the checklist."""
_MOST_TEXTS = 512
Likeness = Callable[[str, str], float]


@dataclass(frozen=True, slots=True)
class Ledger:
    """All claims of all tellings, what does not go together in them, and what of that was dismissed."""

    claims: tuple[Claim, ...]
    open: tuple[Contradiction, ...]
    dismissed: tuple[Contradiction, ...]


def likeness_by(embeddings: "Callable[[], Embeddings]") -> Likeness:
    """How alike two texts are, sentence by sentence, as the interviewer judges it; each text is read once."""

    @lru_cache(_MOST_TEXTS)
    def vectors(text: str) -> "np.ndarray":
        import numpy as np

        from simulator.interview import Role, Turn
        from simulator.transcript import sentences

        told = [" ".join(one.text.split()) for one in sentences([Turn("", Role.CANDIDATE, text)])]
        return np.array(embeddings().embed_documents(told), np.float32)

    def likeness(one: str, other: str) -> float:
        from simulator import strategy

        return strategy.likeness(vectors(one), vectors(other))

    return likeness


class StoryBank:
    """One user's stories. Every call reads what is kept now; what cannot be read raises StorageError."""

    def __init__(self, conductor: Conductor, likeness: Likeness | None = None) -> None:
        self.conductor = conductor
        self._likeness = likeness or likeness_by(lambda: conductor.program.embeddings[0])

    @cached_property
    def _same_story(self) -> float:
        from simulator import strategy

        return strategy.SAME_STORY

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """The topics of story questions, those that come up most in front."""
        weights: dict[str, float] = {}
        for question in self.conductor.library.questions:
            if question.kind == "story":
                weights[question.topic] = weights.get(question.topic, 0.0) + question.weight
        return tuple(sorted(weights, key=lambda topic: (-weights[topic], topic)))

    # Stories

    def stories(self) -> list[Story]:
        """All stories, the last changed first."""
        return [
            story_from(one.id, one.title, one.fields, one.changed) for one in self.conductor.records.stories.all()
        ]

    def find(self, story_id: str) -> Story:
        """Raises InputError when there is no story with that id."""
        one = self.conductor.records.stories.find(story_id)
        return story_from(one.id, one.title, one.fields, one.changed)

    def save(self, story: Story) -> None:
        self.conductor.records.stories.save(story.id, story.title, fields_of(story))

    def new(self) -> Story:
        """An empty story, kept."""
        story = Story(id=new_id())
        self.save(story)
        return story

    def draft(self, interview_id: str, number: int) -> Story:
        """A story drafted from an answered story question, kept. Raises InputError where there is none."""
        if f"{interview_id}/{number}" not in {one.key for one in self.tellings()}:
            raise InputError("This question has no answer to make a story of.", "Choose another one.")
        interview = self.conductor.records.interviews.find(interview_id)
        drafted = from_exchange(interview.exchanges[number], self.conductor.grades(interview_id).get(number))
        story = replace(drafted, id=new_id(), told=(f"{interview_id}/{number}",))
        self.save(story)
        return story

    # Where they were told

    def interviews(self) -> list[Interview]:
        """All interviews with an answer, the newest first."""
        records = self.conductor.records.interviews
        return [records.find(one.id) for one in records.summaries() if one.answers]

    def tellings(self) -> list[Telling]:
        """Every answered story question, the newest interview first."""
        return [
            Telling(
                interview.id,
                number,
                interview.company,
                exchange.question.topic,
                exchange.candidate_text,
                again=bool(interview.retry_of),
            )
            for interview in self.interviews()
            for number, exchange in enumerate(interview.exchanges)
            if exchange.answered and exchange.question.kind == "story"
        ]

    def uses(self) -> list[Use]:
        """Which story was told where."""
        stories, tellings = self.stories(), self.tellings()
        if not stories or not tellings:
            return []
        return uses_of(stories, tellings, self._likeness, self._same_story, self._ticks(_DENIED))

    def deny(self, use: Use) -> None:
        """The candidate says that this was another story."""
        self.conductor.records.stories.tick(_DENIED + use.slug)

    def matrix(self, companies: Sequence[str]) -> Matrix:
        return matrix(self.stories(), self.uses(), self.topics, companies)

    # What is claimed

    def ledger(self) -> Ledger:
        """All claims of stories and answers, and what does not go together."""
        tellings = list(self._told())
        found = [one for texts in tellings for one in in_telling(texts)]
        if len(tellings) > 1:
            found += between(tellings, self._likeness, self._same_story)
        unique = {one.id: one for one in reversed(found)}
        dismissed = self._ticks(_DISMISSED)
        return Ledger(
            tuple(claim for texts in tellings for told in texts for claim in claims_of(told)),
            tuple(one for key, one in reversed(unique.items()) if key not in dismissed),
            tuple(one for key, one in reversed(unique.items()) if key in dismissed),
        )

    def _told(self) -> Iterator[list[Told]]:
        for story in self.stories():
            yield told_by(story)
        for interview in self.interviews():
            for number, exchange in enumerate(interview.exchanges):
                if exchange.answered and exchange.question.kind == "story":
                    source = f"interview/{interview.id}/{number}"
                    yield [Told(source, str(place), turn.text) for place, turn in enumerate(exchange.answers, 1)]

    def dismiss(self, contradiction: Contradiction) -> None:
        """The candidate says that this is none."""
        self.conductor.records.stories.tick(_DISMISSED + contradiction.id)

    def restore(self, contradiction: Contradiction) -> None:
        self.conductor.records.stories.untick(_DISMISSED + contradiction.id)

    # The checklist

    def wanted(self) -> list[str]:
        """The companies of the interviews to come."""
        chosen = self._ticks(_WANTED)
        return [company for company in self.conductor.library.companies if company in chosen]

    def want(self, companies: Sequence[str]) -> None:
        """These companies and no others."""
        ticks = self.conductor.records.stories
        for company in self.conductor.library.companies:
            (ticks.tick if company in companies else ticks.untick)(_WANTED + company)

    def checklist(self) -> list[Item]:
        done, ticked = self._done(), self.conductor.records.stories.ticked()
        return checklist(self.stories(), done, self.wanted(), ticked)

    def _done(self) -> Done:
        mocks: dict[str, int] = {}
        timed = 0
        for interview in self.interviews():
            if interview.closed and any(grade.ratings for grade in self.conductor.grades(interview.id).values()):
                mocks[interview.company] = mocks.get(interview.company, 0) + 1
                timed += interview.timed
        uses = self.uses()
        return Done(
            mocks=mocks,
            timed=timed,
            drills=len(self.conductor.records.drills.reviews()),
            told=len(uses),
            overused=len(matrix(self.stories(), uses, (), ()).overuse),
            contradictions=len(self.ledger().open),
        )

    def _ticks(self, prefix: str) -> set[str]:
        ticked = self.conductor.records.stories.ticked()
        return {item.removeprefix(prefix) for item in ticked if item.startswith(prefix)}
