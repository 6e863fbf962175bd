"""The rows of several virtual machines as the rows of one machine, turn after turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replay.columns import Columns, Inserted
from replay.jit import inline, kernel
from replay.mapped import scratch
from replay.sched.offsets import IPI_KINDS, REQUEST_KINDS, SPACE_KINDS, Offsets
from replay.trace.schema import (
    CTX_MODE_SHIFT,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_VALID,
    EVENT_FIRST,
    FRAME_KINDS,
    PAGE_ID_KINDS,
    TOUCH_SHIFT,
    Kind,
    Mode,
)

AS_IS, PAGE, FRAME, PLACE, SITE, SPACE, REQUEST, IPI, TOUCHED, ENTRY = range(10)
"""What a number in a row stands for."""

ROLES = {
    **dict.fromkeys((*range(EVENT_FIRST), *PAGE_ID_KINDS), PAGE),
    **dict.fromkeys(FRAME_KINDS, FRAME),
    **dict.fromkeys((Kind.SERVICE_ENTER, Kind.SERVICE_EXIT), PLACE),
    **dict.fromkeys(SPACE_KINDS, SPACE),
    **dict.fromkeys(REQUEST_KINDS, REQUEST),
    **dict.fromkeys(IPI_KINDS, IPI),
    Kind.SENSITIVE: SITE,
    Kind.EXCEPTION: TOUCHED,
}
"""Kind -> what the page column holds, where it has to change."""

PAYLOADS = {
    Kind.ENTRY: (ENTRY, ENTRY, FRAME),
    Kind.TLB_WRITE: (ENTRY, ENTRY),
    Kind.TABLE_LINK: (AS_IS, SPACE),
    Kind.REQUEST: (AS_IS, AS_IS, FRAME),
    Kind.PACKET_SENT: (FRAME,),
    Kind.PACKET_RECEIVED: (FRAME,),
}
"""Kind -> what its payload holds."""

EXTRA, BASE_SWITCH, VCPU_SWITCH = int(Kind.EXTRA), int(Kind.BASE_SWITCH), int(Inserted.VCPU_SWITCH)
SWITCH_ROWS, MOST_PAYLOADS, KERNEL = 2, np.uint64(4), np.uint8(Mode.KERNEL << CTX_MODE_SHIFT)
ONE, LOW_32, VCPU_MASK = np.uint64(1), np.uint64(0xFFFFFFFF), np.uint8(15)
FRAME_SHIFT, MAPS = np.uint64(ENTRY_FRAME_SHIFT), np.uint64(ENTRY_VALID | ENTRY_PRESENT)
RIGHTS = np.uint64((1 << ENTRY_FRAME_SHIFT) - 1)


class Turns(NamedTuple):
    """Rows that go together, in the order of the machine's time."""

    vm: np.ndarray  # i64
    first: np.ndarray  # i64: of the VM's rows
    last: np.ndarray  # i64, exclusive
    switch: np.ndarray  # i64: 1 where the CPUs ran another VM before
    idle: np.ndarray  # i64: units that the IDLE row at its end lasts now; AS_RECORDED for those that it has


AS_RECORDED = -1


class _Vcpus(NamedTuple):
    """Where the vCPUs of one VM are, in all VMs' numbers."""

    place: np.ndarray  # u32 by vCPU
    space: np.ndarray  # u32 by vCPU
    vm: np.uint16


class _Roles(NamedTuple):
    page: np.ndarray  # u8 by kind
    payload: np.ndarray  # u8[256 * MOST_PAYLOADS]


def merge(columns: Sequence[Columns], offsets: Sequence[Offsets], turns: Turns) -> Columns:
    """The rows of all VMs, each VM's by its ``turns``, under their new numbers."""
    vcpus = np.array([o.lane.size for o in offsets])
    sizes = turns.last - turns.first + turns.switch * SWITCH_ROWS * vcpus[turns.vm]
    begin = np.concatenate([[0], np.cumsum(sizes)])
    out = Columns(*(scratch(column.dtype, int(begin[-1])) for column in columns[0]))
    for k, (rows, o) in enumerate(zip(columns, offsets, strict=True)):
        mine = turns.vm == k
        at = _Vcpus(np.full(o.lane.size, o.place), np.zeros(o.lane.size, np.uint32), np.uint16(k))
        _copy(rows, _roles(), o, Turns(*(column[mine] for column in turns)), begin[:-1][mine], at, out)
    for column in out:
        column.flags.writeable = False
    return out


def _roles() -> _Roles:
    page, payload = np.zeros(256, np.uint8), np.zeros((256, int(MOST_PAYLOADS)), np.uint8)
    for kind, role in ROLES.items():
        page[kind] = role
    for kind, roles in PAYLOADS.items():
        payload[kind, : len(roles)] = roles
    return _Roles(page, payload.reshape(-1))


@inline
def _frame(o, frame):
    return frame + o.first_frame if frame < o.frames else frame - o.frames + o.all_frames


@inline
def _number(o, role, value):
    """``value``, which stands for what ``role`` says, among all VMs' numbers."""
    if role == PAGE:
        return np.uint64(o.page[value])
    if role == FRAME:
        return _frame(o, value)
    if role == PLACE:
        return value + np.uint64(o.place)
    if role == SITE:
        return value + np.uint64(o.site)
    if role == SPACE:
        return value + np.uint64(o.space) if value != 0 else value
    if role == REQUEST:
        return value + np.uint64(o.request) if value != 0 else value
    if role == IPI:
        return value + np.uint64(o.ipi)
    if role == ENTRY and value & MAPS != 0:
        return _frame(o, value >> FRAME_SHIFT) << FRAME_SHIFT | value & RIGHTS
    return value


@inline
def _payload_role(rows, roles, row):
    """What the EXTRA row ``row`` holds: that follows from the row it belongs to and how many came before it."""
    before, owner = np.uint64(0), row
    while before < row and rows.kind[row - before - ONE] == EXTRA:
        before += ONE
    while owner + ONE < np.uint64(rows.kind.size) and rows.kind[owner] == EXTRA:
        owner += ONE
    return roles.payload[np.uint64(rows.kind[owner]) * MOST_PAYLOADS + before] if before < MOST_PAYLOADS else AS_IS


@inline
def _insert_switch(o, at, to, out):
    """Let each CPU of the VM go on with the VM's vCPU; the row after the last of these."""
    for vcpu in range(o.lane.size):
        ctx, space = o.lane[np.uint64(vcpu)] | KERNEL, at.space[np.uint64(vcpu)]
        out.kind[to], out.ctx[to], out.info[to], out.page[to], out.n[to] = EXTRA, ctx, 0, space, 0
        to += ONE
        out.kind[to], out.ctx[to], out.info[to], out.n[to] = VCPU_SWITCH, ctx, at.vm, 0
        out.page[to] = at.place[np.uint64(vcpu)]
        to += ONE
    return to


@kernel
def _copy(rows, roles, o, turns, begins, at, out):
    """Copy turn after turn of one VM to where it belongs, following where its vCPUs are."""
    for n in range(turns.first.size):
        turn, to = np.uint64(n), np.uint64(begins[np.uint64(n)])
        if turns.switch[turn] != 0:
            to = _insert_switch(o, at, to, out)
        for row in range(np.uint64(turns.first[turn]), np.uint64(turns.last[turn])):
            kind, ctx, info = rows.kind[row], rows.ctx[row], rows.info[row]
            page, vcpu = np.uint64(rows.page[row]), np.uint64(ctx & VCPU_MASK)
            if kind == EXTRA:
                role = _payload_role(rows, roles, row)
                if role != AS_IS:
                    value = _number(o, role, page | np.uint64(info) << np.uint64(32))
                    page, info = value & LOW_32, np.uint16(value >> np.uint64(32))
            else:
                role = roles.page[np.uint64(kind)]
                if role == TOUCHED:
                    role = PAGE if (info >> TOUCH_SHIFT) & 3 != 0 else AS_IS
                page = _number(o, role, page)
                if role == PLACE:
                    at.place[vcpu] = page
                elif kind == BASE_SWITCH:
                    at.space[vcpu] = page
            out.kind[to], out.info[to], out.page[to], out.n[to] = kind, info, page, rows.n[row]
            out.ctx[to] = ctx & ~VCPU_MASK | o.lane[vcpu]
            to += ONE
        if turns.idle[turn] != AS_RECORDED:
            out.page[to - ONE] = turns.idle[turn]
