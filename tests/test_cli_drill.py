"""`simulator drill` as people and scripts run it: a process of its own, what it prints, how it ends."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from conftest import ScriptedModel, judging, shipped

COMMAND = [sys.executable, "-c", "from simulator.cli import main; main()", "drill", "--company", "stripe"]
GUARDED = "The risk was double charging, so we put a limit on retries."
Done = subprocess.CompletedProcess[str]
Runs = Callable[..., Done]


@pytest.fixture
def drill(environment: dict[str, str], scripted_model: ScriptedModel) -> Runs:
    """Runs the command with this typed."""
    scripted_model.reply = judging({"action.risk"}, sure=0.95)

    def _run(typed: str, *arguments: str) -> Done:
        command = [*COMMAND, *arguments]
        return subprocess.run(
            command, env=environment, input=typed, capture_output=True, text=True, timeout=300, check=False
        )

    return _run


def test_drills_follow_one_another_until_the_input_ends(drill: Runs) -> None:
    typed = f"{GUARDED}\n\n...\n\nI can't remember anything of that kind.\n\n"
    done = drill(typed, "--check", "action.risk", "--kind", "story", "--json")
    assert done.returncode == 0, done.stderr
    met, missed = json.loads(done.stdout)
    assert (met["met"], met["evidence"], met["rating"]) == (True, [GUARDED], "easy")
    assert (missed["met"], missed["evidence"], missed["rating"]) == (False, [], "again")
    assert met["check"] == missed["check"] == "action.risk" and met["passage"] != missed["passage"]
    for text in ("Maeve: ", "Met: A risk", "Not met: A risk", "Not sent: There are no words", met["claim"], "3/10"):
        assert text in done.stderr
    assert shipped().rubric_for("story").check("action.risk").missing in done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["--check", "luck"], "result.baseline"), (["--kind", "poem"], "story, case"), (["--company", "x"], "amazon")],
)
def test_what_cannot_be_drilled_is_one_clear_line(drill: Runs, arguments: list[str], named: str) -> None:
    done = drill("", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ") and named in done.stderr and "Traceback" not in done.stderr
