"""The one path with nothing scripted: the real embedded model, from the command line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.local_model import FILE_NAME, is_present
from simulator.rubric import DIMENSIONS
from simulator.settings import Settings

ANSWERS = """\
In March 2024 our refund migration was two weeks behind. I was the product manager. I read the error log with an \
engineer and we found that a partner's time-out caused most of the failed refunds. I cut the new report, because it \
saved nobody money that quarter, and moved one engineer to the retry queue. Failed refunds fell from 6% to 0.8% in \
three weeks.

I told our finance director on the Monday, when eight days were left and the partner had not answered, because only \
she could hold the invoice back."""


@pytest.mark.model
def test_an_interview_with_the_embedded_model_ends_in_a_scorecard_with_verbatim_evidence(tmp_path: Path) -> None:
    if not is_present(Settings().cache_dir):
        pytest.fail("The embedded model is not there: run `make setup`.")
    answers = tmp_path / "answers.txt"
    answers.write_text(ANSWERS, "utf-8")
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "interview", "--company", "amazon"]
    command += ["--questions", "1", "--answers", str(answers), "--json"]
    environment = os.environ | {"SIMULATOR_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    card, turns = told["scorecard"], told["interview"]["exchanges"][0]["turns"]
    assert [one["dimension"] for one in card["dimensions"]] == list(DIMENSIONS)
    assert all(1 <= one["low"] <= one["score"] <= one["high"] <= 4 for one in card["dimensions"])
    name = FILE_NAME.removesuffix(".gguf")
    assert (card["provenance"]["model"], card["provenance"]["method"]) == (name, "checkwise")
    assert card["provenance"]["rule"].startswith(name)  # the rule that was fitted for it
    assert 0 <= card["firmness"] <= 10
    probe = turns[1]
    assert probe["role"] == "interviewer" and probe["check"] and probe["passages"]
    assert probe["text"].endswith("?") and len(probe["text"].split()) <= 60
    cited = [words for one in card["shown"] for words in one["evidence"]]
    assert cited
    assert all(turns[words["turn"]]["text"][words["start"] : words["end"]] == words["text"] for words in cited)
    assert all(turns[words["turn"]]["role"] == "candidate" for words in cited)
