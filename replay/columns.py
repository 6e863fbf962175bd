"""The rows of a trace as arrays: what preparing, booking and counting walk."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from replay.jit import by_reference, kernel
from replay.mapped import CHUNK_ROWS, chunks


@by_reference
class Columns(NamedTuple):
    """The rows, one array per column, all of one length; ``page`` is as the trace has it until rows are prepared."""

    kind: np.ndarray  # u8, a Kind
    ctx: np.ndarray  # u8, vCPU | Mode << 4
    info: np.ndarray  # u16
    page: np.ndarray  # u32, prepared page id in accesses and page-id events, place where a service is entered or left
    n: np.ndarray  # u8, instructions retired since the last row with n > 0


class Inserted(IntEnum):
    """Kinds of rows that no file holds: consolidation puts them between those of the guests."""

    VCPU_SWITCH = 68
    """The CPU goes on with a virtual CPU of another VM: page = its place, info = the VM; EXTRA: its current space."""


@kernel
def _find(kind: Any, wanted: Any, first: int, last: int, out: Any) -> Any:
    """Put the rows from ``first`` to ``last`` (exclusive) whose kind is ``wanted`` into ``out``: how many."""
    found = np.uint64(0)
    for row in range(np.uint64(first), np.uint64(last)):
        out[found] = row
        found += np.uint64(wanted[np.uint64(kind[row])])
    return np.int64(found)


def rows_of(kind: np.ndarray, kinds: Iterable[int]) -> np.ndarray:
    """Rows whose ``kind`` (u8) is one of ``kinds``, ascending: i64."""
    wanted, out = np.zeros(256, np.uint8), np.empty(min(kind.size, CHUNK_ROWS), np.int64)
    wanted[list(kinds)] = 1
    kind = kind.view()
    kind.flags.writeable = False  # one compiled form
    parts = [out[: _find(kind, wanted, part.start, part.stop, out)].copy() for part in chunks(kind.size)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
