"""What a page server and a worker say of themselves: over real sockets, before, during and after an interview."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from browsing import SLOW_MS, Site, finish, send
from conducting import REPLY, until
from conftest import ScriptedModel
from fault_server import Request, Step, failure
from keeping import DATABASES, answered
from playwright.sync_api import Page
from telling import ANSWER
from test_operations import counts
from test_threats_secrets import KEY, RUN, TOLD
from test_threats_socket import spoken_to

from evals.browser import free_port
from simulator import health
from simulator.errors import ConfigurationError, StorageError
from simulator.models import ChatModel
from simulator.program import Loading, Program
from simulator.records import Records
from simulator.settings import Settings

ROUTES = ("/livez", "/readyz", "/metrics")
CLOSE = "Connection: close"
CANARIES = ("wobbly zebra", "Tartu", "checkout migration", "fraud vendor", "told our director", "quokka", KEY)
FOREIGN = {
    "a name that was made to point here": ("evil.example:{port}",),
    "no name at all": ("",),
    "another page, with scripts": ("{own}", "Origin: http://evil.example"),
    "another page, without": ("{own}", "Sec-Fetch-Site: cross-site"),
    "a visitor behind a proxy": ("{own}", "X-Forwarded-For: 203.0.113.7"),
}


def asked(port: int, path: str) -> tuple[int, str]:
    """The status and the body."""
    status, got = spoken_to(port, path, f"127.0.0.1:{port}", CLOSE)
    return status, got.partition("\r\n\r\n")[2]


def readiness(port: int) -> dict[str, object]:
    status, body = asked(port, "/readyz")
    told: dict[str, object] = json.loads(body)
    assert (status == 200) is told["ready"] and status in (200, 503)
    return told


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def refuses_strangers(port: int) -> None:
    for who, (host, *headers) in FOREIGN.items():
        filled = [one.format(port=port, own=f"127.0.0.1:{port}") for one in (host, *headers)]
        for route in ROUTES:
            status, got = spoken_to(port, route, *filled, CLOSE)
            head, _, body = got.partition("\r\n\r\n")
            assert (status, body) == (403, ""), (who, route)
            assert "access-control-allow-origin" not in head.lower()


def test_the_page_server_tells_this_machine_alone_and_nothing_of_where_things_are(
    site: Site, scripted_model: ScriptedModel
) -> None:
    assert asked(site.port, "/livez") == (200, "alive\n")
    until(lambda: bool(readiness(site.port)["ready"]))
    refuses_strangers(site.port)
    shown = "".join(asked(site.port, route)[1] for route in ROUTES)
    for place in (str(site.data_dir), scripted_model.base_url, "interviews.db", "sqlite"):
        assert place not in shown
    status, got = spoken_to(site.port, "/readyz", f"localhost:{site.port}", CLOSE, method="POST")
    assert status == 405 and "ready" not in got.partition("\r\n\r\n")[2]


def test_readiness_names_what_fails_and_comes_back_with_it(site: Site, scripted_model: ScriptedModel) -> None:
    scripted_model.fault = lambda request: failure(401, TOLD)
    until(lambda: readiness(site.port)["model"] == "failed: ConfigurationError")
    assert asked(site.port, "/livez")[0] == 200
    assert readiness(site.port)["database"] == "ready"
    scripted_model.fault = lambda request: None
    until(lambda: readiness(site.port) == {"ready": True, "database": "ready", "index": "ready", "model": "ready"})
    with closing(sqlite3.connect(site.data_dir / "interviews.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert readiness(site.port) == {
            "ready": False,
            "database": "not writable",
            "index": "ready",
            "model": "ready",
        }
        assert asked(site.port, "/livez")[0] == 200
    assert readiness(site.port)["ready"]


def test_a_model_whose_server_has_ended_is_not_ready_and_is_loaded_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Program(settings)) as program:
        program.model()
        assert health.reply("/readyz", lambda: program).status == 200
        with monkeypatch.context() as ended:
            ended.setattr(ChatModel, "alive", False)
            reply = health.reply("/readyz", lambda: program)
            assert (reply.status, json.loads(reply.body)["model"]) == (503, "ended")
        until(lambda: health.reply("/readyz", lambda: program).status == 200)


def test_a_server_that_no_user_has_allowed_yet_is_ready_without_a_call_to_it(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"base_url": "http://models.example/v1"})
    with closing(Program(elsewhere)) as program:
        told = json.loads(health.reply("/readyz", lambda: program).body)
        assert (told["ready"], told["model"]) == (True, "not asked yet")
        assert program.loading is Loading.NOT_STARTED


def test_settings_that_cannot_be_used_are_told_by_their_class_alone() -> None:
    def unusable() -> Program:
        raise ConfigurationError(f"SIMULATOR_BASE_URL: {TOLD}")

    reply = health.reply("/readyz", unusable)
    assert (reply.status, json.loads(reply.body)) == (503, {"ready": False, "program": "ConfigurationError"})
    assert health.reply("/metrics", unusable).status == 200


def test_a_worker_answers_on_a_port_of_its_own(settings: Settings, environment: dict[str, str]) -> None:
    port = free_port()
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "work"]
    worker = subprocess.Popen(command, env=environment | {"SIMULATOR_METRICS_PORT": str(port)})
    try:
        until(lambda: listens(port))
        assert asked(port, "/livez") == (200, "alive\n")
        until(lambda: bool(readiness(port)["ready"]))
        shown = counts(asked(port, "/metrics")[1])
        assert shown["simulator_model_ready{}"] == 1 and shown["simulator_gradings{state=waiting}"] == 0
        assert asked(port, "/")[0] == 404
        refuses_strangers(port)
        with closing(Program(settings)) as program, pytest.raises(ConfigurationError, match="SIMULATOR_METRICS_PORT"):
            health.listen(port, program)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
    finally:
        worker.kill()


@pytest.mark.parametrize("kind", DATABASES)
def test_gradings_of_all_users_are_counted_and_a_database_that_is_gone_is_told(
    kind: str, path: Path, request: pytest.FixtureRequest
) -> None:
    place: Path | str = path if kind == "sqlite" else request.getfixturevalue("database")
    with closing(Records(place)) as records:
        for owner in ("", "anna"):
            answered(records.of(owner), grade=(0,))
        assert records.jobs.take("worker")
        assert records.jobs.counts() == records.of("anna").jobs.counts() == {"running": 1, "waiting": 1}
        records.require_writable()
        if kind == "postgresql":
            server = request.getfixturevalue("postgres")
            server.stop()
            with pytest.raises(StorageError):
                records.require_writable()
            server.start()
            records.require_writable()


def once(wanted: Callable[[Request], bool], step: Step) -> Callable[[Request], Step | None]:
    steps = [step]
    return lambda request: steps.pop() if steps and wanted(request) else None


@pytest.mark.browser
def test_an_interview_is_counted_as_it_was_held_and_its_lines_hold_together_and_hold_no_word(
    site: Site, page: Page, scripted_model: ScriptedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    site.kill()
    capfd.readouterr()
    site.start(SIMULATOR_LOG="json", SIMULATOR_API_KEY=KEY, STREAMLIT_LOGGER_LEVEL="debug")
    scripted_model.fault = once(lambda request: bool(request.body.get("stream")), failure(503, TOLD, "0"))
    page.goto(site.address)
    page.get_by_role("button", name="Start the interview").click()
    for number, words in enumerate((f"{TOLD}. {ANSWER}", REPLY), start=1):
        send(page, words)
        page.get_by_text(f"Follow-up {number}").wait_for(timeout=SLOW_MS)
    finish(page)
    page.get_by_text("Five dimensions").wait_for(timeout=SLOW_MS)
    until(lambda: counts(asked(site.port, "/metrics")[1])["simulator_gradings{state=done}"] == 1)
    text = asked(site.port, "/metrics")[1]
    shown = counts(text)
    assert {name: shown[name] for name in EXPECTED} == EXPECTED
    assert total(shown, "simulator_followup_seconds_count") == 2
    calls = total(shown, "simulator_model_call_seconds_count")
    assert calls + 1 == len([request for request in scripted_model.requests if request.messages])
    assert shown["simulator_followup_first_words_seconds_sum{}"] <= total(shown, "simulator_followup_seconds_sum")
    with closing(sqlite3.connect(site.data_dir / "interviews.db")) as database, database:
        database.execute("UPDATE turns SET passages = ?", (TOLD,))  # which nothing reads without an error
    page.reload()
    until(lambda: counts(asked(site.port, "/metrics")[1])["simulator_page_errors_total{}"] > 0)
    site.process.send_signal(signal.SIGTERM)
    assert site.process.wait(30) == 0
    _, log = capfd.readouterr()
    assert_joined(events(log), calls)
    assert not [one for one in CANARIES if one in log + text]


EXPECTED = {
    "simulator_interviews_started_total{length=quick}": 1,
    "simulator_interviews_started_total{length=again}": 0,
    "simulator_interviews_finished_total{}": 1,
    "simulator_answers_total{act=answer}": 2,
    "simulator_followup_first_words_seconds_count{}": 2,
    "simulator_turn_wait_seconds_count{}": 2,
    "simulator_turns_waiting{}": 0,
    "simulator_model_retries_total{lane=live}": 1,
    "simulator_model_load_seconds_count{outcome=ok}": 1,
    "simulator_model_ready{}": 1,
    "simulator_grading_seconds_count{outcome=ok}": 1,
    "simulator_gradings{state=waiting}": 0,
    "simulator_index_build_seconds_count{}": 0,
    "simulator_page_errors_total{}": 0,
}


def total(shown: dict[str, float], name: str) -> float:
    """Over all labels."""
    return sum(value for one, value in shown.items() if one.startswith(f"{name}{{"))


def events(log: str) -> list[dict[str, object]]:
    """The lines from the first in JSON on: all that follow are."""
    lines = [line for line in log.splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if line.startswith("{"))
    return [json.loads(line) for line in lines[first:]]


def assert_joined(lines: list[dict[str, object]], calls: float) -> None:
    named = [line for line in lines if line["event"] != "log"]
    (interview,) = {line["interview"] for line in named if "interview" in line}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", str(line["time"])) for line in lines)
    assert Counter(line["event"] for line in named)["model_call"] == calls
    answers = [line["answer"] for line in named if line["event"] == "answers"]
    assert len(set(answers)) == 2
    for answer in answers:
        joined = [line for line in named if line.get("answer") == answer]
        assert {line["interview"] for line in joined} == {interview}
        told = [line["event"] for line in joined]
        assert told[0] == "answers" and told[-2:] == ["followup_first_words", "followup"]
        assert {"turn_wait", "model_call"} <= set(told)
    (graded,) = [line for line in named if line["event"] == "grading"]
    assert (graded["interview"], graded["exchange"], graded["outcome"]) == (interview, 0, "ok")
    (broken, *_) = [line for line in named if line["event"] == "page_errors"]
    assert broken["error"] == "JSONDecodeError"


def test_a_run_with_every_log_on_writes_no_word_and_no_key_into_a_line(
    environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    log, answers = tmp_path / "all.log", tmp_path / "answers.txt"
    answers.write_text(f"{TOLD}. {ANSWER}\n\n{REPLY}", "utf-8")
    loud = {"SIMULATOR_API_KEY": KEY, "OPENAI_LOG": "debug", "SIMULATOR_LOG": "json"}
    command = [sys.executable, "-c", RUN, str(log), "interview", "--questions", "1", "--answers", str(answers)]
    done = subprocess.run(command, env=environment | loud, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith('{"')]
    loggers = {str(line.get("logger", "")).split(".")[0] for line in map(json.loads, lines)}
    assert len(lines) > 50 and {"openai", "chromadb"} & loggers
    assert not [one for one in CANARIES if one in "\n".join(lines)]


@pytest.fixture
def modules() -> Iterator[set[str]]:
    """What the page server has imported when it starts to answer."""
    code = "import sys, simulator.pages.serving; print(*sys.modules)"
    yield set(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def test_nothing_heavy_is_imported_before_the_server_answers(modules: set[str]) -> None:
    assert "simulator.pages.serving" in modules
    assert not {"prometheus_client", "sqlalchemy", "chromadb", "langchain_core", "openai", "numpy"} & modules
