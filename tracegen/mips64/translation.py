"""From virtual to physical: segments, the TLB of page pairs, and the micro-TLBs in front of it."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Mode, Segment, Touch
from tracegen.abi import DEVICE_BASE
from tracegen.cpu import state as S
from tracegen.cpu.micro_tlb import CODE_MASK, READ_MASK, fill, forget_all
from tracegen.cpu.recorder import MAPPED, UNMAPPED_SPACE, mapped_page_id, page_id
from tracegen.mips64 import state as M
from tracegen.mips64.matching import first_bit, matches
from tracegen.mips64.state import Exc

USER, SUPERVISOR, KERNEL = np.uint64(Mode.USER), np.uint64(Mode.SUPERVISOR), np.uint64(Mode.KERNEL)
FETCH, LOAD, STORE = np.uint64(Touch.FETCH), np.uint64(Touch.LOAD), np.uint64(Touch.STORE)
UNMAPPED, UNCACHED, DEVICE = (np.uint64(g) for g in (Segment.UNMAPPED, Segment.UNCACHED, Segment.DEVICE))
TLBL, TLBS, MOD, ADEL, ADES = (np.uint64(e) for e in (Exc.TLBL, Exc.TLBS, Exc.MOD, Exc.ADEL, Exc.ADES))
IBE, DBE = np.uint64(Exc.IBE), np.uint64(Exc.DBE)

ZERO, ONE, U6, U11, U12, U32, U62 = (np.uint64(n) for n in (0, 1, 6, 11, 12, 32, 62))
PAGE_MASK = np.uint64(0xFFFFFFFFFFFFF000)
PAIR_MASK = np.uint64(0xC00000FFFFFFE000)
"""The bits of an address, and of EntryHi, that name a page pair: region and VPN2 of a 40-bit segment."""
TLB_GLOBAL = np.uint64(1 << 12)
ASID_MASK = np.uint64(0xFF)
FRAME_MASK = np.uint64(0xFFFFFFF)
OFFSET = np.uint64(0xFFF)
DEVICE_PAGE = np.uint64(DEVICE_BASE)
SEGMENT_LIMIT = np.uint64(1 << 40)
COMPATIBILITY = np.uint64(0xFFFFFFFF80000000)
XKSEG = np.uint64(0xC000000000000000)
XKSEG_END = np.uint64(0xC00000FF80000000)
PHYSICAL_40 = np.uint64((1 << 40) - 1)
PHYSICAL_29 = np.uint64((1 << 29) - 1)

BAD, UNMAPPED_AT, MAPPED_AT = range(3)

STATUS_EXL, STATUS_ERL, STATUS_UX, STATUS_SX, STATUS_KX = (np.uint64(1 << n) for n in (1, 2, 5, 6, 7))


@inline
def segment_of(s, va):
    """(kind, physical address, schema.Segment) of an address: BAD, UNMAPPED_AT or MAPPED_AT, by mode and Status."""
    mode, status = s[S.MODE], s[M.STATUS]
    kind, pa, segment = BAD, ZERO, MAPPED
    if va < SEGMENT_LIMIT:
        if va <= np.uint64(0x7FFFFFFF) or status & STATUS_UX:
            kind = MAPPED_AT
            if status & STATUS_ERL:
                kind, pa, segment = UNMAPPED_AT, va, UNCACHED
    elif mode == USER:
        kind = BAD
    elif va >= COMPATIBILITY:
        part = va >> np.uint64(29) & np.uint64(3)
        if part == 2:
            kind = MAPPED_AT
        elif mode == KERNEL:
            if part == 3:
                kind = MAPPED_AT
            else:
                kind, pa, segment = UNMAPPED_AT, va & PHYSICAL_29, UNMAPPED if part == 0 else UNCACHED
    elif va >> U62 == 1:
        if va & np.uint64(0x3FFFFFFFFFFFFFFF) < SEGMENT_LIMIT and status & STATUS_SX:
            kind = MAPPED_AT
    elif mode == KERNEL and status & STATUS_KX:
        if va >= XKSEG:
            kind = MAPPED_AT if va < XKSEG_END else BAD
        elif va & np.uint64(0x07FFFF0000000000) == 0:
            cached = va >> np.uint64(59) & np.uint64(7) != 2
            kind, pa, segment = UNMAPPED_AT, va & PHYSICAL_40, UNMAPPED if cached else UNCACHED
    return kind, pa, segment


@inline
def region_is_64(s, va):
    """Whether a TLB miss on ``va`` goes to the XTLB vector: the X bit of the segment's owner is set."""
    if va < SEGMENT_LIMIT:
        return s[M.STATUS] & STATUS_UX != 0
    if va >> U62 == 1 or (va >= COMPATIBILITY and va >> np.uint64(29) & np.uint64(3) == 2):
        return s[M.STATUS] & STATUS_SX != 0
    return s[M.STATUS] & STATUS_KX != 0


@inline
def tlb_find(s, key):
    """Index of the TLB entry that matches an address with the ASID in its low 8 bits; TLB_ENTRIES for none."""
    return first_bit(matches(s, np.uint64(M.TLB_HI), key, PAIR_MASK, ASID_MASK, TLB_GLOBAL))


@inline
def fault(s, code, va, refill, touch):
    """Note the exception that the loop will take; gives the value that stands for a fault."""
    s[S.FAULT_CODE] = code
    s[S.FAULT_ADDRESS] = va
    s[M.FAULT_REFILL] = refill
    s[S.FAULT_TOUCH] = touch
    return ZERO


@helper
def translate(core, va, touch):
    """The micro-TLB value of the page of ``va`` (page id << 32 | physical page | valid), or 0 with a fault noted.

    For a store the entry must also be dirty.  A page beyond RAM that is no device raises a bus error; the device page
    is a device in the midst of RAM, too.
    """
    s = core.s
    kind, pa, segment = segment_of(s, va)
    store = touch == STORE
    if kind == BAD:
        return fault(s, ADES if store else ADEL, va, ZERO, touch)
    is_global = True
    if kind == MAPPED_AT:
        i = tlb_find(s, (va & PAIR_MASK) | (s[M.ENTRY_HI] & ASID_MASK))
        if i == M.TLB_ENTRIES:
            return fault(s, TLBS if store else TLBL, va, ONE, touch)
        lo = s[np.uint64(M.TLB_LO1 if va & np.uint64(0x1000) else M.TLB_LO0) + i]
        if lo & np.uint64(2) == 0:
            return fault(s, TLBS if store else TLBL, va, ZERO, touch)
        if store and lo & np.uint64(4) == 0:
            return fault(s, MOD, va, ZERO, touch)
        pa = (lo >> U6 & FRAME_MASK) << U12
        is_global = s[np.uint64(M.TLB_HI) + i] & TLB_GLOBAL != 0
    pa &= PAGE_MASK
    if pa >= s[S.MEMORY_BYTES] or pa == DEVICE_PAGE:
        if pa != DEVICE_PAGE or touch == FETCH:
            return fault(s, IBE if touch == FETCH else DBE, va, ZERO, touch)
        pa, segment = s[S.MEMORY_BYTES], DEVICE
    page = ZERO
    if s[S.RECORDING]:
        if is_global or segment == DEVICE:
            page = page_id(core, va >> U12, UNMAPPED_SPACE, segment)
        else:
            page = mapped_page_id(core, va, ZERO)
    return page << U32 | pa | ONE


@helper
def load_value(core, va, aligned):
    """Translate a load, fill the read micro-TLB; 0 with a fault noted.  ``aligned``: address bits that must be zero."""
    if va & aligned:
        return fault(core.s, ADEL, va, ZERO, LOAD)
    value = translate(core, va, LOAD)
    if value:
        fill(core, S.READS, READ_MASK, va, value)
    return value


@inline
def narrow(s):
    """Whether 64-bit operations are reserved: user mode without Status.UX, supervisor mode without Status.SX."""
    mode, status = s[S.MODE], s[M.STATUS]
    return (mode == USER and status & STATUS_UX == 0) or (mode == SUPERVISOR and status & STATUS_SX == 0)


@helper
def fetch_value(core, va):
    """Translate a fetch and fill the code micro-TLB; 0 with a fault noted.  Narrow code is that of the page's alias."""
    if va & np.uint64(3):
        return fault(core.s, ADEL, va, ZERO, FETCH)
    value = translate(core, va, FETCH)
    if value:
        if narrow(core.s):
            value += core.s[S.MEMORY_BYTES]
        fill(core, S.FETCHES, CODE_MASK, va, value)
    return value


@inline
def set_context(s):
    """Derive MODE and the tags' CONTEXT from Status and EntryHi; True if the micro-TLBs must be emptied."""
    status = s[M.STATUS]
    before = s[S.MODE]
    if status & (STATUS_EXL | STATUS_ERL):
        mode = KERNEL
    else:
        field = status >> np.uint64(3) & np.uint64(3)
        mode = USER if field == 2 else SUPERVISOR if field == 1 else KERNEL
    s[S.MODE] = mode
    kernel_bit = np.uint64(1 << 11) if mode == KERNEL else np.uint64(0)
    s[S.CONTEXT] = kernel_bit | (s[M.ENTRY_HI] & ASID_MASK) << np.uint64(3)
    return before != mode and (before == SUPERVISOR or mode == SUPERVISOR)


TRANSLATION_BITS = STATUS_ERL | STATUS_UX | STATUS_SX | STATUS_KX


@inline
def set_status(core, value):
    """Write Status and everything derived from it."""
    s = core.s
    changed = s[M.STATUS] ^ value
    s[M.STATUS] = value
    if set_context(s) or changed & TRANSLATION_BITS:
        forget_all(core.tags)
