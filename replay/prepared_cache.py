"""Prepared traces in the user's cache folder: uncompressed, memory-mapped, keyed by digest, capped in size."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from replay.folders import cache_folder
from replay.jit import module_digest
from replay.mapped import map_array, scratch

CAP_BYTES = 8 << 30
"""When a new entry would take the folder beyond this, the entries longest unused go first; one alone may be larger."""

PREPARER = "replay.prepare"
"""The module that makes the arrays: what it compiles to is a part of an entry's name."""

CHECKSUMS = "checksums.json"
"""The file of an entry that holds the CRC-32 of each array's file."""


ASIDE = ".partial-"
"""How the name of a folder begins that is no entry yet; who makes it has it locked."""


def _folder() -> Path:
    return cache_folder() / "prepared"


def _entry(digest: str) -> Path:
    return _folder() / f"{digest}-{module_digest(PREPARER)}"


def load(digest: str) -> dict[str, np.ndarray] | None:
    """The arrays stored for this trace by exactly these sources, memory-mapped; None if there are none, or damaged.

    A kernel indexes with what it reads here, so every byte is checked first: some 30 ms for 15 M rows.
    """
    entry = _entry(digest)
    arrays = {}
    try:
        for name, checksum in dict(json.loads((entry / CHECKSUMS).read_bytes())).items():
            path = entry / f"{name}.npy"
            if _checksum(path) != checksum:
                return None
            arrays[name] = np.load(path, mmap_mode="r", allow_pickle=False)
        os.utime(entry)
    except (OSError, ValueError, TypeError):
        return None
    return arrays or None


class Draft:
    """The arrays of a trace while they are made: in an entry's folder aside, if there is one."""

    def __init__(self, entry: Path | None, aside: Path | None) -> None:
        self._entry, self._aside = entry, aside
        self._columns: dict[str, int] = {}  # name -> where the data begins in the file

    def column(self, name: str, dtype: np.dtype[Any], rows: int) -> np.ndarray:
        """A place for a column of at most so many ``rows``, of any content.

        Raises UserError where there is no room for it, in the cache or elsewhere.
        """
        if self._aside:
            try:
                with open(self._aside / f"{name}.npy", "w+b") as file:
                    self._columns[name] = _write_header(file, dtype, rows)
                    return map_array(file, dtype, rows, self._columns[name])
            except OSError:
                self.drop()
        return scratch(dtype, rows)

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Make these the entry: columns, perhaps shorter by now, and others.  Where that fails the run goes on."""
        if not (self._entry and self._aside):
            return
        with contextlib.suppress(OSError):
            for name, array in arrays.items():
                if name in self._columns:
                    self._cut(name, array)
                else:
                    np.save(self._aside / f"{name}.npy", array, allow_pickle=False)
            checksums = {name: _checksum(self._aside / f"{name}.npy") for name in arrays}
            (self._aside / CHECKSUMS).write_text(json.dumps(checksums))
            shutil.rmtree(self._entry, ignore_errors=True)  # there is one only if it was damaged
            self._aside.rename(self._entry)

    def _cut(self, name: str, array: np.ndarray) -> None:
        """Let the file of a column end with ``array``."""
        with open(cast("Path", self._aside) / f"{name}.npy", "r+b") as file:
            begin = _write_header(file, array.dtype, array.size)
            if begin != self._columns[name]:
                raise OSError("the header of an array changes its length")
            file.truncate(begin + array.nbytes)

    def drop(self) -> None:
        """Remove what is aside; arrays that lie there stay as long as the process uses them."""
        if self._aside:
            shutil.rmtree(self._aside, ignore_errors=True)
        self._aside = None


@contextlib.contextmanager
def draft(digest: str, wanted: int) -> Iterator[Draft]:
    """A draft of the entry for this trace of about ``wanted`` bytes, gone at the end unless it was saved.

    Without a digest, and where the cache cannot be written, it is kept nowhere.
    """
    if not digest:
        yield Draft(None, None)
        return
    with contextlib.ExitStack() as held:
        aside = _begin(held, wanted)
        made = Draft(_entry(digest), aside)
        try:
            yield made
        finally:  # after the renaming there is nothing left to remove; after Ctrl-C there is
            made.drop()


def _begin(held: contextlib.ExitStack, wanted: int) -> Path | None:
    """A folder aside, locked for as long as ``held`` is; None where there can be none."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        _make_room(wanted)
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=_folder()))
        number = _lock(aside)
    except OSError:
        return None
    if number is not None:
        held.callback(os.close, number)
    return aside


def _lock(folder: Path) -> int | None:
    """An open, locked ``folder``; None where another process has it locked."""
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return None
    return number


def _write_header(file: BinaryIO, dtype: np.dtype[Any], size: int) -> int:
    """Begin ``file`` as numpy does for an array: where the data begins."""
    file.seek(0)
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (size,)}
    np.lib.format.write_array_header_1_0(file, described)
    return file.tell()


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, np.uint8, "r").data)


def _make_room(wanted: int) -> None:
    """Remove what killed processes left, and the entries longest unused until ``wanted`` bytes more fit."""
    folders = [e for e in _folder().iterdir() if e.is_dir()]
    for left in [e for e in folders if e.name.startswith(ASIDE)]:
        with contextlib.suppress(OSError):
            number = _lock(left)
            if number is not None:
                shutil.rmtree(left, ignore_errors=True)
                os.close(number)
    entries = [(e.stat().st_mtime, _size(e), e) for e in folders if not e.name.startswith(ASIDE)]
    total = wanted + sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= CAP_BYTES:
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= size


def _size(entry: Path) -> int:
    return sum(file.stat().st_size for file in entry.iterdir())
