"""Direct page tables: the guest's own tables are what hardware walks, and the monitor validates every update.

Queue         Updates and commands (pin, unpin, new base, invalidation) wait in the vCPU's queue, which one hypercall
              hands over.  The queue is flushed when it is full and whenever something in it is needed, so that n rows
              between two such moments take ceil(n / size) hypercalls.  An update is needed by the next access to its
              page too: that access faults, and the guest flushes and tries again.
Pinning       A frame becomes a page table when it is allocated as one, and is *pinned* before hardware may use it: the
              kernel's own mapping of it turns read-only (an update) and its entries are validated together (a command).
              From then on each store to it is an update.  A table that is freed is unpinned and its mapping given back.
MIPS guests   A kernel probes the TLB after each change of an entry.  Where the entry was valid before, that stands for
              an invalidation.  Upper tables are not in the trace: a leaf table that is linked is one update of them.

A monitor's model owns the prices; the counters are ``EVENTS``, next to each other among the model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline
from replay.kernel import add, tick
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import ENTRY_VALID, Kind

PARAMETERS = (
    Parameter(
        "queue", 2048, "entries", 1, 1 << 20, "cited: Barham et al., SOSP 2003, section 4.2",
        "updates and commands that one hypercall hands over; 2048 of them build 8 MB of address space",
    ),
    Parameter(
        "pin", "link", "policy", 0, 0, "assumed",
        "link: a table is pinned when it is linked, as in 2003; switch: when its space first becomes current, as later",
        ("link", "switch"),
    ),
)  # fmt: skip

EVENTS = {
    "page-table updates": {
        "update_hypercall": "hypercalls that hand over queued updates and commands",
        "entry_validation": "updates that the monitor validates; a table pinned or unpinned is one of the kernel's map",
        "table_pin": "commands that pin a table",
        "pinned_entry": "valid entries of tables, validated when these are pinned",
        "table_unpin": "commands that unpin a table",
        "unpinned_entry": "valid entries of tables, released when these are unpinned",
        "pending_fault": "accesses to a page whose update was still queued: a fault, after which the guest flushes",
    }
}
"""Counters by mechanism."""

UPDATING = ("entry_validation", "update_hypercall")
"""What a store to a page table may tick."""

PINNING = ("table_pin", "pinned_entry", *UPDATING)
UNPINNING = ("table_unpin", "unpinned_entry", *UPDATING)
TOUCHING = ("pending_fault", "update_hypercall")
"""What an access may tick."""

(UPDATE_HYPERCALL, ENTRY_VALIDATION, TABLE_PIN, PINNED_ENTRY, TABLE_UNPIN, UNPINNED_ENTRY, PENDING_FAULT) = (
    np.uint64(n) for n in range(7)
)
"""Places of the counters from ``Validated.first`` on."""

MAX_FRAMES = 1 << 26
"""Tables in frames beyond 256 GiB of guest-physical memory count as always pinned."""

FOREIGN, NEW, WAITING, PINNED = 0, 1, 2, 3
"""What a frame is: no table that the guest announced; a new one; one linked but not yet pinned; a pinned one."""

ONE, VALID = np.uint64(1), np.uint64(ENTRY_VALID)


class Validated(NamedTuple):
    """The queues of all vCPUs and what the monitor knows of the guest's tables."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    queued: np.ndarray  # i64[vcpus]: updates and commands in the queue
    batch: np.ndarray  # u32[vcpus]: number of the batch that is being queued; no two are the same
    batches: np.ndarray  # u32[1]: last number given
    wanted: np.ndarray  # u32 by page id: batch of the update that last made it valid
    use: np.ndarray  # u8 by frame: FOREIGN, NEW, WAITING or PINNED
    valid: np.ndarray  # u32 by frame: valid entries of the table
    space: np.ndarray  # u32 by frame: space that a WAITING table belongs to
    waiting: np.ndarray  # u32: frames of the tables that are WAITING
    waiters: np.ndarray  # u64[1]: how many of them
    revoked: np.ndarray  # u8[vcpus]: 1 after a store changed a valid entry, until a TLB probe of a MIPS guest
    size: np.int64  # of a queue
    at_link: np.uint64  # 1: tables are pinned when they are linked
    link_updates: np.int64  # updates of upper tables, which the trace does not show, when a leaf table is linked


def make_validated(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, first: int) -> Validated:
    """Empty queues and no tables; ``first`` is the number of the model's counter ``update_hypercall``."""
    meta = prepared.meta
    frames = min(meta.memory_bytes >> 12, MAX_FRAMES)
    return Validated(
        counts=counts,
        first=np.uint64(first),
        queued=np.zeros(meta.vcpus, np.int64),
        batch=np.arange(1, meta.vcpus + 1, dtype=np.uint32),
        batches=np.full(1, meta.vcpus, np.uint32),
        wanted=np.zeros(prepared.pages.segment.size, np.uint32),
        use=np.zeros(frames, np.uint8),
        valid=np.zeros(frames, np.uint32),
        space=np.zeros(frames, np.uint32),
        waiting=np.zeros(frames, np.uint32),
        waiters=np.zeros(1, np.uint64),
        revoked=np.zeros(meta.vcpus, np.uint8),
        size=np.int64(settings["queue"]),
        at_link=np.uint64(settings["pin"] == "link"),
        link_updates=np.int64(meta.architecture == "mips64"),
    )


# -- the queue --------------------------------------------------------------------------------------------------------


@inline
def flush(v, at):
    """Hand over what is queued, if anything is."""
    if v.queued[at.vcpu] != 0:
        tick(v.counts, at, v.first + UPDATE_HYPERCALL)
        v.queued[at.vcpu] = 0
        v.batches[0] += np.uint32(1)
        v.batch[at.vcpu] = v.batches[0]


@inline
def enqueue(v, at):
    """Queue an update or a command."""
    v.queued[at.vcpu] += 1
    if v.queued[at.vcpu] == v.size:
        flush(v, at)


@inline
def command(v, at):
    """Queue a command and hand it over at once."""
    enqueue(v, at)
    flush(v, at)


@inline
def touch(v, at, page):
    """An access needs the translation of ``page``: if its update is still queued it faults, and the guest flushes."""
    if v.wanted[np.uint64(page)] == v.batch[at.vcpu]:
        tick(v.counts, at, v.first + PENDING_FAULT)
        flush(v, at)


# -- what the guest does to its tables --------------------------------------------------------------------------------


@inline
def change(v, at, row):
    """Follow an event that concerns the guest's page tables; other rows change nothing."""
    if row.kind == Kind.ENTRY:
        _store(v, at, row)
    elif row.kind == Kind.TABLE_ALLOC:
        _allocate(v, np.uint64(row.page))
    elif row.kind == Kind.TABLE_LINK:
        _link(v, at, np.uint64(row.page), np.uint32(row.payload[1]))
    elif row.kind == Kind.TABLE_FREE:
        _free(v, at, np.uint64(row.page))


@inline
def probe_invalidates(v, vcpu):
    """Whether a TLB probe of a MIPS guest stands for an invalidation: its kernel has just changed a valid entry."""
    revoked = v.revoked[vcpu] != 0
    v.revoked[vcpu] = 0
    return revoked


@inline
def pin_space(v, at, space):
    """Before ``space`` becomes current: its tables that wait to be pinned are."""
    n = np.uint64(0)
    while n < v.waiters[0]:
        frame = np.uint64(v.waiting[n])
        if v.space[frame] == space:
            _leave(v, n)
            _pin(v, at, frame)
        else:
            n += ONE


@inline
def _store(v, at, row):
    """A store to a page table: an update that is validated, unless the table is not pinned yet."""
    old, new, frame = row.payload[0] & VALID, row.payload[1] & VALID, row.payload[2]
    if old != 0 and row.payload[0] != row.payload[1]:
        v.revoked[at.vcpu] = 1
    if _known(v, frame) and v.use[frame] != FOREIGN:
        if new > old:
            v.valid[frame] += np.uint32(1)
        elif new < old and v.valid[frame] != 0:
            v.valid[frame] -= np.uint32(1)
        if v.use[frame] != PINNED:
            return
    _update(v, at)
    if new != 0 and v.queued[at.vcpu] != 0:
        v.wanted[np.uint64(row.page)] = v.batch[at.vcpu]


@inline
def _update(v, at):
    tick(v.counts, at, v.first + ENTRY_VALIDATION)
    enqueue(v, at)


@inline
def _allocate(v, frame):
    """``frame`` is a table now, empty and not pinned."""
    if _known(v, frame):
        _forget(v, frame)
        v.use[frame] = NEW
        v.valid[frame] = 0


@inline
def _link(v, at, frame, space):
    """A table now belongs to ``space``."""
    if _known(v, frame) and v.use[frame] == NEW:
        if v.at_link != 0:
            _pin(v, at, frame)
        else:
            v.use[frame], v.space[frame] = WAITING, space
            v.waiting[v.waiters[0]] = frame
            v.waiters[0] += ONE
    for _ in range(v.link_updates):
        _update(v, at)


@inline
def _free(v, at, frame):
    """``frame`` is no table any more."""
    if _known(v, frame):
        if v.use[frame] == PINNED:
            tick(v.counts, at, v.first + TABLE_UNPIN)
            add(v.counts, at, v.first + UNPINNED_ENTRY, np.int64(v.valid[frame]))
            enqueue(v, at)
            _update(v, at)
        _forget(v, frame)


@inline
def _pin(v, at, frame):
    v.use[frame] = PINNED
    _update(v, at)
    tick(v.counts, at, v.first + TABLE_PIN)
    add(v.counts, at, v.first + PINNED_ENTRY, np.int64(v.valid[frame]))
    enqueue(v, at)


@inline
def _forget(v, frame):
    if v.use[frame] == WAITING:
        for n in range(v.waiters[0]):
            if v.waiting[n] == frame:
                _leave(v, n)
                break
    v.use[frame] = FOREIGN


@inline
def _known(v, frame):
    return frame < np.uint64(v.use.size)


@inline
def _leave(v, n):
    """The last of the waiting tables takes the place of number ``n``."""
    v.waiters[0] -= ONE
    v.waiting[n] = v.waiting[v.waiters[0]]
