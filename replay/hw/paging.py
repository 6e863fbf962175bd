"""TLBs of a processor that walks page tables itself: split first level, second level, 4 KB and 2 MB pages.

The first level's residency is a table by page id: ``slot[page]`` is the entry that translates it, so that the common
question "hit?" is one well-predicted load.  Entry 0 stands for "absent"; those of each vCPU follow in a row: 4 KB and
2 MB entries for instructions, then for data.  What an entry maps is its *unit*: a page id, or, beyond the page ids, the
number of a 2 MB region, whose page ids are neighbours and all point to that one entry.  The victim in a set is the
least recently used, found by a scan of the ways, which costs misses only.

The second level is set-associative and least recently used (``replay.hw.sets``), indexed by the low bits of the page
number.  Page ids hold their address space, so tagged and untagged hardware differ in what a base switch flushes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import geometry, sets, walk_caches
from replay.hw.geometry import Level
from replay.hw.walk_caches import WalkCaches
from replay.jit import inline
from replay.kernel import FETCH
from replay.prepare import Prepared
from replay.trace.schema import ENTRY_SIZE_SHIFT, ENTRY_VALID, Cause, Kind, Segment

PARAMETERS = geometry.PARAMETERS
"""Parameters of every model whose hardware walks page tables; a machine gives values to those it knows."""

MIPS_RULES = (
    "the walker reads tables of four levels, made from the guest's page-table entries; refill service is left out",
    "unmapped segments are a map of all memory in global 2 MB pages, as 64-bit kernels have it",
    "a TLB probe, by which the kernel looks for an entry to change, invalidates what it looks for; a TLB write nothing",
    "the kernel keeps its valid and dirty bits in software: soft faults stay as recorded",
)
"""What is done about a guest that refills its TLB itself, on hardware that walks page tables."""

ABSENT, FIRST = 0, 1
FIRST_FAULT, LAST_FAULT = np.uint8(Cause.NOT_PRESENT), np.uint8(Cause.PROTECTION)
FIRST_ENTRY, ONE = np.uint64(FIRST), np.uint64(1)
CODE, DATA = np.uint64(0), np.uint64(1)
LARGE_ENTRY = np.uint64(ENTRY_VALID | 1 << ENTRY_SIZE_SHIFT)
LARGE_MASK = np.uint64(ENTRY_VALID | 3 << ENTRY_SIZE_SHIFT)
DEVICE = int(Segment.DEVICE)


class Paging(NamedTuple):
    """The TLBs and walk caches of all vCPUs."""

    slot: np.ndarray  # u16[2 * vcpus * pages]: first-level entry by page, for instructions then for data
    unit: np.ndarray  # u32[FIRST + vcpus * entries]: what each first-level entry maps, 0 for none
    stamp: np.ndarray  # u64[FIRST + vcpus * entries]: when it was last used
    first: Level
    tags: np.ndarray  # u32[vcpus * entries]: units in the second level
    beyond: Level
    caches: WalkCaches
    large: np.ndarray  # u8 by leaf region: 1 where one entry maps it
    leaf: np.ndarray  # u32 by page id: number of its 2 MB region; middle of its 1 GB, upper of its 512 GB region
    middle: np.ndarray
    upper: np.ndarray
    begin: np.ndarray  # u32 by leaf region: its first page id; one more for the end
    space: np.ndarray  # u32 by unit
    segment: np.ndarray  # u8 by page id
    current: np.ndarray  # u32[vcpus]: space of the last base switch
    pages: np.uint64
    units: np.uint64
    split: np.uint64  # entries of a vCPU's first level that are for instructions
    data: np.uint64  # where data starts in ``slot``
    tagged: np.uint64


def make_paging(prepared: Prepared, settings: Mapping[str, Any]) -> Paging:
    """Empty TLBs and walk caches with the geometry in ``settings``; raises UserError for ways that do not divide.

    Unmapped segments of a MIPS trace are mapped in 2 MB pages.
    """
    pages, vcpus = prepared.pages, prepared.meta.vcpus
    count = pages.leaf.size
    begin = first_pages(pages.leaf)
    address = np.concatenate([pages.vpn, pages.vpn[begin] >> np.uint64(9)])
    first = geometry.first_level(address, count, settings)
    beyond = geometry.second_level(address, count, settings)
    addresses = tuple(
        pages.vpn[first_pages(region)] >> np.uint64(9 * (level + 1))
        for level, region in enumerate((pages.leaf, pages.middle, pages.upper))
    )
    return Paging(
        slot=np.zeros(2 * vcpus * count, np.uint16),
        unit=np.zeros(FIRST + vcpus * int(first.entries), np.uint32),
        stamp=np.zeros(FIRST + vcpus * int(first.entries), np.uint64),
        first=first,
        tags=np.zeros(vcpus * int(beyond.entries), np.uint32),
        beyond=beyond,
        caches=walk_caches.make_caches("pwc", vcpus, addresses, settings),
        large=np.isin(pages.segment[begin], (Segment.UNMAPPED, Segment.UNCACHED)).astype(np.uint8),
        leaf=pages.leaf,
        middle=pages.middle,
        upper=pages.upper,
        begin=np.append(begin, count).astype(np.uint32),
        space=np.concatenate([pages.space, pages.space[begin]]),
        segment=pages.segment,
        current=np.zeros(vcpus, np.uint32),
        pages=np.uint64(count),
        units=np.uint64(address.size),
        split=np.uint64(settings["itlb.entries"] + settings["itlb.large_entries"]),
        data=np.uint64(vcpus * count),
        tagged=np.uint64(settings["tlb.tagged"]),
    )


def first_pages(region: np.ndarray) -> np.ndarray:
    """By region number: the first page id that lies in it; ``region`` is by page id, as in ``Pages``."""
    found: np.ndarray = np.searchsorted(region, np.arange(int(region[-1]) + 1))
    return found


# -- the hot path and its misses --------------------------------------------------------------------------------------


@inline
def hit(paging, at, ref):
    """Whether the first-level TLB for the kind of ``ref`` holds its page; its entry is then the most recently used."""
    where = at.lane + at.lane + np.uint64(ref.page)
    if ref.kind != FETCH:
        where += paging.data
    slot = np.uint64(paging.slot[where])
    paging.stamp[slot] = at.now  # of an absent page: entry 0, which nobody reads
    return slot != ABSENT


@inline
def second(paging, at, ref):
    """Whether the second-level TLB holds the page of ``ref``, which the first one lacks; it is then in both."""
    page, data = np.uint64(ref.page), _side(ref)
    large = np.uint64(paging.large[np.uint64(paging.leaf[page])])
    unit = _unit(paging, page, large)
    way, ways = _beyond(paging, at.vcpu, data, large, unit)
    if not sets.find_in(paging.tags, way, ways, unit):
        return False
    _fill_first(paging, at, data, page, large, unit)
    return True


@inline
def walk(paging, at, page):
    """References of a walk of the page table for ``page`` less what the walk caches skip; they hold it afterwards."""
    page = np.uint64(page)
    leaf = np.uint64(paging.leaf[page])
    middle, upper = np.uint64(paging.middle[page]), np.uint64(paging.upper[page])
    return walk_caches.walk(paging.caches, at.vcpu, leaf, middle, upper, paging.large[leaf])


@inline
def fill(paging, at, ref):
    """Hold the translation of the page of ``ref`` in both levels, after a walk."""
    page, data = np.uint64(ref.page), _side(ref)
    large = np.uint64(paging.large[np.uint64(paging.leaf[page])])
    unit = _unit(paging, page, large)
    way, ways = _beyond(paging, at.vcpu, data, large, unit)
    sets.insert_in(paging.tags, way, ways, unit)
    _fill_first(paging, at, data, page, large, unit)


@inline
def faulted(at):
    """Whether a page fault cut the access off, as hardware with page tables takes it."""
    return FIRST_FAULT <= at.cut_off and at.cut_off <= LAST_FAULT


@inline
def drop_fault(paging, at, ref):
    """After a page fault: no translation of its page is left that the restarted access could use.

    The walk caches that led to it go too (Intel SDM, volume 3, section 4.10.4.1).
    """
    page = np.uint64(ref.page)
    _drop_unit(paging, at.vcpu, page)
    leaf, middle = np.uint64(paging.leaf[page]), np.uint64(paging.middle[page])
    sets.drop(paging.caches.leaf, at.vcpu, leaf)
    sets.drop(paging.caches.middle, at.vcpu, middle)
    sets.drop(paging.caches.upper, at.vcpu, np.uint64(paging.upper[page]))


# -- what the guest and a monitor change ------------------------------------------------------------------------------


@inline
def note_entry(paging, row):
    """Follow an ENTRY row: a valid entry of the second table from the end maps 2 MB, or names a table of 4 KB pages."""
    if row.info >> 12 == 1 and row.page != 0:
        set_large(paging, row.page, row.payload[1] & LARGE_MASK == LARGE_ENTRY)


@inline
def set_large(paging, page, flag):
    """From now on the region of ``page`` is filled as one 2 MB page (``flag``) or page by page."""
    paging.large[np.uint64(paging.leaf[np.uint64(page)])] = np.uint8(flag)


@inline
def drop_page(paging, vcpu, page):
    """Forget ``page``, in whatever size it is held, and all walk caches: INVLPG."""
    _drop_unit(paging, vcpu, np.uint64(page))
    walk_caches.flush(paging.caches, vcpu)


@inline
def flush(paging, vcpu):
    """Forget everything of ``vcpu``, global pages too."""
    for index in range(paging.first.entries):
        slot = FIRST_ENTRY + vcpu * paging.first.entries + np.uint64(index)
        _empty(paging, vcpu, _side_of(paging, np.uint64(index)), slot)
    for entry in range(paging.beyond.entries):
        paging.tags[vcpu * paging.beyond.entries + np.uint64(entry)] = 0
    walk_caches.flush(paging.caches, vcpu)


@inline
def flush_space(paging, vcpu, space):
    """Forget the pages of ``space``, and all walk caches."""
    _flush_if(paging, vcpu, np.uint32(space), True)


@inline
def switch_base(paging, vcpu, space):
    """Follow a base switch to ``space``: without tags all pages go that are not global, with tags none.

    A guest that loads the base which is current already wants that space flushed, tags or not.
    """
    if paging.tagged == 0:
        _flush_if(paging, vcpu, np.uint32(0), False)
    elif paging.current[vcpu] == space:
        _flush_if(paging, vcpu, np.uint32(space), True)
    paging.current[vcpu] = space


@inline
def follow(paging, vcpu, row):
    """Follow an event of the guest that changes what TLBs may hold; other rows change nothing.

    A probe of a software-refilled TLB is how its kernel looks for an entry to change: an invalidation.
    """
    if row.kind == Kind.ENTRY:
        note_entry(paging, row)
    elif row.kind == Kind.BASE_SWITCH:
        switch_base(paging, vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_PAGE:
        drop_page(paging, vcpu, row.page)
    elif row.kind == Kind.TLB_PROBE:
        drop_page(paging, vcpu, row.page)
        drop_page(paging, vcpu, row.page ^ np.uint32(1))
    elif row.kind == Kind.INVALIDATE_SPACE:
        flush_space(paging, vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        flush(paging, vcpu)


# -- entries ----------------------------------------------------------------------------------------------------------


@inline
def _side(ref):
    return CODE if ref.kind == FETCH else DATA


@inline
def _unit(paging, page, large):
    return paging.pages + np.uint64(paging.leaf[page]) if large != 0 else page


@inline
def _beyond(paging, vcpu, data, large, unit):
    """First way and number of ways of the unit's set in the second level."""
    first = vcpu * paging.beyond.entries + np.uint64(paging.beyond.home[data * paging.units + unit])
    return first, paging.beyond.ways[data + data + large]


@inline
def _side_of(paging, index):
    """Whether entry ``index`` of a vCPU holds data: those for instructions come first."""
    return DATA if index >= paging.split else CODE


@inline
def _drop_unit(paging, vcpu, page):
    """Forget what translates ``page`` in both levels, for instructions and data."""
    region = paging.pages + np.uint64(paging.leaf[page])
    for data in range(2):
        side = np.uint64(data)
        slot = np.uint64(paging.slot[side * paging.data + vcpu * paging.pages + page])
        if slot != ABSENT:
            _empty(paging, vcpu, side, slot)
        way, ways = _beyond(paging, vcpu, side, np.uint64(0), page)
        sets.drop_in(paging.tags, way, ways, page)
        way, ways = _beyond(paging, vcpu, side, ONE, region)
        sets.drop_in(paging.tags, way, ways, region)


@inline
def _fill_first(paging, at, data, page, large, unit):
    first = FIRST_ENTRY + at.vcpu * paging.first.entries
    first += np.uint64(paging.first.home[data * paging.units + unit])
    slot = first
    for way in range(paging.first.ways[data + data + large]):
        other = first + np.uint64(way)
        if paging.stamp[other] < paging.stamp[slot]:
            slot = other
    _empty(paging, at.vcpu, data, slot)
    paging.unit[slot] = unit
    paging.stamp[slot] = at.now | ONE  # above that of an empty entry, even in row 0
    lane = data * paging.data + at.vcpu * paging.pages
    if large == 0:
        paging.slot[lane + page] = slot
    else:
        _point(paging, at.vcpu, data, unit - paging.pages, slot)


@inline
def _point(paging, vcpu, data, region, slot):
    """Let every page of ``region`` point to entry ``slot``; entries of single pages go."""
    lane = data * paging.data + vcpu * paging.pages
    for page in range(paging.begin[region], paging.begin[region + ONE]):
        old = np.uint64(paging.slot[lane + np.uint64(page)])
        if old != ABSENT:
            _empty(paging, vcpu, data, old)
        if paging.segment[np.uint64(page)] != DEVICE:
            paging.slot[lane + np.uint64(page)] = slot


@inline
def _empty(paging, vcpu, data, slot):
    """Forget what first-level entry ``slot`` holds."""
    unit = np.uint64(paging.unit[slot])
    lane = data * paging.data + vcpu * paging.pages
    if unit < paging.pages:
        paging.slot[lane + unit] = ABSENT  # of an empty entry: page 0, always absent
    else:
        region = unit - paging.pages
        for page in range(paging.begin[region], paging.begin[region + ONE]):
            paging.slot[lane + np.uint64(page)] = ABSENT
    paging.unit[slot] = 0
    paging.stamp[slot] = 0


@inline
def _flush_if(paging, vcpu, space, same):
    """Forget what belongs to ``space`` (``same``) or to any other one, and all walk caches."""
    for index in range(paging.first.entries):
        slot = FIRST_ENTRY + vcpu * paging.first.entries + np.uint64(index)
        unit = np.uint64(paging.unit[slot])
        if unit != 0 and (paging.space[unit] == space) == same:
            _empty(paging, vcpu, _side_of(paging, np.uint64(index)), slot)
    out = np.uint64(0)
    for index in range(paging.beyond.entries):
        entry = vcpu * paging.beyond.entries + np.uint64(index)
        if paging.beyond.begins[index] != 0:
            out = entry
        unit = np.uint64(paging.tags[entry])
        paging.tags[entry] = 0
        if unit != 0 and (paging.space[unit] == space) != same:
            paging.tags[out] = unit
            out += ONE
    walk_caches.flush(paging.caches, vcpu)
