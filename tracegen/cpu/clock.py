"""Time of each vCPU: instructions that it retired and units that it waited for interrupts."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.trace.schema import Kind
from tracegen.cpu import state as S
from tracegen.cpu.recorder import event, extra
from tracegen.cpu.state import Leave, Power, Stop

IDLE, WAITS_STOP, WAITS = np.uint64(Kind.IDLE), np.uint64(Stop.WAITS), np.uint64(Power.WAITS)
STOP = int(Leave.STOP)
NEVER = np.uint64(S.NEVER)
ZERO, LOW32 = np.uint64(0), np.uint64(0xFFFFFFFF)
FARTHEST = np.uint64((1 << 48) - 2)
"""The longest time to a timer match that an IDLE row tells apart from none."""
DEVICE_VCPU = np.uint64(S.DEVICE_VCPU)


@inline
def time(s):
    """The time of the vCPU that runs."""
    return s[S.COUNT] + s[S.IDLE_UNITS]


@inline
def device_at(s):
    """COUNT at which a device's time comes on the vCPU that runs: NEVER on all but the one that devices interrupt."""
    at = min(s[S.DISK_END], s[S.NET_AT])
    if s[S.VCPU] != DEVICE_VCPU or at == NEVER:
        return NEVER
    return max(at, s[S.IDLE_UNITS]) - s[S.IDLE_UNITS]


@inline
def schedule(s):
    """Find DEVICE_AT: at once on any vCPU while the network card was told something."""
    s[S.DEVICE_AT] = ZERO if s[S.NET_RUNG] else device_at(s)


@inline
def wake_by(s, base, at):
    """If the vCPU whose words begin at ``base`` waits, it looks up at time ``at``, or before."""
    place = base + np.uint64(S.WAKE_AT)
    s[place] = min(s[place], at)


@inline
def sleep(s, wakes):
    """Wait: if ``wakes`` until the timer matches or a device is done, else for another vCPU's call.  Gives STOP."""
    at = min(device_at(s), s[S.TIMER_AT])
    s[S.STATE], s[S.STATUS_CODE] = WAITS, WAITS_STOP
    s[S.WAKE_AT] = at + s[S.IDLE_UNITS] if wakes and at != NEVER else NEVER
    return STOP


@inline
def pass_time(core, until, wake):
    """Let the vCPU's time pass: one IDLE row of at most 32 bits of units.  True where it is ``until`` then."""
    s = core.s
    left = until - time(s)
    part = min(left, LOW32)
    if part:
        to_timer = s[S.TIMER_AT] - s[S.COUNT]
        extra(core, NEVER if s[S.TIMER_AT] == NEVER else min(to_timer, FARTHEST))
        event(core, IDLE, wake, part)
        s[S.TIME_BASE] += part
        s[S.TIMER_AT] -= ZERO if s[S.TIMER_AT] == NEVER else min(part, to_timer)
        s[S.IDLE_UNITS] += part
        schedule(s)
    return part == left
