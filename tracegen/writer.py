"""Streams recorded rows into a trace file: unpacking and compression run beside the guest, on another core."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from replay.jit import kernel
from replay.trace.container import Closing, TraceFile
from replay.trace.meta import TraceMeta
from replay.trace.schema import COLUMNS, PACK_SHIFT

KIND_SHIFT, CTX_SHIFT = np.uint64(PACK_SHIFT["kind"]), np.uint64(PACK_SHIFT["ctx"])
INFO_SHIFT, PAGE_SHIFT = np.uint64(PACK_SHIFT["info"]), np.uint64(PACK_SHIFT["page"])


@kernel
def _unpack(words, kind, ctx, info, page):  # type: ignore[no-untyped-def]
    for i in range(words.size):
        word = words[i]
        kind[i] = word >> KIND_SHIFT
        ctx[i] = word >> CTX_SHIFT
        info[i] = word >> INFO_SHIFT
        page[i] = word >> PAGE_SHIFT


def unpack(words: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Recorder rows (u64 words and u8 retired counts, equal lengths) as fresh columns of COLUMNS."""
    columns = {name: np.empty(words.size, dtype) for name, dtype in COLUMNS.items()}
    _unpack(words, columns["kind"], columns["ctx"], columns["info"], columns["page"])
    columns["n"][:] = counts
    return columns


class TraceWriter:
    """A context manager that owns one trace file.  Leaving it without ``commit`` leaves nothing on disk.

    ``write`` may be handed two alternating buffers: when it returns, the buffer of the *previous* call is free
    again, the one just handed in is not.
    """

    def __init__(self, path: str | Path, meta: TraceMeta) -> None:
        self.file = TraceFile(Path(path), meta)
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="trace-writer")
        self.pending: Future[None] | None = None
        self.kinds = np.zeros(256, np.int64)
        self.instructions = 0

    def __enter__(self) -> Self:
        return self

    def write(self, words: np.ndarray, counts: np.ndarray) -> None:
        """Queue rows (u64 words, u8 counts).  Raises UserError if an earlier write failed, e.g. on a full disk."""
        self._drain()
        self.pending = self.worker.submit(self._write, words, counts)

    def _write(self, words: np.ndarray, counts: np.ndarray) -> None:
        columns = unpack(words, counts)
        self.kinds += np.bincount(columns["kind"], minlength=256)
        self.instructions += int(columns["n"].sum(dtype=np.int64))
        self.file.write(columns)

    def _drain(self) -> None:
        if self.pending is not None:
            pending, self.pending = self.pending, None
            pending.result()

    def commit(self, summary: dict[str, Any]) -> Closing:
        """Finish the file and move it into place.  ``summary`` goes into the closing batch beside rows by kind."""
        self._drain()
        kinds = {str(k): int(count) for k, count in enumerate(self.kinds) if count}
        return self.file.commit({**summary, "kinds": kinds, "instructions": self.instructions})

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.worker.shutdown(wait=True, cancel_futures=True)
        self.file.abandon()
