"""Announcements: what the guest tells the recorder with ``ori $0, $0, CODE``, at no cost to itself."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen.abi import Announce
from tracegen.cpu import state as S
from tracegen.cpu.recorder import event, extra, link_table, service_enter, service_exit, thread_begin, thread_switch
from tracegen.cpu.state import Leave
from tracegen.mips64 import state as M
from tracegen.mips64.cp0 import switch_base
from tracegen.mips64.translation import forget_all, forget_writes

ON = int(Leave.ON)
SERVICE_ENTER, SERVICE_EXIT, SPACE_CREATE, SPACE_DESTROY, TABLE_ALLOC, TABLE_FREE = (
    np.uint64(a) for a in list(Announce)[:6]
)
TABLE_LINK, TABLE_UNLINK, SPACE_ASID, THREAD_SWITCH, THREAD_SPACE = (np.uint64(a) for a in list(Announce)[6:11])
KIND_OF = np.array(
    [0] + [Kind[a.name] if a.name in Kind.__members__ and not a.name.startswith("SERVICE") else 0 for a in Announce],
    np.uint64,
)
"""Announcement -> the row that says it; 0 for those with a rule of their own."""
A0, A1, A2, A3 = (np.uint64(n) for n in (4, 5, 6, 7))
ZERO, ONE, FOUR, EIGHT, U9, U32 = (np.uint64(n) for n in (0, 1, 4, 8, 9, 32))
MASK32, MASK48, BYTE = np.uint64(0xFFFFFFFF), np.uint64((1 << 48) - 1), np.uint64(0xFF)
SPACE_MASK = np.uint64((1 << 30) - 1)
TABLE_IS = np.uint64(S.TABLE_IS)
THREAD_NAME, THREAD_NAMES, THREADS = np.uint64(Announce.THREAD_NAME), np.uint64(S.THREAD_NAMES), np.uint64(S.THREADS)
UNMAPPED_BITS = np.uint64((1 << 29) - 1)


@helper
def set_table(core, code):
    """TABLE_ALLOC, FREE, LINK, UNLINK: what each physical page is, and which table maps which virtual pages."""
    r, frames = core.r, core.frames
    frame = r[A0]
    if frame >= core.s[S.MEMORY_BYTES] >> np.uint64(12):
        return
    at = frame * FOUR + np.uint64(S.FRAME_TABLE)
    space, first = frames[at] >> U32, frames[at + ONE]
    if code == TABLE_ALLOC:
        frames[at] = TABLE_IS | (r[A1] & np.uint64(0xF)) << EIGHT
        forget_writes(core.tags)
    elif code == TABLE_FREE:
        frames[at] = ZERO
    elif code == TABLE_LINK:
        new_space, level = r[A1] & SPACE_MASK, r[A3] & np.uint64(0xF)
        frames[at] = TABLE_IS | level << EIGHT | new_space << U32
        frames[at + ONE] = r[A2]
        if level == ZERO:
            link_table(core, new_space, r[A2] >> U9, frame + ONE)
    if (code == TABLE_UNLINK or code == TABLE_FREE) and space:
        if frames[at] >> EIGHT & np.uint64(0xF) == ZERO:
            link_table(core, space, first >> U9, ZERO)
        frames[at] &= MASK32


@helper
def set_asid(core):
    """SPACE_ASID: from here on the hardware ASID a1 names the space a0."""
    s, r = core.s, core.r
    place = np.uint64(M.SPACE_OF) + (r[A1] & BYTE)
    space = r[A0] & SPACE_MASK
    if s[place] != space:
        s[place] = space
        forget_all(core.tags)
        switch_base(core)


@inline
def subject(core, code):
    """(info, page) of an announcement's row, after its EXTRA rows."""
    a0, a1 = core.r[A0], core.r[A1]
    info, page = ZERO, a0
    if code == TABLE_ALLOC:
        info = a1
    elif code == TABLE_LINK:
        extra(core, core.r[A2] & MASK48)
        extra(core, a1 & MASK48)
        info = core.r[A3]
    elif code == THREAD_SWITCH:
        info, page = a0, a1
    elif code == THREAD_SPACE:
        info = a1
    return info, page & MASK32


@helper
def announce(core, code):
    """Do what one announcement asks; unknown codes mean nothing.  Gives a Leave."""
    a0, a1 = core.r[A0], core.r[A1]
    if code == SERVICE_ENTER:
        service_enter(core, a0 & MASK32, ZERO)
    elif code == SERVICE_EXIT:
        service_exit(core)
    elif code == SPACE_ASID:
        set_asid(core)
    elif code == THREAD_NAME:
        if a0 < THREADS:
            core.s[THREAD_NAMES + a0] = a1 & UNMAPPED_BITS
    elif code < np.uint64(KIND_OF.size) and KIND_OF[code] != ZERO:
        info, page = subject(core, code)
        event(core, KIND_OF[code], info, page)
        if code >= TABLE_ALLOC and code <= TABLE_UNLINK:
            set_table(core, code)
        elif code == THREAD_SWITCH:
            thread_switch(core, a0, a1)
        elif code == THREAD_SPACE:
            thread_begin(core, a0)
    return ON
