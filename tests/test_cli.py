"""The command as people and scripts run it: a process of its own, its output, its exit status, its one line."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SHOWN, ScriptedModel, judging, shipped
from fault_server import Messages, completion, failure

from simulator.conductor import STORY_RUBRIC
from simulator.rubric import DIMENSIONS
from simulator.settings import ROOT

COMMAND = [sys.executable, "-c", "from simulator.cli import main; main()"]
ANSWER = (
    "In Q2 2023 our checkout migration was three weeks behind. I ran it as the product manager. The payments team "
    "was blocked because the fraud vendor kept changing its API, so I decided to cut the loyalty points feature. "
    "Failures fell from 4% to 1%."
)
REPLY = "I told our director in the second week, because only she could move the date, and I wrote down why."
RUBRIC = shipped().rubrics[STORY_RUBRIC]
Done = subprocess.CompletedProcess[str]
Runs = Callable[..., Done]


@pytest.fixture
def simulator(environment: dict[str, str], tmp_path: Path) -> Runs:
    """Runs the command in an empty folder; keyword arguments are settings."""

    def _run(*arguments: object, **changed: str) -> Done:
        settings = environment | {f"SIMULATOR_{name}": value for name, value in changed.items()}
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(
            command, env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    return _run


def told(done: Done) -> Any:
    """What a command that went well printed as JSON."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def error(done: Done) -> str:
    """The one line of a command that could not do what it should."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def answers(path: Path, *ids: str, **changed: Any) -> Path:
    turns = [
        {"role": "candidate", "text": ANSWER},
        {"role": "interviewer", "text": "Whom did you tell?"},
        {"role": "candidate", "text": REPLY},
    ]
    plain = {"company": "stripe", "question": "Tell me about a project that went off track.", "turns": turns}
    path.write_text("".join(json.dumps({"id": one} | plain | changed) + "\n" for one in ids), "utf-8")
    return path


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# --- interviews ------------------------------------------------------------------------------------------


def test_an_interview_from_a_file_of_answers_ends_in_a_scorecard_as_json(simulator: Runs, tmp_path: Path) -> None:
    asked = "How many people does this hit, and since when?"
    (tmp_path / "told.txt").write_text("\n\n".join([ANSWER, *[REPLY] * 3, asked, *[REPLY] * 9]), "utf-8")
    card = told(simulator("interview", "--company", "stripe", "--questions", 2, "--answers", "told.txt", "--json"))
    exchanges = card["interview"]["exchanges"]
    assert card["interview"]["closed"] is True
    assert [one["question"]["kind"] for one in exchanges] == ["story", "case"]
    story, case = ([turn["act"] for turn in one["turns"]] for one in exchanges)
    assert story[:4] == ["answer", "probe", "answer", "press"] and story[::2] == ["answer"] * 4
    assert case[:4] == ["clarification", "fact", "answer", "probe"] and case[2::2] == ["answer"] * 4
    assert exchanges[0]["turns"][0]["text"] == ANSWER
    assert [one["dimension"] for one in card["scorecard"]["dimensions"]] == list(DIMENSIONS)
    assert 1 <= card["scorecard"]["overall"] <= 4
    assert card["scorecard"]["ungraded"] == []
    assert card["scorecard"]["provenance"]["model"] == "fake"


def test_when_the_answers_run_out_the_interview_is_finished_and_graded(simulator: Runs, tmp_path: Path) -> None:
    (tmp_path / "told.txt").write_text("I moved [/the launch] by two weeks [red]myself[/red], whatever it cost us")
    done = simulator("interview", "--company", "amazon", "--answers", "told.txt")
    assert done.returncode == 0, done.stderr
    assert "Dana (question 1 of 2): " in done.stderr
    assert "“I moved [/the launch] by two weeks [red]myself[/red], whatever it cost us”" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("# Amazon mock interview: scorecard\n")
    assert done.stdout.count("**You:**") == 1
    assert "### Question 2" not in done.stdout


def test_answers_that_could_not_be_graded_are_told_and_end_in_failure(
    simulator: Runs, scripted_model: ScriptedModel, tmp_path: Path
) -> None:
    (tmp_path / "told.txt").write_text(ANSWER)
    scripted_model.fault = lambda request: (
        failure(401) if any(one.body.get("stream") for one in scripted_model.requests) else None
    )
    done = simulator("interview", "--company", "amazon", "--answers", "told.txt", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["scorecard"]["ungraded"] == [0]
    assert done.stderr.splitlines()[-1].startswith("Error: Question 1 was not graded: fake refused the key.")


def test_an_answer_that_cannot_be_taken_ends_the_command_while_the_index_is_still_built(
    simulator: Runs, tmp_path: Path
) -> None:
    (tmp_path / "told.txt").write_text("word " * 2001)
    done = simulator("interview", "--answers", "told.txt", DATA_DIR=str(tmp_path / "empty"))
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Error: This answer has 2,001 words")


def test_an_interview_with_an_unknown_company_names_the_known_ones(simulator: Runs) -> None:
    line = error(simulator("interview", "--company", "initech"))
    assert all(company in line for company in ("initech", *shipped().companies))


# --- files of answers ------------------------------------------------------------------------------------


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


# --- passages and guides ---------------------------------------------------------------------------------


def test_a_search_gives_passages_with_metadata_and_none_of_another_company(simulator: Runs) -> None:
    found = told(simulator("search", "rollback plan", "--company", "stripe", "--k", 20, "--json"))
    assert len(found) == 20
    for hit in found:
        assert list(hit) == ["id", "text", "metadata", "score"]
        assert hit["metadata"]["company"] in ("stripe", "general")
        assert {"kind", "company", "topic", "question_kind", "check", "provenance"} <= hit["metadata"].keys()
    assert {hit["metadata"]["company"] for hit in found} == {"stripe", "general"}
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)


@pytest.fixture
def small_content(tmp_path: Path) -> Path:
    """Prompts and knowledge of two companies, so that an index of it is built in no time."""
    folder = tmp_path / "content"
    shutil.copytree(ROOT / "prompts", folder / "prompts", ignore=shutil.ignore_patterns("personas", "*.json"))
    (folder / "prompts" / "personas").mkdir()
    (folder / "knowledge" / "companies").mkdir(parents=True)
    for company in ("stripe", "amazon"):
        persona, described = (
            Path("prompts", "personas", f"{company}.md"),
            Path("knowledge", "companies", f"{company}.md"),
        )
        shutil.copy(ROOT / persona, folder / persona)
        (folder / described).write_text((ROOT / described).read_text("utf-8").partition("\n## ")[0] + "\n", "utf-8")
    (folder / "knowledge" / "questions").mkdir()
    question = "---\nkind: question\nquestion_kind: story\n---\n\n## late\n- topic: deadline\n\nWhat was late?\n"
    (folder / "knowledge" / "questions" / "story.md").write_text(question)
    return folder


def test_a_guide_is_added_found_by_its_company_listed_and_removed(
    simulator: Runs, small_content: Path, tmp_path: Path
) -> None:
    guide = tmp_path / "zebra.md"
    guide.write_text(
        "# Zebra rollouts\n\n" + "A zebra rollout paints every other country before the rest follows. " * 9
    )
    content = {"CONTENT_DIR": str(small_content), "DATA_DIR": str(tmp_path / "other")}
    (added,) = told(simulator("ingest", guide, "--company", "stripe", "--json", **content))
    assert (added["title"], added["new"]) == ("Zebra rollouts", True)
    assert added["passages"] >= 1
    (again,) = told(simulator("ingest", guide, "--company", "stripe", "--json", **content))
    assert (again["id"], again["new"]) == (added["id"], False)
    (listed,) = told(simulator("guides", "--json", **content))
    assert listed.keys() == {"id", "title", "company", "passages", "added"}
    assert (listed["id"], listed["company"], listed["passages"]) == (added["id"], "stripe", added["passages"])
    first = told(simulator("search", "zebra rollout", "--company", "stripe", "--json", **content))[0]
    assert first["id"].startswith(f"user/{added['id']}/")
    assert first["metadata"]["provenance"] == "user guide" and first["metadata"]["guide"] == "Zebra rollouts"
    others = told(simulator("search", "zebra rollout", "--company", "amazon", "--json", **content))
    assert others and not any(hit["id"].startswith("user/") for hit in others)
    assert "0 guides have an id that begins with 'zzz'" in error(simulator("guides", "--remove", "zzz", **content))
    assert told(simulator("guides", "--remove", added["id"][:8], "--json", **content)) == []
    left = told(simulator("search", "zebra rollout", "--company", "stripe", "--json", **content))
    assert not any(hit["id"].startswith("user/") for hit in left)


def test_a_guide_that_was_edited_takes_the_place_of_its_older_edition(
    simulator: Runs, small_content: Path, tmp_path: Path
) -> None:
    guide, content = tmp_path / "zebra.md", {"CONTENT_DIR": str(small_content), "DATA_DIR": str(tmp_path / "other")}
    stays = "A zebra rollout paints every other country before the rest follows. " * 9
    guide.write_text(f"# Zebra rollouts\n\n{stays}\n\nThe gate was a guess of forty percent.\n")
    (old,) = told(simulator("ingest", guide, "--company", "stripe", "--json", **content))
    guide.write_text(f"# Zebra rollouts\n\n{stays}\n\nThe gate was measured at nine percent.\n")
    (new,) = told(simulator("ingest", guide, "--company", "stripe", "--json", **content))
    assert (new["new"], new["replaces"]) == (True, [old["id"]])
    assert [one["id"] for one in told(simulator("guides", "--json", **content))] == [new["id"]]
    found = told(simulator("search", "the gate was", "--company", "stripe", "--k", "20", "--json", **content))
    texts = " ".join(hit["text"] for hit in found)
    assert "measured at nine percent" in texts and "guess of forty" not in texts


def test_a_guide_that_is_none_is_told_and_nothing_is_added(simulator: Runs, tmp_path: Path) -> None:
    (tmp_path / "g.md").write_bytes(b"\x00\x01\x02")
    assert "g.md" in error(simulator("ingest", "g.md"))
    assert "missing.md" in error(simulator("ingest", "missing.md"))
    assert told(simulator("guides", "--json")) == []


# --- the model -------------------------------------------------------------------------------------------


def test_the_state_of_the_model_is_told_without_loading_it(simulator: Runs, scripted_model: ScriptedModel) -> None:
    assert told(simulator("model", "status", "--json")) == {
        "model": "fake",
        "base_url": scripted_model.base_url,
        "embedded": False,
    }
    own = told(simulator("model", "status", "--json", MODEL="embedded", BASE_URL=""))
    assert own["embedded"] is True and own["present"] is False
    assert own["file"].endswith(".gguf")
    assert scripted_model.requests == []


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


def test_a_port_that_is_taken_is_one_line(simulator: Runs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = error(simulator("serve", "--port", port))
    assert f"Port {port} on 127.0.0.1 cannot be used" in line and f"PORT={port + 1}" in line


def test_a_setting_that_is_wrong_is_one_line(simulator: Runs) -> None:
    assert "SIMULATOR_CALL_TIMEOUT_SECONDS" in error(simulator("guides", CALL_TIMEOUT_SECONDS="soon"))


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


def test_a_backup_is_put_back_and_what_was_there_stays_beside_it(
    simulator: Runs, small_content: Path, tmp_path: Path
) -> None:
    guide, content = tmp_path / "zebra.md", {"CONTENT_DIR": str(small_content), "DATA_DIR": str(tmp_path / "kept")}
    guide.write_text(
        "# Zebra rollouts\n\n" + "A zebra rollout paints every other country before the rest follows. " * 9
    )
    (added,) = told(simulator("ingest", guide, "--json", **content))
    copy = tmp_path / "copy.db"
    assert told(simulator("backup", copy, "--json", **content))["out"] == str(copy)
    assert "copy.db" in error(simulator("backup", copy, **content))  # never over an existing file
    told(simulator("guides", "--remove", added["id"][:8], "--json", **content))
    restored = told(simulator("restore", copy, "--json", **content))
    assert Path(restored["aside"]).is_file()
    assert [one["id"] for one in told(simulator("guides", "--json", **content))] == [added["id"]]
    assert "zebra.md" in error(simulator("restore", guide, **content))
