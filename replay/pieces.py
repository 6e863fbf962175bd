"""Pieces: counting stops where somebody wants to know how far the counts are, and goes on unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns
from replay.errors import UserError
from replay.jit import Held, types
from replay.kernel import Engine, count_rows
from replay.mapped import CHUNK_ROWS
from replay.prepare import Progress

STEP_ROWS = 1 << 22
"""Rows that a kernel call counts where all are there and nothing is noted.

So few that Ctrl-C works, so many that threads seldom want Python's lock."""

MOST_INTERVALS = 10_000


class Interval(NamedTuple):
    """What was counted in one interval, where anything was."""

    at: np.ndarray  # i64, ascending: index into counts [vcpu, place, counter], flat
    n: np.ndarray  # i64


def interval_of(counts: np.ndarray) -> Interval:
    """``counts`` without its zeros."""
    at = np.flatnonzero(counts)
    return Interval(at, counts.reshape(-1)[at])


def interval_ends(columns: Columns, instructions: int) -> np.ndarray:
    """Rows (exclusive) at which intervals of so many retired instructions end; the last ends with the trace.

    An interval ends with the row that reaches a multiple of ``instructions``, all vCPUs together, which services a
    model replaces being no matter.  Raises UserError for more than MOST_INTERVALS.
    """
    rows, ends, before = columns.n.size, [], 0
    for first in range(0, rows, CHUNK_ROWS):
        retired = before + np.cumsum(columns.n[first : first + CHUNK_ROWS], dtype=np.int64)
        multiples = np.arange(before // instructions + 1, retired[-1] // instructions + 1) * instructions
        ends.append(first + 1 + np.searchsorted(retired, multiples))
        before = int(retired[-1])
        if before // instructions >= MOST_INTERVALS:
            total = int(columns.n.sum(dtype=np.int64))
            raise UserError(
                f"an interval of {instructions:,} instructions makes {total // instructions + 1:,} of them; "
                f"give at least {total // MOST_INTERVALS + 1:,}"
            )
    return np.unique(np.concatenate([*ends, [rows]]).astype(np.int64))


def count_pieces(
    state: Any, engine: Engine, columns: Columns, stops: set[int], progress: Progress | None, first: int = 0
) -> Iterator[int]:
    """Count every row from ``first`` on, pausing when those before each of ``stops`` are counted; yields that stop."""
    for end in count_steps(state, engine, columns, stops, progress, first, STEP_ROWS):
        if end in stops:
            yield end


def count_steps(
    state: Any, engine: Engine, columns: Columns, stops: set[int], progress: Progress | None, first: int, step: int
) -> Iterator[int]:
    """The same, pausing also after ``step`` rows at most; yields how many are counted."""
    rows, done = columns.kind.size, first
    held = Held(state), Held(engine), Held(columns)
    count = count_rows.compile((*(one.type for one in held), types.int64, types.int64))  # calls look no types up
    for end in sorted(end for end in {*stops, *range(step, rows, step), rows} if end >= first):
        count(*held, done, end)
        done = end
        yield end
        if progress and (end % step == 0 or end == rows):
            progress(end, rows)
