"""Replies that are kept: never asked twice, not even by a run that was killed, and never made up."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from conftest import ScriptedModel, shipped, structured
from fault_server import Messages, one_token, refusal
from langchain_core.embeddings import Embeddings
from pydantic import BaseModel

from evals.held import SecondTake
from evals.journal import RECORDINGS, Journal, KeptEmbeddings, MissingRecordingError, recording_of
from simulator.errors import InputError, ModelRefusedError, ModelUnavailableError, UnusableReplyError
from simulator.interview import Exchange, Question, Role, Turn
from simulator.methods import Checkwise, Judge, Structured, Verdicts, read
from simulator.models import ChatModel, Lane, Message, Typed, YesNo, open_model
from simulator.program import STORY_RUBRIC
from simulator.settings import ROOT, Settings

RUBRIC = shipped().rubrics[STORY_RUBRIC]
PROMPTS = shipped().prompts
CHECKS = RUBRIC.checks[:3]
EXCHANGE = Exchange(
    Question("q1", "What was late?"), (Turn("t1", Role.CANDIDATE, "The refunds were late. I cut the report."),)
)
READING = read(PROMPTS, EXCHANGE)
SECONDS = 120


@pytest.fixture
def model(scripted_model: ScriptedModel) -> ChatModel:
    return open_model(
        Settings(_env_file=None, model="fake", base_url=scripted_model.base_url, call_timeout_seconds=60)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "recordings" / "fake.jsonl"


def asking(number: int, words: str = "An answer.") -> list[Message]:
    return [("system", "You listen."), ("user", f"{words}\n\nCheck {number}? Yes or No?")]


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# --- looked up -------------------------------------------------------------------------------------------


def test_what_was_asked_once_is_never_asked_again_and_says_the_same(
    path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = lambda messages, parameters: 0.7312345
    journal = Journal(path, "fake", model)
    first = journal.yes_no(asking(1))
    assert (journal.asked, journal.replayed) == (1, 0) and journal.seconds > 0
    assert journal.yes_no(asking(1)) == first
    replayed = Journal(path, "fake")
    assert replayed.yes_no(asking(1)) == first
    assert (journal.asked, journal.replayed, replayed.asked, replayed.replayed) == (1, 1, 0, 1)
    assert replayed.seconds == 0
    assert len(scripted_model.requests) == len(lines(path)) == 1
    assert first.log_odds == pytest.approx(1.0009, abs=1e-3) and first.mass == 1


def test_a_typed_reply_is_kept_as_it_was(path: Path, model: ChatModel, scripted_model: ScriptedModel) -> None:
    said = structured({"context.goal": (True, "The naïve “refunds”\nwere late — 6 %")})
    scripted_model.reply = lambda messages, parameters: said
    first = Journal(path, "fake", model).typed(asking(1), Verdicts)
    assert json.loads(first.model_dump_json()) == json.loads(said)
    assert Journal(path, "fake").typed(asking(1), Verdicts) == first
    assert len(scripted_model.requests) == 1


def test_a_second_take_is_asked_for_anew_and_kept_beside_the_first(
    path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    chances = iter((0.9, 0.2))
    scripted_model.reply = lambda messages, parameters: next(chances)
    journal = Journal(path, "fake", model)
    first, second = journal.yes_no(asking(1)), SecondTake(journal).yes_no(asking(1), fresh=True)
    assert first.log_odds > 0 > second.log_odds
    replayed = Journal(path, "fake")
    assert (replayed.yes_no(asking(1)), SecondTake(replayed).yes_no(asking(1))) == (first, second)
    assert len(scripted_model.requests) == 2


class Other(BaseModel):
    """Another form of reply."""

    verdicts: list[str]


def test_another_prompt_model_role_or_form_of_reply_is_another_question(
    path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = lambda messages, parameters: 0.9
    Journal(path, "fake", model).yes_no(asking(1, "x"))
    scripted_model.reply = lambda messages, parameters: '{"verdicts": []}'
    Journal(path, "fake", model).typed(asking(1, "x"), Verdicts)
    replayed = Journal(path, "fake")
    roles = [("user", "You listen."), ("system", asking(1, "x")[1][1])]
    for other in (asking(2, "x"), asking(1, "y"), asking(1, "x")[1:], roles):
        with pytest.raises(MissingRecordingError):
            replayed.yes_no(other)
    with pytest.raises(MissingRecordingError):
        replayed.typed(asking(1, "x"), Other)
    with pytest.raises(MissingRecordingError):
        Journal(path, "another model").yes_no(asking(1, "x"))
    assert replayed.replayed == 0


class Speaking:
    """Says these pieces; may break off at the end."""

    name = "fake"

    def __init__(self, *pieces: str, end: Exception | None = None) -> None:
        self.pieces, self.end = pieces, end

    def stream(self, messages: Sequence[Message], max_tokens: int, lane: Lane = Lane.LIVE) -> Iterator[str]:
        yield from self.pieces
        if self.end:
            raise self.end


def speaking(path: Path, *pieces: str, end: Exception | None = None) -> Journal:
    return Journal(path, "fake", cast(Judge, Speaking(*pieces, end=end)))


def test_what_was_said_is_said_again_and_only_for_the_same_words_and_length(path: Path) -> None:
    said = speaking(path, "Who ", "paid", "?").stream(asking(1), 40)
    assert list(said) == ["Who ", "paid", "?"]
    replayed = Journal(path, "fake")
    assert "".join(replayed.stream(asking(1), 40)) == "Who paid?"
    for other in (replayed.stream(asking(2), 40), replayed.stream(asking(1), 41)):
        with pytest.raises(MissingRecordingError):
            next(other)


def test_of_a_reply_that_nobody_hears_to_its_end_what_was_heard_is_kept(path: Path) -> None:
    said = speaking(path, "Who paid?", " And ", "when?").stream(asking(1), 40)
    assert next(said) == "Who paid?"
    said.close()  # type: ignore[attr-defined]  # a generator, as the listener has it
    assert "".join(Journal(path, "fake").stream(asking(1), 40)) == "Who paid?"


@pytest.mark.parametrize("end", [UnusableReplyError("It was cut."), ModelRefusedError("It declined.")])
def test_a_spoken_reply_that_is_of_no_use_is_of_none_the_next_time(path: Path, end: Exception) -> None:
    for model in (Speaking("Who ", end=end), None):
        heard = Journal(path, "fake", cast(Judge, model)).stream(asking(1), 40)
        assert next(heard) == "Who "
        with pytest.raises((UnusableReplyError, ModelRefusedError), match="It"):
            next(heard)


def test_a_spoken_reply_that_an_outage_broke_off_is_asked_for_again(path: Path) -> None:
    with pytest.raises(ModelUnavailableError):
        list(speaking(path, "Who ", end=ModelUnavailableError("It is gone.", "")).stream(asking(1), 40))
    assert list(speaking(path, "Why?").stream(asking(1), 40)) == ["Why?"]


# --- replays ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Checkwise, Structured])
def test_a_replay_without_a_model_gives_the_same_verdicts_until_a_prompt_changes(
    kind: type[Checkwise] | type[Structured], path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    recorded = list(kind(PROMPTS, Journal(path, "fake", model)).verdicts(READING, CHECKS, Lane.BACKGROUND))
    before = path.read_bytes()
    scripted_model.requests.clear()
    assert list(kind(PROMPTS, Journal(path, "fake")).verdicts(READING, CHECKS, Lane.BACKGROUND)) == recorded
    name = "grader/check" if kind is Checkwise else "grader/structured"
    changed = {**PROMPTS, name: replace(PROMPTS[name], template=PROMPTS[name].template + " Please.")}
    journal = Journal(path, "fake")
    with pytest.raises(MissingRecordingError, match="Please") as told:
        list(kind(changed, journal).verdicts(READING, CHECKS, Lane.BACKGROUND))
    assert "python -m evals record" in told.value.fix
    for part in ("another question", "another answer"):
        asked = EXCHANGE.question if part == "another answer" else Question("q2", "What was early?")
        turns = EXCHANGE.turns if part == "another question" else (Turn("t1", Role.CANDIDATE, "All was well."),)
        with pytest.raises(MissingRecordingError):
            list(kind(PROMPTS, journal).verdicts(read(PROMPTS, Exchange(asked, turns)), CHECKS, Lane.BACKGROUND))
    assert scripted_model.requests == [] and path.read_bytes() == before


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(one_token({"Perhaps": 1.0}), UnusableReplyError), (refusal(), ModelRefusedError)],
    ids=["neither word", "refusal"],
)
def test_a_reply_that_is_none_is_not_kept_and_asked_for_again(
    fault: object, kind: type[Exception], path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    scripted_model.fault = lambda request: fault  # type: ignore[assignment,return-value]  # a step of the server
    journal = Journal(path, "fake", model)
    with pytest.raises(kind):
        journal.yes_no(asking(1))
    assert not path.exists() or lines(path) == []
    scripted_model.fault = lambda request: None
    scripted_model.reply = lambda messages, parameters: 0.9
    assert journal.yes_no(asking(1)).log_odds > 2
    assert len(lines(path)) == 1


# --- further recordings ----------------------------------------------------------------------------------


def test_further_recordings_are_looked_up_and_never_written_to(
    path: Path, tmp_path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    scripted_model.reply = lambda messages, parameters: 0.8
    committed = tmp_path / "committed.jsonl"
    first = Journal(committed, "fake", model).yes_no(asking(1))
    before, written = committed.read_bytes(), committed.stat().st_mtime_ns
    scripted_model.reply = lambda messages, parameters: 0.2
    journal = Journal(path, "fake", model, also=[committed, tmp_path / "gone.jsonl"])
    assert journal.yes_no(asking(1)) == first
    assert journal.yes_no(asking(2)) != first
    assert (journal.asked, journal.replayed) == (1, 1)
    assert (committed.read_bytes(), committed.stat().st_mtime_ns) == (before, written)
    assert not (tmp_path / "gone.jsonl").exists()
    assert len(lines(path)) == 1
    again = Journal(path, "fake", also=[committed])
    assert [again.yes_no(asking(number)).log_odds > 0 for number in (1, 2)] == [True, False]


def test_a_recording_that_is_cut_off_or_somebody_else_s_is_told_and_left_as_it_is(
    path: Path, tmp_path: Path, model: ChatModel, scripted_model: ScriptedModel
) -> None:
    other = tmp_path / "other.jsonl"
    for content in (b'{"id": "a", "odds": 1.0, "sec', b"Dear diary\n", b"[1]\n", b'{"odds": 1}\n', b"\xff\xfe\n"):
        other.write_bytes(content)
        with pytest.raises(InputError, match=r"other\.jsonl"):
            Journal(path, "fake", model, also=[other])
        assert other.read_bytes() == content
    other.write_bytes(b"Dear diary\n")
    with pytest.raises(InputError, match=r"other\.jsonl"):
        Journal(other, "fake", model)
    assert other.read_bytes() == b"Dear diary\n"


def test_a_recording_has_the_model_s_name_and_stays_in_its_folder() -> None:
    assert recording_of("qwen2.5-coder-1.5b-instruct-q4_k_m").name == "qwen2.5-coder-1.5b-instruct-q4_k_m.jsonl"
    for name in ("openai:gpt-x", "org/model", "../../etc/passwd", "a b"):
        found = recording_of(name)
        assert found.parent == RECORDINGS and found.resolve().parent == RECORDINGS.resolve()


# --- a run that was killed -------------------------------------------------------------------------------

_RUN = """
import sys
from pathlib import Path
from evals.journal import Journal
from simulator.models import open_model
from simulator.settings import Settings

model = open_model(Settings(_env_file=None, model="fake", base_url=sys.argv[2], call_timeout_seconds=60))
journal = Journal(Path(sys.argv[1]), "fake", model)
for number in range(int(sys.argv[3])):
    journal.yes_no([("system", "You listen."), ("user", f"An answer.\\n\\nCheck {number}? Yes or No?")])
print(journal.asked, journal.replayed)
"""
ALL = 40


def number_of(messages: Messages) -> int:
    return int(str(messages[-1]["content"]).rpartition("Check ")[2].partition("?")[0])


def run(path: Path, model: ScriptedModel, environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _RUN, str(path), model.base_url, str(ALL)]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_run_that_was_killed_goes_on_and_repeats_no_call(
    path: Path, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    reached, gone = threading.Event(), threading.Event()

    def reply(messages: Messages, parameters: dict[str, object]) -> float:
        if number_of(messages) == 17 and not gone.is_set():
            reached.set()
            gone.wait(SECONDS)
        return 0.05 + 0.02 * number_of(messages)

    scripted_model.reply = reply
    with run(path, scripted_model, environment) as process:
        assert reached.wait(SECONDS)
        process.send_signal(signal.SIGKILL)
        process.wait(SECONDS)
        gone.set()
    assert process.returncode == -signal.SIGKILL
    kept = path.read_bytes()
    assert len(lines(path)) == 17  # all that was answered
    with path.open("ab") as file:
        file.write(b'{"id": "4f0a11", "odds": 1.2')  # as if it had been killed in the middle of a line
    with run(path, scripted_model, environment) as process:
        assert process.communicate(timeout=SECONDS)[0].split() == [str(ALL - 17), "17"]
    assert path.read_bytes().startswith(kept)
    asked = Counter(number_of(request.messages) for request in scripted_model.requests)
    assert asked == {number: 1 for number in range(ALL)} | {17: 2}  # the one that had no reply yet
    assert len({line["id"] for line in lines(path)}) == len(lines(path)) == ALL
    scripted_model.requests.clear()
    replayed = Journal(path, "fake")
    shares = [1 / (1 + np.exp(-replayed.yes_no(asking(number)).log_odds)) for number in range(ALL)]
    assert shares == pytest.approx([0.05 + 0.02 * number for number in range(ALL)], abs=1e-3)
    assert scripted_model.requests == []


class Noting:
    """A judge that notes what it was asked anew."""

    name = "fake"

    def __init__(self) -> None:
        self.fresh: list[bool] = []

    def yes_no(self, messages: Sequence[Message], lane: Lane = Lane.LIVE, *, fresh: bool = False) -> YesNo:
        self.fresh.append(fresh)
        return YesNo(1.0, 1.0)

    def typed(self, messages: Sequence[Message], kind: type[Typed], lane: Lane = Lane.LIVE) -> Typed:
        raise AssertionError("only yes or no is asked here")


def test_a_run_that_goes_on_in_the_middle_of_an_answer_reads_it_anew_once(path: Path) -> None:
    judge = Noting()
    list(Checkwise(PROMPTS, Journal(path, "fake", judge)).verdicts(READING, CHECKS[:2], Lane.LIVE, fresh=True))
    assert judge.fresh == [True, False]
    judge.fresh.clear()
    list(Checkwise(PROMPTS, Journal(path, "fake", judge)).verdicts(READING, RUBRIC.checks[:5], Lane.LIVE, fresh=True))
    assert judge.fresh == [True, False, False]


def test_many_at_once_keep_every_reply_on_a_line_of_its_own(path: Path) -> None:
    journal = Journal(path, "fake", Noting())

    def ask(part: int) -> None:
        for number in range(part * 25, part * 25 + 25):
            journal.yes_no(asking(number))

    threads = [threading.Thread(target=ask, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert journal.asked == len({line["id"] for line in lines(path)}) == len(lines(path)) == 200


# --- embeddings ------------------------------------------------------------------------------------------


class Counted(Embeddings):
    """Vectors that tell a text's letters, and the texts that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [[float(len(text)), float(text.count("a"))] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_vectors_are_asked_for_once_also_from_run_to_run(tmp_path: Path) -> None:
    source, path = Counted(), tmp_path / "cache" / "vectors.npz"
    kept = KeptEmbeddings(source, path)
    first = np.array(kept.embed_documents(["banana", "kiwi", "banana", ""]))
    np.testing.assert_array_equal(first, [[6, 3], [4, 0], [6, 3], [0, 0]])
    np.testing.assert_array_equal(kept.embed_query("kiwi"), [4, 0])
    assert source.asked == ["banana", "kiwi", ""]
    kept.save()
    again = KeptEmbeddings(Counted(), path)
    np.testing.assert_array_equal(np.array(again.embed_documents(["", "banana"])), [[0, 0], [6, 3]])
    written = path.stat().st_mtime_ns
    again.save()
    assert path.stat().st_mtime_ns == written  # nothing came new


def test_a_store_of_vectors_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    kept = KeptEmbeddings(Counted(), path)
    kept.embed_documents(["banana"])
    kept.save()
    for content in (b"", path.read_bytes()[:-30]):  # a run was killed while it wrote
        path.write_bytes(content)
        again = KeptEmbeddings(Counted(), path)
        np.testing.assert_array_equal(np.array(again.embed_documents(["banana"])), [[6, 3]])
