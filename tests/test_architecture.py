"""The rules of the sources: what may import what, one door a package, no text run as code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.settings import ROOT

LAYERS = [
    "errors",
    "operations",
    "language",
    "markdown",
    "rubric",
    "interview",
    "settings",
    "prompts",
    "move",
    "principles",
    "clock",
    "conduct",
    "transcript",
    "arrangement",
    "evidence",
    "masking",
    "library",
    "outbox",
    "rounds",
    "lint",
    "gaps",
    "scorecard",
    "review",
    "embeddings",
    "local_model",
    "models",
    "outgoing",
    "index",
    "records",
    "guides",
    "methods",
    "grader",
    "graders",
    "shelves",
    "clarify",
    "strategy",
    "interviewer",
    "grading",
    "program",
    "answer_file",
    "cluster",
    "health",
    "conductor",
    "forgetting",
    "claims",
    "stories",
    "drills",
    "progress",
    "export",
    "cli_kept",
    "cli_drill",
    "cli_grade",
    "cli_serve",
    "cli",
    "pages",
]
PACKAGES = ("operations", "pages", "records", "models", "claims", "stories", "drills", "export")
DOORS = {
    "sqlalchemy": {"records"},
    "alembic": {"records"},
    "chromadb": {"index"},
    "langchain_chroma": {"index"},
    "xllamacpp": {"local_model"},
    "onnxruntime": {"embeddings"},
    "openai": {"models"},
    "langchain_openai": {"models", "embeddings"},
    "streamlit": {"pages"},
    "fsrs": {"drills"},
    "genanki": {"export"},
    "icalendar": {"export"},
    "prometheus_client": {"operations"},
    "ray": {"cluster"},
    "starlette": {"pages"},
}
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "imp"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "import_module"}
SAFE_YAML = {"safe_load", "safe_dump", "YAMLError"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that the source imports, wherever it does so, as a dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import hides what it imports"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def unsafe(tree: ast.AST) -> list[str]:
    """What runs text as code, or reads a file as objects."""
    found = [name for name in imported(tree) if name.split(".")[0] in UNSAFE_MODULES]
    found += [name for name in imported(tree) if name.startswith("yaml.") and name.split(".")[1] not in SAFE_YAML]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            plain = isinstance(node.func, ast.Name) or called == "import_module"
            found += [called] if plain and called in UNSAFE_CALLS else []
            found += ["shell"] if any(one.arg == "shell" for one in node.keywords) else []
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml":
            found += [] if node.attr in SAFE_YAML else [f"yaml.{node.attr}"]
    return found


def sources() -> dict[Path, ast.AST]:
    files = sorted((ROOT / "simulator").rglob("*.py"))
    assert len(files) > 15
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def layer(file: Path) -> str:
    return file.relative_to(ROOT / "simulator").parts[0].removesuffix(".py")


def test_a_module_imports_only_from_modules_below_it() -> None:
    wrong = []
    for file, tree in sources().items():
        here = layer(file)
        if here == "__init__":
            assert not list(imported(tree))
            continue
        assert here in LAYERS, f"{here} has no place in the order of the layers"
        for name in imported(tree):
            assert name.split(".")[0] != "evals", f"{here} imports {name}"
            if name.split(".")[0] == "simulator" and name != "simulator.__version__":
                other = name.split(".")[1]
                assert other in LAYERS, f"{here} imports {name}"
                own = here == other and here in PACKAGES
                if LAYERS.index(other) >= LAYERS.index(here) and not own:
                    wrong.append(f"{here} imports {other}")
    assert wrong == []


@pytest.mark.parametrize("package", DOORS)
def test_each_package_with_a_network_or_a_disk_behind_it_has_one_door(package: str) -> None:
    users = {
        layer(file) for file, tree in sources().items() if package in {name.split(".")[0] for name in imported(tree)}
    }
    assert users == DOORS[package]


def test_nothing_runs_text_as_code_or_reads_a_file_as_objects() -> None:
    assert {file.name: unsafe(tree) for file, tree in sources().items() if unsafe(tree)} == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from pickle import loads", "eval('1')", "exec(x)", "yaml.load(x)", "yaml.unsafe_load(x)",
     "from yaml import load", "importlib.import_module(x)", "def f():\n    import joblib", "run(x, shell=True)"],
)  # fmt: skip
def test_the_scan_for_unsafe_code_sees_it(source: str) -> None:
    assert unsafe(ast.parse(source))
