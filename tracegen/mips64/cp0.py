"""Coprocessor 0: the registers, the TLB instructions, eret, wait.  Each gives a Leave and emits its SENSITIVE row."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import TLB_RANDOM, Arrival, Kind, Sensitive
from tracegen.cpu import disk, network
from tracegen.cpu import state as S
from tracegen.cpu.clock import NEVER, device_at, sleep
from tracegen.cpu.micro_tlb import forget_page
from tracegen.cpu.recorder import (
    MAPPED,
    UNMAPPED_SPACE,
    close_exception,
    current_service,
    event,
    extra,
    page_id,
    put,
    sensitive,
)
from tracegen.mips64 import state as M
from tracegen.mips64.entries import neutral_half
from tracegen.mips64.exceptions import (
    CAUSE_IP,
    CAUSE_TIMER,
    ON,
    REDIRECT,
    TIMER_PERIOD,
    expire_timer,
    raise_exception,
    set_limit,
)
from tracegen.mips64.microops import STAY
from tracegen.mips64.ops.arithmetic import sext32
from tracegen.mips64.state import Exc
from tracegen.mips64.translation import (
    ASID_MASK,
    KERNEL,
    PAIR_MASK,
    STATUS_ERL,
    STATUS_EXL,
    TLB_GLOBAL,
    UNMAPPED,
    USER,
    set_context,
    set_status,
    tlb_find,
)

MFC0, MTC0, TLBR, TLBWI, TLBWR, TLBP, ERET, WAIT, CACHE = (np.uint64(k) for k in list(Sensitive)[:9])
BASE_SWITCH, TLB_WRITE, TLB_PROBE, RETURN, SERVICE_EXIT = (
    np.uint64(k) for k in (Kind.BASE_SWITCH, Kind.TLB_WRITE, Kind.TLB_PROBE, Kind.RETURN, Kind.SERVICE_EXIT)
)
TRAP, SEQUENTIAL = np.uint64(Arrival.TRAP), np.uint64(Arrival.SEQUENTIAL)
STAY_IN_LINE = np.uint64(STAY)
COPROCESSOR_UNUSABLE, RESERVED = np.uint64(Exc.CPU), np.uint64(Exc.RI)

ZERO, ONE, SIX, U12, U13, U17, U32 = (np.uint64(n) for n in (0, 1, 6, 12, 13, 17, 32))
LOW32 = np.uint64(0xFFFFFFFF)
DEVICE_LINES = disk.LINE_UP | network.LINE_UP
STATUS_CU0 = np.uint64(1 << 28)
CP0_BASE = np.uint64(M.CP0)
COUNT, COMPARE, ENTRY_HI, STATUS, CAUSE, RANDOM, PAGE_MASK, WIRED = (
    np.uint64(n - M.CP0)
    for n in (M.COUNT_REGISTER, M.COMPARE, M.ENTRY_HI, M.STATUS, M.CAUSE, M.RANDOM, M.PAGE_MASK, M.WIRED)
)
NARROW, WIDE = ZERO, ONE
TLB_RANDOM_FLAG = np.uint64(TLB_RANDOM)
PROBE_FAILED = np.uint64(1 << 31)
INDEX_MASK = np.uint64(M.TLB_ENTRIES - 1)

WRITABLE = np.zeros(32, np.uint64)
"""Bits of each CP0 register that a move can change; registers that the CPU lacks read as zero and ignore writes."""
for _register, _mask in {
    M.INDEX: 0x8000003F,
    M.ENTRY_LO0: 0x3FFFFFFFF,
    M.ENTRY_LO1: 0x3FFFFFFFF,
    M.CONTEXT_REGISTER: 0xFFFFFFFFFF800000,
    M.WIRED: 0x3F,
    M.COUNT_REGISTER: 0xFFFFFFFF,
    M.ENTRY_HI: 0xC00000FFFFFFE0FF,
    M.COMPARE: 0xFFFFFFFF,
    M.STATUS: 0x3040FFFF,
    M.CAUSE: 0x300,
    M.EPC: (1 << 64) - 1,
    M.CONFIG: 7,
    M.LL_ADDR: 0xFFFFFFFF,
    M.XCONTEXT: 0xFFFFFFFE00000000,
    M.ERROR_EPC: (1 << 64) - 1,
}.items():
    WRITABLE[_register - M.CP0] = _mask


@inline
def usable(s):
    """Whether coprocessor 0 may be used now."""
    return s[S.MODE] == KERNEL or s[M.STATUS] & STATUS_CU0 != ZERO


@inline
def unusable(core):
    """Fault: coprocessor 0 outside kernel mode."""
    return raise_exception(core, COPROCESSOR_UNUSABLE, ZERO)


@inline
def read_register(s, register):
    """A CP0 register's value now."""
    if register == COUNT:
        return ((s[S.COUNT] + s[S.TIME_BASE]) >> ONE) & LOW32
    if register == RANDOM:
        return s[M.WIRED] + (s[M.RANDOM_STATE] >> U32) % (np.uint64(M.TLB_ENTRIES) - s[M.WIRED])
    return s[CP0_BASE + register]


@helper
def move_from(core, register, d, wide):
    """MFC0, DMFC0."""
    s = core.s
    expire_timer(s)
    value = read_register(s, register)
    core.r[d] = value if wide else sext32(value)
    sensitive(core, MFC0, register, ZERO)
    return ON


@inline
def schedule_timer(s):
    """Find the COUNT at which Count reaches Compare: one full turn from now if it is there already."""
    now = s[S.COUNT] + s[S.TIME_BASE]
    ticks = (s[M.COMPARE] - (now >> ONE)) & LOW32
    if ticks == ZERO:
        s[S.TIMER_AT] = s[S.COUNT] + TIMER_PERIOD - (now & ONE)
    else:
        s[S.TIMER_AT] = s[S.COUNT] + (ticks << ONE) - (now & ONE)


@inline
def switch_base(core):
    """Follow EntryHi's ASID: a BASE_SWITCH row if it stands for another address space."""
    s = core.s
    asid = s[M.ENTRY_HI] & ASID_MASK
    space = s[np.uint64(M.SPACE_OF) + asid]
    if space != s[S.SPACE]:
        s[S.SPACE] = space
        event(core, BASE_SWITCH, asid, space)


@helper
def move_to(core, register, value):
    """MTC0, DMTC0."""
    s = core.s
    expire_timer(s)
    old = read_register(s, register)
    mask = WRITABLE[register]
    new = (old & ~mask) | (value & mask)
    sensitive(core, MTC0, register, ONE if old != new else ZERO)
    s[CP0_BASE + register] = new
    if register == STATUS:
        set_status(core, new)
    elif register == ENTRY_HI:
        set_context(s)
        switch_base(core)
    elif register == COUNT:
        s[S.TIME_BASE] = (new << ONE) - s[S.COUNT]
        schedule_timer(s)
    elif register == COMPARE:
        s[M.CAUSE] &= ~CAUSE_TIMER
        schedule_timer(s)
    elif register == PAGE_MASK and value != ZERO:
        s[M.WRITTEN_PAGE_MASK] = value
    set_limit(s)
    return ON


@helper
def tlb_read(core):
    """TLBR: the entry at Index into EntryHi, EntryLo0 and EntryLo1."""
    s = core.s
    i = s[M.INDEX] & INDEX_MASK
    hi = s[np.uint64(M.TLB_HI) + i]
    is_global = ONE if hi & TLB_GLOBAL else ZERO
    sensitive(core, TLBR, ZERO, ZERO)
    s[M.ENTRY_HI] = hi & ~TLB_GLOBAL
    s[M.ENTRY_LO0] = s[np.uint64(M.TLB_LO0) + i] & ~ONE | is_global
    s[M.ENTRY_LO1] = s[np.uint64(M.TLB_LO1) + i] & ~ONE | is_global
    set_context(s)
    switch_base(core)
    return ON


@inline
def step_random(s):
    """One step of the xorshift that chooses replacement victims."""
    x = s[M.RANDOM_STATE]
    x ^= x << U13
    x ^= x >> np.uint64(7)
    x ^= x << U17
    s[M.RANDOM_STATE] = x


@inline
def record_tlb_write(core, info, is_global):
    """The TLB_WRITE row: both halves, named by the even page."""
    s = core.s
    if s[S.RECORDING]:
        page = pair_page(core, s[M.ENTRY_HI], UNMAPPED_SPACE if is_global else s[S.SPACE])
        extra(core, neutral_half(s[M.ENTRY_LO0]))
        extra(core, neutral_half(s[M.ENTRY_LO1]))
        event(core, TLB_WRITE, info, page)


@inline
def pair_page(core, entry_hi, space):
    """The id of the even page of an entry's pair.  One in an unmapped segment can match nothing."""
    vpn = (entry_hi & PAIR_MASK_OF_VPN) >> U12 | high_bits(entry_hi)
    if vpn >= KSEG0_FIRST and vpn < KSEG1_FIRST:
        return page_id(core, vpn, UNMAPPED_SPACE, UNMAPPED)
    return page_id(core, vpn, space, MAPPED)


KSEG0_FIRST, KSEG1_FIRST = np.uint64(0xFFFFFFFF80000), np.uint64(0xFFFFFFFFA0000)
"""Page numbers at which the unmapped segments start."""

PAIR_MASK_OF_VPN = np.uint64(0xFFFFFFE000)
"""VPN2 without the region."""


@inline
def high_bits(entry_hi):
    """The virtual page number's bits above VPN2: the region, sign-filled where the compatibility segments live."""
    region = entry_hi >> np.uint64(62)
    if region == 3 and entry_hi & np.uint64(0xFF80000000) == np.uint64(0xFF80000000):
        return np.uint64(0xFFFFFFFFFFFFF) & ~np.uint64(0xFFFFFFF)
    return region << np.uint64(50)


@helper
def tlb_write(core, klass):
    """TLBWI at Index, TLBWR at a random index above the wired ones; what it evicts leaves the micro-TLBs."""
    s = core.s
    info = s[M.INDEX] & INDEX_MASK
    if klass == TLBWR:
        step_random(s)
        info = read_register(s, RANDOM)
    at = np.uint64(M.TLB_HI) + info
    if klass == TLBWR:
        info |= TLB_RANDOM_FLAG
    evicted = s[at] & PAIR_MASK
    forget_page(core.tags, evicted)
    forget_page(core.tags, evicted | np.uint64(4096))
    is_global = s[M.ENTRY_LO0] & s[M.ENTRY_LO1] & ONE
    s[at] = (s[M.ENTRY_HI] & (PAIR_MASK | ASID_MASK)) | (TLB_GLOBAL if is_global else ZERO)
    s[at + np.uint64(M.TLB_ENTRIES)] = s[M.ENTRY_LO0]
    s[at + np.uint64(2 * M.TLB_ENTRIES)] = s[M.ENTRY_LO1]
    sensitive(core, klass, ZERO, ZERO)
    record_tlb_write(core, info, is_global)
    return ON


@helper
def tlb_probe(core):
    """TLBP: Index of the entry that matches EntryHi, or bit 31."""
    s = core.s
    i = tlb_find(s, s[M.ENTRY_HI])
    found = i < M.TLB_ENTRIES
    s[M.INDEX] = i if found else PROBE_FAILED
    sensitive(core, TLBP, ZERO, ZERO)
    if s[S.RECORDING]:
        is_global = found and s[np.uint64(M.TLB_HI) + (i & INDEX_MASK)] & TLB_GLOBAL != ZERO
        vpn = (s[M.ENTRY_HI] & PAIR_MASK_OF_VPN) >> U12 | high_bits(s[M.ENTRY_HI])
        page = page_id(core, vpn, UNMAPPED_SPACE if is_global else s[S.SPACE], MAPPED)
        event(core, TLB_PROBE, ONE if found else ZERO, page)
    return ON


@helper
def exception_return(core):
    """ERET: back to EPC, or to ErrorEPC while ERL is set."""
    s = core.s
    sensitive(core, ERET, ZERO, ZERO)
    s[S.COUNT] += ONE
    status = s[M.STATUS]
    if status & STATUS_ERL:
        s[S.PC] = s[M.ERROR_EPC]
        status &= ~STATUS_ERL
    else:
        s[S.PC] = s[M.EPC]
        status &= ~STATUS_EXL
    before = s[S.MODE]
    set_status(core, status)
    after = s[S.MODE]
    s[S.MODE] = before
    event(core, RETURN, after, ZERO)
    s[S.MODE] = after
    close_exception(core, ONE if after == USER else ZERO)
    put(core, SERVICE_EXIT, ZERO, current_service(core))
    s[S.LINKED] = ZERO
    s[S.ARRIVE] = TRAP
    set_limit(s)
    return REDIRECT


@helper
def wait(core):
    """WAIT: with nothing pending, until the timer matches, a device is done or another vCPU calls.  It retires itself.

    The first of these ends it, masked or not, as the architecture permits; the guest then waits again.
    """
    s = core.s
    sensitive(core, WAIT, ZERO, ZERO)
    s[S.COUNT] += ONE
    s[S.PC] += np.uint64(4)
    s[S.ARRIVE] = STAY_IN_LINE if s[S.PC] & np.uint64(63) else SEQUENTIAL
    expire_timer(s)
    if s[M.CAUSE] & s[M.STATUS] & CAUSE_IP == ZERO:
        by_device = device_at(s) != NEVER and s[M.STATUS] & DEVICE_LINES != ZERO
        return sleep(s, by_device or s[M.STATUS] & CAUSE_TIMER != ZERO)
    set_limit(s)
    return REDIRECT


@inline
def cache(core):
    """CACHE: there are no caches to manage, and stores to lowered code are seen anyway."""
    sensitive(core, CACHE, ZERO, ZERO)
    return ON
