"""The embedded model's process runs out of memory, or has too little of it from the start: the program goes on."""

import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conducting import graded
from telling import ANSWER, OTHER

from simulator.conductor import Conductor
from simulator.errors import UnusableReplyError
from simulator.interview import Exchange, Next, Role, Turn
from simulator.local_model import default_path, is_present
from simulator.methods import Checkwise
from simulator.models import Lane
from simulator.program import Program
from simulator.settings import EMBEDDED, ROOT, Settings

pytestmark = pytest.mark.model
WINDOW_TOKENS = 2_048
LONG_SECONDS = 300
BYTES_TOO_FEW = 1_400_000_000
"""Less than the weights and what they are read with."""


def weights_here() -> Path:
    cache_dir = Settings().cache_dir
    if not is_present(cache_dir):
        pytest.fail("The embedded model is not on this machine: run make setup")
    return cache_dir


@pytest.fixture(scope="module")
def conductor(ready_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Conductor]:
    folder = tmp_path_factory.mktemp("memory")
    shutil.copytree(ready_index, folder / "index")
    plain = {"model": EMBEDDED, "base_url": "", "embeddings": EMBEDDED, "grading": "checkwise"}
    program = Program(
        Settings(**plain, data_dir=folder, cache_dir=weights_here(), context_tokens=WINDOW_TOKENS)  # type: ignore[arg-type]
    )
    yield Conductor(program)
    program.close()


def kept(conductor: Conductor, text: str) -> str:
    """The id of an interview with one answer, which nobody has followed up."""
    before = conductor.start("stripe", "quick", 1, kind="story")
    conductor.records.interviews.save(before, before.answer(before.id, text))
    return before.id


def wait_for(condition: Callable[[], bool], seconds: float = LONG_SECONDS) -> None:
    pause = threading.Event()
    for _ in range(int(seconds * 10)):
        if condition():
            return
        pause.wait(0.1)
    pytest.fail("it did not come to that")


def test_the_second_call_of_a_turn_reads_anew_only_what_differs_and_a_text_over_the_window_is_told(
    conductor: Conductor,
) -> None:
    model, prompts = conductor.model(), conductor.library.prompts
    question = next(one for one in conductor.library.questions if one.kind == "story")
    exchange = Exchange(question, (Turn("t1", Role.CANDIDATE, f"{ANSWER} {OTHER}"),))
    grader = conductor.grader()
    checks = [check for check in grader.rubric.checks if grader.asks(check)][:2]
    asked = [Checkwise(prompts, model).question(grader.read(exchange), check) for check in checks]
    read = []
    for messages in asked:
        used = model._chat.invoke(messages, **model._options(1, Lane.LIVE)).usage_metadata  # type: ignore[attr-defined]
        read.append(used["input_tokens"] - used["input_token_details"]["cache_read"])
    assert read[1] <= 0.5 * read[0]

    with pytest.raises(UnusableReplyError, match=r"cannot read so much at once.*SIMULATOR_CONTEXT_TOKENS"):
        model.yes_no([("user", "I moved the launch by two weeks. " * WINDOW_TOKENS)])


def test_a_model_that_gets_no_more_memory_dies_alone_and_the_grading_goes_on_with_the_next(
    conductor: Conductor,
) -> None:
    model = conductor.model()
    first = model.process_id
    assert first
    assert int(Path(f"/proc/{first}/oom_score_adj").read_text()) > int(Path("/proc/self/oom_score_adj").read_text())
    half = int(Path(f"/proc/{first}/statm").read_text().split()[0]) * resource.getpagesize() // 2
    resource.prlimit(first, resource.RLIMIT_AS, (half, half))

    interview_id = kept(conductor, ANSWER)
    conductor.finish(interview_id)
    wait_for(lambda: not model.alive)
    another = conductor.start("uber", "quick", 1, kind="story")  # meanwhile the pages go on
    assert conductor.records.interviews.find(another.id).next is Next.CANDIDATE
    wait_for(lambda: graded(conductor, interview_id))
    (job,) = conductor.records.jobs.of(interview_id)
    assert job.attempts == 2
    assert conductor.scorecard(interview_id).overall is not None
    assert conductor.model().process_id not in (None, first)


PARENT = """
import resource, sys
from pathlib import Path
from simulator import local_model
from simulator.errors import ModelUnavailableError
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]), int(sys.argv[3])))
try:
    local_model.serve(Path(sys.argv[1]), 2048, 1, Path(sys.argv[2]))
except ModelUnavailableError as error:
    print(error)
"""


def test_a_model_that_does_not_fit_is_told_with_what_it_needs_and_where_its_log_is(tmp_path: Path) -> None:
    weights, log = default_path(weights_here()), tmp_path / "model.log"
    command = [sys.executable, "-c", PARENT, str(weights), str(log), str(BYTES_TOO_FEW)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONG_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert f"The model server did not start with {weights.name}" in done.stdout
    assert f"See {log}; it needs about 2.2 GB of memory." in done.stdout
