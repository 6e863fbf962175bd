"""How long a model takes when it is first used, and later: each in a process of its own, on a trace of one access."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import models
from benchmarks.result import Result
from replay.count import count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import Kind

RUNS = 3
FIRST, LATER = 3.0, 0.3
"""Seconds."""
CPU = "x86-64"


def seconds(model: str) -> float:
    """Seconds of counting one access under ``model`` in this process: all of it is compiling or loading its kernel."""
    script = Script(handmade_meta(architecture=CPU))
    script.row(Kind.LOAD8, script.user(7))
    prepared, loaded = script.prepared(), models.load(model)
    machine = load_machine(loaded.machine[CPU])
    start = time.perf_counter()
    count(prepared, loaded, machine, {})
    return time.perf_counter() - start


def _elsewhere(model: str, caches: str) -> float:
    environment = {**os.environ, "VMREPLAY_CACHE": caches}
    command = [sys.executable, "-m", "benchmarks.first_use", model]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def results() -> list[Result]:
    """Medians of each model's first use and of a later one."""
    found = []
    for model in models.entries():
        first, later = [], []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory() as caches:
                first.append(_elsewhere(model, caches))
                later.append(_elsewhere(model, caches))
        found.append(Result(f"{model}: first use", statistics.median(first), "s", most=FIRST))
        found.append(Result(f"{model}: later use", statistics.median(later), "s", most=LATER))
    return found


if __name__ == "__main__":
    print(seconds(sys.argv[1]))
