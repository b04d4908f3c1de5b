"""The model's raw log-odds of yes on every check of every answer, kept in a recording.

One line an answer, keyed by a digest of every prompt that made it: nothing is asked twice, a run that was
killed goes on, and a changed prompt is asked anew.
"""

from pathlib import Path
from typing import Any

from rich.progress import track

from evals.answers import LabelledAnswer
from simulator.answer_file import LineFile
from simulator.grader import Grader
from simulator.models import ChatModel
from simulator.prompts import digest_of

FOLDER = Path(__file__).parent / "recordings"
Odds = dict[str, dict[str, float]]
"""Answer id -> check id -> log-odds."""


def collect(answers: list[LabelledAnswer], grader: Grader, model: ChatModel | None, path: Path) -> Odds:
    """The odds of these answers; without a model only from the recording, and KeyError names what lacks."""
    import json

    lines = LineFile(path)
    kept: dict[str, dict[str, float]] = {}
    if path.exists():
        kept = {one["id"]: one["odds"] for one in map(json.loads, path.read_text("utf-8").splitlines())}
    odds: Odds = {}
    for answer in track(answers, description="Asking the model", disable=model is None):
        reading = grader.read(answer.record.exchange)
        asks = {check.id: grader.question(reading, check) for check in grader.rubric.checks}
        key = digest_of(*(text for messages in asks.values() for _, text in messages))
        if key not in kept:
            if model is None:
                raise KeyError(f"no recording of {answer.record.id} with these prompts in {path.name}")
            found = {name: round(model.yes_no(messages).log_odds, 4) for name, messages in asks.items()}
            line: dict[str, Any] = {"id": key, "answer": answer.record.id, "model": model.name, "odds": found}
            lines.add(line)
            kept[key] = found
        odds[answer.record.id] = kept[key]
    return odds
