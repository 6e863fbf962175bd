"""Nested paging: the hardware walks the guest's page tables, and for each step the monitor's nested ones.

Every entry of the guest that a walk reads lies in a guest-physical frame, and so does the page at its end; a nested
walk translates each.  With g levels of guest and h of nested tables a walk reads (g + 1)(h + 1) - 1 entries: 24 for 4
and 4 (Bhargava et al., ASPLOS 2008, section 2).  What makes that bearable is kept here:

- guest walk caches (``paging.caches``), which hold where in the machine the next table lies;
- a nested TLB, of frames that were translated before;
- nested walk caches, which skip the upper levels of the nested tables.

Translations that end up in the TLB are of the smaller of both page sizes.  The nested tables are empty at first: the
first walk that comes to a frame (or to 2 MB of them) finds nothing there, a *violation*, and the monitor maps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Inserted
from replay.hw import paging, sets, walk_caches
from replay.hw.paging import Paging
from replay.hw.sets import Sets
from replay.hw.walk_caches import WalkCaches
from replay.jit import inline
from replay.memory import hooks, walks
from replay.mmu import frames
from replay.mmu.frames import Frames
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import Cause, Kind

SMALL, LARGE = "4KB", "2MB"
ASSUMED = "assumed"
PARAMETERS = (
    *paging.PARAMETERS,
    paging.VM_TAG,
    Parameter(
        "nested.page",
        LARGE,
        "policy",
        0,
        0,
        ASSUMED,
        "size that the monitor maps the guest's memory in",
        (SMALL, LARGE),
    ),
    Parameter("nested.tlb_entries", 64, "entries", 0, 1 << 16, ASSUMED, "nested TLB: frames translated; 0: none"),
    Parameter("nested.tlb_ways", 1 << 16, "ways", 1, 1 << 16, ASSUMED, "its associativity; beyond its entries: full"),
    *walk_caches.parameters("nested", (32, 4, 2), "as those of the guest's tables"),
)
"""Parameters of every model with nested paging."""

BEHIND = ("stlb.", "pwc.", "nested.tlb_", "nested.leaf_", "nested.middle_", "nested.upper_")
"""How the names of parameters start that shape what lies behind the first-level TLB."""

FOLLOWED = (*paging.FOLLOWED, Kind.TABLE_LINK)
"""Events that ``follow`` follows."""

ONE, SHIFT = np.uint64(1), np.uint64(9)
NOT_PRESENT, SOFT_REFERENCE = int(Cause.NOT_PRESENT), int(Cause.SOFT_REFERENCE)


class Nested(NamedTuple):
    """The TLBs, walk caches and nested tables of one VM."""

    paging: Paging
    frames: Frames
    tlb: Sets  # keys: unit of nested tables + 1
    host: WalkCaches  # by frame
    mapped: np.ndarray  # u8 by unit: 1 where the nested tables map it
    large: np.uint64  # 1 if they map 2 MB
    shift: np.uint64  # frame -> unit
    tagged: np.uint64  # 1: exits leave the TLBs alone


class Walk(NamedTuple):
    """What one walk did."""

    references: np.int64  # entries of the guest's tables read
    nested: np.int64  # entries of the nested tables read
    hits: np.int64  # frames that the nested TLB held
    violations: np.int64  # frames that the nested tables lacked


def make_nested(prepared: Prepared, settings: Mapping[str, Any]) -> Nested:
    """A VM before its first row: TLBs, caches and nested tables are empty.  UserError for ways that do not divide."""
    made = paging.make_paging(prepared, settings)
    guest = frames.make_frames(prepared, made.caches)
    large = int(settings["nested.page"] == LARGE)
    count = frames.number_of_frames(guest)
    frame = np.arange(count, dtype=np.uint64)
    units = np.arange((count >> 9 * large) + 2, dtype=np.uint64)
    entries, ways = settings["nested.tlb_entries"], settings["nested.tlb_ways"]
    if not large:
        made.large[:] = 0
    return Nested(
        paging=made,
        frames=guest,
        tlb=sets.make_sets("nested.tlb_", prepared.meta.vcpus, units, entries, ways),
        host=walk_caches.make_caches(
            "nested",
            prepared.meta.vcpus,
            frame,
            [((frame >> np.uint64(9 * level)) + ONE).astype(np.uint32) for level in (1, 2, 3)],
            settings,
        ),
        mapped=np.zeros(units.size, np.uint8),
        large=np.uint64(large),
        shift=np.uint64(9 * large),
        tagged=np.uint64(settings["tlb.vm_tagged"]),
    )


@inline
def walk(n, at, page):
    """A walk in two dimensions for ``page``; one for an access to a page that is not present ends before the page."""
    page = np.uint64(page)
    large = frames.is_large(n.frames, page)
    references = walk_caches.walk(n.paging.caches, at.vcpu, page, large)
    first = np.uint64(references) + large - ONE  # level of the first table that is read
    walks.walk(hooks.read_table, at, page, references, large)
    nested = hits = violations = np.int64(0)
    for number in range(references if is_absent(at) else references + 1):
        step = np.uint64(number)
        if step == 0 and first != frames.ROOT:
            continue  # the walk cache holds where in the machine that table lies
        if step < np.uint64(references):
            frame = frames.frame_of_table(n.frames, at.vcpu, page, first - step)
        else:
            frame = np.uint64(n.frames.page[page])
        read, missing = translate(n, at, frame)
        hits += read == 0
        nested += read
        violations += missing
    return Walk(references, nested, hits, violations)


@inline
def is_absent(at):
    """Whether the access was cut off because the page is not in memory: a walk for it ends before the page."""
    return at.cut_off == NOT_PRESENT or at.cut_off == SOFT_REFERENCE


@inline
def translate(n, at, frame):
    """(entries of the nested tables read for ``frame``, 0 if the nested TLB holds it; 1 if they lacked it, else 0)."""
    unit = frame >> n.shift
    if sets.find(n.tlb, at.vcpu, unit + ONE):
        return np.int64(0), np.int64(0)
    missing = np.int64(n.mapped[unit] == 0)
    n.mapped[unit] = 1
    sets.push(n.tlb, at.vcpu, unit + ONE)
    references = walk_caches.walk(n.host, at.vcpu, frame, n.large)
    walks.walk(hooks.read_nested, at, frame, references, n.large)
    return references, missing


@inline
def leave(n, vcpu):
    """The guest exits to the monitor: without tags, what translated its addresses is gone; nested translations stay."""
    if n.tagged == 0:
        paging.flush(n.paging, vcpu)


@inline
def follow(n, vcpu, row):
    """Follow an event of the guest that changes its tables or what TLBs may hold; no such event exits."""
    frames.follow(n.frames, vcpu, row)
    if row.kind == Kind.ENTRY:
        if row.page != 0:
            page = np.uint64(row.page)
            paging.set_large(n.paging, page, n.large != 0 and frames.is_large(n.frames, page) != 0)
    elif row.kind == Inserted.VCPU_SWITCH:
        paging.go_on(n.paging, vcpu, row, n.tagged == 0)
    else:
        paging.follow(n.paging, vcpu, row)
