"""What the network card makes of two rings, written from docs/network.md: a packet after the other, memory as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

READY, DONE, REFUSED = 1, 2, 3
SENT, RECEIVED, FAILED = 1, 2, 4
PAGE, HELD, RING = 4096, 64, 128


@dataclass
class Slot:
    """A descriptor."""

    header: int
    payload: int
    header_bytes: int
    payload_bytes: int
    station: int
    state: int
    notify: bool = False

    def parts(self) -> list[tuple[int, int]]:
        """Address and bytes of header and payload."""
        return [(self.header, self.header_bytes), (self.payload, self.payload_bytes)]


@dataclass
class Outcome:
    """What is to be seen afterwards."""

    events: int = 0
    dropped: int = 0
    sent: list[tuple[int, int, int, int]] = field(default_factory=list)  # id, bytes, first frame, place and the rest
    received: list[tuple[int, int, int, int]] = field(default_factory=list)


def in_memory(parts: list[tuple[int, int]], memory: bytearray) -> bool:
    """Whether each part that there is begins at a multiple of 8 and lies in one page of memory."""
    for address, size in parts:
        if size and (address % 8 or address >= len(memory) or address // PAGE != (address + size - 1) // PAGE):
            return False
    return True


def row(packet: int, parts: list[tuple[int, int]], station: int) -> tuple[int, int, int, int]:
    """What a row tells of a packet."""
    (header, first), (payload, second) = parts
    told = payload % PAGE | second << 16 if second else 0
    return packet, first + second, (payload if second else header) // PAGE, told | station << 32


def play(send: list[Slot], receive: list[Slot], memory: bytearray, tables: set[int], lost_every: int) -> Outcome:
    """One doorbell of the send ring, on a machine that is station 1 and alone; the slots and memory change."""
    outcome = Outcome()
    under_way: list[tuple[int, list[bytes]]] = []
    for slot in send:
        if slot.state != READY:
            break
        if not slot.header_bytes + slot.payload_bytes or not in_memory(slot.parts(), memory):
            slot.state = REFUSED
            outcome.events |= FAILED
            continue
        packet = 1 << 26 | len(outcome.sent) + 1
        outcome.sent.append(row(packet, slot.parts(), slot.station))
        lost = lost_every and len(outcome.sent) % lost_every == 0
        if slot.station == 1 and not lost:
            under_way.append((packet, [bytes(memory[at : at + size]) for at, size in slot.parts()]))
        slot.state = DONE
        outcome.events |= SENT if slot.notify else 0
    waiting: list[tuple[int, list[bytes]]] = []
    free = list(receive)
    for arrived in under_way:
        if len(waiting) == HELD:
            outcome.dropped += 1
            continue
        waiting.append(arrived)
        while waiting and free and free[0].state == READY:
            slot = free[0]
            held = any(size and address // PAGE in tables for address, size in slot.parts())
            if not in_memory(slot.parts(), memory) or held:
                slot.state = REFUSED
                outcome.events |= FAILED
                free.pop(0)
                continue
            packet, data = waiting.pop(0)
            if any(len(part) > size for part, (_, size) in zip(data, slot.parts(), strict=True)):
                outcome.dropped += 1
                continue
            for part, (address, _) in zip(data, slot.parts(), strict=True):
                memory[address : address + len(part)] = part
            slot.header_bytes, slot.payload_bytes = map(len, data)
            slot.station, slot.state = 1, DONE
            outcome.received.append(row(packet, slot.parts(), 1))
            outcome.events |= RECEIVED
            free.pop(0)
    return outcome
