"""Answers in files: JSON Lines records of the labelling guideline in, one JSON line for each out.

An output file is appended to line by line and synced, so a run that was stopped goes on after the last
whole line. Knows the format only, never a model or a rubric's meaning.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.errors import InputError, StorageError
from simulator.interview import MOST_WORDS, Act, Exchange, Question, Role, Turn
from simulator.prompts import clean
from simulator.rubric import DIMENSIONS, Finding, Grade, State

MOST_FILE_WORDS = 4 * MOST_WORDS
"""An opening and three replies, each as long as an interview takes it."""


class _Turn(BaseModel):
    role: Role
    text: str
    act: Act = Act.ANSWER


class _Record(BaseModel):
    """The fields that grading needs; labels and all else are ignored."""

    model_config = ConfigDict(extra="ignore")

    id: str = Field(min_length=1)
    company: str
    question: str = Field(min_length=1)
    kind: Literal["story", "case"] = "story"
    turns: list[_Turn] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """One answer of a file, as the exchange that it was."""

    id: str
    company: str
    exchange: Exchange


def read_answers(path: Path, companies: Iterable[str]) -> list[AnswerRecord]:
    """All records of a file. Raises InputError that names every line that is not one."""
    known = set(companies)
    records: list[AnswerRecord] = []
    faults: list[str] = []
    for number, line in _lines(path):
        try:
            record = _Record.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            faults.append(f"line {number}: {where}: {first['msg']}")
            continue
        except RecursionError:
            faults.append(f"line {number}: nested too deeply")
            continue
        fault = _fault(record, known, records)
        if fault:
            faults.append(f"line {number}: {fault}")
        else:
            records.append(AnswerRecord(record.id, record.company, _exchange(record)))
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise InputError(
            f"{path} is not a file of answers: {'; '.join(faults[:5])}{more}.",
            "Each line is a JSON object with id, company, question and turns.",
        )
    if not records:
        raise InputError(f"{path} holds no answers.", "Each line is a JSON object with one answer.")
    return records


def _fault(record: _Record, companies: set[str], before: list[AnswerRecord]) -> str:
    if record.company not in companies:
        return f"company {record.company!r} is not one of {', '.join(sorted(companies))}"
    if any(other.id == record.id for other in before):
        return f"id {record.id!r} is there twice"
    texts = [record.question, *(turn.text for turn in record.turns)]
    words, characters = sum(len(text.split()) for text in texts), sum(map(len, texts))
    if words > MOST_FILE_WORDS:
        return f"{words:,} words; the most that fits is {MOST_FILE_WORDS:,}"
    if characters > 12 * MOST_FILE_WORDS:
        return f"{characters:,} characters; the most that fits is {12 * MOST_FILE_WORDS:,}"
    return ""


def _exchange(record: _Record) -> Exchange:
    turns = tuple(
        Turn(f"{record.id}:{number}", turn.role, clean(turn.text), act=turn.act)
        for number, turn in enumerate(record.turns)
    )
    return Exchange(Question(record.id, clean(record.question), record.kind), turns)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(f"{path} cannot be read: {reason}.", "Give a JSON Lines file.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line


_BEGINNING = b'{"id": "'


class LineFile:
    """An output file of JSON lines, each with an `id` and a `key`, that survives being stopped at any byte."""

    def __init__(self, path: Path, key: str = "id") -> None:
        self._path = path
        self._key = key
        self.done = self._mend()

    def add(self, line: dict[str, Any]) -> None:
        """Append one line and sync it to the disk."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(
                f"{self._path} could not be written: {error.strerror}.",
                "What was graded before is kept in it.",
            ) from error

    def _mend(self) -> set[str]:
        """The ids that are there; a last line that was cut off is removed."""
        if not self._path.exists():
            return set()
        try:
            raw = self._path.read_bytes()
            whole = raw[: raw.rfind(b"\n") + 1]
            lines = [json.loads(line) for line in whole.splitlines() if line.strip()]
            if not self._is_cut_off(raw[len(whole) :]) or not all(self._key in line for line in lines):
                raise ValueError("somebody else's file, which must not be touched")
            done = {str(line["id"]) for line in lines}
            if whole != raw:
                self._path.write_bytes(whole)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{self._path} exists and is not an earlier output of this command.", "Name another file."
            ) from error
        return done

    def _is_cut_off(self, rest: bytes) -> bool:
        """Whether what stands behind the last line end can be the beginning of a line that `add` wrote."""
        if not rest.startswith(_BEGINNING) and not _BEGINNING.startswith(rest):
            return False
        try:
            return self._key in json.loads(rest)
        except ValueError:
            return True


def grade_line(record: AnswerRecord, grade: Grade, bar: float) -> dict[str, Any]:
    """One output line of `simulator grade`."""
    findings = {key: _finding(one) for key, one in grade.findings.items() if not key.startswith("flag.")}
    flags = {key: one.state is State.MET for key, one in grade.findings.items() if key.startswith("flag.")}
    return {
        "id": record.id,
        "findings": findings,
        "flags": flags,
        "scores": {name: grade.ratings[name].score if grade.ratings else None for name in DIMENSIONS},
        "overall": grade.overall,
        "band": list(grade.band) if grade.band else None,
        "verdict": grade.verdict(bar),
        "reason": grade.reason,
        "provenance": dict(grade.provenance),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "state": finding.state.value,
        "probability": None if finding.probability is None else round(finding.probability, 4),
        "evidence": [
            {"turn": one.turn, "start": one.start, "end": one.end, "text": one.text} for one in finding.evidence
        ],
    }
