"""The command, told by its output, its exit status and its one line of what went wrong."""

import json
import shutil
import socket
from pathlib import Path

import pytest
from commanding import ANSWER, REPLY, Runs, error, told
from conftest import ScriptedModel, shipped
from fault_server import failure

from simulator.rubric import DIMENSIONS
from simulator.settings import ROOT

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


def test_a_port_that_is_taken_is_one_line(simulator: Runs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = error(simulator("serve", "--port", port))
    assert f"Port {port} on 127.0.0.1 cannot be used" in line and f"PORT={port + 1}" in line


def test_a_setting_that_is_wrong_is_one_line(simulator: Runs) -> None:
    assert "SIMULATOR_CALL_TIMEOUT_SECONDS" in error(simulator("guides", CALL_TIMEOUT_SECONDS="soon"))


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
