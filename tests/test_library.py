"""How content files are read: a small folder, its score rules, and a broken one, which is told in full."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import shipped
from pydantic import TypeAdapter

from simulator.errors import ContentError
from simulator.interview import Question, Segment
from simulator.library import GENERAL, load_library, read_rubric
from simulator.rubric import ANY_MODEL, DIMENSIONS, Calibration, DimensionRule, ScoreRule
from simulator.settings import CHECKWISE, STRUCTURED

LENS = "".join(f"  {name}: {{weight: 1.0, provenance: own judgement}}\n" for name in DIMENSIONS)
SMALL = {
    "knowledge/companies/acme.md": f"""---
kind: company
company: acme
name: Acme
bar: 3.1
round:
  minutes: 45
  questions: 2
  segments:
    - {{name: deep dive, minutes: 40, provenance: several guides}}
lens:
{LENS}probe_weights:
  action.risk: 1.5
principles: [Ship Small]
---
## pace
- provenance: several guides

Rounds move quickly.
""",
    "knowledge/questions/story.md": """---
kind: question
question_kind: story
---
## off-track
- topic: recovery
- invites: action.risk, result.baseline
- weight: 2.5

Tell me about a project that went off track.

## acme-only
- company: acme

Tell me about a launch here.

## what-if
- question_kind: case

Your launch is in three days and the payment service is down.
""",
    "knowledge/probes/action.risk.md": """---
kind: probe
check: action.risk
topic: action
---
## gate
- depth: opening
- when: No gate was named.
- ask: What stood between you and a bad release?
- listen: A gate with a limit.
""",
    "prompts/personas/acme.md": """---
company: acme
interviewer: Noor
---
## manner
Quiet.

## greeting
Hello, I'm Noor.

## next
- Let's move on.
- Another topic, then.

## closing
- That was my last one.

## listens
For gates.
""",
    "prompts/interviewer/conduct.md": """---
id: interviewer/conduct
---
## praise
great
""",
    "prompts/grader/check.md": """---
id: grader/check
inputs: [ask]
---
{{ ask }}
""",
    "prompts/rubrics/story.md": """---
id: rubrics/story
bar: 3.0
dimensions: {ownership: Ownership}
caps:
  - {flag: flag.diffuse, dimension: ownership, highest: 2, unless: [action.risk]}
---
## action.risk
- name: A risk
- dimension: problem_solving
- ask: Is a risk named?
- near: result.baseline
- value: 1.2

## result.baseline
- name: Before and after
- dimension: data_use
- ask: Is there a before and an after?

## anchor.choice
- name: A choice
- dimension: prioritization
- ask: Is one thing put first?

## anchor.handed_on
- name: Handed on
- dimension: ownership
- lowers: yes
- ask: Did someone else decide?

## flag.diffuse
- name: We
- ask: Is it all "we"?
""",
}


def content(folder: Path, **changed: str) -> Path:
    """A small content folder; `changed` replaces or adds a file, its path with `__` for `/`."""
    for name, text in (SMALL | {path.replace("__", "/") + ".md": text for path, text in changed.items()}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def faults(folder: Path) -> str:
    with pytest.raises(ContentError) as told:
        load_library(folder)
    return str(told.value)


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


# Score rules


def rule(name: str, **changed: object) -> ScoreRule:
    """A rule that can be told by its name."""
    dimensions = dict.fromkeys(DIMENSIONS, DimensionRule(1.0, {"action.risk": 1.0}, (1.5, 2.5, 3.5), 0.5))
    plain = ScoreRule("fake", "", {}, dimensions, name, CHECKWISE, "marks@1")
    return replace(plain, **changed)  # type: ignore[arg-type]  # fields by name


def ruled(folder: Path, *rules: ScoreRule) -> str:
    """What the rule says of itself that a library with these ones takes for the model `fake`, asked check by
    check, with the sightings `marks@1`. An empty digest stands for the rubric's own."""
    library = load_library(content(folder))
    rubric = library.rubrics["rubrics/story"]
    for number, one in enumerate(rules):
        kept = replace(one, rubric=one.rubric or rubric.digest)
        path = folder / "prompts" / "rubrics" / f"story.{number}.json"
        path.write_bytes(TypeAdapter(ScoreRule).dump_json(kept))
    found = load_library(folder).rule_for(rubric, "fake", CHECKWISE, "marks@1")
    return f"{found.model}: {found.fitted_on}"


ANY = rule("of labels", model=ANY_MODEL, method="", sightings="")


def test_the_rule_of_the_model_the_method_and_the_sightings_is_taken(tmp_path: Path) -> None:
    others = [
        rule("another model", model="other"),
        rule("another method", method=STRUCTURED),
        rule("other sightings", sightings="examples@x"),
        rule("an old version", rubric="old"),
    ]
    assert ruled(tmp_path, ANY, *others, rule("own")) == "fake: own"


def test_a_rule_for_another_version_of_the_rubric_is_taken_before_that_of_no_model_and_says_so(
    tmp_path: Path,
) -> None:
    told = ruled(tmp_path, ANY, rule("an old version", rubric="old"))
    assert told == "fake: an old version, for another version of the rubric"


@pytest.mark.parametrize(
    "other",
    [
        rule("another model", model="other"),
        rule("another method", method=STRUCTURED),
        rule("other sightings", sightings="examples@x"),
        rule("of more checks", calibrations={"action.gone": Calibration()}),
    ],
    ids=lambda one: one.fitted_on,
)
def test_a_rule_for_anything_else_is_never_taken_but_that_of_no_model_or_equal_weights(
    other: ScoreRule, tmp_path: Path
) -> None:
    assert ruled(tmp_path / "a", other, ANY) == "any: of labels"
    assert ruled(tmp_path / "b", other) == "any: equal weights, not fitted"


def test_a_rule_of_no_model_for_another_version_of_the_rubric_says_so_too(tmp_path: Path) -> None:
    assert ruled(tmp_path, replace(ANY, rubric="old")) == "any: of labels, for another version of the rubric"


def test_a_rule_survives_its_file(tmp_path: Path) -> None:
    kept = rule("own", calibrations={"action.risk": Calibration(0.0, 1.0, 0.5, 2.0, 3.0)}, errors=(0.1,) * 10)
    folder = content(tmp_path)
    (folder / "prompts/rubrics/story.fake.json").write_bytes(TypeAdapter(ScoreRule).dump_json(kept))
    assert load_library(folder).rules == (kept,)


def test_every_shipped_rule_is_for_the_shipped_rubric() -> None:
    library = shipped()
    rubrics = {rubric.digest: rubric for rubric in library.rubrics.values()}
    assert {one.rubric for one in library.rules} == rubrics.keys()
    for one in library.rules:
        lowering = {check.id for check in rubrics[one.rubric].checks if check.lowers}
        assert set(one.dimensions) == set(DIMENSIONS)
        for dimension in one.dimensions.values():
            assert all(
                (weight <= 0) if check in lowering else (weight >= 0) for check, weight in dimension.weights.items()
            )
            assert list(dimension.cuts) == sorted(dimension.cuts)
        assert len(one.errors) == (0 if one.model == ANY_MODEL else 10)
        assert list(one.errors) == sorted(one.errors)
        assert all(min(c.slope, c.peak, c.mean) >= 0 for c in one.calibrations.values())


# Faults


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
