"""What the guest announces, held against what it does: frames, page tables, services, and the disk's times."""

from __future__ import annotations

from collections import defaultdict

import pytest

from replay.trace.schema import CAUSE_MASK, FOUND_TO_BE, REQUEST_WRITE, Cause, Kind, Mode
from tracegen import abi, build, disk, filesystem
from tracegen.machine import make

from .announced import Memory, Recorded, Row, in_memory, record_events

MEBI = 1 << 20
NO_THREAD = 0xFFFF
"""Before the idle thread of a vCPU that starts."""


@pytest.fixture(scope="module", params=[(cpu, vcpus) for cpu in build.CPUS for vcpus in (1, 8)], ids=str)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """The events of the guest's own tests on a small machine, in order, where memory and disk run out."""
    cpu, vcpus = request.param
    image = build.image(cpu)
    disk_image = filesystem.fit(image.disk, 2 * MEBI)
    return record_events(make(cpu, image.data, 8 * MEBI, 1, ["usertests"], disk=disk_image, vcpus=vcpus))


@pytest.fixture
def events(recorded: Recorded) -> list[Row]:
    """The events alone."""
    return recorded.events


LEVELS = {"mips64": 1, "x86-64": 4}


def test_frames_are_what_was_announced(recorded: Recorded) -> None:
    """A table is zeroed first, no process maps a freed frame or a table, and each entry's old value is the latest."""
    memory = Memory()
    for row in recorded.events:
        memory.follow(row)

    assert len(memory.mapped) < 100 < sum(row.kind == Kind.TABLE_FREE for row in recorded.events)
    assert LEVELS[recorded.cpu] == memory.deepest + 1
    assert {frame: table.entries for frame, table in memory.tables.items()} == {
        frame: in_memory(recorded, frame) for frame in memory.tables
    }


def test_x86_entries_that_change_are_invalidated(recorded: Recorded) -> None:
    """Where hardware walks the tables, who changed a usable entry goes on only when no vCPU has the old one."""
    memory = Memory()
    for row in recorded.events:
        memory.follow(row)
        if recorded.cpu == "x86-64" and row.kind == Kind.RETURN and row.info == Mode.USER:
            assert row.vcpu not in {by for by, _, _ in memory.old}

    assert (memory.invalidations > 1000) == (recorded.cpu == "x86-64")


def closing(events: list[Row]) -> int:
    """Where the rows before END begin that say what vCPUs retired since their last rows, and change nothing."""
    at = len(events) - 1
    while events[at - 1].kind == Kind.SERVICE_EXIT:
        at -= 1
    return at


def test_services_nest(recorded: Recorded) -> None:
    """An exception's code closes what it opened before it returns, thread by thread; each exit names what is open."""
    stacks = defaultdict[int, list[tuple[int, bool]]](list)  # thread -> services, and whether an exception opened them
    threads, latest = {0: 0}, dict[int, Row]()  # of each vCPU
    end = closing(recorded.events)
    for at, row in enumerate(recorded.events):
        thread, before = threads.get(row.vcpu, NO_THREAD), latest.get(row.vcpu)
        stack = stacks[thread]
        if row.kind == Kind.EXCEPTION and row.info & CAUSE_MASK == Cause.NESTED_REFILL:
            assert stack.pop()[1]
        elif row.kind == Kind.SERVICE_ENTER and row.info == FOUND_TO_BE:
            stack[-1] = (row.page, stack[-1][1])  # what is open turns out to be another service
        elif row.kind == Kind.SERVICE_ENTER:
            stack.append((row.page, before is not None and before.kind == Kind.EXCEPTION))
        elif row.kind == Kind.SERVICE_EXIT:
            if before is not None and before.kind not in {Kind.RETURN, Kind.THREAD_SWITCH} and at < end:
                assert not stack.pop()[1]
            assert row.page == (stack[-1][0] if stack else abi.Service.USER)
        elif row.kind == Kind.RETURN:
            stack.pop()
            assert row.info == Mode.KERNEL or not stack
        elif row.kind == Kind.THREAD_SPACE and row.page != thread:
            stacks[row.page] = [(stack[-1][0], True)]
        elif row.kind == Kind.THREAD_SWITCH:
            assert thread == row.info
            threads[row.vcpu] = row.page
        latest[row.vcpu] = row

    assert len(stacks) > 20


def test_each_request_takes_the_drives_time(events: list[Row]) -> None:
    """A request ends once, as late as the model of the drive says, and a read then fills the frame asked for.

    Any other frame is filled by the kernel, which has just copied it.
    """
    asked: Row | None = None
    before, copied = 0, 0
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
        elif row.kind == Kind.FILLED and before == Kind.COMPLETE:
            assert [(row.page, *row.extra)] == filled
            filled = []
        elif row.kind == Kind.FILLED:
            assert before == Kind.SERVICE_EXIT
            copied += 1
        elif row.kind == Kind.INTERRUPT:
            assert not filled
        before = row.kind

    assert asked is None
    assert copied > 0
    assert requests > 300


def drive_units(block: int, following: int) -> int:
    """The latency of ``block`` after the block before ``following``, from the drive's published figures."""
    if following and block == following:
        return disk.TRANSFER
    cylinders = abs(block // disk.BLOCKS_OF_CYLINDER - (following - 1 if following else 0) // disk.BLOCKS_OF_CYLINDER)
    return disk.seek(cylinders) + disk.ROTATION // 2 + disk.TRANSFER
