"""hlt: time passes until an interrupt is delivered."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.cpu.clock import idle_part
from tracegen.x86_64 import state as S
from tracegen.x86_64.interrupts import can_wake, deliverable, expire_timer
from tracegen.x86_64.state import Leave, Stop

REDIRECT, STOP = int(Leave.REDIRECT), int(Leave.STOP)
BUDGET, ROWS_FULL, WAITS_FOREVER = (np.uint64(x) for x in (Stop.BUDGET, Stop.ROWS_FULL, Stop.WAITS_FOREVER))
ZERO = np.uint64(0)


@helper
def wait(core):
    """Let time pass until an interrupt is due or the disk is done; the loop then asks ``attend``.  Gives a Leave.

    A deadline may be centuries away: with each of its rows Python can look up.
    """
    s = core.s
    s[S.LIMIT] = ZERO
    while not deliverable(s) and s[S.COUNT] < s[S.DISK_AT]:
        if not can_wake(s):
            s[S.STATUS_CODE] = WAITS_FOREVER
            return STOP
        if not idle_part(core):
            s[S.STATUS_CODE] = ROWS_FULL if s[S.POSITION] >= s[S.ROW_LIMIT] else BUDGET
            return STOP
        expire_timer(s)
    return REDIRECT
