"""Files of answers, graded and probed by the command: what a line holds, how a run goes on, what is told."""

import json
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from commanding import ANSWER, COMMAND, Runs, answers, error, lines, told
from conftest import SHOWN, ScriptedModel, judging, shipped
from fault_server import Messages, completion, failure

from simulator.program import STORY_RUBRIC
from simulator.rubric import DIMENSIONS

RUBRIC = shipped().rubrics[STORY_RUBRIC]


def test_a_graded_line_holds_what_is_promised_and_nothing_else(
    simulator: Runs, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    scripted_model.reply = judging({*SHOWN, "flag.vanity"})
    source = answers(tmp_path / "in.jsonl", "a1")
    with source.open("a") as file:
        turns = [{"role": "candidate", "text": "Yes."}]
        file.write(json.dumps({"id": "a2", "company": "uber", "question": "Why?", "turns": turns}) + "\n")
    assert told(simulator("grade", source, "--out", "out.jsonl", "--json")) == {"written": 2, "out": "out.jsonl"}
    good, short = lines(tmp_path / "out.jsonl")
    for line in (good, short):
        keys = ["id", "findings", "flags", "scores", "overall", "band", "verdict", "reason", "provenance"]
        assert list(line) == keys
        assert set(line["findings"]) == {check.id for check in RUBRIC.checks if not check.is_flag}
        assert set(line["flags"]) == {check.id for check in RUBRIC.checks if check.is_flag}
        assert list(line["scores"]) == list(DIMENSIONS)
        assert set(line["provenance"]) == {"model", "method", "prompts", "rubric", "rule", "seconds"}
        assert (line["provenance"]["model"], line["provenance"]["method"]) == ("fake", "checkwise")
        assert line["provenance"]["seconds"] >= 0
        for key, finding in line["findings"].items():
            assert list(finding) == ["state", "probability", "evidence"]
            assert finding["state"] in ("met", "not_met") and 0 <= finding["probability"] <= 1
            if not RUBRIC.check(key).lowers:
                assert bool(finding["evidence"]) == (finding["state"] == "met")
            assert all(list(one) == ["turn", "start", "end", "text"] for one in finding["evidence"])
    assert {key for key, one in good["findings"].items() if one["state"] == "met"} == SHOWN
    (cited,) = good["findings"]["result.quantified"]["evidence"]
    assert cited["turn"] == 0
    assert ANSWER[cited["start"] : cited["end"]] == cited["text"] == "Failures fell from 4% to 1%."
    assert [name for name, met in good["flags"].items() if met] == ["flag.vanity"]
    assert all(score in (1, 2, 3, 4) for score in good["scores"].values())
    assert good["overall"] == round(sum(good["scores"].values()) / 5, 1)
    assert good["band"][0] <= good["overall"] <= good["band"][1]
    assert good["verdict"] in ("above", "below", "borderline") and good["reason"] == ""
    assert short["scores"] == dict.fromkeys(DIMENSIONS)
    assert (short["overall"], short["band"], short["verdict"]) == (None, None, "no score")
    assert short["reason"] == "only 1 words were said"


def stopped(
    how: signal.Signals, environment: dict[str, str], model: ScriptedModel, folder: Path
) -> "subprocess.CompletedProcess[bytes]":
    """`grade` of four answers, stopped by this signal while the model has the second."""
    judge, second, gone = judging(), threading.Event(), threading.Event()

    def reply(messages: Messages, parameters: dict[str, object]) -> str | float:
        if "Number two." in messages[-1]["content"] and not gone.is_set():
            second.set()
            gone.wait(120)
        return judge(messages, parameters)

    model.reply = reply
    path = answers(folder / "in.jsonl", "a1", "a2", "a3", "a4")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    records[1]["turns"][0]["text"] += " Number two."
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    command = [*COMMAND, "grade", "in.jsonl", "--out", "out.jsonl"]
    # Whoever runs the tests in the background has told the shell, and so every child, to ignore Ctrl-C.
    heeding = ["env", "--default-signal=INT"]
    with subprocess.Popen([*heeding, *command], env=environment, cwd=folder, stderr=subprocess.PIPE) as process:
        assert second.wait(120)
        process.send_signal(how)
        gone.set()
        _, stderr = process.communicate(timeout=120)
    return subprocess.CompletedProcess(command, process.returncode, b"", stderr)


def test_a_grading_killed_in_the_middle_goes_on_without_loss_or_repeat(
    simulator: Runs, environment: dict[str, str], scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    assert stopped(signal.SIGKILL, environment, scripted_model, tmp_path).returncode == -signal.SIGKILL
    kept = (tmp_path / "out.jsonl").read_text()
    assert [line["id"] for line in lines(tmp_path / "out.jsonl")] == ["a1"]
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write('{"id": "a2", "findings": {"conte')  # as if it had been killed in the middle of a line
    done = simulator("grade", "in.jsonl", "--out", "out.jsonl", "--json")
    assert told(done)["written"] == 3
    assert "1 of 4 are in out.jsonl already" in done.stderr
    assert [line["id"] for line in lines(tmp_path / "out.jsonl")] == ["a1", "a2", "a3", "a4"]
    assert (tmp_path / "out.jsonl").read_text().startswith(kept)
    scripted_model.requests.clear()
    assert told(simulator("grade", "in.jsonl", "--out", "out.jsonl", "--json"))["written"] == 0
    assert scripted_model.requests == []


def test_a_grading_that_is_interrupted_says_how_to_go_on(
    environment: dict[str, str], scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    done = stopped(signal.SIGINT, environment, scripted_model, tmp_path)
    assert done.returncode == 130
    assert done.stderr.decode() == "Stopped. Run the same command again to go on.\n"
    assert [line["id"] for line in lines(tmp_path / "out.jsonl")] == ["a1"]


def test_a_probed_line_holds_the_probe_its_check_and_its_passages(
    simulator: Runs, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    source = answers(tmp_path / "in.jsonl", "a1")
    with source.open("a") as file:
        for number, text in enumerate(("", ANSWER), 2):
            turns = [{"role": "candidate", "text": text}]
            record = {"id": f"a{number}", "company": "amazon", "question": "Why?", "turns": turns}
            file.write(json.dumps(record) + "\n")
    told(simulator("probe", source, "--out", "out.jsonl", "--json"))
    found = lines(tmp_path / "out.jsonl")
    assert [line["id"] for line in found] == ["a1", "a2", "a3"]
    for line, company in zip(found, ("stripe", "amazon", "amazon"), strict=True):
        assert list(line) == ["id", "probe", "check", "passages", "seconds"]
        assert line["probe"].endswith("?") and line["seconds"] >= 0
        assert RUBRIC.check(line["check"]).is_criterion
        passages = {passage.id: passage for passage in shipped().passages}
        assert 1 <= len(line["passages"]) <= 5
        assert all(passages[one].company in (company, "general") for one in line["passages"])
        assert all(passages[one].check == line["check"] for one in line["passages"])
        assert line["probe"].endswith(passages[line["passages"][0]].ask)


# --- what cannot be done ---------------------------------------------------------------------------------


def test_a_wrong_key_is_one_line(simulator: Runs, scripted_model: ScriptedModel, tmp_path: Path) -> None:
    scripted_model.fault = lambda request: failure(401)
    answers(tmp_path / "in.jsonl", "a1")
    line = error(simulator("grade", "in.jsonl", "--out", "out.jsonl", API_KEY="sk-canary-77"))
    assert "fake refused the key" in line and "SIMULATOR_API_KEY" in line
    assert "sk-canary" not in line
    assert not (tmp_path / "out.jsonl").exists()


def test_an_endpoint_without_log_probabilities_is_one_line_and_graded_in_one_reply_where_that_is_set(
    simulator: Runs, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    plain = completion("Yes", "length")
    scripted_model.fault = lambda request: plain if request.body.get("logprobs") else None
    answers(tmp_path / "in.jsonl", "a1")
    line = error(simulator("grade", "in.jsonl", "--out", "out.jsonl"))
    assert "fake gives no log-probabilities" in line and "SIMULATOR_GRADING=structured" in line
    assert not (tmp_path / "out.jsonl").exists()
    assert not any("response_format" in request.body for request in scripted_model.requests)
    scripted_model.requests.clear()
    assert told(simulator("grade", "in.jsonl", "--out", "out.jsonl", "--json", GRADING="structured"))["written"] == 1
    (graded,) = lines(tmp_path / "out.jsonl")
    assert graded["provenance"]["method"] == "structured"
    assert {key for key, one in graded["findings"].items() if one["state"] == "met"} == SHOWN
    assert len(scripted_model.requests) == 1


def test_an_endpoint_where_nobody_answers_is_one_line(simulator: Runs, tmp_path: Path) -> None:
    answers(tmp_path / "in.jsonl", "a1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = {"BASE_URL": f"http://127.0.0.1:{taken.getsockname()[1]}/v1", "CALL_TIMEOUT_SECONDS": "2"}
        assert "fake" in error(simulator("probe", "in.jsonl", "--out", "out.jsonl", **dead))


def test_a_model_file_that_is_missing_is_one_line(simulator: Runs, tmp_path: Path) -> None:
    answers(tmp_path / "in.jsonl", "a1")
    missing = {"MODEL": "embedded", "BASE_URL": "", "MODEL_FILE": "/none/model.gguf"}
    assert "/none/model.gguf" in error(simulator("grade", "in.jsonl", "--out", "out.jsonl", **missing))


@pytest.mark.parametrize("name", ["in.txt", "[/red].txt", "[bold]in.txt"])
def test_a_file_that_is_not_of_answers_is_one_line_that_names_it(name: str, simulator: Runs, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("Dear diary,\ntoday I cut the report.\n")
    line = error(simulator("grade", name, "--out", "out.jsonl"))
    assert name in line and "line 1" in line and "line 2" in line


def test_the_file_of_answers_cannot_be_its_own_output(simulator: Runs, tmp_path: Path) -> None:
    source = answers(tmp_path / "in.jsonl", "a1")
    before = source.read_bytes()
    assert "not an earlier output" in error(simulator("grade", "in.jsonl", "--out", "in.jsonl"))
    assert source.read_bytes() == before
