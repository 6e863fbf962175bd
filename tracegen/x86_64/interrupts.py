"""The local interrupt controller in x2APIC mode, with its TSC-deadline timer: what is pending, what may be delivered.

Sources: the timer (an edge, with the vector that the guest chose), the disk and the network card (levels, VECTOR_DISK
and VECTOR_NET) and vCPUs (edges, with the vectors that they chose: their bit of LINES is up while one of these is
pending).  Of the sources that are up the one with the higher vector goes first, if its priority class, the vector's
high four bits, is above those of the task priority and of what is in service.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.abi_x86_64 import VECTOR_DISK, VECTOR_NET
from tracegen.cpu.clock import NEVER, device_at
from tracegen.cpu.disk import LINE_UP as DISK_UP
from tracegen.cpu.ipi import LINE_UP as CALL_UP
from tracegen.cpu.network import LINE_UP as NET_UP
from tracegen.x86_64 import state as S

TIMER_UP = np.uint64(1 << 15)
"""The timer's bit of LINES."""
FLAG_IF = np.uint64(1 << 9)
SOFTWARE_ENABLED, LVT_MASKED, LVT_MODE, LVT_DEADLINE = (np.uint64(n) for n in (1 << 8, 1 << 16, 3 << 17, 2 << 17))
DISK_VECTOR, NET_VECTOR = np.uint64(VECTOR_DISK), np.uint64(VECTOR_NET)
BYTE, FOUR = np.uint64(0xFF), np.uint64(4)
ZERO, NONE, LOWEST, FAR = np.uint64(0), np.uint64(0), np.uint64(16), np.uint64(1 << 62)
ONE, SIX, LOW6 = np.uint64(1), np.uint64(6), np.uint64(63)


@helper
def highest_call(s, place):
    """The highest of the 256 vectors that the four words at ``place`` hold; NONE for none."""
    found = NONE
    for number in range(256):
        vector = np.uint64(number)
        if s[np.uint64(place) + (vector >> SIX)] >> (vector & LOW6) & ONE:
            found = vector
    return found


@inline
def highest(s, sources, calls):
    """The highest vector of some sources, bits of LINES; those of vCPUs are at the place ``calls``; NONE for none."""
    timer = s[S.LVT_TIMER] & BYTE if sources & TIMER_UP else NONE
    disk = DISK_VECTOR if sources & DISK_UP else NONE
    net = NET_VECTOR if sources & NET_UP else NONE
    call = highest_call(s, calls) if sources & CALL_UP else NONE
    return max(timer, disk, net, call)


@inline
def first_pending(s):
    """The vector that goes first of those that are pending; NONE for none."""
    return highest(s, s[S.LINES], S.CALLS)


@inline
def first_in_service(s):
    """The vector that goes first of those in service; NONE for none."""
    return highest(s, s[S.IN_SERVICE], S.CALLS_IN_SERVICE)


@helper
def add_call(s, base, vector):
    """Make a vector pending at a controller whose vCPU's words begin at ``base``."""
    s[base + np.uint64(S.CALLS) + (vector >> SIX)] |= ONE << (vector & LOW6)
    s[base + np.uint64(S.LINES)] |= CALL_UP


@inline
def move_call(s, vector):
    """Another vCPU's interrupt is taken: from pending to in service."""
    word, bit = vector >> SIX, ONE << (vector & LOW6)
    s[np.uint64(S.CALLS) + word] &= ~bit
    s[np.uint64(S.CALLS_IN_SERVICE) + word] |= bit
    if highest_call(s, S.CALLS) == NONE:
        s[S.LINES] &= ~CALL_UP


@inline
def end_call(s, vector):
    """What another vCPU's interrupt asked for is done."""
    s[np.uint64(S.CALLS_IN_SERVICE) + (vector >> SIX)] &= ~(ONE << (vector & LOW6))
    if highest_call(s, S.CALLS_IN_SERVICE) == NONE:
        s[S.IN_SERVICE] &= ~CALL_UP


@inline
def priority(s):
    """The class above which an interrupt is delivered now."""
    return max(s[S.CR8], first_in_service(s) >> FOUR)


@inline
def may_interrupt(s, vector):
    """Whether the controller hands a vector to the CPU; those below 16 it never does."""
    return s[S.SPURIOUS] & SOFTWARE_ENABLED != ZERO and vector >= LOWEST and vector >> FOUR > priority(s)


@inline
def deliverable(s):
    """Whether an interrupt is to be taken now."""
    if s[S.LINES] == ZERO or s[S.RFLAGS] & FLAG_IF == ZERO or s[S.COUNT] < s[S.SHADOW]:
        return False
    return may_interrupt(s, first_pending(s))


@inline
def accept(s):
    """Take the interrupt that goes first: it is in service from here on.  Gives its vector and its bit of LINES."""
    vector = first_pending(s)
    source = NET_UP if vector == NET_VECTOR else DISK_UP
    if s[S.LINES] & TIMER_UP and vector == s[S.LVT_TIMER] & BYTE:
        source = TIMER_UP
        s[S.LINES] &= ~TIMER_UP
    elif s[S.LINES] & source == ZERO or (vector != DISK_VECTOR and vector != NET_VECTOR):
        source = CALL_UP
        move_call(s, vector)
    s[S.IN_SERVICE] |= source
    return vector, source


@inline
def end_of_interrupt(s):
    """A write to the EOI register: what goes first of what is in service is over."""
    vector = first_in_service(s)
    if s[S.IN_SERVICE] & TIMER_UP and vector == s[S.LVT_TIMER] & BYTE:
        s[S.IN_SERVICE] &= ~TIMER_UP
    elif s[S.IN_SERVICE] & DISK_UP and vector == DISK_VECTOR:
        s[S.IN_SERVICE] &= ~DISK_UP
    elif s[S.IN_SERVICE] & NET_UP and vector == NET_VECTOR:
        s[S.IN_SERVICE] &= ~NET_UP
    elif vector:
        end_call(s, vector)


@inline
def set_limit(s):
    """Choose the COUNT at which the loop next asks ``attend``: now if an interrupt is due, soon if one is shadowed."""
    limit = min(s[S.BUDGET_END], s[S.TIMER_AT], s[S.DEVICE_AT])
    if s[S.COUNT] < s[S.SHADOW] and s[S.LINES]:
        limit = min(limit, s[S.SHADOW])
    if deliverable(s) or s[S.CONSOLE_LENGTH] >= S.CONSOLE_FLUSH:
        limit = ZERO
    s[S.LIMIT] = limit


@inline
def expire_timer(s):
    """Raise the timer's interrupt if the clock has reached its deadline; one that is masked is lost."""
    if s[S.COUNT] >= s[S.TIMER_AT]:
        s[S.TIMER_AT], s[S.DEADLINE] = NEVER, ZERO
        if s[S.LVT_TIMER] & LVT_MASKED == ZERO:
            s[S.LINES] |= TIMER_UP


@inline
def set_deadline(s, deadline):
    """Write the timer's deadline; 0 disarms it, and in another mode than TSC-deadline it is ignored."""
    if s[S.LVT_TIMER] & LVT_MODE != LVT_DEADLINE:
        return
    s[S.DEADLINE] = deadline
    now = s[S.COUNT] + s[S.TIME_BASE]
    s[S.TIMER_AT] = NEVER if deadline == ZERO else s[S.COUNT] + (min(deadline - now, FAR) if deadline > now else ZERO)


@inline
def can_wake(s):
    """Whether a wait for an interrupt can end: one that is under way will be delivered.

    The vectors of all devices are of one priority class.
    """
    if s[S.RFLAGS] & FLAG_IF == ZERO:
        return False
    timer = s[S.TIMER_AT] != NEVER and s[S.LVT_TIMER] & LVT_MASKED == ZERO and may_interrupt(s, s[S.LVT_TIMER] & BYTE)
    return timer or (device_at(s) != NEVER and may_interrupt(s, DISK_VECTOR))
