"""The count kernel against the same algorithm in C: ``python benchmarks/count.py TRACE [TRACE ...]``.

Both walk the same arrays in the same process, five times each in turn; the table gives the medians, and the run
fails if any count differs.  C is built by the pinned ziglang with -O3 -march=native.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import models
from replay.count import make_engine, settle
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.prepare import Prepared, prepare

HERE = Path(__file__).resolve().parent
ROUNDS = 5


def build(name: str, folder: Path) -> Any:
    """The C twin of model ``name`` as a loaded library."""
    target = folder / f"{name}.so"
    source = str(HERE / "c" / f"{name}.c")
    flags = ["-O3", "-march=native", "-shared", "-fPIC", "-w", "-fno-sanitize=all"]
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *flags, source, "-o", str(target)], check=True)
    return ctypes.CDLL(str(target)).count_rows


def fields(value: Any) -> Iterator[int]:
    """Addresses and numbers in a nested NamedTuple, in order: the C structure of the same name."""
    if isinstance(value, np.ndarray):
        yield value.ctypes.data
    elif isinstance(value, tuple):
        for part in value:
            yield from fields(part)
    else:
        yield int(value)


def struct(value: Any, *more: int) -> Any:
    """A C structure of 8-byte fields."""
    words = [*fields(value), *more]
    return (ctypes.c_uint64 * len(words))(*words)


def runs(name: str, prepared: Prepared, function: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """(numba, C): each makes a fresh state, walks the trace and returns (seconds, counts)."""
    model = models.load(name)
    settings = settle(model, load_machine("flash-1997"), prepared.meta, {})
    rows = prepared.columns.kind.size

    def fresh() -> tuple[Any, Any]:
        engine = make_engine(prepared, model, settings)
        return model.state(prepared, settings, engine.counts), engine

    def compiled() -> tuple[float, np.ndarray]:
        state, engine = fresh()
        start = time.perf_counter()
        count_rows(state, engine, prepared.columns, 0, rows)
        return time.perf_counter() - start, engine.counts

    def in_c() -> tuple[float, np.ndarray]:
        state, engine = fresh()
        more = (state.pmap.machine.size, state.runs.shape[1]) if name == "disco" else ()
        arguments = struct(state, *more), struct(engine), struct(prepared.columns)
        start = time.perf_counter()
        function(*arguments, ctypes.c_uint64(0), ctypes.c_uint64(rows))
        return time.perf_counter() - start, engine.counts

    return compiled, in_c


def unread(counts: np.ndarray, name: str) -> np.ndarray:
    """Counts without the counter that nobody reads."""
    return counts.reshape(-1, len(models.load(name).counters) + 1)[:, :-1]


def measure(name: str, prepared: Prepared, function: Any) -> tuple[float, float]:
    """Median seconds of (numba, C)."""
    compiled, in_c = runs(name, prepared, function)
    if not np.array_equal(unread(compiled()[1], name), unread(in_c()[1], name)):
        sys.exit(f"{name}: the kernel and its C twin count differently")
    pairs = [(compiled()[0], in_c()[0]) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trace", nargs="+")
    print(f"{'trace':24} {'model':8} {'rows':>12} {'numba Mrow/s':>13} {'C Mrow/s':>10} {'numba/C':>8}")
    with tempfile.TemporaryDirectory() as folder:
        functions = {name: build(name, Path(folder)) for name in models.BUILT_IN}
        for trace in parser.parse_args().trace:
            prepared = prepare(trace)
            rows = prepared.columns.kind.size
            for name, function in functions.items():
                ours, theirs = measure(name, prepared, function)
                speed = rows / ours / 1e6, rows / theirs / 1e6
                ratio = theirs / ours
                print(f"{Path(trace).name:24} {name:8} {rows:12,} {speed[0]:13.0f} {speed[1]:10.0f} {ratio:8.2f}")


if __name__ == "__main__":
    main()
