"""The window of a session: what its machines do while a region of the workload is open on any of them.

The machines' clocks began together, so that one time is the same on all.  Windows are of whole steps of the schedule,
by which rows of several machines are merged.  Rows before the window stay, since they make what is there; what they
count is forgotten.  Rows behind it go.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from replay.columns import Columns
from replay.errors import UserError
from replay.idle import moments_from
from replay.prepare import Prepared
from replay.sched.schedule import IDLE, STEP, clock_of, step_ends
from replay.trace.schema import Kind
from replay.until import rows_of_mark


def window_of(machines: Sequence[Prepared], mark: str) -> list[Prepared]:
    """The ``machines`` of a session from when a region called ``mark`` first begins on one to when the last one ends.

    A wait that goes on at the end of the window ends with it; one that goes on at its beginning is not in it.  Raises
    UserError where no such region begins, or none ends.
    """
    ends = [step_ends(one.columns, one.meta.vcpus, 0) for one in machines]
    begun = _steps(machines, ends, mark, Kind.MARK_BEGIN)
    ended = _steps(machines, ends, mark, Kind.MARK_END)
    if not begun or not ended:
        raise UserError(f"no region {mark} begins and ends in the session; name one that `replay info` lists")
    return [_within(one, of, min(begun), max(ended), mark) for one, of in zip(machines, ends, strict=True)]


def _steps(machines: Sequence[Prepared], ends: Sequence[np.ndarray], mark: str, kind: Kind) -> list[int]:
    """The steps in which ``machines`` have rows of ``kind`` of the mark; ``ends`` are those of each one's steps."""
    return [
        int(step)
        for one, of in zip(machines, ends, strict=True)
        for step in np.searchsorted(of, rows_of_mark(one, mark, kind), "right")
    ]


def _within(one: Prepared, ends: np.ndarray, first: int, last: int, mark: str) -> Prepared:
    """A machine from step ``first`` to step ``last`` (inclusive); one that was off by then has no row left."""
    before, stop = (int(ends[min(step, ends.size) - 1]) if step else 0 for step in (first, last + 1))
    kept = Columns(*(column[:stop] for column in one.columns))
    late = clock_of(kept, 0) - (last + 1) * STEP * one.meta.vcpus
    if late > 0 and stop > before and kept.kind[-1] == IDLE:
        page = kept.page.copy()
        page[-1] -= min(late, int(page[-1]))
        page.flags.writeable = False
        kept = kept._replace(page=page)
    digest = hashlib.sha256(f"{one.digest} {before} {stop} {mark}".encode()).hexdigest()[: len(one.digest)]
    return one._replace(columns=kept, moments=moments_from(kept, before), before=before, digest=digest)
