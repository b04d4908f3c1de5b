"""What there is to drill: the checks of both rubrics, claims that leave them out, and the probes that go after them.

Reads library and records and changes neither; which check comes next is not decided here.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from simulator import markdown
from simulator.conductor import Conductor
from simulator.drills.drill import Claim, Past, bank_claims, least_used, own_claims
from simulator.errors import InputError
from simulator.library import GENERAL, Company, Passage
from simulator.rubric import Check, Grade

if TYPE_CHECKING:  # heavy: imported where the index is opened
    from simulator.index import Hit

KINDS = ("story", "case")
BANK = "prompts/drills/claims.md"
LATELY = 5
"""So many of a card's last probes are not asked again."""
_MOST_CLAIMS, _MOST_PROBES = 4, 20
_BEHIND = {"pressing": 0.05, "challenging": 0.2}
"""In cosine similarity: a claim leaves its check out, so what presses on it or tests it fits less than what opens."""
_GRADE = TypeAdapter(Grade)
_Read = tuple[list[Past], list[Claim]]


class Material:
    """The material of one user. Safe to use from several threads."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._read: dict[str, _Read] = {}

    def check(self, check_id: str, kind: str) -> Check:
        """The check as the rubric of that kind words it."""
        return self._conductor.library.rubric_for(kind).check(check_id)

    def past(self) -> list[Past]:
        """All graded exchanges, the newest interview first."""
        return [past for pasts, _ in self._all() for past in pasts]

    def claims(self, company: Company, kind: str = "") -> Mapping[str, Sequence[Claim]]:
        """The claims by check, for every check that can be drilled at this company: the candidate's own, the newest
        first, where there are any, else the bank's. Raises InputError for a kind that is not known."""
        if kind and kind not in KINDS:
            raise InputError(f"There is no kind of question called {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
        kinds = [kind] if kind else list(KINDS)
        probed = self._probed(company)
        own = _by_check((claim for _, claims in self._all() for claim in claims), kinds, probed)
        bank = _by_check(self._bank, kinds, probed)
        ids = dict.fromkeys(check.id for one in kinds for check in self._criteria(one))
        return {one: own.get(one) or bank[one] for one in ids if one in own or one in bank}

    def pair(self, company: Company, claims: Sequence[Claim], lately: Sequence[str]) -> tuple[Claim, Passage]:
        """The claim and the probe that fit each other best, of the first claims; a probe that was not asked lately
        where there is one (`lately` begins with the oldest)."""
        found = [(claim, hit) for claim in claims[:_MOST_CLAIMS] for hit in self._probes(company, claim)]
        fresh = [(claim, hit) for claim, hit in found if hit.passage.id not in lately[-LATELY:]]
        if not fresh:
            oldest = least_used([hit.passage.id for _, hit in found], lately)
            fresh = [(claim, hit) for claim, hit in found if hit.passage.id == oldest]
        claim, best = max(fresh, key=lambda one: one[1].score - _BEHIND.get(one[1].passage.depth, 0.0))
        return claim, best.passage

    def _probes(self, company: Company, claim: Claim) -> "list[Hit]":
        return self._conductor.index().search(
            f"{self.check(claim.check, claim.question.kind).name}. {claim.text}",
            company.id,
            _MOST_PROBES,
            check=claim.check,
            kind="probe",
            question_kind=claim.question.kind,
        )

    @cached_property
    def _bank(self) -> tuple[Claim, ...]:
        known = {check.id for kind in KINDS for check in self._criteria(kind)}
        document = markdown.parse(self._conductor.program.settings.content_dir / BANK)
        return bank_claims(document, self._conductor.library.questions, known)

    def _criteria(self, kind: str) -> list[Check]:
        return [check for check in self._conductor.library.rubric_for(kind).checks if check.is_criterion]

    def _probed(self, company: Company) -> set[tuple[str, str]]:
        """The checks and kinds of question for which this company's interviewer has a probe."""
        probes = [one for one in self._conductor.library.passages if one.kind == "probe"]
        return {
            (one.check, kind)
            for one in probes
            if one.company in (GENERAL, company.id)
            for kind in (KINDS if one.question_kind == "both" else (one.question_kind,))
        }

    def _all(self) -> list[_Read]:
        return [self._of(one.id) for one in self._conductor.records.interviews.summaries()]

    def _of(self, interview_id: str) -> _Read:
        """What is graded of an interview, and the claims in it; read once where no grade is to come."""
        if interview_id in self._read:
            return self._read[interview_id]
        interview = self._conductor.records.interviews.find(interview_id)
        grades = self._conductor.records.jobs.grades(interview_id)
        pasts = [
            Past(interview_id, number, interview.exchanges[number], _GRADE.validate_python(raw))
            for number, raw in sorted(grades.items())
        ]
        claims = [claim for one in pasts for claim in own_claims(one, self._criteria(one.exchange.question.kind))]
        if interview.closed and len(pasts) == sum(exchange.graded for exchange in interview.exchanges):
            self._read[interview_id] = pasts, claims
        return pasts, claims


def _by_check(claims: Iterable[Claim], kinds: Sequence[str], probed: set[tuple[str, str]]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        if claim.question.kind in kinds and (claim.check, claim.question.kind) in probed:
            found.setdefault(claim.check, []).append(claim)
    return found
