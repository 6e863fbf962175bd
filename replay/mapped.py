"""Arrays that may be larger than memory: they lie in files, which the system drops from memory and reads again.

Room in the file is reserved first, so that a full disk is an error here and no signal (SIGBUS) later.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from replay.errors import UserError, remedy

IN_MEMORY = 1 << 25
"""Bytes up to which an array is kept in memory; a greater one lies in a file."""

CHUNK_ROWS = 1 << 20
"""Rows decoded, looked at, or counted as they come, in one go: some milliseconds and megabytes; Ctrl-C works."""

SLIDE_BYTES = 1 << 24
"""What a sliding array forgets at a time: whole pages, large ones too."""

NO_RESERVE = 0x4000
"""MAP_NORESERVE of Linux: address space without memory behind it."""

LARGE_FILES = "/var/tmp"  # noqa: S108 - files there have no names
"""Where systems keep large temporary files: their /tmp may lie in memory."""


def map_array(file: BinaryIO, dtype: np.dtype[Any], size: int, offset: int = 0) -> np.ndarray:
    """An array of ``size`` elements in ``file`` from byte ``offset`` on; the file may be closed.  Raises OSError."""
    os.posix_fallocate(file.fileno(), 0, max(1, offset + size * dtype.itemsize))
    return np.memmap(file, dtype, "r+", offset, (size,)).view(np.ndarray)


def scratch(dtype: np.dtype[Any], size: int) -> np.ndarray:
    """An array of any content that goes with the process, a large one in a file without a name.

    Raises UserError where there is no room for it.
    """
    if size * dtype.itemsize <= IN_MEMORY:
        return np.empty(size, dtype)
    folder = _folder()
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return map_array(file, dtype, size)
    except OSError as error:
        room = f"{size * dtype.itemsize:,} bytes for {size:,} rows"
        raise UserError(f"{folder}: no {room}: {remedy(error)}; name a folder with room in TMPDIR") from None


def _folder() -> str:
    """The folder for large temporary files: the user's choice first."""
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return tempfile.gettempdir() if chosen or not os.access(LARGE_FILES, os.W_OK) else LARGE_FILES


def copied(array: np.ndarray) -> np.ndarray:
    """A scratch array with the content of ``array``."""
    made = scratch(array.dtype, array.size)
    for part in chunks(array.size):
        made[part] = array[part]
    return made


def chunks(rows: int) -> Iterator[slice]:
    """``rows`` in order, CHUNK_ROWS at a time."""
    return (slice(first, min(first + CHUNK_ROWS, rows)) for first in range(0, rows, CHUNK_ROWS))


class Sliding:
    """An array in memory of which a stretch is there at a time: what was forgotten takes no memory, and reads as 0."""

    def __init__(self, dtype: np.dtype[Any], size: int) -> None:
        """``size`` zeros, however much memory there is.  Raises UserError where there are no addresses for them."""
        bytes_in_all = max(1, size * dtype.itemsize)
        try:
            self._memory = mmap.mmap(-1, bytes_in_all, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_RESERVE)
        except OSError as error:
            room = f"{bytes_in_all:,} bytes of address space"
            raise UserError(f"no {room} for {size:,} rows: {remedy(error)}; lift `ulimit -v`") from None
        with contextlib.suppress(OSError):  # a system without large pages
            self._memory.madvise(mmap.MADV_HUGEPAGE)
        self._forgotten = 0
        self.array: np.ndarray = np.frombuffer(self._memory, dtype, size)

    def clear(self) -> None:
        """Forget all; what is written next may begin anywhere."""
        self._memory.madvise(mmap.MADV_DONTNEED)
        self._forgotten = 0

    def forget(self, before: int) -> None:
        """Elements before number ``before`` are needed no more; a whole stretch of SLIDE_BYTES goes at a time."""
        end = before * self.array.itemsize // SLIDE_BYTES * SLIDE_BYTES
        if end > self._forgotten:
            self._memory.madvise(mmap.MADV_DONTNEED, self._forgotten, end - self._forgotten)
            self._forgotten = end
