"""The page of a sweep of a thousand points: how long the command takes that makes it, and how much there is to send."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.processes import seconds
from benchmarks.result import Result
from benchmarks.startup import SMALL_TRACE

REPEATS = 5
SWEEP = ("sweep", "small.arrow", "--model", "all", "--price", "stall.other=0.02:2:+0.02", "-o", "out")
"""A hundred prices under each model."""
PAGE = ("report", "out", "-o", "page.html")


def results() -> list[Result]:
    """Wall-clock seconds of whole processes, a median of REPEATS; the first is a single one, with nothing kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(folder, "tracegen", "run", *SMALL_TRACE)
        seconds(folder, "replay", *SWEEP)
        seconds(folder, "replay", "report", "out", "-o", "points.json")
        points = len(json.loads((folder / "points.json").read_text())["sweep"]["points"])
        first = seconds(folder, "replay", *PAGE, cache=folder / "cache")
        later = statistics.median(seconds(folder, "replay", *PAGE) for _ in range(REPEATS))
        size = (folder / "page.html").stat().st_size / 1e6
    return [
        Result(f"page of {points:,} points", later, "s", most=5.0),
        Result(f"page of {points:,} points, empty caches", first, "s", most=5.0),
        Result(f"page of {points:,} points", size, "MB", most=5.0),
    ]
