"""What vCPUs do to each other: interrupts, and the start of one that is off.

What a vCPU that does not run owns is parked in ``Core.s``.  A row for what was sent is written at once, by the sender;
one for what was received where the target's next turn begins.  Of several interrupts that one vCPU sent to another
before that, the latest is the one received.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen import abi
from tracegen.cpu import state as S
from tracegen.cpu.clock import time
from tracegen.cpu.recorder import event, put
from tracegen.cpu.state import Power

IPI_SEND, IPI_RECEIVE = np.uint64(Kind.IPI_SEND), np.uint64(Kind.IPI_RECEIVE)
LINE_UP = np.uint64(1 << 8 + abi.IPI_LINE)
"""The IPIs' bit of LINES."""
OFF, STARTS = np.uint64(Power.OFF), np.uint64(Power.STARTS)
PARKED, PARKED_WORDS = np.uint64(S.PARKED), np.uint64(S.PARKED_WORDS)
UNHEARD_IDS = np.uint64(S.UNHEARD_IDS)
ZERO, ONE, THREE = np.uint64(0), np.uint64(1), np.uint64(3)
NUMBER_AT, COUNT_AT, PENDING_AT = (np.uint64(at) for at in (abi.VCPU_NUMBER, abi.VCPU_COUNT, abi.IPI_PENDING))


@inline
def parked(vcpu):
    """Where the words of a vCPU that does not run begin."""
    return PARKED + vcpu * PARKED_WORDS


@inline
def base_of(s, vcpu):
    """Where the words of any vCPU begin."""
    return ZERO if vcpu == s[S.VCPU] else parked(vcpu)


@inline
def show(core, at, value):
    """Let a load from offset ``at`` of the device page read ``value``."""
    core.ram8[(core.s[S.MEMORY_BYTES] + at) >> THREE] = value


@inline
def show_vcpu(core):
    """Let the device page be that of the vCPU that runs."""
    s = core.s
    show(core, NUMBER_AT, s[S.VCPU])
    show(core, COUNT_AT, s[S.VCPUS])
    show(core, PENDING_AT, s[S.IPI_SOURCES])


@inline
def hear(core):
    """Write a row for each IPI that arrived since the vCPU last looked."""
    s = core.s
    source = ZERO
    while s[S.UNHEARD]:
        if s[S.UNHEARD] & ONE << source:
            s[S.UNHEARD] &= ~(ONE << source)
            event(core, IPI_RECEIVE, source, s[UNHEARD_IDS + source])
        source += ONE


@inline
def call(core, target, base):
    """Tell the vCPU ``target``, whose words begin at ``base``, that the one that runs wants something."""
    s = core.s
    s[S.IPI_ID] += ONE
    put(core, IPI_SEND, target, s[S.IPI_ID])
    if s[base + np.uint64(S.UNHEARD)] == ZERO:
        s[base + np.uint64(S.UNHEARD_SINCE)] = time(s)
    s[base + np.uint64(S.UNHEARD)] |= ONE << s[S.VCPU]
    s[base + UNHEARD_IDS + s[S.VCPU]] = s[S.IPI_ID]


@helper
def send(core, target):
    """Raise the line of IPIs on a vCPU; False where there is none of that number or it is off."""
    s = core.s
    if target >= s[S.VCPUS]:
        return False
    base = base_of(s, target)
    if s[base + np.uint64(S.STATE)] == OFF:
        return False
    call(core, target, base)
    s[base + np.uint64(S.LINES)] |= LINE_UP
    s[base + np.uint64(S.IPI_SOURCES)] |= ONE << s[S.VCPU]
    if target == s[S.VCPU]:
        hear(core)
        show(core, PENDING_AT, s[S.IPI_SOURCES])
    return True


@helper
def acknowledge(core, sources):
    """Forget the IPIs of a bit set of vCPUs; the line goes down with the last one."""
    s = core.s
    s[S.IPI_SOURCES] &= ~sources
    show(core, PENDING_AT, s[S.IPI_SOURCES])
    if s[S.IPI_SOURCES] == ZERO:
        s[S.LINES] &= ~LINE_UP


@helper
def start(core, target, stack, first, second):
    """Start a vCPU that is off, with what START_* hold; gives where its words begin, 0 where nothing happens.

    ``stack``, ``first`` and ``second`` are the registers of the stack and of two arguments, the latter its number.
    """
    s = core.s
    if target >= s[S.VCPUS] or target == s[S.VCPU] or s[parked(target) + np.uint64(S.STATE)] != OFF:
        return ZERO
    base = parked(target)
    registers = base + np.uint64(S.VCPU_WORDS)
    call(core, target, base)
    s[base + np.uint64(S.STATE)], s[base + np.uint64(S.PC)] = STARTS, s[S.START_ENTRY]
    s[base + np.uint64(S.TIME_BASE)] = s[S.TIME_BASE] - s[S.IDLE_UNITS]
    s[registers + stack], s[registers + first], s[registers + second] = s[S.START_STACK], s[S.START_ARGUMENT], target
    return base
