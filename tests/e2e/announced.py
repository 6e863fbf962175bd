"""The events of a guest's run, and a model of what they say of memory: frames, page tables, spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from replay.trace.schema import (
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_REFERENCED,
    ENTRY_SIZE_SHIFT,
    EVENT_FIRST,
    Kind,
    Mode,
)
from tracegen import abi, build
from tracegen.machine import Machine
from tracegen.writer import unpack

TABLE_ENTRIES = abi.PAGE_BYTES // abi.PTE_BYTES
NO_EXECUTE = 1 << 63
UPPER_HALF = (1 << 52) - (1 << 35)
"""The bits of a virtual page number that are equal: set for the kernel's pages, clear for a process's."""
SPACES = {Kind.SPACE_CREATE, Kind.SPACE_DESTROY, Kind.BASE_SWITCH, Kind.INVALIDATE_PAGE}


class Row(NamedTuple):
    """An event, what it says, whose it is, and the mode before it."""

    kind: int
    info: int
    page: int
    vcpu: int
    mode: int
    extra: tuple[int, ...]


class Recorded(NamedTuple):
    """A run's events, and what was in memory at its end."""

    cpu: str
    events: list[Row]
    memory: bytes


def keep_events(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the accesses."""
    chosen = rows["kind"] >= EVENT_FIRST
    return {name: column[chosen] for name, column in rows.items()}


def rows_of(rows: dict[str, np.ndarray]) -> Iterator[Row]:
    """Each event with the payloads before it."""
    extra: tuple[int, ...] = ()
    for kind, info, page, ctx in zip(*(rows[name].tolist() for name in ("kind", "info", "page", "ctx")), strict=True):
        if kind == Kind.EXTRA:
            extra += (page | info << 32,)
        else:
            yield Row(kind, info, page, ctx & 15, ctx >> 4, extra)
            extra = ()


class Table(NamedTuple):
    """A page-table page: its level, its entries that are present, and what it was said to map."""

    level: int
    entries: dict[int, int]  # index -> frame that the entry maps, or of the table below
    link: list[int]  # space and first virtual page, once it is linked


def first_page(table: Table, index: int) -> tuple[int, int]:
    """Space and number of the first virtual page that an entry maps; those of the upper half are space 0's."""
    space, first = table.link
    page = first + (index << 9 * table.level)
    return (0, page | UPPER_HALF) if page & UPPER_HALF else (space, page)


class Memory:
    """Which frames are page tables, what their entries map, and what is known of the others."""

    def __init__(self) -> None:
        self.tables: dict[int, Table] = {}  # by frame
        self.mapped = Counter[int]()  # frame -> entries
        self.zeroed: set[int] = set()  # and neither freed nor made a table since
        self.freed: set[int] = set()  # and not put to a known use since
        self.copies = 0  # made into frames that no row names, and not mapped since
        self.pages: dict[int, tuple[int, int]] = {0: (0, 0)}  # page id -> space and virtual page
        self.spaces = {0}  # that there are; 0 is the kernel's
        self.old: set[tuple[int, int, int]] = set()  # who changed a usable entry, who may hold it since, its page id
        self.base = Counter[int]()  # vCPU -> the space in use
        self.deepest = 0  # level of a table
        self.invalidations = 0

    def follow(self, row: Row) -> None:
        """One event: what it says must be possible."""
        if row.kind == Kind.FREED:
            assert row.page not in self.tables, "a table is freed"
            self.freed.add(row.page)
            self.zeroed.discard(row.page)
        elif row.kind in {Kind.ZEROED, Kind.FILLED}:
            self.use(row.page)
            (self.zeroed.add if row.kind == Kind.ZEROED else self.zeroed.discard)(row.page)
        elif row.kind == Kind.REQUEST:
            self.use(row.extra[2])
        elif row.kind == Kind.SERVICE_ENTER:
            self.copies += row.page == abi.Service.PAGE_COPY
        elif row.kind == Kind.PAGE:
            low, high = row.extra
            self.pages[row.page] = high >> 4, low | (high & 15) << 48
        elif row.kind == Kind.ENTRY:
            self.enter(row)
        elif row.kind == Kind.RETURN and row.info == Mode.USER:
            assert self.freed.isdisjoint(self.mapped_by(self.base[row.vcpu])), "a process maps a freed frame"
        elif row.kind in SPACES:
            self.follow_space(row)
        else:
            self.follow_table(row)

    def mapped_by(self, space: int) -> set[int]:
        """The freed frames that a space maps; another vCPU may be about to destroy others."""
        freed = self.freed & self.mapped.keys()
        if not freed:
            return freed
        leaves = [t for t in self.tables.values() if t.level == 0 and t.link and t.link[0] == space]
        return {frame for table in leaves for frame in table.entries.values()} & freed

    def follow_table(self, row: Row) -> None:
        """Tables come and go."""
        if row.kind == Kind.TABLE_ALLOC:
            assert row.page in self.zeroed, "a table of unknown content"
            self.zeroed.remove(row.page)
            self.tables[row.page] = Table(row.info, {}, [])
            self.deepest = max(self.deepest, row.info)
        elif row.kind == Kind.TABLE_LINK:
            assert row.info == self.tables[row.page].level, "a table of two levels"
            first, space = row.extra
            self.tables[row.page].link[:] = space, first | (UPPER_HALF if first & UPPER_HALF else 0)  # 48 bits of 52
            assert space in self.spaces, "a table of no space"
        elif row.kind == Kind.TABLE_UNLINK:
            self.tables[row.page].link.clear()
        elif row.kind == Kind.TABLE_FREE:
            table = self.tables.pop(row.page)
            assert not table.link, "a linked table is freed"
            if table.level == 0:
                for frame in table.entries.values():
                    self.forget(frame)
            upper = (other for other in self.tables.values() if other.level and other.link[0])
            assert not any(row.page in other.entries.values() for other in upper), "an entry leads to a freed table"

    def follow_space(self, row: Row) -> None:
        """Spaces come and go, and one is in use; what the hardware knows of entries goes with a change of it."""
        if row.kind == Kind.SPACE_CREATE:
            assert row.page not in self.spaces
            self.spaces.add(row.page)
        elif row.kind == Kind.SPACE_DESTROY:
            self.spaces.remove(row.page)
        elif row.kind == Kind.BASE_SWITCH:
            self.base[row.vcpu] = row.page
            self.old = {old for old in self.old if old[1] != row.vcpu}
        elif row.kind == Kind.INVALIDATE_PAGE:
            self.old = {old for old in self.old if old[1:] != (row.vcpu, row.page)}
            self.invalidations += 1

    def use(self, frame: int) -> None:
        """A frame gets a new content, or gives its own to the disk."""
        assert frame not in self.tables, "a table is used for something else"
        assert not (frame in self.freed and frame in self.mapped), "a mapped frame is used for something else"
        self.freed.discard(frame)

    def forget(self, frame: int) -> None:
        """One entry fewer maps it."""
        self.mapped[frame] -= 1
        if not self.mapped[frame]:
            del self.mapped[frame]

    def enter(self, row: Row) -> None:
        """A store of an entry: the old one is what was there, the new one maps a frame with a content, or a table."""
        index, level = row.info & 511, row.info >> 12
        old, new, at = row.extra
        table = self.tables[at]
        assert table.level == level
        assert self.pages[row.page] == first_page(table, index), "an entry of another page"
        held = table.entries.pop(index, None)
        assert held == (old >> ENTRY_FRAME_SHIFT if old & ENTRY_PRESENT else None), "an entry changed unseen"
        if held is not None and level == 0:
            self.forget(held)
        if old & ENTRY_PRESENT and old & ENTRY_REFERENCED and old != new:
            self.old |= {(row.vcpu, v, row.page) for v, space in self.base.items() if space == table.link[0]}
        if not new & ENTRY_PRESENT:
            return
        frame = table.entries[index] = new >> ENTRY_FRAME_SHIFT
        if level:
            self.lead(table, index, frame, new >> ENTRY_SIZE_SHIFT & 3)
        else:
            self.hold(frame)

    def lead(self, table: Table, index: int, frame: int, size: int) -> None:
        """An entry of an upper table leads to a table of the level below, linked for the same pages, or maps them."""
        if size:
            assert size == table.level == 1
            return
        below = self.tables[frame]
        assert below.level == table.level - 1
        assert first_page(table, index) == tuple(below.link), "a table of another space or for other pages"

    def hold(self, frame: int) -> None:
        """An entry maps a frame: it has a content."""
        assert frame not in self.tables, "a table is mapped"
        self.mapped[frame] += 1
        if frame in self.freed:
            self.freed.remove(frame)
            self.copies -= 1
            assert self.copies >= 0, "a free frame is mapped"


def in_memory(recorded: Recorded, frame: int) -> dict[int, int]:
    """A table as it is in the guest's memory: index -> frame, where present."""
    order = ">u8" if build.TARGETS[recorded.cpu].order == "big" else "<u8"
    words = np.frombuffer(recorded.memory, order, TABLE_ENTRIES, frame * abi.PAGE_BYTES).tolist()
    return {index: word % NO_EXECUTE >> abi.PAGE_SHIFT for index, word in enumerate(words) if word & 1}


def record_events(machine: Machine) -> Recorded:
    """The events of a machine's run, which has to end well."""
    chunks = list[dict[str, np.ndarray]]()
    result = machine.run(sink=lambda words, counts: chunks.append(keep_events(unpack(words, counts))))
    assert 0 == result.status
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return Recorded(machine.CPU, list(rows_of(columns)), machine.read(0, machine.memory_bytes))
