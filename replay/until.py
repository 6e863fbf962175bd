"""Cut short: a prepared trace up to where a region of the workload last ends, without what checks its answer."""

from __future__ import annotations

import hashlib

import numpy as np

from replay.columns import Columns, rows_of
from replay.errors import UserError
from replay.idle import find_moments
from replay.prepare import Prepared
from replay.trace.meta import TraceMeta
from replay.trace.schema import Kind


def until_end_of(prepared: Prepared, mark: str) -> Prepared:
    """The rows of ``prepared`` up to the last end of the regions called ``mark``.

    A wait that goes on there has no row any more, as at the end of a recording.  Raises UserError where none ends.
    """
    columns, ends = prepared.columns, rows_of_mark(prepared, mark, Kind.MARK_END)
    if not ends.size:
        raise never_ends(mark)
    kept = Columns(*(column[: int(ends[-1]) + 1] for column in columns))
    return prepared._replace(columns=kept, moments=find_moments(kept), digest=digest_until(prepared.digest, mark))


def never_ends(mark: str) -> UserError:
    """The error that no region ``mark`` ends in a trace."""
    return UserError(f"no region {mark} ends in the trace; name one that `replay info` lists")


def digest_until(digest: str, mark: str) -> str:
    """What the trace of that ``digest`` is known by where it ends with the regions ``mark``."""
    return hashlib.sha256(f"{digest} until {mark}".encode()).hexdigest()[: len(digest)]


def numbers_of(meta: TraceMeta, mark: str) -> list[int]:
    """The numbers of the marks called ``mark``."""
    return [number for number, name in meta.marks if name == mark]


def rows_of_mark(prepared: Prepared, mark: str, kind: Kind) -> np.ndarray:
    """Rows of ``kind``, MARK_BEGIN or MARK_END, where regions called ``mark`` begin or end, ascending: i64."""
    numbers = numbers_of(prepared.meta, mark)
    rows = rows_of(prepared.columns.kind, (kind,))
    found: np.ndarray = rows[np.isin(prepared.columns.page[rows], numbers)]
    return found
