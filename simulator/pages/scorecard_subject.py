"""What every part of the scorecard's page is handed: one interview after its end, with all that is kept of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simulator.conductor import Conductor
from simulator.interview import Interview
from simulator.library import Company
from simulator.pages.shell import words_of
from simulator.records import Opinion
from simulator.rubric import Grade, Rubric
from simulator.scorecard import Scorecard

tell = partial(words_of, Path(__file__).with_name("scorecard.words.md"))
"""A sentence of scorecard.words.md with its values filled in."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One interview with its card, its grades by exchange, and the candidate's opinions by exchange and check."""

    conductor: Conductor
    interview: Interview
    company: Company
    card: Scorecard
    grades: Mapping[int, Grade]
    opinions: Mapping[tuple[int, str], Opinion]

    @property
    def names(self) -> Mapping[str, str]:
        """The dimensions' names for the reader."""
        return self.conductor.program.rubric.dimension_names

    @property
    def rated(self) -> Mapping[int, Grade]:
        """The grades that have a score."""
        return {number: grade for number, grade in self.grades.items() if grade.ratings}

    @property
    def contested(self) -> Mapping[tuple[int, str], str]:
        """The notes on the findings that the candidate disagrees with."""
        return {where: one.note for where, one in self.opinions.items() if not one.agrees}

    def rubric(self, exchange: int) -> Rubric:
        """The rubric of a question that is graded."""
        return self.conductor.library.rubric_for(self.interview.exchanges[exchange].question.kind)


def subject_of(conductor: Conductor, interview_id: str) -> Subject:
    """Raises SimulatorError when there is no such interview, or its records cannot be read."""
    interview = conductor.records.interviews.find(interview_id)
    return Subject(
        conductor,
        interview,
        conductor.library.company(interview.company),
        conductor.scorecard(interview_id),
        conductor.grades(interview_id),
        {(one.exchange, one.check_id): one for one in conductor.records.opinions.opinions(interview_id)},
    )
