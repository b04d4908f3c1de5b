"""Faults of a content folder: all told at once, each with its file."""

from pathlib import Path

import pytest
from small_content import SMALL, content

from simulator.errors import ContentError
from simulator.library import GENERAL, load_library


def faults(folder: Path) -> str:
    with pytest.raises(ContentError) as told:
        load_library(folder)
    return str(told.value)


def test_all_faults_of_a_folder_are_listed_at_once(tmp_path: Path) -> None:
    rubric = SMALL["prompts/rubrics/story.md"]
    folder = content(
        tmp_path,
        knowledge__probes__bad="---\nkind: probe\n---\n## one\n- company: amzon\n- depth: deep\n"
        "- check: action.none\n- provenance: rumour\n- question_kind: storry\n\nText.\n\n"
        "## one\n- check: action.risk\n- depth: opening\n- ask: What?\n",
        knowledge__probes__bare="## no front matter",
        knowledge__guide__kindless="---\nkind: gide\n---\n## lost\nText.\n",
        knowledge__questions__more="---\nkind: question\nquestion_kind: story\n---\n## heavy\n- weight: heavy\n\n"
        "Tell me.\n\n## wordless\n- invites: action.gone\n",
        knowledge__companies__beta="---\nkind: company\ncompany: beta\n"
        "lens: {ownership: {weight: 1.0, provenance: own judgement}}\n"
        "probe_weights: {action.nil: 2}\n---\n",
        knowledge__companies__gamma="---\nkind: company\ncompany: gamma\nround: {minutes: long}\n---\n",
        knowledge__companies__theta="---\nkind: company\ncompany: theta\nlens: {ownership: {weight: 1.0}}\n---\n",
        prompts__personas__delta="---\ncompany: delta\ninterviewer: Al\n---\n## manner\nQuiet.\n",
        prompts__rubrics__story=rubric.replace("dimension: data_use", "dimension: data")
        .replace("flag: flag.diffuse", "flag: flag.difuse")
        .replace("near: result.baseline", "near: result.base")
        .replace("dimension: ownership", "dimension: owner")
        .replace("- name: We\n", ""),
        prompts__rubrics__other="---\nbar: 3\n---\n",
    )
    (folder / "prompts/rubrics/story.small.json").write_text('{"model": 1}')
    told = faults(folder)
    expected = [
        "probes/bad.md: one: company 'amzon'",
        "probes/bad.md: one: depth 'deep'",
        "probes/bad.md: one: check 'action.none'",
        "probes/bad.md: one: provenance 'rumour'",
        "probes/bad.md: one: kind of question 'storry'",
        "probes/bad.md: one has no `- ask:` line",
        "probes/bad/one is there twice",
        "bare.md has no front matter",
        "guide/kindless.md: kind 'gide'",
        "questions/more.md: ",
        "'heavy'",
        "questions/more.md: wordless has no text",
        "wordless: invites 'action.gone'",
        "companies/beta.md: lens 'ownership'",
        "companies/beta.md: probe weight 'action.nil'",
        "beta has no persona",
        "companies/gamma.md: ",
        "'long'",
        "companies/theta.md: 'provenance' is missing",
        "personas/delta.md: company 'delta'",
        "personas/delta.md: there is nothing under `## greeting`",
        "personas/delta.md: there is nothing under `## listens`",
        "rubrics/story.md: result.baseline: dimension 'data'",
        "rubrics/story.md: cap 'flag.difuse'",
        "rubrics/story.md: cap 'owner'",
        "rubrics/story.md: action.risk: near 'result.base'",
        "rubrics/story.md: flag.diffuse needs",
        "rubrics/other.md: ",
        "rubrics/story.small.json: not a score rule",
    ]
    missing = [fault for fault in expected if fault not in told]
    assert not missing, told


@pytest.mark.parametrize("path", sorted(SMALL))
def test_a_file_that_is_not_readable_is_a_content_fault_that_names_it(tmp_path: Path, path: str) -> None:
    folder = content(tmp_path)
    (folder / path).write_bytes(b"---\nkind: \xff\n---\n")
    assert Path(path).name in faults(folder)


@pytest.mark.parametrize("path", sorted(SMALL))
def test_a_file_with_empty_front_matter_is_told_or_harmless(tmp_path: Path, path: str) -> None:
    folder = content(tmp_path)
    (folder / path).write_text("---\n{}\n---\n", encoding="utf-8")
    try:
        load_library(folder)
    except ContentError as error:
        assert error.problem  # any other error class would be a traceback on the user's screen


def test_an_empty_folder_is_told_as_such(tmp_path: Path) -> None:
    assert "0 companies, 0 questions" in faults(tmp_path)


@pytest.mark.parametrize("company", ["acne", GENERAL])
def test_a_persona_of_no_company_is_a_fault(tmp_path: Path, company: str) -> None:
    persona = SMALL["prompts/personas/acme.md"].replace("company: acme", f"company: {company}")
    told = faults(content(tmp_path, prompts__personas__more=persona))
    assert f"personas/more.md: company '{company}'" in told
