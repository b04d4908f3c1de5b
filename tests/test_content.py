"""The content that ships: six companies, their questions and probes, and all that is said as it stands."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from conftest import shipped

from simulator.conduct import Conduct
from simulator.library import DEPTHS, GENERAL, PROVENANCES
from simulator.rubric import DIMENSIONS

COMPANIES = {"amazon", "google", "meta", "uber", "stripe", "airbnb"}


def test_the_shipped_library_knows_six_companies_each_with_a_round_and_an_interviewer() -> None:
    library = shipped()
    assert set(library.companies) == set(library.personas) == COMPANIES
    for company in library.companies.values():
        assert set(company.lens) == set(DIMENSIONS)
        assert company.segments and sum(one.seconds for one in company.segments) <= 60 * company.minutes
        assert {one.provenance for one in company.segments} <= set(PROVENANCES)
        assert set(company.lens_provenance) == set(DIMENSIONS)
        assert set(company.lens_provenance.values()) <= set(PROVENANCES)
        for kind in ("opening", "story", "case"):
            parts = sum(one.kind == kind for one in company.segments)
            assert parts <= len(library.questions_for(company.id, kind)), (company.id, kind)
        assert company.principles
    assert len({persona.interviewer for persona in library.personas.values()}) == 6
    assert len({persona.digest for persona in library.personas.values()}) == 6


def test_the_shipped_knowledge_is_wide_enough_to_interview_from() -> None:
    kinds = Counter(passage.kind for passage in shipped().passages)
    assert sum(kinds.values()) >= 400, kinds
    assert set(kinds) == {"probe", "company", "question", "guide"}
    for company in COMPANIES:
        assert sum(one.kind == "company" and one.company == company for one in shipped().passages) >= 10, company
    assert all(passage.text.strip() and passage.topic for passage in shipped().passages)


def test_every_criterion_has_probes_at_all_depths_for_every_company_and_both_kinds_of_question() -> None:
    probes = defaultdict(list)
    for passage in shipped().passages:
        if passage.kind == "probe":
            probes[passage.check].append(passage)
    rubric = shipped().rubrics["rubrics/story"]
    for check in (check.id for check in rubric.checks if check.is_criterion):
        own = probes[check]
        assert len(own) >= 6, check
        assert {probe.depth for probe in own} == set(DEPTHS), check
        assert {probe.company for probe in own} == COMPANIES | {GENERAL}, check
        for kind in ("story", "case"):
            assert sum(probe.question_kind in (kind, "both") for probe in own) >= 3, (check, kind)


@pytest.mark.parametrize("kind", ["story", "case"])
def test_every_criterion_can_be_probed_and_pressed_without_presupposing_a_scene(kind: str) -> None:
    plain = Counter(
        (passage.check, passage.depth)
        for passage in shipped().passages
        if passage.plain and passage.company == GENERAL and passage.question_kind in (kind, "both")
    )
    few = {"story": {"opening": 4, "pressing": 3, "challenging": 2}, "case": {"opening": 2, "pressing": 1}}[kind]
    criteria = [check.id for check in shipped().rubric_for(kind).checks if check.is_criterion]
    assert [(one, depth) for one in criteria for depth, least in few.items() if plain[one, depth] < least] == []


def test_no_two_probes_ask_the_same_thing_in_the_same_words() -> None:
    asked = Counter(passage.ask.lower() for passage in shipped().passages if passage.ask)
    assert [ask for ask, times in asked.items() if times > 1] == []


def test_there_are_forty_five_questions_and_the_five_usual_ones_come_first() -> None:
    questions = shipped().questions
    assert len(questions) >= 45
    assert {question.kind for question in questions} == {"story", "case", "opening"}
    assert len({question.text for question in questions}) == len(questions)
    assert all(question.weight > 0 for question in questions)
    assert all(question.invites for question in questions if question.kind != "opening")
    assert all(len(question.facts) >= 4 for question in questions if question.kind == "case")
    stories = sorted(shipped().questions_for("meta"), key=lambda question: -question.weight)
    usual = ["off track", "launch", "teams were stuck", "quality", "rollout"]
    assert all(word in question.text.lower() for word, question in zip(usual, stories, strict=False))
    assert stories[4].weight > stories[5].weight
    assert {question.company for question in stories[:5]} == {GENERAL}


def spoken_lines() -> Iterator[tuple[str, str]]:
    """Everything that an interviewer says as it stands, with where it stands."""
    library = shipped()
    for question in library.questions:
        yield question.id, question.text
    for passage in library.passages:
        if passage.kind == "probe":
            yield passage.id, passage.ask
    conduct = Conduct.read(library.conduct)
    for said in (conduct.to_the_work, conduct.announce, conduct.cut_in, conduct.another_story, conduct.no_fact):
        for line in said:
            yield "conduct", line
    for persona in library.personas.values():
        for line in (persona.greeting, *persona.next_lines, persona.closing):
            yield persona.company, line


def test_every_probe_asks_one_question_in_at_most_45_words() -> None:
    wrong = {
        passage.id: passage.ask
        for passage in shipped().passages
        if passage.kind == "probe"
        and (passage.ask.count("?") != 1 or passage.ask[-1] != "?" or len(passage.ask.split()) > 45)
    }
    assert wrong == {}


PRAISE = re.compile(
    r"(?:that(?:'s| is| was) |what )?(?:an? |very |really |so )*"
    r"(?:great|excellent|good(?! (?:day|morning|afternoon|evening))|nice|perfect|awesome|amazing|fantastic|wonderful|"
    r"impressive|brilliant|superb|outstanding|well done|love|interesting|thank(?:s| you) for sharing|i appreciate|"
    r"i (?:like|love))\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("line", ["Great, and then?", "That's a really good point.", "I love that."])
def test_praise_is_recognised(line: str) -> None:
    assert PRAISE.match(line)


def test_no_spoken_line_begins_with_praise() -> None:
    praised = [
        (where, sentence)
        for where, line in spoken_lines()
        for sentence in re.split(r"(?<=[.!?])\s+", line)
        if PRAISE.match(sentence)
    ]
    assert praised == []


LEFT_BY_WRITERS = re.compile(r"\{\{|\}\}|TODO|XXX|lorem ipsum|<[a-z]+>", re.IGNORECASE)
"""What a writer leaves behind in an unfinished text, and an interviewer would read out."""


def test_every_shipped_line_is_filled_in_and_free_of_placeholders() -> None:
    for where, line in spoken_lines():
        assert line.strip(), where
        assert not LEFT_BY_WRITERS.search(line), (where, line)
