"""The interrupt flag and what else of RFLAGS is not arithmetic; who may do what; hlt."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Arrival, Sensitive
from tracegen.cpu.recorder import sensitive
from tracegen.x86_64 import state as S
from tracegen.x86_64.delivery import FLAG_NT, FLAG_TF, rflags, selector_fault, set_rflags
from tracegen.x86_64.flags import ARITHMETIC
from tracegen.x86_64.interrupts import FLAG_IF, deliverable, expire_timer, set_limit
from tracegen.x86_64.state import Leave, Vector
from tracegen.x86_64.waiting import wait

ON, REDIRECT = int(Leave.ON), int(Leave.REDIRECT)
GP = np.uint64(Vector.GP)
CLI, STI, HLT, PUSHF, POPF = (
    np.uint64(k) for k in (Sensitive.CLI, Sensitive.STI, Sensitive.HLT, Sensitive.PUSHF, Sensitive.POPF)
)
SEQUENTIAL = np.uint64(Arrival.SEQUENTIAL)
FLAG_DF, FLAG_IOPL, FLAG_AC, FLAG_ID = (np.uint64(n) for n in (1 << 10, 3 << 12, 1 << 18, 1 << 21))
FREE_FLAGS = ARITHMETIC | FLAG_TF | FLAG_DF | FLAG_NT | FLAG_AC | FLAG_ID
"""What every ring may change; IF depends on the I/O privilege level, which ring 0 sets."""
SYSTEM_FLAGS = FLAG_IF | FLAG_IOPL | FLAG_TF | FLAG_NT | FLAG_AC
ZERO, ONE, TWO, THREE, LOW16 = (np.uint64(n) for n in (0, 1, 2, 3, 0xFFFF))
CHANGED, DROPPED = ONE, TWO
"""Bits of a SENSITIVE row's info."""


@inline
def refuse(core):
    """The general-protection fault of an instruction that this ring may not execute."""
    return selector_fault(core.s, GP, ZERO)


@inline
def is_system(core):
    """Whether the CPU is in ring 0."""
    return core.s[S.CPL] == ZERO


@inline
def may_do_io(s):
    """Whether this ring may use ports and the interrupt flag."""
    return s[S.CPL] <= s[S.RFLAGS] >> np.uint64(12) & THREE


@helper
def cli(core):
    """CLI.  An interrupt that waits is taken before it: the flag may have been on for one instruction only."""
    s = core.s
    if not may_do_io(s):
        return refuse(core)
    expire_timer(s)
    if deliverable(s):
        s[S.ARRIVE], s[S.LIMIT] = SEQUENTIAL, ZERO
        return REDIRECT
    sensitive(core, CLI, ZERO, CHANGED if s[S.RFLAGS] & FLAG_IF else ZERO)
    s[S.RFLAGS] &= ~FLAG_IF
    set_limit(s)
    return ON


@helper
def sti(core):
    """STI: interrupts are taken again, the first one after the next instruction."""
    s = core.s
    if not may_do_io(s):
        return refuse(core)
    if s[S.RFLAGS] & FLAG_IF:
        sensitive(core, STI, ZERO, ZERO)
    else:
        sensitive(core, STI, ZERO, CHANGED)
        s[S.RFLAGS] |= FLAG_IF
        s[S.SHADOW] = s[S.COUNT] + TWO
    set_limit(s)
    return ON


@helper
def hlt(core):
    """HLT: the instruction retires, then time passes until an interrupt is delivered."""
    s = core.s
    if not is_system(core):
        return refuse(core)
    sensitive(core, HLT, ZERO, ZERO)
    s[S.COUNT] += ONE
    s[S.PC], s[S.ARRIVE], s[S.HALTED] = s[S.NEXT_PC], SEQUENTIAL, ONE
    expire_timer(s)
    return wait(core)


@helper
def read_flags(core, d):
    """The value that PUSHF pushes."""
    core.r[d] = rflags(core)
    sensitive(core, PUSHF, ZERO, ZERO)
    return ON


@inline
def flags_for_ring(core, value):
    """RFLAGS after this ring asked for ``value`` by popf or iret: what it may not change stays as it is."""
    s = core.s
    mask = FREE_FLAGS
    if s[S.CPL] == ZERO:
        mask |= FLAG_IOPL
    if may_do_io(s):
        mask |= FLAG_IF
    return (rflags(core) & ~mask) | (value & mask)


@helper
def pop_flags(core, value, size):
    """POPF of ``size`` bytes: outside the I/O privilege level IF keeps its value, and nothing says so."""
    s = core.s
    before = rflags(core)
    if size == TWO:
        value = value & LOW16 | before & ~LOW16
    after = flags_for_ring(core, value)
    info = CHANGED if (before ^ after) & SYSTEM_FLAGS else ZERO
    if (value ^ after) & FLAG_IF:
        info |= DROPPED
    sensitive(core, POPF, ZERO, info)
    set_rflags(core, after)
    set_limit(s)
    return ON
