"""The two passes over a trace's rows behind ``prepare``: take the definitions out and check, then renumber the pages.

Neither needs more than a batch of rows in memory: the rows that stay go where they will lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns, Inserted
from replay.errors import UserError
from replay.jit import inline, kernel
from replay.mapped import chunks
from replay.trace.container import REMEDY
from replay.trace.meta import MAX_SERVICES, TraceMeta
from replay.trace.schema import (
    CTX_MODE_SHIFT,
    EVENT_FIRST,
    FRAME_KINDS,
    PAGE_ID_KINDS,
    PAGE_SHIFT,
    TOUCH_SHIFT,
    Kind,
)

LAST_ACCESS = int(Kind.STORE8)
EXTRA, PAGE, SITE = int(Kind.EXTRA), int(Kind.PAGE), int(Kind.SITE)
EXCEPTION, SENSITIVE = int(Kind.EXCEPTION), int(Kind.SENSITIVE)
SERVICE_ENTER, SERVICE_EXIT = int(Kind.SERVICE_ENTER), int(Kind.SERVICE_EXIT)
VCPU_SWITCH = int(Inserted.VCPU_SWITCH)

OK, BAD_VCPU, UNKNOWN_PAGE, OUT_OF_ORDER, NO_EXTRA, BAD_SEGMENT = range(6)
UNKNOWN_SITE, UNKNOWN_SERVICE, BAD_ACCESS, BAD_MODE, BAD_FRAME, BAD_KIND = range(6, 12)
FAULTS = {
    BAD_VCPU: "vCPU beyond the metadata's vcpus",
    UNKNOWN_PAGE: "page id used before its PAGE row",
    OUT_OF_ORDER: "PAGE or SITE row with ids out of order",
    NO_EXTRA: "PAGE or SITE row without its EXTRA rows",
    BAD_SEGMENT: "unknown segment",
    UNKNOWN_SITE: "site id used before its SITE row",
    UNKNOWN_SERVICE: "service id not in the metadata's services",
    BAD_ACCESS: "unknown access kind",
    BAD_MODE: "unknown mode",
    BAD_FRAME: "frame beyond the metadata's memory_bytes",
    BAD_KIND: "kind of row that no file holds",
}
"""What the scan may find wrong with a row."""


class Scan(NamedTuple):
    """Definitions found in a trace, indexed by trace id; index 0 is unused."""

    vpn: np.ndarray  # u64
    space: np.ndarray  # u32
    segment: np.ndarray  # u8
    site_class: np.ndarray  # u8
    site_register: np.ndarray  # u32
    site_pc: np.ndarray  # u64


SCAN_TYPES = (np.uint64, np.uint32, np.uint8, np.uint8, np.uint32, np.uint64)


class _Limits(NamedTuple):
    vcpus: int
    service: np.ndarray  # u8 by service id: 1 where the metadata names it
    page_id: np.ndarray  # u8 by kind: 1 where the page column is always a page id
    frame: np.ndarray  # u8 by kind: 1 where the page column is a frame
    frames: int
    where: np.ndarray  # i64[1]: row of the first fault


class _Pending(NamedTuple):
    payload: np.ndarray  # u64[4], EXTRA rows since the last other row
    seen: np.ndarray  # i64[3]: how many of those, pages defined, sites defined
    kept: np.ndarray  # u64[1]: rows that stay, the EXTRA rows that may yet go among them


@inline
def _define_page(found: Any, pending: Any, page: int, segment: int) -> Any:
    pending.seen[1] += 1
    if page != pending.seen[1]:
        return OUT_OF_ORDER
    if pending.seen[0] < 2:
        return NO_EXTRA
    if segment > 3:
        return BAD_SEGMENT
    at = np.uint64(page)
    high = pending.payload[1]
    found.vpn[at] = pending.payload[0] | ((high & np.uint64(15)) << np.uint64(48))
    found.space[at] = np.uint32(high >> np.uint64(4))
    found.segment[at] = segment
    return OK


@inline
def _define_site(found: Any, pending: Any, site: int, klass: int) -> Any:
    pending.seen[2] += 1
    if site != pending.seen[2]:
        return OUT_OF_ORDER
    if pending.seen[0] < 2:
        return NO_EXTRA
    at = np.uint64(site)
    high = pending.payload[1]
    found.site_class[at] = min(klass, 255)
    found.site_pc[at] = pending.payload[0] | ((high & np.uint64(0xFFFF)) << np.uint64(48))
    found.site_register[at] = np.uint32(high >> np.uint64(16))
    return OK


@inline
def _check_event(kind: int, page: int, info: int, limits: Any, pending: Any) -> Any:
    if kind == VCPU_SWITCH:
        return BAD_KIND
    if kind == SENSITIVE:
        return OK if 1 <= page <= pending.seen[2] else UNKNOWN_SITE
    if kind == SERVICE_ENTER or kind == SERVICE_EXIT:
        known = page < limits.service.size and limits.service[np.uint64(page)] != 0
        return OK if known else UNKNOWN_SERVICE
    if limits.page_id[np.uint64(kind)] != 0:
        return OK if page <= pending.seen[1] else UNKNOWN_PAGE
    if limits.frame[np.uint64(kind)] != 0:
        return OK if page < limits.frames else BAD_FRAME
    if kind == EXCEPTION and (info >> TOUCH_SHIFT) & 3 != 0:
        return OK if 1 <= page <= pending.seen[1] else UNKNOWN_PAGE
    return OK


@inline
def _check_context(ctx: int, limits: Any) -> Any:
    if ctx & 15 >= limits.vcpus:
        return BAD_VCPU
    return OK if ctx >> CTX_MODE_SHIFT <= 2 else BAD_MODE


@inline
def _check_access(kind: int, page: int, pending: Any) -> Any:
    if kind > LAST_ACCESS:
        return BAD_ACCESS
    return OK if 1 <= page <= pending.seen[1] else UNKNOWN_PAGE


@inline
def _keep(out: Any, kept: Any, rows: Any, row: Any) -> None:
    at = kept[0]
    out.kind[at], out.ctx[at], out.info[at] = rows.kind[row], rows.ctx[row], rows.info[row]
    out.page[at], out.n[at] = rows.page[row], rows.n[row]
    kept[0] = at + np.uint64(1)


@kernel
def _take(rows: Columns, found: Scan, limits: _Limits, pending: _Pending, out: Columns) -> Any:
    """Collect definitions, check every index, put the other rows into ``out``; the code of the first fault, or OK."""
    for i in range(rows.kind.size):
        limits.where[0] = i
        kind, page, info = np.int64(rows.kind[i]), np.int64(rows.page[i]), np.int64(rows.info[i])
        code, defines = _check_context(np.int64(rows.ctx[i]), limits), kind == PAGE or kind == SITE
        if code == OK and kind < EVENT_FIRST:
            code = _check_access(kind, page, pending)
        elif code == OK and kind == EXTRA:
            if pending.seen[0] < 4:
                pending.payload[np.uint64(pending.seen[0])] = np.uint64(page) | (np.uint64(info) << np.uint64(32))
            pending.seen[0] += 1
            _keep(out, pending.kept, rows, i)
            continue
        elif code == OK and kind == PAGE:
            code = _define_page(found, pending, page, info)
        elif code == OK and kind == SITE:
            code = _define_site(found, pending, page, info)
        elif code == OK:
            code = _check_event(kind, page, info, limits, pending)
        if code != OK:
            return code
        if defines:
            pending.kept[0] -= np.uint64(pending.seen[0])
        else:
            _keep(out, pending.kept, rows, i)
        pending.seen[0] = 0
    return OK


@inline
def _holds_page_id(kind: int, info: int, page_id: Any) -> Any:
    if kind == EXCEPTION:
        return (info >> TOUCH_SHIFT) & 3 != 0
    return page_id[np.uint64(kind)] != 0


@kernel
def _renumber(rows: Columns, ids: Any, page_id: Any, first: int, last: int) -> None:
    """Replace the page ids in rows ``first`` to ``last`` (exclusive)."""
    for i in range(np.uint64(first), np.uint64(last)):
        if _holds_page_id(np.int64(rows.kind[i]), np.int64(rows.info[i]), page_id):
            rows.page[i] = ids[np.uint64(rows.page[i])]


def _flags(kinds: Iterable[int]) -> np.ndarray:
    """By kind: 1 for those given."""
    flags = np.zeros(256, np.uint8)
    flags[list(kinds)] = 1
    return flags


PAGE_IDS, FRAMES = _flags((*range(EVENT_FIRST), *PAGE_ID_KINDS)), _flags(FRAME_KINDS)
"""By kind: 1 where the page column is always a page id; 1 where it is a frame."""


class Taking:
    """Takes the rows of a trace, batch by batch, and keeps those that define nothing."""

    def __init__(self, out: Columns, meta: TraceMeta, name: str) -> None:
        """The rows go to ``out``, arrays as long as the trace; errors name ``name``."""
        service = np.zeros(MAX_SERVICES, np.uint8)
        service[[s.id for s in meta.services]] = 1
        where = np.zeros(1, np.int64)
        self.out, self._name, self._rows = out, name, 0
        self._limits = _Limits(meta.vcpus, service, PAGE_IDS, FRAMES, meta.memory_bytes >> PAGE_SHIFT, where)
        self._pending = _Pending(np.zeros(4, np.uint64), np.zeros(3, np.int64), np.zeros(1, np.uint64))
        self._found = Scan(*(np.zeros(1, dtype) for dtype in SCAN_TYPES))

    def take(self, rows: Columns) -> int:
        """Take the next ``rows``, read-only and of the types of COLUMNS; how many of all rows stay for certain.

        Raises UserError naming the row and what is wrong with it.
        """
        self._make_room(rows.kind)
        code = _take(rows, self._found, self._limits, self._pending, self.out)
        if code != OK:
            raise UserError(f"{self._name}: row {self._rows + self._limits.where[0]}: {FAULTS[code]}; {REMEDY}")
        self._rows += rows.kind.size
        return int(self._pending.kept[0]) - int(self._pending.seen[0])

    def _make_room(self, kind: np.ndarray) -> None:
        """Let the definitions in the next rows fit."""
        _, pages, sites = self._pending.seen.tolist()
        pages, sites = pages + np.count_nonzero(kind == PAGE), sites + np.count_nonzero(kind == SITE)
        self._found = Scan(*(_grown(*both) for both in zip(self._found, _sizes(pages, sites), strict=True)))

    def finish(self) -> tuple[Scan, Columns]:
        """The definitions, and the rows that stay."""
        kept = int(self._pending.kept[0])
        _, pages, sites = self._pending.seen.tolist()
        found = Scan(*(table[:size] for table, size in zip(self._found, _sizes(pages, sites), strict=True)))
        return found, Columns(*(column[:kept] for column in self.out))


def _sizes(pages: int, sites: int) -> list[int]:
    """Of the fields of Scan, index 0 among it."""
    return [(sites if name.startswith("site_") else pages) + 1 for name in Scan._fields]


def _grown(table: np.ndarray, size: int) -> np.ndarray:
    """``table`` with room for ``size``, twice as much as before where it is too short."""
    if size <= table.size:
        return table
    made = np.zeros(max(size, 2 * table.size), table.dtype)
    made[: table.size] = table
    return made


def renumber(columns: Columns, ids: np.ndarray, first: int, last: int) -> None:
    """Replace the page ids in rows ``first`` to ``last`` (exclusive) of ``columns``, whose rows were taken."""
    for part in chunks(last - first):
        _renumber(columns, ids, PAGE_IDS, first + part.start, first + part.stop)


@kernel
def _kept(kind: Any, first: int, last: int, out: Any) -> Any:
    """Put the rows from ``first`` to ``last`` (exclusive) that stay into ``out``: (rows that stay before, how many)."""
    before, extras, found = 0, 0, 0
    for i in range(kind.size):
        definition = kind[i] == PAGE or kind[i] == SITE
        if definition:
            here = min(extras, found)
            found, before = found - here, before - (extras - here)
        if i >= last:
            if kind[i] == EXTRA and extras != 0:
                continue  # payload goes with the row that it belongs to
            break
        extras = extras + 1 if kind[i] == EXTRA else 0
        if not definition and i < first:
            before += 1
        elif not definition:
            out[np.uint64(found)] = i
            found += 1
    return before, found


def kept(kind: np.ndarray, first: int, last: int) -> tuple[int, np.ndarray]:
    """How many rows before row ``first`` are left when definitions are taken out, and which from there to ``last``.

    ``kind`` is the file's column.
    """
    out = np.zeros(max(0, last - first), np.int64)
    before, found = _kept(kind, first, last, out)
    return int(before), out[:found]
