"""The one generic count kernel.  A model's state chooses, by its type, what an access and an event do.

The kernel owns what all models share: which place each vCPU is in, the rows of replaced services that are skipped,
instructions, references and invocations by place, payload rows, the counters that the reaction table ticks by itself,
and slices of retired instructions.  The model's hooks do the rest.  Everything is carried from call to call, so
that a trace may be counted in pieces of any length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Inserted
from replay.jit import by_reference, helper, inline, kernel, likely, types_by_hook
from replay.memory import hooks, policy
from replay.memory.cached import Cached
from replay.memory.hooks import Flat
from replay.trace.schema import CAUSE_MASK, CTX_MODE_SHIFT, EVENT_FIRST, TOUCH_SHIFT, Cause, Kind, Mode, Touch
from replay.watch import NEVER, note, pause

INSTRUCTIONS, REFERENCES, INVOCATIONS, KERNEL_INSTRUCTIONS = (np.uint64(n) for n in range(4))
KEPT, REPLACED, REPLACED_REFILL = 0, 1, 2
"""Services: kept; replaced by the model; replaced refill, whose TLB writes and probes are the recorder's own too."""

PAYLOADS = PENDING = 4
"""Payload rows kept for the next row; the schema gives none more."""

NOBODY = np.uint64(255)
"""Context of no row: a mode that no vCPU has."""
NOW_SHIFT = np.uint64(10)
ACCESS_BITS = np.uint8(EVENT_FIRST.bit_length() - 1)
"""Bits that number the kinds of accesses: an event's kind has higher ones."""
ONE = np.uint64(1)
VCPU_MASK = np.uint64(15)
MODE_SHIFT = np.uint64(CTX_MODE_SHIFT)
USER = np.uint64(Mode.USER)
COMPLETED = np.uint8(255)
"""In place of a Cause: no exception cut the access off."""
EXTRA, EXCEPTION, SENSITIVE = int(Kind.EXTRA), int(Kind.EXCEPTION), int(Kind.SENSITIVE)
RETURN, TLB_WRITE, TLB_PROBE = int(Kind.RETURN), int(Kind.TLB_WRITE), int(Kind.TLB_PROBE)
SERVICE_ENTER, SERVICE_EXIT = int(Kind.SERVICE_ENTER), int(Kind.SERVICE_EXIT)
VCPU_SWITCH = int(Inserted.VCPU_SWITCH)
REFILL, NESTED_REFILL = int(Cause.REFILL), int(Cause.NESTED_REFILL)
FETCH, LOAD8, STORE8 = int(Kind.FETCH), int(Kind.LOAD8), int(Kind.STORE8)
TOUCH_FETCH, TOUCH_LOAD = int(Touch.FETCH), int(Touch.LOAD)


@by_reference
class Engine(NamedTuple):
    """What the kernel owns.  ``counts`` is [vcpu, place, counter] flat, with one counter more that nobody reads."""

    counts: np.ndarray  # i64
    place: np.ndarray  # u32[vcpus]: current place
    skip: np.ndarray  # u8 by place: KEPT, REPLACED or REPLACED_REFILL
    on_kind: np.ndarray  # u8[256]: counter that a row of this kind ticks
    on_cause: np.ndarray  # u8[32]: counter that an exception with this cause ticks
    on_sensitive: np.ndarray  # u8[256]: counter that an instruction of this class ticks
    site_class: np.ndarray  # u8 by site id: the instruction's class
    payload: np.ndarray  # u64[PAYLOADS + 1]; the last says how many are pending
    retired: np.ndarray  # i64[vcpus]: instructions of kept services
    slice_end: np.ndarray  # i64[vcpus]: value of ``retired`` at which the slice hook runs
    counters: np.uint64  # counters per place, the unread one included
    places: np.uint64
    refill: np.ndarray  # u32 by place: the place of the refill service that misses there are booked to
    pairs: np.uint64  # page pairs of the trace, 0 unused
    memory: Any  # a type of replay.memory
    watch: Any  # Watch of replay.watch


class At(NamedTuple):
    """Where the kernel is: hooks tick ``counts[at.base + counter]``."""

    vcpu: np.uint64
    lane: np.uint64  # first pair of the vCPU in arrays by vCPU and pair
    base: np.uint64
    refill: np.uint64  # base of the refill service
    now: np.uint64  # row number shifted: later rows have greater values
    mode: np.uint64  # the vCPU's Mode before the row
    skip: np.uint8  # of the current place
    recorded_refill: bool  # an access that the recorder's TLB missed: its restart is in the trace
    cut_off: np.uint8  # Cause of the exception that cut the access off, else COMPLETED
    retired: np.int64  # instructions of kept services that the vCPU retired before the row
    memory: Any  # the machine's, for references to page tables and the like


class Reference(NamedTuple):
    """A fetch, load or store; of one that an exception cut off, ``info`` is 0 and a load or store has 8 bytes."""

    kind: np.uint8
    info: np.uint16
    page: np.uint32


class Event(NamedTuple):
    """A row that is no access, with the payload of the rows before it."""

    kind: np.uint8
    info: np.uint16
    page: np.uint32
    payload: np.ndarray


def access(state: Any, at: Any, reference: Any) -> Any:
    """Hook: a ``Reference``, completed or cut off by an exception."""
    raise TypeError(f"compiled code only: {state} {at} {reference}")


def event(state: Any, at: Any, row: Any) -> Any:
    """Hook: the event ``row``, after the reaction table's counter ticked."""
    raise TypeError(f"compiled code only: {state} {at} {row}")


def slice_ended(state: Any, at: Any) -> Any:
    """Hook: the vCPU retired as many instructions as this hook asked for last; returns how many until the next."""
    raise TypeError(f"compiled code only: {state} {at}")


def moved(state: Any, at: Any, frame: Any) -> Any:
    """Hook: the pages of ``frame`` lie elsewhere; returns how many other vCPUs' TLBs held a translation to forget."""
    raise TypeError(f"compiled code only: {state} {at} {frame}")


_access: dict[type, Callable[..., Any]] = {}
_event: dict[type, Callable[..., Any]] = {}
_slice_ended: dict[type, Callable[..., Any]] = {}
_moved: dict[type, Callable[..., Any]] = {}
types_by_hook(access, _access)
types_by_hook(event, _event)
types_by_hook(slice_ended, _slice_ended)
types_by_hook(moved, _moved)


def _reach(memory: Any, state: Any, at: Any, reference: Any) -> Any:
    """A completed reference, to the model and then to what memory the machine has."""
    raise TypeError(f"compiled code only: {memory} {state} {at} {reference}")


def _happen(memory: Any, state: Any, at: Any, row: Any) -> Any:
    """An event, to the model and then to what memory the machine has."""
    raise TypeError(f"compiled code only: {memory} {state} {at} {row}")


@inline
def _reach_flat(_memory, state, at, reference):
    access(state, at, reference)


@inline
def _reach_cached(memory, state, at, reference):
    access(state, at, reference)
    frame = hooks.refer(memory, at, reference)
    if frame != 0:
        policy.interrupted(memory.policy, memory, at.base, moved(state, at, frame - np.uint64(1)))


@inline
def _happen_flat(_memory, state, at, row):
    event(state, at, row)


@inline
def _happen_cached(memory, state, at, row):
    event(state, at, row)
    hooks.follow(memory, at, row)


types_by_hook(_reach, {Flat: _reach_flat, Cached: _reach_cached})
types_by_hook(_happen, {Flat: _happen_flat, Cached: _happen_cached})


def bind(
    state: type,
    *,
    access: Callable[..., Any],
    event: Callable[..., Any],
    slice_ended: Callable[..., Any] | None = None,
    moved: Callable[..., Any] | None = None,
) -> None:
    """Bind a state type to its hooks; without ``slice_ended`` its time has no slices, without ``moved`` pages stay."""
    by_reference(state)
    _access[state], _event[state], _slice_ended[state] = access, event, slice_ended or _no_slices
    _moved[state] = moved or _stay


@inline
def _no_slices(_state, _at):
    return NEVER


@inline
def _stay(_state, _at, _frame):
    return np.uint64(0)


@inline
def in_refill(at):
    """``at`` within the refill service: a TLB miss of the model is booked there, whatever service it interrupts."""
    base = at.refill
    return At(
        at.vcpu, at.lane, base, base, at.now, at.mode, at.skip, at.recorded_refill, at.cut_off, at.retired, at.memory
    )


@inline
def tick(counts, at, counter):
    """Count one more of ``counter`` in the place of ``at``."""
    counts[at.base + np.uint64(counter)] += 1


@inline
def add(counts, at, counter, n):
    """Count ``n`` more of ``counter`` in the place of ``at``."""
    counts[at.base + np.uint64(counter)] += n


@inline
def _enter(engine, vcpu):
    """(base, base of its refill service, skip, instructions retired) of the place that ``vcpu`` is in."""
    place = np.uint64(engine.place[vcpu])
    first, refill = vcpu * engine.places, np.uint64(engine.refill[place])
    base, refill = (first + place) * engine.counters, (first + refill) * engine.counters
    return base, refill, engine.skip[place], engine.retired[vcpu]


@inline
def _settle(engine, context, base, skip, retired, references):
    """Write the tallies of a stretch in one place and mode; those of a replaced service are nobody's."""
    if context != NOBODY and skip == KEPT:
        vcpu = context & VCPU_MASK
        instructions = retired - engine.retired[vcpu]
        engine.counts[base + INSTRUCTIONS] += instructions
        engine.counts[base + REFERENCES] += references
        if context >> MODE_SHIFT != USER:
            engine.counts[base + KERNEL_INSTRUCTIONS] += instructions
        engine.retired[vcpu] = retired


@inline
def _keep(payload, page, info):
    """Keep a payload row for the next row."""
    pending = payload[PENDING]
    if pending < PAYLOADS:
        payload[pending] = np.uint64(page) | (np.uint64(info) << np.uint64(32))
        payload[PENDING] = pending + np.uint64(1)


@inline
def _table_counter(engine, kind, info, page):
    """The counter that the reaction table lets this row tick."""
    if kind == SENSITIVE:
        return np.uint64(engine.on_sensitive[np.uint64(engine.site_class[np.uint64(page)])])
    if kind == EXCEPTION:
        return np.uint64(engine.on_cause[np.uint64(info & CAUSE_MASK)])
    return np.uint64(engine.on_kind[np.uint64(kind)])


@inline
def _is_skipped(kind, skip):
    """Whether a row belongs to the work that the model replaces, rather than to what happened meanwhile."""
    if kind == SENSITIVE or kind == RETURN:
        return skip != KEPT
    return skip == REPLACED_REFILL and (kind == TLB_WRITE or kind == TLB_PROBE)


@inline
def _interrupted_access(info):
    """Whether an exception cut off an access of the guest, which emits no row; a nested refill's is the handler's."""
    return (info >> TOUCH_SHIFT) & 3 != 0 and info & CAUSE_MASK != NESTED_REFILL


@inline
def _on_row(at, row, retired):
    """``at`` on ``row``, before which the vCPU retired so many instructions."""
    now = row << NOW_SHIFT
    return At(
        at.vcpu, at.lane, at.base, at.refill, now, at.mode, at.skip, at.recorded_refill, at.cut_off, retired, at.memory
    )


@inline
def _cut_off(at, cause):
    """``at`` for the access that an exception of this ``cause`` cut off."""
    return At(
        at.vcpu, at.lane, at.base, at.refill, at.now, at.mode, at.skip, cause == REFILL, cause, at.retired, at.memory
    )


@inline
def _touched(info):
    """The access kind that an exception with this ``info`` cut off."""
    touch = info >> TOUCH_SHIFT & 3
    return np.uint8(FETCH if touch == TOUCH_FETCH else LOAD8 if touch == TOUCH_LOAD else STORE8)


@inline
def _refer(state, engine, columns, row, last, at, context, retired):
    """Charge the references from ``row`` on; returns the first row that is none of this context and slice, and retired.

    ``at`` is where the stretch is.  The loop is apart, so that LLVM keeps at hand what nearly all rows need.
    """
    end = engine.slice_end[at.vcpu]
    while row < last:
        kind = columns.kind[row]
        if not likely((np.uint64(columns.ctx[row]) ^ context) | np.uint64(kind >> ACCESS_BITS) == 0):
            break
        after = retired + columns.n[row]
        if not likely(after < end):
            break
        retired = after
        _reach(at.memory, state, _on_row(at, row, retired), Reference(kind, columns.info[row], columns.page[row]))
        row += ONE
    return row, retired


@inline
def _pass_over(columns, row, last, context):
    """As ``_refer``, of a replaced service: what it retires and refers to is nobody's."""
    while row < last:
        if (np.uint64(columns.ctx[row]) ^ context) | np.uint64(columns.kind[row] >> ACCESS_BITS) != 0:
            break
        row += ONE
    return row


@kernel
def count_rows(state, engine, columns, first, last):
    """Charge rows ``first`` to ``last`` (exclusive) of ``columns`` to ``state`` and ``engine``, whose watch notes."""
    while first < last:
        end = pause(engine.watch, last)
        _count_stretch(state, engine, columns, first, end)
        if end == engine.watch.row[np.uint64(engine.watch.taken[0])] + 1:
            note(engine.watch, engine.counts, engine.places, engine.counters)
        first = end


@helper
def _count_stretch(state, engine, columns, first, last):
    """Charge rows ``first`` to ``last`` (exclusive), none of which but the last is watched.

    ``retired`` is what the vCPU of the context (vCPU and mode) that the rows are in retired of kept services.
    """
    context, vcpu, lane, base, refill = NOBODY, np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    skip, retired, references = np.uint8(KEPT), np.int64(0), np.int64(0)
    row, last = np.uint64(first), np.uint64(last)
    while row < last:
        this = np.uint64(columns.ctx[row])
        if this != context:
            _settle(engine, context, base, skip, retired, references)
            context, vcpu, references = this, this & VCPU_MASK, np.int64(0)
            lane = vcpu * engine.pairs
            base, refill, skip, retired = _enter(engine, vcpu)
        mode, memory = context >> MODE_SHIFT, engine.memory
        at = At(vcpu, lane, base, refill, np.uint64(0), mode, skip, False, COMPLETED, np.int64(0), memory)
        if skip == KEPT:
            references -= np.int64(row)
            row, retired = _refer(state, engine, columns, row, last, at, context, retired)
            references += np.int64(row)
        else:
            row = _pass_over(columns, row, last, context)
        if row >= last or np.uint64(columns.ctx[row]) != context:
            continue
        if skip == KEPT:
            retired += columns.n[row]
        at = _on_row(at, row, retired)
        if skip == KEPT and retired >= engine.slice_end[vcpu]:
            _settle(engine, context, base, skip, retired, references)
            references = np.int64(0)
            engine.slice_end[vcpu] += slice_ended(state, at)
            retired -= columns.n[row]  # the row comes again
            continue
        kind, page, info = columns.kind[row], columns.page[row], columns.info[row]
        row += ONE
        if kind == SERVICE_ENTER or kind == SERVICE_EXIT:
            _settle(engine, context, base, skip, retired, references)
            references = np.int64(0)
            engine.place[vcpu] = page
            base, refill, skip, retired = _enter(engine, vcpu)
            if kind == SERVICE_ENTER and skip != REPLACED_REFILL:
                engine.counts[base + INVOCATIONS] += 1
        elif kind == EXTRA:
            _keep(engine.payload, page, info)
        elif not _is_skipped(kind, skip):
            engine.counts[base + _table_counter(engine, kind, info, page)] += 1
            _happen(memory, state, at, Event(kind, info, page, engine.payload))
            if kind == VCPU_SWITCH:  # the switch itself is booked to the virtual CPU that leaves
                _settle(engine, context, base, skip, retired, references)
                references = np.int64(0)
                engine.place[vcpu] = page
                base, refill, skip, retired = _enter(engine, vcpu)
        if kind != EXTRA and engine.payload[PENDING] != 0:
            engine.payload[:] = 0  # used up: what the next row lacks reads as 0
        if kind == EXCEPTION and _interrupted_access(info):
            access(state, _cut_off(at, np.uint8(info & CAUSE_MASK)), Reference(_touched(info), np.uint16(0), page))
    _settle(engine, context, base, skip, retired, references)
