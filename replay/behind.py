"""Behind the first-level TLB: where what it misses does not depend on what lies behind it, that is counted apart.

Such a model has a ``replay.split.Split``.  One full count notes the rows that the first level lacks; any other geometry
behind the same first level is counted over those and the events alone.  What retires, and what is referred to, is the
same in each and taken from the full count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from replay.columns import Columns
from replay.count import Counts, Settings, settle, tally
from replay.kernel import INSTRUCTIONS, KERNEL_INSTRUCTIONS, REFERENCES
from replay.machine import Machine
from replay.memory.parameters import CACHES, on_machine
from replay.model import Model
from replay.pieces import Interval, interval_ends
from replay.prepare import Prepared, Progress
from replay.split import Split
from replay.trace.schema import EVENT_FIRST, TOUCH_SHIFT, Kind

SHARED = np.array([INSTRUCTIONS, REFERENCES, KERNEL_INSTRUCTIONS], np.int64)
"""Counters that the rows left out would tick, and that follow from the trace alone."""


@dataclass(frozen=True)
class Stream:
    """What a first-level TLB lacks of a trace, and the full count that noted it."""

    prepared: Prepared
    """The trace without the references that the first level holds."""
    ends: np.ndarray
    """Rows (exclusive) of it at which intervals end."""
    full: Counts


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
    model, settings, guises = _settled(prepared, model, machine, given)
    noted = np.zeros(prepared.columns.kind.size, np.uint8)
    ends = interval_ends(prepared.columns, interval) if interval else np.array([noted.size])
    counts = tally(
        prepared, model, settings, ends, interval, progress, lambda *made: guises.noting(*model.state(*made), noted)
    )
    return counts, _stream(prepared, noted, ends, counts)


def count_behind(
    stream: Stream,
    model: Model,
    machine: Machine,
    given: Mapping[str, Any],
    progress: Progress | None = None,
) -> Counts:
    """``replay.count.count`` of another geometry behind the first level that ``stream`` is of: the same counts."""
    model, settings, guises = _settled(stream.prepared, model, machine, given)
    counts = tally(
        stream.prepared,
        model,
        settings,
        stream.ends,
        stream.full.interval,
        progress,
        lambda *made: guises.behind(*model.state(*made)),
    )
    return _completed(counts, stream.full)


def _settled(
    prepared: Prepared, model: Model, machine: Machine, given: Mapping[str, Any]
) -> tuple[Model, Settings, Split]:
    model = on_machine(model, machine, given)
    if model.split is None:
        raise ValueError(f"{model.name} has no first level apart")
    return model, settle(model, machine, prepared.meta, given), model.split


def _stream(prepared: Prepared, noted: np.ndarray, ends: np.ndarray, full: Counts) -> Stream:
    columns = prepared.columns
    kept = np.flatnonzero((columns.kind >= EVENT_FIRST) | (noted != 0))
    found = {name: getattr(columns, name)[kept] for name in Columns._fields}
    held = (found["kind"] == Kind.EXCEPTION) & (noted[kept] == 0)  # the access that it cut off was in the first level
    found["info"] = np.where(held, found["info"] & np.uint16(0xFFFF ^ 3 << TOUCH_SHIFT), found["info"])
    moments = prepared.moments._replace(row=np.searchsorted(kept, prepared.moments.row))
    return Stream(prepared._replace(columns=Columns(**found), moments=moments), np.searchsorted(kept, ends), full)


def _completed(counts: Counts, full: Counts) -> Counts:
    """``counts`` with the shared counters of ``full``."""
    n, ticks = counts.n.copy(), counts.timeline.ticks.copy()
    n[:, :, SHARED] = full.n[:, :, SHARED]
    ticks[:, :, SHARED] = full.timeline.ticks[:, :, SHARED]
    counters = len(counts.counters)
    pairs = zip(counts.intervals, full.intervals, strict=True)
    intervals = tuple(
        _merged(_of(mine, counters, shared=False), _of(theirs, counters, shared=True)) for mine, theirs in pairs
    )
    moments = full.timeline.moments
    return replace(counts, n=n, intervals=intervals, timeline=counts.timeline._replace(moments=moments, ticks=ticks))


def _of(interval: Interval, counters: int, *, shared: bool) -> Interval:
    kept = np.isin(interval.at % counters, SHARED) == shared
    return Interval(interval.at[kept], interval.n[kept])


def _merged(one: Interval, other: Interval) -> Interval:
    at, n = np.concatenate([one.at, other.at]), np.concatenate([one.n, other.n])
    order = np.argsort(at, kind="stable")
    return Interval(at[order], n[order])
