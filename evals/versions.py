"""Rubric files while they are edited: the versions there are, the draft of each, its faults, a new version.

A draft is kept on the disk as it is typed, valid or not. Knows no page.
"""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from simulator.errors import ContentError, InputError, StorageError
from simulator.library import read_rubric
from simulator.lint import Kind, Remark, lint
from simulator.program import STORY_RUBRIC
from simulator.rubric import Rubric

IN_USE = STORY_RUBRIC.rpartition("/")[2]
"""The version that the program grades with."""
LONGEST_NAME = 60
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9-]{{0,{LONGEST_NAME - 1}}}")
_ID = re.compile(r"^id:.*$", re.MULTILINE)
_BLOCKING = (Kind.PATTERN, Kind.TWICE)
"""Remarks on what would break a grading."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was made of a text: a rubric, or the faults why it is none; and the remarks on its wording."""

    rubric: Rubric | None
    faults: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


class Versions:
    """The rubric files of the content folder, and the drafts of a data folder."""

    def __init__(self, content_dir: Path, folder: Path) -> None:
        self._files = content_dir / "prompts" / "rubrics"
        self._drafts = folder / "rubrics"

    @property
    def names(self) -> list[str]:
        """All versions, by file name without its ending."""
        return sorted(path.stem for path in self._files.glob("*.md"))

    @property
    def latest(self) -> str:
        """The version whose draft was changed last; without drafts, the one in use."""
        drafts = [path for name in self.names if (path := self._drafts / f"{name}.md").exists()]
        return max(drafts, key=lambda path: path.stat().st_mtime).stem if drafts else IN_USE

    def file(self, name: str) -> Path:
        return self._files / f"{name}.md"

    def text(self, name: str) -> str:
        """The draft, or the file where none was begun. Raises StorageError."""
        draft = self._drafts / f"{name}.md"
        return _read(draft if draft.exists() else self.file(name))

    def is_changed(self, name: str) -> bool:
        return (self._drafts / f"{name}.md").exists()

    def keep(self, name: str, text: str) -> None:
        """Keep what was typed; a text that is the file's own leaves no draft. Raises StorageError."""
        if text == _read(self.file(name)):
            self.discard(name)
        else:
            _write(self._drafts / f"{name}.md", text, "w")

    def discard(self, name: str) -> None:
        (self._drafts / f"{name}.md").unlink(missing_ok=True)

    def save_as(self, name: str, text: str) -> Path:
        """Write a new version with its own id.

        Raises InputError where the name cannot be taken or the text is no rubric, and StorageError.
        """
        if not _NAME.fullmatch(name):
            raise InputError("This name cannot be used.", f"Use up to {LONGEST_NAME} letters, digits and hyphens.")
        if self.file(name).exists():
            raise InputError(f"There is a version {name} already.", "Choose another name.")
        named = with_id(text, f"rubrics/{name}")
        reading = read(name, named)
        if reading.rubric is None:
            raise InputError(f"This is no rubric yet: {reading.faults[0]}", "Correct it first.")
        _write(self.file(name), named, "x")
        return self.file(name)


def read(name: str, text: str) -> Reading:
    """The rubric in a text, its faults told as those of version `name`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rubrics" / f"{name}.md"
        _write(path, text, "w")
        try:
            rubric = read_rubric(path)
        except ContentError as error:
            faults = error.problem.replace(str(path), f"rubrics/{path.name}").split("\n- ")
            return Reading(None, tuple(faults[1:]))
    remarks = lint(rubric)
    blocking = tuple(f"{one.check}: {one.words}" for one in remarks if one.kind in _BLOCKING)
    rest = tuple(one for one in remarks if one.kind not in _BLOCKING)
    return Reading(None if blocking else rubric, blocking, rest)


def with_id(text: str, rubric_id: str) -> str:
    """The text with this id in its front matter. Raises InputError where there is no line for it."""
    head, fence, rest = text.partition("\n---\n")
    if not fence or not _ID.search(head):
        raise InputError("There is no `id:` line at the top.", "Begin the file with `---` and `id: rubrics/name`.")
    return _ID.sub(f"id: {rubric_id}", head) + fence + rest


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"{path} cannot be read: {error}.", "Restore the file.") from error


def _write(path: Path, text: str, mode: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror}.", "Make room for it.") from error
