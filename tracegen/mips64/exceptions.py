"""Exceptions: the causes, their entry into the guest, time, interrupts and the delay slot on the next page."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import DELAY_SLOT, TOUCH_SHIFT, Arrival, Cause, Kind, Touch
from tracegen.abi import IPI_LINE
from tracegen.cpu import disk, ipi, network
from tracegen.cpu import state as S
from tracegen.cpu.micro_tlb import forget_all
from tracegen.cpu.recorder import (
    BY_EXCEPTION,
    close_exception,
    event,
    mapped_page_id,
    service_enter,
    table_frame,
)
from tracegen.cpu.services import (
    DEVICE_SERVICE,
    IPI_SERVICE,
    OTHER_SERVICE,
    SERVICE_OF,
    TIMER_SERVICE,
    count_stuck,
    service_of_call,
    unless_stuck,
)
from tracegen.cpu.state import Leave, Stop
from tracegen.mips64 import entries
from tracegen.mips64 import state as M
from tracegen.mips64.microops import TARGET, TARGET_ARRIVAL
from tracegen.mips64.ops.arithmetic import add_overflows, sext32
from tracegen.mips64.state import Exc
from tracegen.mips64.translation import (
    ADES,
    ASID_MASK,
    DBE,
    MOD,
    PAIR_MASK,
    STATUS_ERL,
    STATUS_EXL,
    TLBL,
    TLBS,
    region_is_64,
    set_context,
)

ON, FAULT, REDIRECT, STOP = (int(x) for x in (Leave.ON, Leave.FAULT, Leave.REDIRECT, Leave.STOP))
BUDGET, CONSOLE_FULL = np.uint64(Stop.BUDGET), np.uint64(Stop.CONSOLE_FULL)
INT, SYS, CPU, OV, TR = (np.uint64(e) for e in (Exc.INT, Exc.SYS, Exc.CPU, Exc.OV, Exc.TR))
TRAP, SEQUENTIAL = np.uint64(Arrival.TRAP), np.uint64(Arrival.SEQUENTIAL)
NO_TOUCH, EXCEPTION = np.uint64(Touch.NONE), np.uint64(Kind.EXCEPTION)
C_REFILL, C_NESTED, C_STALE, C_NOT_PRESENT, C_REFERENCE, C_DIRTY, C_COW, C_PROTECTION = (
    np.uint64(c) for c in range(Cause.REFILL, Cause.PROTECTION + 1)
)
CAUSES = np.array(
    [Cause.INTERRUPT] + [Cause.MACHINE_CHECK] * 3 + [Cause.ADDRESS_ERROR] * 2 + [Cause.BUS_ERROR] * 2
    + [Cause.SYSCALL, Cause.BREAKPOINT, Cause.RESERVED_INSTRUCTION, Cause.COPROCESSOR, Cause.OVERFLOW, Cause.TRAP],
    np.uint64,
)  # fmt: skip
"""schema.Cause by ExcCode, for the codes that need no look at the page table."""

ADD_TRAP, ADDW_TRAP, SUB_TRAP, SUBW_TRAP = (np.uint64(n) for n in range(4))

ZERO, ONE, TWO, FOUR, EIGHT = (np.uint64(n) for n in (0, 1, 2, 4, 8))
U9, U12, U32 = np.uint64(9), np.uint64(12), np.uint64(32)
CAUSE_BD, CAUSE_TIMER, CAUSE_IP = np.uint64(1 << 31), np.uint64(1 << 15), np.uint64(0xFF00)
CAUSE_KEPT = np.uint64(0xFF00)
STATUS_IE, STATUS_BEV = np.uint64(1), np.uint64(1 << 22)
TIMER_LINE, CALL_LINE = np.uint64(7), np.uint64(IPI_LINE)
TIMER_PERIOD = np.uint64(1 << 33)
BOOT_VECTORS, VECTORS = np.uint64(0xFFFFFFFFBFC00200), np.uint64(0xFFFFFFFF80000000)
PTE_BASE, VPN2_32, VPN2_40 = np.uint64(0xFFFFFFFFFF800000), np.uint64(0x7FFFF), np.uint64(0x7FFFFFF)
XPTE_BASE, REGION = np.uint64(0xFFFFFFFE00000000), np.uint64(3)
WINDOW_BYTES = np.uint64(8 << 20)
MASK40 = np.uint64((1 << 40) - 1)


@inline
def deliverable(s):
    """Whether an interrupt is pending, unmasked and enabled."""
    status = s[M.STATUS]
    enabled = status & (STATUS_IE | STATUS_EXL | STATUS_ERL) == STATUS_IE
    return enabled and s[M.CAUSE] & status & CAUSE_IP != 0


@inline
def set_limit(s):
    """Choose the COUNT at which the loop next asks ``attend``: now if an interrupt is due."""
    limit = min(s[S.BUDGET_END], s[S.TIMER_AT], s[S.DEVICE_AT])
    s[S.LIMIT] = ZERO if deliverable(s) or s[S.CONSOLE_LENGTH] >= S.CONSOLE_FLUSH else limit


@inline
def expire_timer(s):
    """Raise IP7 if Count has reached Compare."""
    if s[S.COUNT] >= s[S.TIMER_AT]:
        s[M.CAUSE] |= CAUSE_TIMER
        s[S.TIMER_AT] += TIMER_PERIOD


@inline
def fine_cause(core, va, store):
    """Why a mapped access failed although the TLB may hold the page: read from the guest's own table entry."""
    s = core.s
    frame = table_frame(core, s[S.SPACE], (va & MASK40) >> np.uint64(21)) if va <= MASK40 else ZERO
    entry = ZERO
    if frame:
        entry = core.ram8[(frame - ONE) << U9 | (va >> U12 & np.uint64(511))]
    if entry & entries.VALID and (not store or entry & entries.DIRTY):
        return C_STALE
    if entry & entries.PRESENT == ZERO:
        return C_NOT_PRESENT
    if entry & entries.REFERENCED == ZERO:
        return C_REFERENCE
    if store and entry & entries.COW:
        return C_COW
    if store and entry & entries.WRITABLE:
        return C_DIRTY
    return C_PROTECTION


@inline
def cause_of(core, code, va, refill, nested):
    """The schema.Cause of an exception about to be taken; ``nested``: EXL was set."""
    s = core.s
    if code == TLBL or code == TLBS or code == MOD:
        if refill and not nested:
            return C_REFILL
        base = s[M.CONTEXT_REGISTER] & PTE_BASE
        if refill and va >= base and va - base < WINDOW_BYTES:
            return C_NESTED
        return fine_cause(core, va, code != TLBL)
    return CAUSES[code]


@inline
def interrupt_line(s, lines):
    """(number, service) of what goes first of the interrupt lines that are up."""
    if lines & CAUSE_TIMER:
        return TIMER_LINE, TIMER_SERVICE
    if lines & disk.LINE_UP:
        return s[S.DISK_VECTOR], DEVICE_SERVICE
    if lines & network.LINE_UP:
        return s[S.NET_VECTOR], DEVICE_SERVICE
    if lines & ipi.LINE_UP:
        return CALL_LINE, IPI_SERVICE
    return ZERO, DEVICE_SERVICE


@helper
def record_exception(core, code, bd, nested):
    """The EXCEPTION row and the service that it opens; a nested one replaces the service whose return it takes over."""
    s = core.s
    va, touch = s[S.FAULT_ADDRESS], s[S.FAULT_TOUCH]
    cause = cause_of(core, code, va, s[M.FAULT_REFILL] != ZERO, nested)
    by_tlb = code == TLBL or code == TLBS or code == MOD
    service, page, shown = SERVICE_OF[cause], ZERO, ZERO
    s[S.LAST_CAUSE], s[S.LAST_ADDRESS], s[S.LAST_THREAD] = cause + ONE, va, s[S.THREAD]
    s[S.LAST_HAS_ADDRESS] = ONE if code >= MOD and code <= DBE else ZERO
    if cause == C_REFILL:
        s[M.UTLB_REFILLS] += ONE
    elif cause == C_NESTED:
        s[M.NESTED_REFILLS] += ONE
    if by_tlb:
        page, shown = mapped_page_id(core, va, ZERO), touch
    elif code == SYS:
        page = core.r[TWO] & np.uint64(0xFFFFFFFF)
        service = service_of_call(core.r[TWO])
    elif code == CPU and s[M.FAULT_UNIT] != ONE:
        service = OTHER_SERVICE
    elif code == INT:
        lines = s[M.CAUSE] & s[M.STATUS]
        page, service = interrupt_line(s, lines)
    slot = np.uint64(DELAY_SLOT) if bd else ZERO
    event(core, EXCEPTION, cause | shown << np.uint64(TOUCH_SHIFT) | slot, page)
    if nested:
        close_exception(core, ZERO)
    s[S.MODE] = TWO
    service_enter(core, service, BY_EXCEPTION)


@inline
def set_fault_registers(s, code, va):
    """BadVAddr and, after TLB exceptions, Context, XContext and EntryHi."""
    if code < MOD or code > ADES:
        return
    s[M.BAD_VADDR] = va
    if code >= MOD and code <= TLBS:
        s[M.CONTEXT_REGISTER] = (s[M.CONTEXT_REGISTER] & PTE_BASE) | (va >> np.uint64(13) & VPN2_32) << FOUR
        low = (va >> np.uint64(62) & REGION) << np.uint64(31) | (va >> np.uint64(13) & VPN2_40) << FOUR
        s[M.XCONTEXT] = (s[M.XCONTEXT] & XPTE_BASE) | low
        s[M.ENTRY_HI] = (va & PAIR_MASK) | (s[M.ENTRY_HI] & ASID_MASK)


@helper
def take(core, epc, bd):
    """Enter the guest's vector for the noted fault; COUNT, POSITION and LAST are up to date.  Gives a Leave.

    ``epc`` is the restart address, ``bd`` says that the fault lies in that branch's delay slot.
    """
    s = core.s
    code = s[S.FAULT_CODE]
    va = s[S.FAULT_ADDRESS]
    nested = s[M.STATUS] & STATUS_EXL != 0
    if code == SYS:
        s[S.COUNT] += ONE
    count_stuck(s)
    s[S.LAST_PC] = epc + (FOUR if bd else ZERO)
    record_exception(core, code, bd, nested)
    s[S.EXCEPTIONS] += ONE
    set_fault_registers(s, code, va)
    cause = (s[M.CAUSE] & CAUSE_KEPT) | code << TWO | s[M.FAULT_UNIT] << np.uint64(28)
    vector = np.uint64(0x180)
    if nested:
        cause |= s[M.CAUSE] & CAUSE_BD
    else:
        s[M.EPC] = epc
        cause |= CAUSE_BD if bd else ZERO
        if s[M.FAULT_REFILL]:
            vector = np.uint64(0x80) if region_is_64(s, va) else ZERO
    s[M.CAUSE] = cause
    s[M.STATUS] |= STATUS_EXL
    s[S.PC] = (BOOT_VECTORS if s[M.STATUS] & STATUS_BEV else VECTORS) + vector
    s[S.ARRIVE], s[S.SLOT], s[M.FAULT_UNIT], s[M.FAULT_REFILL] = TRAP, ZERO, ZERO, ZERO
    enter_kernel(core)
    return unless_stuck(s)


@inline
def enter_kernel(core):
    """Derive what depends on Status after EXL was set."""
    s = core.s
    if set_context(s):
        forget_all(core.tags)
    set_limit(s)


@helper
def attend(core):
    """Called at LIMIT, between instructions: end of budget, timer, device, interrupt.  Gives ON, REDIRECT or STOP."""
    s = core.s
    if s[S.COUNT] >= s[S.BUDGET_END]:
        s[S.STATUS_CODE] = BUDGET
        return STOP
    expire_timer(s)
    if s[S.COUNT] >= s[S.DEVICE_AT]:
        network.serve_device(core)
        return STOP
    if deliverable(s):
        s[S.FAULT_CODE], s[S.FAULT_TOUCH], s[M.FAULT_REFILL] = INT, NO_TOUCH, ZERO
        s[S.INTERRUPTS] += ONE
        return take(core, s[S.PC], ZERO)
    set_limit(s)
    if s[S.CONSOLE_LENGTH] >= S.CONSOLE_FLUSH:
        s[S.STATUS_CODE] = CONSOLE_FULL
        return STOP
    return ON


@inline
def raise_exception(core, code, unit):
    """Fault with an exception that involves no address."""
    s = core.s
    s[S.FAULT_CODE], s[M.FAULT_UNIT], s[S.FAULT_TOUCH], s[M.FAULT_REFILL] = code, unit, NO_TOUCH, ZERO
    return FAULT


@inline
def raise_if(core, condition):
    """Conditional trap."""
    return raise_exception(core, TR, ZERO) if condition else ON


@helper
def checked(core, op, x, y, d):
    """Add or subtract with the overflow trap; on overflow register ``d`` keeps its value."""
    if op == ADDW_TRAP or op == SUBW_TRAP:
        x, y = sext32(x), sext32(y)
    if op == SUB_TRAP or op == SUBW_TRAP:
        total = x - y
        overflows = add_overflows(total, y, x)
    else:
        total = x + y
        overflows = add_overflows(x, y, total)
    if op == ADDW_TRAP or op == SUBW_TRAP:
        overflows = total != sext32(total)
    if overflows:
        return raise_exception(core, OV, ZERO)
    core.r[d] = total
    return ON


@inline
def enter_slot(core, page):
    """A branch in the last word of a page: its delay slot is fetched from the next page before control moves."""
    s = core.s
    s[S.PC] = page + np.uint64(4096)
    s[S.SLOT] = ONE
    s[S.ARRIVE] = SEQUENTIAL
    return REDIRECT


@inline
def leave_slot(core):
    """After such a delay slot: go where the branch decided.  The branch and its slot retire."""
    s = core.s
    s[S.PC] = core.r[TARGET]
    s[S.SLOT] = ZERO
    s[S.ARRIVE] = core.r[TARGET_ARRIVAL]
    s[S.COUNT] += TWO
    return REDIRECT
