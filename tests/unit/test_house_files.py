"""Rules that every file of the project keeps."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGES = ("replay", "tracegen", "models", "reports")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "docs", ".ci")
CODE = {".py", ".c", ".h", ".S", ".ld"}
MAX_LINES = 400
BUILT = {"__pycache__", "images"}

PLACES = re.compile(r"/(?:work|root|home/\w+|opt/[a-z-]+|tmp/\w+)/")
PUT_OFF = re.compile(r"(?<![\w-])(?:TO" + "DO|FIX" + "ME|XX" + "X|NotImplemented" + r"Error)(?![\w-])")
PUT_ASIDE = re.compile(r"pytest\.(?:mark\.)?" + "(?:skip|xfail|importorskip)")


def files(root: Path) -> Iterator[Path]:
    """Every text file of the project, built ones and locks left out."""
    yield from (p for p in root.iterdir() if p.is_file() and p.suffix != ".lock" and not p.name.startswith(".cov"))
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not BUILT & set(path.parts) and path.suffix not in {".arrow", ".pyc"}:
                yield path


def modules(root: Path, *folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Each Python file below ``folders`` with its syntax tree."""
    for path in files(root):
        if path.suffix == ".py" and path.relative_to(root).parts[0] in folders:
            yield path.relative_to(root), ast.parse(path.read_text())


def imported(tree: ast.Module) -> set[str]:
    """Names of the modules that ``tree`` imports, wherever it does."""
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_files_are_short(root: Path) -> None:
    """No source file is longer than 400 lines."""
    long = {p.name: n for p in files(root) if p.suffix in CODE and (n := len(p.read_text().splitlines())) >= MAX_LINES}

    assert {} == long


def test_every_test_says_what_it_holds(root: Path) -> None:
    """Each test has a docstring that is one sentence."""
    silent = [
        f"{path}::{node.name}"
        for path, tree in modules(root, "tests")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        if not (ast.get_docstring(node) or "").rstrip().endswith(".")
    ]

    assert [] == silent


def test_only_four_modules_touch_numba(root: Path) -> None:
    """In the packages, replay/jit.py and the three modules behind it alone import numba or llvmlite."""
    users = [
        str(p)
        for p, t in modules(root, *PACKAGES)
        if any(n.split(".")[0] in {"numba", "llvmlite"} for n in imported(t))
    ]

    assert ["replay/compiler.py", "replay/jit.py", "replay/linking.py", "replay/states.py"] == sorted(users)


def test_every_module_says_what_it_is_for(root: Path) -> None:
    """Each module with code in it starts with a docstring."""
    silent = [
        str(path) for path, tree in modules(root, *PACKAGES, "benchmarks") if tree.body and not ast.get_docstring(tree)
    ]

    assert [] == silent


@pytest.mark.parametrize(
    ("pattern", "meaning"),
    [(PLACES, "a path of one machine"), (PUT_OFF, "work put off"), (PUT_ASIDE, "a test put aside")],
    ids=["places", "put-off", "put-aside"],
)
def test_files_do_not_hold(root: Path, pattern: re.Pattern[str], meaning: str) -> None:
    """No file names a path of the machine it was written on, puts work off or sets a test aside."""
    found = [f"{p.relative_to(root)}: {m[0]} ({meaning})" for p in files(root) for m in pattern.finditer(p.read_text())]

    assert [] == found


def test_build_requirements_are_an_extra(root: Path) -> None:
    """What building takes can be installed by name, and is locked."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    lock = (root / "requirements.lock").read_text()

    assert project["build-system"]["requires"] == project["project"]["optional-dependencies"]["build"]
    assert all(f"{requirement} " in lock for requirement in project["build-system"]["requires"])


def test_locks_agree_and_name_no_index(root: Path) -> None:
    """The tools' lock holds every pin of the runtime's, and neither says where packages come from."""
    runtime, tools = (pins((root / f"requirements{name}.lock").read_text()) for name in ("", "-test"))

    assert runtime <= tools
    assert [] == [line for line in runtime | tools if line.startswith("-")]


def pins(lock: str) -> set[str]:
    """The lines of ``lock`` that start a requirement or are an option for pip."""
    return {line.rstrip(" \\") for line in lock.splitlines() if line and line[0] not in " #"}


def test_every_locked_file_has_a_digest(root: Path) -> None:
    """Each pinned package lists at least one sha256, so that pip checks what it downloads."""
    for lock in root.glob("*.lock"):
        blocks = re.split(r"\n(?=\S)", lock.read_text().split("make lock\n")[1])

        assert [] == [block.split()[0] for block in blocks if "--hash=sha256:" not in block]
