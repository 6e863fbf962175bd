"""Transparent sharing below copy-on-write disks: virtual machines that read one block of one base image share its page.

A disk is a base image and what each VM has written since, which is the VM's own (Bugnion et al., SOSP 1997, section
4.2.5).  A block that a VM has not written and that some VM holds already is not read again: the frame that a VM reads
it into maps that machine page, read-only.  The first store through any sharer gives the writer a page of its own; the
last sharer that writes keeps the page.  So do frames with a kernel's text, which VMs of one kernel loaded from the
disk before the recordings began.

Which image a block is of is the REQUEST row's business.  ``disks`` decides what is made of it: *recorded*, what the
trace says; *same*, VMs with the same guest image count as having booted from one base image; *private*, no VM shares.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns
from replay.jit import inline
from replay.kernel import tick
from replay.mmu import pmap as pages_of
from replay.mmu.pmap import Pmap
from replay.mmu.spaces import number_of
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import PAGE_SHIFT, REQUEST_WRITE, Kind, Segment

PARAMETERS = (
    Parameter(
        "disks", "recorded", "policy", 0, 0, "assumed",
        "whose disks are one base image: recorded, as the trace says; same, of VMs with one guest image; private, none",
        ("recorded", "same", "private"),
    ),
)  # fmt: skip

EVENTS = {
    "copy-on-write disks": {
        "mapped_block": "blocks read by mapping the page of a virtual machine that holds them",
        "copy_on_write": "shared pages copied for the virtual machine that first stores to them",
        "page_claimed": "pages whose last sharer first stores to them",
    }
}
"""Counters by mechanism."""

MAPPED_BLOCK, COPY_ON_WRITE, PAGE_CLAIMED = (np.uint64(n) for n in range(3))
"""Places of the counters from ``Disks.first`` on."""

ONE, NONE = np.uint64(1), np.uint32(0)
BLOCK_SHIFT = np.uint64(PAGE_SHIFT)
CHUNK = 1 << 22


class Disks(NamedTuple):
    """Who shares which block.  A slot is a block of an image, or a frame of a kernel's text."""

    counts: np.ndarray
    first: np.uint64  # place of the mechanism's counters among the model's
    group: np.ndarray  # u32 by frame: the slot that its machine page holds, plus one; 0 where the page is its own
    cache: np.ndarray  # u8 by frame: 1 where a block was read into it and it was neither freed nor zeroed since
    members: np.ndarray  # u32 by slot: frames that map its page
    page: np.ndarray  # u32 by slot: the machine page
    image: np.ndarray  # u32 by VM and block: number of the image that the VM's block is of, plus one; 0 for its own
    images: np.ndarray  # u64: images that REQUEST rows name, ascending
    vm: np.ndarray  # u32[vcpus]: the VM that runs
    same: np.ndarray  # u32 by VM: number of the image that its disk counts as, plus one; 0 where the rows say
    blocks: np.uint64
    on: np.uint64


def make_disks(prepared: Prepared, settings: Mapping[str, Any], pmap: Pmap, counts: np.ndarray, first: int) -> Disks:
    """Nothing was read yet; kernels' texts are in memory, shared by VMs of one image.

    ``first`` is the number of the model's counter ``mapped_block``.
    """
    vms = 1 + max(region.vm for region in prepared.regions)
    on = settings["disks"] != "private" and "content" in prepared.meta.groups and vms > 1
    rows = prepared.columns
    images, blocks = _images(rows) if on else (np.zeros(1, np.uint64), 1)
    kind = prepared.image_of_vm if on and settings["disks"] == "same" else ()
    count = images.size + len(set(kind))
    text = _text_frames(prepared) if kind else []
    slots = count * blocks + sum(map(len, text))
    found = Disks(
        counts=counts,
        first=np.uint64(first),
        group=np.zeros(pmap.machine.size, np.uint32),
        cache=np.zeros(pmap.machine.size, np.uint8),
        members=np.zeros(slots, np.uint32),
        page=np.zeros(slots, np.uint32),
        image=np.zeros(vms * blocks, np.uint32),
        images=images,
        vm=np.array(first_vms(prepared), np.uint32),
        same=np.array([images.size + k + 1 for k in kind] or [0] * vms, np.uint32),
        blocks=np.uint64(blocks),
        on=np.uint64(on),
    )
    for vm, number in enumerate(found.same):
        found.image[vm * blocks : (vm + 1) * blocks] = number
    if text:
        _load_texts(found, prepared, pmap, text, count * blocks)
    return found


def first_vms(prepared: Prepared) -> list[int]:
    """By vCPU: the VM that runs there first."""
    places = prepared.first_place or (0,) * prepared.meta.vcpus
    return [prepared.regions[prepared.places.region[place]].vm for place in places]


def _images(rows: Columns) -> tuple[np.ndarray, int]:
    """Images that REQUEST rows name, in ascending order with 0 for none, and one more than the last block."""
    at = np.flatnonzero(np.isin(rows.kind, (Kind.REQUEST, Kind.FILLED)))
    requests = at[rows.kind[at] == Kind.REQUEST]
    named = rows.page[requests - 1] | rows.info[requests - 1].astype(np.uint64) << np.uint64(32)
    images = np.unique(np.append(named, 0)).astype(np.uint64)
    last = rows.page[at[rows.kind[at] == Kind.FILLED] - 1].max(initial=0)
    return images, int(max(last, rows.page[requests - 4].max(initial=0))) + 1


def _text_frames(prepared: Prepared) -> list[np.ndarray]:
    """By VM: frames that its kernel fetches from through an unmapped segment, from its first frame on."""
    frames = fetched_frames(prepared)
    begins = np.cumsum([0, *prepared.frames_of_vm]).tolist()
    return [frames[(a <= frames) & (frames < b)] - a for a, b in pairwise(begins)]


def fetched_frames(prepared: Prepared) -> np.ndarray:
    """Frames that are fetched from through an unmapped segment, refill handlers' among them."""
    pages, rows = prepared.pages, prepared.columns
    fetched = np.zeros(pages.vpn.size, bool)
    fetched[pages.handler] = True
    for first in range(0, rows.kind.size, CHUNK):
        part = slice(first, first + CHUNK)
        fetched[rows.page[part][rows.kind[part] == Kind.FETCH]] = True
    frames: np.ndarray = pages.frame[fetched & (pages.segment == Segment.UNMAPPED) & (pages.frame > 0)] - 1
    return frames


def _load_texts(disks: Disks, prepared: Prepared, pmap: Pmap, text: list[np.ndarray], slot: int) -> None:
    """Let VMs of one image share the frames that the kernels of all of them have text in, from slot ``slot`` on."""
    begins = np.cumsum([0, *prepared.frames_of_vm])
    for image in dict.fromkeys(prepared.image_of_vm):
        members = [vm for vm, other in enumerate(prepared.image_of_vm) if other == image]
        common = functools.reduce(np.intersect1d, (text[vm] for vm in members))
        for offset in common if len(members) > 1 else ():
            pmap.allocated[0] += 1
            disks.page[slot], disks.members[slot] = pmap.allocated[0], len(members)
            at = begins[members] + offset
            disks.group[at], pmap.machine[at] = slot + 1, pmap.allocated[0]
            slot += 1


@inline
def request(d, vcpu, row):
    """A REQUEST: what is written is the VM's own from now on, what is read is of the image that the row names."""
    if d.on == 0:
        return
    vm, block = np.uint64(d.vm[vcpu]), row.payload[0]
    count = (row.payload[1] + np.uint64(4095)) >> BLOCK_SHIFT
    for n in range(count):
        at = block + np.uint64(n)
        if at < d.blocks:
            cell = vm * d.blocks + at
            if row.info & REQUEST_WRITE:
                d.image[cell] = NONE
            elif d.same[vm] == 0:
                d.image[cell] = _number(d, row.payload[3])


@inline
def _number(d, image):
    """The number of an image plus one; 0 for no image, and for one that no row names."""
    if image == 0:
        return NONE
    number = number_of(d.images, image)
    return np.uint32(number + ONE) if number < np.uint64(d.images.size) else NONE


@inline
def fill(d, pmap, at, row):
    """A FILLED row: a block was read into a frame, or mapped there because some VM holds it unmodified."""
    frame, block = np.uint64(row.page), row.payload[0]
    if frame >= np.uint64(d.group.size):
        return
    d.cache[frame] = 1
    if d.on == 0 or block >= d.blocks:
        return
    release(d, pmap, frame)
    image = np.uint64(d.image[np.uint64(d.vm[at.vcpu]) * d.blocks + block])
    if image == 0:
        return
    slot = (image - ONE) * d.blocks + block
    if d.members[slot] != 0:
        tick(d.counts, at, d.first + MAPPED_BLOCK)
    else:
        pages_of.use(pmap, frame + ONE)
        d.page[slot] = pmap.machine[frame]
    pmap.machine[frame] = d.page[slot]
    d.group[frame] = np.uint32(slot + ONE)
    d.members[slot] += np.uint32(1)


@inline
def forget(d, pmap, frame):
    """``frame`` holds no block any more: it was freed or zeroed."""
    if frame < np.uint64(d.cache.size):
        d.cache[frame] = 0
        release(d, pmap, frame)


@inline
def release(d, pmap, frame):
    """``frame`` gives its part of a shared page back, if it has one."""
    if frame < np.uint64(d.group.size) and d.group[frame] != 0:
        slot = np.uint64(d.group[frame]) - ONE
        d.members[slot] -= np.uint32(1)
        d.group[frame] = NONE
        pmap.machine[frame] = NONE


@inline
def write(d, pmap, at, frame):
    """A store to ``frame`` (plus one; 0 for none): the monitor takes a fault where it is shared, and unshares it."""
    here = np.uint64(frame) - ONE
    if frame == 0 or here >= np.uint64(d.group.size) or d.group[here] == 0:
        return
    slot = np.uint64(d.group[here]) - ONE
    if d.members[slot] == 1:
        d.members[slot], d.group[here] = NONE, NONE
        tick(d.counts, at, d.first + PAGE_CLAIMED)
    else:
        release(d, pmap, here)
        pages_of.use(pmap, frame)
        tick(d.counts, at, d.first + COPY_ON_WRITE)
