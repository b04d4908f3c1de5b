"""Files of answers: every bad line is told by its number, and an output survives a stop at any byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.answer_file import LineFile, grade_line, read_answers
from simulator.errors import InputError, StorageError
from simulator.interview import Role
from simulator.rubric import DIMENSIONS, Evidence, Finding, Grade, Rating, State

COMPANIES = ("amazon", "stripe")


def record(answer_id: str = "a1", **changed: Any) -> dict[str, Any]:
    plain = {
        "id": answer_id,
        "company": "amazon",
        "question": "What was late?",
        "turns": [{"role": "candidate", "text": "The launch."}],
    }
    return plain | changed


def written(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "in.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines) + "\n", "utf-8")
    return path


def fault(folder: Path, *lines: dict[str, Any] | str) -> str:
    with pytest.raises(InputError) as caught:
        read_answers(written(folder, *lines), COMPANIES)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2_000
    return str(caught.value)


# --- reading ---------------------------------------------------------------------------------------------


def test_a_record_becomes_the_exchange_that_it_was(tmp_path: Path) -> None:
    turns = [
        {"role": "candidate", "text": "Late by e\u0301tape two.\u200b"},
        {"role": "interviewer", "text": "How late?"},
        {"role": "candidate", "text": "Three weeks."},
    ]
    labels = {"criteria": {"context.goal": True}, "scores": {"ownership": 3}, "note": "n"}
    first, second = read_answers(written(tmp_path, record(turns=turns, **labels), "", "  ", record("a2")), COMPANIES)
    assert (first.id, first.company, first.exchange.question.text) == ("a1", "amazon", "What was late?")
    assert [turn.text for turn in first.exchange.turns] == ["Late by étape two.", "How late?", "Three weeks."]
    assert [turn.role for turn in first.exchange.turns] == [Role.CANDIDATE, Role.INTERVIEWER, Role.CANDIDATE]
    assert len({turn.id for turn in (*first.exchange.turns, *second.exchange.turns)}) == 4


BAD = {
    "not JSON": ("{half", "line 2: line: Invalid JSON"),
    "plain text": ("hello", "line 2: line: Invalid JSON"),
    "a list": ([], "line 2: line: Input should be an object"),
    "no id": ({"company": "amazon", "question": "?", "turns": [{"role": "candidate", "text": "x"}]}, "line 2: id:"),
    "an empty id": (record(""), "line 2: id:"),
    "a number for an id": (record("b", id=7), "line 2: id:"),
    "no question": (record("b", question=""), "line 2: question:"),
    "no turns": (record("b", turns=[]), "line 2: turns:"),
    "turns of text": (record("b", turns=["I cut it."]), "line 2: turns.0:"),
    "an unknown role": (record("b", turns=[{"role": "assistant", "text": "x"}]), "line 2: turns.0.role:"),
    "a turn without text": (record("b", turns=[{"role": "candidate"}]), "line 2: turns.0.text:"),
    "an unknown company": (record("b", company="initech"), "line 2: company 'initech' is not one of amazon, stripe"),
    "an id that was there": (record("a1"), "line 2: id 'a1' is there twice"),
    "100,000 words": (record("b", turns=[{"role": "candidate", "text": "word " * 100_000}]), "line 2: 100,003 words"),
    "a million characters": (record("b", turns=[{"role": "candidate", "text": "x" * 1_000_000}]), "line 2: "),
    "a question without end": (record("b", question="why " * 100_000), "line 2: "),
    "100,000 nested brackets": ("[" * 100_000 + "]" * 100_000, "line 2: "),
    "nested brackets in a field": (
        json.dumps(record("b"))[:-1] + ', "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "line 2: ",
    ),
    "half a surrogate pair": ('{"id": "b", "company": "amazon", "question": "\\ud800", "turns": []}', "line 2: "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_line_is_told_by_its_number(case: str, tmp_path: Path) -> None:
    line, told = BAD[case]
    text = line if isinstance(line, str) else json.dumps(line)
    assert told in fault(tmp_path, record(), text, record("c"))


def test_all_bad_lines_are_told_at_once_up_to_five(tmp_path: Path) -> None:
    message = fault(tmp_path, record(), "{", "", record("b", company="x"), "{", "{", "{", "{", "{")
    assert all(f"line {number}:" in message for number in (2, 4, 5, 6, 7))
    assert "line 8" not in message and "(and 2 more)" in message


@pytest.mark.parametrize("content", ["", "\n\n", "   \n"], ids=["nothing", "empty lines", "blanks"])
def test_an_empty_file_is_told_as_such(content: str, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=r"in\.jsonl holds no answers"):
        read_answers(path, COMPANIES)


def test_a_file_that_is_missing_a_folder_or_no_text_is_told_with_its_name(tmp_path: Path) -> None:
    binary = tmp_path / "b.jsonl"
    binary.write_bytes(b"\xff\xfe\x00{}")
    for path, told in ((tmp_path / "none.jsonl", "No such file"), (tmp_path, "directory"), (binary, "not UTF-8")):
        with pytest.raises(InputError) as caught:
            read_answers(path, COMPANIES)
        assert str(path) in str(caught.value) and told in str(caught.value)


# --- the output ------------------------------------------------------------------------------------------

LINES = [
    {"id": "a1", "overall": 2.5},
    {"id": "ä2", "reason": "line\nend", "overall": None},
    {"id": "a3", "flags": {}},
]


def finished(path: Path) -> bytes:
    for line in LINES:
        LineFile(path).add(line)
    return path.read_bytes()


def test_every_line_is_whole_on_the_disk_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    assert LineFile(path).done == set()
    finished(path)
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == LINES
    assert LineFile(path).done == {"a1", "ä2", "a3"}


def test_a_file_cut_at_any_byte_of_its_last_line_goes_on_without_loss_or_repeat(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    whole = finished(path)
    last = whole[:-1].rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        path.write_bytes(whole[:cut])
        lines = LineFile(path)
        assert lines.done == {"a1", "ä2"}, whole[last:cut]
        assert path.read_bytes() == whole[:last]
        lines.add(LINES[2])
        assert path.read_bytes() == whole


def test_a_file_cut_at_any_byte_of_its_only_line_goes_on_too(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    line = json.dumps(LINES[0]).encode() + b"\n"
    for cut in range(len(line)):
        path.write_bytes(line[:cut])
        assert LineFile(path).done == set()
        LineFile(path).add(LINES[0])
        assert path.read_bytes() == line


OTHER_FILES = {
    "prose": b"Dear diary,\ntoday I cut the report.\n",
    "prose without a line end": b"Dear diary, today I cut the report.",
    "prose after lines of ours": b'{"id": "a1"}\nDear diary',
    "JSON of another shape": b"[1, 2]\n",
    "JSON in several lines": b'{\n  "id": "a1"\n}',
    "objects without an id": b'{"name": "x"}\n',
    "an object without an id or a line end": b'{"name": "x"}',
    "a number": b"7\n",
    "not text": b"\xff\xfe\x00\n",
    "nested too deeply": b'{"id": ' + b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_a_file_that_is_no_earlier_output_is_refused_and_left_as_it_is(case: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_bytes(OTHER_FILES[case])
    with pytest.raises(InputError, match=r"mine\.txt exists and is not an earlier output"):
        LineFile(path)
    assert path.read_bytes() == OTHER_FILES[case]


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["without a line end", "with one"])
def test_a_file_of_answers_or_of_another_command_is_no_output_of_this_one(end: bytes, tmp_path: Path) -> None:
    for other in (record(), {"id": "a1", "probe": "What was late?"}):
        path = tmp_path / "other.jsonl"
        path.write_bytes(json.dumps(other).encode() + end)
        before = path.read_bytes()
        with pytest.raises(InputError, match="not an earlier output"):
            LineFile(path, "findings")
        assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/out\.jsonl could not be written"):
        LineFile(tmp_path / "nowhere" / "out.jsonl").add(LINES[0])
    with pytest.raises(InputError, match="is not an earlier output"):
        LineFile(tmp_path)


# --- a line of `grade` -----------------------------------------------------------------------------------

ERRORS = (-0.6, -0.4, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.6)
CITED = Evidence(0, 0, 11, "The launch.")


def test_a_graded_line_has_findings_flags_and_scores_of_its_own(tmp_path: Path) -> None:
    (answer,) = read_answers(written(tmp_path, record()), COMPANIES)
    findings = {
        "context.goal": Finding("context.goal", State.MET, 0.912345, (CITED,)),
        "action.risk": Finding("action.risk", State.NOT_MET, 0.1),
        "anchor.needless": Finding("anchor.needless", State.MET, 0.7),
        "flag.vanity": Finding("flag.vanity", State.MET, 0.8),
        "flag.diffuse": Finding("flag.diffuse", State.NOT_MET, 0.2),
    }
    ratings = {name: Rating(name, 3, 3.0, 2.5, 3.5, ()) for name in DIMENSIONS}
    line = grade_line(answer, Grade(findings, ratings, "", {"model": "m"}, ERRORS), 3.0)
    assert line == {
        "id": "a1",
        "findings": {
            "context.goal": {
                "state": "met",
                "probability": 0.9123,
                "evidence": [{"turn": 0, "start": 0, "end": 11, "text": "The launch."}],
            },
            "action.risk": {"state": "not_met", "probability": 0.1, "evidence": []},
            "anchor.needless": {"state": "met", "probability": 0.7, "evidence": []},
        },
        "flags": {"flag.vanity": True, "flag.diffuse": False},
        "scores": dict.fromkeys(DIMENSIONS, 3),
        "overall": 3.0,
        "band": [2.5, 3.5],
        "verdict": "borderline",
        "reason": "",
        "provenance": {"model": "m"},
    }


def test_a_line_without_a_score_has_no_number_and_says_why(tmp_path: Path) -> None:
    (answer,) = read_answers(written(tmp_path, record()), COMPANIES)
    findings = {"context.goal": Finding("context.goal", State.NOT_ASSESSED)}
    line = grade_line(answer, Grade(findings, {}, "the model gave no usable verdict on context.goal"), 3.0)
    assert line["scores"] == dict.fromkeys(DIMENSIONS)
    assert (line["overall"], line["band"], line["verdict"]) == (None, None, "no score")
    assert line["reason"] == "the model gave no usable verdict on context.goal"
    assert line["findings"]["context.goal"] == {"state": "not_assessed", "probability": None, "evidence": []}
