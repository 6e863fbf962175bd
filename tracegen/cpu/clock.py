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
FARTHEST = np.uint64((1 << 48) - 2)
"""The longest time to a timer match that an IDLE row tells apart from none."""


@inline
def idle_part(core):
    """Let time pass towards the timer's match or the disk's end, whichever comes first: one IDLE row, 32 bits of units.

    One of the two must be under way.  True where it has come.
    """
    s = core.s
    wake = DISK_WAKE if s[S.DISK_AT] < s[S.TIMER_AT] else TIMER_WAKE
    left = min(s[S.DISK_AT], s[S.TIMER_AT]) - s[S.COUNT]
    part = min(left, LOW32)
    extra(core, NEVER if s[S.TIMER_AT] == NEVER else min(s[S.TIMER_AT] - s[S.COUNT], FARTHEST))
    event(core, IDLE, wake, part)
    s[S.TIME_BASE] += part
    s[S.TIMER_AT] -= ZERO if s[S.TIMER_AT] == NEVER else part
    s[S.DISK_AT] -= ZERO if s[S.DISK_AT] == NEVER else part
    s[S.IDLE_UNITS] += part
    return part == left


@inline
def idle(core):
    """The same until one of the two has come, which must not be far."""
    s = core.s
    while s[S.COUNT] < min(s[S.DISK_AT], s[S.TIMER_AT]):
        idle_part(core)
