"""The one generic count kernel.  A model's state chooses, by its type, what an access and an event do.

The kernel owns what all models share: which service each vCPU is in, the rows of replaced services that are
skipped, instructions and references by service, payload rows, the counters that the reaction table ticks by itself,
and slices of retired instructions.  The model's hooks do the rest.  Everything is carried from call to call, so
that a trace may be counted in pieces of any length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline, kernel, types_by_hook
from replay.trace.schema import EVENT_FIRST, Kind

INSTRUCTIONS, REFERENCES = np.uint64(0), np.uint64(1)
KEPT, REPLACED, REPLACED_REFILL = 0, 1, 2
"""Services: kept; replaced by the model; replaced refill, whose TLB writes and probes are the recorder's own too."""

NEVER = np.int64(2**62)
"""A number of instructions that no trace reaches."""

PAYLOADS = 4
"""Payload rows kept for the next row; the schema gives none more."""

NO_VCPU = np.uint64(255)
NOW_SHIFT = np.uint64(10)
VCPU_MASK = 15
EXTRA, EXCEPTION, SENSITIVE = int(Kind.EXTRA), int(Kind.EXCEPTION), int(Kind.SENSITIVE)
RETURN, TLB_WRITE, TLB_PROBE = int(Kind.RETURN), int(Kind.TLB_WRITE), int(Kind.TLB_PROBE)
SERVICE_ENTER, SERVICE_EXIT = int(Kind.SERVICE_ENTER), int(Kind.SERVICE_EXIT)
CAUSES = 31


class Engine(NamedTuple):
    """What the kernel owns.  ``counts`` is [vcpu, service, counter] flat, with one counter more that nobody reads."""

    counts: np.ndarray  # i64
    service: np.ndarray  # u32[vcpus]: current service, as an index into the services
    index: np.ndarray  # u32 by service id: that index
    skip: np.ndarray  # u8 by service index: KEPT, REPLACED or REPLACED_REFILL
    on_kind: np.ndarray  # u8[256]: counter that a row of this kind ticks
    on_cause: np.ndarray  # u8[32]: counter that an exception with this cause ticks
    on_sensitive: np.ndarray  # u8[256]: counter that an instruction of this class ticks
    site_class: np.ndarray  # u8 by site id: the instruction's class
    payload: np.ndarray  # u64[PAYLOADS]
    payloads: np.ndarray  # i64[1]: how many are pending
    retired: np.ndarray  # i64[vcpus]: instructions of kept services
    slice_end: np.ndarray  # i64[vcpus]: value of ``retired`` at which the slice hook runs
    counters: np.uint64  # counters per service, the unread one included
    services: np.uint64


class At(NamedTuple):
    """Where the kernel is: hooks tick ``counts[at.base + counter]``."""

    vcpu: np.uint64
    base: np.uint64
    now: np.uint64  # row number shifted: later rows have greater values
    skip: np.uint8  # of the current service


class Event(NamedTuple):
    """A row that is no access, with the payload of the rows before it."""

    kind: np.uint8
    info: np.uint16
    page: np.uint32
    payload: np.ndarray


def access(state: Any, at: Any, page: Any) -> Any:
    """Hook: a reference to page id ``page`` by a service that is not replaced."""
    raise TypeError(f"compiled code only: {state} {at} {page}")


def event(state: Any, at: Any, row: Any) -> Any:
    """Hook: the event ``row``, after the reaction table's counter ticked."""
    raise TypeError(f"compiled code only: {state} {at} {row}")


def slice_ended(state: Any, at: Any) -> Any:
    """Hook: the vCPU retired as many instructions as this hook asked for last; returns how many until the next."""
    raise TypeError(f"compiled code only: {state} {at}")


_access: dict[type, Callable[..., Any]] = {}
_event: dict[type, Callable[..., Any]] = {}
_slice_ended: dict[type, Callable[..., Any]] = {}
types_by_hook(access, _access)
types_by_hook(event, _event)
types_by_hook(slice_ended, _slice_ended)


def bind(
    state: type, *, access: Callable[..., Any], event: Callable[..., Any], slice_ended: Callable[..., Any] | None = None
) -> None:
    """Bind a state type to its hooks; without ``slice_ended`` the model's time has no slices."""
    _access[state], _event[state], _slice_ended[state] = access, event, slice_ended or _no_slices


@inline
def _no_slices(state, at):
    return NEVER


@inline
def tick(state, at, counter):
    """Count one more of ``counter`` in the current service of ``at.vcpu``."""
    state.counts[at.base + np.uint64(counter)] += 1


@inline
def add(state, at, counter, n):
    """Count ``n`` more of ``counter`` in the current service of ``at.vcpu``."""
    state.counts[at.base + np.uint64(counter)] += n


@inline
def _base(engine, vcpu):
    return (vcpu * engine.services + np.uint64(engine.service[vcpu])) * engine.counters


@inline
def _settle(engine, vcpu, base, skip, instructions, references):
    """Write the tallies of a stretch in one service; those of a replaced service are nobody's."""
    if vcpu != NO_VCPU and skip == KEPT:
        engine.counts[base + INSTRUCTIONS] += instructions
        engine.counts[base + REFERENCES] += references
        engine.retired[vcpu] += instructions


@inline
def _limit(engine, vcpu, skip):
    return engine.slice_end[vcpu] - engine.retired[vcpu] if skip == KEPT else NEVER


@inline
def _table_tick(engine, base, kind, info, page):
    """Tick the counter that the reaction table gives this row."""
    if kind == SENSITIVE:
        counter = engine.on_sensitive[np.uint64(engine.site_class[np.uint64(page)])]
    elif kind == EXCEPTION:
        counter = engine.on_cause[np.uint64(info & CAUSES)]
    else:
        counter = engine.on_kind[np.uint64(kind)]
    engine.counts[base + np.uint64(counter)] += 1


@inline
def _is_skipped(kind, skip):
    """Whether a row belongs to the work that the model replaces, rather than to what happened meanwhile."""
    if kind == SENSITIVE or kind == RETURN:
        return skip != KEPT
    return skip == REPLACED_REFILL and (kind == TLB_WRITE or kind == TLB_PROBE)


@inline
def _consume(engine):
    """Payload belongs to one row; the next has none left over."""
    if engine.payloads[0] != 0:
        engine.payload[:] = 0
        engine.payloads[0] = 0


@kernel
def count_rows(state, engine, columns, first, last):
    """Charge rows ``first`` to ``last`` (exclusive) of ``columns`` to ``state`` and ``engine``."""
    vcpu, base, skip, limit = NO_VCPU, np.uint64(0), np.uint8(KEPT), NEVER
    instructions, references = np.int64(0), np.int64(0)
    for row in range(np.uint64(first), np.uint64(last)):
        this = np.uint64(columns.ctx[row] & VCPU_MASK)
        if this != vcpu:
            _settle(engine, vcpu, base, skip, instructions, references)
            vcpu, instructions, references = this, np.int64(0), np.int64(0)
            base, skip = _base(engine, vcpu), engine.skip[np.uint64(engine.service[vcpu])]
            limit = _limit(engine, vcpu, skip)
        instructions += columns.n[row]
        if instructions >= limit:
            _settle(engine, vcpu, base, skip, instructions, references)
            instructions, references = np.int64(0), np.int64(0)
            engine.slice_end[vcpu] += slice_ended(state, At(vcpu, base, row << NOW_SHIFT, skip))
            limit = _limit(engine, vcpu, skip)
        kind, page = columns.kind[row], columns.page[row]
        if kind < EVENT_FIRST:
            if skip == KEPT:
                references += 1
                access(state, At(vcpu, base, row << NOW_SHIFT, skip), page)
        elif kind == EXTRA:
            pending = np.uint64(engine.payloads[0])
            if pending < PAYLOADS:
                engine.payload[pending] = np.uint64(page) | (np.uint64(columns.info[row]) << np.uint64(32))
                engine.payloads[0] += 1
        elif kind == SERVICE_ENTER or kind == SERVICE_EXIT:
            _settle(engine, vcpu, base, skip, instructions, references)
            instructions, references = np.int64(0), np.int64(0)
            engine.service[vcpu] = engine.index[np.uint64(page)]
            base, skip = _base(engine, vcpu), engine.skip[np.uint64(engine.service[vcpu])]
            limit = _limit(engine, vcpu, skip)
            _consume(engine)
        else:
            if not _is_skipped(kind, skip):
                _table_tick(engine, base, kind, columns.info[row], page)
                at = At(vcpu, base, row << NOW_SHIFT, skip)
                event(state, at, Event(kind, columns.info[row], page, engine.payload))
            _consume(engine)
    _settle(engine, vcpu, base, skip, instructions, references)
