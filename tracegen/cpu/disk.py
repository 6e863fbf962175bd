"""The disk's controller: commands, completions and the interrupt line.  Python moves the data: see ``Stop.DISK``."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import REQUEST_WRITE, Kind
from tracegen.abi import DISK_LINE, DISK_STATUS, PAGE_BYTES, Disk
from tracegen.cpu import state as S
from tracegen.cpu.clock import schedule, time, wake_by
from tracegen.cpu.ipi import base_of, show
from tracegen.cpu.recorder import event, extra, put
from tracegen.disk import latency

READ, WRITE, IDLE, BUSY, DONE, FAILED = (np.uint64(d) for d in Disk)
REQUEST, COMPLETE, FILLED, INTERRUPT = (
    np.uint64(k) for k in (Kind.REQUEST, Kind.COMPLETE, Kind.FILLED, Kind.INTERRUPT)
)
LINE_UP = np.uint64(1 << 8 + DISK_LINE)
"""The disk's bit of LINES."""
WRITE_FLAG, BLOCK_BYTES, STATUS_AT = np.uint64(REQUEST_WRITE), np.uint64(PAGE_BYTES), np.uint64(DISK_STATUS)
NEVER = np.uint64(S.NEVER)
ZERO, ONE, FOUR, U12 = (np.uint64(n) for n in (0, 1, 4, 12))
DEVICE_VCPU, LINES = np.uint64(S.DEVICE_VCPU), np.uint64(S.LINES)
SIX, LOW6 = np.uint64(6), np.uint64(63)


@inline
def set_state(core, state):
    """What a load of DISK_STATUS reads from here on: the word of the device page behind RAM."""
    show(core, STATUS_AT, state)


@inline
def raise_line(core, request):
    """Raise the interrupt line for ``request``, 0 for a command that was refused."""
    core.s[base_of(core.s, DEVICE_VCPU) + LINES] |= LINE_UP
    put(core, INTERRUPT, core.s[S.DISK_VECTOR], request)


@inline
def image_of(s, block):
    """Id of the image that a block's content is of: 0 for one that the guest has written."""
    own = s[np.uint64(S.DISK_OWN) + (block >> SIX)] >> (block & LOW6) & ONE
    return ZERO if own else s[S.DISK_IMAGE]


@helper
def command(core, value):
    """A store to DISK_COMMAND: start a request, or refuse at once what the disk cannot do."""
    s = core.s
    block, frame = s[S.DISK_BLOCK], s[S.DISK_FRAME]
    known = value == READ or value == WRITE
    in_range = block < s[S.DISK_BLOCKS] and frame < s[S.MEMORY_BYTES] >> U12
    if not (known and in_range and s[S.DISK_END] == NEVER):
        set_state(core, FAILED)
        raise_line(core, ZERO)
        wake_by(s, base_of(s, DEVICE_VCPU), time(s))
        return
    units = latency(block, s[S.DISK_NEXT])
    s[S.DISK_NEXT] = block + ONE
    s[S.DISK_END] = time(s) + units
    schedule(s)
    wake_by(s, base_of(s, DEVICE_VCPU), s[S.DISK_END])
    s[S.REQUEST_ID] += ONE
    s[S.REQUEST_COMMAND], s[S.REQUEST_UNITS] = value, units
    s[S.REQUEST_BLOCK], s[S.REQUEST_FRAME] = block, frame
    set_state(core, BUSY)
    if value == WRITE:
        s[np.uint64(S.DISK_OWN) + (block >> SIX)] |= ONE << (block & LOW6)
    for payload in (block, BLOCK_BYTES, frame, image_of(s, block)):
        extra(core, payload)
    put(core, REQUEST, WRITE_FLAG if value == WRITE else ZERO, s[S.REQUEST_ID])


@helper
def acknowledge(core):
    """A store to DISK_ACKNOWLEDGE: lower the line."""
    s = core.s
    s[base_of(s, DEVICE_VCPU) + LINES] &= ~LINE_UP
    set_state(core, IDLE if s[S.DISK_END] == NEVER else BUSY)


@helper
def complete(core):
    """End the request whose time has come: rows, state, line.  If it is DONE, its data are to be moved now.

    Into a page that holds a page table nothing is read: the kernel's hand must be the only one that writes entries.
    """
    s = core.s
    s[S.DISK_END] = NEVER
    schedule(s)
    request, frame = s[S.REQUEST_ID], s[S.REQUEST_FRAME]
    reads = s[S.REQUEST_COMMAND] == READ
    moves = not reads or core.frames[frame * FOUR + np.uint64(S.FRAME_TABLE)] == ZERO
    extra(core, s[S.REQUEST_UNITS])
    event(core, COMPLETE, ZERO, request)
    if reads and moves:
        extra(core, s[S.REQUEST_BLOCK])
        put(core, FILLED, ZERO, frame)
    set_state(core, DONE if moves else FAILED)
    raise_line(core, request)
