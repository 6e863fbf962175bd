"""The guest's page tables, as it announced them: which physical page holds one, and what its entries map."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from replay.trace.schema import Kind
from tracegen.abi import Announce
from tracegen.cpu import state as S
from tracegen.cpu.micro_tlb import forget_all_writes
from tracegen.cpu.recorder import MAPPED, extra, link_table, page_id, put

TABLE_ALLOC, TABLE_FREE, TABLE_LINK, TABLE_UNLINK = (
    np.uint64(a) for a in (Announce.TABLE_ALLOC, Announce.TABLE_FREE, Announce.TABLE_LINK, Announce.TABLE_UNLINK)
)
ENTRY, TABLE_IS, TABLE_LINKED = np.uint64(Kind.ENTRY), np.uint64(S.TABLE_IS), np.uint64(S.TABLE_LINKED)
ZERO, ONE, FOUR, EIGHT, U9, U12, U32 = (np.uint64(n) for n in (0, 1, 4, 8, 9, 12, 32))
LEVEL, INDEX = np.uint64(0xF), np.uint64(511)
SPACE_MASK = np.uint64((1 << 30) - 1)
HALF, UPPER = np.uint64(1 << 35), np.uint64(0xFFFF000000000)
"""Of a virtual page number in a 48-bit space: the bit that tells the halves apart; what the upper half has above it."""
HIGHEST_LEVEL, PAGE_NUMBER = np.uint64(3), np.uint64((1 << 52) - 1)
"""Tables of a level above have no pages that an entry could map; virtual page numbers have 52 bits."""


@helper
def set_table(core, code, frame, first_argument, first, level):
    """TABLE_ALLOC, FREE, LINK, UNLINK: what each physical page is, and which table maps which virtual pages.

    ``first_argument`` is the level of a new table, or the space that the linked one belongs to.
    """
    frames = core.frames
    if frame >= core.s[S.MEMORY_BYTES] >> U12:
        return
    at = frame * FOUR + np.uint64(S.FRAME_TABLE)
    known, before = frames[at], frames[at + ONE]
    if code == TABLE_ALLOC:
        frames[at] = TABLE_IS | (first_argument & LEVEL) << EIGHT
        forget_all_writes(core)
    elif code == TABLE_FREE:
        frames[at] = ZERO
    elif code == TABLE_LINK:
        new_space = first_argument & SPACE_MASK
        frames[at] = TABLE_IS | TABLE_LINKED | (level & LEVEL) << EIGHT | new_space << U32
        frames[at + ONE] = first
        if known == ZERO:
            forget_all_writes(core)
        if level == ZERO:
            link_table(core, new_space, first >> U9, frame + ONE)
    if (code == TABLE_UNLINK or code == TABLE_FREE) and known & TABLE_LINKED:
        if frames[at] >> EIGHT & LEVEL == ZERO:
            link_table(core, known >> U32, before >> U9, ZERO)
        frames[at] &= np.uint64(0xFFFFFFFF) & ~TABLE_LINKED


@helper
def record_entry(core, frame, at, old, new):
    """The ENTRY row of a store to word ``at`` of the table page ``frame``: entries in the trace's form."""
    if core.s[S.RECORDING] == ZERO:
        return
    table = core.frames[frame * FOUR + np.uint64(S.FRAME_TABLE)]
    level, space = table >> EIGHT & LEVEL, table >> U32
    index = at & INDEX
    page = ZERO
    if table & TABLE_LINKED and level <= HIGHEST_LEVEL:
        first = core.frames[frame * FOUR + np.uint64(S.FRAME_FIRST_VPN)]
        vpn = (first + (index << (U9 * level))) & PAGE_NUMBER
        if vpn & HALF:
            vpn, space = vpn | UPPER, ZERO
        page = page_id(core, vpn, space, MAPPED)
    extra(core, old)
    extra(core, new)
    extra(core, frame)
    put(core, ENTRY, index | level << U12, page)
