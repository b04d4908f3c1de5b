"""What is read from a file, kept in one and installed from one: nothing is revived, and nothing is open to others."""

import ast
import base64
import json
import os
import pickle
import random
import re
import stat
import struct
import tomllib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import embeddings, shipped
from past_interviews import ANSWER, DAY, REPLY, grade, held_round, keep, probe, said
from test_architecture import imported, unsafe

from simulator import local_model
from simulator.embeddings import MODEL_ID
from simulator.errors import ConfigurationError, ModelUnavailableError
from simulator.export import archive
from simulator.index import PassageIndex
from simulator.records import Records, new_id
from simulator.rubric import DIMENSIONS
from simulator.settings import ROOT

# --- nothing is revived from storage ---------------------------------------------------------------------

REVIVES = {"trust_remote_code", "allow_pickle"}
"""Settings under which a library runs what it reads."""
SERIALISED = json.dumps(
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "touch owned"}}
)


class Touching:
    """Leaves a file behind wherever its pickle is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def reviving(tree: ast.AST) -> list[str]:
    """What turns stored text into live objects: code, pickles, LangChain's own loader, a model's own code."""
    found = unsafe(tree)
    found += [one for one in imported(tree) if one.startswith("langchain") and re.search(r"\.loads?\b|\.hub\b", one)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            on = [
                one.arg for one in node.keywords if not (isinstance(one.value, ast.Constant) and not one.value.value)
            ]
            found += [one for one in on if one in REVIVES]
    return found


def test_nothing_in_the_program_its_entry_page_and_its_evaluation_revives_what_was_stored() -> None:
    files = [
        ROOT / "server.py",
        ROOT / "streamlit_app.py",
        *(ROOT / "simulator").rglob("*.py"),
        *(ROOT / "evals").rglob("*.py"),
    ]
    assert len(files) > 100
    trees = {str(file.relative_to(ROOT)): ast.parse(file.read_text("utf-8")) for file in files}
    assert {name: reviving(tree) for name, tree in trees.items() if reviving(tree)} == {}


@pytest.mark.parametrize(
    "source",
    ["from langchain_core.load import loads", "import langchain_core.load", "from langchain import hub",
     "AutoModel.from_pretrained(x, trust_remote_code=True)", "np.load(x, allow_pickle=True)",
     "np.load(x, allow_pickle=flag)", "import marshal", "pickle = 1\nimport pickle", "exec(x)", "yaml.full_load(x)"],
)  # fmt: skip
def test_the_scan_for_what_revives_sees_it(source: str) -> None:
    assert reviving(ast.parse(source))


def test_stored_text_that_is_an_object_elsewhere_comes_back_as_text(tmp_path: Path) -> None:
    owned = tmp_path / "owned"
    raw = pickle.dumps(Touching(owned))
    for text in (SERIALISED, raw.decode("latin-1").replace("\0", ""), base64.b64encode(raw).decode(), "!!python/x 1"):
        with closing(Records(tmp_path / new_id() / "interviews.db")) as records:
            round_ = held_round(
                [said(f"{ANSWER} {text}"), replace(probe("action.risk"), text=text), said(f"{REPLY} {text}")]
            )
            keep(records, round_, replace(grade(3), reason=text))
            records.stories.save("s1", text, {"goal": text})
            records.drills.keep("action.risk|stripe", text, DAY.isoformat())
            again = records.interviews.find(round_.id)
            assert [turn.text for turn in again.current.turns] == [f"{ANSWER} {text}", text, f"{REPLY} {text}"]
            assert records.jobs.grades(round_.id)[0]["reason"] == text
            assert records.stories.find("s1").fields["goal"] == text
            assert records.drills.cards()["action.risk|stripe"].card_json == text
            archive.written(records.transfer.dump())
    assert not owned.exists()
    pickle.loads(raw)  # noqa: S301  it would have worked
    assert owned.is_dir()


# --- a crafted model file --------------------------------------------------------------------------------


def gguf(random_: random.Random) -> bytes:
    """The head of a model file with something wrong in it: a count, a length, a type, a name, an end."""
    huge = [0, 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
    name, value = b"general.architecture", random_.choice([b"llama", b"", b"\xff" * 40, b"![x](http://evil.example)"])
    version, tensors, keys = random_.choice([0, 2, 3, 3, 2**32 - 1]), random_.choice(huge), random_.choice(huge)
    length = random_.choice([len(name), *huge])
    head = b"GGUF" + struct.pack("<IQQQ", version, tensors, keys, length) + name
    head += struct.pack("<IQ", random_.choice([8, 8, 9, 12, 99]), random_.choice([len(value), *huge])) + value
    spoilt = bytearray(head + random_.randbytes(random_.randrange(200)))
    for _ in range(random_.randrange(4)):
        spoilt[random_.randrange(random_.choice([4, len(spoilt)]))] = random_.randrange(256)
    return bytes(spoilt[: random_.randrange(1, len(spoilt) + 1)])


def test_a_mutated_head_of_a_model_file_is_passed_on_or_refused_and_never_breaks_the_program(tmp_path: Path) -> None:
    file, refused = tmp_path / "own.gguf", 0
    for seed in range(200):
        content = gguf(random.Random(seed))
        file.write_bytes(content)
        try:
            assert local_model.checked_weights(tmp_path, file) == file
            assert content.startswith(b"GGUF")
        except ConfigurationError as error:
            refused += 1
            assert not content.startswith(b"GGUF")
            assert "own.gguf is not a GGUF file" in str(error)
    assert 10 < refused < 150


def test_a_crafted_model_file_ends_its_own_process_alone_and_is_told_with_its_name(tmp_path: Path) -> None:
    crafted = (gguf(random.Random(seed)) for seed in range(1_000))
    for number, content in enumerate([one for one in crafted if one.startswith(b"GGUF") and len(one) > 60][:24]):
        file = tmp_path / f"crafted{number}.gguf"
        file.write_bytes(content)
        with pytest.raises(ModelUnavailableError, match=rf"did not start with crafted{number}\.gguf"):
            local_model.serve(file, 2048, 1, tmp_path / "model.log")


# --- what is installed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-shared.lock"])
def test_every_package_is_pinned_with_its_hashes_and_comes_from_no_address(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not re.search(r"://|git\+| @ |^\s*-(?!-hash=)", text, re.MULTILINE)
    blocks = re.split(r"\n(?=\S)", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE).strip())
    pin = re.compile(
        r"[a-z0-9-]+(?:\[[a-z0-9,-]+\])?==[\w.!+]+(?: ; [^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+"
    )
    assert [block.splitlines()[0] for block in blocks if not pin.fullmatch(block.rstrip())] == []
    pinned = {re.split(r"[=\[]", block)[0] for block in blocks}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {re.split(r"[=<>]", one)[0] for one in project["dependencies"]} <= pinned


# --- whose the files are ---------------------------------------------------------------------------------


def test_whatever_is_kept_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with closing(Records(tmp_path / "data" / "interviews.db")) as records:
            keep(records, held_round([said(ANSWER)]), grade(3))
            (tmp_path / "there").mkdir()
            for folder in (tmp_path / "data", tmp_path / "there"):  # the second was there before, open to all
                PassageIndex(folder / "index", shipped().passages[:3], embeddings(), MODEL_ID)
            modes = {file: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data").glob("interviews.db*")}
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "there" / "index").stat().st_mode) == 0o700


# --- what is asked about a person ------------------------------------------------------------------------

TRAITS = re.compile(
    r"\b(?:genders?|sex|male|female|wom[ae]n|man|men|race|racial|ethnic\w*|nationalit\w*|native|accent\w*|foreign\w*|"
    r"aged|elderly|young\w*|religio\w*|disab\w*|pregnan\w*|married|marital|orientation|emotion\w*|personality|"
    r"intelligen\w*|mood|dialect|mother tongue|temperament|introvert\w*|extrovert\w*|culture fit|likeable)\b",
    re.IGNORECASE,
)


def test_no_prompt_check_or_column_asks_for_a_trait_of_the_person() -> None:
    texts = [(prompt.id, prompt.template) for prompt in shipped().prompts.values()]
    for rubric in shipped().rubrics.values():
        texts += [(check.id, f"{check.ask} {check.name} {check.missing} {check.advice}") for check in rubric.checks]
    texts += [(f"personas/{one}", f"{p.manner} {p.listens}") for one, p in shipped().personas.items()]
    schema = (ROOT / "simulator" / "records" / "schema.py").read_text("utf-8")
    texts += [("a column", name.replace("_", " ")) for name in re.findall(r'Column\("(\w+)"', schema)]
    texts += [("a dimension", name.replace("_", " ")) for name in DIMENSIONS]
    assert len(texts) > 150
    assert [(where, found[0]) for where, text in texts if (found := TRAITS.search(text))] == []
    assert TRAITS.search("Does the candidate sound like a native speaker?")
