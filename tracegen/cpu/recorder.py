"""Emission of trace rows.  Every function does nothing but its bookkeeping when no trace is recorded.

A row's n counts the instructions retired since the last row with n; definition and EXTRA rows carry none.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import FOUND_TO_BE, Kind, Segment
from tracegen.cpu import state as S

U32, U12, U16, U48 = np.uint64(32), np.uint64(12), np.uint64(16), np.uint64(48)
ZERO, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
MASK48, MASK16, MASK32 = np.uint64((1 << 48) - 1), np.uint64(0xFFFF), np.uint64(0xFFFFFFFF)
MIX1, MIX2, MIX_SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(40)
SLOT_MASK = np.uint64(S.IDS - 1)
EXTRA, PAGE, SITE, SENSITIVE = (np.uint64(k) for k in (Kind.EXTRA, Kind.PAGE, Kind.SITE, Kind.SENSITIVE))
ENTER, EXIT = np.uint64(Kind.SERVICE_ENTER), np.uint64(Kind.SERVICE_EXIT)
FOUND = np.uint64(FOUND_TO_BE)
BY_EXCEPTION = np.uint64(1 << 32)
UNMAPPED_SPACE = np.uint64(0)
MAPPED = np.uint64(Segment.MAPPED)


@inline
def put(core, kind, info, page):
    """Append one row that counts no instructions."""
    s = core.s
    if s[S.RECORDING]:
        at = s[S.POSITION]
        core.rows[at] = kind | s[S.MODE] << U12 | s[S.VCPU_BITS] | (info & MASK16) << U16 | page << U32
        core.counts[at] = 0
        s[S.POSITION] = at + ONE


@inline
def event(core, kind, info, page):
    """Append one row that counts the instructions retired so far (never more than two lines' worth)."""
    s = core.s
    if s[S.RECORDING]:
        at = s[S.POSITION]
        put(core, kind, info, page)
        core.counts[at] = np.uint8(s[S.COUNT] - s[S.LAST])
        s[S.LAST] = s[S.COUNT]


@inline
def extra(core, payload):
    """Append 48 payload bits of the row to come."""
    put(core, EXTRA, payload >> U32, payload & MASK32)


@inline
def find(core, key, space):
    """The hash slot where (key, space) is, or would go."""
    ids = core.ids
    slot = ((key * MIX1) ^ (space * MIX2)) >> MIX_SHIFT & SLOT_MASK
    while True:
        used = ids[slot * TWO + ONE]
        if used == 0 or (used & ~MASK32 == space << U32 and ids[slot * TWO] == key):
            return slot
        slot = (slot + ONE) & SLOT_MASK


@inline
def remember(core, slot, key, space, value):
    """Store the 32-bit ``value`` of (key, space) in its slot."""
    if core.ids[slot * TWO + ONE] == 0:
        core.s[S.IDS_USED] += ONE
    core.ids[slot * TWO] = key
    core.ids[slot * TWO + ONE] = space << U32 | value


@helper
def page_id(core, vpn, space, segment):
    """The id of virtual page ``vpn`` of ``space``, defined by a PAGE row first if it is new."""
    slot = find(core, vpn, space)
    known = core.ids[slot * TWO + ONE]
    if known:
        return known & MASK32
    s = core.s
    fresh = s[S.NEXT_PAGE]
    s[S.NEXT_PAGE] = fresh + ONE
    remember(core, slot, vpn, space, fresh)
    extra(core, vpn & MASK48)
    extra(core, vpn >> U48 | space << np.uint64(4))
    put(core, PAGE, segment, fresh)
    return fresh


@inline
def mapped_page_id(core, va, is_global):
    """The id of the page of ``va`` in a mapped segment; 0 when no trace is recorded."""
    s = core.s
    if s[S.RECORDING] == 0:
        return np.uint64(0)
    return page_id(core, va >> U12, UNMAPPED_SPACE if is_global else s[S.SPACE], MAPPED)


@helper
def sensitive(core, klass, register, changed):
    """Emit the SENSITIVE row of the privileged instruction at PC, defining its site at its first execution."""
    s = core.s
    if s[S.RECORDING] == 0:
        return
    pc = s[S.PC]
    space = SITE_SPACE | klass << U16 | register
    slot = find(core, pc, space)
    known = core.ids[slot * TWO + ONE] & MASK32
    if known == 0:
        known = s[S.NEXT_SITE]
        s[S.NEXT_SITE] = known + ONE
        remember(core, slot, pc, space, known)
        extra(core, pc & MASK48)
        extra(core, pc >> U48 | register << U16)
        put(core, SITE, klass, known)
    event(core, SENSITIVE, changed, known)


SITE_SPACE, TABLE_SPACE = np.uint64(1 << 31), np.uint64(1 << 30)
"""Marks in a hash key's space that keep sites and table links apart from pages."""


@inline
def table_frame(core, space, group):
    """The frame + 1 of the leaf table that maps pages 512 * group.. of ``space``; 0 if none is linked."""
    return core.ids[find(core, group, TABLE_SPACE | space) * TWO + ONE] & MASK32


@inline
def link_table(core, space, group, value):
    """Set what ``table_frame`` finds.

    Where too many ids are in use for the run to go on nothing new is kept: ``find`` ends at a free slot alone.
    """
    key = TABLE_SPACE | space
    slot = find(core, group, key)
    if core.s[S.IDS_USED] <= S.IDS_LIMIT or core.ids[slot * TWO + ONE]:
        remember(core, slot, group, key, value)


@inline
def service_enter(core, service, flag):
    """Open a service on this vCPU's stack and say so."""
    s = core.s
    depth = s[S.DEPTH]
    if depth < S.STACK_DEPTH:
        s[np.uint64(S.STACK) + depth] = service | flag
        s[S.DEPTH] = depth + ONE
    event(core, ENTER, ZERO, service)


@inline
def current_service(core):
    """The id of the service open now; USER when the stack is empty."""
    s = core.s
    depth = s[S.DEPTH]
    return s[np.uint64(S.STACK) + depth - ONE] & MASK32 if depth else ZERO


@inline
def service_found(core, service, taken_for):
    """The innermost service, if it was taken for another one, is ``service`` from its beginning; say so."""
    s = core.s
    top = np.uint64(S.STACK) + s[S.DEPTH] - ONE
    if s[S.DEPTH] and s[top] & MASK32 == taken_for:
        s[top] = s[top] & ~MASK32 | service
        event(core, ENTER, FOUND, service)


@inline
def service_exit(core):
    """Close the innermost service and say which is current again."""
    s = core.s
    if s[S.DEPTH]:
        s[S.DEPTH] -= ONE
    event(core, EXIT, ZERO, current_service(core))


@inline
def thread_place(thread):
    """Where the services of a guest thread are kept while it does not run."""
    return np.uint64(S.THREAD_STACKS) + thread * np.uint64(S.THREAD_WORDS)


@helper
def thread_begin(core, thread):
    """A thread that does not run yet will begin in the service that makes it."""
    s = core.s
    if thread < S.THREADS and thread != s[S.THREAD]:
        place = thread_place(thread)
        s[place], s[place + ONE] = ONE, current_service(core)


@inline
def move_services(s, to, start, depth):
    """Copy ``depth`` places of the service stack."""
    for i in range(depth):
        s[to + np.uint64(i)] = s[start + np.uint64(i)]


@helper
def thread_switch(core, before, after):
    """Keep what ``before`` has open, go on in what ``after`` had open when it stopped, and say which is current."""
    s, stack = core.s, np.uint64(S.STACK)
    if before < S.THREADS:
        place = thread_place(before)
        s[place] = s[S.DEPTH]
        move_services(s, place + ONE, stack, s[S.DEPTH])
    s[S.DEPTH], s[S.THREAD] = ZERO, after
    if after < S.THREADS:
        place = thread_place(after)
        s[S.DEPTH] = s[place]
        move_services(s, stack, place + ONE, s[S.DEPTH])
    put(core, EXIT, ZERO, current_service(core))


@inline
def close_exception(core, to_user):
    """Drop the services opened inside the innermost exception and the exception's own; all, on a return to user."""
    s = core.s
    while s[S.DEPTH]:
        s[S.DEPTH] -= ONE
        if not to_user and s[np.uint64(S.STACK) + s[S.DEPTH]] & BY_EXCEPTION:
            break
