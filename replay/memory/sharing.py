"""Machine pages that several frames map read-only, of one virtual machine or of many, until one of them is stored to.

A *slot* is a machine page that may be shared: a block of a base image, a frame of a kernel's text, the payload of a
packet.  The first store through any sharer gives the writer a page of its own; the last sharer that writes keeps the
page (Bugnion et al., SOSP 1997, sections 4.2.5 and 4.2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline, types_by_hook
from replay.kernel import tick
from replay.mmu import pmap as pages_of
from replay.mmu.pmap import Pmap
from replay.prepare import Prepared
from replay.trace.schema import Kind

EVENTS = {
    "shared pages": {
        "copy_on_write": "shared pages copied for the virtual machine that first stores to them",
        "page_claimed": "pages whose last sharer first stores to them",
    }
}
"""Counters by mechanism."""

COPY_ON_WRITE, PAGE_CLAIMED = (np.uint64(n) for n in range(2))
"""Places of the counters from ``Sharing.first`` on."""

NOTHING, BLOCK, PACKET = (np.uint8(n) for n in range(3))
"""What devices put into a frame that was neither freed nor zeroed since: nothing, a block, or a packet's payload."""

ONE, NONE, FIRST_STORE = np.uint64(1), np.uint32(0), int(Kind.STORE1)


class Slots(NamedTuple):
    """There are pages that may be shared."""

    number: np.uint64


class NoSlots(NamedTuple):
    """No page is ever shared: stores need no question."""

    number: np.uint64


class Sharing(NamedTuple):
    """Who shares which machine page."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    group: np.ndarray  # u32 by frame: the slot that its machine page holds, plus one; 0 where the page is its own
    holds: np.ndarray  # u8 by frame: NOTHING, BLOCK or PACKET
    members: np.ndarray  # u32 by slot: frames that map its page, and packets under way that hold it
    page: np.ndarray  # u32 by slot: the machine page
    vm: np.ndarray  # u32[vcpus]: the VM that runs
    slots: Any  # their number, as Slots or as NoSlots


def make_sharing(
    prepared: Prepared, pmap: Pmap, counts: np.ndarray, counters: tuple[str, ...], slots: Sequence[int]
) -> Sharing:
    """Nobody shares anything yet; ``slots`` are how many each mechanism has, 0 for one that shares nothing.

    ``counters`` are all of the model's.
    """
    return Sharing(
        counts=counts,
        first=np.uint64(counters.index("copy_on_write")),
        group=np.zeros(pmap.machine.size, np.uint32),
        holds=np.zeros(pmap.machine.size, np.uint8),
        members=np.zeros(sum(slots), np.uint32),
        page=np.zeros(sum(slots), np.uint32),
        vm=np.array(first_vms(prepared), np.uint32),
        slots=(Slots if any(slots) else NoSlots)(np.uint64(sum(slots))),
    )


def first_vms(prepared: Prepared) -> list[int]:
    """By vCPU: the VM that runs there first."""
    places = prepared.first_place or (0,) * prepared.meta.vcpus
    return [prepared.regions[prepared.places.region[place]].vm for place in places]


def number_of_vms(prepared: Prepared) -> int:
    """How many virtual machines the trace is of."""
    return 1 + max(region.vm for region in prepared.regions)


@inline
def join(s, pmap, frame, slot):
    """``frame``, whose own page is given back, maps the page of ``slot``."""
    pmap.machine[frame] = s.page[slot]
    s.group[frame] = np.uint32(slot + ONE)
    s.members[slot] += np.uint32(1)


@inline
def open_slot(s, pmap, frame, slot):
    """The machine page of ``frame`` becomes that of ``slot``, with it alone; whether the frame had none before."""
    allocated = pages_of.use(pmap, frame + ONE)
    s.page[slot], s.group[frame], s.members[slot] = pmap.machine[frame], np.uint32(slot + ONE), np.uint32(1)
    return allocated


@inline
def release(s, pmap, frame):
    """``frame`` gives its part of a shared page back, if it has one."""
    if frame < np.uint64(s.group.size) and s.group[frame] != 0:
        slot = np.uint64(s.group[frame]) - ONE
        s.members[slot] -= np.uint32(1)
        s.group[frame] = NONE
        pmap.machine[frame] = NONE


@inline
def forget(s, pmap, frame):
    """``frame`` holds nothing of a device's any more: it was freed or zeroed."""
    if frame < np.uint64(s.holds.size):
        s.holds[frame] = NOTHING
        release(s, pmap, frame)


@inline
def write(s, pmap, at, frame):
    """A store to ``frame`` (plus one; 0 for none): the monitor takes a fault where it is shared, and unshares it."""
    here = np.uint64(frame) - ONE
    if frame == 0 or here >= np.uint64(s.group.size) or s.group[here] == 0:
        return
    slot = np.uint64(s.group[here]) - ONE
    if s.members[slot] == 1:
        s.members[slot], s.group[here] = NONE, NONE
        tick(s.counts, at, s.first + PAGE_CLAIMED)
    else:
        release(s, pmap, here)
        pages_of.use(pmap, frame)
        tick(s.counts, at, s.first + COPY_ON_WRITE)


def refer(slots: Any, s: Any, pmap: Any, at: Any, reference: Any) -> Any:
    """A reference of the guest: a store is a ``write`` to what the guest's tables map its page to."""
    raise TypeError(f"compiled code only: {slots} {s} {pmap} {at} {reference}")


@inline
def _refer(_slots, s, pmap, at, reference):
    if reference.kind >= FIRST_STORE:
        write(s, pmap, at, pmap.entry[np.uint64(reference.page)])


@inline
def _refer_to_own(_slots, _s, _pmap, _at, _reference):
    pass


types_by_hook(refer, {Slots: _refer, NoSlots: _refer_to_own})
