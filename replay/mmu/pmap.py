"""Disco's pmap: guest-physical frame to machine page, with how many virtual pages map each frame.

A machine page is allocated when its frame is first mapped.  The count of backmaps is what a monitor walks when it
moves, replicates or reclaims a page.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.jit import inline
from replay.trace.schema import ENTRY_FRAME_SHIFT, ENTRY_VALID

MAX_FRAMES = 1 << 26
"""Frames beyond 256 GiB of guest-physical memory have no pmap entry."""


class Pmap(NamedTuple):
    """One VM's pmap.  Frames and machine pages are stored plus one; 0 stands for none."""

    machine: np.ndarray  # u32 by frame: machine page
    backmaps: np.ndarray  # u32 by frame: virtual pages that map it
    mapped: np.ndarray  # u32 by page id: frame that it maps
    allocated: np.ndarray  # u32[1]: machine pages in use


def make_pmap(memory_bytes: int, pages: int) -> Pmap:
    """An empty pmap for a VM of that size whose trace names ``pages`` page ids; frames beyond have no entry."""
    frames = min(memory_bytes >> 12, MAX_FRAMES)
    return Pmap(
        np.zeros(frames, np.uint32),
        np.zeros(frames, np.uint32),
        np.zeros(pages, np.uint32),
        np.zeros(1, np.uint32),
    )


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
    return use(pmap, frame)


@inline
def frame_of(entry):
    """Frame + 1 that a page-table entry maps, 0 if hardware may not use it."""
    frame = np.uint32((entry >> np.uint64(ENTRY_FRAME_SHIFT)) + np.uint64(1))
    return frame if entry & np.uint64(ENTRY_VALID) else np.uint32(0)
