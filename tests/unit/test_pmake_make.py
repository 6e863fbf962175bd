"""The guest's make, run on the host: what it builds, in which order, and where it stops."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tracegen import build

RunTool = Callable[[str, Path], subprocess.CompletedProcess[str]]
FILES = build.GUEST / build.FILES
MAKEFILE = """# a comment
OBJECTS = a.o \\
\tb.o
x: $(OBJECTS)
\tld $@ $^
%.o: %.c
\tcc $< $@
$(OBJECTS): x.h # both
out.txt: x
\tinterp x > out.txt
same: out.txt
\tcmp out.txt want.txt
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program of two sources, all of one age."""
    contents = {
        "Makefile": MAKEFILE,
        "x.h": "#define LETTER 'x'\nint f(void);\n",
        "a.c": '#include "x.h"\nint f(void) { return LETTER; }\n',
        "b.c": '#include "x.h"\nint putchar(int c);\nint main(void) { putchar(f()); putchar(10); return 0; }\n',
        "want.txt": "x\n",
    }
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
        age(tmp_path / name, 100)
    return tmp_path


def age(path: Path, seconds: int) -> None:
    """Make a file as old as a fixed time plus ``seconds``."""
    os.utime(path, (10**9 + seconds, 10**9 + seconds))


def commands(run_tool: RunTool, folder: Path, target: str) -> list[str]:
    """What pmake runs for ``target``, one at a time; it has to succeed."""
    done = run_tool(f"pmake 1 1 {target}", folder)
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout.splitlines()[:-1]


BUILD = ["cc a.c a.o", "cc b.c b.o", "ld x a.o b.o"]


def test_everything_is_built_once(run_tool: RunTool, folder: Path) -> None:
    """What is needed is made first, in the order of the Makefile; a second time there is nothing to do."""
    assert BUILD == commands(run_tool, folder, "x")
    assert "pmake: x is up to date\n" == run_tool("pmake 1 1 x", folder).stdout


@pytest.mark.parametrize(
    ("changed", "rebuilt"),
    [("a.c", ["cc a.c a.o", "ld x a.o b.o"]), ("x.h", BUILD), ("b.o", ["ld x a.o b.o"]), ("want.txt", [])],
)
def test_only_what_changed_is_built_again(run_tool: RunTool, folder: Path, changed: str, rebuilt: list[str]) -> None:
    """A newer file makes what needs it, and nothing else."""
    commands(run_tool, folder, "x")
    for name, seconds in (("a.o", 200), ("b.o", 200), ("x", 300)):
        age(folder / name, seconds)
    age(folder / changed, 400)

    assert rebuilt == commands(run_tool, folder, "x")


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_output_is_compared(run_tool: RunTool, folder: Path, jobs: int) -> None:
    """However many commands run at a time, the program's output goes to the file and is compared."""
    done = run_tool(f"pmake {jobs} 1 same", folder)

    assert (0, "pmake: same is made: 5 commands") == (done.returncode, done.stdout.splitlines()[-1])
    assert "x\n" == (folder / "out.txt").read_text()


def test_wrong_output_is_a_failure(run_tool: RunTool, folder: Path) -> None:
    """A difference is told with its line, and make fails."""
    (folder / "want.txt").write_text("y\n")
    done = run_tool("pmake 2 1 same", folder)
    lines = ["cmp: out.txt and want.txt differ from line 1 on", "pmake: 'cmp out.txt want.txt' ended with status 1"]

    assert (1, lines) == (done.returncode, done.stderr.splitlines())


def test_failure_stops_what_would_follow(run_tool: RunTool, folder: Path) -> None:
    """After a failed command nothing more is started, and the lines say which and where."""
    (folder / "a.c").write_text("int f(void) { return g; }\n")
    done = run_tool("pmake 1 1 x", folder)

    assert (1, ["cc a.c a.o"]) == (done.returncode, done.stdout.splitlines())
    assert ["a.c:1: 'g' is not declared", "pmake: 'cc a.c a.o' ended with status 1"] == done.stderr.splitlines()


def test_failed_target_is_removed(run_tool: RunTool, folder: Path) -> None:
    """The half-made file of a failed command does not count as made the next time."""
    (folder / "b.c").write_text("int putchar(int c); int main(void) { putchar(88); return 3; }\n")
    done = run_tool("pmake 2 1 out.txt", folder)

    assert (3, "pmake: 'interp x > out.txt' ended with status 3\n") == (done.returncode, done.stderr)
    assert not (folder / "out.txt").exists()


@pytest.mark.parametrize(
    ("makefile", "line"),
    [
        ("x: y\n", "pmake: no rule makes 'y', which is needed by x"),
        ("x: y\ny: x\n", "pmake: 'x' needs itself"),
        ("\tcc a b\n", "Makefile:1: a command without a rule: 'cc a b'"),
        ("x: a.c\n\tcc $(FLAGS)\n", "Makefile:2: variable 'FLAGS' is not set"),
        ("x:\n\ta\n\tb\n", "Makefile:3: a second command for 'x'"),
        ("one two\n", "Makefile:1: neither a rule nor a variable: 'one two'"),
        ("A = $(A)\nx: $(A)\n", "Makefile:2: variables stand for each other too deep: 'A'"),
        ("# nothing\n", "pmake: the Makefile makes nothing"),
        ("x:\n\t" + "cc " * 90 + "\n", "Makefile:2: the command of 'x' is too long"),
    ],
    ids=["no-rule", "cycle", "no-target", "variable", "second", "neither", "deep", "empty", "long"],
)
def test_makefile_mistakes_are_one_line(run_tool: RunTool, tmp_path: Path, makefile: str, line: str) -> None:
    """A Makefile that makes no sense is refused with the line or the target that is at fault."""
    (tmp_path / "Makefile").write_text(makefile)
    (tmp_path / "a.c").write_text("int a;\n")
    done = run_tool("pmake 2 1", tmp_path)

    assert (1, line) == (done.returncode, done.stderr.splitlines()[0])


def test_missing_program_is_one_line(run_tool: RunTool, tmp_path: Path) -> None:
    """A command whose program is not there is said to be so, and its status is that of a shell."""
    (tmp_path / "Makefile").write_text("x:\n\tnone a\n")
    done = run_tool("pmake 2 1", tmp_path)

    assert (127, "pmake: cannot run 'none a'") == (done.returncode, done.stderr.splitlines()[0])


def test_makefile_names_every_source() -> None:
    """Each source and each header of the program that is built stands in its Makefile, and nothing else."""
    named = set(re.findall(r"\b\w+\.[oh]\b", (FILES / "Makefile").read_text()))
    there = {p.with_suffix(".o").name for p in FILES.glob("*.c")} | {p.name for p in FILES.glob("*.h")}

    assert there == named
    assert 40 <= len(list(FILES.glob("*.c")))
