"""Copy-on-write disks: virtual machines that read one block of a base image share its page until one writes to it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import models
from replay.count import Counts, count, current, make_engine, settle
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.schedule import STEP, Schedule
from replay.trace.schema import REQUEST_WRITE, Kind, Mode

DISCO, FLASH = models.load("disco"), load_machine("flash-1997")
IMAGE = 0xABCDEF012345
FRAMES = handmade_meta().memory_bytes >> 12
SHARING = ("mapped_block", "copy_on_write", "page_claimed")


class Guest(Script):
    """A guest that reads, writes and frees blocks of its disk, one row after the other in time."""

    def do(self, what: str, frame: int, block: int = 0, image: int = IMAGE) -> None:
        """One step; the clock of each VM advances by more than a step of the schedule."""
        for _ in range(STEP // 200 + 1):
            self.row(Kind.FETCH, self.user(1), n=200)
        if what == "read":
            self.row(Kind.REQUEST, 1, mode=Mode.KERNEL, payload=(block, 4096, frame, image))
            self.row(Kind.FILLED, frame, mode=Mode.KERNEL, payload=(block,))
        elif what == "write":
            self.row(Kind.REQUEST, 1, REQUEST_WRITE, mode=Mode.KERNEL, payload=(block, 4096, frame, image))
        elif what == "store":
            self.row(Kind.STORE8, self.kernel(frame), mode=Mode.KERNEL)
        elif what == "load":
            self.row(Kind.LOAD8, self.kernel(frame), mode=Mode.KERNEL)
        elif what == "free":
            self.row(Kind.FREED, frame, mode=Mode.KERNEL)


def machines(*steps: list[tuple[Any, ...]]) -> Consolidation:
    """A VM for each list of steps; the n-th steps of all happen about at the same time, VM after VM."""
    vms = list[Prepared]()
    for mine in steps:
        guest = Guest()
        for step in mine:
            guest.do(*step)
        vms.append(guest.prepared())
    return consolidate(vms, Schedule(), [f"vm{k}" for k in range(len(vms))])


def charge(c: Consolidation, disks: str = "recorded") -> tuple[Counts, Any]:
    """The counts under Disco, and what its structures hold at the end."""
    settings = settle(DISCO, FLASH, c.prepared.meta, {"disks": disks})
    engine = make_engine(c.prepared, DISCO, settings)
    state = DISCO.state(c.prepared, settings, engine.counts)
    count_rows(state, engine, c.prepared.columns, 0, c.prepared.columns.kind.size)
    counts = count(c.prepared, DISCO, FLASH, {"disks": disks})
    assert np.array_equal(current(c.prepared, DISCO, engine), counts.n)
    return counts, state


def ticked(counts: Counts) -> list[int]:
    """Blocks mapped, pages copied and pages claimed."""
    return [counts.total(name) for name in SHARING]


WAIT = ("load", 30)


def test_a_block_that_another_machine_holds_is_mapped() -> None:
    """The second VM that reads a block of the image maps the first one's page; a third block is read."""
    counts, state = charge(machines([("read", 5, 7)], [WAIT, ("read", 6, 7), ("read", 8, 9)]))

    assert [1, 0, 0] == ticked(counts)
    assert state.pmap.machine[5] == state.pmap.machine[FRAMES + 6] != 0
    assert state.pmap.machine[FRAMES + 8] not in (0, state.pmap.machine[5])


def test_the_first_store_gives_the_writer_its_own_page() -> None:
    """A store to a shared page copies it for the writer; the last sharer's store finds nobody to share with."""
    one = [("read", 5, 7), WAIT, WAIT, ("store", 5), ("store", 5)]
    counts, state = charge(machines(one, [WAIT, ("read", 6, 7), ("store", 6), WAIT, ("store", 6)]))

    assert [1, 1, 1] == ticked(counts)
    assert state.pmap.machine[5] != state.pmap.machine[FRAMES + 6]


def test_a_written_block_is_the_machines_own() -> None:
    """A VM that wrote a block reads it as its own from then on."""
    counts, _ = charge(machines([("read", 5, 7)], [WAIT, ("write", 4, 7), ("read", 6, 7, 0)]))

    assert [0, 0, 0] == ticked(counts)


def test_a_block_that_nobody_holds_any_more_is_read() -> None:
    """Once its last sharer freed the page, a block is read from the disk again."""
    counts, _ = charge(machines([("read", 5, 7), ("free", 5)], [WAIT, WAIT, ("read", 6, 7)]))

    assert [0, 0, 0] == ticked(counts)


def test_different_images_share_nothing() -> None:
    """Blocks of one number on two images are two pages."""
    counts, _ = charge(machines([("read", 5, 7)], [WAIT, ("read", 6, 7, IMAGE + 1)]))

    assert [0, 0, 0] == ticked(counts)


def test_disks_may_be_taken_for_one_image_or_for_private() -> None:
    """`disks=same` lets VMs of one guest image share where the trace names no image, `private` lets none share."""
    c = machines([("read", 5, 7, 0)], [WAIT, ("read", 6, 7, 0)])
    named = machines([("read", 5, 7)], [WAIT, ("read", 6, 7)])

    assert [[0, 0, 0], [1, 0, 0]] == [ticked(charge(c, disks)[0]) for disks in ("recorded", "same")]
    assert [0, 0, 0] == ticked(charge(named, "private")[0])


def test_one_machine_alone_shares_nothing() -> None:
    """A single VM is charged the same whatever its disks are taken for."""
    c = machines([("read", 5, 7), ("read", 6, 7), ("store", 5)])

    assert ticked(charge(c)[0]) == ticked(charge(c, "private")[0]) == [0, 0, 0]


def pages(counts: Counts, name: str) -> list[tuple[int, int]]:
    """Virtual and machine pages of the class ``name`` at the end, by VM."""
    return [(row["virtual"], row["machine"]) for row in counts.footprints[-1] if row["class"] == name]


def test_footprints_tell_what_pages_hold() -> None:
    """Each VM's buffer cache, user and kernel pages count; a shared page is one machine page, of its first sharer."""
    counts, _ = charge(machines([("read", 5, 7), ("load", 9)], [WAIT, ("read", 6, 7), ("read", 8, 9), ("free", 8)]))

    assert [(1, 1), (1, 0)] == pages(counts, "buffer cache")
    assert [(3, 3), (3, 3)] == pages(counts, "kernel data")  # both halves of a pair, the handler's other half
    assert [(1, 1), (1, 1)] == pages(counts, "kernel text")  # the refill handler's


def test_footprints_over_time() -> None:
    """With intervals there is a footprint at the end of each; what is read stays, what is freed goes."""
    c = machines([("read", 5, 7), WAIT, WAIT, ("free", 5), WAIT], [WAIT] * 5)

    counts = count(c.prepared, DISCO, FLASH, {}, interval=2 * STEP)

    cache = [sum(row["machine"] for row in rows if row["class"] == "buffer cache") for rows in counts.footprints]
    assert len(counts.intervals) == len(cache)
    assert 1 == max(cache)
    assert 0 == cache[-1]


class Twin:
    """The same once more, with a set of sharers for each block."""

    def __init__(self) -> None:
        self.sharers: dict[tuple[int, int], set[tuple[int, int]]] = {}
        self.own: set[tuple[int, int]] = set()
        self.ticks = dict.fromkeys(SHARING, 0)

    def leave(self, who: tuple[int, int]) -> list[set[tuple[int, int]]]:
        left = [members for members in self.sharers.values() if who in members]
        for members in left:
            members.remove(who)
        return left

    def do(self, vm: int, what: str, frame: int, block: int = 0, image: int = 0) -> None:
        who = vm, frame
        if what == "read":
            self.leave(who)
            if image:
                members = self.sharers.setdefault((image, block), set())
                self.ticks["mapped_block"] += bool(members)
                members.add(who)
        elif what == "free":
            self.leave(who)
        elif what == "store":
            for members in self.leave(who):
                self.ticks["copy_on_write" if members else "page_claimed"] += 1


@pytest.mark.parametrize("seed", range(6))
def test_sharing_equals_its_twin(seed: int) -> None:
    """On random reads, writes, stores and frees Disco maps, copies and claims as a set of sharers per block does.

    At the end each machine page belongs to one frame, or to frames that share a block.
    """
    dice, twin, steps = random.Random(seed), Twin(), [list[tuple[Any, ...]]() for _ in range(3)]
    for _ in range(40):
        for vm, mine in enumerate(steps):
            what, frame, block = (
                dice.choice(("read", "read", "store", "free", "load")),
                dice.randrange(6),
                dice.randrange(4),
            )
            mine.append((what, frame, block, dice.choice((0, IMAGE, IMAGE + 1))))
            twin.do(vm, *mine[-1])

    counts, state = charge(machines(*steps))

    assert list(twin.ticks.values()) == ticked(counts)
    groups = [{vm * FRAMES + frame for vm, frame in members} for members in twin.sharers.values() if members]
    held: dict[int, set[int]] = {}
    for frame in np.flatnonzero(state.pmap.machine).tolist():
        held.setdefault(int(state.pmap.machine[frame]), set()).add(frame)
    assert sorted(map(sorted, (g for g in groups if len(g) > 1))) == sorted(
        map(sorted, (frames for frames in held.values() if len(frames) > 1))
    )
    assert state.sharing.members.sum() == np.count_nonzero(state.sharing.group)
    own = [row for row in counts.footprints[-1] if row["vm"] is not None]
    assert sum(row["virtual"] for row in own) == np.count_nonzero(state.pmap.machine)
    assert sum(row["machine"] for row in own) == len(held)
