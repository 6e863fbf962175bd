"""How long the command lines take to answer: help, and a first and a later run on a small trace."""

from __future__ import annotations

import statistics
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.processes import seconds
from benchmarks.result import Result

REPEATS = 5

SMALL_TRACE = ("radix", "--keys", "20000", "-o", "small.arrow")
"""About a million rows."""


def results() -> list[Result]:
    """Wall-clock seconds of whole processes: medians of REPEATS runs, the cold one a single run."""
    with tempfile.TemporaryDirectory() as folder:
        seconds(Path(folder), "tracegen", "run", *SMALL_TRACE)
        command = partial(seconds, Path(folder), cache=Path(folder) / "cache")
        charge = ("replay", "run", "small.arrow", "--model", "disco", "--json")
        cold = command(*charge)
        warm = statistics.median(command(*charge) for _ in range(REPEATS))
        helped = statistics.median(command("replay", "--help") for _ in range(REPEATS))
    return [
        Result("replay --help", helped, "s", most=0.5),
        Result("replay run, 1 M rows, warm", warm, "s", most=2.0),
        Result("replay run, 1 M rows, empty caches", cold, "s", most=20.0),
    ]
