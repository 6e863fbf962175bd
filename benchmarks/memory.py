"""How much memory a trace of a billion instructions takes to write and to replay, where there is no more than 1 GB."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.processes import BIN
from benchmarks.result import Result

LIMIT = 1 << 30
"""Bytes that a process may have of its own; one that charges fails beyond them."""

CPUS, MODELS = ("mips64", "x86-64"), ("native", "disco")
BETWEEN_LOOKS = 0.02


def results() -> list[Result]:
    """Peak memory of recording ``graph`` at its default size on both CPUs, and of charging the traces."""
    with tempfile.TemporaryDirectory() as folder:
        return [result for cpu in CPUS for result in _results(cpu, Path(folder))]


def _results(cpu: str, folder: Path) -> list[Result]:
    trace = str(folder / f"{cpu}.arrow")
    found = [_peak(resource.RLIM_INFINITY, "tracegen", "run", "graph", "--cpu", cpu, "-o", trace)]
    found += [_peak(LIMIT, "replay", "run", trace, "--model", model) for model in MODELS]
    what = [f"record graph, {cpu}, guest memory among it", *(f"{model} on graph, {cpu}" for model in MODELS)]
    return [
        Result(name, peak / (1 << 30), "GB", most=LIMIT / (1 << 30)) for name, peak in zip(what, found, strict=True)
    ]


def _peak(most: int, program: str, *arguments: str) -> int:
    """Most bytes that are the process's own at once, mapped files left out: those can go from memory at any time.

    It may map no more than ``most``, touched or not: a recorder maps large tables that stay mostly empty.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))

    command = [str(BIN / program), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=limit) as process:  # noqa: PLW1509
        peak = 0
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(BETWEEN_LOOKS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def anonymous_bytes(process: int) -> int:
    """Bytes in memory of ``process`` that lie in no file; 0 once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon:"))
