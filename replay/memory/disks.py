"""Transparent sharing below copy-on-write disks: virtual machines that read one block of one base image share its page.

A disk is a base image and what each VM has written since, which is the VM's own (Bugnion et al., SOSP 1997, section
4.2.5).  A block that a VM has not written and that some VM holds already is not read again: the frame that a VM reads
it into maps that machine page, read-only, until one of them stores to it (``replay.memory.sharing``).  So do frames
with a kernel's text, which VMs of one kernel loaded from the disk before the recordings began.

Which image a block is of is the REQUEST row's business.  ``disks`` decides what is made of it: *recorded*, what the
trace says; *same*, VMs with the same guest image count as having booted from one base image; *private*, no VM shares.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns, rows_of
from replay.jit import inline
from replay.kernel import tick
from replay.mapped import chunks
from replay.memory import sharing
from replay.memory.sharing import Sharing
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
    }
}
"""Counters by mechanism."""

ONE, NONE = np.uint64(1), np.uint32(0)
BLOCK_SHIFT = np.uint64(PAGE_SHIFT)


class Disks(NamedTuple):
    """Which block is of which image.  Slots are by image and block, then those of kernels' texts."""

    counts: np.ndarray
    mapped_block: np.uint64  # place of the counter among the model's
    image: np.ndarray  # u32 by VM and block: number of the image that the VM's block is of, plus one; 0 for its own
    images: np.ndarray  # u64: images that REQUEST rows name, ascending
    same: np.ndarray  # u32 by VM: number of the image that its disk counts as, plus one; 0 where the rows say
    blocks: np.uint64
    slots: np.uint64  # 0 where no VM shares


def make_disks(
    prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, counters: tuple[str, ...]
) -> tuple[Disks, list[np.ndarray]]:
    """Disks that nobody read yet, and frames of kernels' texts that are one page; ``counters`` are all of the model's.

    A block has the slot ``image number * blocks + block``; the texts' follow from ``Disks.slots`` on.
    """
    vms = sharing.number_of_vms(prepared)
    on = settings["disks"] != "private" and "content" in prepared.meta.groups and vms > 1
    images, blocks = _images(prepared.columns) if on else (np.zeros(1, np.uint64), 1)
    kind = prepared.image_of_vm if on and settings["disks"] == "same" else ()
    found = Disks(
        counts=counts,
        mapped_block=np.uint64(counters.index("mapped_block")),
        image=np.zeros(vms * blocks, np.uint32),
        images=images,
        same=np.array([images.size + k + 1 for k in kind] or [0] * vms, np.uint32),
        blocks=np.uint64(blocks),
        slots=np.uint64((images.size + len(set(kind))) * blocks if on else 0),
    )
    for vm, number in enumerate(found.same):
        found.image[vm * blocks : (vm + 1) * blocks] = number
    return found, _texts(prepared) if kind else []


def _images(rows: Columns) -> tuple[np.ndarray, int]:
    """Images that REQUEST rows name, in ascending order with 0 for none, and one more than the last block."""
    at = rows_of(rows.kind, (Kind.REQUEST, Kind.FILLED))
    requests = at[rows.kind[at] == Kind.REQUEST]
    named = rows.page[requests - 1] | rows.info[requests - 1].astype(np.uint64) << np.uint64(32)
    images = np.unique(np.append(named, 0)).astype(np.uint64)
    last = rows.page[at[rows.kind[at] == Kind.FILLED] - 1].max(initial=0)
    return images, int(max(last, rows.page[requests - 4].max(initial=0))) + 1


def _texts(prepared: Prepared) -> list[np.ndarray]:
    """Frames that the kernels of all VMs of one image have text in: for each, those of these VMs.

    A kernel's text is what it fetches from through an unmapped segment, by its place from the VM's first frame on.
    """
    frames, begins = fetched_frames(prepared), np.cumsum([0, *prepared.frames_of_vm])
    text = [frames[(a <= frames) & (frames < b)] - a for a, b in pairwise(begins.tolist())]
    found = []
    for image in dict.fromkeys(prepared.image_of_vm):
        members = [vm for vm, other in enumerate(prepared.image_of_vm) if other == image]
        common = functools.reduce(np.intersect1d, (text[vm] for vm in members))
        found += [begins[members] + offset for offset in common if len(members) > 1]
    return found


def load_texts(texts: list[np.ndarray], s: Sharing, pmap: Pmap, slot: int) -> None:
    """Give the frames of each of ``texts`` one machine page, from ``slot`` on."""
    for number, frames in enumerate(texts, slot):
        pmap.allocated[0] += 1
        s.page[number], s.members[number] = pmap.allocated[0], frames.size
        s.group[frames], pmap.machine[frames] = number + 1, pmap.allocated[0]


def fetched_frames(prepared: Prepared) -> np.ndarray:
    """Frames that are fetched from through an unmapped segment, refill handlers' among them."""
    pages, rows = prepared.pages, prepared.columns
    fetched = np.zeros(pages.vpn.size, bool)
    fetched[pages.handler] = True
    for part in chunks(rows.kind.size):
        fetched[rows.page[part][rows.kind[part] == Kind.FETCH]] = True
    frames: np.ndarray = pages.frame[fetched & (pages.segment == Segment.UNMAPPED) & (pages.frame > 0)] - 1
    return frames


@inline
def request(d, vm, row):
    """A REQUEST of ``vm``: what is written is its own from now on, what is read is of the image that the row names."""
    if d.slots == 0:
        return
    block = row.payload[0]
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
def fill(d, s, pmap, at, row):
    """A FILLED row: a block was read into a frame, or mapped there because some VM holds it unmodified."""
    frame, block = np.uint64(row.page), row.payload[0]
    if frame >= np.uint64(s.group.size):
        return
    s.holds[frame] = sharing.BLOCK
    sharing.release(s, pmap, frame)
    if d.slots == 0 or block >= d.blocks:
        return
    image = np.uint64(d.image[np.uint64(s.vm[at.vcpu]) * d.blocks + block])
    if image == 0:
        return
    slot = (image - ONE) * d.blocks + block
    if s.members[slot] != 0:
        tick(d.counts, at, d.mapped_block)
        sharing.join(s, pmap, frame, slot)
    else:
        sharing.open_slot(s, pmap, frame, slot)
