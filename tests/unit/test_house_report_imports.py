"""A report reads results: it needs no compiler, whose import takes longer than the page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import models
from replay import api
from replay import document as results
from replay.handmade import Script
from replay.machine import load_machine
from replay.trace.schema import Cause, Kind, Sensitive

GRID = 'traces = ["hand.arrow"]\nmodels = ["native"]\n\n[price]\nmonitor_entry = "1:17:+1"\n'
REPORT = """
import sys
from pathlib import Path
from replay.commands.report import report

report([Path(sys.argv[1])], Path(sys.argv[2]))
print(*sorted(name for name in ("numba", "llvmlite") if name in sys.modules))
"""


def guest() -> Script:
    """Work and traps."""
    script = Script()
    for at in range(20):
        script.row(Kind.LOAD8, script.user(4 + at % 9), n=90)
        script.exception(Cause.SYSCALL)
        script.sensitive(Sensitive.MTC0)
    return script


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run."""
    outcome = results.outcome(
        guest().prepared(), models.load("native"), models.load("native"), load_machine("flash-1997"), interval=1000
    )
    folder = tmp_path_factory.mktemp("run") / "out"
    results.save(str(folder), outcome)
    return folder


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of 17 points, too many to be shown one by one."""
    folder = tmp_path_factory.mktemp("sweep")
    guest().save(folder / "hand.arrow")
    (folder / "grid.toml").write_text(GRID)
    api.sweep(folder / "grid.toml", folder / "out")
    return folder / "out"


@pytest.mark.parametrize("form", ["html", "md", "json", "csv"])
@pytest.mark.parametrize("what", ["run", "sweep"])
def test_a_report_imports_no_compiler(what: str, form: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A page, or text or data, of a run or of a sweep is made without numba and LLVM."""
    folder = request.getfixturevalue(what)
    command = [sys.executable, "-c", REPORT, str(folder), str(tmp_path / f"report.{form}")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (0, "\n") == (done.returncode, done.stdout)
