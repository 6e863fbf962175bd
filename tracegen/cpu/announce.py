"""Announcements: what the guest tells the recorder by an instruction that does nothing, at no cost to itself."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen.abi import Announce
from tracegen.cpu import state as S
from tracegen.cpu.recorder import event, extra, service_enter, service_exit, service_found, thread_begin, thread_switch
from tracegen.cpu.state import Leave
from tracegen.cpu.tables import TABLE_ALLOC, TABLE_LINK, TABLE_UNLINK, set_table

ON = int(Leave.ON)
SERVICE_ENTER, SERVICE_EXIT, SERVICE_FOUND, THREAD_SWITCH, THREAD_SPACE, THREAD_NAME = (
    np.uint64(Announce[name])
    for name in ("SERVICE_ENTER", "SERVICE_EXIT", "SERVICE_FOUND", "THREAD_SWITCH", "THREAD_SPACE", "THREAD_NAME")
)
LOCK_TRY, BARRIER_LEAVE = np.uint64(Announce.LOCK_TRY), np.uint64(Announce.BARRIER_LEAVE)
KIND_OF = np.zeros(max(Announce) + 1, np.uint64)
"""Announcement -> the row that says it; 0 for those with a rule of their own."""
for _announce in Announce:
    if _announce.name in Kind.__members__ and _announce not in (Announce.SERVICE_ENTER, Announce.SERVICE_EXIT):
        KIND_OF[_announce] = Kind[_announce.name]
KIND_OF[[Announce.BARRIER_ARRIVE, Announce.BARRIER_LEAVE]] = Kind.BARRIER
MARK_BEGIN, MARK_WANTED = np.uint64(Announce.MARK_BEGIN), np.uint64(S.MARK_WANTED)
FILLED = np.uint64(Announce.FILLED)
THREAD_NAMES, THREADS = np.uint64(S.THREAD_NAMES), np.uint64(S.THREADS)
ZERO, ONE = np.uint64(0), np.uint64(1)
MASK32, MASK48 = np.uint64(0xFFFFFFFF), np.uint64((1 << 48) - 1)


@inline
def subject(core, code, a0, a1, a2, a3):
    """(info, page) of an announcement's row, after its EXTRA rows."""
    info, page = ZERO, a0
    if code == TABLE_ALLOC:
        info = a1
    elif code == TABLE_LINK:
        extra(core, a2 & MASK48)
        extra(core, a1 & MASK48)
        info = a3
    elif code == FILLED:
        extra(core, a1 & MASK48)
    elif code == THREAD_SWITCH:
        info, page = a0, a1
    elif code == THREAD_SPACE or code == LOCK_TRY:
        info = a1
    elif code == BARRIER_LEAVE:
        info = ONE
    return info, page & MASK32


@inline
def stop_at_mark(s):
    """Let the loop ask Python at its next look."""
    s[MARK_WANTED] = np.uint64(S.MARK_REACHED)
    s[S.BUDGET_END], s[S.BUDGET], s[S.LIMIT] = s[S.COUNT], s[S.COUNT] + s[S.OTHERS], ZERO


@helper
def say(core, code, a0, a1, a2, a3):
    """Do what one announcement with these arguments asks; unknown codes mean nothing.  THREAD_NAME's is physical."""
    if code == SERVICE_ENTER:
        service_enter(core, a0 & MASK32, ZERO)
    elif code == SERVICE_EXIT:
        service_exit(core)
    elif code == SERVICE_FOUND:
        service_found(core, a0 & MASK32, a1 & MASK32)
    elif code == THREAD_NAME:
        if a0 < THREADS:
            core.s[THREAD_NAMES + a0] = a1
    elif code < np.uint64(KIND_OF.size) and KIND_OF[code] != ZERO:
        info, page = subject(core, code, a0, a1, a2, a3)
        event(core, KIND_OF[code], info, page)
        if code >= TABLE_ALLOC and code <= TABLE_UNLINK:
            set_table(core, code, a0, a1, a2, a3)
        elif code == THREAD_SWITCH:
            thread_switch(core, a0, a1)
        elif code == THREAD_SPACE:
            thread_begin(core, a0)
        elif code == MARK_BEGIN and core.s[MARK_WANTED] == a0 + ONE:
            stop_at_mark(core.s)
