"""What the processes acknowledged, held against what is in the file."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulator.records import Records
from soak.tally import Tally

_AUDIT = """
CREATE TABLE audit (interview, exchange, token);
CREATE TRIGGER first_grade AFTER INSERT ON grades BEGIN
    INSERT INTO audit VALUES (new.interview, new.exchange, json_extract(new.grade, '$.token'));
END;
CREATE TRIGGER second_grade AFTER UPDATE ON grades BEGIN
    INSERT INTO audit VALUES (new.interview, new.exchange, json_extract(new.grade, '$.token'));
END;
"""


def audited(path: Path) -> Path:
    """A new file in which SQLite itself notes every grade that is ever written."""
    Records(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_AUDIT)
    return path


@dataclass(slots=True)
class History:
    """All that was acknowledged on one file."""

    opened: set[str] = field(default_factory=set)
    answers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Interview and text by turn."""
    drafts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The turn it becomes and its text, by interview: the last one."""
    grades: list[tuple[str, int, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, told: tuple[Any, ...]) -> None:
        match told:
            case ("opened", interview):
                self.opened.add(interview)
            case ("draft", interview, turn, text):
                self.drafts[interview] = (turn, text)
            case ("answered", interview, turn, text):
                self.answers[turn] = (interview, text)
            case ("graded", interview, exchange, token):
                self.grades.append((interview, exchange, token))
            case ("error", text):
                self.errors.append(text)

    def check(self, path: Path, tally: Tally) -> None:
        """Note in the tally whatever was acknowledged and is not there, or is there twice."""
        with closing(sqlite3.connect(path)) as database:
            ask = database.execute
            tally.expect(ask("PRAGMA integrity_check").fetchall() == [("ok",)], f"{path} is damaged")
            tally.expect(not ask("PRAGMA foreign_key_check").fetchall(), f"{path} has rows without an owner")
            kept = {turn: (interview, text) for turn, interview, text in ask("SELECT id, interview, text FROM turns")}
            interviews = {one for (one,) in ask("SELECT id FROM interviews")}
            drafts = dict(ask("SELECT interview, text FROM drafts").fetchall())
            audit = ask("SELECT interview, exchange, token FROM audit").fetchall()
        lost = [turn for turn, answer in self.answers.items() if kept.get(turn) != answer]
        tally.expect(not lost, f"answers lost: {lost}")
        tally.expect(self.opened <= interviews, f"interviews lost: {self.opened - interviews}")
        gone = [one for one, (turn, text) in self.drafts.items() if turn not in kept and drafts.get(one) != text]
        tally.expect(not gone, f"drafts lost: {gone}")
        tally.expect(set(self.grades) <= set(audit), f"grades lost: {set(self.grades) - set(audit)}")
        twice = [key for key, count in Counter((one, number) for one, number, _ in audit).items() if count > 1]
        tally.expect(not twice, f"graded twice: {twice}")
        tally.expect(not self.errors, f"errors shown: {self.errors}")


def unfinished(path: Path) -> dict[str, str]:
    """The gradings that are not done: state by interview."""
    with closing(sqlite3.connect(path)) as database:
        asked = "SELECT interview, state FROM grading_jobs WHERE state <> 'done' ORDER BY state"
        return dict(database.execute(asked).fetchall())
