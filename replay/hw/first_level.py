"""First-level TLBs, one for instructions and one for data, with entries for 4 KB and for 2 MB pages.

Residency is a table by page id: ``slot[page]`` is the entry that translates it, so that the common question "hit?" is
one well-predicted load.  Entry 0 stands for "absent"; those of each vCPU follow in a row, for instructions and then
for data.  An entry maps a *unit* (see ``replay.hw.geometry``); all page ids of a 2 MB region, which are neighbours,
point to the one entry that maps it.  The victim in a set is the least recently used, found by a scan of the ways, which
costs misses only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import geometry
from replay.jit import inline
from replay.kernel import FETCH
from replay.trace.schema import Segment

ABSENT, FIRST = 0, 1
FIRST_ENTRY, ONE = np.uint64(FIRST), np.uint64(1)
CODE, DATA = np.uint64(0), np.uint64(1)
DEVICE = int(Segment.DEVICE)


class FirstLevel(NamedTuple):
    """The first-level TLBs of all vCPUs."""

    slot: np.ndarray  # u16[2 * vcpus * pages]: entry by page, for instructions then for data
    unit: np.ndarray  # u32[FIRST + vcpus * entries]: what each entry maps, 0 for none
    stamp: np.ndarray  # u64[FIRST + vcpus * entries]: when it was last used
    home: np.ndarray  # u32[2 * units]: first way of a unit's set, for instructions then for data
    ways: np.ndarray  # u64[4]: by [data, large]
    begin: np.ndarray  # u32 by leaf region: its first page id; one more for the end
    segment: np.ndarray  # u8 by page id
    entries: np.uint64  # of a vCPU
    split: np.uint64  # of these, for instructions
    pages: np.uint64
    units: np.uint64
    data: np.uint64  # where data starts in ``slot``


def make_first_level(vcpus: int, units: geometry.Units, segment: np.ndarray, settings: Mapping[str, Any]) -> FirstLevel:
    """Empty TLBs with the geometry in ``settings``; ``segment`` is by page id.

    Raises UserError for ways that do not divide.
    """
    level = geometry.first_level(units, settings)
    return FirstLevel(
        slot=np.zeros(2 * vcpus * units.pages, np.uint16),
        unit=np.zeros(FIRST + vcpus * level.entries, np.uint32),
        stamp=np.zeros(FIRST + vcpus * level.entries, np.uint64),
        home=level.home,
        ways=level.ways,
        begin=units.begin,
        segment=segment,
        entries=np.uint64(level.entries),
        split=np.uint64(settings["itlb.entries"] + settings["itlb.large_entries"]),
        pages=np.uint64(units.pages),
        units=np.uint64(units.address.size),
        data=np.uint64(vcpus * units.pages),
    )


@inline
def hit(tlb, at, ref):
    """Whether the TLB for the kind of ``ref`` holds its page; its entry is then the most recently used."""
    where = at.lane + at.lane + np.uint64(ref.page)
    if ref.kind != FETCH:
        where += tlb.data
    slot = np.uint64(tlb.slot[where])
    tlb.stamp[slot] = at.now  # of an absent page: entry 0, which nobody reads
    return slot != ABSENT


@inline
def fill(tlb, at, data, page, unit):
    """Hold ``unit``, the translation of ``page``, in place of the least recently used entry of its set."""
    first = FIRST_ENTRY + at.vcpu * tlb.entries + np.uint64(tlb.home[data * tlb.units + unit])
    large = ONE if unit >= tlb.pages else np.uint64(0)
    slot = first
    for way in range(tlb.ways[data + data + large]):
        other = first + np.uint64(way)
        if tlb.stamp[other] < tlb.stamp[slot]:
            slot = other
    lane = data * tlb.data + at.vcpu * tlb.pages
    _empty(tlb, lane, slot)
    if large == 0:
        tlb.slot[lane + page] = slot
    else:
        _point(tlb, lane, unit - tlb.pages, slot)
    tlb.unit[slot] = unit
    tlb.stamp[slot] = at.now | ONE  # above that of an empty entry, even in row 0


@inline
def drop(tlb, vcpu, page):
    """Forget what translates ``page``, for instructions and for data."""
    for side in range(2):
        lane = np.uint64(side) * tlb.data + vcpu * tlb.pages
        slot = np.uint64(tlb.slot[lane + page])
        if slot != ABSENT:
            _empty(tlb, lane, slot)


@inline
def flush(tlb, vcpu, space_of, space, kept):
    """Forget what belongs to ``space``, or, if ``kept``, all but that; ``space_of`` is by unit."""
    for index in range(tlb.entries):
        slot = FIRST_ENTRY + vcpu * tlb.entries + np.uint64(index)
        unit = np.uint64(tlb.unit[slot])
        if unit != 0 and (space_of[unit] == space) != kept:
            side = DATA if np.uint64(index) >= tlb.split else CODE
            _empty(tlb, side * tlb.data + vcpu * tlb.pages, slot)


@inline
def _point(tlb, lane, region, slot):
    """Let every page of ``region`` point to entry ``slot``; entries of single pages go."""
    for index in range(tlb.begin[region], tlb.begin[region + ONE]):
        page = np.uint64(index)
        old = np.uint64(tlb.slot[lane + page])
        tlb.unit[old] = 0
        tlb.stamp[old] = 0
        if tlb.segment[page] != DEVICE:
            tlb.slot[lane + page] = slot


@inline
def _empty(tlb, lane, slot):
    """Forget what entry ``slot`` holds."""
    unit = np.uint64(tlb.unit[slot])
    if unit < tlb.pages:
        tlb.slot[lane + unit] = ABSENT  # of an empty entry: page 0, always absent
    else:
        region = unit - tlb.pages
        for page in range(tlb.begin[region], tlb.begin[region + ONE]):
            tlb.slot[lane + np.uint64(page)] = ABSENT
    tlb.unit[slot] = 0
    tlb.stamp[slot] = 0
