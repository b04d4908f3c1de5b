"""A small content folder that is right, and how to make one that is not."""

from pathlib import Path

from simulator.rubric import DIMENSIONS

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
