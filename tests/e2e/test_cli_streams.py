"""What goes to stdout and what to stderr, in a terminal, in a pipe, and for a shell that completes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

ESCAPE = "\x1b"
STYLE = r"\x1b\[[0-9;?]*[A-Za-z]"


def in_terminal(installed: Any, *command: str, **variables: str) -> str:
    """What ``command`` shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = installed.environment(TERM="xterm-256color", COLUMNS="80", **variables)
    with subprocess.Popen(
        [installed.bin / command[0], *command[1:]], cwd=installed.folder, env=environment, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while part := _read(ours):
            shown += part
    os.close(ours)
    assert 0 == process.returncode
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that the other side is closed
        return b""


@pytest.mark.parametrize("verb", ["run", "compare"])
def test_screens_fit_eighty_columns(installed: Any, small_trace: Path, verb: str) -> None:
    """No line of a table is wider than the terminal, and none is cut."""
    options = ["--model", "disco"] if verb == "run" else []
    installed.run("replay", verb, str(small_trace), *options)  # what it compiles shows no progress the second time
    shown = re.sub(STYLE, "", in_terminal(installed, "replay", verb, str(small_trace), *options))

    assert [] == [line for line in shown.splitlines() if len(line) > 80 or "…" in line]


def test_colour_is_for_terminals_that_want_it(installed: Any, small_trace: Path) -> None:
    """A terminal gets bold and colour; NO_COLOR takes the colour, a pipe takes all of it."""
    command = ("replay", "run", str(small_trace), "--model", "disco")

    assert ESCAPE in in_terminal(installed, *command)
    assert f"{ESCAPE}[3" not in in_terminal(installed, *command, NO_COLOR="1")
    assert ESCAPE not in installed.run(*command).stdout


def test_pipes_get_the_table_and_nothing_else(installed: Any, small_trace: Path) -> None:
    """In a pipe the table has no trailing spaces, and stderr stays empty: no bars, no notices."""
    done = installed.run("replay", "run", str(small_trace), "--model", "disco")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("\n")
    assert [] == [line for line in done.stdout.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize(
    "command",
    ["tracegen run gups words=512 updates=100 -o t.arrow", "replay run SMALL --model native", "replay compare SMALL"],
)
def test_json_is_alone_on_stdout(installed: Any, small_trace: Path, command: str) -> None:
    """With --json, stdout holds one JSON document whatever else there is to say."""
    done = installed.run(*command.replace("SMALL", str(small_trace)).split(), "--json")

    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("replay run t.arrow --model d", "disco"),
        ("replay run t.arrow --machine flash-1997-n", "flash-1997-numa"),
        ("tracegen run rad", "radix"),
        ("tracegen run radix --cpu m", "mips64"),
    ],
)
def test_shells_complete_names(installed: Any, words: str, offered: str) -> None:
    """Shell completion knows the names of models, machines, workloads and CPUs."""
    program = words.split(maxsplit=1)[0]
    asked = {f"_{program.upper()}_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = installed.run(program, **asked)

    assert [offered] == done.stdout.split()


def test_a_reader_that_goes_away_is_no_error(installed: Any) -> None:
    """`replay ... | head -1` ends quietly."""
    line = f"'{installed.bin}/replay' explain disco | head -1"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=installed.folder,
        env=installed.environment(),
        text=True,
        capture_output=True,
        check=True,
    )

    assert ("", True) == (done.stderr, done.stdout.startswith("disco: "))
