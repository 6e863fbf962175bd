"""Where in guest-physical memory pages and page tables lie, as the guest's stores to its page tables say.

Tables are numbered as the walk caches number regions: a table of 4 KB entries by its 2 MB region, then by 1 GB and by
512 GB; roots by their space.  What no ENTRY or TABLE_LINK row described lies in a frame of its own beyond memory: the
upper tables of a MIPS guest, which has none, and all that was set up before the recording began.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.columns import Inserted
from replay.hw.walk_caches import WalkCaches
from replay.jit import inline
from replay.mmu.spaces import number_of
from replay.prepare import Prepared
from replay.trace.schema import ENTRY_FRAME_SHIFT, ENTRY_SIZE_SHIFT, ENTRY_VALID, PAGE_SHIFT, Kind, Segment

ROOT = 3
"""Level of a root table; that of a table of 4 KB entries is 0."""

FRAME_SHIFT, ONE = np.uint64(ENTRY_FRAME_SHIFT), np.uint64(1)
VALID, IN_REGION = np.uint64(ENTRY_VALID), np.uint64(511)
LARGE, LARGE_MASK = np.uint64(ENTRY_VALID | 1 << ENTRY_SIZE_SHIFT), np.uint64(ENTRY_VALID | 3 << ENTRY_SIZE_SHIFT)


class Frames(NamedTuple):
    """Frames of one guest."""

    page: np.ndarray  # u32 by page id
    table: np.ndarray  # u32 by table
    root: np.ndarray  # u32 by number of a space; the last is any other space's
    current: np.ndarray  # u32[vcpus]: the root in force
    large: np.ndarray  # u8 by leaf region: 1 where one entry of the guest maps it
    tables: np.ndarray  # u32[3 * pages]: by level and page, the table whose entry leads to the page
    begin: np.ndarray  # u32 by leaf region: its first page id; one more for the end
    leaf: np.ndarray  # u32 by page id
    vpn: np.ndarray  # u64 by page id
    spaces: np.ndarray  # u32: spaces with pages, ascending
    memory: np.uint64  # frames of the guest's memory
    pages: np.uint64


def make_frames(prepared: Prepared, caches: WalkCaches) -> Frames:
    """The frames of a guest none of whose stores was seen yet; ``caches`` are those of its dimension."""
    pages, memory = prepared.pages, prepared.meta.memory_bytes >> PAGE_SHIFT
    spaces = np.unique(pages.space)
    begin = np.searchsorted(pages.leaf, np.arange(int(pages.leaf[-1]) + 2))
    segment = pages.segment[begin[:-1]]
    table = memory + np.arange(caches.home.size, dtype=np.uint32)
    root = table[-1] + np.uint32(1) + np.arange(spaces.size + 1, dtype=np.uint32)
    page = root[-1] + np.uint32(1) + np.arange(pages.vpn.size, dtype=np.uint32)
    fixed = (pages.frame > 0) & (pages.frame <= memory)
    page[fixed] = pages.frame[fixed] - 1
    return Frames(
        page=page,
        table=table.astype(np.uint32),
        root=root,
        current=np.full(prepared.meta.vcpus, root[0], np.uint32),
        large=np.isin(segment, (Segment.UNMAPPED, Segment.UNCACHED)).astype(np.uint8),
        tables=caches.regions,
        begin=begin.astype(np.uint32),
        leaf=pages.leaf,
        vpn=pages.vpn,
        spaces=spaces,
        memory=np.uint64(memory),
        pages=np.uint64(pages.vpn.size),
    )


def number_of_frames(frames: Frames) -> int:
    """Frames that there are, those beyond memory included."""
    return int(frames.root[-1]) + 1 + frames.page.size


@inline
def frame_of_table(f, vcpu, page, level):
    """The frame of the table of ``level`` that leads to ``page`` on ``vcpu``."""
    if level == ROOT:
        return np.uint64(f.current[vcpu])
    return np.uint64(f.table[np.uint64(f.tables[level * f.pages + page])])


@inline
def is_large(f, page):
    """1 if one entry of the guest maps the 2 MB region of ``page``, else 0."""
    return np.uint64(f.large[np.uint64(f.leaf[page])])


@inline
def follow(f, vcpu, row):
    """Follow an ENTRY, TABLE_LINK, BASE_SWITCH or VCPU_SWITCH row; other rows change nothing."""
    if row.kind == Kind.ENTRY:
        _note(f, row)
    elif row.kind == Kind.TABLE_LINK:
        if row.info == ROOT:
            f.root[number_of(f.spaces, row.payload[1])] = row.page
    elif row.kind == Inserted.VCPU_SWITCH:
        f.current[vcpu] = f.root[number_of(f.spaces, row.payload[0])]
    elif row.kind == Kind.BASE_SWITCH:
        f.current[vcpu] = f.root[number_of(f.spaces, np.uint64(row.page))]


@inline
def _note(f, row):
    page, level, new = np.uint64(row.page), np.uint64(row.info >> 12), row.payload[1]
    if page == 0 or level >= ROOT:
        return
    if row.payload[2] < f.memory:
        f.table[np.uint64(f.tables[level * f.pages + page])] = row.payload[2]
    region, frame = np.uint64(f.leaf[page]), new >> FRAME_SHIFT
    if level == 0:
        if new & VALID and frame < f.memory:
            f.page[page] = frame
    elif level == 1:
        f.large[region] = np.uint8(new & LARGE_MASK == LARGE)
        if f.large[region] != 0 and frame + IN_REGION < f.memory:
            for other in range(f.begin[region], f.begin[region + ONE]):
                f.page[np.uint64(other)] = frame + (f.vpn[np.uint64(other)] & IN_REGION)
