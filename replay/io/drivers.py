"""Requests to devices: handed over by drivers of the monitor's own, or put together by register accesses that trap.

A *special* driver, which the monitor brings into the guest, passes all arguments of a request in one monitor call
(Bugnion et al., SOSP 1997, section 4.2.4).  *Trapped*, the guest's own driver runs, and each of its loads and stores
of device registers traps.  Accesses are a driver's where the service that runs is of class DRIVER; others, of consoles
and interrupt controllers, trap in any case.  A request is a block of the disk, or a doorbell of the network card.
Either way the monitor translates the request's DMA map: the page of memory that a block moves to or from, and those
that a packet's header and payload lie in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.jit import inline
from replay.kernel import add, tick
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import PAGE_BYTES, PAGE_SHIFT, PAYLOAD_BYTES_SHIFT, Kind, ServiceClass

SPECIAL, TRAPPED = "special", "trapped"

PARAMETERS = (
    Parameter(
        "drivers", SPECIAL, "policy", 0, 0, "cited: Bugnion et al., SOSP 1997, section 4.2.4",
        "special: the monitor's own, one monitor call for a request; trapped: the guest's, a trap for each access",
        (SPECIAL, TRAPPED),
    ),
)  # fmt: skip

EVENTS = {
    "device emulation": {
        "programmed_io": "loads and stores to device registers trapped",
        "device_call": "monitor calls of special drivers: requests to the disk, doorbells of the network card",
        "dma_page": "pages of requests and packets whose addresses are translated for DMA",
    }
}
"""Counters by mechanism."""

PROGRAMMED_IO, DEVICE_CALL, DMA_PAGE = (np.uint64(n) for n in range(3))
"""Places of the counters from ``Drivers.first`` on."""

IN_PAGE, TO_PAGE = np.uint64(PAGE_BYTES - 1), np.uint64(PAGE_SHIFT)
TO_PAYLOAD, PAYLOAD_BYTES = np.uint64(PAYLOAD_BYTES_SHIFT), np.uint64(0xFFFF)
REQUEST, DOORBELL = int(Kind.REQUEST), int(Kind.DOORBELL)
PACKET_SENT, PACKET_RECEIVED = int(Kind.PACKET_SENT), int(Kind.PACKET_RECEIVED)


class Drivers(NamedTuple):
    """Where special drivers run."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    own: np.ndarray  # u8 by place: 1 where a special driver takes the place of register accesses
    counters: np.uint64  # per place, as the kernel has them
    special: np.uint64


def make_drivers(
    prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, counters: tuple[str, ...]
) -> Drivers:
    """The drivers that ``settings`` state, which tick ``counts`` by the numbers of ``counters``, all of the model's."""
    special = settings["drivers"] == SPECIAL
    driving = [service.klass == ServiceClass.DRIVER for service in prepared.meta.services]
    return Drivers(
        counts=counts,
        first=np.uint64(counters.index("programmed_io")),
        own=np.array(driving, np.uint8)[prepared.places.inner] * np.uint8(special),
        counters=np.uint64(len(counters) + 1),
        special=np.uint64(special),
    )


@inline
def access(d, at):
    """A device register is loaded or stored to, through memory or a port."""
    if d.own[(at.base // d.counters) % np.uint64(d.own.size)] == 0:
        tick(d.counts, at, d.first + PROGRAMMED_IO)


@inline
def follow(d, at, row):
    """An event of a device; pages behind a doorbell are those of its packets."""
    if d.special != 0 and (row.kind == REQUEST or row.kind == DOORBELL):
        tick(d.counts, at, d.first + DEVICE_CALL)
    if row.kind == REQUEST:
        add(d.counts, at, d.first + DMA_PAGE, np.int64((row.payload[1] + IN_PAGE) >> TO_PAGE))
    elif row.kind == PACKET_SENT or row.kind == PACKET_RECEIVED:
        payload = payload_bytes(row)
        add(d.counts, at, d.first + DMA_PAGE, np.int64(payload != 0) + np.int64(np.uint64(row.info) > payload))


@inline
def payload_bytes(row):
    """Bytes of the payload of a packet's row, whose other bytes are its header's."""
    return row.payload[1] >> TO_PAYLOAD & PAYLOAD_BYTES
