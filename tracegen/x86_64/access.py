"""Memory accesses off the fast path: missed translations, page crossings, stores to code and table pages.

``kind`` is what a row says beside mode, offset and page: a schema.Kind, with ATOMIC in its place for locked accesses.
An access that crosses into another page has a row for each, both of its own kind; it happens whole or not at all.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen.cpu.memory import load1, load2, load4, load8, store1, store2, store4, store8
from tracegen.cpu.micro_tlb import READ_MASK, fill
from tracegen.cpu.recorder import put
from tracegen.cpu.tables import record_entry
from tracegen.x86_64 import state as S
from tracegen.x86_64.entries import neutral_entry
from tracegen.x86_64.places import SLOW_VALUE
from tracegen.x86_64.state import Leave
from tracegen.x86_64.translation import LOAD, STORE, in_user_ring, load_value, translate

ON, FAULT = int(Leave.ON), int(Leave.FAULT)
LOAD8, STORE8 = np.uint64(Kind.LOAD8), np.uint64(Kind.STORE8)
OFFSET, PAGE, PAGE_BITS, PAGE_BYTES = (np.uint64(n) for n in (0xFFF, 0xFFFFFFFFFFFFF000, 0xFFFFF000, 4096))
ZERO, ONE, TWO, THREE, FOUR, EIGHT, U6, U12, U32, U63 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8, 6, 12, 32, 63))
SLOW = np.uint64(SLOW_VALUE)
LEVEL, WORD, ALL = np.uint64(0xF), np.uint64(7), np.uint64(0xFFFFFFFFFFFFFFFF)


@inline
def bytes_at(ram, p, size):
    """``size`` bytes of RAM, 1 to 8, zero-extended."""
    if size == EIGHT:
        value = load8(ram, p)
    elif size == FOUR:
        value = load4(ram, p)
    elif size == TWO:
        value = load2(ram, p)
    elif size == ONE:
        value = load1(ram, p)
    else:  # a part of a crossing access
        value = ZERO
        for i in range(size):
            value |= load1(ram, p + np.uint64(i)) << (EIGHT * np.uint64(i))
    return value


@inline
def put_bytes(ram, p, size, value):
    """The low ``size`` bytes of ``value``, 1 to 8, into RAM."""
    if size == EIGHT:
        store8(ram, p, value)
    elif size == FOUR:
        store4(ram, p, value)
    elif size == TWO:
        store2(ram, p, value)
    elif size == ONE:
        store1(ram, p, value)
    else:
        for i in range(size):
            store1(ram, p + np.uint64(i), value >> (EIGHT * np.uint64(i)))


@inline
def bytes_here(va, size):
    """How many of the bytes at ``va`` lie in its page."""
    return min(size, PAGE_BYTES - (va & OFFSET))


@inline
def load_part(core, va, kind, size, value):
    """The row and the bytes of an access within one page, translated to ``value``."""
    put(core, kind, va & OFFSET, value >> U32)
    return bytes_at(core.ram8, value & PAGE_BITS | va & OFFSET, size)


@helper
def load_slow(core, va, kind, size):
    """A load that the read micro-TLB did not serve: its rows, and the value in SLOW_VALUE.  Gives a Leave."""
    first = load_value(core, va)
    if first == ZERO:
        return FAULT
    here = bytes_here(va, size)
    if here == size:
        core.r[SLOW] = load_part(core, va, kind, size, first)
        return ON
    second = load_value(core, va + here)
    if second == ZERO:
        return FAULT
    low = load_part(core, va, kind, here, first)
    core.r[SLOW] = low | load_part(core, va + here, kind, size - here, second) << (EIGHT * here)
    return ON


@helper
def forget_code(core, frame):
    """Drop the lowered code of a physical page that is being overwritten."""
    core.frames[frame * FOUR + np.uint64(S.FRAME_CODE_LINES)] = ZERO
    for place in range(4096):
        core.entries[frame << U12 | np.uint64(place)] = 0


@helper
def store_entries(core, frame, p, size, value):
    """A store to a table page: the bytes, and an ENTRY row for each entry that they touch."""
    ram = core.ram8
    first, last = p >> THREE, (p + size - ONE) >> THREE
    before_first, before_last = ram[first], ram[last]
    put_bytes(ram, p, size, value)
    level = core.frames[frame * FOUR + np.uint64(S.FRAME_TABLE)] >> EIGHT & LEVEL
    record_entry(core, frame, first, neutral_entry(before_first, level), neutral_entry(ram[first], level))
    if last != first:
        record_entry(core, frame, last, neutral_entry(before_last, level), neutral_entry(ram[last], level))


@helper
def store_part(core, va, kind, size, data, value):
    """The row and the bytes of a store within one page, translated to ``value``, and what the page makes of it.

    True if later stores to the page need no look.
    """
    put(core, kind, va & OFFSET, value >> U32)
    p = value & PAGE_BITS | va & OFFSET
    frame = p >> U12
    lines = core.frames[frame * FOUR + np.uint64(S.FRAME_CODE_LINES)]
    table = core.frames[frame * FOUR + np.uint64(S.FRAME_TABLE)]
    if table:
        store_entries(core, frame, p, size, data)
    else:
        put_bytes(core.ram8, p, size, data)
    touched = ONE << (p >> U6 & U63) | ONE << ((p + size - ONE) >> U6 & U63)
    if lines & touched:
        forget_code(core, frame)
    return lines | table == ZERO


@helper
def store_slow(core, va, kind, size, value):
    """A store that the write micro-TLB did not serve.  Gives a Leave."""
    user = in_user_ring(core.s)
    first = translate(core, va, STORE, user)
    if first == ZERO:
        return FAULT
    here = bytes_here(va, size)
    second = ZERO
    if here != size:
        second = translate(core, va + here, STORE, user)
        if second == ZERO:
            return FAULT
    if store_part(core, va, kind, here, value, first):
        fill(core, S.WRITES, READ_MASK, va, first)
    if second and store_part(core, va + here, kind, size - here, value >> (EIGHT * here), second):
        fill(core, S.WRITES, READ_MASK, va + here, second)
    return ON


@helper
def probe_write(core, va, size):
    """Fault where any of the bytes may not be written; changes nothing but accessed and dirty bits.  Gives a Leave."""
    user = in_user_ring(core.s)
    if translate(core, va, STORE, user) == ZERO:
        return FAULT
    here = bytes_here(va, size)
    if here != size and translate(core, va + here, STORE, user) == ZERO:
        return FAULT
    return ON


# -- what the processor itself reads and writes: descriptor tables, stacks of handlers --------------------------------


@helper
def load_system(core, va, user):
    """Eight bytes into SLOW_VALUE, with the rights of ring 3 or of the system.  Gives a Leave."""
    first = translate(core, va, LOAD, user)
    if first == ZERO:
        return FAULT
    here = bytes_here(va, EIGHT)
    if here == EIGHT:
        core.r[SLOW] = load_part(core, va, LOAD8, EIGHT, first)
        return ON
    second = translate(core, va + here, LOAD, user)
    if second == ZERO:
        return FAULT
    low = load_part(core, va, LOAD8, here, first)
    core.r[SLOW] = low | load_part(core, va + here, LOAD8, EIGHT - here, second) << (EIGHT * here)
    return ON


@helper
def store_system(core, va, value, user):
    """Eight bytes, with the rights of ring 3 or of the system.  Gives a Leave."""
    first = translate(core, va, STORE, user)
    if first == ZERO:
        return FAULT
    here = bytes_here(va, EIGHT)
    second = ZERO
    if here != EIGHT:
        second = translate(core, va + here, STORE, user)
        if second == ZERO:
            return FAULT
    store_part(core, va, STORE8, here, value, first)
    if second:
        store_part(core, va + here, STORE8, EIGHT - here, value >> (EIGHT * here), second)
    return ON
