"""The guest's page tables as a monitor knows them: what each entry says, and which tables it watches.

A table has a number: leaf tables are numbered by the 2 MB region that they map (``Pages.leaf``), those above by their
1 GB and 512 GB regions, roots by their address space.  Table 0 is none.  A store to a table says by its ENTRY row which
frame the table lies in, and TABLE_LINK does so for roots, so that a frame given back can be found.

A page that no ENTRY row described counts as mapped, accessed and dirty: it was set up before the recording began.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.jit import helper, inline
from replay.mmu.pmap import MAX_FRAMES
from replay.mmu.spaces import number_of
from replay.prepare import Prepared
from replay.trace import schema
from replay.trace.schema import ENTRY_SIZE_SHIFT, Segment

VALID, ACCESSED, DIRTY, KNOWN = (np.uint8(1 << n) for n in range(4))
"""Of a guest's entry: usable; marked accessed; writable and marked dirty; described by an ENTRY row."""

FREE, TRACED, UNSYNCHRONIZED = 0, 1, 2
"""A guest table: no shadow entry was filled through it; write-protected; written freely, the shadow may be behind."""

E_VALID, E_REFERENCED = np.uint64(schema.ENTRY_VALID), np.uint64(schema.ENTRY_REFERENCED)
E_DIRTY = np.uint64(schema.ENTRY_DIRTY | schema.ENTRY_WRITE)
E_LARGE = np.uint64(schema.ENTRY_VALID | 1 << ENTRY_SIZE_SHIFT)
E_LARGE_MASK = np.uint64(schema.ENTRY_VALID | 3 << ENTRY_SIZE_SHIFT)
LEVEL_SHIFT = np.uint16(12)
NONE, ONE = np.uint64(0), np.uint64(1)
LEVELS = 4


class GuestTables(NamedTuple):
    """The page tables of one guest."""

    entry: np.ndarray  # u8 by page id: VALID, ACCESSED, DIRTY, KNOWN
    large: np.ndarray  # u8 by leaf region: 1 where one entry of the guest maps it
    vpn: np.ndarray  # u64 by page id
    leaf: np.ndarray  # u32 by page id; middle and upper likewise
    middle: np.ndarray
    upper: np.ndarray
    begin_leaf: np.ndarray  # u32 by leaf region: its first page id; one more for the end
    begin_middle: np.ndarray
    begin_upper: np.ndarray
    spaces: np.ndarray  # u32: address spaces in ascending order; the first is 0, the kernel's half
    begin_space: np.ndarray  # u32 by number of a space: its first page id; two more
    state: np.ndarray  # u8 by table: FREE, TRACED or UNSYNCHRONIZED
    stores: np.ndarray  # u32 by table: stores that a monitor saw since a shadow entry was last filled through it
    owner: np.ndarray  # u32 by leaf table: number of its space
    unsynchronized: np.ndarray  # u32: how many tables are, then which
    table_of: np.ndarray  # u32 by frame: the table in it
    middle_at: np.uint64  # number of the first table of that level
    upper_at: np.uint64
    root_at: np.uint64


def make_guest_tables(prepared: Prepared) -> GuestTables:
    """Tables of which nothing was recorded yet; unmapped segments of a MIPS guest are mapped by 2 MB entries."""
    pages = prepared.pages
    count = pages.vpn.size
    regions = (pages.leaf, pages.middle, pages.upper)
    begins = [
        np.searchsorted(region, np.arange(int(region[-1]) + 2)).astype(np.uint32)  # the last one's end is found too
        for region in regions
    ]
    spaces = np.unique(pages.space)
    begin_space = np.append(np.searchsorted(pages.space, spaces), [count, count]).astype(np.uint32)
    middle_at, upper_at, root_at = (int(at) for at in np.cumsum([begin.size - 1 for begin in begins]))
    tables = root_at + spaces.size + 1
    owner = np.searchsorted(spaces, pages.space[begins[0][:-1]]).astype(np.uint32)
    segment = pages.segment[begins[0][:-1]]
    return GuestTables(
        entry=np.full(count, VALID | ACCESSED | DIRTY, np.uint8),
        large=np.isin(segment, (Segment.UNMAPPED, Segment.UNCACHED)).astype(np.uint8),
        vpn=pages.vpn,
        leaf=pages.leaf,
        middle=pages.middle,
        upper=pages.upper,
        begin_leaf=begins[0],
        begin_middle=begins[1],
        begin_upper=begins[2],
        spaces=spaces,
        begin_space=begin_space,
        state=np.zeros(tables, np.uint8),
        stores=np.zeros(tables, np.uint32),
        owner=owner,
        unsynchronized=np.zeros(tables + 1, np.uint32),
        table_of=np.zeros(min(prepared.meta.memory_bytes >> schema.PAGE_SHIFT, MAX_FRAMES), np.uint32),
        middle_at=np.uint64(middle_at),
        upper_at=np.uint64(upper_at),
        root_at=np.uint64(root_at),
    )


# -- which table ------------------------------------------------------------------------------------------------------


@inline
def leaf_of(g, page):
    """The leaf table that maps ``page``."""
    return np.uint64(g.leaf[page])


@inline
def table_in(g, frame):
    """The table that lies in ``frame``, if that is known."""
    return np.uint64(g.table_of[frame]) if frame < np.uint64(g.table_of.size) else NONE


@inline
def table_of(g, row):
    """The table that an ENTRY row stored to."""
    page, level, frame = np.uint64(row.page), row.info >> LEVEL_SHIFT, row.payload[2]
    if page == 0 or level >= 3:
        return table_in(g, frame)
    if level == 0:
        table = np.uint64(g.leaf[page])
    elif level == 1:
        table = g.middle_at + np.uint64(g.middle[page])
    else:
        table = g.upper_at + np.uint64(g.upper[page])
    if frame < np.uint64(g.table_of.size):
        g.table_of[frame] = table
    return table


@inline
def link(g, row):
    """Follow a TABLE_LINK row: the root of a space is known by its frame."""
    if row.info == LEVELS - 1 and row.page < np.uint64(g.table_of.size):
        g.table_of[np.uint64(row.page)] = g.root_at + number_of(g.spaces, row.payload[1])


@inline
def is_leaf(g, table):
    """Whether ``table`` is a leaf table."""
    return table != 0 and table < g.middle_at


@inline
def pages_of_leaf(g, table):
    """The page ids that a leaf table maps, from the first to before the last; none for other tables."""
    if not is_leaf(g, table):
        return np.uint64(0), np.uint64(0)
    return np.uint64(g.begin_leaf[table]), np.uint64(g.begin_leaf[table + ONE])


@inline
def end_of_table(g, page):
    """The page id behind the last one of the leaf table of ``page``."""
    return np.uint64(g.begin_leaf[np.uint64(g.leaf[page]) + ONE])


@inline
def below(g, page, level):
    """The page ids that the entry of ``level`` for ``page`` leads to, first and end; of 4 or more, its space's."""
    if level == 1:
        begin, region = g.begin_leaf, np.uint64(g.leaf[page])
    elif level == 2:
        begin, region = g.begin_middle, np.uint64(g.middle[page])
    elif level == 3:
        begin, region = g.begin_upper, np.uint64(g.upper[page])
    else:
        begin, region = g.begin_space, np.uint64(g.owner[np.uint64(g.leaf[page])])
    return np.uint64(begin[region]), np.uint64(begin[region + ONE])


@inline
def pages_of_space(g, number):
    """The page ids of a space, first and end."""
    return np.uint64(g.begin_space[np.uint64(number)]), np.uint64(g.begin_space[np.uint64(number) + ONE])


@inline
def levels(g, page, lowest):
    """How many entries of level ``lowest`` and above lead to ``page``."""
    large = np.uint64(g.large[np.uint64(g.leaf[page])])
    return LEVELS - np.int64(lowest if lowest > large else large)


# -- what the entries say ---------------------------------------------------------------------------------------------


@inline
def bits(entry):
    """What an entry in the trace's form says."""
    found = KNOWN
    if entry & E_VALID:
        found |= VALID
    if entry & E_REFERENCED:
        found |= ACCESSED
    if entry & E_DIRTY == E_DIRTY:
        found |= DIRTY
    return found


@inline
def note(g, row):
    """Follow an ENTRY row: one entry of 4 KB, or one that maps 2 MB, or no longer does."""
    page, level, new = np.uint64(row.page), row.info >> LEVEL_SHIFT, row.payload[1]
    if page == 0:
        return
    if level == 0:
        g.entry[page] = bits(new)
    elif level == 1:
        leaf, now = np.uint64(g.leaf[page]), new & E_LARGE_MASK == E_LARGE
        if now or g.large[leaf] != 0:
            for other in range(g.begin_leaf[leaf], g.begin_leaf[leaf + ONE]):
                g.entry[np.uint64(other)] = bits(new) if now else KNOWN
        g.large[leaf] = np.uint8(now)


@inline
def changed(row):
    """Whether an ENTRY row changed an entry that was valid."""
    return row.payload[0] & E_VALID != 0 and row.payload[0] != row.payload[1]


# -- which tables are watched -----------------------------------------------------------------------------------------


@inline
def share(g, page, space, lowest):
    """A shadow entry for ``page`` was filled: its tables of level ``lowest`` and above are watched.

    The root is that of ``space``, by its number.
    """
    leaf = np.uint64(g.leaf[page])
    if lowest == 0 and g.large[leaf] == 0:
        _watch(g, leaf)
        g.stores[leaf] = 0
    if lowest <= 1:
        _watch(g, g.middle_at + np.uint64(g.middle[page]))
    if lowest <= 2:
        _watch(g, g.upper_at + np.uint64(g.upper[page]))
    if lowest <= 3:
        _watch(g, g.root_at + np.uint64(space))


@inline
def _watch(g, table):
    if g.state[table] == FREE:
        g.state[table] = TRACED


@inline
def unsynchronize(g, table):
    """Let the guest write ``table`` freely."""
    g.state[table] = UNSYNCHRONIZED
    g.unsynchronized[0] += np.uint32(1)
    g.unsynchronized[np.uint64(g.unsynchronized[0])] = table


@inline
def trace(g, table):
    """Write-protect an unsynchronized ``table`` again."""
    _settle(g, table, TRACED)


@inline
def forget(g, table):
    """No shadow entry is filled through ``table`` any more."""
    _settle(g, table, FREE)


@helper
def _settle(g, table, state):
    if g.state[table] == UNSYNCHRONIZED:
        last = np.uint64(g.unsynchronized[0])
        for place in range(1, g.unsynchronized[0] + 1):
            if g.unsynchronized[np.uint64(place)] == table:
                g.unsynchronized[np.uint64(place)] = g.unsynchronized[last]
        g.unsynchronized[0] -= np.uint32(1)
    g.state[table] = state
    g.stores[table] = 0


@inline
def forget_below(g, page, level):
    """Forget the tables that the entry of ``level`` for ``page`` leads to."""
    first, end = below(g, page, level)
    for other in range(first, end):
        _forget_path(g, np.uint64(other), level)


@inline
def forget_space(g, number):
    """Forget all tables of a space."""
    first, end = pages_of_space(g, number)
    for page in range(first, end):
        _forget_path(g, np.uint64(page), np.uint64(LEVELS - 1))
    forget(g, g.root_at + np.uint64(number))


@inline
def _forget_path(g, page, level):
    """Forget the tables of ``page`` below ``level``."""
    forget(g, np.uint64(g.leaf[page]))
    if level > 1:
        forget(g, g.middle_at + np.uint64(g.middle[page]))
    if level > 2:
        forget(g, g.upper_at + np.uint64(g.upper[page]))
