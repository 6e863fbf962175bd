"""Machines that run together: packets between them, times, the end of a session, on hand-assembled MIPS64 guests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from replay.trace.schema import Kind, Wake
from tracegen import abi_net as net
from tracegen.abi_net import LATENCY_UNITS
from tracegen.cpu.machine import OFF
from tracegen.mips64.machine import Mips64Machine
from tracegen.session import DEADLOCK, Session, Vm
from tracegen.switch import Link, Switch

from .cards import SEND_RING, TARGETS, Slot, buffer, content, packets, put_rings, sent, states
from .test_cpu_net import EXIT, MEMORY, RINGS, START, TAKE_BACK, UNITS, UNMASK, WAIT, load, store

FIRST, SECOND = 1 << 26 | 1, 2 << 26 | 1
"""Ids of the first packets of the first two stations."""
Rows = list[tuple[int, int, int, int, int]]
PING = f"{RINGS}{UNMASK}{store(net.NET_SEND, 1)}{WAIT}{load('$s0', net.NET_STATUS)}"
PONG = f"{RINGS}{UNMASK}{WAIT}{TAKE_BACK}{store(net.NET_SEND, 1)} b . + 8\n nop\n"
SLEEP = f"{UNMASK}{WAIT}"
FOREVER = "1: b 1b\n nop\n"


class Played:
    """A session that is over: its machines, how each ended, and its rows."""

    def __init__(self, session: Session, rows: Sequence[Rows]) -> None:
        self.machines = [member.machine for member in session.members]
        self.results = [member.ended() for member in session.members]
        self.rows = rows

    def of(self, vm: int, *kinds: Kind) -> list[tuple[int, int]]:
        """(info, page) of one machine's rows of some kinds."""
        return [(info, page) for kind, _, info, page, _ in self.rows[vm] if kind in kinds]


@pytest.fixture(scope="session")
def play(assemble: Callable[[str], bytes]) -> Callable[..., Played]:
    """A function (assembly of each machine, send rings, receive rings, link=..., background=...) -> Played."""

    def go(
        texts: Sequence[str],
        send: Sequence[Sequence[Slot]] = (),
        receive: Sequence[Sequence[Slot]] = (),
        *,
        link: Link | None = None,
        background: Sequence[int] = (),
        most: int = 200_000,
        **options: int,
    ) -> Played:
        def boot(number: int, text: str) -> Any:
            def machine(switch: Switch, station: int) -> Mips64Machine:
                image = assemble(f"{START}{text}{EXIT}")
                made = Mips64Machine(image, memory_bytes=MEMORY, switch=switch, station=station, **options)
                put_rings(made, send[number] if send else (), receive[number] if receive else ())
                return made

            return SimpleNamespace(machine=machine)

        vms = [Vm(boot(number, text), number in background) for number, text in enumerate(texts)]
        session = Session(vms, link or Link())
        rows: list[Rows] = [[] for _ in vms]

        def sink_of(number: int) -> Callable[[np.ndarray, np.ndarray], None]:
            def sink(words: np.ndarray, counts: np.ndarray) -> None:
                for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                    rows[number].append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

            return sink

        for member in session.members:
            member.start(sink_of(member.number), most, None, None)
        session.run()
        return Played(session, rows)

    return go


def ping_pong(play: Callable[..., Played], **options: Any) -> Played:
    """A packet from the first station to the second, and another one back."""
    return play([PING, PONG], [[sent(0, station=2)], [sent(1, station=1)]], [[buffer(0)], [buffer(0)]], **options)


def test_a_packet_crosses_and_another_one_answers(play) -> None:  # type: ignore[no-untyped-def]
    """Each is sent by one and received by the other under the same id, with its content."""
    ran = ping_pong(play)

    assert [0, 0] == [result.status for result in ran.results]
    assert [(1024, FIRST)] == ran.of(0, Kind.PACKET_SENT) == ran.of(1, Kind.PACKET_RECEIVED)
    assert [(1024, SECOND)] == ran.of(1, Kind.PACKET_SENT) == ran.of(0, Kind.PACKET_RECEIVED)
    assert content(0, 1, 1000) == ran.machines[1].read((TARGETS + 1) * 4096, 1000)
    assert content(0, 1, 1000) == ran.machines[0].read((TARGETS + 1) * 4096, 1000)
    assert [2, 1] == [packets(rows, Kind.PACKET_SENT)[0][2][1] >> 32 for rows in ran.rows]
    assert [2, 1] == [packets(rows, Kind.PACKET_RECEIVED)[0][2][1] >> 32 for rows in ran.rows]


def test_waiting_for_an_answer_is_one_idle_row(play) -> None:  # type: ignore[no-untyped-def]
    """Twice latency and transmission and what the other one executes: to the unit, however long the steps were."""
    ran = ping_pong(play)
    one_way = UNITS + LATENCY_UNITS

    # The first rings when 8 instructions have retired, and waits from the tenth on; the second waits from its eighth
    # on, and rings when 5 more have retired.
    assert [(Wake.DEVICE, 8 + 2 * one_way + 5 - 10)] == ran.of(0, Kind.IDLE)
    assert [(Wake.DEVICE, 8 + one_way - 8)] == ran.of(1, Kind.IDLE)


@pytest.mark.parametrize("latency", [1, 37, 100_000])
def test_steps_do_not_change_when_packets_arrive(play, latency) -> None:  # type: ignore[no-untyped-def]
    """A round trip differs from the default link's by twice the difference of the latencies."""
    usual, other = ping_pong(play), ping_pong(play, link=Link(latency=latency))

    assert 2 * (LATENCY_UNITS - latency) == usual.of(0, Kind.IDLE)[0][1] - other.of(0, Kind.IDLE)[0][1]
    assert [result.instructions for result in usual.results] == [result.instructions for result in other.results]


def test_a_machine_in_a_session_runs_as_it_does_alone(play) -> None:  # type: ignore[no-untyped-def]
    """What does not use the network gives the same rows beside another machine, with a step every 50 units."""
    text = f"{UNMASK} ori $t0, $0, 3000\n mtc0 $t0, $11\n ori $t1, $0, 0x8000\n mtc0 $t1, $12\n{WAIT}" + "nop\n" * 300
    alone, together = play([text]), play([text, PONG], background=[1], link=Link(latency=50))

    assert alone.rows[0] == together.rows[0]
    assert [(Wake.TIMER)] == [wake for wake, _ in together.of(0, Kind.IDLE)]


def test_two_to_one_arrive_by_time_and_then_by_station(play) -> None:  # type: ignore[no-untyped-def]
    """Packets of two senders that leave at the same time arrive in the order of their stations."""
    listen = f"{RINGS}{UNMASK}{WAIT}{TAKE_BACK}{WAIT}{TAKE_BACK}"
    say = f"{RINGS}{store(net.NET_SEND, 1)} b . + 8\n nop\n"
    ran = play(
        [say, say, listen],
        [[sent(0, station=3)], [sent(1, station=3)], []],
        [[], [], [buffer(0), buffer(1)]],
    )

    assert [FIRST, SECOND] == [packet for _, packet in ran.of(2, Kind.PACKET_RECEIVED)]


def test_the_background_is_switched_off_with_the_others(play) -> None:  # type: ignore[no-untyped-def]
    """A machine that never ends is whole when all others have ended, its END row says so, and no one waits for it."""
    ran = play(["nop\n" * 50_000, FOREVER], background=[1])

    assert [("exit", 0), (OFF, None)] == [(result.reason, result.status) for result in ran.results]
    assert [(0, 0)] == ran.of(1, Kind.END)
    assert 50_000 - LATENCY_UNITS < ran.results[1].instructions < 50_000 + 2 * LATENCY_UNITS


def test_a_failure_ends_the_session(play) -> None:  # type: ignore[no-untyped-def]
    """The others are cut, and say whose failure it was."""
    ran = play([FOREVER, "ori $v1, $0, 9\n"])

    assert "vm1 of its session failed with status 9" == ran.results[0].reason
    assert ["exit", 9] == [ran.results[1].reason, ran.results[1].status]
    assert [(1, 0)] == ran.of(0, Kind.END)


def test_a_limit_ends_the_session(play) -> None:  # type: ignore[no-untyped-def]
    """The machine that ran so many instructions ends it for the others."""
    ran = play([FOREVER, SLEEP], most=20_000)

    limit = "19999 instructions ran without the guest's exit"  # a branch and its delay slot do not fit any more

    assert limit == ran.results[0].reason
    assert f"vm0 of its session stopped ({limit})" == ran.results[1].reason


def test_a_session_in_which_all_wait_ends(play) -> None:  # type: ignore[no-untyped-def]
    """Nobody has anything to wait for: each says so."""
    ran = play([SLEEP, SLEEP])

    assert [DEADLOCK] * 2 == [result.reason for result in ran.results]


def test_what_is_sent_to_a_machine_that_ended_is_lost(play) -> None:  # type: ignore[no-untyped-def]
    """The sender notices nothing."""
    spin = " lui $t2, 1\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    ran = play([f"{spin}{RINGS}{UNMASK}{store(net.NET_SEND, 1)}{WAIT}", ""], [[sent(0, station=2, notify=True)], []])

    assert [0, 0] == [result.status for result in ran.results]
    assert [net.NET_DONE] == states(ran.machines[0], SEND_RING, 1)
    assert [] == ran.of(1, Kind.PACKET_RECEIVED)


@pytest.mark.parametrize("vcpus", [1, 3])
def test_a_session_is_the_same_each_time(play, vcpus) -> None:  # type: ignore[no-untyped-def]
    """Same machines, same rows."""
    one, two = (ping_pong(play, vcpus=vcpus, link=Link(latency=777)) for _ in range(2))

    assert one.rows == two.rows
    assert one.results == two.results
