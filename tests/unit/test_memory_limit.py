"""A trace whose columns are many times what a process may map is prepared and counted in it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
from replay import mapped, marks
from replay.count import count
from replay.jit import cache_folder
from replay.machine import load_machine
from replay.prepare import ROW_BYTES, from_rows, prepare
from replay.trace.container import TraceFile
from replay.trace.meta import TraceMeta
from replay.trace.schema import Kind, Wake

LIMIT = 320 << 20
"""Bytes of data that the process may map: numpy, numba and Arrow take some 200 MB."""

BATCH, BATCHES = 1 << 20, 80

FEW_THREADS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "2"}
"""Environment in which no library maps memory for each of many processors."""

COUNT = """
import resource, sys
import models
import numpy as np
from replay.count import count
from replay.errors import UserError
from replay.machine import load_machine
from replay.prepare import prepare

limit, rows = int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.empty(rows, np.uint32)
    sys.exit("there is no limit")
except MemoryError:
    pass
prepared = prepare(sys.argv[1], use_cache=sys.argv[4] == "cached")
counts = count(prepared, models.load("native"), load_machine("flash-1997"))
print(prepared.columns.kind.size, counts.total("instructions"), counts.total("references"))
"""


@pytest.fixture
def long_trace(
    tmp_path: Path, meta: TraceMeta, rows: list[tuple[int, ...]], columns: Callable[..., dict[str, np.ndarray]]
) -> Path:
    """A trace of BATCHES times BATCH references, each of one instruction."""
    path = tmp_path / "long.arrow"
    file = TraceFile(path, meta)
    count(from_rows(rows, meta), models.load("native"), load_machine("flash-1997"))  # compiles, without a limit
    *first, store, last = rows
    file.write(columns(first))
    one = columns([store])
    many = {name: np.resize(column, BATCH) for name, column in one.items()}
    many["n"][:] = 1
    for _ in range(BATCHES):
        file.write(many)
    file.write(columns([last]))
    file.commit({"complete": True, "status": 0})
    return path


@pytest.fixture
def own_cache(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment with a cache folder for this test's traces, gone after it; kernels are those of all tests."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / "kernels").symlink_to(cache_folder() / "kernels")
    yield {"VMREPLAY_CACHE": str(folder)}
    shutil.rmtree(folder)


@pytest.mark.parametrize("cache", ["cached", "uncached"])
def test_a_trace_larger_than_memory_is_counted(long_trace: Path, own_cache: dict[str, str], cache: str) -> None:
    """A process that may map less than half of a trace's columns prepares and counts it, cached or not."""
    rows = BATCH * BATCHES
    done = subprocess.run(
        [sys.executable, "-c", COUNT, long_trace, str(LIMIT), str(rows), cache],
        env=os.environ | FEW_THREADS | own_cache,
        check=False,
        capture_output=True,
        text=True,
    )

    assert rows * ROW_BYTES > 2 * LIMIT
    assert ("", 0) == (done.stderr, done.returncode)
    assert [rows + 4, rows + 5, rows + 2] == [int(word) for word in done.stdout.split()]


def _counted(trace: Path) -> list[Any]:
    """Columns, places, device rows and counts of a trace with its marks told apart."""
    prepared = marks.split(prepare(str(trace), use_cache=False))
    counts = count(prepared, models.load("native"), load_machine("flash-1997"))
    arrays = (*prepared.columns, *prepared.places, *prepared.moments[:-2], counts.n, counts.by_stretch())
    return [array.tolist() for array in arrays]


def test_arrays_in_files_hold_what_arrays_in_memory_do(
    write: Callable[..., Path], rows: list[tuple[int, ...]], meta: TraceMeta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether columns, marks and the counts between device rows lie in memory or in files changes no number."""
    waits = [row for units in range(1, 6) for row in ((Kind.IDLE, 0, Wake.TIMER, units, 1), rows[-2])]
    regions = [(Kind.MARK_BEGIN, 0, 0, 1, 0), *waits, (Kind.MARK_END, 0, 0, 1, 0)]
    trace = write([*rows[:-1], *regions, *waits, rows[-1]], dataclasses.replace(meta, marks=((1, "one"),)))
    inside = _counted(trace)
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)
    monkeypatch.setattr(mapped, "CHUNK_ROWS", 3)

    assert inside == _counted(trace)
