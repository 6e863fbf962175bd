"""Rings of the network card, written into a machine's memory from outside, and guests that ring its bells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replay.trace.schema import Kind
from tracegen import abi_net as net
from tracegen.abi_net import Descriptor
from tracegen.cpu.machine import Machine

SEND_RING, RECEIVE_RING, BUFFERS, TARGETS = 0x100, 0x101, 0x110, 0x180
"""Frames: the rings, what is sent, and where it arrives."""
PAGE = 4096


class Slot(NamedTuple):
    """A descriptor as it is in memory."""

    header: int = 0
    payload: int = 0
    header_bytes: int = 0
    payload_bytes: int = 0
    station: int = 0
    state: int = net.NET_READY

    def words(self) -> list[int]:
        """Its four words."""
        sizes = self.header_bytes | self.payload_bytes << 16 | self.station << 32
        return [self.header, self.payload, sizes, self.state]


def sent(number: int, header: int = 24, payload: int = 1000, station: int = 1, notify: bool = False) -> Slot:
    """A packet whose parts lie in two pages of their own."""
    page = (BUFFERS + 2 * number) * PAGE
    return Slot(page, page + PAGE, header, payload, station, net.NET_READY | (net.NET_NOTIFY if notify else 0))


def buffer(number: int, header: int = 64, payload: int = PAGE) -> Slot:
    """A place for a packet, in two pages of their own."""
    page = (TARGETS + 2 * number) * PAGE
    return Slot(page, page + PAGE, header, payload)


def put_ring(machine: Machine, frame: int, slots: Sequence[Slot]) -> None:
    """Write descriptors from the ring's start on."""
    words = [word for slot in slots for word in slot.words()]
    machine.core.ram8[frame * PAGE >> 3 :][: len(words)] = np.array(words, np.uint64)


def put_rings(machine: Machine, send: Sequence[Slot], receive: Sequence[Slot]) -> None:
    """Write both rings, and bytes that tell the packets apart into what is sent."""
    put_ring(machine, SEND_RING, send)
    put_ring(machine, RECEIVE_RING, receive)
    for number, slot in enumerate(send):
        for part, address, size in ((0, slot.header, slot.header_bytes), (1, slot.payload, slot.payload_bytes)):
            if address + size <= machine.memory_bytes:
                machine.write(address, content(number, part, size))


def content(number: int, part: int, size: int) -> bytes:
    """What a packet's header (0) or payload (1) holds."""
    return bytes((7 * number + 3 * part + at) % 251 for at in range(size))


def slot_at(machine: Machine, frame: int, number: int) -> Slot:
    """A descriptor as it is now."""
    at = frame * PAGE + number * net.NET_DESCRIPTOR_BYTES >> 3
    header, payload, sizes, state = machine.core.ram8[at : at + len(Descriptor)].tolist()
    return Slot(header, payload, sizes & 0xFFFF, sizes >> 16 & 0xFFFF, sizes >> 32, state)


def states(machine: Machine, frame: int, count: int) -> list[int]:
    """States of a ring's first descriptors."""
    return [slot_at(machine, frame, number).state for number in range(count)]


def packets(rows: Sequence[Sequence[int]], kind: Kind) -> list[tuple[int, int, list[int]]]:
    """(Packet id, bytes, payloads of EXTRA rows) of the rows of a kind."""
    found: list[tuple[int, int, list[int]]] = []
    extras: list[int] = []
    for row_kind, _, info, page, _ in rows:
        if row_kind == Kind.EXTRA:
            extras.append(info << 32 | page)
            continue
        if row_kind == kind:
            found.append((page, info, extras))
        extras = []
    return found
