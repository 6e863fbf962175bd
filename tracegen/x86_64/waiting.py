"""hlt: time passes until an interrupt is delivered."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.cpu.clock import device_at, sleep
from tracegen.x86_64 import state as S
from tracegen.x86_64.interrupts import can_wake, deliverable
from tracegen.x86_64.state import Leave

ZERO, REDIRECT = np.uint64(0), int(Leave.REDIRECT)


@helper
def wait(core):
    """Wait, unless an interrupt is due, until something may bring one; then ``attend`` looks.  Gives a Leave."""
    s = core.s
    if deliverable(s):
        s[S.LIMIT] = ZERO
        return REDIRECT
    return sleep(s, can_wake(s) or s[S.COUNT] >= device_at(s))
