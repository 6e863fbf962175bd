"""Turns: the vCPUs of a machine run one after the other, QUANTUM units of time each, and their clocks stay together.

All turns of a round end at the same time, TURN_END; one that a block carried beyond it is shorter the next time.  A
vCPU that waits has no turn until the timer matches, the disk is done or another vCPU calls it: then it goes on at that
time.  Where all wait, time moves on to the first of these, but not beyond HORIZON.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind, Wake
from tracegen.abi import Service
from tracegen.cpu import state as S
from tracegen.cpu.clock import NEVER, pass_time, schedule, time
from tracegen.cpu.ipi import hear, parked, show_vcpu
from tracegen.cpu.micro_tlb import forget_writes
from tracegen.cpu.recorder import put, service_enter
from tracegen.cpu.state import Core, Power, Stop

OFF, WAITS, STARTS, RUNS = (np.uint64(p) for p in Power)
BUDGET, ROWS_FULL, WAITS_STOP, WAITS_FOREVER, NET, HORIZON = (
    np.uint64(x) for x in (Stop.BUDGET, Stop.ROWS_FULL, Stop.WAITS, Stop.WAITS_FOREVER, Stop.NET, Stop.HORIZON)
)
BY_TIMER, BY_DEVICE, BY_IPI = (np.uint64(w) for w in Wake)
BASE_SWITCH, BOOT = np.uint64(Kind.BASE_SWITCH), np.uint64(Service.BOOT)
VCPU_WORDS, PARKED_WORDS = np.uint64(S.VCPU_WORDS), np.uint64(S.PARKED_WORDS)
ZERO, ONE = np.uint64(0), np.uint64(1)


@inline
def of_vcpu(core, views):
    """``core`` with the micro-TLBs of the vCPU that runs."""
    tags = views.tags[core.s[S.VCPU]]
    return Core(core.s, core.r, tags, core.ids, core.frames, core.entries, core.ram8, core.rows, core.counts)


@inline
def grant(s):
    """Let the vCPU run to the end of its turn, or of the machine's budget."""
    now = time(s)
    turn = s[S.TURN_END] - now if s[S.TURN_END] > now else ZERO
    retired = s[S.COUNT] + s[S.OTHERS]
    left = s[S.BUDGET] - retired if s[S.BUDGET] > retired else ZERO
    s[S.BUDGET_END] = s[S.COUNT] + min(turn, left)
    s[S.LIMIT] = ZERO


@helper
def park(core):
    """Put aside what the vCPU that runs owns."""
    s, base = core.s, parked(core.s[S.VCPU])
    for at in range(VCPU_WORDS):
        s[base + at] = s[at]
    for at in range(PARKED_WORDS - VCPU_WORDS):
        s[base + VCPU_WORDS + at] = core.r[at]


@helper
def take_over(core, vcpu):
    """Let another vCPU be the one that runs; a linked load of the one that was is no longer armed."""
    s, base = core.s, parked(vcpu)
    s[parked(s[S.VCPU]) + np.uint64(S.LINKED)] = ZERO
    s[S.OTHERS] += s[S.COUNT] - s[base + np.uint64(S.COUNT)]
    for at in range(VCPU_WORDS):
        s[at] = s[base + at]
    for at in range(PARKED_WORDS - VCPU_WORDS):
        core.r[at] = s[base + VCPU_WORDS + at]
    s[S.VCPU] = vcpu
    show_vcpu(core)


@inline
def called_at(s, base):
    """Time of the first IPI that a vCPU has not heard; NEVER without one."""
    return s[base + np.uint64(S.UNHEARD_SINCE)] if s[base + np.uint64(S.UNHEARD)] else NEVER


@inline
def ready_at(s, vcpu):
    """Time at which a parked vCPU goes on, NEVER if nothing makes it."""
    base = parked(vcpu)
    state, now = s[base + np.uint64(S.STATE)], s[base + np.uint64(S.COUNT)] + s[base + np.uint64(S.IDLE_UNITS)]
    if state == OFF:
        return NEVER
    if state == RUNS:
        return now
    return max(now, min(s[base + np.uint64(S.WAKE_AT)], called_at(s, base)))


@inline
def first_ready(s):
    """The earliest time at which a parked vCPU goes on."""
    first = NEVER
    for vcpu in range(s[S.VCPUS]):
        first = min(first, ready_at(s, vcpu))
    return first


@inline
def round_end(s, first):
    """When a round ends that begins at time ``first``; a vCPU alone has no rounds."""
    return (first // s[S.QUANTUM] + ONE) * s[S.QUANTUM] if s[S.VCPUS] > ONE else NEVER


@helper
def choose(s):
    """The vCPU whose turn is next; VCPUS if all wait for ever, or beyond the horizon.  All are parked."""
    vcpu = s[S.VCPU]
    while True:
        vcpu += ONE
        if vcpu >= s[S.VCPUS]:
            vcpu = ZERO
            first = first_ready(s)
            if first >= s[S.HORIZON]:
                return s[S.VCPUS]
            if first >= s[S.TURN_END]:
                s[S.TURN_END] = min(round_end(s, first), s[S.HORIZON])
        if ready_at(s, vcpu) < s[S.TURN_END]:
            return vcpu


@helper
def wake(core):
    """End the wait of the vCPU that runs: its time passes, and it hears what it was called for.

    A deadline may be centuries away: False after each row that does not reach it, so that Python can look up.
    """
    s = core.s
    called = called_at(s, ZERO)
    by = BY_DEVICE if s[S.DEVICE_AT] < s[S.TIMER_AT] else BY_TIMER
    if called < s[S.WAKE_AT]:
        by = BY_IPI
    if not pass_time(core, max(time(s), min(s[S.WAKE_AT], called)), by):
        s[S.STATUS_CODE] = ROWS_FULL if s[S.POSITION] >= s[S.ROW_LIMIT] else BUDGET
        return False
    return True


@helper
def begin(core):
    """The turn of the vCPU that runs begins: False where Python is to look first."""
    s = core.s
    schedule(s)
    before = s[S.STATE]
    if before != RUNS:
        if not wake(core):
            return False
        s[S.STATE], s[S.WAKE_AT] = RUNS, NEVER
    hear(core)
    if before == STARTS:
        service_enter(core, BOOT, ZERO)
        put(core, BASE_SWITCH, ZERO, s[S.SPACE])
    if s[S.WRITES_SEEN] != s[S.WRITES_EPOCH]:
        s[S.WRITES_SEEN] = s[S.WRITES_EPOCH]
        forget_writes(core.tags)
    grant(s)
    return True


@helper
def next_turn(core):
    """Put the vCPU that runs aside and choose the next: False where all wait, or the network card for Python."""
    s = core.s
    if s[S.NET_RUNG]:
        s[S.STATUS_CODE] = NET
        return False
    park(core)
    vcpu = choose(s)
    if vcpu == s[S.VCPUS]:
        s[S.STATUS_CODE] = WAITS_FOREVER if s[S.HORIZON] == NEVER else HORIZON
        return False
    if vcpu != s[S.VCPU]:
        take_over(core, vcpu)
    return True


@inline
def enter(core):
    """Python called: True if the vCPU that runs, or else the next one, may go on."""
    s = core.s
    return (s[S.STATE] == RUNS and time(s) < s[S.TURN_END]) or next_turn(core)


@inline
def turn_is_over(s):
    """Whether the loop returned because a turn ended, rather than for Python."""
    status = s[S.STATUS_CODE]
    return status == WAITS_STOP or (status == BUDGET and s[S.COUNT] + s[S.OTHERS] < s[S.BUDGET])
