"""The virtual subnet: packets between virtual machines are mapped where they are whole pages, and copied elsewhere."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import models
from replay.count import Counts, count, current, make_engine, settle
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.schedule import STEP, Schedule
from replay.trace.meta import Network
from replay.trace.schema import OTHER_STATION_SHIFT, PACKET_STATION_SHIFT, PAYLOAD_BYTES_SHIFT, Kind, Mode

DISCO, FLASH = models.load("disco"), load_machine("flash-1997")
FRAMES = handmade_meta().memory_bytes >> 12
HEADER, PAGE = 64, 4096
TICKS = ("remapped_page", "packet_byte", "copy_on_write", "page_claimed")


class Guest(Script):
    """A guest that sends and receives packets, one row after the other in time."""

    def __init__(self, vm: int, vms: int, session: str = "5e55") -> None:
        super().__init__(replace(handmade_meta(), network=Network(session, vm, vms, 10_000, 10**9, 0, 0)))

    def do(self, what: str, frame: int = 30, packet: int = 0, size: int = PAGE, place: int = 0) -> None:
        """One step; the clock of each VM advances by more than a step of the schedule.

        ``packet`` is its sender's VM times 100 and a number.
        """
        for _ in range(STEP // 200 + 1):
            self.row(Kind.FETCH, self.user(1), n=200)
        if what in ("send", "receive"):
            kind = Kind.PACKET_SENT if what == "send" else Kind.PACKET_RECEIVED
            number = packet // 100 + 1 << PACKET_STATION_SHIFT | packet % 100
            words = (frame, place | size << PAYLOAD_BYTES_SHIFT | 1 << OTHER_STATION_SHIFT)
            self.row(kind, number, HEADER + size, mode=Mode.KERNEL, payload=words)
        elif what == "read":
            self.row(Kind.REQUEST, 1, mode=Mode.KERNEL, payload=(7, PAGE, frame, 0xABC))
            self.row(Kind.FILLED, frame, mode=Mode.KERNEL, payload=(7,))
        elif what in ("store", "load"):
            self.row(Kind.STORE8 if what == "store" else Kind.LOAD8, self.kernel(frame), mode=Mode.KERNEL)
        elif what == "free":
            self.row(Kind.FREED, frame, mode=Mode.KERNEL)
        else:
            self.row(Kind.SERVICE_ENTER, 10, mode=Mode.KERNEL)
            self.row(Kind.ZEROED, frame, mode=Mode.KERNEL)
            self.row(Kind.SERVICE_EXIT, 0, mode=Mode.KERNEL)


def machines(*steps: list[tuple[Any, ...]], sessions: tuple[str, ...] = ()) -> Consolidation:
    """A VM for each list of steps; the n-th steps of all happen about at the same time, VM after VM."""
    vms = []
    for vm, mine in enumerate(steps):
        guest = Guest(vm, len(steps), sessions[vm] if sessions else "5e55")
        for step in mine:
            guest.do(*step)
        vms.append(guest.prepared())
    return consolidate(vms, Schedule(), [f"vm{k}" for k in range(len(vms))])


def charge(c: Consolidation, **given: Any) -> tuple[Counts, Any]:
    """The counts under Disco, and what its structures hold at the end."""
    settings = settle(DISCO, FLASH, c.prepared.meta, given)
    engine = make_engine(c.prepared, DISCO, settings)
    state = DISCO.state(c.prepared, settings, engine.counts)
    count_rows(state, engine, c.prepared.columns, 0, c.prepared.columns.kind.size)
    counts = count(c.prepared, DISCO, FLASH, given)
    assert np.array_equal(current(c.prepared, DISCO, engine), counts.n)
    return counts, state


def ticked(counts: Counts) -> list[int]:
    """Pages remapped, bytes copied, shared pages copied, and claimed."""
    return [counts.total(name) for name in TICKS]


WAIT = ("load",)
SEND, RECEIVE = ("send", 5, 1), ("receive", 6, 1)


def test_a_whole_page_is_mapped_at_both_ends() -> None:
    """Sender's and receiver's frames have one machine page; only the header is copied."""
    counts, state = charge(machines([SEND], [WAIT, RECEIVE]))

    assert [1, HEADER, 0, 0] == ticked(counts)
    assert state.pmap.machine[5] == state.pmap.machine[FRAMES + 6] != 0


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("what", [(PAGE - 8, 0), (PAGE // 2, 0), (8, 0)])
def test_parts_of_pages_are_copied(end: int, what: tuple[int, int]) -> None:
    """A payload that is no whole page, at either end, is copied, and so is one where the receiver's place differs."""
    size, place = what
    places = [place, place + 8] if end else [place + 8, place]
    counts, state = charge(machines([("send", 5, 1, size, places[0])], [WAIT, ("receive", 6, 1, size, places[1])]))

    assert [0, HEADER + size, 0, 0] == ticked(counts)
    assert state.pmap.machine[5] == state.pmap.machine[FRAMES + 6] == 0


@pytest.mark.parametrize(("writer", "left"), [(0, 1), (1, 0)])
def test_the_first_store_copies_and_the_last_claims(writer: int, left: int) -> None:
    """Whoever stores first gets a page of its own; the other one then has the shared one for itself."""
    steps = [[SEND, WAIT, WAIT, WAIT], [WAIT, RECEIVE, WAIT, WAIT]]
    steps[writer][2], steps[left][3] = ("store", 5 + writer), ("store", 5 + left)

    counts, state = charge(machines(*steps))

    assert [1, HEADER, 1, 1] == ticked(counts)
    assert state.pmap.machine[5] != state.pmap.machine[FRAMES + 6]


def test_a_packet_under_way_keeps_what_was_sent() -> None:
    """A sender that stores to the page before it arrives gets another page, and one that frees it leaves it."""
    stores = charge(machines([SEND, ("store", 5), WAIT], [WAIT, WAIT, RECEIVE]))
    frees = charge(machines([SEND, ("free", 5), WAIT], [WAIT, WAIT, RECEIVE]))

    assert [[1, HEADER, 1, 0], [1, HEADER, 0, 0]] == [ticked(counts) for counts, _ in (stores, frees)]
    assert 0 not in {int(state.pmap.machine[FRAMES + 6]) for _, state in (stores, frees)}


def test_one_page_to_many_machines() -> None:
    """A page of the server's buffer cache that it sends to two clients is one machine page of all three."""
    server = [("read", 5), ("send", 5, 1), ("send", 5, 2), WAIT, WAIT]
    clients = [[WAIT] * 3 + [("receive", 6, number), WAIT] for number in (1, 2)]

    counts, state = charge(machines(server, *clients))

    assert [2, 2 * HEADER, 0, 0] == ticked(counts)
    assert 1 == len({int(state.pmap.machine[vm * FRAMES + frame]) for vm, frame in ((0, 5), (1, 6), (2, 6))})
    pages = {(row["vm"], row["class"]): (row["virtual"], row["machine"]) for row in counts.footprints[-1]}
    assert [(1, 1), (0, 0)] == [pages[0, name] for name in ("buffer cache", "network buffers")]
    assert [(1, 0), (1, 0)] == [pages[vm, "network buffers"] for vm in (1, 2)]


def test_packets_without_a_peer_leave_the_machine() -> None:
    """A trace alone, and traces of different sessions, share nothing and copy nothing; pages are still translated."""
    alone = charge(machines([SEND, ("receive", 7, 101)]))[0]
    strangers = charge(machines([SEND], [WAIT, RECEIVE], sessions=("5e55", "0dd")))[0]

    assert [[0, 0, 0, 0]] * 2 == [ticked(alone), ticked(strangers)]
    assert [4, 4] == [alone.total("dma_page"), strangers.total("dma_page")]


def test_a_packet_that_comes_before_it_was_sent_is_copied() -> None:
    """Where the schedule turns a packet's ends round, its bytes are copied and nothing stays shared."""
    counts, state = charge(machines([WAIT, WAIT, SEND, ("store", 5)], [RECEIVE, WAIT, WAIT, ("store", 6)]))

    assert [0, HEADER + PAGE, 0, 0] == ticked(counts)
    assert 0 == state.sharing.members.sum()


def test_remapping_can_be_turned_off() -> None:
    """`subnet=copy` copies every byte, whatever the payload."""
    counts, _ = charge(machines([SEND], [WAIT, RECEIVE]), subnet="copy")

    assert [0, HEADER + PAGE, 0, 0] == ticked(counts)


def test_drivers_ask_once_or_trap() -> None:
    """A special driver makes one call for a request or doorbell; the guest's own traps at each register of it."""
    script = Script()
    script.row(Kind.SERVICE_ENTER, 15, mode=Mode.KERNEL)
    for _ in range(3):
        script.row(Kind.STORE8, script.device(), mode=Mode.KERNEL)
    script.row(Kind.REQUEST, 1, mode=Mode.KERNEL, payload=(7, 2 * PAGE, 5, 0))
    script.row(Kind.DOORBELL, 1, 1, mode=Mode.KERNEL)
    script.row(Kind.SERVICE_EXIT, 0, mode=Mode.KERNEL)
    script.row(Kind.STORE8, script.device(), mode=Mode.KERNEL)
    prepared = script.prepared()

    names = ("programmed_io", "device_call", "dma_page")
    found = {
        how: [count(prepared, DISCO, FLASH, {"drivers": how}).total(name) for name in names]
        for how in ("special", "trapped")
    }

    assert {"special": [1, 2, 2], "trapped": [4, 0, 2]} == found


class Twin:
    """The same once more: machine pages as objects, with the set of frames and packets that hold each."""

    def __init__(self) -> None:
        self.page: dict[Any, set[Any]] = {}  # who -> the set of all that hold the same page, itself among them
        self.ticks = dict.fromkeys(TICKS, 0)

    def leave(self, who: Any) -> set[Any]:
        holders = self.page.pop(who, {who})
        holders.discard(who)
        return holders

    def join(self, who: Any, other: Any) -> None:
        holders = self.page.setdefault(other, {other})
        holders.add(who)
        self.page[who] = holders

    def do(self, vm: int, what: str, frame: int, packet: int = 0) -> None:
        who = vm, frame
        if what == "send":
            self.join(f"packet {packet}", who)
        elif what == "receive":
            self.ticks["packet_byte"] += HEADER
            self.ticks["remapped_page"] += 1
            self.leave(who)
            self.join(who, f"packet {packet}")
            self.leave(f"packet {packet}")
        elif what in ("free", "zero"):
            self.leave(who)
        elif what == "store" and who in self.page:
            self.ticks["copy_on_write" if self.leave(who) else "page_claimed"] += 1


@pytest.mark.parametrize("seed", range(8))
def test_remapping_equals_its_twin(seed: int) -> None:
    """On random packets, stores and frees of three VMs, pages are shared, copied and claimed as by sets of holders.

    At the end each machine page belongs to one frame, or to frames whose packets made them share it.
    """
    dice, twin, steps = random.Random(seed), Twin(), [list[tuple[Any, ...]]() for _ in range(3)]
    under_way: list[tuple[int, int, int]] = []  # packet, receiver, step before which it cannot come
    for turn in range(60):
        for vm, mine in enumerate(steps):
            what, frame = (
                dice.choice(("send", "send", "receive", "receive", "store", "free", "zero")),
                dice.randrange(6),
            )
            mine.append((what, frame))
            if what == "send":
                packet = vm * 100 + turn + 1
                under_way.append((packet, dice.choice([v for v in range(3) if v != vm]), turn))
                mine[-1] = (what, frame, packet)
            elif what == "receive":
                came = [p for p in under_way if p[1] == vm and p[2] < turn]
                mine[-1] = (what, frame, came[0][0]) if came else ("load", frame)
                under_way = [p for p in under_way if p not in came[:1]]
    received = {step[2] for mine in steps for step in mine if step[0] == "receive"}
    for turn in range(60):
        for vm, mine in enumerate(steps):
            if mine[turn][0] != "send" or mine[turn][2] in received:
                twin.do(vm, *mine[turn])

    counts, state = charge(machines(*steps))

    assert list(twin.ticks.values()) == ticked(counts)
    held: dict[int, set[int]] = {}
    for frame in np.flatnonzero(state.pmap.machine).tolist():
        held.setdefault(int(state.pmap.machine[frame]), set()).add(frame)
    groups = {frozenset(vm * FRAMES + frame for vm, frame in holders) for holders in twin.page.values()}
    assert {group for group in groups if len(group) > 1} == {frozenset(g) for g in held.values() if len(g) > 1}
    assert state.sharing.members.sum() == np.count_nonzero(state.sharing.group)
    own = [row for row in counts.footprints[-1] if row["vm"] is not None]
    assert sum(row["virtual"] for row in own) == np.count_nonzero(state.pmap.machine)
    assert sum(row["machine"] for row in own) == len(held)
