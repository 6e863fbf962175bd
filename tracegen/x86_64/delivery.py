"""From an exception to its handler: gates, code segments, the stack switch, what is pushed."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Arrival, Mode
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import SLOW, load_system, store_system
from tracegen.x86_64.descriptors import (
    CONFORMING,
    PRESENT,
    SELECTOR_TABLE,
    code_segment,
    descriptor,
    descriptor_ring,
)
from tracegen.x86_64.flags import ARITHMETIC, arithmetic, assign
from tracegen.x86_64.interrupts import FLAG_IF, set_limit
from tracegen.x86_64.places import RSP
from tracegen.x86_64.state import Leave, Vector
from tracegen.x86_64.translation import NO_TOUCH, canonical, fault, set_context

ON, FAULT, REDIRECT = int(Leave.ON), int(Leave.FAULT), int(Leave.REDIRECT)
GP, NP, SS, TS = (np.uint64(v) for v in (Vector.GP, Vector.NP, Vector.SS, Vector.TS))
TRAP_ARRIVAL = np.uint64(Arrival.TRAP)
MODE_OF = np.array([Mode.KERNEL, Mode.SUPERVISOR, Mode.SUPERVISOR, Mode.USER], np.uint64)
"""schema.Mode by ring."""
FLAG_ONE, FLAG_TF, FLAG_NT = (np.uint64(1 << bit) for bit in (1, 8, 14))
EXTERNAL, IDT = np.uint64(1), np.uint64(2)
"""Bits of a selector's error code: not the program's own doing; the selector is a vector."""
ZERO, ONE, TWO, THREE, FOUR, EIGHT = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8))
U3, U13, U16, U32, U40, U48 = (np.uint64(n) for n in (3, 13, 16, 32, 40, 48))
LOW16, LOW32, SEVEN, FIFTEEN = (np.uint64(n) for n in (0xFFFF, 0xFFFFFFFF, 7, 15))
GATE_TYPE, INTERRUPT_GATE, TRAP_GATE = np.uint64(0x1F), np.uint64(0xE), np.uint64(0xF)
STACK, CODE_PLACE, STACK_PLACE = np.uint64(RSP), np.uint64(S.SEGMENTS + 1), np.uint64(S.SEGMENTS + 2)
STACKS_AT, INTERRUPT_STACKS_AT = np.uint64(4), np.uint64(0x1C)
"""Where the task holds the stacks of rings 0 to 2, and the one before the first of the interrupt stacks."""


@inline
def rflags(core):
    """RFLAGS as a whole."""
    return arithmetic(core) | core.s[S.RFLAGS] | FLAG_ONE


@inline
def set_rflags(core, value):
    """Make RFLAGS ``value``."""
    assign(core, value)
    core.s[S.RFLAGS] = value & ~(ARITHMETIC | FLAG_ONE)


@inline
def selector_fault(s, vector, error):
    """Note an exception with an error code; gives FAULT."""
    fault(s, vector, error, ZERO, NO_TOUCH)
    return FAULT


@inline
def set_ring(s, ring):
    """Make the ring ``ring``, with what is derived from it."""
    s[S.CPL] = ring
    s[S.MODE] = MODE_OF[ring]
    set_context(s)


@helper
def task_stack(core, at):
    """The stack pointer at offset ``at`` of the task into SLOW_VALUE.  Gives a Leave."""
    s = core.s
    if at + SEVEN > s[S.TASK_LIMIT]:
        return selector_fault(s, TS, s[S.TASK] & ~THREE | EXTERNAL)
    return load_system(core, s[S.TASK_BASE] + at, ZERO)


@helper
def choose_stack(core, ring, stack_number):
    """The handler's stack pointer into SLOW_VALUE: an interrupt stack, the ring's own, or the present one."""
    s, r = core.s, core.r
    r[SLOW] = r[STACK]
    leave = ON
    if stack_number:
        leave = task_stack(core, INTERRUPT_STACKS_AT + EIGHT * stack_number)
    elif ring != s[S.CPL]:
        leave = task_stack(core, STACKS_AT + EIGHT * ring)
    if leave == ON and not canonical(r[SLOW]):
        return selector_fault(s, SS, ZERO)
    return leave


@helper
def push_frame(core, top, values_error, has_error, ring, pc):
    """Push SS, RSP, RFLAGS, CS, RIP and an error code below ``top``; gives the new stack pointer, 0 with a fault."""
    s = core.s
    user = ONE if ring == THREE else ZERO
    at = top & ~FIFTEEN
    for place in range(6):
        value = values_error
        if place == 0:
            value = s[STACK_PLACE]
        elif place == 1:
            value = core.r[STACK]
        elif place == 2:
            value = rflags(core)
        elif place == 3:
            value = s[CODE_PLACE]
        elif place == 4:
            value = pc
        if place < 5 or has_error:
            at -= EIGHT
            if store_system(core, at, value, user) != ON:
                return ZERO
    return at


@helper
def deliver(core, vector, error, has_error, software, pc):
    """Enter the handler of ``vector``: REDIRECT, or FAULT with what went wrong noted and nothing else changed.

    ``software`` is 1 where the program asked for it; ``pc`` is where it goes on afterwards.
    """
    s, r = core.s, core.r
    outside = ZERO if software else EXTERNAL
    gate_error = vector << THREE | IDT | outside
    at = vector << FOUR
    if at + FIFTEEN > s[S.IDT_LIMIT]:
        return selector_fault(s, GP, gate_error)
    before = s[S.CPL]
    s[S.MODE] = MODE_OF[ZERO]
    leave = load_system(core, s[S.IDT_BASE] + at, ZERO)
    gate = r[SLOW]
    if leave == ON:
        leave = load_system(core, s[S.IDT_BASE] + at + EIGHT, ZERO)
    if leave == ON:
        target = gate & LOW16 | gate >> U32 & ~LOW16 & LOW32 | r[SLOW] << U32
        leave = through_gate(core, gate, gate_error, target, error, has_error, software, pc)
    if leave != REDIRECT:
        s[S.MODE] = MODE_OF[before]
    return leave


@helper
def through_gate(core, gate, gate_error, target, error, has_error, software, pc):
    """The rest of ``deliver``, for the first half ``gate`` of a gate that leads to ``target``."""
    s, r = core.s, core.r
    outside = ZERO if software else EXTERNAL
    kind = gate >> U40 & GATE_TYPE
    if (kind != INTERRUPT_GATE and kind != TRAP_GATE) or (software and descriptor_ring(gate) < s[S.CPL]):
        return selector_fault(s, GP, gate_error)
    if gate & PRESENT == ZERO:
        return selector_fault(s, NP, gate_error)
    selector = gate >> U16 & LOW16
    leave = descriptor(core, selector, GP, outside)
    if leave != ON:
        return leave
    segment = r[SLOW]
    ring = s[S.CPL] if segment & CONFORMING else descriptor_ring(segment)
    if not code_segment(segment) or descriptor_ring(segment) > s[S.CPL]:
        return selector_fault(s, GP, selector & SELECTOR_TABLE | outside)
    if segment & PRESENT == ZERO:
        return selector_fault(s, NP, selector & SELECTOR_TABLE | outside)
    leave = choose_stack(core, ring, gate >> U32 & SEVEN)
    if leave != ON:
        return leave
    s[S.MODE] = MODE_OF[ring]
    top = push_frame(core, r[SLOW], error, has_error, ring, pc)
    if top == ZERO:
        return FAULT
    if not canonical(target):
        return selector_fault(s, GP, outside)
    if ring != s[S.CPL]:
        s[STACK_PLACE] = ring
    r[STACK], s[CODE_PLACE] = top, selector & ~THREE | ring
    s[S.RFLAGS] &= ~(FLAG_TF | FLAG_NT)
    if kind == INTERRUPT_GATE:
        s[S.RFLAGS] &= ~FLAG_IF
    s[S.PC], s[S.ARRIVE] = target, TRAP_ARRIVAL
    set_ring(s, ring)
    set_limit(s)
    return REDIRECT
