"""What the guest announces, held against what it does: frames, page tables, services, and the disk's times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest

from replay.trace.schema import (
    CAUSE_MASK,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    EVENT_FIRST,
    REQUEST_WRITE,
    Cause,
    Kind,
    Mode,
)
from tracegen import abi, build, disk, filesystem
from tracegen.machine import make
from tracegen.writer import unpack

MEBI = 1 << 20


class Row(NamedTuple):
    """An event, what it says, and the mode before it."""

    kind: int
    info: int
    page: int
    mode: int
    extra: tuple[int, ...]


@pytest.fixture(scope="module")
def events() -> list[Row]:
    """The events of the guest's own tests on a small machine, in order, where memory and disk run out."""
    image, chunks = build.image(), list[dict[str, np.ndarray]]()
    machine = make("mips64", image.data, 8 * MEBI, 1, ["usertests"], disk=filesystem.fit(image.disk, 2 * MEBI))
    result = machine.run(sink=lambda words, counts: chunks.append(keep_events(unpack(words, counts))))
    assert 0 == result.status
    return list(rows_of({name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}))


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
            yield Row(kind, info, page, ctx >> 4, extra)
            extra = ()


class Memory:
    """Which frames are page tables, what their entries map, and what is known of the others."""

    def __init__(self) -> None:
        self.tables: dict[int, dict[int, int]] = {}  # frame of a table -> index -> frame that the entry maps
        self.mapped = Counter[int]()  # frame -> entries
        self.zeroed: set[int] = set()  # and neither freed nor made a table since
        self.freed: set[int] = set()  # and not put to a known use since
        self.copies = 0  # made into frames that no row names, and not mapped since

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
        elif row.kind == Kind.TABLE_ALLOC:
            assert row.page in self.zeroed, "a table of unknown content"
            self.zeroed.remove(row.page)
            self.tables[row.page] = {}
        elif row.kind == Kind.TABLE_FREE:
            for frame in self.tables.pop(row.page).values():
                self.forget(frame)
        elif row.kind == Kind.ENTRY:
            self.enter(row.info & 511, *row.extra)
        elif row.kind == Kind.RETURN and row.info == Mode.USER:
            assert self.freed.isdisjoint(self.mapped), "a process maps a freed frame"

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

    def enter(self, index: int, old: int, new: int, table: int) -> None:
        """A store of an entry: the old one is what was there, the new one maps a frame with a content."""
        held = self.tables[table].pop(index, None)
        assert held == (old >> ENTRY_FRAME_SHIFT if old & ENTRY_PRESENT else None), "an entry changed unseen"
        if held is not None:
            self.forget(held)
        if new & ENTRY_PRESENT:
            frame = new >> ENTRY_FRAME_SHIFT
            assert frame not in self.tables, "a table is mapped"
            self.tables[table][index] = frame
            self.mapped[frame] += 1
            if frame in self.freed:
                self.freed.remove(frame)
                self.copies -= 1
                assert self.copies >= 0, "a free frame is mapped"


def test_frames_are_what_was_announced(events: list[Row]) -> None:
    """A table is zeroed first, no process maps a freed frame or a table, and each entry's old value is the latest."""
    memory = Memory()
    for row in events:
        memory.follow(row)

    assert len(memory.mapped) < 100 < sum(row.kind == Kind.TABLE_FREE for row in events)


def test_services_nest(events: list[Row]) -> None:
    """An exception's code closes what it opened before it returns, thread by thread; each exit names what is open."""
    stacks: dict[int, list[tuple[int, bool]]] = {0: []}  # thread -> services, and whether an exception opened them
    thread, before = 0, None
    for row in events:
        stack = stacks[thread]
        if row.kind == Kind.EXCEPTION and row.info & CAUSE_MASK == Cause.NESTED_REFILL:
            assert stack.pop()[1]
        elif row.kind == Kind.SERVICE_ENTER:
            stack.append((row.page, before is not None and before.kind == Kind.EXCEPTION))
        elif row.kind == Kind.SERVICE_EXIT:
            if before is not None and before.kind not in {Kind.RETURN, Kind.THREAD_SWITCH}:
                assert not stack.pop()[1]
            assert row.page == (stack[-1][0] if stack else abi.Service.USER)
        elif row.kind == Kind.RETURN:
            stack.pop()
            assert row.info == Mode.KERNEL or not stack
        elif row.kind == Kind.THREAD_SPACE and row.page != thread:
            stacks[row.page] = [(stack[-1][0], True)]
        elif row.kind == Kind.THREAD_SWITCH:
            assert thread == row.info
            thread = row.page
        before = row

    assert len(stacks) > 20


def test_each_request_takes_the_drives_time(events: list[Row]) -> None:
    """A request ends once, as late as the model of the drive says, and a read then fills the frame asked for."""
    asked: Row | None = None
    following, filled, requests = 0, list[tuple[int, int]](), 0
    for row in events:
        if row.kind == Kind.REQUEST:
            assert asked is None
            asked, requests = row, requests + 1
        elif row.kind == Kind.COMPLETE:
            assert asked is not None
            assert asked.page == row.page
            block, size, frame, _ = asked.extra
            assert (abi.PAGE_BYTES, (drive_units(block, following),)) == (size, row.extra)
            filled = [] if asked.info & REQUEST_WRITE else [(frame, block)]
            asked, following = None, block + 1
        elif row.kind == Kind.FILLED:
            assert [(row.page, *row.extra)] == filled
            filled = []
        elif row.kind == Kind.INTERRUPT:
            assert not filled

    assert asked is None
    assert requests > 500


def drive_units(block: int, following: int) -> int:
    """The latency of ``block`` after the block before ``following``, from the drive's published figures."""
    if following and block == following:
        return disk.TRANSFER
    cylinders = abs(block // disk.BLOCKS_OF_CYLINDER - (following - 1 if following else 0) // disk.BLOCKS_OF_CYLINDER)
    return disk.seek(cylinders) + disk.ROTATION // 2 + disk.TRANSFER
