"""Speed of recording under the guest operating system, to a compressed file, beside un-hooked Unicorn on user code."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.cpu import build, reference
from benchmarks.result import Result
from tracegen.elf import read_elf
from tracegen.machine import make
from tracegen.record import record

WORKLOADS = ("pmake", "usertests")
"""Full of processes, faults and disk requests, at their default sizes."""
RUNS = 3
LEAST = 0.3
"""Guest instructions per second over Unicorn's of user code that recording is to reach."""


def unicorns_speed() -> float:
    """Instructions per second of wall-clock time of one run of the user-code benchmark, its code translated before."""
    image = build()
    entry = read_elf(image).entry
    machine = make("mips64", image)
    machine.run()
    uc = reference(image)
    seconds = 0.0
    for _ in range(2):
        start = time.perf_counter()
        uc.emu_start(entry, entry + 16)
        seconds = time.perf_counter() - start
    return machine.instructions / seconds


def recording_speed(workload: str, folder: Path) -> float:
    """Instructions per second of wall-clock time, from the call to the closed file."""
    start = time.perf_counter()
    summary = record(workload, output=folder / "t.arrow")
    return summary.instructions / (time.perf_counter() - start)


def results() -> list[Result]:
    """Guest instructions per second of each workload, both sides in turn: medians after a run that compiles."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for workload in WORKLOADS:
            recording_speed(workload, Path(folder))
            pairs = [(recording_speed(workload, Path(folder)), unicorns_speed()) for _ in range(RUNS)]
            ours, theirs = (statistics.median(values) / 1e6 for values in zip(*pairs, strict=True))
            what = f"record {workload} to a file"
            found.append(Result(what, ours, "M instr/s", "Unicorn, user code, no hooks", theirs, least=LEAST))
    return found
