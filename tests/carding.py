"""One candidate's interview, its grades, and the scorecard that is made of them."""

from collections.abc import Mapping

from simulator.interview import Exchange, Interview, Question, Role, Turn
from simulator.library import Company
from simulator.rubric import DIMENSIONS, Check, Evidence, Finding, Grade, Point, Rating, Rubric, State
from simulator.scorecard import Scorecard, score

OPENING = "We were two weeks late. I cut the report because nobody paid for it. Failures fell from 6% to 0.8%."


REPLY = "I told our director in the second week. She moved the date."


OTHER = " ".join(f"word{number}" for number in range(1, 40))


NAMES = {name: name.title() for name in DIMENSIONS}


ERRORS = (-0.3, -0.3, -0.1, -0.1, 0.0, 0.0, 0.1, 0.1, 0.3, 0.3)


def check(
    check_id: str,
    dimension: str = "ownership",
    value: float = 1.0,
    near: tuple[str, ...] = (),
    lowers: bool = False,
) -> Check:
    name = check_id.partition(".")[2].title()
    texts = (f"{name} was missing.", f"Add {name}.")
    return Check(check_id, name, f"{name}?", dimension, *texts, value, near=near, lowers=lowers)


RUBRIC = Rubric(
    "rubrics/small",
    "d1",
    (
        check("do.cut", "prioritization", 1.4),
        check("do.warn", "ownership", 1.2),
        check("do.guard", "problem_solving", 1.0, near=("do.cut",)),
        check("do.count", "data_use", 1.5),
        check("do.learn", "problem_solving", 0.5),
        check("anchor.bold", "ownership"),
        check("anchor.dull", "communication", lowers=True),
        check("flag.vague", "", lowers=True),
        check("flag.diffuse", "", lowers=True),
    ),
    (),
    3.0,
)


COMPANY = Company("acme", "Acme", 3.0, 45, (), {"ownership": 2.0}, {}, {}, ())


INTERVIEW = Interview(
    "i1",
    "acme",
    "quick",
    (
        Question("q1", "What was late?", invites=("do.cut", "do.learn")),
        Question("q2", "What broke?"),
        Question("q3", "?"),
    ),
    (
        Exchange(
            Question("q1", "What was late?", invites=("do.cut", "do.learn")),
            (
                Turn("t1", Role.CANDIDATE, OPENING),
                Turn("p1", Role.INTERVIEWER, "Whom did you warn?", "do.warn"),
                Turn("t2", Role.CANDIDATE, REPLY),
            ),
        ),
        Exchange(Question("q2", "What broke?"), (Turn("t3", Role.CANDIDATE, OTHER),)),
        Exchange(Question("q3", "?")),
    ),
    closed=True,
)


def evidence(text: str) -> Evidence:
    turns = INTERVIEW.exchanges[0].turns
    turn = next(number for number, one in enumerate(turns) if text in one.text)
    start = turns[turn].text.index(text)
    return Evidence(turn, start, start + len(text), text)


CUT = evidence("I cut the report because nobody paid for it.")


def findings(*met: str, cited: Mapping[str, Evidence] | None = None) -> dict[str, Finding]:
    cited = cited or {}
    return {
        one.id: Finding(one.id, State.MET, 0.9, (cited[one.id],) if one.id in cited else ())
        if one.id in met
        else Finding(one.id, State.NOT_MET, 0.1)
        for one in RUBRIC.checks
    }


def rating(name: str, points: int, raw: float, low: float, high: float, *ledger: Point) -> Rating:
    return Rating(name, points, raw, low, high, ledger)


def rated(ownership: Rating, *ledger: Point) -> dict[str, Rating]:
    others = [rating(name, 4, 3.9, 3.3, 4.0, *ledger) for name in DIMENSIONS if name != "ownership"]
    return {one.dimension: one for one in (ownership, *others)}


FIRST = Grade(
    findings("do.cut", cited={"do.cut": CUT}),
    rated(rating("ownership", 3, 2.8, 2.2, 3.4)),
    "",
    {"model": "m", "method": "w", "rubric": "r", "prompts": "p", "rule": "any equal weights", "seconds": 1.5},
    ERRORS,
)


SECOND = Grade(
    findings("do.cut", "do.count"), rated(rating("ownership", 2, 2.2, 1.4, 3.0)), "", {"model": "m"}, ERRORS
)


def card_of(grades: Mapping[int, Grade], company: Company = COMPANY) -> Scorecard:
    return score(INTERVIEW, lambda kind: RUBRIC, company, grades)
