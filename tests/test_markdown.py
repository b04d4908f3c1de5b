"""The file format: front matter, sections, fields; and faults that name the file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import markdown
from simulator.errors import ContentError

WHOLE = """---
id: probes/one
weights:
  ownership: 1.5
tags: [a, b]
---
Text before the first section.

## cost-of-the-date
- company: general
- ask: What did it cost: time, money or trust?
- near: action.risk
- near: context.goal

Free text, first line.
- not a field: it stands after the text

### A smaller heading stays text

## empty
## last one
- depth: opening
"""
LINE = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30).map(str.strip)


def written(folder: Path, text: str) -> Path:
    path = folder / "a.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_front_matter_then_text_then_sections_in_order(tmp_path: Path) -> None:
    document = markdown.parse(written(tmp_path, WHOLE))
    assert document.path == tmp_path / "a.md"
    assert document.front == {"id": "probes/one", "weights": {"ownership": 1.5}, "tags": ["a", "b"]}
    assert document.body == "Text before the first section."
    assert [section.slug for section in document.sections] == ["cost-of-the-date", "empty", "last one"]


def test_fields_end_where_the_text_begins_and_keep_colons_and_repetitions(tmp_path: Path) -> None:
    section = markdown.parse(written(tmp_path, WHOLE)).section("cost-of-the-date")
    assert section.fields == {
        "company": ["general"],
        "ask": ["What did it cost: time, money or trust?"],
        "near": ["action.risk", "context.goal"],
    }
    assert section.text == (
        "Free text, first line.\n- not a field: it stands after the text\n\n### A smaller heading stays text"
    )
    assert (section.one("near"), section.one("depth"), section.one("depth", "none")) == ("action.risk", "", "none")


def test_a_section_may_have_no_text_and_no_fields(tmp_path: Path) -> None:
    document = markdown.parse(written(tmp_path, WHOLE))
    assert (document.section("empty").fields, document.section("empty").text) == ({}, "")
    assert document.section("last one").one("depth") == "opening"


@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), LINE, max_size=4), st.lists(LINE))
@settings(max_examples=150, deadline=None, database=None)
def test_what_is_written_as_fields_and_text_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, str], lines: list[str]
) -> None:
    lines = [line for line in lines if not line.startswith(("## ", "- "))]
    block = "".join(f"- {key}: {value}\n" for key, value in fields.items()) + "\n" + "\n".join(lines)
    path = written(tmp_path_factory.mktemp("m"), f"---\nid: x\n---\n## one\n{block}\n## two\nafter\n")
    document = markdown.parse(path)
    assert document.section("one").fields == {key: [value] for key, value in fields.items()}
    assert document.section("one").text == "\n".join(lines).strip()
    assert document.section("two").text == "after"


def test_line_ends_of_another_system_are_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(WHOLE.replace("\n", "\r\n").encode())
    windows = markdown.parse(path)
    assert windows == markdown.parse(written(tmp_path, WHOLE))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "no front matter"),
        (b"## one\ntext", "no front matter"),
        (b"---\nid: x\n", "no front matter"),
        (b"text\n---\nid: x\n---\n", "no front matter"),
        (b"---\nid: [x\n---\n", "not YAML"),
        (b"---\nid: !!python/object/apply:os.getcwd []\n---\n", "not YAML"),
        (b"---\n- a\n- b\n---\n", "not a set of keys"),
        (b"---\njust words\n---\n", "not a set of keys"),
        (b"---\nid: \xff\n---\n", "cannot be read"),
    ],
)
def test_a_fault_is_told_with_the_path_and_what_to_do(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "broken.md"
    path.write_bytes(content)
    with pytest.raises(ContentError, match=fault) as told:
        markdown.parse(path)
    assert str(path) in told.value.problem
    assert told.value.fix


def test_a_missing_file_and_a_folder_are_faults_too(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.md", tmp_path):
        with pytest.raises(ContentError, match="cannot be read") as told:
            markdown.parse(path)
        assert str(path) in told.value.problem


def test_a_missing_section_is_named_with_its_file(tmp_path: Path) -> None:
    document = markdown.parse(written(tmp_path, WHOLE))
    with pytest.raises(ContentError, match="greeting") as told:
        document.section("greeting")
    assert str(document.path) in told.value.problem
