"""Behind the first-level TLB: where what it misses does not depend on what lies behind it, that is counted apart.

Such a model has a ``replay.split.Split``.  One full count notes the references that the first level lacks and the
events that what lies behind follows; any other geometry behind the same first level is counted over those alone.  What
no such geometry moves is taken from the full count.

What is ticked there is ticked in *cells*: one for each place, vCPU, interval and stretch between device rows that
entries fall in.  So nothing has to stop where an interval or a stretch ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from replay.count import Counts, Settings, counting, opening_rows, refill_places, settle, together
from replay.jit import Held
from replay.kernel import NOW_SHIFT, PAYLOADS
from replay.machine import Machine
from replay.mapped import CHUNK_ROWS, copied
from replay.memory.make import make_memory
from replay.memory.parameters import CACHES, on_machine
from replay.model import Model
from replay.pieces import Interval, interval_ends, interval_of
from replay.prepare import Prepared, Progress
from replay.split import NO_ACCESS, Noted, Split, count_noted, make_noted

PIECE = 1 << 18
"""Entries of a stream whose cells are counted at once."""

FORGOTTEN = -1
"""Cell of what says what was there before the recording."""


class Piece(NamedTuple):
    """Some entries of a stream that follow each other."""

    first: int
    last: int
    cells: np.ndarray  # i64, ascending: what each cell stands for, see ``Stream``


class Ticked(NamedTuple):
    """What was ticked where; no n is 0."""

    interval: np.ndarray
    moment: np.ndarray  # the device row that ends the stretch; as many as there are: none does
    place: np.ndarray  # of all vCPUs, one after the other
    counter: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class Stream:
    """What a first-level TLB lacks of a trace, and the full count that noted it.

    A cell stands for (interval * (device rows + 1) + device row) * places of all vCPUs + place.
    """

    prepared: Prepared
    noted: Noted
    cell: np.ndarray
    """Where in counts an entry's cell begins, within its piece; u32 by entry."""
    refill: np.ndarray
    """That of the refill service there."""
    pieces: tuple[Piece, ...]
    own: tuple[str, ...]
    """Counters that what lies behind moves."""
    full: Counts
    known: dict[Any, Ticked] = field(default_factory=dict)
    """What was ticked already, by all that it follows from: TLBs of other sizes that hold the same references."""
    depths: dict[Any, Any] = field(default_factory=dict)
    """What ``replay.depths`` found, by second-level TLB."""
    busy: Any = field(default_factory=threading.Lock)

    @property
    def stride(self) -> int:
        """Counters of a cell, the one that nobody reads included."""
        return len(self.full.counters) + 1

    @cached_property
    def accesses(self) -> np.ndarray:
        """bool by entry: whether it is a reference."""
        found: np.ndarray = self.noted.cut_off != NO_ACCESS
        return found

    def only(self, kept: np.ndarray) -> Stream:
        """The stream without the references that ``kept`` (bool by entry) leaves out."""
        chosen = np.flatnonzero(kept | ~self.accesses)
        noted = self.noted._replace(**{name: getattr(self.noted, name)[chosen] for name in _BY_ENTRY})
        ends = np.searchsorted(chosen, [last for _, last, _ in self.pieces]).tolist()
        begins = [0, *ends]
        pieces = tuple(
            Piece(first, last, piece.cells) for first, last, piece in zip(begins, ends, self.pieces, strict=False)
        )
        return replace(self, noted=noted, cell=self.cell[chosen], refill=self.refill[chosen], pieces=pieces)

    @cached_property
    def numbers(self) -> np.ndarray:
        """Of the counters ``own``."""
        return np.array([self.full.counters.index(name) for name in self.own])

    @cached_property
    def klass(self) -> np.ndarray:
        """By place of all vCPUs: index of its class in the timeline."""
        classes = np.array([self.full.classes.index(place.klass) for place in self.full.places])
        return np.tile(classes, self.full.meta.vcpus)

    @cached_property
    def shared(self) -> tuple[np.ndarray, Interval]:
        """Of each interval what no geometry moves: number of the interval, and cells."""
        parts = self.full.intervals
        at, n = (np.concatenate([getattr(part, name) for part in parts]) for name in Interval._fields)
        number = np.repeat(np.arange(len(parts)), [part.at.size for part in parts])
        kept = ~np.isin(at % len(self.full.counters), self.numbers)
        return number[kept], Interval(at[kept], n[kept])


def first_level_key(model: Model, settings: Settings) -> tuple[Any, ...] | None:
    """What models and settings have in common that share a stream; None for one that has none."""
    if model.split is None or settings.get(CACHES) or not model.split.holds(settings):
        return None
    kept = {name: value for name, value in settings.items() if not name.startswith(model.split.parameters)}
    return (model.split.behind.__module__, tuple(model.counters), tuple(sorted(kept.items())))


def count_noting(
    prepared: Prepared,
    model: Model,
    machine: Machine,
    given: Mapping[str, Any],
    progress: Progress | None = None,
    interval: int = 0,
) -> tuple[Counts, Stream]:
    """``replay.count.count`` of a model that has a stream, and the stream."""
    model, settings, guises = settled(prepared, model, machine, given)
    ends = interval_ends(prepared.columns, interval) if interval else np.array([prepared.columns.kind.size])
    taken, noted = list[Noted](), make_noted(guises, CHUNK_ROWS + opening_rows(prepared))

    def take(done: int, rows: int) -> None:
        taken.append(_taken(noted))
        if progress:
            progress(done, rows)

    def make_state(*of: Any) -> Any:
        return guises.noting(*model.state(*of), noted)

    noting = counting(prepared, model, settings, ends, interval, take, make_state, CHUNK_ROWS)
    (counts,) = together(prepared, [noting])
    refill = refill_places(prepared)
    return counts, _stream(prepared, _joined(taken), ends, refill, counts, guises.counters)


def count_behind(stream: Stream, model: Model, machine: Machine, given: Mapping[str, Any]) -> Counts:
    """``replay.count.count`` of another geometry behind the first level that ``stream`` is of: the same counts."""
    model, settings, guises = settled(stream.prepared, model, machine, given)
    return completed(
        replace(stream.full, model=model.name, settings=settings), stream, tick(stream, model, settings, guises)
    )


def settled(
    prepared: Prepared, model: Model, machine: Machine, given: Mapping[str, Any]
) -> tuple[Model, Settings, Split]:
    """The model as it is on the machine, its settings and its guises.  Raises UserError, and ValueError without any."""
    model = on_machine(model, machine, given)
    if model.split is None:
        raise ValueError(f"{model.name} has no first level apart")
    return model, settle(model, machine, prepared.meta, given), model.split


# -- noting -----------------------------------------------------------------------------------------------------------


def _taken(noted: Noted) -> Noted:
    """A copy of what was noted, and ``noted`` empty again."""
    entries, words = noted.used.tolist()
    own = {name: getattr(noted, name)[:entries].copy() for name in _BY_ENTRY}
    noted.used[:] = 0
    return noted._replace(**own, payload=noted.payload[:words].copy())


_BY_ENTRY = tuple(name for name in Noted._fields if name not in ("used", "payload", "follows"))


def _joined(parts: list[Noted]) -> Noted:
    return parts[0]._replace(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in (*_BY_ENTRY, "payload")}
    )


def _stream(
    prepared: Prepared, noted: Noted, ends: np.ndarray, refill: np.ndarray, full: Counts, own: tuple[str, ...]
) -> Stream:
    stride = len(full.counters) + 1
    row, place = (noted.now >> NOW_SHIFT).astype(np.int64), noted.base // stride
    places, moments = full.meta.vcpus * len(full.places), full.timeline.moments
    moment = np.full(row.size, moments.row.size)
    for vcpu in range(full.meta.vcpus):
        mine, here = np.flatnonzero(moments.vcpu == vcpu), np.flatnonzero(noted.context & 15 == vcpu)
        moment[here] = np.append(mine, moments.row.size)[np.searchsorted(moments.row[mine], row[here])]
    stretch = (np.searchsorted(ends, row, "right") * (moments.row.size + 1) + moment) * places
    first = place - place % len(full.places)
    keys = np.stack([stretch + place, stretch + first + refill[place % len(full.places)]])
    keys[:, row < opening_rows(prepared)] = FORGOTTEN
    at, pieces = np.zeros(keys.shape, np.uint32), []
    for begin in range(0, row.size, PIECE):
        part = slice(begin, min(begin + PIECE, row.size))
        cells, number = np.unique(keys[:, part], return_inverse=True)
        at[:, part] = number.reshape(2, -1) * stride
        pieces.append(Piece(part.start, part.stop, cells))
    return Stream(prepared, noted, at[0], at[1], tuple(pieces), own, full)


# -- counting behind --------------------------------------------------------------------------------------------------


def tick(stream: Stream, model: Model, settings: Settings, guises: Split) -> Ticked:
    """What a geometry ticks of its own counters."""
    stride = stream.stride
    counts = np.zeros(max((piece.cells.size for piece in stream.pieces), default=0) * stride, np.int64)
    state = Held(guises.behind(*model.state(stream.prepared, settings, counts)))
    memory = make_memory(stream.prepared, settings, counts, model.counters)
    pairs, payload, word = np.uint64(stream.prepared.pages.table.size), np.zeros(PAYLOADS + 1, np.uint64), np.uint64(0)
    parts = [(np.zeros(0, np.int64),) * 3]
    for first, last, cells in stream.pieces:
        about = (stream.noted, stream.cell, stream.refill, pairs, payload)
        word = np.uint64(count_noted(state, memory, *about, first, last, word))
        ticked = counts.reshape(-1, stride)[: cells.size, stream.numbers]
        at, which = np.nonzero(ticked)
        parts.append((cells[at], stream.numbers[which], ticked[at, which]))
        counts[:] = 0
    return where(stream.full, parts)


def where(full: Counts, parts: Sequence[tuple[np.ndarray, ...]]) -> Ticked:
    """What was ticked, given as (cells, counters, n), by what the cells of ``full`` stand for."""
    cells, counter, n = (np.concatenate(part) for part in zip(*parts, strict=True))
    kept = cells != FORGOTTEN
    stretch, place = np.divmod(cells[kept], full.meta.vcpus * len(full.places))
    interval, moment = np.divmod(stretch, full.timeline.moments.row.size + 1)
    return Ticked(interval, moment, place, counter[kept], n[kept])


def completed(like: Counts, stream: Stream, ticked: Ticked) -> Counts:
    """``like`` with what was ticked in place of its own counters."""
    n, before = like.n.copy(), like.timeline.ticks
    ticks: np.ndarray = copied(before.reshape(-1)).reshape(before.shape)
    n[:, :, stream.numbers] = 0
    ticks[:, :, stream.numbers] = 0
    by_place = n.reshape(-1, n.shape[2])
    np.add.at(by_place, (ticked.place, ticked.counter), ticked.n)
    timed = Ticked(*(column[ticked.moment < ticks.shape[0]] for column in ticked))
    np.add.at(ticks, (timed.moment, stream.klass[timed.place], timed.counter), timed.n)
    intervals = tuple(_intervals(stream, ticked)) if len(like.intervals) > 1 else (interval_of(n),)
    return replace(like, n=n, intervals=intervals, timeline=like.timeline._replace(ticks=ticks))


def _intervals(stream: Stream, ticked: Ticked) -> Iterator[Interval]:
    """What was counted in each interval: what is shared, and what was ticked."""
    counters, (shared, kept) = len(stream.full.counters), stream.shared
    number = np.concatenate([shared, ticked.interval])
    at = np.concatenate([kept.at, ticked.place * counters + ticked.counter])
    n = np.concatenate([kept.n, ticked.n])
    order = np.lexsort((at, number))
    number, at, n = number[order], at[order], n[order]
    begin = np.flatnonzero(np.diff(number, prepend=-1) | np.diff(at, prepend=-1))
    summed = np.add.reduceat(n, begin) if begin.size else n
    ends = np.searchsorted(number[begin], np.arange(len(stream.full.intervals) + 1))
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        yield Interval(at[begin[first:last]], summed[first:last])
