"""TLBs of a processor that walks page tables itself: split first level, second level, 4 KB and 2 MB pages, walk caches.

Page ids hold their address space, so hardware with and without tags for address spaces differ only in what a base
switch flushes.  Which size a page is mapped in follows from the guest's entries, or from what a monitor decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Inserted
from replay.hw import first_level, geometry, second_level, walk_caches
from replay.hw.first_level import CODE, DATA, DEVICE, FirstLevel
from replay.hw.second_level import SecondLevel
from replay.hw.walk_caches import WalkCaches
from replay.jit import helper, inline
from replay.kernel import FETCH
from replay.memory import hooks, walks
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import ENTRY_SIZE_SHIFT, ENTRY_VALID, Cause, Kind, Segment

PARAMETERS = geometry.PARAMETERS
"""Parameters of every model whose hardware walks page tables; a machine gives values to those it knows."""

VM_TAG = Parameter(
    "tlb.vm_tagged",
    0,
    "count",
    0,
    1,
    "assumed",
    "1: entries keep their virtual machine over exits (VPID); 0: exits empty it",
)
"""Parameter of every model whose guest leaves the processor to a monitor by exits."""

MIPS_RULES = (
    "the walker reads tables of four levels, made from the guest's page-table entries; refill service is left out",
    "unmapped segments are a map of all memory in global 2 MB pages, as 64-bit kernels have it",
    "a TLB probe, by which the kernel looks for an entry to change, invalidates what it looks for; a TLB write nothing",
    "the kernel keeps its valid and dirty bits in software: soft faults stay as recorded",
)
"""What is done about a guest that refills its TLB itself, on hardware that walks page tables."""

FOLLOWED = (
    Kind.ENTRY,
    Kind.BASE_SWITCH,
    Kind.INVALIDATE_PAGE,
    Kind.INVALIDATE_SPACE,
    Kind.INVALIDATE_ALL,
    Kind.TLB_PROBE,
    Inserted.VCPU_SWITCH,
)
"""Events that ``follow`` follows."""

FIRST_FAULT, LAST_FAULT = np.uint8(Cause.NOT_PRESENT), np.uint8(Cause.PROTECTION)
LARGE_ENTRY = np.uint64(ENTRY_VALID | 1 << ENTRY_SIZE_SHIFT)
LARGE_MASK = np.uint64(ENTRY_VALID | 3 << ENTRY_SIZE_SHIFT)
GLOBAL, NOBODY = np.uint32(0), np.uint32(2**32 - 1)
"""Space of global pages, and one that no page lies in."""


class Paging(NamedTuple):
    """The TLBs and walk caches of all vCPUs."""

    first: FirstLevel
    second: SecondLevel
    caches: WalkCaches
    large: np.ndarray  # u8 by leaf region: 1 where one entry maps it
    leaf: np.ndarray  # u32 by page id: number of its 2 MB region
    space: np.ndarray  # u32 by unit
    current: np.ndarray  # u32[vcpus]: space of the last base switch
    tagged: np.uint64


def make_paging(prepared: Prepared, settings: Mapping[str, Any]) -> Paging:
    """Empty TLBs and walk caches with the geometry in ``settings``; raises UserError for ways that do not divide.

    Unmapped segments of a MIPS trace are mapped in 2 MB pages.
    """
    pages, vcpus = prepared.pages, prepared.meta.vcpus
    units = geometry.find_units(pages)
    return Paging(
        first=first_level.make_first_level(vcpus, units, pages.segment, settings),
        second=second_level.make_second_level(vcpus, units, settings),
        caches=walk_caches.make_caches("pwc", vcpus, pages.vpn, (pages.leaf, pages.middle, pages.upper), settings),
        large=np.isin(pages.segment[units.begin[:-1]], (Segment.UNMAPPED, Segment.UNCACHED)).astype(np.uint8),
        leaf=pages.leaf,
        space=units.space,
        current=np.zeros(vcpus, np.uint32),
        tagged=np.uint64(settings["tlb.tagged"]),
    )


# -- the hot path and its misses --------------------------------------------------------------------------------------


@inline
def hit(paging, at, ref):
    """Whether the first-level TLB for the kind of ``ref`` holds its page; its entry is then the most recently used."""
    return first_level.hit(paging.first, at, ref)


@inline
def is_device(paging, ref):
    """Whether the page of ``ref`` holds device registers of a MIPS guest, which no TLB translates."""
    return paging.first.segment[np.uint64(ref.page)] == DEVICE


@inline
def second(paging, at, ref):
    """Whether the second-level TLB holds the page of ``ref``, which the first one lacks; it is then in both."""
    side, page, unit = _side(ref), np.uint64(ref.page), _unit(paging, ref.page)
    if not second_level.find(paging.second, at, side, unit):
        return False
    first_level.fill(paging.first, at, side, page, unit)
    return True


@inline
def walk(paging, at, page):
    """References of a walk of the guest's page table for ``page``; the walk caches skip some and hold it afterwards."""
    return _walk(hooks.read_table, paging, at, page)


@inline
def walk_shadow(paging, at, page):
    """The same of a monitor's shadow of that table."""
    return _walk(hooks.read_shadow, paging, at, page)


@inline
def _walk(read, paging, at, page):
    large = _is_large(paging, page)
    references = walk_caches.walk(paging.caches, at.vcpu, np.uint64(page), large)
    walks.walk(read, at, page, references, large)
    return references


@inline
def _is_large(paging, page):
    return np.uint64(paging.large[np.uint64(paging.leaf[np.uint64(page)])])


@inline
def fill(paging, at, ref):
    """Hold the translation of the page of ``ref`` in both levels, after a walk."""
    side, page, unit = _side(ref), np.uint64(ref.page), _unit(paging, ref.page)
    second_level.push(paging.second, at.vcpu, side, unit)
    first_level.fill(paging.first, at, side, page, unit)


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
    _drop(paging, at.vcpu, page)
    walk_caches.forget(paging.caches, at.vcpu, page)


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
    _drop(paging, vcpu, np.uint64(page))
    walk_caches.flush(paging.caches, vcpu)


@inline
def flush(paging, vcpu):
    """Forget everything of ``vcpu``, global pages too."""
    _flush(paging, vcpu, NOBODY, True)


@inline
def flush_space(paging, vcpu, space):
    """Forget the pages of ``space``, and all walk caches."""
    _flush(paging, vcpu, np.uint32(space), False)


@inline
def switch_base(paging, vcpu, space):
    """Follow a base switch to ``space``: without tags all pages go that are not global, with tags none.

    A guest that loads the base which is current already wants that space flushed, tags or not.
    """
    if paging.tagged == 0:
        _flush(paging, vcpu, GLOBAL, True)
    elif paging.current[vcpu] == space:
        _flush(paging, vcpu, np.uint32(space), False)
    paging.current[vcpu] = space


@inline
def go_on(paging, vcpu, row, flushed):
    """Another VM's virtual CPU goes on: its base is in force, and of the one before nothing is left if ``flushed``."""
    if flushed:
        flush(paging, vcpu)
    paging.current[vcpu] = row.payload[0]


@helper
def follow(paging, vcpu, row):
    """Follow an event of the guest that changes what TLBs may hold; other rows change nothing.

    A probe of a software-refilled TLB is how its kernel looks for an entry to change: an invalidation.
    """
    if row.kind == Kind.ENTRY:
        note_entry(paging, row)
    elif row.kind == Kind.BASE_SWITCH:
        switch_base(paging, vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_PAGE or row.kind == Kind.TLB_PROBE:
        drop_page(paging, vcpu, row.page)
        if row.kind == Kind.TLB_PROBE:
            _drop(paging, vcpu, np.uint64(row.page) ^ np.uint64(1))
    elif row.kind == Kind.INVALIDATE_SPACE:
        flush_space(paging, vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        flush(paging, vcpu)
    elif row.kind == Inserted.VCPU_SWITCH:
        go_on(paging, vcpu, row, True)


@inline
def _side(ref):
    return CODE if ref.kind == FETCH else DATA


@inline
def _unit(paging, page):
    """What an entry for ``page`` maps: its region where one entry of the table does, else the page alone."""
    region = np.uint64(paging.leaf[np.uint64(page)])
    return paging.first.pages + region if paging.large[region] != 0 else np.uint64(page)


@inline
def _drop(paging, vcpu, page):
    """Forget what translates ``page`` in both levels, for instructions and data."""
    first_level.drop(paging.first, vcpu, page)
    second_level.drop(paging.second, vcpu, page)
    second_level.drop(paging.second, vcpu, paging.first.pages + np.uint64(paging.leaf[page]))


@helper
def _flush(paging, vcpu, space, kept):
    """Forget what belongs to ``space``, or, if ``kept``, all but that; and all walk caches."""
    first_level.flush(paging.first, vcpu, paging.space, space, kept)
    second_level.flush(paging.second, vcpu, paging.space, space, kept)
    walk_caches.flush(paging.caches, vcpu)
