"""A prepared trace whose rows are there for a while only: decoded, counted and forgotten, a stretch after the other.

No memory or disk has to hold what a trace unpacks to, 9 bytes a row.  A first pass over the file finds what is defined,
which places there are, and the rows of devices; ``Prepared.feed`` makes the rows, every time that it is called.  A row
has the number and the content that it has in ``replay.prepare``, from which this differs in nothing that is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from replay.columns import Columns, rows_of
from replay.idle import Look, moments_of
from replay.mapped import CHUNK_ROWS, Sliding
from replay.places import Booking, Numbering
from replay.prepare import Prepared, assemble, decoded, defined, frozen, stored_places
from replay.renumber import Taking, renumber
from replay.trace.container import OpenTrace, open_trace, unfinished
from replay.trace.schema import COLUMNS, Kind
from replay.until import digest_until, never_ends, numbers_of

LAG = 1 << 22
"""Rows behind the last one decoded that are not used yet: what they are booked to may change."""


class _Slides(NamedTuple):
    """The columns, as long as the trace, of which a stretch is there."""

    parts: tuple[Sliding, ...]

    @property
    def columns(self) -> Columns:
        """To be written."""
        return Columns(*(part.array for part in self.parts))

    def forget(self, before: int) -> None:
        """Rows before that number are needed no more."""
        for part in self.parts:
            part.forget(max(0, before))

    def clear(self) -> None:
        """No row is there."""
        for part in self.parts:
            part.clear()


class _Survey:
    """What the first pass collects of the rows."""

    def __init__(self, columns: Columns, marks: Sequence[int]) -> None:
        self._columns, self._marks = columns, marks
        self.look, self.keys = Look(), list[np.ndarray]()
        self.opening, self.end, self.retired = 0, 0, 0
        self._passed = 0

    def at(self, booking: Booking, first: int, last: int) -> None:
        """Look at rows ``first`` to ``last`` (exclusive); with marks, what counts ends with the last end of one."""
        columns = self._columns
        self.keys.append(booking.keys(first, last))
        self.look.at(columns, first, last)
        for row in (first + rows_of(columns.kind[first:last], (Kind.START, Kind.MARK_END))).tolist():
            if columns.kind[row] == Kind.START:
                self.opening = row + 1
            elif columns.page[row] in self._marks:
                self.end, self.retired = row + 1, self._passed + int(columns.n[first : row + 1].sum(dtype=np.int64))
        self._passed += int(columns.n[first:last].sum(dtype=np.int64))

    def finish(self, rows: int) -> None:
        """All rows were looked at: without marks all count."""
        if not self._marks:
            self.end, self.retired = rows, self._passed


def stream(path: str, until: str = "") -> Prepared | None:
    """The trace at ``path``, up to where the regions called ``until`` last end, if so said.

    None where what rows are booked to is found out too late for that: ``prepare`` holds them all.  Raises UserError.
    """
    trace = open_trace(path)
    slides = _Slides(tuple(Sliding(COLUMNS[name], trace.closing.rows) for name in Columns._fields))
    taking, booking = Taking(slides.columns, trace.meta, path), Booking(slides.columns, trace.meta, path)
    marks = numbers_of(trace.meta, until) if until else []
    survey = _Survey(frozen(Columns(*(column.view() for column in slides.columns))), marks)
    done = 0
    for there in _settled(trace, taking, booking):
        survey.at(booking, done, there)
        done = there
        slides.forget(done - CHUNK_ROWS)
    if booking.reach > LAG:
        return None
    if until and not survey.end:
        raise never_ends(until)
    survey.finish(done)
    arrays, ids = defined(taking.finish()[0], trace.meta)
    numbering = booking.numbering(np.unique(np.concatenate(survey.keys)))
    columns = Columns(*(column[: survey.end] for column in slides.columns))
    arrays |= stored_places(numbering.places) | columns._asdict()
    digest = digest_until(trace.closing.digest, until) if until else trace.closing.digest
    return assemble(arrays, trace.meta, digest, moments_of(survey.look.until(survey.end)))._replace(
        unfinished=unfinished(trace.closing.summary),
        before=survey.opening if trace.meta.skipped else 0,
        feed=lambda: _feed(trace, slides, ids, numbering, survey.opening + CHUNK_ROWS, survey.end),
        retired=survey.retired,
    )


def _settled(trace: OpenTrace, taking: Taking, booking: Booking) -> Iterator[int]:
    """Take and book all rows: before which one nothing changes any more, time after time."""
    for rows in decoded(trace, None):
        certain = taking.take(rows)
        booking.book(certain)
        yield max(0, certain - LAG)
    rows_in_all = taking.finish()[1].kind.size
    booking.book(rows_in_all)
    yield rows_in_all


def _feed(
    trace: OpenTrace, slides: _Slides, ids: np.ndarray, numbering: Numbering, least: int, end: int
) -> Iterator[int]:
    """Make the rows: before which one they are there, ``least`` of them at first; CHUNK_ROWS before that stay."""
    slides.clear()
    columns, done = slides.columns, 0
    booking = Booking(columns, trace.meta, trace.path)
    for settled in _settled(trace, Taking(columns, trace.meta, trace.path), booking):
        there = min(settled, end)
        booking.number(done, there, numbering)
        renumber(columns, ids, done, there)
        done = there
        if done >= min(least, end):
            yield done
            slides.forget(done - CHUNK_ROWS)
        if done == end:
            break
    slides.clear()
