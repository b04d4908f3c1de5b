"""How content files are read: a small folder, its score rules, and a broken one, which is told in full."""

from pathlib import Path

import pytest
from small_content import SMALL, content

from simulator.errors import ContentError
from simulator.interview import Question, Segment
from simulator.library import GENERAL, load_library, read_rubric
from simulator.rubric import DIMENSIONS

# A small folder


def test_a_company_a_question_and_a_probe_are_files_and_nothing_else(tmp_path: Path) -> None:
    library = load_library(content(tmp_path))
    acme = library.company("acme")
    assert (acme.name, acme.bar, acme.minutes, acme.technical) == ("Acme", 3.1, 45, False)
    assert acme.segments == (Segment("deep dive", "story", 2400.0, "several guides"),)
    assert acme.lens == dict.fromkeys(DIMENSIONS, 1.0)
    assert acme.lens_provenance == dict.fromkeys(DIMENSIONS, "own judgement")
    assert (acme.probe_weights, acme.principles) == ({"action.risk": 1.5}, ("Ship Small",))
    persona = library.personas["acme"]
    assert persona.next_lines == ("Let's move on.", "Another topic, then.")
    assert (persona.interviewer, persona.closing) == ("Noor", "That was my last one.")
    assert library.questions[0] == Question(
        "story/off-track",
        "Tell me about a project that went off track.",
        topic="recovery",
        invites=("action.risk", "result.baseline"),
        weight=2.5,
    )
    assert library.prompts["grader/check"].render(ask="Is a risk named?") == "Is a risk named?"


def test_a_passage_takes_what_its_section_leaves_out_from_the_front_matter(tmp_path: Path) -> None:
    passages = {passage.id: passage for passage in load_library(content(tmp_path)).passages}
    probe = passages["probes/action.risk/gate"]
    assert (probe.kind, probe.check, probe.topic, probe.depth) == ("probe", "action.risk", "action", "opening")
    assert (probe.company, probe.question_kind, probe.provenance) == (GENERAL, "both", "own judgement")
    assert probe.ask == "What stood between you and a bad release?"
    assert probe.text == f"{probe.ask}\nNo gate was named.\nA gate with a limit."
    assert passages["companies/acme/pace"].company == "acme"
    assert passages["companies/acme/pace"].provenance == "several guides"


def test_a_company_is_asked_its_own_questions_and_the_general_ones_of_the_kind(tmp_path: Path) -> None:
    library = load_library(content(tmp_path))
    assert [one.id for one in library.questions_for("acme")] == ["story/off-track", "story/acme-only"]
    assert [one.id for one in library.questions_for("other")] == ["story/off-track"]
    assert [one.id for one in library.questions_for("acme", "case")] == ["story/what-if"]


def test_an_unknown_company_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="'initech'") as told:
        load_library(content(tmp_path)).company("initech")
    assert "acme" in told.value.fix


def test_the_digest_follows_the_passages(tmp_path: Path) -> None:
    first = load_library(content(tmp_path)).digest
    assert load_library(tmp_path).digest == first
    probe = SMALL["knowledge/probes/action.risk.md"].replace("a limit", "a line")
    assert load_library(content(tmp_path, **{"knowledge__probes__action.risk": probe})).digest != first


def test_a_rubric_file_gives_its_checks_and_caps(tmp_path: Path) -> None:
    rubric = load_library(content(tmp_path)).rubrics["rubrics/story"]
    criteria, anchors = ["action.risk", "result.baseline"], ["anchor.choice", "anchor.handed_on"]
    assert [check.id for check in rubric.checks] == [*criteria, *anchors, "flag.diffuse"]
    assert [check.id for check in rubric.checks if check.is_criterion] == criteria
    assert [check.id for check in rubric.checks if check.is_anchor] == anchors
    assert [check.id for check in rubric.checks if check.lowers] == ["anchor.handed_on", "flag.diffuse"]
    assert (rubric.check("action.risk").value, rubric.check("action.risk").near) == (1.2, ("result.baseline",))
    cap = rubric.caps[0]
    assert (cap.flag, cap.dimension, cap.highest, cap.unless) == ("flag.diffuse", "ownership", 2, ("action.risk",))


GRADED = {
    "another wording": ("Is a risk named?", "Is one risk named?"),
    "another cap": ("highest: 2", "highest: 1"),
    "put the other way round": ("- near: result.baseline", "- reverse: yes"),
    "an example": ("- near: result.baseline", "- like: We had a gate."),
    "cue words": ("- near: result.baseline", "- cue: gate"),
    "of the whole": ("- near: result.baseline", "- whole: yes"),
    "another dimension": ("dimension: data_use", "dimension: communication"),
    "no longer lowering": ("- lowers: yes\n", ""),
}
FOR_THE_READER = {"a value": ("value: 1.2", "value: 1.3"), "a name": ("name: A risk", "name: Risk")}


@pytest.mark.parametrize(("changes", "same"), [(GRADED, False), (FOR_THE_READER, True)])
def test_what_can_change_a_grade_makes_another_version_of_the_rubric_and_words_for_the_reader_do_not(
    changes: dict[str, tuple[str, str]], same: bool, tmp_path: Path
) -> None:
    before = SMALL["prompts/rubrics/story.md"]
    digest = load_library(content(tmp_path)).rubrics["rubrics/story"].digest
    for case, change in changes.items():
        assert change[0] in before, case
        (tmp_path / "other.md").write_text(before.replace(*change))
        assert (read_rubric(tmp_path / "other.md").digest == digest) is same, case


def test_a_rubric_of_any_folder_is_read_and_its_faults_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text(SMALL["prompts/rubrics/story.md"])
    assert read_rubric(path) == load_library(content(tmp_path / "whole")).rubrics["rubrics/story"]
    path.write_text(SMALL["prompts/rubrics/story.md"].replace("data_use", "data").replace("- name: We\n", ""))
    with pytest.raises(ContentError) as told:
        read_rubric(path)
    assert "result.baseline: dimension 'data'" in str(told.value)
    assert "flag.diffuse needs `- name:`" in str(told.value)
    for text in ("## action.risk\n", "---\nbar: 3\n---\n"):
        path.write_text(text)
        with pytest.raises(ContentError, match=r"mine\.md"):
            read_rubric(path)
    with pytest.raises(ContentError, match=r"gone\.md"):
        read_rubric(tmp_path / "gone.md")
