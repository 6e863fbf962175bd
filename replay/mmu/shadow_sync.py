"""How shadow page tables follow what the guest does to its own; ``replay.mmu.shadow`` says by which rules."""

from __future__ import annotations

import numpy as np

from replay.columns import Inserted
from replay.hw import paging
from replay.jit import helper, inline
from replay.kernel import add, tick
from replay.mmu import guest_tables, shadow
from replay.mmu.guest_tables import ACCESSED, KNOWN, TRACED, UNSYNCHRONIZED, VALID
from replay.mmu.shadow import ENTRY_COMPARED, OLD, ONE, SHADOW_UPDATE, SPACE_DISCARDED, TRACED_STORE, UNSYNC_STORE
from replay.mmu.spaces import number_of
from replay.trace.schema import Kind

TABLE_ENTRIES = 512


@helper
def fault(s, at, ref):
    """A page fault of the guest's own: the monitor reads the guest's entries and finds that they forbid the access."""
    page = np.uint64(ref.page)
    shadow.walk(s, at, page)
    shadow.enter(s, at.vcpu)
    shadow.walk_guest(s, at, page)
    if s.entry[page] & OLD:
        add(s.counts, at, s.first + ENTRY_COMPARED, 1)
        _follow(s, at, page)
    paging.drop_fault(s.paging, at, ref)


# -- what the guest does to its tables --------------------------------------------------------------------------------


@helper
def change(s, at, row):
    """Follow an event of the guest that concerns its page tables or the TLB; other rows change nothing.

    The model ticks what the instruction itself costs, an exit for INVLPG say, and has entered the monitor for it.
    """
    if row.kind == Kind.ENTRY:
        _store(s, at, row)
    elif row.kind == Kind.BASE_SWITCH:
        switch(s, at, np.uint64(row.page))
    elif row.kind == Kind.INVALIDATE_PAGE:
        invalidate_page(s, at, np.uint64(row.page))
    elif row.kind == Kind.INVALIDATE_SPACE:
        _synchronize(s, at, number_of(s.guest.spaces, np.uint64(row.page)))
        paging.flush_space(s.paging, at.vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        _synchronize(s, at, np.uint64(s.current[at.vcpu]))
        shadow.flush(s, at.vcpu)
    elif row.kind == Inserted.VCPU_SWITCH:
        shadow.flush(s, at.vcpu)
        s.current[at.vcpu] = number_of(s.guest.spaces, row.payload[0])
    elif row.kind == Kind.TABLE_LINK:
        guest_tables.link(s.guest, row)
    elif row.kind == Kind.TABLE_FREE:
        _forget_table(s, row)
    elif row.kind == Kind.SPACE_DESTROY:
        _end_space(s, np.uint64(row.page))


@inline
def _store(s, at, row):
    """A store to a guest table: free, emulated, or the one that makes the table unsynchronized."""
    page, level = np.uint64(row.page), row.info >> np.uint16(12)
    table = guest_tables.table_of(s.guest, row)
    guest_tables.note(s.guest, row)
    if level == 0 and guest_tables.changed(row):
        s.revoked[at.vcpu] = 1
    state = s.guest.state[table]
    if state == TRACED:
        shadow.enter(s, at.vcpu)
        s.guest.stores[table] += np.uint32(1)
        if guest_tables.is_leaf(s.guest, table) and s.guest.stores[table] >= s.threshold:
            tick(s.counts, at, s.first + UNSYNC_STORE)
            guest_tables.unsynchronize(s.guest, table)
        else:
            tick(s.counts, at, s.first + TRACED_STORE)
            if level == 0 and page != 0:
                _follow(s, at, page)
            elif level != 0 and guest_tables.changed(row):
                _drop_below(s, page, np.uint64(level))
    if s.guest.state[table] == UNSYNCHRONIZED and s.entry[page] != 0:
        s.entry[page] |= np.uint8(OLD)


@helper
def _follow(s, at, page):
    """Let the shadow entry of ``page`` be what the guest's entry says now."""
    if s.guest.entry[page] & (VALID | ACCESSED) == VALID | ACCESSED:
        tick(s.counts, at, s.first + SHADOW_UPDATE)
        shadow.fill(s, page)
    else:
        s.entry[page] = 0
    shadow.drop_translation(s, page)


@inline
def _drop(s, page):
    if s.entry[page] != 0:
        s.entry[page] = 0
        shadow.drop_translation(s, page)


@inline
def _drop_below(s, page, level):
    """Forget the shadow of all that the upper entry for ``page`` mapped."""
    first, end = guest_tables.below(s.guest, page, level)
    for other in range(first, end):
        _drop(s, np.uint64(other))
    guest_tables.forget_below(s.guest, page, level)


@inline
def _forget_table(s, row):
    """The guest gave a table back; one that a 2 MB entry had taken the place of mapped nothing.

    A shadow that does not reach down to leaf tables does not hear of theirs.
    """
    table = guest_tables.table_in(s.guest, np.uint64(row.page))
    first, end = guest_tables.pages_of_leaf(s.guest, table)
    if first != end and s.guest.large[table] != 0:
        end = first
    for page in range(first, end):
        if s.level == 0:
            _drop(s, np.uint64(page))
        s.guest.entry[np.uint64(page)] = KNOWN
    guest_tables.forget(s.guest, table)


# -- synchronizing ----------------------------------------------------------------------------------------------------


@inline
def invalidate_page(s, at, page):
    """INVLPG: the TLB loses ``page``, and its entry is compared if the table is unsynchronized."""
    if s.guest.state[guest_tables.leaf_of(s.guest, page)] == UNSYNCHRONIZED:
        add(s.counts, at, s.first + ENTRY_COMPARED, 1)
        if s.entry[page] & OLD:
            _follow(s, at, page)
    shadow.drop_page(s, at.vcpu, page)


@helper
def invalidate_pair(s, at, page):
    """The INVLPG that a MIPS guest's TLB probe stands for: of ``page`` and of the other half of its pair."""
    invalidate_page(s, at, np.uint64(page))
    invalidate_page(s, at, np.uint64(page) ^ ONE)


@inline
def probe_invalidates(s, vcpu):
    """Whether a TLB probe of a MIPS guest stands for an INVLPG: its kernel has just changed a valid entry."""
    revoked = s.revoked[vcpu] != 0
    s.revoked[vcpu] = 0
    return revoked


@inline
def _synchronize(s, at, number):
    """Compare and trace again the unsynchronized tables of space ``number`` and of the kernel's half."""
    place = s.guest.unsynchronized[0]
    while place > 0:
        table = np.uint64(s.guest.unsynchronized[place])
        owner = s.guest.owner[table]
        if owner == number or owner == 0:
            add(s.counts, at, s.first + ENTRY_COMPARED, TABLE_ENTRIES)
            first, end = guest_tables.pages_of_leaf(s.guest, table)
            for page in range(first, end):
                if s.entry[np.uint64(page)] & OLD:
                    _follow(s, at, np.uint64(page))
            guest_tables.trace(s.guest, table)
        place -= ONE


@inline
def switch(s, at, space):
    """The guest loads its base register."""
    number = number_of(s.guest.spaces, space)
    s.current[at.vcpu] = number
    if number != 0 and s.stamp[np.uint64(number)] == 0:
        if s.kept[0] == s.spaces:
            _discard(s, at)
        s.kept[0] += ONE
    if number != 0:
        s.stamp[np.uint64(number)] = at.now + ONE
    _synchronize(s, at, number)
    paging.switch_base(s.paging, at.vcpu, space)


@inline
def _discard(s, at):
    """Discard the shadow tables of the space that was current longest ago."""
    oldest = np.uint64(0)
    for place in range(1, s.stamp.size):
        number = np.uint64(place)
        if s.stamp[number] != 0 and (oldest == 0 or s.stamp[number] < s.stamp[oldest]):
            oldest = number
    tick(s.counts, at, s.first + SPACE_DISCARDED)
    _forget_space(s, oldest)


@helper
def _end_space(s, space):
    """The guest gave an address space back: its shadow tables take no room any more."""
    number = np.uint64(number_of(s.guest.spaces, space))
    if s.stamp[number] != 0:
        _forget_space(s, number)


@inline
def _forget_space(s, number):
    """The shadow tables of a space that is kept go."""
    s.stamp[number] = 0
    s.kept[0] -= ONE
    first, end = guest_tables.pages_of_space(s.guest, number)
    for page in range(first, end):
        _drop(s, np.uint64(page))
    guest_tables.forget_space(s.guest, number)
