"""The tutorial's commands do what the page says, in an installed wheel."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any


def blocks(page: str, language: str) -> list[str]:
    """The page's blocks of code in one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def test_the_tutorial_works_as_it_stands(installed: Any, root: Path) -> None:
    """The page's program compiles, runs and is charged by the page's commands, and prints what the page says."""
    page = (root / "docs" / "tutorial.md").read_text()
    (program,), (answer, _) = blocks(page, "c"), blocks(page, "text")
    (installed.folder / "primes.c").write_text(program)
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]

    done = [installed.run(*shlex.split(command)) for command in commands]
    (rows,) = [installed.run(sys.executable, "-c", block) for block in blocks(page, "python")]

    assert [] == [(one.args, one.stderr) for one in [*done, rows] if one.returncode or one.stderr]
    runs = [one.stdout for command, one in zip(commands, done, strict=True) if command.startswith("tracegen run")]
    assert [answer] * 4 == [run.splitlines(keepends=True)[0] for run in runs]
    assert (installed.folder / "sieve.arrow").read_bytes() == (installed.folder / "again.arrow").read_bytes()
    assert "len" in rows.stdout
