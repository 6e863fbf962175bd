"""Marks: each row of a trace is booked, besides to its place, to the regions of the workload that are open there.

A region lies between a mark's begin and its end and belongs to the guest thread that opened it: what other threads
do meanwhile is not in it, and it goes on where its thread goes on, on whatever vCPU.  A thread that is made within a
region begins in it.  Regions nest; the end of one ends those within it.

Splitting changes rows that name a place: each leads to that place in the regions open there, and a mark becomes a
return to the place where it stands.  So a count of the split trace ticks what a count of the trace would, told apart by
regions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.columns import Columns
from replay.errors import UserError
from replay.jit import inline, kernel
from replay.mapped import chunks, copied
from replay.places import MAX_PLACES, THREADS, Places, crossings
from replay.prepare import Prepared, Region
from replay.trace.meta import TraceMeta
from replay.trace.schema import GROUPS, Kind, ServiceClass

MOST_REGIONS = 1 << 12
"""Sequences of open marks told apart."""

FIRST_EVENT = GROUPS["crossing"].start
SERVICE_ENTER, SERVICE_EXIT = int(Kind.SERVICE_ENTER), int(Kind.SERVICE_EXIT)
THREAD_SWITCH, THREAD_SPACE = int(Kind.THREAD_SWITCH), int(Kind.THREAD_SPACE)
MARK_BEGIN, MARK_END = int(Kind.MARK_BEGIN), int(Kind.MARK_END)
THREAD_MASK, NONE, ONE = np.uint64(THREADS - 1), np.uint64(0), np.uint64(1)


class _Walk(NamedTuple):
    """What is open.  Regions are numbered from 1 by their mark and the region that they lie in; 0 is none."""

    place: np.ndarray  # u64[vcpus]: where the vCPU is, whatever regions are open
    thread: np.ndarray  # u64[vcpus]: thread that runs
    region: np.ndarray  # u64[THREADS]: innermost region that the thread has open
    around: np.ndarray  # u64 by region: the one that it lies in
    mark: np.ndarray  # u64 by region
    begun: np.ndarray  # i64 by region: how often
    used: np.ndarray  # u64[1]: regions, none included
    places: np.uint64  # places of the trace


@inline
def _within(walk, region, mark):
    """The region of ``mark`` in ``region``; where there are too many, a number of its own that nothing is kept of."""
    used = walk.used[0]
    for found in range(ONE, used):
        if walk.mark[found] == mark and walk.around[found] == region:
            return np.uint64(found)
    walk.used[0] = used + ONE if used < np.uint64(MOST_REGIONS) else used
    last = min(used, np.uint64(MOST_REGIONS - 1))
    walk.mark[last], walk.around[last] = mark, region
    return last


@inline
def _around(walk, region, mark):
    """What is open once the innermost region of ``mark`` has ended: ``region`` itself where none is open."""
    found = region
    while found != NONE and walk.mark[found] != mark:
        found = walk.around[found]
    return walk.around[found] if found != NONE else region


@kernel
def _split(rows, walk, first, last):
    """Let each row that names a place name the key of that place in the regions open there; marks become returns."""
    for i in range(np.uint64(first), np.uint64(last)):
        kind = rows.kind[i]
        if kind < FIRST_EVENT:
            continue
        vcpu, page = np.uint64(rows.ctx[i] & 15), np.uint64(rows.page[i])
        thread = walk.thread[vcpu]
        if kind == SERVICE_ENTER or kind == SERVICE_EXIT:
            walk.place[vcpu] = page
        elif kind == THREAD_SWITCH:
            walk.thread[vcpu] = page & THREAD_MASK
            continue
        elif kind == THREAD_SPACE:
            if page & THREAD_MASK != thread:
                walk.region[page & THREAD_MASK] = walk.region[thread]
            continue
        elif kind == MARK_BEGIN:
            walk.region[thread] = _within(walk, walk.region[thread], page)
            walk.begun[walk.region[thread]] += 1
            rows.kind[i] = SERVICE_EXIT
        elif kind == MARK_END:
            walk.region[thread] = _around(walk, walk.region[thread], page)
            rows.kind[i] = SERVICE_EXIT
        else:
            continue
        rows.page[i] = walk.region[thread] * walk.places + walk.place[vcpu]


def split(prepared: Prepared, name: str = "the trace") -> Prepared:
    """``prepared`` with its places told apart by the regions that are open.  Raises UserError naming ``name``."""
    meta, places = prepared.meta, prepared.places
    columns = prepared.columns._replace(kind=copied(prepared.columns.kind), page=copied(prepared.columns.page))
    walk = _walk(meta, places)
    for part in chunks(columns.kind.size):
        _split(columns, walk, part.start, part.stop)
    used = int(walk.used[0])
    if used >= MOST_REGIONS:
        raise UserError(f"{name}: nests its marks in {MOST_REGIONS} ways or more; record it with fewer marks")
    told = _places(columns, places, used, meta, name)
    for column in (columns.kind, columns.page):
        column.flags.writeable = False
    return prepared._replace(columns=columns, places=told, regions=_regions(walk, used, meta))


def _walk(meta: TraceMeta, places: Places) -> _Walk:
    """No region is open on any vCPU or in any thread; thread 0 runs in USER."""
    return _Walk(
        place=np.zeros(meta.vcpus, np.uint64),
        thread=np.zeros(meta.vcpus, np.uint64),
        region=np.zeros(THREADS, np.uint64),
        around=np.zeros(MOST_REGIONS, np.uint64),
        mark=np.zeros(MOST_REGIONS, np.uint64),
        begun=np.zeros(MOST_REGIONS, np.int64),
        used=np.ones(1, np.uint64),
        places=np.uint64(places.owner.size),
    )


def _places(columns: Columns, places: Places, regions: int, meta: TraceMeta, name: str) -> Places:
    """The places by region, those of none first and each region with its own refill service; the rows name them."""
    count, page = places.owner.size, columns.page
    classes = [service.klass for service in meta.services]
    refill = classes.index(ServiceClass.REFILL) if ServiceClass.REFILL in classes else 0
    always = np.concatenate([np.arange(count), np.arange(regions) * count + refill])
    named = (np.unique(page[rows]) for rows in crossings(columns.kind))
    keys = np.unique(np.concatenate([always.astype(np.uint32), *named]))
    if keys.size > MAX_PLACES:
        raise UserError(f"{name}: marks and services make more than {MAX_PLACES} places; record it with fewer marks")
    for rows in crossings(columns.kind):
        page[rows] = np.searchsorted(keys, page[rows])
    region, place = keys // np.uint32(count), keys % np.uint32(count)
    return Places(places.owner[place], places.inner[place], region.astype(np.uint32))


def _regions(walk: _Walk, used: int, meta: TraceMeta) -> tuple[Region, ...]:
    """The regions by number, each with the names of its marks from the outermost in."""
    names = dict(meta.marks)
    found = [Region((), 0)]
    for mark, around, begun in zip(walk.mark[1:used], walk.around[1:used], walk.begun[1:used], strict=True):
        name = names.get(int(mark), f"mark {mark}")
        found.append(Region((*found[int(around)].marks, name), int(begun)))
    return tuple(found)
