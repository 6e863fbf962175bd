"""hlt: time passes until an interrupt is delivered."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.cpu.clock import idle
from tracegen.x86_64 import state as S
from tracegen.x86_64.interrupts import can_wake, deliverable, expire_timer
from tracegen.x86_64.state import Leave, Stop

REDIRECT, STOP, WAITS_FOREVER = int(Leave.REDIRECT), int(Leave.STOP), np.uint64(Stop.WAITS_FOREVER)
ZERO = np.uint64(0)


@helper
def wait(core):
    """Let time pass until an interrupt is due or the disk is done; the loop then asks ``attend``.  Gives a Leave."""
    s = core.s
    s[S.LIMIT] = ZERO
    while not deliverable(s) and s[S.COUNT] < s[S.DISK_AT]:
        if not can_wake(s):
            s[S.STATUS_CODE] = WAITS_FOREVER
            return STOP
        idle(core)
        expire_timer(s)
    return REDIRECT
