"""What an exception opens: the kernel's service that handles it; and guests that take exceptions for ever."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.trace.schema import Cause
from tracegen import abi
from tracegen.abi import Service
from tracegen.cpu import state as S
from tracegen.cpu.state import Leave, Stop

TIMER_SERVICE, DEVICE_SERVICE = np.uint64(Service.TIMER_INTERRUPT), np.uint64(Service.DEVICE_INTERRUPT)
OTHER_SERVICE, IPI_SERVICE = np.uint64(Service.EXCEPTION_OTHER), np.uint64(Service.IPI)

SERVICE_OF = np.full(32, Service.EXCEPTION_OTHER, np.uint64)
"""Service opened by each schema.Cause; system calls and interrupts have their own rule."""
SERVICE_OF[[Cause.REFILL, Cause.NESTED_REFILL]] = Service.UTLB_MISS
SERVICE_OF[[Cause.SOFT_REFERENCE, Cause.SOFT_DIRTY]] = Service.QUICK_FAULT
SERVICE_OF[Cause.STALE] = Service.STALE_FAULT
SERVICE_OF[Cause.NOT_PRESENT] = Service.DEMAND_ZERO
SERVICE_OF[Cause.COPY_ON_WRITE] = Service.COW_FAULT
SERVICE_OF[Cause.PROTECTION] = Service.PROTECTION_FAULT
SERVICE_OF[Cause.COPROCESSOR] = Service.FP_SWITCH

SERVICE_OF_CALL = np.full(64, Service.EXCEPTION_OTHER, np.uint64)
"""Service opened by each system call that there is, by number."""
SERVICE_OF_CALL[list(abi.Syscall)] = [abi.SYSCALL_SERVICE + call for call in abi.Syscall]

STUCK, STUCK_LIMIT = np.uint64(Stop.STUCK), 10_000
REDIRECT, STOP = int(Leave.REDIRECT), int(Leave.STOP)
ZERO, ONE = np.uint64(0), np.uint64(1)


@inline
def service_of_call(number):
    """The service of a system call by its number."""
    return SERVICE_OF_CALL[number] if number < np.uint64(SERVICE_OF_CALL.size) else OTHER_SERVICE


@inline
def count_stuck(s):
    """Count the exceptions taken since an instruction last retired."""
    s[S.STUCK] = s[S.STUCK] + ONE if s[S.COUNT] == s[S.STUCK_COUNT] else ZERO
    s[S.STUCK_COUNT] = s[S.COUNT]


@inline
def unless_stuck(s):
    """REDIRECT to the handler; STOP where the guest takes exceptions for ever without executing anything."""
    if s[S.STUCK] > STUCK_LIMIT:
        s[S.STATUS_CODE] = STUCK
        return STOP
    return REDIRECT
