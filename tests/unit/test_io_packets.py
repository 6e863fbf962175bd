"""What each monitor makes of a packet: its doorbell, its way out or in, its bytes; and of a request to the disk."""

from __future__ import annotations

import pytest

import models
from replay.count import count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.model import COMMON
from replay.trace.schema import Kind, Mode

SIZE = 1564
ACTING = {"io_exit": 1, "request_emulation": 1, "packet_emulation": 2, "packet_byte": 2 * SIZE}
"""Of a monitor that is the card: the doorbell is the only access here, and each packet is copied."""

EXPECTED = {
    "native-walk": {"port_access": 1},
    "trap-emulate": {name.replace("io_exit", "programmed_io"): n for name, n in ACTING.items()},
    "shadow": ACTING,
    "ept": ACTING,
    "agile": ACTING,
    "vmware": {"in_cache_emulation": 1, "host_request": 1, "host_packet": 2},
    "xen": {"ring_access": 1, "request_notification": 2, "packet_sent": 1, "page_flip": 1},
    "disco": {"device_call": 2, "dma_page": 1 + 2 + 2},
}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_packet_out_and_one_in(name: str) -> None:
    """A doorbell's store and the row that annotates it are one event; packets and requests count as the model says."""
    script = Script(handmade_meta(architecture="x86-64"))
    script.row(Kind.SERVICE_ENTER, 15, mode=Mode.KERNEL)
    script.port(0x650, 4, write=True)
    script.row(Kind.DOORBELL, 1, 1, mode=Mode.KERNEL)
    for kind in (Kind.PACKET_SENT, Kind.PACKET_RECEIVED):
        script.row(kind, 1 << 26 | 1, SIZE, mode=Mode.KERNEL, payload=(9, 1500 << 16 | 2 << 32))
    script.row(Kind.INTERRUPT, 0, 4, mode=Mode.KERNEL)
    script.row(Kind.REQUEST, 1, mode=Mode.KERNEL, payload=(7, 4096, 5, 0))
    model = models.load(name)

    counts = count(script.prepared(), model, load_machine(model.machine["x86-64"]))

    found = {counter: counts.total(counter) for counter in counts.counters if counter not in COMMON}
    assert EXPECTED[name] == {counter: n for counter, n in found.items() if n}
