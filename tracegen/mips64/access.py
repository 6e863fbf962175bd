"""Memory accesses off the fast path: stores to code, table and device pages, partial words, linked loads."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import ATOMIC, INFO_FLAG_SHIFT, Kind
from tracegen.abi import (
    CONSOLE_OUT,
    DEVICE_EXIT,
    DISK_ACKNOWLEDGE,
    DISK_BLOCK,
    DISK_COMMAND,
    DISK_FRAME,
    IPI_ACKNOWLEDGE,
    IPI_SEND,
    START_ARGUMENT,
    START_ENTRY,
    START_STACK,
    START_VCPU,
)
from tracegen.abi_net import NET_ADDRESS
from tracegen.cpu import disk, ipi, network
from tracegen.cpu import state as S
from tracegen.cpu.console import console_byte, exit_run
from tracegen.cpu.micro_tlb import READ_MASK, fill
from tracegen.cpu.recorder import put
from tracegen.cpu.state import Leave
from tracegen.cpu.tables import record_entry
from tracegen.mips64 import state as M
from tracegen.mips64.entries import neutral_entry
from tracegen.mips64.exceptions import set_limit
from tracegen.mips64.translation import ADES, OFFSET, STORE, fault, load_value, translate

ON, FAULT = int(Leave.ON), int(Leave.FAULT)
LOAD4, LOAD8, STORE4, STORE8, ENTRY = (
    np.uint64(k) for k in (Kind.LOAD4, Kind.LOAD8, Kind.STORE4, Kind.STORE8, Kind.ENTRY)
)
LWL, LWR, LDL, LDR = (np.uint64(n) for n in range(4))
SWL, SWR, SDL, SDR = LWL, LWR, LDL, LDR
NET_FIRST = np.uint64(NET_ADDRESS)
ATOMIC_INFO = np.uint64(ATOMIC << INFO_FLAG_SHIFT)

ZERO, ONE, TWO, THREE, FOUR, SEVEN, EIGHT = (np.uint64(n) for n in (0, 1, 2, 3, 4, 7, 8))
U6, U12, U32, U63 = np.uint64(6), np.uint64(12), np.uint64(32), np.uint64(63)
ALL, PAGE_BITS = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0xFFFFF000)
LOW32 = np.uint64(0xFFFFFFFF)
STACK, FIRST, SECOND = (np.uint64(r) for r in (29, 4, 5))
"""Registers: sp, a0, a1."""


@inline
def low_bytes(n):
    """A mask of the low ``n`` bytes, 0 to 8."""
    return ALL if n >= EIGHT else (ONE << (n * EIGHT)) - ONE


@helper
def vcpu_store(core, register, value):
    """A store to the part of the device page by which vCPUs reach each other."""
    s = core.s
    if register == IPI_SEND:
        ipi.send(core, value)
    elif register == IPI_ACKNOWLEDGE:
        ipi.acknowledge(core, value)
    elif register == START_ENTRY:
        s[S.START_ENTRY] = value
    elif register == START_STACK:
        s[S.START_STACK] = value
    elif register == START_ARGUMENT:
        s[S.START_ARGUMENT] = value
    elif register == START_VCPU:
        ipi.start(core, value, STACK, FIRST, SECOND)
    set_limit(s)


@helper
def device_store(core, va, value):
    """A store to the device page: console byte, exit, disk, network or another vCPU; gives a Leave."""
    s = core.s
    register = va & OFFSET
    if register == CONSOLE_OUT:
        console_byte(s, value)
    elif register == DEVICE_EXIT:
        return exit_run(s, value)
    elif register == DISK_BLOCK:
        s[S.DISK_BLOCK] = value
    elif register == DISK_FRAME:
        s[S.DISK_FRAME] = value
    elif register == DISK_COMMAND:
        disk.command(core, value)
        set_limit(s)
    elif register == DISK_ACKNOWLEDGE:
        disk.acknowledge(core)
        set_limit(s)
    elif register >= NET_FIRST:
        network.store(core, register, value)
        set_limit(s)
    else:
        vcpu_store(core, register, value)
    return ON


@helper
def forget_code(core, frame):
    """Drop the lowered code of a physical page that is being overwritten."""
    core.frames[frame * FOUR + np.uint64(S.FRAME_CODE_LINES)] = ZERO
    for page in (frame, frame + (core.s[S.MEMORY_BYTES] >> U12)):
        for word in range(1024):
            core.entries[page << np.uint64(10) | np.uint64(word)] = 0
        core.frames[page * FOUR + np.uint64(M.FRAME_SLOT_BLOCK)] = ZERO


@helper
def commit(core, va, kind, data, mask, flags, raw):
    """Write the bytes under ``mask`` of the aligned 8-byte word around ``va``: translation, row, and what the page is.

    ``raw`` is what the instruction stores, for devices; ``flags`` go to the row's info.  Gives a Leave.
    """
    s = core.s
    value = translate(core, va, STORE)
    if value == ZERO:
        return FAULT
    put(core, kind, (va & OFFSET) | flags, value >> U32)
    if value & PAGE_BITS == s[S.MEMORY_BYTES]:
        return device_store(core, va, raw)
    frame = (value & PAGE_BITS) >> U12
    at = (value & PAGE_BITS | va & OFFSET) >> THREE
    old = core.ram8[at]
    new = (old & ~mask) | (data & mask)
    core.ram8[at] = new
    lines = core.frames[frame * FOUR]
    if core.frames[frame * FOUR + ONE]:
        record_entry(core, frame, at, neutral_entry(old), neutral_entry(new))
    elif lines:
        if lines >> (va >> U6 & U63) & ONE:
            forget_code(core, frame)
    else:
        fill(core, S.WRITES, READ_MASK, va, value)
    return ON


@helper
def store(core, va, aligned, kind, value):
    """A store that the write micro-TLB did not serve.  ``aligned``: address bits that must be zero; gives a Leave."""
    if va & aligned:
        fault(core.s, ADES, va, ZERO, STORE)
        return FAULT
    shift = (SEVEN - aligned - (va & SEVEN)) * EIGHT
    mask = low_bytes(aligned + ONE)
    return commit(core, va, kind, (value & mask) << shift, mask << shift, ZERO, value)


@helper
def load_part(core, op, va, old, d):
    """LWL, LWR, LDL, LDR: merge part of an aligned word into register ``d``; gives a Leave."""
    value = load_value(core, va, ZERO)
    if value == ZERO:
        return FAULT
    wide = op >= LDL
    last = SEVEN if wide else THREE
    kind = LOAD8 if wide else LOAD4
    put(core, kind, va & OFFSET & ~last, value >> U32)
    word = core.ram8[(value & PAGE_BITS | va & OFFSET) >> THREE]
    if not wide:
        word = word >> ((FOUR - (va & FOUR)) * EIGHT) & LOW32
    place = va & last
    if op == LWL or op == LDL:
        merged = word << (place * EIGHT) | old & low_bytes(place)
    else:
        shift = (last - place) * EIGHT
        merged = word >> shift | old & ~low_bytes(place + ONE)
    core.r[d] = merged if wide else np.uint64(np.int64(np.int32(merged)))
    return ON


@helper
def store_part(core, op, va, value):
    """SWL, SWR, SDL, SDR: write part of register ``value`` into an aligned word; gives a Leave."""
    wide = op >= SDL
    last = SEVEN if wide else THREE
    kind = STORE8 if wide else STORE4
    place = va & last
    if op == SWL or op == SDL:
        data, mask = value >> (place * EIGHT), low_bytes(last + ONE - place)
        if not wide:
            data = (value & LOW32) >> (place * EIGHT)
    else:
        shift = (last - place) * EIGHT
        data, mask = value << shift, low_bytes(place + ONE) << shift
    if not wide:
        base = (FOUR - (va & FOUR)) * EIGHT
        data, mask = data << base, mask << base
    return commit(core, va & ~last, kind, data, mask, ZERO, value)


@helper
def load_linked(core, kind, va, d):
    """LL, LLD: an atomic load that arms the next store-conditional; gives a Leave."""
    aligned = SEVEN if kind == LOAD8 else THREE
    value = load_value(core, va, aligned)
    if value == ZERO:
        return FAULT
    s = core.s
    put(core, kind, (va & OFFSET) | ATOMIC_INFO, value >> U32)
    pa = value & PAGE_BITS | va & OFFSET
    word = core.ram8[pa >> THREE]
    if kind == LOAD4:
        word = np.uint64(np.int64(np.int32(word >> ((FOUR - (va & FOUR)) * EIGHT))))
    core.r[d] = word
    s[S.LINKED] = ONE
    s[M.LL_ADDR] = pa >> FOUR
    return ON


@helper
def store_conditional(core, kind, va, d, value):
    """SC, SCD: store if nothing broke the link, and tell register ``d``; gives a Leave."""
    aligned = SEVEN if kind == STORE8 else THREE
    if va & aligned:
        fault(core.s, ADES, va, ZERO, STORE)
        return FAULT
    s = core.s
    leave = ON
    if s[S.LINKED]:
        shift = (SEVEN - aligned - (va & SEVEN)) * EIGHT
        mask = low_bytes(aligned + ONE)
        leave = commit(core, va, kind, (value & mask) << shift, mask << shift, ATOMIC_INFO, value)
        if leave == FAULT:
            return leave
    core.r[d] = s[S.LINKED]
    s[S.LINKED] = ZERO
    return leave
