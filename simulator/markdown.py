"""The one format of every file under prompts/ and knowledge/: YAML front matter, then `## slug` sections.

A section starts with `- key: value` lines (a repeated key makes a list) and goes on with free text.
Knows the form only, never what the words mean.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import ContentError

_HEADING = re.compile(r"^## +(.+?) *$", re.MULTILINE)
_FIELD = re.compile(r"^- ([a-z_ ]+):(?: (.*))?$")


@dataclass(frozen=True, slots=True)
class Section:
    """One `## slug` block: its fields (each a list of values) and its free text."""

    slug: str
    fields: dict[str, list[str]]
    text: str

    def one(self, key: str, default: str = "") -> str:
        return self.fields.get(key, [default])[0]


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: front matter, the text before the first section, and the sections in order."""

    path: Path
    front: dict[str, Any]
    body: str
    sections: tuple[Section, ...]

    def section(self, slug: str) -> Section:
        for section in self.sections:
            if section.slug == slug:
                return section
        raise ContentError(f"{self.path} has no section `## {slug}`.", "Add it.")


def parse(path: Path) -> Document:
    """Read one file. Raises ContentError that names the file and what is wrong with it."""
    try:
        raw = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContentError(f"{path} cannot be read: {error}.", "Restore the file.") from error
    head, fence, rest = raw.removeprefix("---\n").partition("\n---\n")
    if not raw.startswith("---\n") or not fence:
        raise ContentError(f"{path} has no front matter.", "Begin it with a `---` block.")
    try:
        front = yaml.safe_load(head)
    except yaml.YAMLError as error:
        raise ContentError(f"{path}: the front matter is not YAML ({error}).", "Correct it.") from error
    if not isinstance(front, dict):
        raise ContentError(f"{path}: the front matter is not a set of keys.", "Write `key: value` lines.")
    pieces = _HEADING.split(rest)
    sections = tuple(_section(slug, text) for slug, text in zip(pieces[1::2], pieces[2::2], strict=True))
    return Document(path, front, pieces[0].strip(), sections)


def _section(slug: str, block: str) -> Section:
    fields: dict[str, list[str]] = {}
    lines = block.strip().splitlines()
    while lines and (match := _FIELD.match(lines[0])):
        fields.setdefault(match[1], []).append((match[2] or "").strip())
        lines.pop(0)
    return Section(slug, fields, "\n".join(lines).strip())
