"""The network card's work: going round the rings, moving packets by DMA, writing back, interrupting.

The guest's side is in docs/network.md; compiled code has the registers: see ``tracegen.cpu.network``.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from replay.errors import UserError
from replay.trace.schema import OTHER_STATION_SHIFT, PACKET_STATION_SHIFT, PAYLOAD_BYTES_SHIFT, Kind
from tracegen import abi_net as abi
from tracegen.abi_net import Descriptor, Net
from tracegen.cpu import state as S
from tracegen.cpu.buffers import Buffers
from tracegen.cpu.network import LINE_UP, SEND_RING_SET, SEND_RUNG
from tracegen.switch import Packet, Switch

PAGE = 4096
SIXTEEN = (1 << 16) - 1
STATE_MASK = abi.NET_NOTIFY - 1
MOST_PACKETS = (1 << PACKET_STATION_SHIFT) - 1


class Leaving(NamedTuple):
    """A packet that the card has read: when it will have left, where its descriptor is, whether that interrupts."""

    at: int
    descriptor: int
    notify: bool


class Part(NamedTuple):
    """Where a header or a payload lies."""

    address: int
    size: int


class Card:
    """The card of ``machine``, which is ``station`` of ``switch``."""

    def __init__(self, machine: Any, switch: Switch, station: int) -> None:
        self.machine, self.switch, self.station = machine, switch, station
        self.s, self.ram = machine.core.s, machine.core.ram8
        self.leaving: deque[Leaving] = deque()
        self.held: deque[Packet] = deque()
        self.s[S.NET_AT] = S.NEVER
        self._show(abi.NET_ADDRESS, station)
        self._show(abi.NET_STATIONS, switch.stations)

    @property
    def busy(self) -> bool:
        """Whether packets are on their way from or to this machine."""
        return bool(self.leaving or self.held or self.switch.under_way[self.station])

    def serve(self, buffers: Buffers) -> None:
        """Do what the guest told the card, and what time has come for; the rows go to ``buffers``."""
        s = self.s
        told, s[S.NET_RUNG] = int(s[S.NET_RUNG]), 0
        if told & SEND_RING_SET:
            self.leaving.clear()
        now = int(s[S.COUNT] + s[S.IDLE_UNITS])
        self._write_back(buffers, now)
        if told & SEND_RUNG:
            self._send(buffers, int(s[S.NET_RUNG_AT]))
        if s[S.VCPU] == S.DEVICE_VCPU:
            for packet in self.switch.arrived(self.station, now):
                self._keep(packet)
        self._receive(buffers)
        self.plan()

    def plan(self) -> None:
        """Find when the card next has something to do; a vCPU that waits looks up then."""
        s = self.s
        times = [leaving.at for leaving in self.leaving if leaving.notify][:1]
        arrival = self.switch.next_at(self.station)
        s[S.NET_AT] = min(times if arrival is None else [*times, arrival], default=S.NEVER)
        self._wake_by(int(s[S.NET_AT]))

    # -- sending ---------------------------------------------------------------------------------------------------

    def _send(self, buffers: Buffers, now: int) -> None:
        """Read the packets that are READY, each to leave when the link is free."""
        s = self.s
        while len(self.leaving) < abi.NET_RING:
            at = self._descriptor(buffers, S.NET_SEND_FRAME, int(s[S.NET_SEND_AT]))
            if at is None:
                return
            words = self._words(at)
            if words[Descriptor.STATE] & STATE_MASK != abi.NET_READY:
                return
            s[S.NET_SEND_AT] = (int(s[S.NET_SEND_AT]) + 1) % abi.NET_RING
            header, payload, peer = _parts(words)
            if not (header.size or payload.size) or not (self._reaches(header) and self._reaches(payload)):
                self._refuse(buffers, at)
                continue
            departure = max(now, int(s[S.NET_FREE_AT])) + self.switch.link.units(header.size + payload.size)
            s[S.NET_FREE_AT] = departure
            packet = self._new_id()
            self.leaving.append(Leaving(departure, at, bool(words[Descriptor.STATE] & abi.NET_NOTIFY)))
            self._row(buffers, Kind.PACKET_SENT, packet, header, payload, peer)
            self.switch.send(packet, peer, departure, self._read(header), self._read(payload))

    def _new_id(self) -> int:
        serial = int(self.s[S.NET_SERIAL]) + 1
        if serial > MOST_PACKETS:
            raise UserError(f"the guest sent more than {MOST_PACKETS} packets; use a smaller workload")
        self.s[S.NET_SERIAL] = serial
        return self.station << PACKET_STATION_SHIFT | serial

    def _write_back(self, buffers: Buffers, now: int) -> None:
        """Give the guest the descriptors of what has left."""
        while self.leaving and self.leaving[0].at <= now:
            left = self.leaving.popleft()
            self._set(left.descriptor, Descriptor.STATE, abi.NET_DONE)
            if left.notify:
                self._interrupt(buffers, Net.SENT)

    # -- receiving -------------------------------------------------------------------------------------------------

    def _keep(self, packet: Packet) -> None:
        if self.s[S.NET_RECEIVE_FRAME] and len(self.held) < abi.NET_HELD:
            self.held.append(packet)
        else:
            self._lose()

    def _receive(self, buffers: Buffers) -> None:
        """Move the packets that are here to buffers, as long as one is READY."""
        s = self.s
        while self.held:
            at = self._descriptor(buffers, S.NET_RECEIVE_FRAME, int(s[S.NET_RECEIVE_AT]))
            if at is None:
                return
            words = self._words(at)
            if words[Descriptor.STATE] & STATE_MASK != abi.NET_READY:
                return
            header, payload, _ = _parts(words)
            if not all(self._reaches(part) and not self._holds_table(part) for part in (header, payload)):
                s[S.NET_RECEIVE_AT] = (int(s[S.NET_RECEIVE_AT]) + 1) % abi.NET_RING
                self._refuse(buffers, at)
                continue
            packet = self.held.popleft()
            sizes = len(packet.header), len(packet.payload)
            if sizes[0] > header.size or sizes[1] > payload.size:
                self._lose()
                continue
            s[S.NET_RECEIVE_AT] = (int(s[S.NET_RECEIVE_AT]) + 1) % abi.NET_RING
            self._deliver(buffers, packet, at, Part(header.address, sizes[0]), Part(payload.address, sizes[1]))

    def _deliver(self, buffers: Buffers, packet: Packet, at: int, header: Part, payload: Part) -> None:
        sender = packet.id >> PACKET_STATION_SHIFT
        self._write(header, packet.header)
        self._write(payload, packet.payload)
        sizes = header.size | payload.size << abi.NET_PAYLOAD_SHIFT | sender << abi.NET_STATION_SHIFT
        self._set(at, Descriptor.SIZES, sizes)
        self._set(at, Descriptor.STATE, abi.NET_DONE)
        self._row(buffers, Kind.PACKET_RECEIVED, packet.id, header, payload, sender)
        self._interrupt(buffers, Net.RECEIVED, packet.id)

    def _lose(self) -> None:
        self.s[S.NET_LOST] += np.uint64(1)
        self._show(abi.NET_DROPPED, int(self.s[S.NET_LOST]))

    # -- rings and memory ------------------------------------------------------------------------------------------

    def _descriptor(self, buffers: Buffers, ring: int, number: int) -> int | None:
        """Address of a ring's descriptor.  A ring that is not there, or became a page table, is no ring any more."""
        frame = int(self.s[ring])
        if not frame:
            return None
        if frame >= self.machine.memory_bytes // PAGE or self._is_table(frame):
            self.s[ring] = 0
            self._interrupt(buffers, Net.FAILED)
            return None
        return frame * PAGE + number * abi.NET_DESCRIPTOR_BYTES

    def _refuse(self, buffers: Buffers, at: int) -> None:
        self._set(at, Descriptor.STATE, abi.NET_REFUSED)
        self._interrupt(buffers, Net.FAILED)

    def _words(self, at: int) -> list[int]:
        words: list[int] = self.ram[at >> 3 : (at >> 3) + len(Descriptor)].tolist()
        return words

    def _set(self, at: int, word: Descriptor, value: int) -> None:
        """Write a word of a descriptor, unless its page has become a page table."""
        if not self._is_table(at // PAGE):
            self.ram[(at >> 3) + word] = value
            self._forget_code(at // PAGE)

    def _reaches(self, part: Part) -> bool:
        """Whether a part is nothing, or lies in one page of memory."""
        in_page = part.address % 8 == 0 and part.address % PAGE + part.size <= PAGE
        return not part.size or (in_page and part.address < self.machine.memory_bytes)

    def _is_table(self, frame: int) -> bool:
        return bool(self.machine.core.frames[4 * frame + S.FRAME_TABLE])

    def _holds_table(self, part: Part) -> bool:
        return bool(part.size) and self._is_table(part.address // PAGE)

    def _forget_code(self, frame: int) -> None:
        if self.machine.core.frames[4 * frame + S.FRAME_CODE_LINES]:
            self.machine.forget_page(frame)

    def _read(self, part: Part) -> bytes:
        words = self.ram[part.address >> 3 : (part.address + part.size + 7) >> 3]
        return bytes(words.astype(self.machine.WORD).tobytes()[: part.size])

    def _write(self, part: Part, data: bytes) -> None:
        if not part.size:
            return
        whole = self._read(Part(part.address, -(-part.size // 8) * 8))
        words = np.frombuffer(data + whole[part.size :], self.machine.WORD)
        self.ram[part.address >> 3 : (part.address >> 3) + words.size] = words
        self._forget_code(part.address // PAGE)

    def _show(self, register: int, value: int) -> None:
        self.ram[self.machine.memory_bytes + register >> 3] = value

    # -- interrupts and rows ---------------------------------------------------------------------------------------

    def _interrupt(self, buffers: Buffers, event: Net, packet: int = 0) -> None:
        """Note what happened; the first raises the line."""
        s, base = self.s, self.machine.bases()[S.DEVICE_VCPU]
        if not s[S.NET_EVENTS]:
            s[base + S.LINES] |= LINE_UP
            buffers.row(Kind.INTERRUPT, int(s[S.NET_VECTOR]), packet)
        s[S.NET_EVENTS] |= np.uint64(event)
        self._show(abi.NET_STATUS, int(s[S.NET_EVENTS]))
        self._wake_by(int(s[S.COUNT] + s[S.IDLE_UNITS]))

    def _wake_by(self, at: int) -> None:
        place = self.machine.bases()[S.DEVICE_VCPU] + S.WAKE_AT
        self.s[place] = min(int(self.s[place]), at)

    def _row(self, buffers: Buffers, kind: Kind, packet: int, header: Part, payload: Part, peer: int) -> None:
        first = payload if payload.size else header
        place = payload.address % PAGE if payload.size else 0
        buffers.payload(first.address // PAGE)
        buffers.payload(place | payload.size << PAYLOAD_BYTES_SHIFT | peer << OTHER_STATION_SHIFT)
        buffers.row(kind, header.size + payload.size, packet)


def _parts(words: list[int]) -> tuple[Part, Part, int]:
    """Header, payload and the other station of a descriptor."""
    sizes = words[Descriptor.SIZES]
    header = Part(words[Descriptor.HEADER], sizes & SIXTEEN)
    payload = Part(words[Descriptor.PAYLOAD], sizes >> abi.NET_PAYLOAD_SHIFT & SIXTEEN)
    return header, payload, sizes >> abi.NET_STATION_SHIFT & SIXTEEN
