"""Footprints: pages that virtual machines take for theirs, and machine pages behind them, by what they hold.

*Virtual* pages are frames that have a machine page; *machine* pages count once, whoever shares them, for the first VM
that does.  A frame belongs to the buffer cache from when a block was read into it until it is freed or zeroed; to
network buffers likewise, from when a packet's payload was received into it, or was sent from it and it held no block.
Else it belongs to the kernel's text, if it is fetched from through an unmapped segment; else to user pages, if one
maps it; else to the kernel's data.  The monitor's own pages follow from its structures: its code on every node (72 KB,
Bugnion et al., SOSP 1997, section 4.2), 16 bytes for each frame, machine page and entry of a second-level TLB
(assumed).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from replay.memory.disks import fetched_frames
from replay.memory.sharing import BLOCK, PACKET, Sharing
from replay.mmu.pmap import Pmap
from replay.prepare import Prepared
from replay.trace.schema import PAGE_BYTES

CLASSES = ("kernel data", "user", "kernel text", "buffer cache", "network buffers")
DATA, USER, TEXT, CACHE, NETWORK = range(5)
MONITOR = "monitor"
CODE_BYTES, ENTRY_BYTES = 72 << 10, 16
USER_PAGES = np.uint64(1 << 35)
"""Virtual pages below are a program's, on both architectures."""


class Footprint:
    """Looks at what a monitor holds of one trace."""

    def __init__(self, prepared: Prepared, settings: Mapping[str, Any]) -> None:
        self._frames = prepared.frames_of_vm or (prepared.meta.memory_bytes // PAGE_BYTES,)
        self._text = fetched_frames(prepared)
        self._user = np.flatnonzero((prepared.pages.space > 0) & (prepared.pages.vpn < USER_PAGES))
        cpus = prepared.meta.vcpus
        self._monitor = cpus * (CODE_BYTES + ENTRY_BYTES * settings["l2tlb.entries"]) + ENTRY_BYTES * sum(self._frames)

    def look(self, pmap: Pmap, sharing: Sharing) -> list[dict[str, Any]]:
        """Pages by VM and class, each with ``virtual`` and ``machine``; the monitor's are no VM's."""
        klass = np.zeros(pmap.machine.size, np.uint8)
        mapped = pmap.entry[self._user]
        klass[mapped[(mapped > 0) & (mapped <= klass.size)] - 1] = USER
        klass[self._text[self._text < klass.size]] = TEXT
        klass[sharing.holds == BLOCK] = CACHE
        klass[sharing.holds == PACKET] = NETWORK
        held = np.flatnonzero(pmap.machine)
        vm = np.searchsorted(np.cumsum(self._frames), held, side="right")
        once = np.zeros(held.size, bool)
        once[np.unique(pmap.machine[held], return_index=True)[1]] = True
        virtual, machine = np.zeros((2, len(self._frames), len(CLASSES)), np.int64)
        np.add.at(virtual, (vm, klass[held]), 1)
        np.add.at(machine, (vm[once], klass[held[once]]), 1)
        own = -(-(self._monitor + ENTRY_BYTES * int(machine.sum())) // PAGE_BYTES)
        rows = [{"vm": None, "class": MONITOR, "virtual": own, "machine": own}]
        for k in range(len(self._frames)):
            rows += [
                {"vm": k, "class": name, "virtual": int(virtual[k, at]), "machine": int(machine[k, at])}
                for at, name in enumerate(CLASSES)
            ]
        return rows
