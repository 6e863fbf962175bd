"""The virtual subnet: packets between virtual machines of one machine, whose pages are mapped instead of copied.

A packet whose payload is a whole page at both ends is not copied: when it is sent its page becomes shared, read-only,
and when it is received the receiver's frame maps that page in place of its own (Bugnion et al., SOSP 1997, section
4.2.6).  A store to it at either end is a store to a shared page (``replay.memory.sharing``).  Headers, and payloads of
other sizes and places, are copied byte by byte into the receiver's own pages.

A packet travels here if one of the traces sent it and one received it, by its id, within one session.  Any other left
through the real card or came in through it, which moves it by DMA: a trace alone is of a machine whose peers are
elsewhere.  A packet that the schedule lets arrive before it was sent is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.columns import rows_of
from replay.io.drivers import payload_bytes
from replay.jit import inline
from replay.kernel import add, tick
from replay.memory import sharing
from replay.mmu.spaces import number_of
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import PAGE_BYTES, PAYLOAD_BYTES_SHIFT, Kind

PARAMETERS = (
    Parameter(
        "subnet", "remap", "policy", 0, 0, "cited: Bugnion et al., SOSP 1997, section 4.2.6",
        "whole pages of packets between VMs: remap, mapped at both ends; copy, as all other bytes",
        ("remap", "copy"),
    ),
)  # fmt: skip

EVENTS = {
    "virtual subnet": {
        "remapped_page": "payloads of packets between virtual machines mapped instead of copied",
        "packet_byte": "bytes of packets between virtual machines copied",
    }
}
"""Counters by mechanism."""

REMAPPED_PAGE, PACKET_BYTE = (np.uint64(n) for n in range(2))
"""Places of the counters from ``Subnet.first`` on."""

ONE, NONE, NETWORK_SHIFT = np.uint64(1), np.uint32(0), np.uint64(32)
BYTES_SHIFT, SIXTEEN_BITS, WHOLE = np.uint64(PAYLOAD_BYTES_SHIFT), np.uint64(0xFFFF), np.uint64(PAGE_BYTES)


class Subnet(NamedTuple):
    """Packets that travel from one VM to another."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    packets: np.ndarray  # u64, ascending: network << 32 | id
    whole: np.ndarray  # u8 by packet: 1 if it may be mapped, and did not arrive yet
    held: np.ndarray  # u32 by packet: the slot that it holds on its way, plus one
    network: np.ndarray  # u64 by VM
    slot: np.uint64  # of the first packet


def make_subnet(
    prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, counters: tuple[str, ...], slot: int
) -> Subnet:
    """Nothing was sent yet.  Packets have slots from ``slot`` on; ``counters`` are all of the model's."""
    packets, whole = _packets(prepared) if sharing.number_of_vms(prepared) > 1 else (np.zeros(0, np.uint64),) * 2
    return Subnet(
        counts=counts,
        first=np.uint64(counters.index("remapped_page")),
        packets=packets,
        whole=(whole if settings["subnet"] == "remap" else np.zeros_like(whole)).astype(np.uint8),
        held=np.zeros(packets.size, np.uint32),
        network=np.array(prepared.network_of_vm or (0,), np.uint64),
        slot=np.uint64(slot),
    )


def _packets(prepared: Prepared) -> tuple[np.ndarray, np.ndarray]:
    """Packets that VMs of ``prepared`` sent and received, ascending, and which are whole pages at both ends."""
    ends = [_ends(prepared, kind) for kind in (Kind.PACKET_SENT, Kind.PACKET_RECEIVED)]
    both, sent, received = np.intersect1d(ends[0][0], ends[1][0], return_indices=True)
    return both, ends[0][1][sent] & ends[1][1][received]


def _ends(prepared: Prepared, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Packets with a row of ``kind``, ascending, and whether the payload is a whole page there."""
    rows = prepared.columns
    at = rows_of(rows.kind, (kind,))
    at = at[at >= 2]
    at = at[(rows.kind[at - 1] == Kind.EXTRA) & (rows.kind[at - 2] == Kind.EXTRA)]
    frame, place = (rows.page[at - back] | rows.info[at - back].astype(np.uint64) << NETWORK_SHIFT for back in (2, 1))
    ends = np.cumsum(prepared.frames_of_vm).astype(np.uint64)
    vm = np.minimum(np.searchsorted(ends, frame, side="right"), ends.size - 1)
    network = np.array(prepared.network_of_vm, np.uint64)[vm]
    packets, first = np.unique(network << NETWORK_SHIFT | rows.page[at], return_index=True)
    whole = (place & SIXTEEN_BITS == 0) & (place >> BYTES_SHIFT & SIXTEEN_BITS == WHOLE)
    return packets, whole[first]


@inline
def _number(n, s, at, row):
    """The number of the packet of ``row``, or one too great for those that leave the machine or come from outside."""
    network = n.network[np.uint64(s.vm[at.vcpu])] if n.packets.size != 0 else np.uint64(0)
    return number_of(n.packets, network << NETWORK_SHIFT | np.uint64(row.page))


@inline
def send(n, s, pmap, at, row):
    """A PACKET_SENT row; how many machine pages were allocated.  What is sent is still the sender's, read-only."""
    frame = row.payload[0]
    if frame >= np.uint64(s.group.size) or payload_bytes(row) == 0:
        return np.int64(0)
    if s.holds[frame] == sharing.NOTHING:
        s.holds[frame] = sharing.PACKET
    packet, allocated = _number(n, s, at, row), np.int64(0)
    if packet < np.uint64(n.packets.size) and n.whole[packet] != 0 and n.held[packet] == 0:
        if s.group[frame] == 0:
            allocated = np.int64(sharing.open_slot(s, pmap, frame, n.slot + packet))
        n.held[packet] = s.group[frame]
        s.members[np.uint64(s.group[frame]) - ONE] += np.uint32(1)
    return allocated


@inline
def receive(n, s, pmap, at, row):
    """A PACKET_RECEIVED row; whether the receiver's frame maps another page now."""
    frame, payload = row.payload[0], payload_bytes(row)
    packet = _number(n, s, at, row)
    local = packet < np.uint64(n.packets.size)
    slot = np.uint64(n.held[packet]) if local else np.uint64(0)
    if local:
        n.whole[packet], n.held[packet] = 0, NONE
        add(n.counts, at, n.first + PACKET_BYTE, np.int64(row.info) - np.int64(payload if slot != 0 else 0))
    if slot != 0:
        s.members[slot - ONE] -= np.uint32(1)
    if frame >= np.uint64(s.group.size) or payload == 0:
        return False
    s.holds[frame] = sharing.PACKET
    if slot == 0:
        sharing.write(s, pmap, at, frame + ONE)
        return False
    tick(n.counts, at, n.first + REMAPPED_PAGE)
    sharing.release(s, pmap, frame)
    sharing.join(s, pmap, frame, slot - ONE)
    return True
