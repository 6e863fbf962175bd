"""Transparent sharing: what virtual machines have in common without knowing it, as one mechanism of a monitor.

``follow`` takes the state ``m`` of a model with the fields ``pmap``, ``sharing``, ``disks`` and ``subnet``, and those
that ``replay.mmu.software_tlb`` asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from replay.jit import inline
from replay.memory import disks, sharing, subnet
from replay.memory.disks import Disks
from replay.memory.sharing import Sharing
from replay.memory.subnet import Subnet
from replay.mmu import software_tlb
from replay.mmu.pmap import Pmap
from replay.prepare import Prepared
from replay.trace.schema import Kind

PARAMETERS = (*disks.PARAMETERS, *subnet.PARAMETERS)
EVENTS = {**disks.EVENTS, **subnet.EVENTS, **sharing.EVENTS}

FILLED, REQUEST = int(Kind.FILLED), int(Kind.REQUEST)
PACKET_SENT, PACKET_RECEIVED = int(Kind.PACKET_SENT), int(Kind.PACKET_RECEIVED)


def make_transparent(
    prepared: Prepared, settings: Mapping[str, Any], pmap: Pmap, counts: np.ndarray, counters: tuple[str, ...]
) -> tuple[Sharing, Disks, Subnet]:
    """Nothing is shared but kernels' texts, where ``settings`` let VMs share them.

    ``counters`` are all of the model's, which tick ``counts``.
    """
    blocks, texts = disks.make_disks(prepared, settings, counts, counters)
    begin = int(blocks.slots) + len(texts)
    net = subnet.make_subnet(prepared, settings, counts, counters, begin)
    packets = net.packets.size if net.whole.any() else 0
    shared = sharing.make_sharing(prepared, pmap, counts, counters, (begin, packets))
    disks.load_texts(texts, shared, pmap, int(blocks.slots))
    return shared, blocks, net


@inline
def follow(m, at, row):
    """An event of a device; how many machine pages were allocated."""
    if row.kind == FILLED:
        disks.fill(m.disks, m.sharing, m.pmap, at, row)
    elif row.kind == REQUEST:
        disks.request(m.disks, np.uint64(m.sharing.vm[at.vcpu]), row)
    elif row.kind == PACKET_SENT:
        return subnet.send(m.subnet, m.sharing, m.pmap, at, row)
    elif row.kind == PACKET_RECEIVED and subnet.receive(m.subnet, m.sharing, m.pmap, at, row):
        software_tlb.drop_direct(m, row.payload[0])
    return np.int64(0)
