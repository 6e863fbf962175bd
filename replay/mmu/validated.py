"""Direct page tables: the guest's own tables are what hardware walks, and the monitor validates every update.

A frame becomes a page table when it is allocated as one, and is *pinned* before hardware may use it: its entries are
validated together then, and from then on each store to it is an update that the monitor validates.  Updates and
commands (pin, unpin, new base, invalidation) wait in the vCPU's queue, which one hypercall hands over.  The queue is
flushed when it is full and whenever something in it is needed, so that n rows between two such moments take
ceil(n / size) hypercalls.  An update is needed by the guest's next access to the page too: that access faults, and the
guest flushes and tries again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline
from replay.records import Parameter
from replay.trace.schema import ENTRY_VALID

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

MAX_FRAMES = 1 << 26
"""Tables in frames beyond 256 GiB of guest-physical memory count as always pinned."""

FOREIGN, NEW, WAITING, PINNED = 0, 1, 2, 3
"""What a frame is: no table that the guest announced; a new one; one linked but not yet pinned; a pinned one."""

ONE, VALID = np.uint64(1), np.uint64(ENTRY_VALID)


class Validated(NamedTuple):
    """The queues of all vCPUs and what the monitor knows of the guest's tables."""

    queued: np.ndarray  # i64[vcpus]: updates and commands in the queue
    batch: np.ndarray  # u32[vcpus]: number of the batch that is being queued; no two are the same
    batches: np.ndarray  # u32[1]: last number given
    wanted: np.ndarray  # u32 by page id: batch of the update that last made it present
    use: np.ndarray  # u8 by frame: FOREIGN, NEW, WAITING or PINNED
    present: np.ndarray  # u32 by frame: valid entries of the table
    space: np.ndarray  # u32 by frame: space that a linked table belongs to
    waiting: np.ndarray  # u32: frames of the tables that are WAITING
    waiters: np.ndarray  # u64[1]: how many of them
    size: np.int64  # of a queue
    at_link: np.uint64  # 1: tables are pinned when they are linked


def make_validated(vcpus: int, memory_bytes: int, pages: int, settings: Mapping[str, Any]) -> Validated:
    """Empty queues and no tables, for a guest with that memory and so many page ids."""
    frames = min(memory_bytes >> 12, MAX_FRAMES)
    return Validated(
        queued=np.zeros(vcpus, np.int64),
        batch=np.arange(1, vcpus + 1, dtype=np.uint32),
        batches=np.full(1, vcpus, np.uint32),
        wanted=np.zeros(pages, np.uint32),
        use=np.zeros(frames, np.uint8),
        present=np.zeros(frames, np.uint32),
        space=np.zeros(frames, np.uint32),
        waiting=np.zeros(frames, np.uint32),
        waiters=np.zeros(1, np.uint64),
        size=np.int64(settings["queue"]),
        at_link=np.uint64(settings["pin"] == "link"),
    )


@inline
def flush(validated, vcpu):
    """Hand over what is queued; hypercalls that took, 0 for an empty queue."""
    if validated.queued[vcpu] == 0:
        return 0
    validated.queued[vcpu] = 0
    validated.batches[0] += np.uint32(1)
    validated.batch[vcpu] = validated.batches[0]
    return 1


@inline
def enqueue(validated, vcpu):
    """Queue an update or a command; hypercalls that took, 1 if the queue was full then."""
    validated.queued[vcpu] += 1
    return flush(validated, vcpu) if validated.queued[vcpu] == validated.size else 0


@inline
def update(validated, row):
    """Follow a store to a page table; whether it is an update that the monitor validates by itself.

    The caller queues one that is.
    """
    old, new, frame = row.payload[0] & VALID, row.payload[1] & VALID, row.payload[2]
    if not _known(validated, frame) or validated.use[frame] == FOREIGN:
        return True
    if new > old:
        validated.present[frame] += np.uint32(1)
    elif new < old and validated.present[frame] != 0:
        validated.present[frame] -= np.uint32(1)
    return validated.use[frame] == PINNED


@inline
def want(validated, vcpu, row):
    """Remember what the update just queued maps: an access to it needs the queue flushed."""
    if row.payload[1] & VALID and validated.queued[vcpu] != 0:
        validated.wanted[np.uint64(row.page)] = validated.batch[vcpu]


@inline
def is_queued(validated, vcpu, page):
    """Whether the update that makes ``page`` present is still in the queue of ``vcpu``."""
    return validated.wanted[np.uint64(page)] == validated.batch[vcpu]


@inline
def allocate(validated, frame):
    """``frame`` is a table now, empty and not pinned."""
    if _known(validated, frame):
        forget(validated, frame)
        validated.use[frame] = NEW
        validated.present[frame] = 0


@inline
def link(validated, frame, space):
    """A table now belongs to ``space``; whether it has to be pinned at once."""
    if not _known(validated, frame) or validated.use[frame] != NEW:
        return False
    if validated.at_link == 0:
        validated.use[frame], validated.space[frame] = WAITING, space
        validated.waiting[validated.waiters[0]] = frame
        validated.waiters[0] += ONE
    return validated.at_link != 0


@inline
def pin(validated, frame):
    """Pin a table; how many valid entries are validated with it."""
    validated.use[frame] = PINNED
    return np.int64(validated.present[frame])


@inline
def next_waiting(validated, space):
    """A table of ``space`` that has to be pinned, taken off those that wait: its frame + 1, or 0 for none."""
    for n in range(validated.waiters[0]):
        frame = np.uint64(validated.waiting[n])
        if validated.space[frame] == space:
            _leave(validated, n)
            return frame + ONE
    return np.uint64(0)


@inline
def is_pinned(validated, frame):
    """Whether ``frame`` is a pinned table."""
    return _known(validated, frame) and validated.use[frame] == PINNED


@inline
def forget(validated, frame):
    """``frame`` is no table any more."""
    if _known(validated, frame):
        if validated.use[frame] == WAITING:
            for n in range(validated.waiters[0]):
                if validated.waiting[n] == frame:
                    _leave(validated, n)
                    break
        validated.use[frame] = FOREIGN


@inline
def _known(validated, frame):
    return frame < np.uint64(validated.use.size)


@inline
def _leave(validated, n):
    """The last of the waiting tables takes the place of number ``n``."""
    validated.waiters[0] -= ONE
    validated.waiting[n] = validated.waiting[validated.waiters[0]]
