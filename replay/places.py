"""Places: what each row of a trace is booked to, a service or work that was done within one.

A *work* service (page zeroing, page copying, table updates, a driver) that starts within another service is booked
to that one, its owner, as a place of its own.  One that starts in USER, in an idle service or with no service open
owns itself.  Rows name only the service that is current, so the services open on each vCPU are followed here as a
recorder keeps them: an exception opens one, its return closes that one and what it left open, a nested refill takes
over the return of the refill that it cut off, and a guest thread keeps what it has open while it does not run.

An exception is booked to the service that it opens: the two rows change places.  A service that the kernel names only
after looking is booked to that name from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns, rows_of
from replay.errors import UserError
from replay.jit import inline, kernel
from replay.mapped import CHUNK_ROWS, chunks
from replay.trace.container import REMEDY
from replay.trace.meta import MAX_SERVICES, TraceMeta
from replay.trace.schema import CAUSE_MASK, FOUND_TO_BE, OPENED_BY_EXCEPTION, Cause, Kind, ServiceClass

WORK = (ServiceClass.PAGE_ZERO, ServiceClass.PAGE_COPY, ServiceClass.TABLE_UPDATE, ServiceClass.DRIVER)
"""Classes of services that are booked to the service that they work for."""

MAX_PLACES = 1 << 17

DEPTH, THREADS = 64, 1 << 16
"""Services kept open at once, and threads told apart: a THREAD_SWITCH row has 16 bits for the one that ran."""

EXTRA, EXCEPTION, RETURN = int(Kind.EXTRA), int(Kind.EXCEPTION), int(Kind.RETURN)
SERVICE_ENTER, SERVICE_EXIT = int(Kind.SERVICE_ENTER), int(Kind.SERVICE_EXIT)
THREAD_SWITCH, THREAD_SPACE = int(Kind.THREAD_SWITCH), int(Kind.THREAD_SPACE)
NESTED_REFILL = int(Cause.NESTED_REFILL)
ONE, SLOTS, THREAD_MASK = np.uint64(1), np.uint64(DEPTH), np.uint64(THREADS - 1)
OWNER_SHIFT, KEY_MASK = np.uint64(16), np.uint64(0xFFFFFFFF)
BY_EXCEPTION, OPENED, FOUND = np.uint64(1 << 32), np.uint64(OPENED_BY_EXCEPTION), np.uint64(FOUND_TO_BE)


class Places(NamedTuple):
    """Places by number, which the pages of prepared SERVICE_ENTER and SERVICE_EXIT rows are.

    The metadata's services come first, in their order, then work within a service.
    """

    owner: np.ndarray  # u32: the service that it is booked to, as an index into the metadata's services
    inner: np.ndarray  # u32: the service that runs there: the owner itself, or the one that works for it
    region: np.ndarray  # u32: which of the workload's regions are open there, see replay.marks; 0 where none is


class Numbering(NamedTuple):
    """What rows are booked to, as keys, and the places that these are."""

    keys: np.ndarray  # u32, ascending
    number: np.ndarray  # u32 by index into keys: the place
    places: Places


@dataclass(frozen=True)
class Place:
    """A place by its names; ``work`` is '' where the service itself runs, ``klass`` the class of what runs.

    ``region`` is the number of what is open there of the workload's regions, 0 for none.
    """

    service: str
    work: str
    klass: ServiceClass
    region: int = 0


class _Walk(NamedTuple):
    """Services open on each vCPU and in each thread, as keys: owner's id << 16 | work's id, and BY_EXCEPTION."""

    work: np.ndarray  # u8 by service id: 1 for work
    resting: np.ndarray  # u8 by service id: 1 where work owns itself
    stack: np.ndarray  # u64[vcpus * DEPTH]
    begun: np.ndarray  # u64[vcpus * DEPTH]: row at which each began, or its thread went on
    depth: np.ndarray  # u64[vcpus]
    kept: np.ndarray  # u64[THREADS * DEPTH]: the stacks of threads that do not run
    kept_depth: np.ndarray  # u64[THREADS]
    thread: np.ndarray  # u64[vcpus]: thread that runs
    before: np.ndarray  # u8[vcpus]: kind of the row before
    reach: np.ndarray  # u64[1]: how many rows back the furthest of those went that were booked anew


@inline
def _top(walk, vcpu):
    """Key of the innermost open service; 0, which is USER, when none is."""
    depth = walk.depth[vcpu]
    return walk.stack[vcpu * SLOTS + depth - ONE] & KEY_MASK if depth else np.uint64(0)


@inline
def _push(walk, vcpu, key, row):
    depth = walk.depth[vcpu]
    if depth < SLOTS:
        walk.stack[vcpu * SLOTS + depth], walk.begun[vcpu * SLOTS + depth] = key, row
        walk.depth[vcpu] = depth + ONE


@inline
def _close_exception(walk, vcpu):
    """Close the services opened inside the innermost exception and the exception's own."""
    open_still = True
    while open_still and walk.depth[vcpu] != 0:
        walk.depth[vcpu] -= ONE
        open_still = walk.stack[vcpu * SLOTS + walk.depth[vcpu]] & BY_EXCEPTION == 0


@inline
def _enter(walk, vcpu, service, info, row):
    """Open ``service`` at ``row``; the key of the place that it runs in."""
    owner = _top(walk, vcpu) >> OWNER_SHIFT
    key = service << OWNER_SHIFT
    if walk.work[service] != 0 and walk.resting[owner] == 0 and owner != service:
        key = owner << OWNER_SHIFT | service
    by_exception = walk.before[vcpu] == EXCEPTION or info & OPENED != 0
    _push(walk, vcpu, key | (BY_EXCEPTION if by_exception else np.uint64(0)), row)
    return key


@inline
def _runs(key):
    """The id of the service that runs in a place."""
    work = key & THREAD_MASK
    return work or key >> OWNER_SHIFT


@inline
def _exit(walk, vcpu, service, row):
    """Go back to ``service``, closing what the row before says is over and then what the row shows to be."""
    if walk.before[vcpu] == RETURN:
        _close_exception(walk, vcpu)
    elif walk.before[vcpu] != THREAD_SWITCH and walk.depth[vcpu] != 0:
        walk.depth[vcpu] -= ONE
    while walk.depth[vcpu] != 0 and _runs(_top(walk, vcpu)) != service:
        walk.depth[vcpu] -= ONE
    if walk.depth[vcpu] == 0 and service != 0:
        _push(walk, vcpu, service << OWNER_SHIFT, row)
    return _top(walk, vcpu)


@inline
def _switch(walk, vcpu, before, after, row):
    """Keep what thread ``before`` has open; open what ``after`` had."""
    stack, old, new = vcpu * SLOTS, before * SLOTS, after * SLOTS
    walk.kept_depth[before] = walk.depth[vcpu]
    for i in range(walk.depth[vcpu]):
        walk.kept[old + np.uint64(i)] = walk.stack[stack + np.uint64(i)]
    walk.depth[vcpu], walk.thread[vcpu] = walk.kept_depth[after], after
    for i in range(walk.depth[vcpu]):
        walk.stack[stack + np.uint64(i)], walk.begun[stack + np.uint64(i)] = walk.kept[new + np.uint64(i)], row


@inline
def _begin(walk, vcpu, thread):
    """A thread that does not run yet will begin where the one that makes it is."""
    if thread != walk.thread[vcpu]:
        walk.kept_depth[thread] = ONE
        walk.kept[thread * SLOTS] = _top(walk, vcpu)


@inline
def _enter_first(rows, exception, enter):
    """Let the row ``exception`` follow ``enter``, which it caused; what retired before it is before both."""
    rows.kind[enter], rows.kind[exception] = rows.kind[exception], rows.kind[enter]
    rows.ctx[enter], rows.ctx[exception] = rows.ctx[exception], rows.ctx[enter]
    rows.info[enter], rows.info[exception] = rows.info[exception], rows.info[enter]
    rows.page[enter], rows.page[exception] = rows.page[exception], rows.page[enter]


@inline
def _find_out(rows, walk, vcpu, service, row):
    """The innermost open service is ``service``: book to it what its rows so far were booked to, and what follows.

    ``row``, which says so, is none that enters it.
    """
    top = vcpu * SLOTS + walk.depth[vcpu] - ONE
    old = (walk.stack[top] & KEY_MASK) >> OWNER_SHIFT
    walk.stack[top] = walk.stack[top] & BY_EXCEPTION | service << OWNER_SHIFT
    walk.reach[0] = max(walk.reach[0], row - walk.begun[top])
    for earlier in range(walk.begun[top], row):
        at = np.uint64(earlier)
        kind, key = rows.kind[at], np.uint64(rows.page[at])
        if rows.ctx[at] & 15 == vcpu and (kind == SERVICE_ENTER or kind == SERVICE_EXIT) and key >> OWNER_SHIFT == old:
            rows.page[at] = service << OWNER_SHIFT | key & THREAD_MASK
    rows.kind[row], rows.page[row] = SERVICE_EXIT, service << OWNER_SHIFT


@kernel
def _book(rows, walk, first, end):
    """Put the key of the place that is current from there on into each row that enters or leaves a service."""
    for i in range(np.uint64(first), np.uint64(end)):
        kind = rows.kind[i]
        if kind == EXTRA:
            continue
        vcpu, page, info = np.uint64(rows.ctx[i] & 15), np.uint64(rows.page[i]), np.uint64(rows.info[i])
        if kind == SERVICE_ENTER and info & FOUND != 0 and walk.depth[vcpu] != 0:
            _find_out(rows, walk, vcpu, page, np.uint64(i))
        elif kind == SERVICE_ENTER:
            rows.page[i] = _enter(walk, vcpu, page, info, np.uint64(i))
            last = np.uint64(i) - ONE
            if i > 0 and rows.kind[last] == EXCEPTION and rows.ctx[last] & 15 == vcpu and rows.n[i] == 0:
                _enter_first(rows, last, np.uint64(i))
                walk.begun[vcpu * SLOTS + walk.depth[vcpu] - ONE] = last
        elif kind == SERVICE_EXIT:
            rows.page[i] = _exit(walk, vcpu, page, np.uint64(i))
        elif kind == EXCEPTION and info & np.uint64(CAUSE_MASK) == NESTED_REFILL:
            _close_exception(walk, vcpu)
        elif kind == THREAD_SWITCH:
            _switch(walk, vcpu, info, page & THREAD_MASK, np.uint64(i))
        elif kind == THREAD_SPACE:
            _begin(walk, vcpu, page & THREAD_MASK)
        walk.before[vcpu] = kind


class Booking:
    """Follows the services of a trace's rows, and says what places there are."""

    def __init__(self, columns: Columns, meta: TraceMeta, name: str) -> None:
        """``columns`` hold checked rows without definitions; errors name ``name``.

        Pages of SERVICE_ENTER and SERVICE_EXIT change from services to places; an exception and the entry that it
        causes are exchanged.
        """
        self._columns, self._meta, self._name = columns, meta, name
        self._walk, self._done = _walk(meta), 0

    def book(self, end: int) -> None:
        """Book the rows before ``end`` that were not yet."""
        while self._done < end:
            last = min(self._done + CHUNK_ROWS, end)
            _book(self._columns, self._walk, self._done, last)
            self._done = last

    @property
    def reach(self) -> int:
        """How many rows back the furthest of those went that were booked anew; nothing before them changes any more."""
        return int(self._walk.reach[0])

    def keys(self, first: int, last: int) -> np.ndarray:
        """What rows ``first`` to ``last`` (exclusive), which are booked for good, are booked to: u32, ascending."""
        page, kind = self._columns.page[first:last], self._columns.kind[first:last]
        found = [np.unique(page[rows]) for rows in crossings(kind)]
        return np.unique(np.concatenate([np.zeros(0, np.uint32), *found]))

    def number(self, first: int, last: int, numbering: Numbering) -> None:
        """Let rows ``first`` to ``last`` (exclusive) name places by their numbers."""
        page, kind = self._columns.page[first:last], self._columns.kind[first:last]
        for rows in crossings(kind):
            page[rows] = numbering.number[np.searchsorted(numbering.keys, page[rows])]

    def numbering(self, keys: np.ndarray) -> Numbering:
        """The places where rows are booked to ``keys``, ascending.  Raises UserError if there are too many."""
        ids = np.array([s.id for s in self._meta.services], np.uint32)
        owner, work = np.searchsorted(ids, keys >> 16), keys & 0xFFFF
        inside = work != 0
        if ids.size + np.count_nonzero(inside) > MAX_PLACES:
            raise UserError(f"{self._name}: work within services makes more than {MAX_PLACES} places; {REMEDY}")
        number = np.where(inside, ids.size - 1 + np.cumsum(inside), owner).astype(np.uint32)
        own = np.arange(ids.size, dtype=np.uint32)
        owners = np.concatenate([own, owner[inside].astype(np.uint32)])
        inners = np.concatenate([own, np.searchsorted(ids, work[inside]).astype(np.uint32)])
        return Numbering(keys, number, Places(owners, inners, np.zeros(owners.size, np.uint32)))

    def finish(self) -> Places:
        """The places, once all rows are booked.  Raises UserError if there are too many."""
        found = self.numbering(self.keys(0, self._done))
        self.number(0, self._done, found)
        return found.places


def crossings(kind: np.ndarray) -> Iterator[np.ndarray]:
    """Rows that enter or leave a service, by their ``kind``, a chunk at a time."""
    return (part.start + rows_of(kind[part], (SERVICE_ENTER, SERVICE_EXIT)) for part in chunks(kind.size))


def _walk(meta: TraceMeta) -> _Walk:
    """Nothing is open on any vCPU or in any thread; thread 0 runs."""
    work, resting = np.zeros(MAX_SERVICES, np.uint8), np.zeros(MAX_SERVICES, np.uint8)
    for service in meta.services:
        work[service.id] = service.id != 0 and service.klass in WORK
        resting[service.id] = service.id == 0 or service.klass == ServiceClass.IDLE
    return _Walk(
        work=work,
        resting=resting,
        stack=np.zeros(meta.vcpus * DEPTH, np.uint64),
        begun=np.zeros(meta.vcpus * DEPTH, np.uint64),
        depth=np.zeros(meta.vcpus, np.uint64),
        kept=np.zeros(THREADS * DEPTH, np.uint64),
        kept_depth=np.zeros(THREADS, np.uint64),
        thread=np.zeros(meta.vcpus, np.uint64),
        before=np.zeros(meta.vcpus, np.uint8),
        reach=np.zeros(1, np.uint64),
    )


def named(places: Places, meta: TraceMeta) -> tuple[Place, ...]:
    """The places by their names, in order."""
    table: Any = zip(*(part.tolist() for part in places), strict=True)
    services = meta.services
    return tuple(Place(services[o].name, services[i].name if i != o else "", services[i].klass, r) for o, i, r in table)
