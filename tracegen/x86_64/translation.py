"""From virtual to physical: the walk of four levels of tables, its faults, and the micro-TLBs in front of it."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Touch
from tracegen.cpu.micro_tlb import CODE_MASK, READ_MASK, fill, forget_all, forget_page
from tracegen.cpu.recorder import mapped_page_id
from tracegen.x86_64 import state as S
from tracegen.x86_64.entries import (
    ACCESSED,
    DIRTY,
    FRAME,
    LARGE,
    LARGE_RESERVED,
    NO_EXECUTE,
    PRESENT,
    RESERVED,
    USER,
    WRITABLE,
)
from tracegen.x86_64.state import Vector

FETCH, LOAD, STORE, NO_TOUCH = (np.uint64(t) for t in (Touch.FETCH, Touch.LOAD, Touch.STORE, Touch.NONE))
GP, PF, MC = np.uint64(Vector.GP), np.uint64(Vector.PF), np.uint64(Vector.MC)
ERROR_PRESENT, ERROR_WRITE, ERROR_USER, ERROR_RESERVED, ERROR_FETCH = (np.uint64(1 << n) for n in range(5))
CR0_WP, EFER_NXE = np.uint64(1 << 16), np.uint64(1 << 11)

ZERO, ONE, TWO, THREE, NINE, U12, U21, U32, U47, U63 = (np.uint64(n) for n in (0, 1, 2, 3, 9, 12, 21, 32, 47, 63))
INDEX, OFFSET, PAGE = np.uint64(511), np.uint64(0xFFF), np.uint64(0xFFFFFFFFFFFFF000)
PAGES_OF_LARGE = np.uint64(0x1FF000)
CANONICAL_HIGH = np.uint64(0x1FFFF)
ALWAYS, FOR_USER, GENERATIONS = np.uint64(1 << 11), np.uint64(1 << 10), np.uint64(1 << 10)
"""Of a tag's low 12 bits: never all zero; ring 3; then the address space's number."""


@inline
def canonical(va):
    """Whether bits 63 to 47 are all alike."""
    high = va >> U47
    return high == ZERO or high == CANONICAL_HIGH


@inline
def fault(s, vector, error, va, touch):
    """Note the exception that the loop will take; gives the value that stands for a fault."""
    s[S.FAULT_CODE], s[S.FAULT_ERROR] = vector, error
    s[S.FAULT_ADDRESS], s[S.FAULT_TOUCH] = va, touch
    return ZERO


@inline
def page_fault(s, va, touch, user, error, entry):
    """Note a page fault: ``error`` says why, the rest of the code is the access's own."""
    error |= ERROR_WRITE if touch == STORE else ZERO
    error |= ERROR_USER if user else ZERO
    error |= ERROR_FETCH if touch == FETCH and s[S.EFER] & EFER_NXE else ZERO
    s[S.FAULT_ENTRY] = entry
    return fault(s, PF, error, va, touch)


@inline
def reserved(s, entry, level):
    """Whether an entry has a bit set that must be zero in a table of this level."""
    mask = RESERVED
    if s[S.EFER] & EFER_NXE == ZERO:
        mask |= NO_EXECUTE
    if level >= TWO:
        mask |= LARGE
    if level == ONE and entry & LARGE:
        mask |= LARGE_RESERVED
    return entry & mask != ZERO


@helper
def walk(core, va, touch, user):
    """Physical page of ``va`` | 1, with 2 beside it where a 2 MB page maps it; 0 with a fault noted.

    ``user`` is 1 for an access with the rights of ring 3.  Sets the accessed bits of the entries used and the dirty bit
    of the last one for a store.
    """
    s, ram = core.s, core.ram8
    if not canonical(va):
        return fault(s, GP, ZERO, va, touch)
    memory = s[S.MEMORY_BYTES]
    table, shared, level = s[S.CR3] & FRAME, USER | WRITABLE, np.uint64(4)
    executable = True
    p0 = p1 = p2 = p3 = at = entry = ZERO
    while True:
        level -= ONE
        if table >= memory:
            return fault(s, MC, ZERO, va, touch)
        at = table >> THREE | va >> (U12 + NINE * level) & INDEX
        entry = ram[at]
        if entry & PRESENT == ZERO:
            return page_fault(s, va, touch, user, ZERO, entry)
        if reserved(s, entry, level):
            return page_fault(s, va, touch, user, ERROR_PRESENT | ERROR_RESERVED, entry)
        shared &= entry
        if entry & NO_EXECUTE:
            executable = False
        p3, p2, p1, p0 = p2, p1, p0, at
        if level == ZERO or (level == ONE and entry & LARGE):
            break
        table = entry & FRAME
    denied = user and shared & USER == ZERO
    if touch == STORE and shared & WRITABLE == ZERO:
        denied = denied or user or s[S.CR0] & CR0_WP != ZERO
    if denied or (touch == FETCH and not executable):
        return page_fault(s, va, touch, user, ERROR_PRESENT, entry)
    marked = ACCESSED | (DIRTY if touch == STORE else ZERO)
    if ram[p0] & marked != marked:
        ram[p0] |= marked
    if ram[p1] & ram[p2] & ACCESSED == ZERO or (level == ZERO and ram[p3] & ACCESSED == ZERO):
        ram[p1] |= ACCESSED
        ram[p2] |= ACCESSED
        if level == ZERO:
            ram[p3] |= ACCESSED
    if level == ZERO:
        return entry & FRAME | ONE
    return entry & FRAME & ~PAGES_OF_LARGE | va & PAGES_OF_LARGE | THREE


@inline
def large_filter(va):
    """(word, bit) of the filter of 2 MB pages where the one of ``va`` is noted."""
    key = va >> U21 & INDEX | va >> U63 << NINE
    return np.uint64(S.LARGE_FILLS) + (key >> np.uint64(6)), ONE << (key & U63)


@helper
def translate(core, va, touch, user):
    """The micro-TLB value of the page of ``va`` (page id << 32 | physical page | valid), or 0 with a fault noted.

    Memory that is not there raises a machine check.
    """
    s = core.s
    found = walk(core, va, touch, user)
    if found == ZERO:
        return ZERO
    if found & PAGE >= s[S.MEMORY_BYTES]:
        return fault(s, MC, ZERO, va, touch)
    if found & TWO:
        word, bit = large_filter(va)
        s[word] |= bit
    return mapped_page_id(core, va, va >> U63) << U32 | found & PAGE | ONE


@inline
def in_user_ring(s):
    """1 in ring 3, else 0."""
    return ONE if s[S.CPL] == THREE else ZERO


@helper
def load_value(core, va):
    """Translate a load and fill the read micro-TLB; 0 with a fault noted."""
    value = translate(core, va, LOAD, in_user_ring(core.s))
    if value:
        fill(core, S.READS, READ_MASK, va, value)
    return value


@helper
def fetch_value(core, va):
    """Translate a fetch and fill the code micro-TLB; 0 with a fault noted."""
    value = translate(core, va, FETCH, in_user_ring(core.s))
    if value:
        fill(core, S.FETCHES, CODE_MASK, va, value)
    return value


@inline
def set_context(s):
    """Derive from ring and address space what the micro-TLBs' tags carry."""
    s[S.CONTEXT] = ALWAYS | s[S.GENERATION] | (FOR_USER if s[S.CPL] == THREE else ZERO)


@helper
def forget_translations(core):
    """Make every slot of the micro-TLBs unreachable, whatever its address space."""
    forget_all(core.tags)
    for word in range(16):
        core.s[np.uint64(S.LARGE_FILLS + word)] = ZERO


@inline
def new_address_space(core):
    """Leave behind what the micro-TLBs hold: its tags carry another number from here on."""
    s = core.s
    s[S.GENERATION] += ONE
    if s[S.GENERATION] == GENERATIONS:
        s[S.GENERATION] = ZERO
        forget_translations(core)
    set_context(s)


@helper
def forget_address(core, va):
    """Drop the translation of one address, with all of its 2 MB page if it may have been part of one."""
    word, bit = large_filter(va)
    if core.s[word] & bit:
        first = va & ~(PAGES_OF_LARGE | OFFSET)
        for page in range(512):
            forget_page(core.tags, first + (np.uint64(page) << U12))
    else:
        forget_page(core.tags, va)
