"""A guide that a user adds: a Markdown, text, PDF or HTML file becomes a title and passages.

Knows what a file may be, what is text in it and where to cut it. A child process with limits on time, memory
and output does the parsing, so that a bomb ends the child and not an interview; it is given bytes, no path.
Never opens a connection or follows a link: a guide on the web is saved first, and then added. Never judges what a
guide says. Text that a style sheet hides, or that a PDF draws unseen, is taken for text.
"""

import hashlib
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from simulator.errors import ContentError
from simulator.language import runs
from simulator.library import GENERAL
from simulator.prompts import clean
from simulator.records import Guide

TIMEOUT_SECONDS, MEMORY_MEGABYTES = 20, 512
FILE_BYTES, TEXT_CHARACTERS, PDF_PAGES = 20_000_000, 2_000_000, 500
FEWEST_WORDS, MOST_WORDS, LIMIT_WORDS, HEADING_WORDS, PIECE_WORDS = 60, 180, 250, 30, 150
"""A passage has 60-180 words where the text allows it, and never more than 250."""
EDITION, TITLED_EDITION = 0.5, 0.1
"""Share of a guide's runs of five words that are in its newer edition; under the same title fewer are enough."""

_KINDS = {".md": "text", ".markdown": "text", ".txt": "text", ".html": "html", ".htm": "html", ".pdf": "pdf"}
_ADD, _AS_TEXT = "Add a .md, .txt, .html or .pdf file.", "Save its text as .txt and add that."
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WORD = re.compile(r"\S{1,40}")
_HEADING = re.compile(r"#{1,6}\s+(.*?)[\s#]*")
_TITLE_LIKE = re.compile(r"[*_]*(?!\d+[.)]\s)[A-Z\d](?:\S* ){0,9}\S*[^\s.!?:;,]")
_FRONT_MATTER = re.compile(r"\A---\n\w+:.*\n(?:.+\n){0,40}?---\n")
_RULE = re.compile(r"=+|-+|[*_]{3,}")
_WRAP = re.compile(r"\n(?![-*+>|]\s|[•●▪◦]|\d{1,3}[.)]\s)")
_PIECE = re.compile(r"(?:\S{1,40}\s+){0,149}\S{1,40}(?:(?<=[^\d\s][.!?;:])(?!\S)|(?=\n|\Z))|(?:\S{1,40}\s*){1,150}")
_MARKUP = re.compile(r"(?i)<!--|<(?:!doctype html|html|body|script|style)\b|<[a-z][^<>]{0,999}?(?:hidden|style\s*=)")
_HIDING_STYLE = re.compile(r"(?i)(display|visibility)\W*:\W*(none|hidden)|(font-size|opacity)\W*:\W*0[0.]*(?![\d.])")
_UNSEEN_TAGS = re.compile(r"^(?:title|script|style|template|noscript|nav|svg|iframe|object|button|select)$")
_BLOCK_TAGS = re.compile(r"^(?:p|div|li|t[dhr]|d[td]|pre|blockquote|section|article|header|footer|caption|br)$")


def read_guide(path: Path, company: str = GENERAL) -> Guide:
    """The guide in this file; the same text has the same id, whatever the file is called.

    The title is the first heading, else an HTML file's own title, else the file's name. Raises ContentError,
    in one line, for a file that is missing, too big, locked, damaged, not text or without text.
    """
    shown = _one_line(str(path))
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "missing or not a file"
            raise ContentError(f"{shown} is {what}.", "Choose a file.")
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise ContentError(f"{shown} cannot be read: {error.strerror}.", "Make it readable.") from error
    if len(data) > FILE_BYTES:
        raise ContentError(f"{shown} has more than {FILE_BYTES // 10**6} MB.", "Add only its text.")
    told = _parsed(_one_line(path.name), _KINDS.get(path.suffix.lower(), ""), data)
    added = datetime.now(UTC).isoformat(timespec="microseconds")
    return Guide(told["id"], told["title"] or _one_line(path.stem), company, tuple(told["passages"]), added)


def older_editions(guide: Guide, kept: Iterable[Guide]) -> list[Guide]:
    """Those of the guides that are kept which `guide` was made of by editing: about the same company, and with much
    of their text in it. One that holds a short part of another, or has only its title, is a guide of its own."""
    new = _runs(guide)
    return [
        one
        for one in kept
        if one.id != guide.id
        and one.company == guide.company
        and _share(_runs(one), new) >= (TITLED_EDITION if one.title == guide.title else EDITION)
    ]


def _runs(guide: Guide) -> set[tuple[str, ...]]:
    return runs(" ".join(guide.passages), 5)


def _share(old: set[tuple[str, ...]], new: set[tuple[str, ...]]) -> float:
    return len(old & new) / len(old) if old else 0.0


def _parsed(name: str, kind: str, data: bytes) -> dict[str, Any]:
    command = [sys.executable, "-m", "simulator.guides", kind]
    home, most, out, silent = Path(__file__).parents[1], TIMEOUT_SECONDS, subprocess.PIPE, subprocess.DEVNULL
    try:
        done = subprocess.run(command, input=data, stdout=out, stderr=silent, timeout=most, cwd=home, check=False)
    except subprocess.TimeoutExpired:
        raise ContentError(f"{name} takes more than {most} s to read.", _AS_TEXT) from None
    if done.returncode:
        raise ContentError(f"{name} is damaged or needs over {MEMORY_MEGABYTES} MB to read.", _AS_TEXT)
    told: dict[str, Any] = json.loads(done.stdout)
    if "problem" in told:
        raise ContentError(f"{name} {told['problem']}", told["fix"])
    return told


def _child() -> None:
    """The child's whole life: bytes in, one JSON object out. Problems are told without the file's name."""
    with suppress(ImportError, ValueError, OSError):  # no such limits on Windows, none of memory on macOS
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MEGABYTES * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_SECONDS,) * 2)
    try:
        told = _told(sys.stdin.buffer.read(), sys.argv[1])
    except ContentError as error:
        told = {"problem": error.problem, "fix": error.fix}
    sys.stdout.buffer.write(json.dumps(told).encode())


def _told(data: bytes, kind: str) -> dict[str, Any]:
    title = ""
    if b"%PDF-" in data[: 1024 if kind == "pdf" else 5]:
        text = _pdf(data)
    elif not kind or (data and kind == "pdf") or (b"\0" in data and not data.startswith(_UTF16)):
        raise ContentError("is not Markdown, text, HTML or PDF.", _ADD)
    else:
        try:
            text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise ContentError(f"is not UTF-8 (see byte {error.start + 1:,}).", "Save it as UTF-8.") from None
        if kind == "html" or _MARKUP.search(text):
            title, text = _html(text)
    blocks = _blocks(text)
    whole = "\n".join(text for _, text in blocks)
    if not re.search(r"\w", whole):
        raise ContentError("holds no text.", "Add a file with words; a scan needs text recognition first.")
    title = next((text for heading, text in blocks if heading), _one_line(title))
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return {"id": digest, "title": title[:120], "passages": _passages(blocks)}


def _pdf(data: bytes) -> str:
    """The text with a blank line after each paragraph, which a PDF doesn't mark: it ends at a short line."""
    lines: list[str] = []
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted:
            raise DependencyError
        if len(reader.pages) > PDF_PAGES:
            raise ContentError(f"has more than {PDF_PAGES} pages.", "Add only the pages that matter.")
        for page in reader.pages:
            lines += re.sub(r"\A\s*\d+\s*\n|\n\s*\d+\s*\Z", "", page.extract_text()).splitlines()
            if sum(map(len, lines)) > TEXT_CHARACTERS:
                break
    except DependencyError:
        raise ContentError("is an encrypted PDF.", "Add a copy without password and restrictions.") from None
    except PyPdfError as error:
        raise ContentError(f"is not a sound PDF ({_one_line(str(error))[:200]}).", _AS_TEXT) from None
    width = sorted(map(len, lines))[len(lines) * 9 // 10] if lines else 0
    text = "\n".join(line + "\n" * (len(line) < 0.75 * width) for line in lines)
    # A ligature is one character, under which no search would find the word.
    return re.sub("[\ufb00-\ufb06]", lambda match: unicodedata.normalize("NFKC", match[0]), text)


def _html(markup: str) -> tuple[str, str]:
    """The title, and what a browser shows with Markdown's marks for headings and paragraphs."""
    soup = BeautifulSoup(markup, "html.parser")
    title = soup.title.get_text() if soup.title else ""
    unseen = soup.find_all(_UNSEEN_TAGS) + soup.find_all(hidden=True) + soup.find_all(style=_HIDING_STYLE)
    for tag in unseen + soup.find_all(True, {"aria-hidden": "true"}):
        tag.clear()
    for tag in soup.find_all(re.compile(r"^h[1-6]$")):
        tag.string = f"\n\n# {_one_line(tag.get_text())}\n\n"
    for tag in soup.find_all(_BLOCK_TAGS):
        tag.insert(0, "\n\n- " if tag.name in ("li", "td", "th") else "\n\n")
        tag.append("\n\n")
    return title, re.sub(r"(?m)^- \s+(?![-#\s])", "- ", soup.get_text())


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _blocks(text: str) -> list[tuple[bool, str]]:
    """Paragraphs and headings: those that Markdown marks, and lines that stand alone and look like one."""
    if len(text) > TEXT_CHARACTERS:
        raise ContentError(f"holds more than {TEXT_CHARACTERS:,} characters of text.", "Add it in parts.")
    blocks: list[tuple[bool, str]] = []
    lines: list[str] = []
    code = False
    text = _FRONT_MATTER.sub("", clean(text.replace("\f", "\n\n")))
    for line in [*text.split("\n"), ""]:
        line = " ".join(line.split())
        fence, rule = line.startswith(("```", "~~~")), bool(_RULE.fullmatch(line))
        heading = None if code else _HEADING.fullmatch(line)
        if line and not (fence or rule or heading):
            lines.append(line)
            continue
        if lines:
            whole = _WRAP.sub(" ", re.sub(r"(?<=\w)-\n", "-", "\n".join(lines)))
            titled = (rule and len(lines) == 1) or bool(_TITLE_LIKE.fullmatch(whole))
            blocks.append((titled, whole.strip("*_ ") if titled else whole))
        if heading and heading[1].strip("*_` "):
            blocks.append((True, heading[1].strip("*_` ")))
        lines, code = [], code ^ fence
    return blocks


def _passages(blocks: list[tuple[bool, str]]) -> list[str]:
    """Pieces packed in order; each passage begins with the heading that its first piece stands under."""
    passages: list[list[str]] = [[]]
    heading, fresh = "", False
    for place, (is_heading, text) in enumerate(blocks, 1):
        longer = f"{heading} / {text}" if fresh else text
        if is_heading and place < len(blocks) and _words(longer) <= HEADING_WORDS:
            heading, fresh = longer, True
            continue
        for piece in [text] if _words(text) <= PIECE_WORDS else _PIECE.findall(text):
            full = _words(*passages[-1])
            if full >= FEWEST_WORDS and (fresh or full + _words(piece) > MOST_WORDS):
                passages.append([])
            if heading and (fresh or not passages[-1]):
                passages[-1].append(heading)
            passages[-1].append(piece.strip())
            fresh = False
    if len(passages) > 1 and _words(*passages[-1]) < min(FEWEST_WORDS, LIMIT_WORDS - _words(*passages[-2])):
        tail = passages.pop()
        passages[-1] += tail[1 if tail[0] == passages[-1][0] else 0 :]
    return ["\n".join(passage) for passage in passages]


def _words(*texts: str) -> int:
    return sum(len(_WORD.findall(text)) for text in texts)


if __name__ == "__main__":
    _child()
