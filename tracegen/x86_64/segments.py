"""Descriptor tables, the task, and segment registers: what a 64-bit kernel needs of them."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind, Sensitive
from tracegen.cpu.recorder import sensitive
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import (
    FAULT,
    LOAD8,
    SLOW,
    STORE8,
    load_slow,
    load_system,
    probe_write,
    store_slow,
    store_system,
)
from tracegen.x86_64.delivery import GP, LOW16, LOW32, NP, ON, SS, selector_fault
from tracegen.x86_64.descriptors import (
    CODE,
    CONFORMING,
    LOCAL,
    MEMORY,
    PRESENT,
    READABLE,
    SELECTOR_TABLE,
    WRITABLE,
    descriptor,
    descriptor_address,
    descriptor_ring,
    inside,
    limit_of,
    segment_base,
)
from tracegen.x86_64.flags import ZF, arithmetic, assign
from tracegen.x86_64.places import FS_BASE
from tracegen.x86_64.privilege import is_system, refuse
from tracegen.x86_64.state import Vector
from tracegen.x86_64.translation import canonical

LGDT, LIDT, LLDT, LTR, SGDT, SIDT, SLDT, STR, LAR, LSL, VERR, VERW = (
    np.uint64(k)
    for k in (
        *(Sensitive.LGDT, Sensitive.LIDT, Sensitive.LLDT, Sensitive.LTR, Sensitive.SGDT, Sensitive.SIDT),
        *(Sensitive.SLDT, Sensitive.STR, Sensitive.LAR, Sensitive.LSL, Sensitive.VERR, Sensitive.VERW),
    )
)
MOV_SEGMENT, PUSH_SEGMENT, POP_SEGMENT = (
    np.uint64(k) for k in (Sensitive.MOV_SEGMENT, Sensitive.PUSH_SEGMENT, Sensitive.POP_SEGMENT)
)
UD = np.uint64(Vector.UD)
LOAD2, STORE2 = np.uint64(Kind.LOAD2), np.uint64(Kind.STORE2)
ZERO, ONE, TWO, THREE, FOUR, EIGHT, SIXTEEN, U32, U40 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8, 16, 32, 40))
SEGMENTS, CODE_SEGMENT, STACK_SEGMENT, FS_BASE_PLACE = (np.uint64(n) for n in (S.SEGMENTS, 1, 2, FS_BASE))
TYPE, LOCAL_TABLE, TASK, CALL_GATE = np.uint64(0x1F), np.uint64(0x02), np.uint64(0x09), np.uint64(0x0C)
BUSY, BUSY_BIT = np.uint64(0x0B), np.uint64(1 << 41)
RIGHTS = np.uint64(0xFFFF00)


@helper
def load_table(core, which, va):
    """LGDT (``which`` 0), LIDT (1): limit and base from ten bytes."""
    s = core.s
    if not is_system(core):
        return refuse(core)
    leave = load_slow(core, va, LOAD2, TWO)
    limit = core.r[SLOW]
    if leave == ON:
        leave = load_slow(core, va + TWO, LOAD8, EIGHT)
    if leave != ON:
        return leave
    base = core.r[SLOW]
    if not canonical(base):
        return refuse(core)
    if which:
        sensitive(core, LIDT, ZERO, ONE if s[S.IDT_BASE] != base or s[S.IDT_LIMIT] != limit else ZERO)
        s[S.IDT_BASE], s[S.IDT_LIMIT] = base, limit
    else:
        sensitive(core, LGDT, ZERO, ONE if s[S.GDT_BASE] != base or s[S.GDT_LIMIT] != limit else ZERO)
        s[S.GDT_BASE], s[S.GDT_LIMIT] = base, limit
    return ON


@helper
def store_table(core, which, va):
    """SGDT (``which`` 0), SIDT (1): limit and base into ten bytes, in every ring."""
    s = core.s
    if probe_write(core, va, TWO) != ON or probe_write(core, va + TWO, EIGHT) != ON:
        return FAULT
    store_slow(core, va, STORE2, TWO, s[S.IDT_LIMIT] if which else s[S.GDT_LIMIT])
    store_slow(core, va + TWO, STORE8, EIGHT, s[S.IDT_BASE] if which else s[S.GDT_BASE])
    sensitive(core, SIDT if which else SGDT, ZERO, ZERO)
    return ON


@inline
def kind_of(segment):
    """A descriptor's type with the bit that tells memory from system segments."""
    return segment >> U40 & TYPE


@helper
def system_segment(core, selector, wanted):
    """The descriptor of a table or task, of type ``wanted``, into SLOW_VALUE.  Gives a Leave."""
    s = core.s
    if selector & LOCAL or not inside(s, selector, SIXTEEN):
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    leave = load_system(core, descriptor_address(s, selector), ZERO)
    if leave != ON:
        return leave
    segment = core.r[SLOW]
    if kind_of(segment) != wanted:
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    if segment & PRESENT == ZERO:
        return selector_fault(s, NP, selector & SELECTOR_TABLE)
    return ON


@helper
def load_local(core, selector):
    """LLDT."""
    s, r = core.s, core.r
    if not is_system(core):
        return refuse(core)
    if selector & SELECTOR_TABLE:
        leave = system_segment(core, selector, LOCAL_TABLE)
        segment = r[SLOW]
        if leave == ON:
            leave = load_system(core, descriptor_address(s, selector) + EIGHT, ZERO)
        if leave != ON:
            return leave
        s[S.LDT_BASE], s[S.LDT_LIMIT] = segment_base(segment) | r[SLOW] << U32, limit_of(segment)
    sensitive(core, LLDT, ZERO, ONE if s[S.LDT] != selector else ZERO)
    s[S.LDT] = selector
    return ON


@helper
def load_task(core, selector):
    """LTR: the task's descriptor becomes busy."""
    s, r = core.s, core.r
    if not is_system(core):
        return refuse(core)
    leave = system_segment(core, selector, TASK)
    segment, at = r[SLOW], descriptor_address(s, selector)
    if leave == ON:
        leave = load_system(core, at + EIGHT, ZERO)
    if leave == ON:
        leave = store_system(core, at, segment | BUSY_BIT, ZERO)
    if leave != ON:
        return leave
    s[S.TASK_BASE], s[S.TASK_LIMIT] = segment_base(segment) | r[SLOW] << U32, limit_of(segment)
    sensitive(core, LTR, ZERO, ONE if s[S.TASK] != selector else ZERO)
    s[S.TASK] = selector
    return ON


@helper
def read_local(core, d):
    """SLDT, in every ring."""
    sensitive(core, SLDT, ZERO, ZERO)
    core.r[d] = core.s[S.LDT]
    return ON


@helper
def read_task(core, d):
    """STR, in every ring."""
    sensitive(core, STR, ZERO, ZERO)
    core.r[d] = core.s[S.TASK]
    return ON


@inline
def lowest_privilege(s, selector):
    """The weaker of this ring and the selector's."""
    return max(s[S.CPL], selector & THREE)


@inline
def reaches(s, selector, segment):
    """Whether the privilege suffices to use a descriptor, code that anyone may run aside."""
    return lowest_privilege(s, selector) <= descriptor_ring(segment)


@helper
def look_up(core, selector):
    """The descriptor into SLOW_VALUE: ON; STOP where there is none, FAULT where reading it faults."""
    if not inside(core.s, selector, EIGHT):
        return 3
    return load_system(core, descriptor_address(core.s, selector), ZERO)


@inline
def tell(core, found):
    """ZF says whether a selector passed; the other flags stay."""
    assign(core, arithmetic(core) | ZF if found else arithmetic(core) & ~ZF)


@inline
def visible(s, selector, segment, gates):
    """Whether LAR (with ``gates`` 1) or LSL tells about a descriptor."""
    if segment & MEMORY:
        free = segment & (CODE | CONFORMING) == CODE | CONFORMING
        return free or reaches(s, selector, segment)
    kind = kind_of(segment)
    known = kind == LOCAL_TABLE or kind == TASK or kind == BUSY or (gates != ZERO and kind == CALL_GATE)
    return known and reaches(s, selector, segment)


@helper
def access_rights(core, d, selector, size):
    """LAR: a descriptor's rights, and ZF, in every ring."""
    leave = look_up(core, selector)
    if leave == FAULT:
        return FAULT
    segment = core.r[SLOW]
    found = leave == ON and visible(core.s, selector, segment, ONE)
    sensitive(core, LAR, ZERO, ZERO)
    tell(core, found)
    if found:
        core.r[d] = segment >> U32 & (RIGHTS & LOW16 if size == TWO else RIGHTS)
    return ON


@helper
def segment_limit(core, d, selector, size):
    """LSL: a descriptor's limit, and ZF, in every ring."""
    leave = look_up(core, selector)
    if leave == FAULT:
        return FAULT
    segment = core.r[SLOW]
    found = leave == ON and visible(core.s, selector, segment, ZERO)
    sensitive(core, LSL, ZERO, ZERO)
    tell(core, found)
    if found:
        core.r[d] = limit_of(segment) & (LOW16 if size == TWO else LOW32)
    return ON


@helper
def verify(core, selector, write):
    """VERR, VERW: ZF says whether the segment can be read or written, in every ring."""
    leave = look_up(core, selector)
    if leave == FAULT:
        return FAULT
    segment = core.r[SLOW]
    found = leave == ON and segment & MEMORY != ZERO
    if found and write:
        found = segment & CODE == ZERO and segment & WRITABLE != ZERO and reaches(core.s, selector, segment)
    elif found:
        free = segment & (CODE | CONFORMING) == CODE | CONFORMING
        readable = segment & CODE == ZERO or segment & READABLE != ZERO
        found = readable and (free or reaches(core.s, selector, segment))
    sensitive(core, VERW if write else VERR, ZERO, ZERO)
    tell(core, found)
    return ON


@helper
def read_segment(core, d, which, by_stack):
    """The selector that MOV (``by_stack`` 0) or PUSH reads of segment register ``which``."""
    sensitive(core, PUSH_SEGMENT if by_stack else MOV_SEGMENT, which, ZERO)
    core.r[d] = core.s[SEGMENTS + which]
    return ON


@helper
def check_stack_segment(core, selector, ring):
    """Fault unless ring ``ring`` may have a selector as its stack segment.  Gives a Leave."""
    s = core.s
    if selector & SELECTOR_TABLE == ZERO and ring != THREE and selector & THREE == ring:
        return ON
    if selector & SELECTOR_TABLE == ZERO or selector & THREE != ring:
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    leave = descriptor(core, selector, GP, ZERO)
    if leave != ON:
        return leave
    segment = core.r[SLOW]
    if segment & (MEMORY | CODE | WRITABLE) != MEMORY | WRITABLE or descriptor_ring(segment) != ring:
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    if segment & PRESENT == ZERO:
        return selector_fault(s, SS, selector & SELECTOR_TABLE)
    return ON


@helper
def check_data_segment(core, selector):
    """Fault unless this ring may have a selector, which is not null, in a data segment register.  Gives a Leave."""
    s = core.s
    leave = descriptor(core, selector, GP, ZERO)
    if leave != ON:
        return leave
    segment = core.r[SLOW]
    unreadable = segment & CODE and segment & READABLE == ZERO
    free = segment & (CODE | CONFORMING) == CODE | CONFORMING
    if segment & MEMORY == ZERO or unreadable or not (free or reaches(s, selector, segment)):
        return selector_fault(s, GP, selector & SELECTOR_TABLE)
    if segment & PRESENT == ZERO:
        return selector_fault(s, NP, selector & SELECTOR_TABLE)
    return ON


@helper
def load_segment(core, which, selector, by_stack):
    """MOV (``by_stack`` 0) or POP to segment register ``which``, not CS: FS and GS take the descriptor's base."""
    s, r = core.s, core.r
    base = ZERO
    if which == CODE_SEGMENT:
        return selector_fault(s, UD, ZERO)
    if which == STACK_SEGMENT:
        leave = check_stack_segment(core, selector, s[S.CPL])
        if leave != ON:
            return leave
    elif selector & SELECTOR_TABLE:
        leave = check_data_segment(core, selector)
        if leave != ON:
            return leave
        base = segment_base(r[SLOW])
    changed = ONE if s[SEGMENTS + which] != selector else ZERO
    sensitive(core, POP_SEGMENT if by_stack else MOV_SEGMENT, which, changed)
    s[SEGMENTS + which] = selector
    if which >= FOUR:
        r[FS_BASE_PLACE + which - FOUR] = base
    return ON
