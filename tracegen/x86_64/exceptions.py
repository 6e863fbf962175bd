"""Exceptions and interrupts: what the loop calls when an instruction faults or something waits to be looked at."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import TOUCH_SHIFT, Cause, Kind, Mode
from tracegen.cpu import ipi, network
from tracegen.cpu.recorder import BY_EXCEPTION, close_exception, event, mapped_page_id, service_enter
from tracegen.cpu.services import (
    DEVICE_SERVICE,
    IPI_SERVICE,
    SERVICE_OF,
    TIMER_SERVICE,
    count_stuck,
    unless_stuck,
)
from tracegen.x86_64 import state as S
from tracegen.x86_64.delivery import deliver
from tracegen.x86_64.entries import COW
from tracegen.x86_64.interrupts import TIMER_UP, accept, deliverable, expire_timer, set_limit
from tracegen.x86_64.places import RAX
from tracegen.x86_64.state import Leave, Stop, Vector
from tracegen.x86_64.translation import ERROR_PRESENT, ERROR_WRITE, NO_TOUCH, fault
from tracegen.x86_64.waiting import wait

ON, FAULT, REDIRECT, STOP = (int(x) for x in (Leave.ON, Leave.FAULT, Leave.REDIRECT, Leave.STOP))
BUDGET, CONSOLE_FULL, SHUTDOWN = (np.uint64(x) for x in (Stop.BUDGET, Stop.CONSOLE_FULL, Stop.SHUTDOWN))
DF, PF, BP = np.uint64(Vector.DF), np.uint64(Vector.PF), np.uint64(Vector.BP)
EXCEPTION = np.uint64(Kind.EXCEPTION)
INTERRUPT, SYSCALL, TRAP, NOT_PRESENT, COPY_ON_WRITE, PROTECTION = (
    np.uint64(c)
    for c in (
        Cause.INTERRUPT,
        Cause.SYSCALL,
        Cause.TRAP,
        Cause.NOT_PRESENT,
        Cause.COPY_ON_WRITE,
        Cause.PROTECTION,
    )
)
CAUSE_OF = np.full(32, Cause.TRAP, np.uint64)
"""schema.Cause by vector; page faults have their own rule."""
for _cause, _vectors in {
    Cause.DIVIDE: (Vector.DE,),
    Cause.BREAKPOINT: (Vector.BP,),
    Cause.OVERFLOW: (Vector.OF,),
    Cause.RESERVED_INSTRUCTION: (Vector.UD,),
    Cause.COPROCESSOR: (Vector.NM,),
    Cause.MACHINE_CHECK: (Vector.DF,),
    Cause.BUS_ERROR: (Vector.MC,),
    Cause.GENERAL_PROTECTION: (Vector.TS, Vector.NP, Vector.SS, Vector.GP),
}.items():
    CAUSE_OF[list(_vectors)] = _cause

HAS_ERROR = np.zeros(32, np.uint64)
"""Vectors that push an error code."""
HAS_ERROR[[Vector.DF, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.PF]] = 1

CONTRIBUTORY = np.zeros(32, np.bool_)
"""Exceptions of which two make a double fault, as does one of them while a page fault is delivered.  The machine check
of tables beyond RAM is one, too: it would otherwise repeat for ever."""
CONTRIBUTORY[[Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP, Vector.MC]] = True

ZERO, ONE, KERNEL_MODE = np.uint64(0), np.uint64(1), np.uint64(Mode.KERNEL)
ACCUMULATOR, LOW32 = np.uint64(RAX), np.uint64(0xFFFFFFFF)


@inline
def raise_exception(core, vector, error):
    """Fault with an exception that involves no address."""
    fault(core.s, np.uint64(vector), np.uint64(error), ZERO, NO_TOUCH)
    return FAULT


@inline
def fine_cause(s):
    """The schema.Cause of a page fault."""
    error = s[S.FAULT_ERROR]
    if error & ERROR_PRESENT == ZERO:
        return NOT_PRESENT
    return COPY_ON_WRITE if error & ERROR_WRITE and s[S.FAULT_ENTRY] & COW else PROTECTION


@helper
def open_exception(core, cause, service, page, touch):
    """The EXCEPTION row, the service that it opens, and what is kept to tell where a run ended."""
    s = core.s
    s[S.LAST_CAUSE], s[S.LAST_THREAD] = cause + ONE, s[S.THREAD]
    event(core, EXCEPTION, cause | touch << np.uint64(TOUCH_SHIFT), page)
    s[S.MODE] = KERNEL_MODE
    service_enter(core, service, BY_EXCEPTION)
    s[S.EXCEPTIONS] += ONE


@helper
def record_fault(core, vector):
    """Say that an exception is taken, by the cause of the noted fault."""
    s = core.s
    cause, page, touch = CAUSE_OF[vector], ZERO, ZERO
    s[S.LAST_PC], s[S.LAST_ADDRESS], s[S.LAST_HAS_ADDRESS] = s[S.PC], s[S.FAULT_ADDRESS], ZERO
    if vector == PF:
        cause, touch = fine_cause(s), s[S.FAULT_TOUCH]
        s[S.LAST_HAS_ADDRESS] = ONE
        page = mapped_page_id(core, s[S.FAULT_ADDRESS], s[S.FAULT_ADDRESS] >> np.uint64(63))
    open_exception(core, cause, SERVICE_OF[cause], page, touch)


@inline
def follows(first, second):
    """The vector delivered when ``second`` is raised while ``first`` is being delivered."""
    bad = CONTRIBUTORY[second] if first < np.uint64(32) and CONTRIBUTORY[first] else False
    if first == PF:
        bad = CONTRIBUTORY[second] or second == PF
    return DF if bad else second


@helper
def take(core):
    """Deliver the noted fault of the instruction at PC; COUNT, POSITION and LAST are up to date.  Gives a Leave."""
    s = core.s
    vector = s[S.FAULT_CODE]
    count_stuck(s)
    record_fault(core, vector)
    if vector == PF:
        s[S.CR2] = s[S.FAULT_ADDRESS]
    leave = deliver(core, vector, s[S.FAULT_ERROR], HAS_ERROR[vector], ZERO, s[S.PC])
    return settle(core, vector, leave)


@helper
def settle(core, vector, leave):
    """Go on delivering while the delivery of ``vector`` itself faults.  Gives a Leave."""
    s = core.s
    while leave == FAULT:
        if vector == DF:
            s[S.STATUS_CODE] = SHUTDOWN
            return STOP
        second = s[S.FAULT_CODE]
        close_exception(core, ZERO)
        record_fault(core, second)
        if second == PF:
            s[S.CR2] = s[S.FAULT_ADDRESS]
        vector = follows(vector, second)
        if vector == DF:
            s[S.FAULT_ERROR] = ZERO
        leave = deliver(core, vector, s[S.FAULT_ERROR], HAS_ERROR[vector], ZERO, s[S.PC])
    return unless_stuck(s)


@helper
def enter(core, cause, vector, service, page, software, pc):
    """Deliver an interrupt, or the trap of an instruction that has retired; ``pc`` is where it goes on.

    ``software`` is 1 for those that the program asked for: their gates' privilege is checked.  Gives a Leave.
    """
    s = core.s
    s[S.LAST_PC], s[S.LAST_HAS_ADDRESS] = s[S.PC], ZERO
    count_stuck(s)
    open_exception(core, cause, service, page, NO_TOUCH)
    leave = deliver(core, vector, ZERO, ZERO, software, pc)
    return settle(core, vector, leave)


@helper
def interrupt(core):
    """Take the interrupt that is due.  Gives a Leave."""
    s = core.s
    vector, source = accept(s)
    s[S.INTERRUPTS] += ONE
    s[S.HALTED] = ZERO
    service = IPI_SERVICE if source == ipi.LINE_UP else TIMER_SERVICE if source == TIMER_UP else DEVICE_SERVICE
    return enter(core, INTERRUPT, vector, service, vector, ZERO, s[S.PC])


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
        return interrupt(core)
    if s[S.HALTED]:
        return wait(core)
    set_limit(s)
    if s[S.CONSOLE_LENGTH] >= S.CONSOLE_FLUSH:
        s[S.STATUS_CODE] = CONSOLE_FULL
        return STOP
    return ON
