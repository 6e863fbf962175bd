"""Large pages of x86-64: the guest's own tests pass with them, tables are as announced, and faults are fewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from replay.errors import UserError
from replay.trace.schema import CAUSE_MASK, ENTRY_PRESENT, ENTRY_SIZE_SHIFT, Cause, Kind, Mode
from tracegen import build, filesystem
from tracegen.boot import workload_boot
from tracegen.machine import make

from .announced import Memory, Recorded, in_memory, record_events

MEBI = 1 << 20
CPU = "x86-64"
Boot = Callable[..., Any]


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """The events of the guest's own tests on eight vCPUs, which pass, with large pages where memory is short."""
    image = build.image(CPU)
    disk = filesystem.fit(image.disk, 2 * MEBI)
    return record_events(make(CPU, image.data, 16 * MEBI, 1, ["pages=large", "usertests"], disk=disk, vcpus=8))


def test_memory_is_what_was_announced(recorded: Recorded) -> None:
    """Frames, tables and entries are as without large pages; who changed a usable entry waits until it is forgotten."""
    memory = Memory()
    for row in recorded.events:
        memory.follow(row)
        if row.kind == Kind.RETURN and row.info == Mode.USER:
            assert row.vcpu not in {by for by, _, _ in memory.old}

    assert {frame: table.entries for frame, table in memory.tables.items()} == {
        frame: in_memory(recorded, frame) for frame in memory.tables
    }


def test_large_pages_come_are_split_and_go_whole(recorded: Recorded) -> None:
    """Entries of 2 MB appear; some become tables of small pages, and some go."""
    entries = [row.extra for row in recorded.events if row.kind == Kind.ENTRY and row.info >> 12 == 1]

    def is_large(entry: int) -> bool:
        return bool(entry & ENTRY_PRESENT and entry >> ENTRY_SIZE_SHIFT & 3)

    made = [new for old, new, _ in entries if is_large(new) and not old & ENTRY_PRESENT]
    ends = [new & ENTRY_PRESENT for old, new, _ in entries if is_large(old) and not is_large(new)]
    assert len(made) > 10
    assert len(made) >= len(ends) > ends.count(ENTRY_PRESENT) > 0


def test_gups_faults_once_for_each_large_page(boot_on: Boot) -> None:
    """A table of 8 MB takes a fault for each 4 KB with small pages, and one for each whole 2 MB with large ones."""
    small, large = (boot_on(CPU, f"{option}gups 1048576 1000") for option in ("", "pages=large "))

    def faults(rows: dict[str, np.ndarray]) -> int:
        return int(((rows["kind"] == Kind.EXCEPTION) & (rows["info"] & CAUSE_MASK == Cause.NOT_PRESENT)).sum())

    assert (0, small.console) == (large.status, large.console)
    assert faults(small.rows) > 2048
    assert 511 * 3 < faults(small.rows) - faults(large.rows) <= 512 * 4


@pytest.mark.parametrize(
    ("cpu", "options", "why"),
    [("mips64", ("pages=large",), "MIPS64"), (CPU, ("kernel=thin", "pages=large"), "thin guest")],
)
def test_who_has_no_large_pages_says_so(cpu: str, options: tuple[str, ...], why: str) -> None:
    """A CPU or a kernel without large pages refuses them before it boots."""
    with pytest.raises(UserError, match=f"^--pages large: the {why}"):
        workload_boot("gups", cpu=cpu, options=options)
