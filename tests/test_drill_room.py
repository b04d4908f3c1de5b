"""Drills held: a real index and real records, a scripted model; what is found, judged, kept and asked again."""

import shutil
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import START_UP, ScriptedModel, shipped
from fault_server import Messages, Reply, failure, one_token
from pydantic import TypeAdapter

from simulator.conductor import Conductor
from simulator.drills.drill import SECONDS, Drill, Ease
from simulator.drills.material import LATELY
from simulator.drills.room import DrillRoom, Result
from simulator.errors import ContentError, InputError, ModelUnavailableError, StorageError, UnusableReplyError
from simulator.interview import Exchange, Interview, Question, Role, Turn
from simulator.program import Program
from simulator.records import CardRow
from simulator.rubric import Calibration, Finding, Grade, Rating, State, equal_rule
from simulator.settings import ROOT, Settings

NOW = 1_741_600_000.0
MINUTE, DAY = 60.0, 86_400.0
GUARDED = "The risk was double charging, so we put a limit on retries and had a rollback ready."
VAGUE = "There was quite a lot of talking about it at the time."
BEFORE_AFTER = "Errors went from four percent to one percent."
RISKS = (
    "What was most likely to go wrong, and what stood in its way?",
    "Suppose the first hundred had failed: what would have stopped the rest?",
    "Who could have halted it, and on which sign?",
    "What had you tested on fewer people first?",
    "Which step could not be taken back?",
    "What did you have ready in case it failed at night?",
    "Which limit had you set before you began?",
)
PROBES = {
    "action.risk": [("general", "story", ask) for ask in RISKS] + [("general", "case", "What would stop you?")],
    "result.baseline": [("general", "both", "What was it before?"), ("stripe", "story", "What was planned?")],
    "context.goal": [("amazon", "story", "What was the customer to get?"), ("general", "story", "What was it for?")],
}


def asks_of(model: ScriptedModel) -> list[str]:
    """What the model was asked, but for the question at start-up."""
    texts = [str(request.messages[-1]["content"]) for request in model.requests]
    return [text for text in texts if text != START_UP]


def judging(met: Collection[str], sure: float = 0.8) -> Reply:
    """A model that finds these checks, of either rubric."""
    checks = [check for kind in ("story", "case") for check in shipped().rubric_for(kind).checks]

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        asked = str(messages[-1]["content"])
        if asked == START_UP:
            return sure
        check = next(one for one in checks if asked.endswith(f"\n{one.ask} Yes or No?"))
        return sure if (check.id in met) != check.reverse else 1 - sure

    return reply


def knowledge(folder: Path) -> None:
    """Two companies, the general questions, and eleven probes."""
    for name in ("companies", "questions", "probes"):
        (folder / name).mkdir(parents=True)
    for company in ("amazon", "stripe"):
        front = (ROOT / "knowledge" / "companies" / f"{company}.md").read_text(encoding="utf-8").partition("\n## ")[0]
        (folder / "companies" / f"{company}.md").write_text(front, encoding="utf-8")
    for kind in ("story", "case"):
        text = (ROOT / "knowledge" / "questions" / f"{kind}.md").read_text(encoding="utf-8")
        head, *sections = text.split("\n## ")
        kept = [one for one in sections if "\n- company: general\n" in one]
        (folder / "questions" / f"{kind}.md").write_text("\n## ".join([head, *kept]), encoding="utf-8")
    for check, probes in PROBES.items():
        lines = [
            f"## probe-{number}\n- company: {company}\n- depth: opening\n- question_kind: {kind}\n- ask: {ask}\n"
            for number, (company, kind, ask) in enumerate(probes)
        ]
        text = "\n".join([f"---\nkind: probe\ncheck: {check}\n---\n", *lines])
        (folder / "probes" / f"{check}.md").write_text(text, encoding="utf-8")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """Content of its own, with the simplest rule; for `result.baseline` it gives the model's word no weight."""
    folder = tmp_path / "content"
    shutil.copytree(ROOT / "prompts", folder / "prompts", ignore=shutil.ignore_patterns("*.json", "*.npz"))
    for persona in (folder / "prompts" / "personas").iterdir():
        if persona.stem not in ("amazon", "stripe"):
            persona.unlink()
    knowledge(folder / "knowledge")
    rule = equal_rule(shipped().rubric_for("story"))
    by_code = Calibration(slope=0.0, offset=-4.0, peak=10.0)
    kept = asdict(rule) | {"calibrations": {"result.baseline": asdict(by_code)}}
    (folder / "prompts" / "rubrics" / "story.any.json").write_bytes(TypeAdapter(dict[str, object]).dump_json(kept))
    return folder


@pytest.fixture
def conductor(settings: Settings, content: Path, scripted_model: ScriptedModel) -> Iterator[Conductor]:
    scripted_model.reply = judging({"action.risk"})
    found = Conductor(Program(settings.model_copy(update={"content_dir": content})))
    yield found
    found.program.close()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def room(conductor: Conductor, clock: Clock) -> DrillRoom:
    return DrillRoom(conductor, clock)


def told(room: DrillRoom, drill: Drill, text: str = GUARDED, seconds: float = 70.0) -> Result:
    return room.reply(drill, text, seconds)


def cards(conductor: Conductor) -> dict[str, CardRow]:
    return conductor.records.drills.cards()


def keep_interview(conductor: Conductor, answer: str, state: State, kind: str = "story") -> None:
    """A finished interview with one exchange, graded."""
    question = Question(f"{kind}/mine", "Tell me about your migration.", kind, invites=("action.risk",))
    exchange = Exchange(question, (Turn(f"turn-{kind}", Role.CANDIDATE, answer),))
    past = Interview(f"past-{kind}", "stripe", "quick", (question,), (replace(exchange, turns=()),))
    conductor.records.interviews.add(past)
    answered = replace(past, exchanges=(exchange,), closed=True)
    conductor.records.interviews.save(past, answered, grade=[0])
    job = conductor.records.jobs.take("worker")
    assert job
    findings = {"action.risk": Finding("action.risk", state, 0.2)}
    grade = Grade(findings, {"ownership": Rating("ownership", 2, 2.0, 1.0, 3.0, ())})
    conductor.records.jobs.finish(job, "worker", TypeAdapter(Grade).dump_python(grade, mode="json"))


# What is drilled


def test_a_drill_is_a_claim_that_leaves_a_check_out_and_a_probe_for_that_check(room: DrillRoom) -> None:
    drill = room.next("stripe", "action.risk", "story")
    assert (drill.check, drill.company, drill.kind, drill.seconds) == ("action.risk", "stripe", "story", SECONDS)
    assert drill.claim.id.startswith("bank/") and drill.claim.check == "action.risk"
    assert drill.claim.question.text and drill.ask in RISKS
    assert (drill.began, drill.deadline) == (NOW, NOW + SECONDS)
    assert room.find(drill.id) == drill
    assert room.next("stripe", "action.risk", "case").ask == "What would stop you?"


def test_no_probe_of_another_company_is_asked(room: DrillRoom) -> None:
    assert {room.next("stripe", "context.goal").ask for _ in range(4)} == {"What was it for?"}
    assert {room.next("amazon", "context.goal").ask for _ in range(4)} == {
        asks for _, _, asks in PROBES["context.goal"]
    }


def test_only_what_has_a_probe_and_a_claim_can_be_drilled(room: DrillRoom) -> None:
    assert {place.check for place in room.queue("stripe")} == PROBES.keys()
    assert {place.check for place in room.queue("stripe", "case")} == {"action.risk"}
    for check, kind in (("action.tools", ""), ("result.baseline", "case"), ("nonsense", "")):
        with pytest.raises(InputError, match=r"action\.risk"):
            room.next("stripe", check, kind)
    with pytest.raises(InputError, match="story, case"):
        room.next("stripe", "", "poem")
    with pytest.raises(ContentError, match="initech"):
        room.next("initech")


def test_the_candidates_own_words_come_before_the_bank(conductor: Conductor, room: DrillRoom) -> None:
    said = "We moved all of the merchants over on one Sunday in May."
    keep_interview(conductor, said, State.NOT_MET)
    claim = room.next("amazon", "action.risk").claim
    assert (claim.text, claim.interview, claim.exchange, claim.turn) == (said, "past-story", 0, 0)
    assert claim.question.text == "Tell me about your migration."
    assert room.next("stripe", "action.risk", "case").claim.interview == ""
    assert room.next("stripe", "context.goal").claim.interview == ""
    conductor.records.interviews.remove("past-story")
    assert room.next("amazon", "action.risk").claim.interview == ""


def test_what_was_shown_in_the_interview_is_drilled_on_the_bank(conductor: Conductor, room: DrillRoom) -> None:
    keep_interview(conductor, "We moved all of the merchants over on one Sunday in May.", State.MET)
    assert room.next("stripe", "action.risk").claim.interview == ""


def test_a_probe_is_not_among_the_last_five_of_its_card(room: DrillRoom) -> None:
    asked = []
    for number in range(14):
        drill = room.next("stripe", "action.risk", "story")
        if number % 2:
            told(room, drill)
        asked.append(drill.passage)
    for at in range(len(asked)):
        assert asked[at] not in asked[max(0, at - LATELY) : at]
    assert len(set(asked)) > LATELY


def test_where_there_are_few_probes_the_one_asked_longest_ago_comes_again(room: DrillRoom) -> None:
    asked = [room.next("stripe", "result.baseline").passage for _ in range(6)]
    assert len(set(asked[:2])) == 2 and asked == asked[:2] * 3


def test_every_claim_has_its_turn_before_one_comes_again(room: DrillRoom) -> None:
    claims = [room.next("stripe", "action.risk", "story").claim.id for _ in range(6)]
    assert len(set(claims[:3])) == 3 and set(claims[3:]) == set(claims[:3])


# What comes next


def test_due_cards_come_first_and_never_the_same_check_twice_in_a_row(room: DrillRoom, clock: Clock) -> None:
    seen = []
    for _ in range(3):
        drill = room.next("stripe")
        told(room, drill, VAGUE)
        seen.append(drill.check)
        clock.now += 10
    assert set(seen) == PROBES.keys()
    assert room.next("stripe").check == seen[0]  # nothing is due: what is due next
    clock.now += 5 * MINUTE
    places = room.queue("stripe")
    assert [place.check for place in places] == seen and all(place.due for place in places)
    assert room.next("stripe").check == seen[1]  # the first of the queue was handed out last
    assert room.next("stripe").check == seen[0]
    assert all(place.due is None for place in room.queue("amazon"))


def test_a_check_that_was_missed_is_weaker_and_one_that_was_shown_is_stronger(
    conductor: Conductor, room: DrillRoom
) -> None:
    def weakness() -> float:
        return next(place.weakness for place in room.queue("stripe") if place.check == "action.risk")

    before = weakness()
    keep_interview(conductor, "We moved all of the merchants over on one Sunday.", State.NOT_MET)
    missed = weakness()
    assert missed > before
    keep_interview(conductor, "First I would look at the logs of that night.", State.MET, "case")
    assert weakness() < missed


# The reply


def test_a_reply_that_closes_the_gap_is_met_with_its_words_and_sets_the_card(
    conductor: Conductor, room: DrillRoom, scripted_model: ScriptedModel
) -> None:
    drill = room.next("stripe", "action.risk", "story")
    result = told(room, drill, f"Well. {GUARDED}")
    assert result.met and result.ease is Ease.GOOD
    assert [words.text for words in result.finding.evidence] == [GUARDED]
    assert result.check.name and result.check.advice
    (asked,) = asks_of(scripted_model)
    places = [
        asked.index(text)
        for text in (drill.claim.question.text, drill.claim.text.partition(". ")[0], drill.ask, GUARDED)
    ]
    assert places == sorted(places)
    assert list(cards(conductor)) == ["action.risk|stripe"]
    (review,) = conductor.records.drills.reviews()
    assert (review.key, review.rating, review.payload["passage"]) == ("action.risk|stripe", 3, drill.passage)
    assert room.find(drill.id) is None


@pytest.mark.parametrize(
    ("sure", "seconds", "ease"),
    [(0.95, 30, Ease.EASY), (0.8, 30, Ease.GOOD), (0.6, 30, Ease.HARD), (0.95, 91, Ease.HARD)],
)
def test_how_sure_and_how_quick_a_reply_was_sets_when_it_comes_again(
    room: DrillRoom, scripted_model: ScriptedModel, sure: float, seconds: float, ease: Ease
) -> None:
    scripted_model.reply = judging({"action.risk"}, sure)
    assert told(room, room.next("stripe", "action.risk"), seconds=seconds).ease is ease


def test_a_reply_that_leaves_the_gap_open_comes_again_soon_and_says_what_was_missing(
    room: DrillRoom, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = judging({})
    drill = room.next("stripe", "action.risk", "story")
    result = told(room, drill, VAGUE)
    assert not result.met and result.ease is Ease.AGAIN and result.finding.evidence == ()
    assert result.check.missing == shipped().rubric_for("story").check("action.risk").missing
    assert 0 < result.due.timestamp() - NOW < 15 * MINUTE
    scripted_model.reply = judging({"action.risk"}, 0.95)
    again = room.again(drill)
    assert (again.claim, again.ask, again.id == drill.id) == (drill.claim, drill.ask, False)
    assert told(room, again, seconds=30).due.timestamp() - NOW > 12 * 3600


def test_what_the_claim_shows_earns_nothing(conductor: Conductor, room: DrillRoom) -> None:
    keep_interview(conductor, GUARDED, State.NOT_MET)  # whatever the grader missed
    drill = room.next("stripe", "action.risk", "story")
    assert drill.claim.text == GUARDED
    assert not told(room, drill, VAGUE).met
    assert told(room, room.again(drill), "We had a switch ready in case errors went above two percent.").met


def test_a_check_on_which_the_models_word_has_no_weight_is_judged_without_it(
    room: DrillRoom, scripted_model: ScriptedModel
) -> None:
    met = told(room, room.next("stripe", "result.baseline"), BEFORE_AFTER)
    assert met.met and [words.text for words in met.finding.evidence] == [BEFORE_AFTER]
    assert not told(room, room.next("stripe", "result.baseline"), VAGUE).met
    assert asks_of(scripted_model) == []


def test_the_claim_and_the_probe_said_again_are_no_reply(room: DrillRoom, scripted_model: ScriptedModel) -> None:
    drill = room.next("stripe", "action.risk", "story")
    for text in (drill.ask, drill.claim.text, f"{drill.claim.text} {drill.ask}".upper()):
        result = told(room, room.again(drill), text)
        assert not result.met and result.ease is Ease.AGAIN and result.finding.note
    assert asks_of(scripted_model) == []
    assert told(room, room.again(drill), "We had a rollback ready.").met  # short, and all that is needed


@pytest.mark.parametrize("text", ["", " \n", "...", "word " * 2001, "Это был риск, и мы его приняли."])
def test_a_text_that_cannot_be_taken_is_explained_and_the_drill_stays_open(
    conductor: Conductor, room: DrillRoom, text: str
) -> None:
    drill = room.next("stripe", "action.risk")
    with pytest.raises(InputError):
        told(room, drill, text)
    assert room.find(drill.id) == drill
    assert conductor.records.drills.reviews() == []


# Once, and only what was judged


def test_a_drill_that_is_sent_twice_is_reviewed_once(
    conductor: Conductor, room: DrillRoom, scripted_model: ScriptedModel, clock: Clock
) -> None:
    drill = room.next("stripe", "action.risk")
    together = threading.Barrier(4)

    def send(_: int) -> Result:
        together.wait()
        return told(room, drill)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(send, range(4)))
    clock.now += DAY
    results += [told(room, drill, VAGUE), told(DrillRoom(conductor, clock), drill, VAGUE)]
    assert all(result == results[0] for result in results) and results[0].met
    assert len(conductor.records.drills.reviews()) == len(asks_of(scripted_model)) == 1
    assert cards(conductor)["action.risk|stripe"].due == results[0].due.isoformat(timespec="microseconds")


def test_a_reply_that_the_model_could_not_judge_schedules_nothing_and_can_be_sent_again(
    conductor: Conductor, room: DrillRoom, scripted_model: ScriptedModel, no_pause: None
) -> None:
    drill = room.next("stripe", "action.risk")
    conductor.model()
    for fault, error in ((failure(503), ModelUnavailableError), (one_token({"Perhaps": 0.9}), UnusableReplyError)):
        scripted_model.fault = lambda _, step=fault: step
        with pytest.raises(error):
            told(room, drill)
    assert (cards(conductor), conductor.records.drills.reviews()) == ({}, [])
    scripted_model.fault = lambda _: None
    assert told(room, drill).met


def test_without_a_model_there_are_drills_but_no_results(
    settings: Settings, content: Path, clock: Clock, no_pause: None
) -> None:
    away = settings.model_copy(update={"content_dir": content, "base_url": "http://127.0.0.1:9/v1"})
    conductor = Conductor(Program(away))
    room = DrillRoom(conductor, clock)
    drill = room.next("stripe", "action.risk")
    with pytest.raises(ModelUnavailableError):
        told(room, drill)
    assert (cards(conductor), conductor.records.drills.reviews()) == ({}, [])
    conductor.program.close()


def test_a_card_that_was_not_kept_with_its_review_is_mended_when_the_reply_is_sent_again(
    conductor: Conductor, room: DrillRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    drill = room.next("stripe", "action.risk")

    def full(*_: object) -> None:
        raise StorageError("Not saved: the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(conductor.records.drills, "keep", full)
        with pytest.raises(StorageError):
            told(room, drill)
    result = told(room, drill)
    assert len(conductor.records.drills.reviews()) == 1
    assert cards(conductor)["action.risk|stripe"].due == result.due.isoformat(timespec="microseconds")


def test_an_old_drill_that_is_sent_again_does_not_set_its_card_back(
    conductor: Conductor, room: DrillRoom, clock: Clock
) -> None:
    first = room.next("stripe", "action.risk")
    told(room, first)
    clock.now += DAY
    told(room, room.again(first))
    due = cards(conductor)["action.risk|stripe"].due
    told(room, first)
    assert cards(conductor)["action.risk|stripe"].due == due


def test_a_restart_forgets_neither_what_was_drilled_last_nor_what_was_asked(
    conductor: Conductor, room: DrillRoom, clock: Clock
) -> None:
    first = room.next("stripe")
    told(room, first)
    later = DrillRoom(conductor, clock)
    assert later.find(first.id) is None
    assert later.next("stripe").check != first.check
    assert later.next("stripe", first.check).passage != first.passage
