"""String instructions.  One call does a bounded number of elements and leaves the registers as after the last one.

What is left of a repeated instruction runs when the loop comes back to it, so interrupts and faults find it half done,
as on hardware; it retires once, when it ends.  ``how`` is: log2 of the bytes of an element | repetition << 8.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen.cpu.memory import load1, load2, load4, load8, store1, store2, store4, store8
from tracegen.cpu.recorder import put
from tracegen.cpu.state import Leave, Stop
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import load_slow, store_slow
from tracegen.x86_64.flags import RESULT, subtract
from tracegen.x86_64.microops import STAY

ONCE, REPEAT, WHILE_EQUAL, WHILE_DIFFERENT = range(4)
"""Repetition."""
CHUNK = 256
"""Elements in one call: few enough that their rows fit behind any look at the buffer."""

PATIENCE = np.uint64((1 << 16) - 1)
"""One in so many calls, less one, lets Python look up: every 0.1 s or so."""

ON, REDIRECT, STOP, BUDGET = int(Leave.ON), int(Leave.REDIRECT), int(Leave.STOP), np.uint64(Stop.BUDGET)
LOAD, STORE, STAY_IN_LINE = np.uint64(Kind.LOAD1), np.uint64(Kind.STORE1), np.uint64(STAY)
RAX, RCX, RSI, RDI = (np.uint64(p) for p in (places.RAX, places.RCX, places.RSI, places.RDI))
SLOW_VALUE = np.uint64(places.SLOW_VALUE)
DIRECTION = np.uint64(1 << 10)

ZERO, ONE, TWO, EIGHT, U11, U32, U64 = (np.uint64(n) for n in (0, 1, 2, 8, 11, 32, 64))
BYTE, OFFSET, PAGE, PAGE_BITS = (np.uint64(n) for n in (0xFF, 0xFFF, 0xFFFFFFFFFFFFF000, 0xFFFFF000))
ALL, LOW32 = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0xFFFFFFFF)
SLOT_MASK, WRITES = np.uint64(2 * S.DATA_SLOTS - 2), np.uint64(S.WRITES)


@inline
def served(core, va, size, first):
    """The micro-TLB value for an access if the one that starts at ``first`` has it, else 0."""
    at = first + (va >> U11 & SLOT_MASK)
    hit = core.tags[at] == ((va + size - ONE) & PAGE | core.s[S.CONTEXT])
    return core.tags[at + ONE] if hit else ZERO


@inline
def load(core, va, log):
    """Load an element into SLOW_VALUE, zero-extended; gives a Leave."""
    size = ONE << log
    value = served(core, va, size, ZERO)
    if value == ZERO:
        return load_slow(core, va, LOAD + log, size)
    put(core, LOAD + log, va & OFFSET, value >> U32)
    p, ram = (value & PAGE_BITS) | (va & OFFSET), core.ram8
    if log == 0:
        core.r[SLOW_VALUE] = load1(ram, p)
    elif log == 1:
        core.r[SLOW_VALUE] = load2(ram, p)
    elif log == 2:
        core.r[SLOW_VALUE] = load4(ram, p)
    else:
        core.r[SLOW_VALUE] = load8(ram, p)
    return ON


@inline
def store(core, va, log, element):
    """Store an element; gives a Leave."""
    size = ONE << log
    value = served(core, va, size, WRITES)
    if value == ZERO:
        return store_slow(core, va, STORE + log, size, element)
    put(core, STORE + log, va & OFFSET, value >> U32)
    p, ram = (value & PAGE_BITS) | (va & OFFSET), core.ram8
    if log == 0:
        store1(ram, p, element)
    elif log == 1:
        store2(ram, p, element)
    elif log == 2:
        store4(ram, p, element)
    else:
        store8(ram, p, element)
    return ON


@inline
def step_of(core, log):
    """From one element's address to the next one's."""
    size = ONE << log
    return ZERO - size if core.s[S.RFLAGS] & DIRECTION else size


@inline
def elements(core, how):
    """How many elements are left."""
    return core.r[RCX] if how >> EIGHT else ONE


@inline
def count_down(core, how):
    """One element is done."""
    if how >> EIGHT:
        core.r[RCX] -= ONE


@inline
def come_back(core):
    """Leave the instruction half done: the loop comes back to it, now and then by way of Python.

    No instruction retires meanwhile, so that the loop's budget alone would not let Ctrl-C through.
    """
    s = core.s
    s[S.ARRIVE] = STAY_IN_LINE
    s[S.CHUNKS] += ONE
    if s[S.CHUNKS] & PATIENCE:
        return REDIRECT
    s[S.STATUS_CODE] = BUDGET
    return STOP


@inline
def ends(r, how):
    """Whether what was just compared ends the repetition."""
    equal = r[RESULT] == ZERO
    return (how >> EIGHT == WHILE_EQUAL and not equal) or (how >> EIGHT == WHILE_DIFFERENT and equal)


@helper
def move_string(core, how, base):
    """MOVS; ``base`` is the source segment's."""
    r, log = core.r, how & BYTE
    step = step_of(core, log)
    for _ in range(CHUNK):
        if elements(core, how) == ZERO:
            return ON
        leave = load(core, r[RSI] + base, log)
        if leave == ON:
            leave = store(core, r[RDI], log, r[SLOW_VALUE])
        if leave != ON:
            return leave
        r[RSI] += step
        r[RDI] += step
        count_down(core, how)
        if how >> EIGHT == ZERO:
            return ON
    return come_back(core)


@helper
def store_string(core, how):
    """STOS."""
    r, log = core.r, how & BYTE
    step = step_of(core, log)
    for _ in range(CHUNK):
        if elements(core, how) == ZERO:
            return ON
        leave = store(core, r[RDI], log, r[RAX])
        if leave != ON:
            return leave
        r[RDI] += step
        count_down(core, how)
        if how >> EIGHT == ZERO:
            return ON
    return come_back(core)


@helper
def load_string(core, how, base):
    """LODS."""
    r, log = core.r, how & BYTE
    step = step_of(core, log)
    for _ in range(CHUNK):
        if elements(core, how) == ZERO:
            return ON
        leave = load(core, r[RSI] + base, log)
        if leave != ON:
            return leave
        written = LOW32 if log == TWO else ALL >> (U64 - (EIGHT << log))
        kept = ZERO if log >= TWO else ~written
        r[RAX] = (r[RAX] & kept) | r[SLOW_VALUE]
        r[RSI] += step
        count_down(core, how)
        if how >> EIGHT == ZERO:
            return ON
    return come_back(core)


@helper
def compare_strings(core, how, base):
    """CMPS: flags of [rSI] - [rDI]."""
    r, log = core.r, how & BYTE
    step = step_of(core, log)
    for _ in range(CHUNK):
        if elements(core, how) == ZERO:
            return ON
        leave = load(core, r[RSI] + base, log)
        if leave != ON:
            return leave
        first = r[SLOW_VALUE]
        leave = load(core, r[RDI], log)
        if leave != ON:
            return leave
        subtract(r, first, r[SLOW_VALUE], U64 - (EIGHT << log))
        r[RSI] += step
        r[RDI] += step
        count_down(core, how)
        if how >> EIGHT == ZERO or ends(r, how):
            return ON
    return come_back(core)


@helper
def scan_string(core, how):
    """SCAS: flags of rAX - [rDI]."""
    r, log = core.r, how & BYTE
    step = step_of(core, log)
    for _ in range(CHUNK):
        if elements(core, how) == ZERO:
            return ON
        leave = load(core, r[RDI], log)
        if leave != ON:
            return leave
        subtract(r, r[RAX], r[SLOW_VALUE], U64 - (EIGHT << log))
        r[RDI] += step
        count_down(core, how)
        if how >> EIGHT == ZERO or ends(r, how):
            return ON
    return come_back(core)
