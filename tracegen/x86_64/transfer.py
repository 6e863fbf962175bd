"""Between rings: system calls, software interrupts, returns, far jumps."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Arrival, Cause, Kind, Mode, Sensitive
from tracegen.cpu.memory import load1
from tracegen.cpu.recorder import close_exception, current_service, event, put, sensitive
from tracegen.cpu.services import OTHER_SERVICE, service_of_call
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import OFFSET, PAGE_BITS, SLOW, load_slow, probe_write, store_slow
from tracegen.x86_64.delivery import (
    CODE_PLACE,
    FLAG_NT,
    GP,
    IDT,
    LOW16,
    LOW32,
    NP,
    STACK,
    STACK_PLACE,
    rflags,
    selector_fault,
    set_rflags,
    set_ring,
)
from tracegen.x86_64.descriptors import CONFORMING, PRESENT, SELECTOR_TABLE, code_segment, descriptor, descriptor_ring
from tracegen.x86_64.exceptions import SYSCALL, TRAP, enter, open_exception
from tracegen.x86_64.interrupts import set_limit
from tracegen.x86_64.places import RAX, RCX
from tracegen.x86_64.privilege import FREE_FLAGS, SYSTEM_FLAGS, flags_for_ring, is_system, refuse
from tracegen.x86_64.segments import check_stack_segment
from tracegen.x86_64.state import Leave, Vector
from tracegen.x86_64.translation import LOAD, NO_TOUCH, canonical, translate

ON, FAULT, REDIRECT = int(Leave.ON), int(Leave.FAULT), int(Leave.REDIRECT)
UD, BP = np.uint64(Vector.UD), np.uint64(Vector.BP)
BREAKPOINT, RETURN, SERVICE_EXIT = np.uint64(Cause.BREAKPOINT), np.uint64(Kind.RETURN), np.uint64(Kind.SERVICE_EXIT)
SYSRET, IRET, INT_N, CALL_FAR, JMP_FAR, RET_FAR = (
    np.uint64(k)
    for k in (
        *(Sensitive.SYSRET, Sensitive.IRET, Sensitive.INT_N),
        *(Sensitive.CALL_FAR, Sensitive.JMP_FAR, Sensitive.RET_FAR),
    )
)
JUMP_ARRIVAL, CALL_ARRIVAL, RETURN_ARRIVAL, TRAP_ARRIVAL = (
    np.uint64(a) for a in (Arrival.INDIRECT, Arrival.CALL, Arrival.RETURN, Arrival.TRAP)
)
USER = np.uint64(Mode.USER)
LOAD_KINDS = np.array([0, 0, Kind.LOAD2, 0, Kind.LOAD4, 0, 0, 0, Kind.LOAD8], np.uint64)
STORE_KINDS = np.array([0, 0, Kind.STORE2, 0, Kind.STORE4, 0, 0, 0, Kind.STORE8], np.uint64)
"""schema.Kind by size."""
ZERO, ONE, TWO, THREE, FOUR, FIVE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 4, 5, 8, 16))
U32, U48 = np.uint64(32), np.uint64(48)
EFER_SCE = np.uint64(1)
A, C, R11 = np.uint64(RAX), np.uint64(RCX), np.uint64(11)


@helper
def syscall(core):
    """SYSCALL: into ring 0 at LSTAR; rcx and r11 keep where from and the flags."""
    s, r = core.s, core.r
    if s[S.EFER] & EFER_SCE == ZERO:
        return selector_fault(s, UD, ZERO)
    s[S.COUNT] += ONE
    s[S.LAST_PC], s[S.LAST_HAS_ADDRESS] = s[S.PC], ZERO
    open_exception(core, SYSCALL, service_of_call(r[A]), r[A] & LOW32, NO_TOUCH)
    flags = rflags(core)
    r[C], r[R11] = s[S.NEXT_PC], flags
    set_rflags(core, flags & ~s[S.SFMASK])
    s[CODE_PLACE] = s[S.STAR] >> U32 & LOW16 & ~THREE
    s[STACK_PLACE] = s[CODE_PLACE] + EIGHT
    s[S.PC], s[S.ARRIVE] = s[S.LSTAR], TRAP_ARRIVAL
    set_ring(s, ZERO)
    set_limit(s)
    return REDIRECT


@helper
def leave_kernel(core, ring):
    """Go on in ``ring``: the RETURN row, and what is open of services afterwards."""
    s = core.s
    before = s[S.MODE]
    set_ring(s, ring)
    after = s[S.MODE]
    s[S.MODE] = before
    event(core, RETURN, after, ZERO)
    s[S.MODE] = after
    close_exception(core, ONE if after == USER else ZERO)
    put(core, SERVICE_EXIT, ZERO, current_service(core))
    s[S.ARRIVE] = TRAP_ARRIVAL
    set_limit(s)


@helper
def sysret(core, wide):
    """SYSRET into 64-bit code of ring 3; without ``wide`` it would be 32-bit code, which this CPU does not run."""
    s, r = core.s, core.r
    if s[S.EFER] & EFER_SCE == ZERO:
        return selector_fault(s, UD, ZERO)
    if not is_system(core) or wide == ZERO or not canonical(r[C]):
        return refuse(core)
    sensitive(core, SYSRET, ZERO, ZERO)
    s[S.COUNT] += ONE
    mask = FREE_FLAGS | SYSTEM_FLAGS
    set_rflags(core, r[R11] & mask)
    base = s[S.STAR] >> U48
    s[CODE_PLACE], s[STACK_PLACE] = (base + SIXTEEN) & LOW16 | THREE, (base + EIGHT) & LOW16 | THREE
    s[S.PC] = r[C]
    leave_kernel(core, THREE)
    return REDIRECT


@helper
def check_code_segment(core, selector, ring):
    """Fault unless a selector is one of 64-bit code for ``ring``.  Gives a Leave."""
    s = core.s
    leave = descriptor(core, selector, GP, ZERO)
    if leave != ON:
        return leave
    segment = core.r[SLOW]
    free = segment & CONFORMING and descriptor_ring(segment) <= ring
    if not code_segment(segment) or not (free or descriptor_ring(segment) == ring):
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    if segment & PRESENT == ZERO:
        return selector_fault(s, NP, selector & SELECTOR_TABLE)
    return ON


@helper
def stack_word(core, place, size):
    """Word ``place`` of the stack, of ``size`` bytes, into SLOW_VALUE.  Gives a Leave."""
    return load_slow(core, core.r[STACK] + place * size, LOAD_KINDS[size], size)


@helper
def iret(core, size):
    """IRET with words of ``size`` bytes: to the same or an outer ring; takes RSP and SS along, as long mode does."""
    s, r = core.s, core.r
    if s[S.RFLAGS] & FLAG_NT:
        return refuse(core)
    leave = stack_word(core, ZERO, size)
    pc = r[SLOW]
    if leave == ON:
        leave = stack_word(core, ONE, size)
    selector = r[SLOW] & LOW16
    if leave == ON:
        leave = stack_word(core, TWO, size)
    flags = r[SLOW]
    if leave == ON:
        leave = stack_word(core, THREE, size)
    stack = r[SLOW]
    if leave == ON:
        leave = stack_word(core, FOUR, size)
    stack_selector = r[SLOW] & LOW16
    if leave != ON:
        return leave
    ring = selector & THREE
    if ring < s[S.CPL]:
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    leave = check_code_segment(core, selector, ring)
    if leave == ON:
        leave = check_stack_segment(core, stack_selector, ring)
    if leave != ON:
        return leave
    if not canonical(pc):
        return refuse(core)
    before, after = rflags(core), flags_for_ring(core, flags)
    changed = ONE if (before ^ after) & SYSTEM_FLAGS else ZERO
    sensitive(core, IRET, ZERO, changed)
    s[S.COUNT] += ONE
    set_rflags(core, after)
    s[S.PC], r[STACK], s[CODE_PLACE], s[STACK_PLACE] = pc, stack, selector, stack_selector
    leave_kernel(core, ring)
    return REDIRECT


@inline
def gate_ring(core, vector):
    """The ring from which a program may ask for a vector; FAULT's number plus 3 where the gate cannot be read."""
    s = core.s
    at = vector << FOUR
    if at + np.uint64(15) > s[S.IDT_LIMIT]:
        selector_fault(s, GP, vector << THREE | IDT)
        return FOUR
    va = s[S.IDT_BASE] + at + FIVE
    value = translate(core, va, LOAD, ZERO)
    if value == ZERO:
        return FOUR
    return load1(core.ram8, value & PAGE_BITS | va & OFFSET) >> FIVE & THREE


@helper
def software(core, cause, vector, page):
    """An interrupt that the program asked for.  Gives a Leave."""
    s = core.s
    ring = gate_ring(core, vector)
    if ring == FOUR:
        return FAULT
    if ring < s[S.CPL]:
        return selector_fault(s, GP, vector << THREE | IDT)
    sensitive(core, INT_N, vector, ZERO)
    s[S.COUNT] += ONE
    return enter(core, cause, vector, OTHER_SERVICE, page, ONE, s[S.NEXT_PC])


@helper
def soft_interrupt(core, vector):
    """INT n."""
    return software(core, TRAP, vector, vector)


@helper
def int3(core):
    """INT3."""
    return software(core, BREAKPOINT, BP, ZERO)


@helper
def far_pointer(core, va, size):
    """Offset and selector at ``va``: the offset's place keeps in PC's stead, the selector in SLOW_VALUE."""
    s, r = core.s, core.r
    leave = load_slow(core, va, LOAD_KINDS[size], size)
    offset = r[SLOW]
    if leave == ON:
        leave = load_slow(core, va + size, LOAD_KINDS[TWO], TWO)
    if leave != ON:
        return leave, ZERO, ZERO
    selector = r[SLOW]
    leave = check_code_segment(core, selector, s[S.CPL])
    if leave == ON and not canonical(offset):
        leave = refuse(core)
    return leave, offset, selector & ~THREE | s[S.CPL]


@helper
def far_jump(core, va, size):
    """JMP to offset and selector in memory: 64-bit code of this ring; gates there are none."""
    s = core.s
    leave, offset, selector = far_pointer(core, va, size)
    if leave != ON:
        return leave
    sensitive(core, JMP_FAR, ZERO, ONE if s[CODE_PLACE] != selector else ZERO)
    s[S.COUNT] += ONE
    s[CODE_PLACE], s[S.PC], s[S.ARRIVE] = selector, offset, JUMP_ARRIVAL
    return REDIRECT


@helper
def far_call(core, va, size):
    """CALL to offset and selector in memory, as ``far_jump``; pushes CS and where it goes on."""
    s, r = core.s, core.r
    leave, offset, selector = far_pointer(core, va, size)
    if leave == ON:
        leave = probe_write(core, r[STACK] - size, size)
    if leave == ON:
        leave = probe_write(core, r[STACK] - TWO * size, size)
    if leave != ON:
        return leave
    store_slow(core, r[STACK] - size, STORE_KINDS[size], size, s[CODE_PLACE])
    store_slow(core, r[STACK] - TWO * size, STORE_KINDS[size], size, s[S.NEXT_PC])
    r[STACK] -= TWO * size
    sensitive(core, CALL_FAR, ZERO, ONE if s[CODE_PLACE] != selector else ZERO)
    s[S.COUNT] += ONE
    s[CODE_PLACE], s[S.PC], s[S.ARRIVE] = selector, offset, CALL_ARRIVAL
    return REDIRECT


@helper
def far_return(core, size, release):
    """RET to offset and selector on the stack, of this or an outer ring, then dropping ``release`` bytes."""
    s, r = core.s, core.r
    leave = stack_word(core, ZERO, size)
    pc = r[SLOW]
    if leave == ON:
        leave = stack_word(core, ONE, size)
    if leave != ON:
        return leave
    selector = r[SLOW] & LOW16
    ring = selector & THREE
    if ring < s[S.CPL]:
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    leave = check_code_segment(core, selector, ring)
    if leave != ON:
        return leave
    if not canonical(pc):
        return refuse(core)
    stack = r[STACK] + TWO * size + release
    if ring != s[S.CPL]:
        leave, stack = outer_stack(core, stack, size, ring)
        if leave != ON:
            return leave
        stack += release
    sensitive(core, RET_FAR, ZERO, ONE if s[CODE_PLACE] != selector else ZERO)
    s[S.COUNT] += ONE
    r[STACK], s[CODE_PLACE], s[S.PC], s[S.ARRIVE] = stack, selector, pc, RETURN_ARRIVAL
    set_ring(s, ring)
    return REDIRECT


@helper
def outer_stack(core, at, size, ring):
    """(Leave, stack pointer) of an outer ring from the stack at ``at``; SS is set."""
    s, r = core.s, core.r
    leave = load_slow(core, at, LOAD_KINDS[size], size)
    stack = r[SLOW]
    if leave == ON:
        leave = load_slow(core, at + size, LOAD_KINDS[size], size)
    selector = r[SLOW] & LOW16
    if leave == ON:
        leave = check_stack_segment(core, selector, ring)
    if leave == ON:
        s[STACK_PLACE] = selector
    return leave, stack
