"""Disco's pmap: guest-physical frame to machine page, with how many virtual pages map each frame.

A machine page is allocated when its frame is first mapped, and given back when the guest frees the frame.  The count
of backmaps is what a monitor walks when it moves, replicates or reclaims a page; those of a freed frame count until
each virtual page maps another one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.jit import inline
from replay.prepare import Pages
from replay.trace.schema import ENTRY_FRAME_SHIFT, ENTRY_SIZE_SHIFT, ENTRY_VALID, Segment

MAX_FRAMES = 1 << 26
"""Frames beyond 256 GiB of guest-physical memory have no pmap entry."""

ONE, LEVEL_SHIFT = np.uint64(1), np.uint64(12)
REGION_MASK, REGION_SIZE, SIZES = np.uint64(511), np.uint64(1), np.uint64(3)
"""Of a page number within 2 MB; the size of an entry that maps as much; the bits of a size."""


class Pmap(NamedTuple):
    """One VM's pmap.  Frames and machine pages are stored plus one; 0 stands for none."""

    machine: np.ndarray  # u32 by frame: machine page
    backmaps: np.ndarray  # u32 by frame: virtual pages that map it
    mapped: np.ndarray  # u32 by page id: frame that it maps
    entry: np.ndarray  # u32 by page id: frame that the guest's page table maps it to now
    vpn: np.ndarray  # u64 by page id
    leaf: np.ndarray  # u32 by page id: number of its 2 MB region
    allocated: np.ndarray  # u32[1]: machine pages ever allocated; a page that was given back gets a new number


def make_pmap(memory_bytes: int, pages: Pages) -> Pmap:
    """An empty pmap for a VM of that size; frames beyond have no entry."""
    frames = min(memory_bytes >> 12, MAX_FRAMES)
    return Pmap(
        np.zeros(frames, np.uint32),
        np.zeros(frames, np.uint32),
        np.zeros(pages.frame.size, np.uint32),
        pages.frame.copy(),
        pages.vpn,
        pages.leaf,
        np.zeros(1, np.uint32),
    )


def direct_pairs(memory_bytes: int, pages: Pages) -> np.ndarray:
    """By frame: the pair of page ids in the cached unmapped segment that holds it, 0 for none; u32."""
    direct = np.zeros(min(memory_bytes >> 12, MAX_FRAMES), np.uint32)
    fixed = np.flatnonzero((pages.segment == Segment.UNMAPPED) & (pages.frame > 0) & (pages.frame <= direct.size))
    direct[pages.frame[fixed] - 1] = fixed >> 1
    return direct


@inline
def use(pmap, frame):
    """Give ``frame`` (plus one) a machine page; whether one was allocated for it."""
    at = np.uint64(frame) - np.uint64(1)
    if frame == 0 or at >= np.uint64(pmap.machine.size) or pmap.machine[at] != 0:
        return False
    pmap.allocated[0] += 1
    pmap.machine[at] = pmap.allocated[0]
    return True


@inline
def give_back(pmap, frame):
    """Take the machine page of ``frame`` away, if it has one."""
    if frame < np.uint64(pmap.machine.size):
        pmap.machine[frame] = 0


@inline
def map_pair(pmap, pair):
    """Let both halves of ``pair`` map what the guest maps them to now; how many machine pages were allocated."""
    allocated = 0
    for half in range(2):
        page = (np.uint64(pair) << np.uint64(1)) + np.uint64(half)
        if map_page(pmap, page, pmap.entry[page]):
            allocated += 1
    return allocated


@inline
def note_entry(pmap, row):
    """Follow an ENTRY row: an entry of a leaf table maps one page, one of 2 MB every page of its region."""
    level = np.uint64(row.info) >> LEVEL_SHIFT
    if row.page == 0 or level > ONE:
        return
    if level == 0:
        set_entry(pmap, np.uint64(row.page), row.payload[1])
    elif is_large(row.payload[0]) or is_large(row.payload[1]):
        set_region(pmap, np.uint64(row.page), row.payload[1])


@inline
def is_large(entry):
    """Whether ``entry``, of a table above the leaf tables, maps 2 MB."""
    return entry & np.uint64(ENTRY_VALID) != 0 and entry >> np.uint64(ENTRY_SIZE_SHIFT) & SIZES == REGION_SIZE


@inline
def set_region(pmap, first, entry):
    """Let each page from ``first`` to the end of its region have its part of ``entry``; without one, none."""
    page, base = first, frame_of(entry) if is_large(entry) else np.uint32(0)
    while page < np.uint64(pmap.leaf.size) and pmap.leaf[page] == pmap.leaf[first]:
        part = np.uint32(pmap.vpn[page] & REGION_MASK)
        pmap.entry[page] = base + part if base != 0 else np.uint32(0)
        page += ONE


@inline
def set_entry(pmap, page, entry):
    """The guest's page table now holds ``entry`` for page id ``page``."""
    pmap.entry[np.uint64(page)] = frame_of(entry)


@inline
def map_page(pmap, page, frame):
    """Let virtual page id ``page`` map ``frame`` (plus one; 0 for none); whether a machine page was allocated."""
    if frame > pmap.machine.size:
        frame = np.uint32(0)
    old = pmap.mapped[page]
    if old != frame:
        if old != 0:
            pmap.backmaps[np.uint64(old) - np.uint64(1)] -= np.uint32(1)
        if frame != 0:
            pmap.backmaps[np.uint64(frame) - np.uint64(1)] += np.uint32(1)
        pmap.mapped[page] = frame
    return use(pmap, np.uint64(frame))


@inline
def frame_of(entry):
    """Frame + 1 that a page-table entry maps, 0 if hardware may not use it."""
    frame = np.uint32((entry >> np.uint64(ENTRY_FRAME_SHIFT)) + np.uint64(1))
    return frame if entry & np.uint64(ENTRY_VALID) else np.uint32(0)
