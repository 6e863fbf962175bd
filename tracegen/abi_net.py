"""The network card: its registers, its rings and their descriptors.  See ``tracegen.abi`` and docs/network.md."""

from __future__ import annotations

from enum import IntEnum, IntFlag

NET_REGISTERS = (
    *("NET_ADDRESS", "NET_STATIONS", "NET_SEND_RING", "NET_RECEIVE_RING", "NET_SEND", "NET_RECEIVE"),
    *("NET_STATUS", "NET_ACKNOWLEDGE", "NET_DROPPED"),
)
"""In the order in which they lie in the device page, and at the ports."""

NET_ADDRESS, NET_STATIONS, NET_SEND_RING, NET_RECEIVE_RING, NET_SEND, NET_RECEIVE = range(0x100, 0x130, 8)
"""Offsets in the device page: the machine's station number, from 1, and how many stations the switch has (loads); the
page that holds each ring, 0 for none (stores; the card goes on from its first descriptor); the doorbell of each ring
(stores): there are descriptors to send, there are buffers to fill."""

NET_STATUS, NET_ACKNOWLEDGE, NET_DROPPED = range(0x130, 0x148, 8)
"""Offsets in the device page: what happened, bits of ``Net`` (load): the line is up while there is one; a store of such
bits forgets them; packets that came and that the card had no room for (load)."""

NET_LINE = 4
"""Interrupt line of the card: bit 8 + 4 of Cause and Status."""


class Net(IntFlag):
    """What a card interrupts for."""

    SENT = 1  # a descriptor with NOTIFY has left
    RECEIVED = 2
    FAILED = 4  # a descriptor was refused


class Descriptor(IntEnum):
    """The words of a descriptor, each of 8 bytes in the CPU's byte order."""

    HEADER = 0  # physical address of the packet's header
    PAYLOAD = 1  # and of its payload; both begin at a multiple of 8 and end in the page in which they begin
    SIZES = 2  # bytes of the header, bytes of the payload << 16, the other station << 32
    STATE = 3


NET_DESCRIPTOR_BYTES = 8 * len(Descriptor)
NET_RING = 4096 // NET_DESCRIPTOR_BYTES
"""Descriptors of a ring: a page of them."""

NET_EMPTY, NET_READY, NET_DONE, NET_REFUSED = range(4)
"""States of a descriptor: READY is the card's, the others are the guest's."""

NET_NOTIFY = 1 << 8
"""Beside READY: interrupt when this one has left."""

NET_PAYLOAD_SHIFT, NET_STATION_SHIFT = 16, 32
"""In SIZES."""

NET_HELD = 64
"""Packets that the card keeps while there is no buffer for them."""

MOST_STATIONS = 16
"""Machines of one session."""

LATENCY_UNITS = 10_000
"""50 microseconds one way, in units of 5 ns: two passes of a LAN's adapter and wire and one of a switch.  [assumed]"""

BITS_PER_SECOND = 1_000_000_000
"""Of each station's link, in each direction: the network of the published ttcp runs.  [Barham et al., SOSP 2003]"""

_NUMBERS = (
    *("NET_DESCRIPTOR_BYTES", "NET_RING", "NET_EMPTY", "NET_READY", "NET_DONE", "NET_REFUSED", "NET_NOTIFY"),
    *("NET_PAYLOAD_SHIFT", "NET_STATION_SHIFT", "NET_HELD"),
)


def constants() -> dict[str, int]:
    """Name in C -> value of what is the same on all CPUs."""
    found = {name: int(globals()[name]) for name in _NUMBERS}
    return found | {f"NET_{bit.name}": bit.value for bit in Net} | {f"NET_{w.name}_WORD": w.value for w in Descriptor}
