"""Streams recorded rows into a trace file: unpacking and compression run beside the guest, on another core."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from replay.jit import kernel
from replay.trace.container import Closing, TraceFile
from replay.trace.meta import TraceMeta
from replay.trace.schema import COLUMNS, PACK_SHIFT
from tracegen.cpu.buffers import AHEAD

KIND_SHIFT, CTX_SHIFT = np.uint64(PACK_SHIFT["kind"]), np.uint64(PACK_SHIFT["ctx"])
LANES = 4
LANE, KIND_MASK = np.uint64(LANES - 1), np.uint64(0xFF)
INFO_SHIFT, PAGE_SHIFT = np.uint64(PACK_SHIFT["info"]), np.uint64(PACK_SHIFT["page"])


@kernel
def _unpack(words, counts, kind, ctx, info, page, tallies):  # type: ignore[no-untyped-def]
    """Fill four columns, add to the rows by kind; the sum of ``counts``."""
    retired = np.uint64(0)
    for i in range(words.size):
        word = words[i]
        kind[i] = word >> KIND_SHIFT
        ctx[i] = word >> CTX_SHIFT
        info[i] = word >> INFO_SHIFT
        page[i] = word >> PAGE_SHIFT
        tallies[np.uint64(i) & LANE, word & KIND_MASK] += 1
        retired += counts[i]
    return retired


def unpack(words: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Recorder rows (u64 words and u8 retired counts, equal lengths) as fresh columns of COLUMNS."""
    columns = new_columns(words.size)
    _unpack(words, counts, *(columns[name] for name in PACK_SHIFT), new_tallies())
    columns["n"][:] = counts
    return columns


def new_columns(rows: int) -> dict[str, np.ndarray]:
    """Uninitialised columns of COLUMNS."""
    return {name: np.empty(rows, dtype) for name, dtype in COLUMNS.items()}


def new_tallies() -> np.ndarray:
    """Rows by kind, in LANES parts: counting rows of one kind in a row would wait for each sum to be stored."""
    return np.zeros((LANES, 256), np.int64)


class TraceWriter:
    """A context manager that owns one trace file.  Leaving it without ``commit`` leaves nothing on disk.

    When ``write`` returns, at most ``AHEAD`` of the buffers handed in, the latest, are still to be read.
    """

    def __init__(self, path: str | Path, meta: TraceMeta) -> None:
        self.file = TraceFile(Path(path), meta)
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="trace-writer")
        self.pending: deque[Future[None]] = deque()
        self.columns = new_columns(0)
        self.tallies = new_tallies()
        self.instructions = 0

    def __enter__(self) -> Self:
        return self

    def write(self, words: np.ndarray, counts: np.ndarray) -> None:
        """Queue rows (u64 words, u8 counts).  Raises UserError if an earlier write failed, e.g. on a full disk."""
        self._drain(AHEAD - 1)
        self.pending.append(self.worker.submit(self._write, words, counts))

    def _write(self, words: np.ndarray, counts: np.ndarray) -> None:
        if self.columns["kind"].size < words.size:  # memory that was used before is faster than fresh memory
            self.columns = new_columns(words.size)
        columns = {name: column[: words.size] for name, column in self.columns.items()} | {"n": counts}
        retired = _unpack(words, counts, *(columns[name] for name in PACK_SHIFT), self.tallies)
        self.instructions += int(retired)
        self.file.write(columns)

    def _drain(self, left: int) -> None:
        """Wait until at most ``left`` chunks are pending."""
        while len(self.pending) > left:
            self.pending.popleft().result()

    def commit(self, summary: dict[str, Any]) -> Closing:
        """Finish the file and move it into place.  ``summary`` goes into the closing batch beside rows by kind."""
        self._drain(0)
        kinds = {str(k): int(count) for k, count in enumerate(self.tallies.sum(axis=0)) if count}
        return self.file.commit({**summary, "kinds": kinds, "instructions": self.instructions})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.worker.shutdown(wait=True, cancel_futures=True)
        self.file.abandon()
