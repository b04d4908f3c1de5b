"""What is counted and logged of the program, and what is not: words."""

import contextvars
import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from simulator.errors import ModelUnavailableError
from simulator.operations.event import exposition
from simulator.operations.events import ANSWERED, GRADED, GRADINGS, MODEL_CALLED, TURNS_WAITING
from simulator.operations.log import LOGGER, Lines, bound

STORY = "The wobbly zebra ledger of Tartu"


def counts(text: str) -> dict[str, float]:
    """Every series of a scrape, by its name and labels as they are written."""
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(one.labels.items()))
            found[f"{one.name}{{{labels}}}"] = one.value
    return found


def counted(before: dict[str, float]) -> dict[str, float]:
    """What has changed since a scrape, but for the process itself and the buckets of histograms."""
    now = counts(exposition().decode())
    changed = {name: value - before.get(name, 0) for name, value in now.items() if value != before.get(name, 0)}
    return {name: by for name, by in changed.items() if not name.startswith("process_") and "_bucket" not in name}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The JSON log of everything, however trifling."""
    written, root = io.StringIO(), logging.getLogger()
    handler, own = logging.StreamHandler(written), logging.getLogger(LOGGER)
    handler.setFormatter(Lines("json"))
    levels = root.level, own.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    own.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(levels[0])
    own.setLevel(levels[1])


def events(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_label_has_only_the_values_that_are_listed_and_a_line_has_no_text_longer_than_a_name(
    lines: io.StringIO,
) -> None:
    before = counts(exposition().decode())
    ANSWERED.happened(act="answer", interview="0f3c", characters=1_204)
    ANSWERED.happened(act=STORY, interview=STORY, characters=3)
    changed = counted(before)
    assert changed == {"simulator_answers_total{act=answer}": 1, "simulator_answers_total{act=other}": 1}
    good, withheld = events(lines)
    assert {"event": "answers", "level": "info", "interview": "0f3c", "characters": 1_204}.items() <= good.items()
    assert STORY not in lines.getvalue() + exposition().decode()
    assert withheld["interview"] == withheld["act"] == "(withheld)"


def test_what_ends_in_an_error_is_counted_under_its_class_and_logged_without_its_message(lines: io.StringIO) -> None:
    before = counts(exposition().decode())
    with pytest.raises(ModelUnavailableError), GRADED.timed(interview="0f3c", exchange=2):
        raise ModelUnavailableError(STORY)
    with MODEL_CALLED.timed(kind="stream", lane="live") as call:
        call["characters"] = 80
    name = "simulator_grading_seconds_count{outcome=ModelUnavailableError}"
    called = "simulator_model_call_seconds_count{kind=stream,lane=live,outcome=ok}"
    changed = counted(before)
    assert (changed[name], changed[called]) == (1, 1)
    failed, ended = events(lines)
    assert (failed["level"], failed["error"], failed["exchange"]) == ("warning", "ModelUnavailableError", 2)
    assert (ended["level"], ended["characters"]) == ("info", 80)
    assert STORY not in lines.getvalue()


def test_a_stream_that_its_reader_leaves_early_is_no_error() -> None:
    def stream() -> Iterator[str]:
        with MODEL_CALLED.timed(kind="stream", lane="live"):
            yield "One"
            yield "two"

    before = counts(exposition().decode())
    reader = stream()
    assert next(reader) == "One"
    reader.close()
    assert counted(before)["simulator_model_call_seconds_count{kind=stream,lane=live,outcome=ok}"] == 1


def test_a_level_rises_and_falls_and_one_that_cannot_be_told_is_not_shown() -> None:
    before = counts(exposition().decode())
    with TURNS_WAITING.raised():
        assert counted(before) == {"simulator_turns_waiting{}": 1}
    assert counted(before) == {}
    GRADINGS.stands({"waiting": 2})
    shown = counts(exposition().decode())
    assert [shown[f"simulator_gradings{{state={state}}}"] for state in GRADINGS.states] == [2, 0, 0, 0]
    GRADINGS.unknown()
    assert not [name for name in counts(exposition().decode()) if name.startswith("simulator_gradings{")]


def test_all_lines_of_one_answer_carry_its_ids_in_each_thread_that_it_starts(lines: io.StringIO) -> None:
    def elsewhere() -> None:
        MODEL_CALLED.happened(1.0, kind="stream", lane="live", outcome="ok")
        logging.getLogger("another").warning("slow")

    with bound(interview="0f3c"), bound(answer="77aa"):
        ANSWERED.happened(act="answer")
        thread = threading.Thread(target=contextvars.copy_context().run, args=(elsewhere,))
        thread.start()
        thread.join()
    ANSWERED.happened(act="answer")
    *joined, apart = events(lines)
    assert [(line["interview"], line["answer"]) for line in joined] == [("0f3c", "77aa")] * 3
    assert "interview" not in apart


def test_of_what_others_log_a_line_shows_nothing_that_was_filled_in_and_no_message_of_an_error(
    lines: io.StringIO,
) -> None:
    log = logging.getLogger("another.package")
    log.debug("Request options: %s", {"messages": [STORY]})
    log.error(ValueError(STORY))
    try:
        raise ValueError(STORY)
    except ValueError:
        log.exception("Task failed\nfuture: %s", STORY)
    sent, bare, failed = events(lines)
    assert sent["told"] == "Request options: %s"
    assert bare["told"] == "ValueError"
    assert (failed["told"], failed["error"]) == ("Task failed", "ValueError")
    assert str(failed["trace"]).startswith("test_operations.py:")
    assert STORY not in lines.getvalue()


def test_without_a_form_the_log_stays_as_it_was_and_as_text_it_is_one_line_an_event() -> None:
    assert not [one for one in logging.getLogger(LOGGER).handlers if isinstance(one, logging.StreamHandler)]
    fields = {"fields": {"act": "answer", "interview": "0f3c"}}
    record = logging.makeLogRecord({"name": LOGGER, "levelname": "INFO", "msg": "answers", "created": 0.0} | fields)
    assert Lines("text").format(record) == "1970-01-01T00:00:00.000Z INFO answers act=answer interview=0f3c"
