"""Synthesize: a stated rule stands in for events that a trace lacks, when the user asks for it by name."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns
from replay.count import SUPPLIED
from replay.errors import UserError, unknown
from replay.idle import find_moments
from replay.prepare import Prepared
from replay.trace.schema import (
    CTX_MODE_SHIFT,
    ENTRY_EXECUTE,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_USER,
    ENTRY_VALID,
    ENTRY_WRITE,
    EVENT_FIRST,
    PAGE_SHIFT,
    TOUCH_SHIFT,
    Cause,
    Kind,
    Mode,
    Segment,
    Touch,
)

RIGHTS = ENTRY_VALID | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_USER | ENTRY_EXECUTE
REGION_MASK = np.uint64(511)
VCPU_MASK = 15
LOW_32, LOW_48, KERNEL = (1 << 32) - 1, (1 << 48) - 1, int(Mode.KERNEL) << CTX_MODE_SHIFT

RULES = {
    "first-touch": (
        "the first access to a page faults, its kernel stores an entry that maps the page to the next free frame, and a"
        " leaf table is made for the first page of its 2 MB; an access to another address space than the last follows"
        " a base switch; the kernel's own instructions, privileged instructions, interrupts and devices are left out"
    ),
}
"""Name -> what it takes for the guest's."""

Row = tuple[int, int, int, int]
"""kind, ctx, info, page of a row to be inserted."""


class _Frames(NamedTuple):
    """Frames given out so far: of tables, by the number of their region, and how many in all."""

    tables: dict[int, int]
    given: list[int]

    def next(self) -> int:
        self.given[0] += 1
        return self.given[0] - 1


def synthesize(prepared: Prepared, rule: str) -> Prepared:
    """``prepared`` with the rows that ``rule`` stands in with; it says so in ``synthesized``.

    Raises UserError for an unknown rule and for a trace that has page-table events of its own.
    """
    if rule not in RULES:
        raise unknown("rule", rule, RULES)
    if "access" not in prepared.meta.groups:
        raise UserError(f"--synthesize {rule} needs a trace with accesses, and this one has none; record or import one")
    if "translation" in prepared.meta.groups:
        raise UserError(f"this trace has page-table events of its own; leave --synthesize {rule} out")
    columns = prepared.columns
    frames = _Frames({}, [0])
    new: list[tuple[int, Row]] = []
    for row, is_switch in _wanted(prepared):
        rows = _switch(prepared, row) if is_switch else _first_touch(prepared, row, frames)
        new += [(row, inserted) for inserted in rows]
    meta = dataclasses.replace(
        prepared.meta,
        groups=tuple(dict.fromkeys((*prepared.meta.groups, *SUPPLIED))),
        memory_bytes=max(prepared.meta.memory_bytes, frames.given[0] << PAGE_SHIFT),
    )
    inserted = _insert(columns, new)
    return prepared._replace(
        meta=meta,
        columns=inserted,
        moments=find_moments(inserted),
        digest=f"{prepared.digest}+{rule}",
        synthesized=f"{rule}: {RULES[rule]}",
    )


def _wanted(prepared: Prepared) -> list[tuple[int, bool]]:
    """Rows before which something happens, in order: first touches (False) and, before them, base switches (True)."""
    columns, pages = prepared.columns, prepared.pages
    access = np.flatnonzero((columns.kind < EVENT_FIRST) & (pages.segment[columns.page] == Segment.MAPPED))
    page = columns.page[access]
    first = np.full(pages.vpn.size, -1, np.int64)
    first[page[::-1]] = access[::-1]
    switched: list[np.ndarray] = []
    for vcpu in range(prepared.meta.vcpus):
        mine = access[(columns.ctx[access] & VCPU_MASK == vcpu) & (pages.space[page] != 0)]
        space = pages.space[columns.page[mine]]
        switched.append(mine[np.flatnonzero(np.diff(space, prepend=0))])
    wanted = [(int(row), True) for rows in switched for row in rows]
    wanted += [(int(row), False) for row in first if row >= 0]
    return sorted(wanted, key=lambda one: (one[0], not one[1]))


def _switch(prepared: Prepared, row: int) -> list[Row]:
    space = int(prepared.pages.space[prepared.columns.page[row]])
    return [(Kind.BASE_SWITCH, _kernel(prepared, row), 0, space)]


def _first_touch(prepared: Prepared, row: int, frames: _Frames) -> list[Row]:
    """A fault, a leaf table where there is none, the entry, and the return to the access."""
    columns, pages = prepared.columns, prepared.pages
    page, ctx, kernel = int(columns.page[row]), int(columns.ctx[row]), _kernel(prepared, row)
    touch = _touch(int(columns.kind[row]))
    made: list[Row] = [(Kind.EXCEPTION, ctx, Cause.NOT_PRESENT | touch << TOUCH_SHIFT, page)]
    region = int(pages.leaf[page])
    if region not in frames.tables:
        table = frames.tables[region] = frames.next()
        start = int(pages.vpn[page] & ~REGION_MASK)
        made.append((Kind.TABLE_ALLOC, kernel, 0, table))
        made += [_extra(kernel, start & LOW_48), _extra(kernel, int(pages.space[page]))]
        made.append((Kind.TABLE_LINK, kernel, 0, table))
    entry = frames.next() << ENTRY_FRAME_SHIFT | RIGHTS
    made += [_extra(kernel, value) for value in (0, entry, frames.tables[region])]
    made.append((Kind.ENTRY, kernel, int(pages.vpn[page] & REGION_MASK), page))
    return [*made, (Kind.RETURN, kernel, ctx >> CTX_MODE_SHIFT, 0)]


def _kernel(prepared: Prepared, row: int) -> int:
    return int(prepared.columns.ctx[row]) & VCPU_MASK | KERNEL


def _touch(kind: int) -> Touch:
    if kind == Kind.FETCH:
        return Touch.FETCH
    return Touch.LOAD if kind <= Kind.LOAD8 else Touch.STORE


def _extra(ctx: int, value: int) -> Row:
    return Kind.EXTRA, ctx, value >> 32 & 0xFFFF, value & LOW_32


def _insert(columns: Columns, new: list[tuple[int, Row]]) -> Columns:
    """``columns`` with each of ``new`` before the row that it names; nothing retires in them."""
    places = np.array([row for row, _ in new], np.int64)
    fields: dict[str, Any] = {name: np.array([row[k] for _, row in new]) for k, name in enumerate(Columns._fields[:4])}
    fields["n"] = np.zeros(len(new), np.int64)
    made = []
    for name in Columns._fields:
        column = getattr(columns, name)
        grown = np.insert(column, places, fields[name].astype(column.dtype))
        grown.flags.writeable = False
        made.append(grown)
    return Columns(*made)
