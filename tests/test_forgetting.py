"""What is kept of the user goes when it is told to, raw bytes included, and interviews go when they are old."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conducting import followed, graded, until
from conftest import Visit
from keeping import answered
from telling import ANSWER

from simulator.conductor import Conductor
from simulator.drills.drill import new_card
from simulator.errors import StorageError
from simulator.forgetting import forget_everything
from simulator.grading import GradingWorker
from simulator.guides import read_guide
from simulator.records import Records, interviews, new_id
from simulator.rubric import DIMENSIONS
from simulator.settings import ROOT

CANARIES = [f"canary{number:02}wren" for number in range(50)]
TODAY = datetime(2026, 6, 1, 12, tzinfo=UTC)


def found_in(*folders: Path) -> set[str]:
    """The canaries that are in the raw bytes of any file there, or in its name."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    assert files
    heaps = [file.name.encode() + file.read_bytes() for file in files]
    return {canary for canary in CANARIES if any(canary.encode() in heap for heap in heaps)}


def kept_everywhere(conductor: Conductor, folder: Path) -> None:
    """Use the program so that each canary is kept somewhere: 50 of them in all that can hold a user's words."""
    canaries = iter(CANARIES)

    def text(count: int = 1) -> str:
        return " ".join(next(canaries) for _ in range(count))

    begun = conductor.start("stripe", "quick", kind="story")
    followed(conductor.answer(begun.id, new_id(), f"{ANSWER} We called it {text(10)}."))
    conductor.finish(begun.id)
    until(lambda: graded(conductor, begun.id))
    records = conductor.records
    records.opinions.rate(begun.id, dict.fromkeys(DIMENSIONS, 3.0))
    records.opinions.contest(begun.id, 0, "context.goal", False, text(4))
    for number in range(6):
        open_one = conductor.start("meta", "quick")
        conductor.records.interviews.keep_draft(open_one.id, text())
        records.stories.save(f"s{number}", text(), {"situation": text(2)})
    records.stories.tick(text())
    card = new_card("action.risk", "stripe", TODAY)
    records.drills.keep(card.key, json.dumps({"note": text(3)}), card.due.isoformat())
    records.drills.add_review(card.key, TODAY.isoformat(), 3, {"said": text(3)})
    guide = folder / "guide.md"
    guide.write_text(f"# {text()}\n\nAsk what {text()} did in the first week of the launch.\n", encoding="utf-8")
    records.guides.add(read_guide(guide))
    conductor.index()
    settings = conductor.program.settings
    log = settings.cache_dir / "logs" / "model.log"
    log.parent.mkdir(parents=True)
    log.write_text(text(2), encoding="utf-8")
    (settings.data_dir / "interviews.before-restore-20260601.db").write_text(text(), encoding="utf-8")
    assert not list(canaries)


def test_deleting_everything_leaves_no_word_in_the_raw_files_and_the_program_goes_on(
    conductor: Conductor, data_dir: Path, tmp_path: Path
) -> None:
    kept_everywhere(conductor, tmp_path)
    assert found_in(data_dir) == set(CANARIES)
    forget_everything(conductor.program)
    assert found_in(data_dir) == set()
    assert not any(conductor.records.transfer.dump().values())
    again = conductor.start("stripe", "quick", kind="story")
    assert followed(conductor.answer(again.id, new_id(), ANSWER)).endswith("?")


def run(environment: dict[str, str], *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from simulator.cli import main; main()", *arguments]
    return subprocess.run(
        command, env=environment, input=typed, capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_terminal_deletes_everything_when_told_so_twice_while_a_page_is_open(
    conductor: Conductor, environment: dict[str, str], data_dir: Path
) -> None:
    answered(conductor.records, CANARIES[0])
    for arguments, typed in (((), ""), (("--yes",), ""), (("--all",), "n\n"), (("--all",), "")):
        assert run(environment, "forget", *arguments, typed=typed).returncode == 1
        assert found_in(data_dir) == {CANARIES[0]}
    done = run(environment, "forget", "--all", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"deleted": True}), done.stderr
    assert found_in(data_dir) == set()
    assert conductor.records.interviews.summaries() == []  # the program that was open all the while
    assert conductor.start("meta", "quick").id


def test_the_page_deletes_everything_after_asking(visiting: Callable[[str], Visit], data_dir: Path) -> None:
    records = Records(data_dir / "interviews.db")
    answered(records, CANARIES[0])
    app = visiting("progress")()
    assert any("Interviews are removed 180 days after they began" in one.value for one in app.caption)
    next(one for one in app.button if one.label == "Delete it all").click().run()
    assert not app.exception
    assert [one.value for one in app.success] == ["Everything is deleted."]
    assert records.interviews.summaries() == []
    assert found_in(data_dir) == set()
    records.close()


def test_words_that_another_program_is_reading_are_told_and_go_the_next_time(kept: Records, path: Path) -> None:
    answered(kept, CANARIES[0])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM turns").fetchone()
    answered(kept, CANARIES[1])
    with pytest.raises(StorageError, match="another program reads"):
        kept.empty()
    assert kept.interviews.summaries() == []
    reader.close()
    kept.empty()
    assert found_in(path.parent) == set()


# Retention


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Moves the clock that ages are told by on, by so many days."""

    def _later(days: int) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, zone: object = None) -> "Later":
                return cls.fromtimestamp(datetime.now(UTC).timestamp(), UTC) + timedelta(days=days)

        monkeypatch.setattr(interviews, "datetime", Later)

    return _later


def test_interviews_are_kept_for_so_many_days_and_stories_and_drills_for_ever(
    kept: Records, path: Path, later: Callable[[int], None]
) -> None:
    answered(kept, CANARIES[0])
    kept.stories.save("s1", "launch", {})
    kept.drills.add_review("action.risk|stripe", TODAY.isoformat(), 3, {})
    later(179)
    assert kept.interviews.expire(180) == 0
    assert found_in(path.parent) == {CANARIES[0]}
    later(181)
    assert kept.interviews.expire(0) == 0
    assert kept.interviews.expire(180) == 1
    assert kept.interviews.summaries() == []
    assert found_in(path.parent) == set()
    assert len(kept.stories.all()) == len(kept.drills.reviews()) == 1


def test_the_worker_removes_old_interviews_when_it_starts_and_once_a_day(
    kept: Records, later: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def worker() -> GradingWorker:
        return GradingWorker(kept, pytest.fail, lambda: False, keep_days=180)

    answered(kept)
    later(181)
    first = worker()
    first.start()
    until(lambda: kept.interviews.summaries() == [])
    answered(kept)
    later(400)
    first.wake()
    until(lambda: not first._work.is_set())
    assert len(kept.interviews.summaries()) == 1  # it has done so today
    monkeypatch.setattr("simulator.grading._today", lambda: TODAY.date())
    first.wake()
    until(lambda: kept.interviews.summaries() == [])
    first.close()
