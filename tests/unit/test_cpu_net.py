"""The network card on hand-assembled MIPS64 guests: rings, times, the line, rows, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from replay.trace.schema import PACKET_STATION_SHIFT, Cause, Kind, Wake
from tracegen import abi
from tracegen import abi_net as net
from tracegen.abi_net import LATENCY_UNITS, Net
from tracegen.cpu.machine import RunResult
from tracegen.mips64.machine import Mips64Machine
from tracegen.switch import Link, Switch

from .cards import (
    BUFFERS,
    PAGE,
    RECEIVE_RING,
    SEND_RING,
    TARGETS,
    Slot,
    buffer,
    content,
    packets,
    put_rings,
    sent,
    slot_at,
    states,
)

LINE = 1 << 8 + net.NET_LINE
START = """
.org 0x400
.globl _start
_start:
  lui $t9, 0xbf00
"""
EXIT = "sd $v1, 8($t9)\n b .\n nop\n"
WAIT = " wait\n b . + 8\n nop\n"
FIRST = 1 << PACKET_STATION_SHIFT | 1
"""Id of the first packet of a machine alone."""
MEMORY = 4 << 20
BYTES = 1024
UNITS = Link().units(BYTES)


class Ran(NamedTuple):
    """A machine that ran with a trace."""

    machine: Mips64Machine
    result: RunResult
    rows: list[tuple[int, int, int, int, int]]

    def of(self, *kinds: Kind) -> list[tuple[int, int]]:
        """(info, page) of the rows of some kinds."""
        return [(info, page) for kind, _, info, page, _ in self.rows if kind in kinds]

    @property
    def saved(self) -> list[int]:
        """Registers s0 to s7."""
        return self.machine.registers[16:24]


def load(registers: str, name: int) -> str:
    """Assembly that loads a register of the card."""
    return f" ld {registers}, {name}($t9)\n"


def store(name: int, value: int) -> str:
    """Assembly that stores to a register of the card, in two instructions."""
    return f" ori $t0, $0, {value}\n sd $t0, {name}($t9)\n"


RINGS = store(net.NET_SEND_RING, SEND_RING) + store(net.NET_RECEIVE_RING, RECEIVE_RING)
UNMASK = f" ori $t1, $0, {LINE}\n mtc0 $t1, $12\n"
STATUS = load("$s0", net.NET_STATUS)
TAKE_BACK = store(net.NET_ACKNOWLEDGE, Net.SENT | Net.RECEIVED | Net.FAILED)


@pytest.fixture
def run(assemble: Callable[[str], bytes]) -> Callable[..., Ran]:
    """A function (assembly behind the start, send ring, receive ring, link=..., options of a machine) -> Ran."""

    def go(
        text: str,
        send: Sequence[Slot] = (),
        receive: Sequence[Slot] = (),
        *,
        handler: str = "",
        link: Link | None = None,
        traced: bool = True,
        prepare: Callable[[Mips64Machine], None] = lambda machine: None,
        **options: int,
    ) -> Ran:
        image = assemble(f"{handler}{START}{text}{EXIT}")
        machine = Mips64Machine(image, memory_bytes=MEMORY, switch=Switch(link), **options)
        put_rings(machine, send, receive)
        prepare(machine)
        rows: list[tuple[int, int, int, int, int]] = []

        def sink(words: np.ndarray, counts: np.ndarray) -> None:
            for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                rows.append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

        return Ran(machine, machine.run(sink if traced else None, max_instructions=200_000), rows)

    return go


def test_a_packet_to_the_own_station_comes_back(run) -> None:  # type: ignore[no-untyped-def]
    """It leaves in its bytes' time, arrives after the latency in the first buffer, and the rows tell of one packet."""
    text = (
        f"{RINGS}{UNMASK}{store(net.NET_SEND, 1)}{WAIT}{STATUS}{TAKE_BACK}{load('$s1', net.NET_STATUS)}mfc0 $s2, $13\n"
    )
    ran = run(text, [sent(0)], [buffer(0)])
    kinds = (Kind.DOORBELL, Kind.PACKET_SENT, Kind.IDLE, Kind.PACKET_RECEIVED, Kind.INTERRUPT)
    target = TARGETS * PAGE

    assert list(kinds) == [row[0] for row in ran.rows if row[0] in kinds]
    assert [(1, 1)] == ran.of(Kind.DOORBELL)
    assert [(FIRST, BYTES, [BUFFERS + 1, 1000 << 16 | 1 << 32])] == packets(ran.rows, Kind.PACKET_SENT)
    assert [(FIRST, BYTES, [TARGETS + 1, 1000 << 16 | 1 << 32])] == packets(ran.rows, Kind.PACKET_RECEIVED)
    assert [(net.NET_LINE, FIRST)] == ran.of(Kind.INTERRUPT)
    # The packet begins to leave at the doorbell's store; the wait begins when that and itself have retired.
    assert [(Wake.DEVICE, UNITS + LATENCY_UNITS - 2)] == ran.of(Kind.IDLE)
    assert [Net.RECEIVED, 0, 0] == [ran.saved[0], ran.saved[1], ran.saved[2] & 0xFF00]
    assert content(0, 0, 24) + bytes(8) == ran.machine.read(target, 32)
    assert content(0, 1, 1000) + bytes(8) == ran.machine.read(target + PAGE, 1008)
    assert Slot(target, target + PAGE, 24, 1000, 1, net.NET_DONE) == slot_at(ran.machine, RECEIVE_RING, 0)
    assert [net.NET_DONE] == states(ran.machine, SEND_RING, 1)
    assert ran.result.instructions == sum(row[4] for row in ran.rows)


def test_a_packet_takes_what_its_bytes_and_a_frame_take() -> None:
    """84 bytes at least, 38 more than it has else, at 1 Gbit/s in units of 5 ns, rounded up."""
    assert (1024 + 38) * 8 / 5 < UNITS < (1024 + 38) * 8 / 5 + 1
    assert [135, 135, 136] == [Link().units(size) for size in (1, 46, 47)]
    assert 10 * 135 - 6 == Link(bandwidth=100_000_000).units(1)


HANDLER = f"""
.org 0x180
  ld $s6, {net.NET_STATUS}($t9)
  sd $s6, {net.NET_ACKNOWLEDGE}($t9)
  dsll $s4, $s4, 4
  or $s4, $s4, $s6
  eret
"""
"""Puts what it is interrupted for into s4, four bits each time."""


def test_a_packet_that_notifies_interrupts_when_it_has_left(run) -> None:  # type: ignore[no-untyped-def]
    """SENT at the departure, RECEIVED one latency later: a spinning guest is interrupted at these times."""
    enable = f" ori $s3, $0, 0x12\n ori $t1, $0, {LINE | 1}\n mtc0 $t1, $12\n"
    text = f"{RINGS}{enable}{store(net.NET_SEND, 1)}1: bne $s4, $s3, 1b\n nop\n"
    ran = run(text, [sent(0, notify=True)], [buffer(0)], handler=HANDLER)
    turns = -(-(UNITS + LATENCY_UNITS) // 2)

    assert 0x12 == ran.saved[4]
    assert [(net.NET_LINE, 0), (net.NET_LINE, FIRST)] == ran.of(Kind.INTERRUPT)
    assert [(Cause.INTERRUPT, net.NET_LINE)] * 2 == ran.of(Kind.EXCEPTION)
    assert abs(1 + 4 + 3 + 2 + 2 * turns + 5 - ran.result.instructions) <= 8


def test_packets_leave_one_after_the_other(run) -> None:  # type: ignore[no-untyped-def]
    """Three of one doorbell arrive with one packet's time between them, each by an interrupt of its own."""
    text = f"{RINGS}{UNMASK}{store(net.NET_SEND, 3)}" + f"{WAIT}{TAKE_BACK}" * 3
    ran = run(text, [sent(i) for i in range(3)], [buffer(i) for i in range(3)])

    assert [UNITS + LATENCY_UNITS - 2, UNITS - 5, UNITS - 5] == [units for _, units in ran.of(Kind.IDLE)]
    assert [FIRST, FIRST + 1, FIRST + 2] == [packet for _, packet in ran.of(Kind.PACKET_RECEIVED)]
    assert [FIRST, FIRST + 1, FIRST + 2] == [packet for _, packet in ran.of(Kind.INTERRUPT)]
    assert [net.NET_DONE] * 3 == states(ran.machine, SEND_RING, 3) == states(ran.machine, RECEIVE_RING, 3)
    assert content(2, 1, 1000) == ran.machine.read((TARGETS + 5) * PAGE, 1000)


def test_the_line_stays_up_and_one_interrupt_tells_of_many(run) -> None:  # type: ignore[no-untyped-def]
    """What arrives before the acknowledgement raises nothing; a wait with the line up does not wait."""
    spin = " ori $t2, $0, 30000\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    look = f"{STATUS} mfc0 $s1, $13\n{store(net.NET_ACKNOWLEDGE, 1)} mfc0 $s2, $13\n"
    text = f"{RINGS}{UNMASK}{store(net.NET_SEND, 3)}{spin}{WAIT}{look}"
    ran = run(text, [sent(i) for i in range(3)], [buffer(i) for i in range(3)])

    assert [] == ran.of(Kind.IDLE)
    assert [(net.NET_LINE, FIRST)] == ran.of(Kind.INTERRUPT)
    assert [Net.RECEIVED, LINE, LINE] == [ran.saved[0], ran.saved[1] & 0xFF00, ran.saved[2] & 0xFF00]


def test_packets_wait_in_the_card_for_buffers(run) -> None:  # type: ignore[no-untyped-def]
    """Without one READY the card keeps NET_HELD, drops further ones and counts them, and goes on at the doorbell."""
    spin = " lui $t2, 1\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    ready = f" lui $t3, 0x8010\n ori $t3, $t3, {RECEIVE_RING - 0x100 << 12}\n ori $t4, $0, 1\n sd $t4, 24($t3)\n"
    before = f"{load('$s0', net.NET_DROPPED)}{load('$s1', net.NET_STATUS)}"
    after = f"{store(net.NET_RECEIVE, 1)}{WAIT}{load('$s2', net.NET_STATUS)}"
    text = f"{RINGS}{UNMASK}{store(net.NET_SEND, 70)}{spin}{before}{ready}{after}"
    waiting = buffer(0)._replace(state=net.NET_EMPTY)
    ran = run(text, [Slot(BUFFERS * PAGE, 0, 8, 0, 1)] * 70, [waiting])

    assert [70 - net.NET_HELD, 0, Net.RECEIVED] == ran.saved[:3]
    assert [(8, FIRST)] == ran.of(Kind.PACKET_RECEIVED)
    assert 70 == len(ran.of(Kind.PACKET_SENT))
    assert net.NET_HELD - 1 == len(ran.machine.card.held)


@pytest.mark.parametrize(
    ("receive", "ring"), [([buffer(0, payload=999)], RECEIVE_RING), ([buffer(0, header=23)], RECEIVE_RING), ([], 0)]
)
def test_what_there_is_no_room_for_is_dropped(run, receive, ring) -> None:  # type: ignore[no-untyped-def]
    """A packet larger than the next buffer, or any without a ring, is counted; the buffer stays the card's."""
    spin = " ori $t2, $0, 20000\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    rings = store(net.NET_SEND_RING, SEND_RING) + store(net.NET_RECEIVE_RING, ring)
    ran = run(f"{rings}{store(net.NET_SEND, 1)}{spin}{load('$s0', net.NET_DROPPED)}", [sent(0)], receive)

    assert [] == ran.of(Kind.PACKET_RECEIVED) + ran.of(Kind.INTERRUPT)
    assert 1 == ran.saved[0]
    assert [slot.state for slot in receive] == states(ran.machine, RECEIVE_RING, len(receive))


WRONG = [
    Slot(MEMORY, 0, 8, 0, 1),
    Slot(0, 1 << 63, 0, 8, 1),
    Slot(BUFFERS * PAGE + 4, 0, 8, 0, 1),
    Slot(BUFFERS * PAGE + PAGE - 8, 0, 9, 0, 1),
    Slot(0, BUFFERS * PAGE, 0, 4097, 1),
]


@pytest.mark.parametrize("wrong", [*WRONG, Slot(BUFFERS * PAGE, BUFFERS * PAGE, 0, 0, 1)])
def test_a_wrong_packet_is_refused_and_the_next_one_sent(run, wrong) -> None:  # type: ignore[no-untyped-def]
    """Out of memory, misaligned, across a page's end, or without bytes: REFUSED, FAILED, an interrupt of no packet."""
    ran = run(f"{RINGS}{store(net.NET_SEND, 2)} nop\n nop\n b . + 8\n nop\n{STATUS}", [wrong, sent(1)], [buffer(0)])

    assert [net.NET_REFUSED, net.NET_READY] == states(ran.machine, SEND_RING, 2)
    assert Net.FAILED == ran.saved[0]
    assert [(net.NET_LINE, 0)] == ran.of(Kind.INTERRUPT)
    assert [(BYTES, FIRST)] == ran.of(Kind.PACKET_SENT)


TABLE = f" ori $a0, $0, {TARGETS + 1}\n ori $a1, $0, 0\n ori $0, $0, {abi.Announce.TABLE_ALLOC}\n"


@pytest.mark.parametrize("wrong", [*WRONG, buffer(0)])
def test_a_wrong_buffer_is_refused_and_the_next_one_filled(run, wrong) -> None:  # type: ignore[no-untyped-def]
    """So is one that holds a page table, into which no packet goes."""
    text = f"{TABLE}{RINGS}{UNMASK}{store(net.NET_SEND, 2)}{WAIT}{STATUS}"
    ran = run(text, [sent(0)], [wrong, buffer(1)])

    assert [net.NET_REFUSED, net.NET_DONE] == states(ran.machine, RECEIVE_RING, 2)
    assert Net.FAILED | Net.RECEIVED == ran.saved[0]
    assert bytes(PAGE) == ran.machine.read((TARGETS + 1) * PAGE, PAGE)
    assert content(0, 1, 1000) == ran.machine.read((TARGETS + 3) * PAGE, 1000)


@pytest.mark.parametrize("frame", [MEMORY // PAGE, 1 << 40, (1 << 64) - 1, TARGETS + 1])
def test_a_ring_that_cannot_be_is_none(run, frame) -> None:  # type: ignore[no-untyped-def]
    """Out of memory or in a page table: FAILED, once, and nothing is sent or received any more."""
    value = f" dli $t0, {frame}\n sd $t0, {net.NET_SEND_RING}($t9)\n sd $t0, {net.NET_RECEIVE_RING}($t9)\n"
    ring = store(net.NET_SEND, 1) + " b . + 8\n nop\n"
    ran = run(f"{TABLE}{value}{ring}{STATUS}{TAKE_BACK}{ring}{STATUS.replace('s0', 's1')}", [sent(0)], [buffer(0)])

    assert [Net.FAILED, 0] == ran.saved[:2]
    assert [] == ran.of(Kind.PACKET_SENT)


def test_a_packet_to_nobody_leaves_and_is_gone(run) -> None:  # type: ignore[no-untyped-def]
    """Stations that are not there take nothing; the descriptor is DONE all the same, and tells."""
    text = f"{RINGS}{UNMASK}{store(net.NET_SEND, 1)}{WAIT}{STATUS}{TAKE_BACK}{WAIT}"
    ran = run(text, [sent(0, station=2, notify=True)], [buffer(0)])

    assert Net.SENT == ran.saved[0]
    assert [net.NET_DONE] == states(ran.machine, SEND_RING, 1)
    assert [(Wake.DEVICE, UNITS - 2)] == ran.of(Kind.IDLE)
    assert "nothing can wake it" in ran.result.reason


def test_the_switch_drops_every_nth_packet(run) -> None:  # type: ignore[no-untyped-def]
    """With drop_every=3 the third and the sixth of a sender are lost, and nothing else is."""
    spin = " lui $t2, 1\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    slots = [sent(i, payload=0) for i in range(7)]
    ran = run(f"{RINGS}{store(net.NET_SEND, 7)}{spin}", slots, [buffer(i) for i in range(7)], link=Link(drop_every=3))

    assert [1, 2, 4, 5, 7] == [packet - FIRST + 1 for _, packet in ran.of(Kind.PACKET_RECEIVED)]


def test_a_share_of_packets_is_lost_by_seed() -> None:
    """About that share of them, others with another seed, the same with the same."""
    lost = [
        [packet for packet in range(FIRST, FIRST + 20_000) if Link(drop_share=50_000, seed=seed).loses(packet)]
        for seed in (1, 2, 1)
    ]

    assert lost[0] == lost[2] != lost[1]
    assert abs(len(lost[0]) - 1000) < 100


def test_a_full_ring_goes_on_when_packets_have_left(run) -> None:  # type: ignore[no-untyped-def]
    """The card takes a ring's 128 packets at once, each once, however often it is told."""
    spin = " lui $t2, 1\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
    ring = store(net.NET_SEND, 1) + " b . + 8\n nop\n"
    ran = run(f"{RINGS}{ring}{ring}{spin}{ring}", [Slot(BUFFERS * PAGE, 0, 8, 0, 9)] * net.NET_RING)

    assert list(range(FIRST, FIRST + net.NET_RING)) == [packet for _, packet in ran.of(Kind.PACKET_SENT)]
    assert [net.NET_DONE] * net.NET_RING == states(ran.machine, SEND_RING, net.NET_RING)


def test_code_that_a_packet_overwrites_is_lowered_again(run) -> None:  # type: ignore[no-untyped-def]
    """A function that has run is replaced by a packet, called again, and does what the new bytes say."""
    codes = [0x03E00008 << 32 | word for word in (0x66B50001, 0x66B50064)]  # jr $ra; daddiu $s5, $s5, 1 and 100

    def prepare(machine: Mips64Machine) -> None:
        machine.core.ram8[(TARGETS + 1) * PAGE >> 3] = codes[0]
        machine.core.ram8[(BUFFERS + 1) * PAGE >> 3] = codes[1]

    call = " lui $t3, 0x8018\n ori $t3, $t3, 0x1000\n jalr $t3\n nop\n"
    text = f"{call}{call}{RINGS}{UNMASK}{store(net.NET_SEND, 1)}{WAIT}{call}"
    ran = run(text, [sent(0, payload=8)], [buffer(0)], prepare=prepare)

    assert 102 == ran.saved[5]


def test_the_card_tells_its_station_and_how_many_there_are(run) -> None:  # type: ignore[no-untyped-def]
    """A machine alone is station 1 of 1."""
    ran = run(load("$s0", net.NET_ADDRESS) + load("$s1", net.NET_STATIONS))

    assert [1, 1] == ran.saved[:2]


def test_recording_does_not_change_what_the_card_does(run) -> None:  # type: ignore[no-untyped-def]
    """With and without a trace: the same instructions, registers and memory."""
    text = f"{RINGS}{UNMASK}{store(net.NET_SEND, 3)}" + f"{WAIT}{STATUS}{TAKE_BACK}" * 4
    slots = [sent(i, notify=i == 1) for i in range(3)], [buffer(i) for i in range(3)]
    plain, traced = (run(text, *slots, traced=traced) for traced in (False, True))

    assert plain.result == traced.result
    assert plain.machine.registers == traced.machine.registers
    assert plain.machine.read(0, MEMORY) == traced.machine.read(0, MEMORY)


def test_an_interrupt_of_the_card_is_a_device_s(run) -> None:  # type: ignore[no-untyped-def]
    """The exception names the card's line, and opens the service of device interrupts."""
    text = f"{RINGS} ori $t1, $0, {LINE | 1}\n mtc0 $t1, $12\n{store(net.NET_SEND, 1)}1: b 1b\n nop\n"
    ran = run(text, [sent(0)], [buffer(0)])

    assert (Cause.INTERRUPT, net.NET_LINE) == ran.of(Kind.EXCEPTION)[0]
    assert (0, abi.Service.DEVICE_INTERRUPT) in ran.of(Kind.SERVICE_ENTER)
