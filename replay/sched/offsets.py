"""What keeps virtual machines apart in one trace: each one's pages, spaces, frames, places and sites get new numbers.

Pages of the global space come first, as they do in one VM's trace: address space 0 stays 0, since hardware treats it
unlike the others, and which VM a global page belongs to is in its number.  Frames beyond a VM's memory, of devices,
lie beyond all memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replay.columns import rows_of
from replay.prepare import Pages, Prepared, Sites, regions_of
from replay.trace.schema import PAGE_SHIFT, Kind

SPACE_KINDS = (Kind.SPACE_CREATE, Kind.SPACE_DESTROY, Kind.BASE_SWITCH, Kind.INVALIDATE_SPACE)
REQUEST_KINDS, IPI_KINDS = (Kind.REQUEST, Kind.COMPLETE, Kind.INTERRUPT), (Kind.IPI_SEND, Kind.IPI_RECEIVE)


class Offsets(NamedTuple):
    """How one VM's numbers become those of all VMs together."""

    page: np.ndarray  # u32 by page id: the new one
    lane: np.ndarray  # u8 by vCPU: the CPU that it runs on
    frames: np.uint64  # of the VM
    first_frame: np.uint64
    all_frames: np.uint64  # of all VMs
    space: np.uint32  # added to spaces but 0; the others are added to every number
    place: np.uint32
    site: np.uint32
    request: np.uint32
    ipi: np.uint32


def find_offsets(vms: Sequence[Prepared], cpus: Sequence[Sequence[int]]) -> list[Offsets]:
    """The offsets of each of ``vms``, whose vCPUs run on ``cpus``."""
    frames = [vm.meta.memory_bytes >> PAGE_SHIFT for vm in vms]
    first = _starts(frames)
    space = _starts([_beyond(vm, SPACE_KINDS, int(vm.pages.space.max())) for vm in vms])
    place = _starts([vm.places.owner.size for vm in vms])
    site = _starts([vm.sites.klass.size - 1 for vm in vms])
    request, ipi = (_starts([_beyond(vm, kinds, 0) for vm in vms]) for kinds in (REQUEST_KINDS, IPI_KINDS))
    return [
        Offsets(
            page=page,
            lane=np.array(lanes, np.uint8),
            frames=np.uint64(frames[k]),
            first_frame=np.uint64(first[k]),
            all_frames=np.uint64(sum(frames)),
            space=np.uint32(space[k]),
            place=np.uint32(place[k]),
            site=np.uint32(site[k]),
            request=np.uint32(request[k]),
            ipi=np.uint32(ipi[k]),
        )
        for k, (page, lanes) in enumerate(zip(_page_ids(vms), cpus, strict=True))
    ]


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *np.cumsum(sizes)[:-1].tolist()]


def _beyond(vm: Prepared, kinds: Sequence[Kind], known: int) -> int:
    """A number greater than ``known`` and than any in rows of ``kinds``."""
    return max(known, int(vm.columns.page[rows_of(vm.columns.kind, kinds)].max(initial=0))) + 1


def _page_ids(vms: Sequence[Prepared]) -> list[np.ndarray]:
    """By VM and page id: the new id.  Global pages of all VMs, then the others of each; 0 and 1 stay."""
    shared = [max(2, int(np.searchsorted(vm.pages.space, 1))) for vm in vms]
    own = [vm.pages.space.size - first for vm, first in zip(vms, shared, strict=True)]
    begin = _starts([first - 2 for first in shared])
    rest = _starts(own)
    found = []
    for k, first in enumerate(shared):
        ids = np.arange(vms[k].pages.space.size, dtype=np.uint32)
        ids[2:first] += np.uint32(begin[k])
        ids[first:] = np.arange(own[k], dtype=np.uint32) + np.uint32(sum(shared) - 2 * len(vms) + 2 + rest[k])
        found.append(ids)
    return found


def merge_pages(vms: Sequence[Prepared], offsets: Sequence[Offsets]) -> Pages:
    """The pages of all VMs under their new ids; ``handler`` has two for each VM."""
    size = 2 + sum(vm.pages.vpn.size - 2 for vm in vms)
    made = {
        name: np.zeros(size, vms[0].pages._asdict()[name].dtype) for name in ("segment", "space", "vpn", "frame")
    } | {"table": np.zeros(size >> 1, np.uint32)}
    owner = np.zeros(size, np.uint64)
    for k, (vm, o) in enumerate(zip(vms, offsets, strict=True)):
        pages, ids = vm.pages, o.page[2:]
        made["segment"][ids], made["vpn"][ids] = pages.segment[2:], pages.vpn[2:]
        made["space"][ids] = np.where(pages.space[2:] == 0, 0, pages.space[2:] + o.space)
        made["frame"][ids] = _new_frames(pages.frame[2:], o)
        made["table"][ids[::2] >> 1] = o.page[pages.table[1:] << 1] >> 1
        owner[ids] = k
    keys = made["space"].astype(np.uint64) << np.uint64(32) | owner
    levels = {name: regions_of(keys, made["vpn"], n) for n, name in enumerate(("leaf", "middle", "upper"), 1)}
    handler = np.concatenate([o.page[vm.pages.handler] for vm, o in zip(vms, offsets, strict=True)])
    return Pages(**made, **levels, handler=handler)


def _new_frames(frame: np.ndarray, o: Offsets) -> np.ndarray:
    """Frames plus one, 0 for none, under their new numbers."""
    inside = frame <= o.frames
    moved = np.where(inside, frame + np.uint32(o.first_frame), frame + np.uint32(o.all_frames - o.frames))
    return np.where(frame == 0, 0, moved)


def merge_sites(vms: Sequence[Prepared]) -> Sites:
    """The sensitive instructions of all VMs; 0 stands for none."""
    first = vms[0].sites
    return Sites(
        *(
            np.concatenate([column[:1], *(vm.sites._asdict()[name][1:] for vm in vms)])
            for name, column in first._asdict().items()
        )
    )
