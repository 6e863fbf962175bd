"""How long the command lines take to answer: help, and a first and a later run on a small trace."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.result import Result

REPEATS = 5
BIN = Path(sys.executable).parent

SMALL_TRACE = ("radix", "--keys", "20000", "-o", "small.arrow")
"""About a million rows."""


def results() -> list[Result]:
    """Wall-clock seconds of whole processes: medians of REPEATS runs, the cold one a single run."""
    with tempfile.TemporaryDirectory() as folder:
        command = _in_folder(Path(folder))
        command("tracegen", "run", *SMALL_TRACE)
        charge = ("replay", "run", "small.arrow", "--model", "disco", "--json")
        os.environ["VMREPLAY_CACHE"] = str(Path(folder) / "cache")
        cold = command(*charge)
        warm = statistics.median(command(*charge) for _ in range(REPEATS))
        helped = statistics.median(command("replay", "--help") for _ in range(REPEATS))
    return [
        Result("replay --help", helped, "s", most=0.5),
        Result("replay run, 1 M rows, warm", warm, "s", most=2.0),
        Result("replay run, 1 M rows, empty caches", cold, "s", most=20.0),
    ]


def _in_folder(folder: Path) -> Callable[..., float]:
    def command(program: str, *arguments: str) -> float:
        start = time.perf_counter()
        subprocess.run([BIN / program, *arguments], cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start

    return command
