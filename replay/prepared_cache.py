"""Prepared traces in the user's cache folder: uncompressed, memory-mapped, keyed by digest, capped in size."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import zlib
from pathlib import Path

import numpy as np

from replay.jit import cache_folder, module_digest

CAP_BYTES = 8 << 30
"""When a new entry would take the folder beyond this, the entries longest unused go first."""

PREPARER = "replay.prepare"
"""The module that makes the arrays: what it compiles to is a part of an entry's name."""

CHECKSUMS = "checksums.json"
"""The file of an entry that holds the CRC-32 of each array's file."""


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


def save(digest: str, arrays: dict[str, np.ndarray]) -> None:
    """Store ``arrays``, written aside and renamed.  A cache that cannot be written is no error: the run goes on."""
    entry = _entry(digest)
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        _make_room(sum(array.nbytes for array in arrays.values()))
        aside = Path(tempfile.mkdtemp(prefix=".partial-", dir=entry.parent))
        try:
            for name, array in arrays.items():
                np.save(aside / f"{name}.npy", array, allow_pickle=False)
            checksums = {name: _checksum(aside / f"{name}.npy") for name in arrays}
            (aside / CHECKSUMS).write_text(json.dumps(checksums))
            shutil.rmtree(entry, ignore_errors=True)  # there is one only if it was damaged
            aside.rename(entry)
        finally:  # after the renaming there is nothing left to remove; after Ctrl-C there is
            shutil.rmtree(aside, ignore_errors=True)


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, np.uint8, "r").data)


def _make_room(wanted: int) -> None:
    folders = [e for e in _folder().iterdir() if e.is_dir()]
    entries = [(e.stat().st_mtime, sum(f.stat().st_size for f in e.iterdir()), e) for e in folders]
    total = wanted + sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= CAP_BYTES:
            break
        shutil.rmtree(entry, ignore_errors=True)
        total -= size
