"""The network card and its twin agree on rings of any content: states, sizes, memory, events and rows."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from replay.trace.schema import Kind
from tests.twin import card as twin
from tracegen import abi
from tracegen import abi_net as net
from tracegen.mips64.machine import Mips64Machine
from tracegen.switch import Link, Switch

from .cards import BUFFERS, PAGE, RECEIVE_RING, SEND_RING, Slot, packets, put_ring, slot_at
from .test_cpu_net import EXIT, MEMORY, RINGS, START, load, store

TABLES = (BUFFERS + 3, BUFFERS + 9)
PAGES = 24
SPIN = " lui $t2, 40\n1: bnez $t2, 1b\n daddiu $t2, $t2, -1\n"
"""Longer than anything takes."""


def some_slot(dice: random.Random, *, sends: bool) -> twin.Slot:
    """A descriptor, often a wild one."""

    def address() -> int:
        at = (BUFFERS + dice.randrange(PAGES)) * PAGE + dice.choice((0, 0, 0, 8 * dice.randrange(512)))
        wild = (MEMORY, MEMORY - 8, at + dice.randrange(8), dice.getrandbits(64), 1 << 63)
        return at if dice.random() < 0.9 else dice.choice(wild)

    def size() -> int:
        usual = dice.choice((0, 8, 13, 64, 500, 1460)) if sends else dice.choice((64, 2000, PAGE))
        return usual if dice.random() < 0.9 else dice.getrandbits(16)

    ready = dice.random() < 0.97
    state = net.NET_READY if ready else dice.choice((net.NET_EMPTY, net.NET_DONE, 77))
    station = dice.choice((1, 1, 1, 1, 2, 0, 65535))
    return twin.Slot(address(), address(), size(), size(), station, state, sends and dice.random() < 0.2)


def as_words(slot: twin.Slot) -> Slot:
    """The descriptor as it is put into memory."""
    notify = net.NET_NOTIFY if slot.notify and slot.state == net.NET_READY else 0
    parts = (slot.header, slot.payload, slot.header_bytes, slot.payload_bytes)
    return Slot(*parts, slot.station, slot.state | notify)


@pytest.fixture(scope="module")
def image(assemble: Callable[[str], bytes]) -> bytes:
    """A guest that rings the send ring's bell and then only waits."""
    table = "".join(
        f" ori $a0, $0, {frame}\n ori $a1, $0, 0\n ori $0, $0, {abi.Announce.TABLE_ALLOC}\n" for frame in TABLES
    )
    look = load("$s0", net.NET_STATUS) + load("$s1", net.NET_DROPPED)
    again = f"{store(net.NET_SEND, 0)} b . + 8\n nop\n"  # so that what has left is written back
    return assemble(f"{START}{table}{RINGS}{store(net.NET_SEND, 1)}{SPIN}{again}{look}{EXIT}")


@pytest.mark.parametrize("seed", range(40))
def test_any_rings(image: bytes, seed: int) -> None:
    """Random rings, with wild addresses and sizes, on a network that may lose packets."""
    dice = random.Random(f"rings {seed}")
    send = [some_slot(dice, sends=True) for _ in range(dice.choice((3, 20, 127)))]
    receive = [some_slot(dice, sends=False) for _ in range(dice.choice((0, 10, 127)))]
    every = dice.choice((0, 0, 2, 5))
    machine = Mips64Machine(image, memory_bytes=MEMORY, switch=Switch(Link(drop_every=every)))
    machine.write(BUFFERS * PAGE, dice.randbytes(PAGES * PAGE))
    put_ring(machine, SEND_RING, [as_words(slot) for slot in send])
    put_ring(machine, RECEIVE_RING, [as_words(slot) for slot in receive])
    memory = bytearray(machine.read(0, MEMORY))
    rows: list[tuple[int, int, int, int, int]] = []

    def sink(words: np.ndarray, counts: np.ndarray) -> None:
        for word, n in zip(words.tolist(), counts.tolist(), strict=True):
            if word & 0xFF >= Kind.EXTRA:
                rows.append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

    result = machine.run(sink)
    expected = twin.play(send, receive, memory, set(TABLES), every)
    arena = slice(BUFFERS * PAGE, (BUFFERS + PAGES) * PAGE)

    assert 0 == result.status
    assert [expected.events, expected.dropped] == machine.registers[16:18]
    assert [as_words(slot) for slot in send] == [slot_at(machine, SEND_RING, at) for at in range(len(send))]
    assert [as_words(slot) for slot in receive] == [slot_at(machine, RECEIVE_RING, at) for at in range(len(receive))]
    assert memory[arena] == machine.read(arena.start, PAGES * PAGE)
    for kind, told in ((Kind.PACKET_SENT, expected.sent), (Kind.PACKET_RECEIVED, expected.received)):
        assert told == [(packet, size, *extras) for packet, size, extras in packets(rows, kind)]
