"""Shadow page tables: the hardware walks tables of the monitor's own, which follow the guest's.

Fills         A shadow entry is made when a reference needs it: a *hidden fault*, which the guest never sees.  The
              monitor walks the guest's tables in software.  It also fills those of the ``shadow.prefetch`` entries
              behind it that the guest has valid and accessed in the same table.  Shadow entries map 4 KB.
Accessed and  An entry that the guest has not marked accessed is not filled, so that the first reference marks it; one
dirty bits    that is not marked dirty is filled without the right to write, so that the first store marks it (a
              *dirty fault*, hidden too).
Tables        A guest table, at any level, is write-protected (*traced*) from when an entry is first filled through it.
              A store to a traced table enters the monitor.  A store to one that nothing was filled through is free.
Policies      ``shadow.policy`` says what the monitor does about a store to a traced table:
              trace     emulates each one, and lets the shadow entry follow at once: a new entry that is valid and
                        marked accessed is filled anew, any other one is taken out;
              unsync    gives the first one the right to write the table, which is then *unsynchronized*: further
                        stores are free and shadow entries may be old, as a TLB's may;
              adaptive  emulates stores to a table until ``shadow.threshold`` of them came in a row, with no fill
                        through the table in between; the last of these makes it unsynchronized.
              Only leaf tables become unsynchronized; those above are always traced.
Synchronizing INVLPG compares the one entry, if its table is unsynchronized.  A base switch or a flush compares all
              entries of each unsynchronized table that the new base reaches, lets the shadow follow, and traces it.
Spaces        The shadow tables of the last ``shadow.spaces`` address spaces are kept; those of the least recently used
              one are discarded.  Those of the kernel's half are shared by all spaces and kept.  A table or a space that
              the guest gives back is forgotten, and so is what hung below an upper entry that the guest changes.
MIPS guests   A kernel probes the TLB after each change of an entry.  Where the entry was valid before, that stands for
              the INVLPG of the page and of the other half of its pair.

A monitor's model owns the prices and what entering the monitor does to the TLB; the counters are ``EVENTS``, in this
order and next to each other among the model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import paging
from replay.hw.paging import Paging
from replay.jit import helper, inline
from replay.kernel import add, tick
from replay.mmu import guest_tables
from replay.mmu.guest_tables import ACCESSED, DIRTY, KNOWN, VALID, GuestTables
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import Kind

POLICIES = ("trace", "unsync", "adaptive")
SPACES = Parameter("shadow.spaces", 64, "count", 1, 1 << 20, "assumed", "address spaces whose shadow tables are kept")
PARAMETERS = (
    SPACES,
    Parameter("shadow.policy", "trace", "policy", 0, 0, "assumed", "what a store to a traced table does", POLICIES),
    Parameter("shadow.threshold", 3, "count", 2, 1 << 20, "assumed", "adaptive: stores in a row until unsynchronized"),
    Parameter("shadow.prefetch", 0, "entries", 0, 511, "assumed", "entries behind a hidden fault's that it may fill"),
)
"""Parameters of every model with shadow page tables."""

EVENTS = {
    "shadow page tables": {
        "hidden_fault": "page faults that only filled a missing shadow entry; the guest never sees them",
        "dirty_fault": "page faults that only marked the guest's entry dirty and made the shadow's writable",
        "guest_walk_reference": "entries of the guest's page tables that the monitor read to find a translation",
        "shadow_prefetch": "shadow entries filled beside the one that a hidden fault needed",
        "traced_store": "stores to a traced guest table that the monitor emulated",
        "shadow_update": "shadow entries filled anew because the guest's entry changed",
        "unsync_store": "stores that made a traced guest table unsynchronized",
        "entry_compared": "guest entries compared with the shadow's to synchronize them",
        "space_discarded": "address spaces whose shadow tables were discarded to make room",
    },
    "TLB": {"stlb_hit": "first-level TLB misses that the second-level TLB serves"},
    "page walk": {
        "page_walk": "walks of the shadow page tables by the hardware",
        "walk_reference": "page-table entries that walks read",
    },
}
"""Counters by mechanism."""

HIDDEN = (
    *("stlb_hit", "page_walk", "walk_reference"),
    *("hidden_fault", "dirty_fault", "guest_walk_reference", "shadow_prefetch"),
)
"""What a reference may tick."""

FAULT = ("page_walk", "walk_reference", "guest_walk_reference", "entry_compared", "shadow_update")
"""What a page fault of the guest may tick."""

MIPS_RULES = ("a TLB probe after the kernel changed a valid entry stands for the INVLPG of the page and its neighbour",)
"""What is done about a guest that refills its TLB itself."""

_PLACE = {name: np.uint64(n) for n, name in enumerate(name for group in EVENTS.values() for name in group)}
HIDDEN_FAULT, DIRTY_FAULT, SHADOW_PREFETCH = (_PLACE[n] for n in ("hidden_fault", "dirty_fault", "shadow_prefetch"))
TRACED_STORE, UNSYNC_STORE, SHADOW_UPDATE = (_PLACE[n] for n in ("traced_store", "unsync_store", "shadow_update"))
ENTRY_COMPARED, SPACE_DISCARDED, STLB_HIT = (_PLACE[n] for n in ("entry_compared", "space_discarded", "stlb_hit"))
PAGE_WALK, WALK_REFERENCE = _PLACE["page_walk"], _PLACE["walk_reference"]
GUEST_WALK_REFERENCE = _PLACE["guest_walk_reference"]
"""Places of the counters from ``Shadow.first`` on."""

PRESENT, WRITE, OLD = 1, 2, 4
"""Of a shadow entry: made; may be written through; the guest's entry has changed since."""

NEVER = np.uint32(2**32 - 1)
FIRST_STORE = np.uint8(Kind.STORE1)
TABLE_ENTRIES = 512
ONE = np.uint64(1)


class Shadow(NamedTuple):
    """The shadow tables of one VM, and the hardware that walks them."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    paging: Paging
    guest: GuestTables
    entry: np.ndarray  # u8 by page id: PRESENT, WRITE, OLD; 0 for none
    stamp: np.ndarray  # u64 by space number: when it was last current; 0: not kept
    kept: np.ndarray  # u64[1]: address spaces that are kept
    current: np.ndarray  # u32[vcpus]: number of the space of the last base switch
    revoked: np.ndarray  # u8[vcpus]: 1 after a store changed a valid leaf entry, until a TLB probe
    threshold: np.uint32  # stores in a row that make a table unsynchronized
    spaces: np.uint64
    prefetch: np.uint64
    flush_on_entry: np.uint64  # 1: entering the monitor empties the TLB
    level: np.uint16  # levels of the guest's tables, from the leaves up, that the hardware walks itself


def make_shadow(
    prepared: Prepared,
    settings: Mapping[str, Any],
    counts: np.ndarray,
    first: int,
    *,
    flush_on_entry: bool,
    level: int = 0,
    hardware: Paging | None = None,
) -> Shadow:
    """Empty shadow tables; ``first`` is the number of the model's counter ``hidden_fault``.

    With a ``level`` the shadow reaches down to it only, and ``hardware`` walks what lies below.
    """
    guest = guest_tables.make_guest_tables(prepared)
    if hardware is None:
        hardware = paging.make_paging(prepared, settings)
        hardware.large[:] = 0
    limits = {"trace": int(NEVER), "unsync": 1, "adaptive": settings["shadow.threshold"]}
    return Shadow(
        counts=counts,
        first=np.uint64(first),
        paging=hardware,
        guest=guest,
        entry=np.zeros(prepared.pages.vpn.size, np.uint8),
        stamp=np.zeros(guest.spaces.size + 1, np.uint64),
        kept=np.zeros(1, np.uint64),
        current=np.zeros(prepared.meta.vcpus, np.uint32),
        revoked=np.zeros(prepared.meta.vcpus, np.uint8),
        threshold=np.uint32(limits[settings["shadow.policy"]]),
        spaces=np.uint64(settings["shadow.spaces"]),
        prefetch=np.uint64(settings["shadow.prefetch"]),
        flush_on_entry=np.uint64(flush_on_entry),
        level=np.uint16(level),
    )


# -- references -------------------------------------------------------------------------------------------------------


@inline
def hit(s, at, ref):
    """Whether the TLB holds the page of ``ref`` with the right that it needs."""
    return paging.hit(s.paging, at, ref) and (ref.kind < FIRST_STORE or s.entry[np.uint64(ref.page)] & WRITE != 0)


@helper
def miss(s, at, ref):
    """Translate the page of ``ref``, which the TLB does not hold, or not with the right that it needs."""
    page = np.uint64(ref.page)
    need = PRESENT | WRITE if ref.kind >= FIRST_STORE else PRESENT
    if s.entry[page] & need == need:
        if second(s, at, ref):
            return
    else:
        if s.entry[page] == 0:
            walk(s, at, page)
        serve_hidden(s, at, page, ref.kind >= FIRST_STORE)
    walk(s, at, page)
    paging.fill(s.paging, at, ref)


@helper
def second(s, at, ref):
    """Whether the second-level TLB serves ``ref``."""
    held = paging.second(s.paging, at, ref)
    if held:
        tick(s.counts, at, s.first + STLB_HIT)
    return held


@helper
def walk(s, at, page):
    """The hardware walks the shadow tables for ``page``."""
    tick(s.counts, at, s.first + PAGE_WALK)
    add(s.counts, at, s.first + WALK_REFERENCE, paging.walk_shadow(s.paging, at, page))


@helper
def serve_hidden(s, at, page, store):
    """The monitor serves a fault that the guest's own tables do not explain."""
    tick(s.counts, at, s.first + (DIRTY_FAULT if s.entry[page] & (PRESENT | OLD) == PRESENT else HIDDEN_FAULT))
    enter(s, at.vcpu)
    walk_guest(s, at, page)
    if s.level == 0:
        s.guest.entry[page] |= VALID | ACCESSED | (DIRTY if store else np.uint8(0))
        fill(s, page)
    else:
        _fill_below(s, page)
    drop_translation(s, page)
    guest_tables.share(s.guest, page, s.current[at.vcpu], s.level)
    if s.level == 0:
        _prefetch(s, at, page)


@inline
def _fill_below(s, page):
    """Fill the one entry that leads to ``page`` and to all else below the lowest level of the shadow."""
    first, end = guest_tables.below(s.guest, page, np.uint64(s.level))
    for other in range(first, end):
        s.entry[np.uint64(other)] = PRESENT | WRITE


@inline
def walk_guest(s, at, page):
    """The monitor reads the guest's entries for ``page`` from the root to the leaf."""
    add(s.counts, at, s.first + GUEST_WALK_REFERENCE, guest_tables.levels(s.guest, page, np.uint64(s.level)))


@inline
def fill(s, page):
    """Make the shadow entry of ``page`` what the guest's entry allows."""
    s.entry[page] = PRESENT | WRITE if s.guest.entry[page] & DIRTY else PRESENT


@inline
def _prefetch(s, at, page):
    """Fill entries behind that of ``page`` in its table, no more than ``prefetch`` places on."""
    other, end = page + ONE, guest_tables.end_of_table(s.guest, page)
    last = s.guest.vpn[page] + s.prefetch
    eligible = VALID | ACCESSED | KNOWN
    while other < end and s.guest.vpn[other] <= last:
        if s.entry[other] == 0 and s.guest.entry[other] & eligible == eligible:
            tick(s.counts, at, s.first + SHADOW_PREFETCH)
            fill(s, other)
        other += ONE


# -- entering the monitor ---------------------------------------------------------------------------------------------


@inline
def enter(s, vcpu):
    """The monitor was entered: hardware without tags empties the TLB."""
    if s.flush_on_entry != 0:
        flush(s, vcpu)


@helper
def flush(s, vcpu):
    """Empty the TLB of ``vcpu``."""
    paging.flush(s.paging, vcpu)


@helper
def drop_page(s, vcpu, page):
    """The TLB of ``vcpu`` loses ``page``."""
    paging.drop_page(s.paging, vcpu, page)


@helper
def drop_translation(s, page):
    """No virtual CPU's TLB holds ``page`` any more."""
    for vcpu in range(s.current.size):
        drop_page(s, np.uint64(vcpu), page)
