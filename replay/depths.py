"""Depths: one pass over what a first level lacks tells what second-level TLBs of any associativity hold of it.

For a number of sets, how deep in its set's stack each reference was found is the number of ways from which on a
second-level TLB holds it (``replay.hw.stacks``).  What is left for each number of ways are the references that it
lacks: these, and the events, are counted behind the second level, as ``replay.behind`` counts behind the first one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from replay.behind import Stream, completed, count_behind, settled, tick, where
from replay.count import Counts, Settings
from replay.errors import UserError
from replay.hw import sets
from replay.hw.stacks import NOWHERE, Stacks
from replay.machine import Machine
from replay.model import Model
from replay.split import with_stacks_in

ENTRIES, WAYS = "stlb.entries", "stlb.ways"
"""The parameters that one pass over a number of sets is for."""

NONE: Settings = {"stlb.entries": 0, "stlb.large": 0, "stlb.large_entries": 0, "stlb.code_entries": 0}
"""No second level at all."""

PREFIX = "stlb."


class Shape(NamedTuple):
    """A second-level TLB: what one pass has to be made for, and the associativity, which it has not."""

    sets: int
    others: tuple[tuple[str, Any], ...]
    """Its further parameters."""
    ways: int


def shape_of(model: Model, settings: Settings) -> Shape | None:
    """The second level that ``settings`` state; None for a model without one, and for ways that do not divide."""
    if model.split is None or not model.split.hits:
        return None
    entries, ways = int(settings[ENTRIES]), int(settings[WAYS])
    try:
        count = sets.number_of_sets(PREFIX, entries, ways)
    except UserError:
        return None
    others = [(k, v) for k, v in settings.items() if k.startswith(PREFIX) and k not in (ENTRIES, WAYS)]
    return Shape(count, tuple(sorted(others)), min(ways, entries))


@dataclass(frozen=True)
class Depths:
    """By entry of ``stream``: the ways that a second level of some number of sets takes to hold it.

    NOWHERE for an entry that no number of ways within those asked about holds, or that looks for none.
    """

    stream: Stream
    depth: np.ndarray
    asks: np.ndarray
    """bool by entry: whether a second-level TLB is looked up at all."""


def count_over(stream: Stream, ways: int, model: Model, machine: Machine, given: Mapping[str, Any]) -> Counts:
    """A geometry over ``stream``: by depth where one pass is for so many ``ways``, by itself if that is 0."""
    if ways == 0:
        return count_behind(stream, model, machine, given)
    return count_by_depth(depths_of(stream, model, machine, given, ways), model, machine, given)


def depths_of(stream: Stream, model: Model, machine: Machine, given: Mapping[str, Any], ways: int) -> Depths:
    """As ``find_depths``; what was found before is there, and who asks at the same time waits for it."""
    shape = shape_of(*settled(stream.prepared, model, machine, given)[:2])
    assert shape is not None
    key = shape._replace(ways=ways)
    with stream.busy:
        if key not in stream.depths:
            stream.depths[key] = find_depths(stream, model, machine, given, ways)
    found: Depths = stream.depths[key]
    return found


def find_depths(stream: Stream, model: Model, machine: Machine, given: Mapping[str, Any], ways: int) -> Depths:
    """The depths for second-level TLBs of the number of sets that ``given`` have, and at most so many ways."""
    model, settings, guises = settled(stream.prepared, model, machine, given)
    shape = shape_of(model, settings)
    assert shape is not None
    wide = settings | {ENTRIES: shape.sets * ways, WAYS: max(1, ways)}
    made: list[Stacks] = []

    def with_stacks(*about: Any) -> Any:
        return with_stacks_in(model.state(*about), wide, stream.noted.now.size, made)

    tick(stream, replace(model, state=with_stacks), wide, guises)
    (found,) = made
    lookups = int(found.used[0])
    entry = np.flatnonzero(stream.accesses)
    at = entry[np.searchsorted(stream.noted.now[entry], found.now[:lookups])]
    depth, asks = np.full(stream.noted.now.size, NOWHERE), np.zeros(stream.noted.now.size, bool)
    depth[at], asks[at] = found.depth[:lookups], True
    return Depths(stream, depth, asks)


def count_by_depth(depths: Depths, model: Model, machine: Machine, given: Mapping[str, Any]) -> Counts:
    """``replay.count.count`` of a geometry whose second level has the sets that ``depths`` are of: the same counts."""
    stream = depths.stream
    model, settings, guises = settled(stream.prepared, model, machine, given)
    shape = shape_of(model, settings)
    assert shape is not None
    held = depths.asks & (depths.depth <= shape.ways)
    kept = settings | NONE
    alike = tuple(sorted((kept | {WAYS: 0}).items()))
    key = (hashlib.sha256(np.packbits(held).tobytes()).digest(), guises.behind, alike)
    if key not in stream.known:
        hits = where(stream.full, _hits(stream, held, model.counters.index(guises.hits)))
        beyond = tick(stream.only(~held), model, kept, guises)
        stream.known[key] = type(hits)(*(np.concatenate(pair) for pair in zip(beyond, hits, strict=True)))
    joined = stream.known[key]
    return completed(replace(stream.full, model=model.name, settings=settings), stream, joined)


def _hits(stream: Stream, held: np.ndarray, counter: int) -> Sequence[tuple[np.ndarray, ...]]:
    """By piece of ``stream``: cells, ``counter`` and how many of the entries ``held`` there are in each."""
    parts = [(np.zeros(0, np.int64),) * 3]
    for first, last, cells in stream.pieces:
        n = np.bincount(stream.cell[first:last][held[first:last]] // stream.stride, minlength=cells.size)
        at = np.flatnonzero(n)
        parts.append((cells[at], np.full(at.size, counter), n[at]))
    return parts
