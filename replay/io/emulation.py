"""Devices that a monitor acts as: what requests and packets take beyond the register accesses that ask for them.

Those exit or trap one by one, the doorbell among them; then the monitor carries the request out, as a program of its
host or in itself, and moves a packet's bytes between the guest's memory and its own.  A disk moves its blocks by DMA to
where the guest's pages lie.
"""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from replay.kernel import add
from replay.model import Reaction, Row, price
from replay.trace.schema import Kind

EVENTS = {
    "emulated devices": {
        "request_emulation": "requests to the disk that the monitor carries out",
        "packet_emulation": "packets that the monitor takes from the guest's memory, or puts into it",
        "packet_byte": "bytes of packets copied between the guest's memory and the monitor's",
    }
}
"""Counters by mechanism."""

ROWS = (
    Row((Kind.REQUEST,), Reaction.TRAPPED, "request_emulation"),
    Row((Kind.PACKET_SENT, Kind.PACKET_RECEIVED), Reaction.TRAPPED, "packet_emulation", may=("packet_byte",)),
    Row((Kind.DOORBELL, Kind.COMPLETE, Kind.INTERRUPT), Reaction.DIRECT),
)
"""Reactions to events of devices; what a DOORBELL row annotates was an access already."""

COSTS = {
    "request_emulation": price("request_emulation"),
    "packet_emulation": price("packet_emulation"),
    "packet_byte": price("byte_copy"),
}

PACKET_SENT, PACKET_RECEIVED = int(Kind.PACKET_SENT), int(Kind.PACKET_RECEIVED)


@inline
def is_packet(row):
    """Whether ``row`` tells of a packet, which ``copy`` counts the bytes of."""
    return row.kind == PACKET_SENT or row.kind == PACKET_RECEIVED


@inline
def copy(counts, at, counter, row):
    """Count the bytes of a packet, header and payload; ``counter`` is the model's ``packet_byte``."""
    add(counts, at, counter, np.int64(row.info))
