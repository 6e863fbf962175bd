"""Instructions that reach into the next page, and accesses that nothing may come between."""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from replay.trace.schema import ATOMIC, INFO_FLAG_SHIFT, PACK_SHIFT, Kind
from tracegen.cpu.memory import load8
from tracegen.cpu.recorder import event
from tracegen.cpu.state import Leave, Stop
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import load_slow, probe_write, store_slow
from tracegen.x86_64.microops import STAY
from tracegen.x86_64.translation import fetch_value

ON, FAULT, STOP = int(Leave.ON), int(Leave.FAULT), int(Leave.STOP)
LOWER, FETCH, STAY_IN_LINE = np.uint64(Stop.LOWER), np.uint64(Kind.FETCH), np.uint64(STAY)
FIRST_LOAD, FIRST_STORE = np.uint64(Kind.LOAD1), np.uint64(Kind.STORE1)
ATOMIC_ROW = np.uint64(ATOMIC << INFO_FLAG_SHIFT + PACK_SHIFT["info"])
SLOW_VALUE = np.uint64(places.SLOW_VALUE)

ZERO, ONE, EIGHT, U32, PAGE_BYTES = (np.uint64(n) for n in (0, 1, 8, 32, 4096))
PAGE, PAGE_BITS, OFFSET = (np.uint64(n) for n in (0xFFFFFFFFFFFFF000, 0xFFFFF000, 0xFFF))
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper
def cross(core, count, start, expected):
    """Check that ``count`` bytes from ``start`` on in the next page are those that the instruction was lowered from.

    If not, or if they are not known yet (a count of 0), the instruction is lowered again: gives a Leave.
    The tables may meanwhile have lost the page that runs: its stale translation ends here.
    """
    s = core.s
    value = fetch_value(core, (s[S.PC] & PAGE) + PAGE_BYTES)
    if value == ZERO:
        return FAULT
    following = value & PAGE_BITS
    if count == ZERO or load8(core.ram8, following + start) & ALL >> (EIGHT - count) * EIGHT != expected:
        here = fetch_value(core, s[S.PC])
        if here == ZERO:
            return FAULT
        s[S.LOWER_AT] = here & PAGE_BITS | s[S.PC] & OFFSET
        s[S.LOWER_NEXT] = following | ONE
        s[S.STATUS_CODE], s[S.ARRIVE] = LOWER, STAY_IN_LINE
        return STOP
    if start == ZERO:
        event(core, FETCH, ZERO, value >> U32)
    return ON


@helper
def locked_load(core, d, va, kind):
    """Load for a change that nothing may come between: register ``d``, zero-extended; gives a Leave."""
    size = ONE << (kind - FIRST_LOAD)
    leave = probe_write(core, va, size)
    if leave == ON:
        leave = load_slow(core, va, kind | ATOMIC_ROW, size)
        core.r[d] = core.r[SLOW_VALUE]
    return leave


@helper
def locked_store(core, value, va, kind):
    """The store of such a change; gives a Leave."""
    return store_slow(core, va, kind | ATOMIC_ROW, ONE << (kind - FIRST_STORE), value)
