"""The labelled answers: records of the labelling guideline, with the scores and criteria they were given."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from simulator.answer_file import AnswerRecord, read_answers

FOLDER = Path(__file__).parent / "datasets" / "answers"


class _Labels(BaseModel):
    id: str
    criteria: dict[str, bool]
    flags: dict[str, bool]
    scores: dict[str, int]


@dataclass(frozen=True, slots=True)
class LabelledAnswer:
    """One answer with its gold labels: `checks` holds criteria and flags, `scores` the five dimensions."""

    record: AnswerRecord
    checks: dict[str, bool]
    scores: dict[str, int]


def labelled(split: str, companies: list[str]) -> list[LabelledAnswer]:
    """All answers of `train` or `dev`."""
    path = FOLDER / f"{split}.jsonl"
    labels = TypeAdapter(_Labels)
    by_id = {
        one.id: one
        for one in (labels.validate_json(line) for line in path.read_text(encoding="utf-8").splitlines() if line)
    }
    return [
        LabelledAnswer(record, by_id[record.id].criteria | by_id[record.id].flags, by_id[record.id].scores)
        for record in read_answers(path, companies)
    ]
