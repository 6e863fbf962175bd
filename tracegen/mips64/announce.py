"""Announcements of a MIPS64 guest, by ``ori $0, $0, CODE``: the rules of this architecture's own."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.abi import Announce
from tracegen.cpu.announce import ON, THREAD_NAME, say
from tracegen.cpu.micro_tlb import forget_all
from tracegen.cpu.tables import SPACE_MASK
from tracegen.mips64 import state as M
from tracegen.mips64.cp0 import switch_base
from tracegen.mips64.translation import COMPATIBILITY, PHYSICAL_29, PHYSICAL_40

SPACE_ASID = np.uint64(Announce.SPACE_ASID)
A0, A1, A2, A3 = (np.uint64(n) for n in (4, 5, 6, 7))
BYTE = np.uint64(0xFF)


@helper
def set_asid(core, space, asid):
    """SPACE_ASID: from here on the hardware ASID names the space."""
    s = core.s
    place = np.uint64(M.SPACE_OF) + (asid & BYTE)
    space = space & SPACE_MASK
    if s[place] != space:
        s[place] = space
        forget_all(core.tags)
        switch_base(core)


@helper
def announce(core, code):
    """Do what one announcement asks.  Gives a Leave."""
    r = core.r
    if code == SPACE_ASID:
        set_asid(core, r[A0], r[A1])
    else:
        named = r[A1] & (PHYSICAL_40 if r[A1] < COMPATIBILITY else PHYSICAL_29)
        say(core, code, r[A0], named if code == THREAD_NAME else r[A1], r[A2], r[A3])
    return ON
