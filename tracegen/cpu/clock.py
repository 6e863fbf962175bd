"""Time that passes while the CPU waits for an interrupt."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.trace.schema import Kind, Wake
from tracegen.cpu import state as S
from tracegen.cpu.recorder import event, extra

IDLE, TIMER_WAKE, DISK_WAKE = np.uint64(Kind.IDLE), np.uint64(Wake.TIMER), np.uint64(Wake.DEVICE)
NEVER = np.uint64(S.NEVER)
ZERO, LOW32 = np.uint64(0), np.uint64(0xFFFFFFFF)


@inline
def idle(core):
    """Let time pass until the timer matches or the disk is done, whichever comes first, and say so in IDLE rows.

    One of the two must be under way.
    """
    s = core.s
    wake = DISK_WAKE if s[S.DISK_AT] < s[S.TIMER_AT] else TIMER_WAKE
    until = min(s[S.DISK_AT], s[S.TIMER_AT])
    while s[S.COUNT] < until:
        part = min(until - s[S.COUNT], LOW32)
        extra(core, NEVER if s[S.TIMER_AT] == NEVER else s[S.TIMER_AT] - s[S.COUNT])
        event(core, IDLE, wake, part)
        until -= part
        s[S.TIME_BASE] += part
        s[S.TIMER_AT] -= ZERO if s[S.TIMER_AT] == NEVER else part
        s[S.DISK_AT] -= ZERO if s[S.DISK_AT] == NEVER else part
        s[S.IDLE_UNITS] += part
