"""A monitor's software TLB over a pmap: what it does to both levels of TLB when a TLB is written or a page goes.

Each function takes the state ``m`` of a model with the fields ``tlb``, ``l2tlb``, ``pmap``, ``segment`` (by page id),
``direct`` (by frame: the pair of the unmapped segment that holds it) and ``probed`` (by virtual CPU: the pair that the
last probe found).
"""

from __future__ import annotations

import numpy as np

from replay.hw import sets, tlb
from replay.jit import helper, inline
from replay.memory import hooks
from replay.mmu import levels, pmap
from replay.trace.schema import TLB_INDEX, TLB_RANDOM, Segment

MAPPED, ONE = int(Segment.MAPPED), np.uint64(1)


@inline
def write(m, at, pair):
    """Both halves through the pmap, then both levels hold the pair; how many machine pages were allocated."""
    allocated = pmap.map_pair(m.pmap, pair)
    sets.insert(m.l2tlb, at.vcpu, pair)
    if not tlb.touch(m.tlb, at, pair):
        tlb.insert(m.tlb, at, pair)
    return allocated


@inline
def emulate_write(m, at, row):
    """A TLB write by the guest itself, outside its refill handlers: how many machine pages were allocated.

    An unmapped address clears an entry.
    """
    pair, index = tlb.pair_of(row.page), np.uint64(row.info & TLB_INDEX)
    probed = m.probed[at.vcpu]
    m.probed[at.vcpu] = 0
    if pair != 0 and m.segment[np.uint64(row.page)] == MAPPED:
        pmap.set_entry(m.pmap, pair << ONE, row.payload[0])
        pmap.set_entry(m.pmap, (pair << ONE) + ONE, row.payload[1])
        if index < m.tlb.wired and row.info & TLB_RANDOM == 0:
            tlb.place(m.tlb, at, pair, index)
        return write(m, at, pair)
    if probed != 0:
        levels.drop(m.tlb, m.l2tlb, at.vcpu, probed)
    elif index < m.tlb.entries and row.info & TLB_RANDOM == 0:
        tlb.drop_index(m.tlb, at.vcpu, index)
    return 0


@inline
def give_back(m, at, frame):
    """Take the machine page of a freed frame away, and with it the kernel's own mapping in any virtual CPU's TLB."""
    hooks.give_back(at.memory, at, frame)
    pmap.give_back(m.pmap, frame)
    drop_direct(m, frame)


@inline
def drop_direct(m, frame):
    """Drop the kernel's own mapping of ``frame``, through an unmapped segment, from all hardware TLBs."""
    if frame < np.uint64(m.direct.size):
        tlb.drop_everywhere(m.tlb, np.uint64(m.direct[frame]))


@helper
def shoot_down(m, at, frame):
    """A frame has another machine page: drop what maps it from all hardware TLBs; how many others' held it.

    The second level is changed in place.
    """
    others = np.uint64(0)
    for number in range(m.probed.size):
        vcpu, held = np.uint64(number), False
        for entry in range(m.tlb.entries):
            page = np.uint64(m.tlb.pair[tlb.FIRST_ENTRY + vcpu * m.tlb.entries + np.uint64(entry)]) << ONE
            if page != 0 and (m.pmap.mapped[page] == frame + ONE or m.pmap.mapped[page + ONE] == frame + ONE):
                tlb.drop(m.tlb, vcpu, page >> ONE)
                held = True
        others += np.uint64(held and vcpu != at.vcpu)
    return others
