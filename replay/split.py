"""Splits: which references the first-level TLB of a model lacks, and what is done beyond it, as hooks of their own.

``replay.behind`` counts over what was noted to be lacking, where what lies behind leaves the first level alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw.second_level import SecondLevel
from replay.hw.stacks import Stacks, make_stacks
from replay.jit import by_reference, helper, inline, kernel, types_by_hook
from replay.kernel import MODE_SHIFT, PAYLOADS, REFILL, VCPU_MASK, At, Event, Reference, bind
from replay.trace.schema import Kind

NO_ACCESS = np.uint8(254)
"""In place of what cut an access off: a row that is none."""

ONE, WORDS = np.uint64(1), np.uint64(PAYLOADS)


def lacks(state: Any, at: Any, reference: Any) -> Any:
    """Hook: whether the first-level TLB lacks ``reference``, or a fault cut it off; what it holds is used."""
    raise TypeError(f"compiled code only: {state} {at} {reference}")


def beyond(state: Any, at: Any, reference: Any) -> Any:
    """Hook: what is done about a ``reference`` that the first-level TLB lacks."""
    raise TypeError(f"compiled code only: {state} {at} {reference}")


def follow(state: Any, at: Any, row: Any) -> Any:
    """Hook: what is done about the event ``row``."""
    raise TypeError(f"compiled code only: {state} {at} {row}")


_lacks: dict[type, Callable[..., Any]] = {}
_beyond: dict[type, Callable[..., Any]] = {}
_follow: dict[type, Callable[..., Any]] = {}
types_by_hook(lacks, _lacks)
types_by_hook(beyond, _beyond)
types_by_hook(follow, _follow)


class Split(NamedTuple):
    """A model's state in two more guises, and what it takes for them to do."""

    noting: type
    """The state with one field more, ``noted``: a ``Noted``, which takes what the first level lacks."""
    behind: type
    """The state to count over what was noted."""
    parameters: tuple[str, ...]
    """Prefixes of the parameters that lie behind the first level."""
    counters: tuple[str, ...]
    """The counters that those parameters can move."""
    follows: tuple[Kind | int, ...]
    """The events that may change what lies behind."""
    holds: Callable[[Mapping[str, Any]], bool]
    """Settings -> whether what lies behind leaves the first level alone."""
    hits: str
    """The counter of references that a second-level TLB serves, of which nothing further follows; '' for none."""


@by_reference
class Noted(NamedTuple):
    """References that a first level lacks, and the events that what lies behind follows, in order."""

    used: np.ndarray  # u64[2]: entries noted, and words of their payloads
    now: np.ndarray  # u64: row number shifted, as ``At.now``
    base: np.ndarray  # u32: as ``At.base``
    page: np.ndarray  # u32
    info: np.ndarray  # u16
    kind: np.ndarray  # u8
    context: np.ndarray  # u8: vCPU and mode, as rows have it
    skip: np.ndarray  # u8: as ``At.skip``
    cut_off: np.ndarray  # u8: as ``At.cut_off``; NO_ACCESS for an event
    payload: np.ndarray  # u64: PAYLOADS words for each event
    follows: np.ndarray  # u8[256] by kind: 1 for the events to note


def make_noted(guises: Split, room: int) -> Noted:
    """Nothing noted yet, and room for what ``room`` rows may give: an event and an access each."""
    follows = np.zeros(256, np.uint8)
    follows[list(guises.follows)] = 1
    kinds = (np.uint64, np.uint32, np.uint32, np.uint16, *[np.uint8] * 4)
    by_entry = (np.empty(2 * room, kind) for kind in kinds)
    return Noted._make([np.zeros(2, np.uint64), *by_entry, np.empty(room * PAYLOADS, np.uint64), follows])


def split(
    state: type,
    *,
    lacks: Callable[..., Any],
    beyond: Callable[..., Any],
    event: Callable[..., Any],
    parameters: tuple[str, ...],
    counters: tuple[str, ...],
    follows: tuple[Kind | int, ...],
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    hits: str = "",
) -> Split:
    """The guises of ``state``; the module that defines it has to call them ``Noting`` and ``Behind``.

    Compiled code is found again by these names.
    """
    fields = state._fields  # type: ignore[attr-defined]
    noting, behind = _tuple("Noting", state, (*fields, "noted")), _tuple("Behind", state, fields)
    _lacks[noting], _follow[noting] = lacks, event
    for guise in (noting, behind):
        _beyond[guise] = beyond
    _follow[behind] = event
    bind(noting, access=_note, event=_note_event)
    by_reference(behind)
    return Split(noting, behind, parameters, counters, follows, holds, hits)


def _tuple(name: str, state: type, fields: tuple[str, ...]) -> type:
    made = NamedTuple(name, [(field, Any) for field in fields])  # type: ignore[misc]
    made.__module__ = state.__module__
    return made


def with_stacks_in(state: Any, settings: Mapping[str, Any], lookups: int, made: list[Stacks]) -> Any:
    """``state`` with stacks in place of the second level in it, noted in ``made``."""
    if isinstance(state, SecondLevel):
        made.append(make_stacks(state, settings, lookups))
        return made[0]
    if not hasattr(state, "_fields"):
        return state
    return type(state)(*(with_stacks_in(field, settings, lookups, made) for field in state))


@inline
def _note(m, at, ref):
    """As the model does, and the reference is noted."""
    if lacks(m, at, ref):
        _append(m.noted, at, ref.kind, ref.info, ref.page, at.cut_off)
        beyond(m, at, ref)


@inline
def _note_event(m, at, row):
    """As the model does, and what lies behind will see the event again."""
    if m.noted.follows[np.uint64(row.kind)] != 0:
        word = m.noted.used[1]
        for number in range(WORDS):
            m.noted.payload[word + np.uint64(number)] = row.payload[np.uint64(number)]
        m.noted.used[1] = word + WORDS
        _append(m.noted, at, row.kind, row.info, row.page, NO_ACCESS)
    follow(m, at, row)


@helper
def _append(noted, at, kind, info, page, cut_off):
    entry = noted.used[0]
    noted.now[entry], noted.base[entry], noted.page[entry] = at.now, np.uint32(at.base), page
    noted.info[entry], noted.kind[entry], noted.skip[entry] = info, kind, at.skip
    noted.context[entry] = np.uint8(at.vcpu | at.mode << MODE_SHIFT)
    noted.cut_off[entry] = cut_off
    noted.used[0] = entry + ONE


@kernel
def count_noted(state, memory, noted, cell, refill, pairs, payload, first, last, word):
    """Count entries ``first`` to ``last`` (exclusive) of ``noted``; returns the first word of payload not used yet.

    What is ticked is ticked from ``cell`` (u32 by entry) on, and for misses from ``refill``; ``pairs`` are the trace's
    page pairs, ``payload`` (u64[PAYLOADS + 1]) is scratch and ``word`` what the call before returned.  Slices of
    instructions are nobody's business here: ``At.retired`` is 0.
    """
    for number in range(np.uint64(first), np.uint64(last)):
        entry = np.uint64(number)
        context, cut_off = np.uint64(noted.context[entry]), noted.cut_off[entry]
        vcpu = context & VCPU_MASK
        at = At(
            vcpu=vcpu,
            lane=vcpu * pairs,
            base=np.uint64(cell[entry]),
            refill=np.uint64(refill[entry]),
            now=noted.now[entry],
            mode=context >> MODE_SHIFT,
            skip=noted.skip[entry],
            recorded_refill=cut_off == REFILL,
            cut_off=cut_off,
            retired=np.int64(0),
            memory=memory,
        )
        kind, info, page = noted.kind[entry], noted.info[entry], noted.page[entry]
        if cut_off == NO_ACCESS:
            for part in range(WORDS):
                payload[np.uint64(part)] = noted.payload[word + np.uint64(part)]
            word += WORDS
            follow(state, at, Event(kind, info, page, payload))
        else:
            beyond(state, at, Reference(kind, info, page))
    return word
