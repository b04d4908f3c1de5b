"""Reads prompts/ and knowledge/ once, cross-checks every name and lists all faults at once.

A new company, question, probe or rubric is a file; no Python changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from simulator import markdown
from simulator.errors import ContentError
from simulator.interview import Question, Segment
from simulator.prompts import Prompt, clean, digest_of, prompt_from
from simulator.rubric import ANY_MODEL, DIMENSIONS, Cap, Check, Rubric, ScoreRule, equal_rule

GENERAL = "general"
DEPTHS = ("opening", "pressing", "challenging")
KINDS = ("story", "case", "both", "opening")
SEGMENT_KINDS = ("opening", "story", "case", "questions")
PASSAGE_KINDS = ("probe", "company", "question", "guide")
PROVENANCES = (
    "company-published",
    "several guides",
    "guide claim, unsourced",
    "contradicted",
    "own judgement",
    "user guide",
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrievable text. `text` is what is shown; `ask` is a probe's own wording, `when` the moment that it is
    for. A `plain` probe fits any answer in which its check is open; another one presupposes a scene."""

    id: str
    kind: str
    text: str
    company: str = GENERAL
    topic: str = ""
    question_kind: str = "both"
    check: str = ""
    depth: str = ""
    provenance: str = "own judgement"
    ask: str = ""
    guide: str = ""
    when: str = ""
    plain: bool = False

    @property
    def metadata(self) -> dict[str, str]:
        names = ("kind", "company", "topic", "question_kind", "check", "depth", "provenance", "ask", "guide")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Company:
    """A company's round and lens; its claims are passages."""

    id: str
    name: str
    bar: float
    minutes: float
    segments: tuple[Segment, ...]
    """The parts of the round, one a question; what is left of `minutes` after them is nobody's."""
    lens: Mapping[str, float]
    lens_provenance: Mapping[str, str]
    probe_weights: Mapping[str, float]
    principles: tuple[str, ...]
    technical: bool = False
    """Its interviewers ask for technical depth: logs, rollback, flags, caching."""


@dataclass(frozen=True, slots=True)
class Persona:
    """The interviewer of one company: how they talk, and the lines that are said as they stand."""

    company: str
    interviewer: str
    manner: str
    greeting: str
    next_lines: tuple[str, ...]
    closing: str
    listens: str
    digest: str


@dataclass(frozen=True, slots=True)
class Library:
    """All content of one folder, cross-checked."""

    companies: Mapping[str, Company]
    personas: Mapping[str, Persona]
    questions: tuple[Question, ...]
    passages: tuple[Passage, ...]
    prompts: Mapping[str, Prompt]
    rubrics: Mapping[str, Rubric]
    rules: tuple[ScoreRule, ...]
    conduct: markdown.Document
    digest: str = field(default="")

    def company(self, company_id: str) -> Company:
        """Raises ContentError for a company that no file describes."""
        if company_id not in self.companies:
            known = ", ".join(sorted(self.companies))
            raise ContentError(f"There is no company called {company_id!r}.", f"Choose one of: {known}.")
        return self.companies[company_id]

    def rubric_for(self, kind: str) -> Rubric:
        """The rubric in use for a kind of question, `rubrics/<kind>`; versions of it have other names. Raises
        ContentError where no file grades it."""
        rubric = self.rubrics.get(f"rubrics/{kind}")
        if rubric is None:
            fix = f"Add prompts/rubrics/{kind}.md."
            raise ContentError(f"No rubric grades a question of the kind {kind!r}.", fix)
        return rubric

    def rule_for(self, rubric: Rubric, model: str, method: str, sightings: str) -> ScoreRule:
        """The rule fitted for this rubric, model, method and sightings; else the nearest one, which says what it
        is: fitted for another version of the rubric, for no model in particular, or equal weights."""
        same_checks = [rule for rule in self.rules if set(rule.checks) <= {check.id for check in rubric.checks}]
        own = [r for r in same_checks if (r.model, r.method, r.sightings) == (model, method, sightings)]
        for rule in own:
            if rule.rubric == rubric.digest:
                return rule
        for rule in own:
            return _carried_over(rule)
        for rule in same_checks:
            if rule.model == ANY_MODEL:
                return rule if rule.rubric == rubric.digest else _carried_over(rule)
        return equal_rule(rubric)

    def questions_for(self, company_id: str, kind: str = "story") -> list[Question]:
        return [q for q in self.questions if q.kind == kind and q.company in (GENERAL, company_id)]


def _carried_over(rule: ScoreRule) -> ScoreRule:
    return replace(rule, fitted_on=f"{rule.fitted_on}, for another version of the rubric")


def read_rubric(path: Path) -> Rubric:
    """A rubric file of any folder. Raises ContentError listing every fault found."""
    faults = _Faults()
    document = faults.made(path, markdown.parse, path)
    rubric = faults.made(path, _rubric, document, faults) if document else None
    if rubric is None or faults.lines:
        raise ContentError("The rubric has faults:\n- " + "\n- ".join(faults.lines), "Correct them.")
    return rubric


class _Faults:
    """Collects what is wrong so that one run tells all of it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, path: Path, fault: str) -> None:
        self.lines.append(f"{path.parent.name}/{path.name}: {fault}")

    def known(self, path: Path, what: str, value: str, allowed: Iterable[str]) -> None:
        if value not in allowed:
            self.add(path, f"{what} {value!r} is not one of {', '.join(sorted(allowed))}")

    def parsed(self, folder: Path) -> list[markdown.Document]:
        """The files of a folder that can be read."""
        found = [self.made(path, markdown.parse, path) for path in sorted(folder.rglob("*.md"))]
        return [document for document in found if document]

    def made(self, path: Path, make: Callable[..., T], *values: object) -> T | None:
        """What `make` makes of the values, or None with the fault noted."""
        try:
            return make(*values)
        except ContentError as error:
            self.lines.append(error.problem)
        except KeyError as error:
            self.add(path, f"{error} is missing")
        except (AttributeError, TypeError, ValueError) as error:
            self.add(path, str(error))
        return None


def load_library(folder: Path) -> Library:
    """Read `folder`/prompts and `folder`/knowledge. Raises ContentError listing every fault found."""
    faults = _Faults()
    knowledge, prompt_files = faults.parsed(folder / "knowledge"), faults.parsed(folder / "prompts")
    rubric_files = [d for d in prompt_files if d.path.parent.name == "rubrics"]
    rubrics = {r.id: r for d in rubric_files if (r := faults.made(d.path, _rubric, d, faults))}
    check_ids = {check.id for rubric in rubrics.values() for check in rubric.checks}
    prompts = [prompt_from(d) for d in prompt_files if d.path.parent.name not in ("rubrics", "personas")]
    company_files = [d for d in knowledge if d.front.get("kind") == "company"]
    companies = {c.id: c for d in company_files if (c := faults.made(d.path, _company, d, faults, check_ids))}
    owners = {GENERAL} | {str(d.front.get("company")) for d in company_files}
    persona_files = [d for d in prompt_files if d.path.parent.name == "personas"]
    personas = [p for d in persona_files if (p := faults.made(d.path, _persona, d, faults, owners))]
    passages, questions = [], []
    for document in knowledge:
        faults.known(document.path, "kind", str(document.front.get("kind", "guide")), PASSAGE_KINDS)
        for section in document.sections:
            passage = _passage(document, section)
            passages.append(passage)
            faults.known(document.path, f"{section.slug}: company", passage.company, owners)
            faults.known(document.path, f"{section.slug}: kind of question", passage.question_kind, KINDS)
            faults.known(document.path, f"{section.slug}: provenance", passage.provenance, PROVENANCES)
            if passage.kind == "probe":
                faults.known(document.path, f"{section.slug}: check", passage.check, check_ids)
                faults.known(document.path, f"{section.slug}: depth", passage.depth, DEPTHS)
                if not passage.ask:
                    faults.add(document.path, f"{section.slug} has no `- ask:` line")
            if passage.kind == "question":
                if question := faults.made(document.path, _question, passage, section):
                    questions.append(question)
                if not section.text:
                    faults.add(document.path, f"{section.slug} has no text")
                for check in _listed(section.one("invites")):
                    faults.known(document.path, f"{section.slug}: invites", check, check_ids)
    rules = [_rule(path, faults) for path in sorted((folder / "prompts" / "rubrics").glob("*.json"))]
    _unique(faults, folder, [passage.id for passage in passages])
    for company in companies.keys() - {persona.company for persona in personas}:
        faults.lines.append(f"prompts/personas: {company} has no persona")
    conduct = [d for d in prompt_files if d.path.relative_to(folder).as_posix() == "prompts/interviewer/conduct.md"]
    if not conduct:
        faults.lines.append("prompts/interviewer: there is no conduct.md that can be read")
    if not companies or not questions or not rubrics:
        faults.lines.append(f"{folder} holds {len(companies)} companies, {len(questions)} questions")
    if faults.lines:
        raise ContentError("The content files have faults:\n- " + "\n- ".join(faults.lines), "Correct them.")
    return Library(
        companies,
        {persona.company: persona for persona in personas},
        tuple(questions),
        tuple(passages),
        {prompt.id: prompt for prompt in prompts},
        rubrics,
        tuple(rule for rule in rules if rule),
        conduct[0],
        digest_of(*(repr(passage) for passage in passages)),
    )


def _unique(faults: _Faults, folder: Path, ids: list[str]) -> None:
    for repeated in sorted({one for one in ids if ids.count(one) > 1}):
        faults.lines.append(f"{folder.name}/knowledge: the passage {repeated} is there twice")


def _passage(document: markdown.Document, section: markdown.Section) -> Passage:
    def value(key: str, default: str = "") -> str:
        return section.one(key, str(document.front.get(key, default)))

    shown = [section.one("ask"), section.one("when"), section.one("listen"), section.text]
    return Passage(
        id=f"{document.path.parent.name}/{document.path.stem}/{section.slug}",
        kind=str(document.front.get("kind", "guide")),
        text=clean("\n".join(part for part in shown if part)),
        company=value("company", GENERAL),
        topic=value("topic"),
        question_kind=value("question_kind", "both"),
        check=value("check"),
        depth=value("depth"),
        provenance=value("provenance", "own judgement"),
        ask=section.one("ask"),
        when=section.one("when"),
        plain=section.one("plain") == "yes",
    )


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _question(passage: Passage, section: markdown.Section) -> Question:
    return Question(
        id=passage.id.removeprefix("questions/"),
        text=section.text,
        kind=passage.question_kind,
        company=passage.company,
        topic=passage.topic,
        invites=_listed(section.one("invites")),
        weight=float(section.one("weight", "1.0")),
        provenance=passage.provenance,
        facts=tuple(section.fields.get("fact", ())),
    )


def _company(document: markdown.Document, faults: _Faults, check_ids: set[str]) -> Company:
    front: dict[str, Any] = document.front
    plan, lens = front.get("round") or {}, front.get("lens") or {}
    faults.known(document.path, "lens", ",".join(sorted(lens)), [",".join(sorted(DIMENSIONS))])
    for check in front.get("probe_weights") or ():
        faults.known(document.path, "probe weight", check, check_ids)
    return Company(
        id=str(front["company"]),
        name=str(front.get("name", front["company"])),
        bar=float(front.get("bar", 3.0)),
        minutes=float(plan.get("minutes", 45)),
        segments=tuple(_segments(document.path, plan.get("segments") or (), faults)),
        lens={name: float(entry["weight"]) for name, entry in lens.items()},
        lens_provenance={name: str(entry["provenance"]) for name, entry in lens.items()},
        probe_weights={check: float(weight) for check, weight in (front.get("probe_weights") or {}).items()},
        principles=tuple(front.get("principles") or ()),
        technical=bool(front.get("technical")),
    )


def _segments(path: Path, entries: Iterable[Mapping[str, Any]], faults: _Faults) -> Iterator[Segment]:
    """A part with several questions is one segment a question, of equal lengths."""
    for entry in entries:
        name, count = str(entry["name"]), int(entry.get("questions", 1))
        faults.known(path, f"segment {name}: kind", str(entry.get("kind", "story")), SEGMENT_KINDS)
        for number in range(1, count + 1):
            yield Segment(
                f"{name}, {number} of {count}" if count > 1 else name,
                str(entry.get("kind", "story")),
                60.0 * float(entry["minutes"]) / count,
                str(entry["provenance"]),
            )


def _persona(document: markdown.Document, faults: _Faults, owners: set[str]) -> Persona:
    def text(slug: str) -> str:
        found = [section.text for section in document.sections if section.slug == slug]
        if not any(found):
            faults.add(document.path, f"there is nothing under `## {slug}`")
        return "".join(found[:1])

    faults.known(document.path, "company", str(document.front["company"]), owners - {GENERAL})
    lines = [line.removeprefix("- ").strip() for line in text("next").splitlines() if line.strip()]
    return Persona(
        company=str(document.front["company"]),
        interviewer=str(document.front["interviewer"]),
        manner=text("manner"),
        greeting=text("greeting"),
        next_lines=tuple(lines),
        closing=text("closing").removeprefix("- "),
        listens=text("listens"),
        digest=digest_of(*(section.text for section in document.sections)),
    )


def _rubric(document: markdown.Document, faults: _Faults) -> Rubric:
    checks = []
    for section in document.sections:
        check = Check(
            id=section.slug,
            name=section.one("name"),
            ask=section.one("ask"),
            dimension=section.one("dimension"),
            missing=section.one("missing"),
            advice=section.one("advice"),
            value=float(section.one("value", "1.0")),
            cue=section.one("cue"),
            like=tuple(section.fields.get("like", ())),
            whole=section.one("whole") == "yes",
            reverse=section.one("reverse") == "yes",
            lowers=section.slug.startswith("flag.") or section.one("lowers") == "yes",
            near=_listed(section.one("near")),
            blank=section.one("blank"),
        )
        if not check.ask or not check.name:
            faults.add(document.path, f"{section.slug} needs `- name:` and `- ask:`")
        if not check.is_flag:
            faults.known(document.path, f"{section.slug}: dimension", check.dimension, DIMENSIONS)
        checks.append(check)
    caps = tuple(
        Cap(str(cap["flag"]), str(cap["dimension"]), int(cap["highest"]), tuple(cap.get("unless") or ()))
        for cap in document.front.get("caps") or ()
    )
    ids = [check.id for check in checks]
    for cap in caps:
        faults.known(document.path, "cap", cap.dimension, DIMENSIONS)
        for name in (cap.flag, *cap.unless):
            faults.known(document.path, "cap", name, ids)
    for check in checks:
        for name in check.near:
            faults.known(document.path, f"{check.id}: near", name, ids)
    return Rubric(
        str(document.front["id"]),
        digest_of(*(repr(_graded_by(check)) for check in checks), repr(caps)),
        tuple(checks),
        caps,
        float(document.front.get("bar", 3.0)),
        dict(document.front.get("dimensions") or {}),
        str(document.front.get("question_kind", "story")),
    )


def _graded_by(check: Check) -> tuple[object, ...]:
    """All of a check that can change a grade; the words for the reader cannot."""
    return check.id, check.ask, check.reverse, check.dimension, check.lowers, check.whole, check.cue, check.like


def _rule(path: Path, faults: _Faults) -> ScoreRule | None:
    try:
        return TypeAdapter(ScoreRule).validate_json(path.read_bytes())
    except ValidationError as error:
        faults.add(path, f"not a score rule ({error.error_count()} faults)")
        return None
