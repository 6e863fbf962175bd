"""Announcements of an x86-64 guest, by a long no-operation: the rules of this architecture's own."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.abi_x86_64 import KERNEL_BASE
from tracegen.cpu.announce import ON, THREAD_NAME, say
from tracegen.cpu.tables import TABLE_LINK
from tracegen.x86_64 import state as S
from tracegen.x86_64.control import space_of, switch_base
from tracegen.x86_64.places import RCX, RDI, RDX, RSI

DI, SI, D, C = (np.uint64(p) for p in (RDI, RSI, RDX, RCX))
BASE = np.uint64(KERNEL_BASE)


@helper
def announce(core, code):
    """Do what one announcement asks.  Gives a Leave."""
    r = core.r
    named = r[SI] - BASE if r[SI] >= BASE else r[SI]
    say(core, code, r[DI], named if code == THREAD_NAME else r[SI], r[D], r[C])
    if code == TABLE_LINK and space_of(core) != core.s[S.SPACE]:
        switch_base(core)
    return ON
