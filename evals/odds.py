"""The model's raw log-odds of yes on every check of every answer, kept in a recording.

Keyed by a digest of the whole prompt: nothing is asked twice, a run that was killed goes on, and a check
whose wording or surroundings have changed is asked anew.
"""

import json
from pathlib import Path

from rich.progress import track

from evals.answers import LabelledAnswer
from simulator.answer_file import LineFile
from simulator.grader import Grader, signed
from simulator.models import ChatModel, Lane
from simulator.prompts import digest_of

FOLDER = Path(__file__).parent / "recordings"
Odds = dict[str, dict[str, float]]
"""Answer id -> check id -> log-odds that the check is met."""


def collect(answers: list[LabelledAnswer], grader: Grader, model: ChatModel | None, path: Path) -> Odds:
    """The odds of these answers. Without a model, only of those that the recording holds whole."""
    lines = LineFile(path)
    kept = _kept(path)
    odds: Odds = {}
    for answer in track(answers, description="Asking the model", disable=model is None):
        reading = grader.read(answer.record.exchange)
        asks = {check.id: grader.question(reading, check) for check in grader.rubric.checks}
        keys = {name: digest_of(*(text for _, text in messages)) for name, messages in asks.items()}
        new = {name: messages for name, messages in asks.items() if keys[name] not in kept}
        if new and model is None:
            continue
        if new and model is not None:
            found = {
                keys[name]: round(model.yes_no(messages, Lane.BACKGROUND, fresh=number == 0).log_odds, 4)
                for number, (name, messages) in enumerate(new.items())
            }
            lines.add({"id": answer.record.id, "model": model.name, "odds": found})
            kept |= found
        odds[answer.record.id] = {check.id: signed(check, kept[keys[check.id]]) for check in grader.rubric.checks}
    return odds


def _kept(path: Path) -> dict[str, float]:
    kept: dict[str, float] = {}
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            kept |= json.loads(line)["odds"]
    return kept
