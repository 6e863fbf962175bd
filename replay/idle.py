"""Idle time, recomputed: a device takes the time it took, so a guest that runs slower waits for it less.

A trace fixes the order of things, a model their time.  Between two device rows the model's own cycles pass.  A
request is due its recorded latency after it was made; where the trace has its completion, a guest that got there
earlier waits, and that is the idle time.  A wait that the timer ended while no request was on its way lasts as long
as in the recording: the guest had nothing to do.  One that the timer ended while requests were on their way ends as
long after the oldest of them was made as in the recording.  One that another vCPU's interrupt ended lasts until that
one sends it.

Each vCPU has a clock of its own; a request is due by the clock of the one that made it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns, rows_of
from replay.jit import kernel
from replay.mapped import chunks
from replay.trace.meta import MAX_VCPUS
from replay.trace.schema import Kind, Wake
from replay.waiting import MEET, PASS, REST, SAVE, Steps
from replay.watch import NEVER

REQUEST, COMPLETE, IDLE, EXTRA = int(Kind.REQUEST), int(Kind.COMPLETE), int(Kind.IDLE), int(Kind.EXTRA)
IPI_SEND, IPI_RECEIVE, PACKET = int(Kind.IPI_SEND), int(Kind.IPI_RECEIVE), int(Kind.PACKET_RECEIVED)
LOOKED_FOR = (REQUEST, COMPLETE, IDLE, IPI_SEND, IPI_RECEIVE, PACKET)
NONE = -1
VCPU_MASK, ONE = np.uint64(15), np.uint64(1)

MOST_MOMENTS = 1 << 17
"""Device rows in a trace that idle time is recomputed for: what was counted until each is kept."""

NO_LATENCY = "the trace does not say how long its requests took"
NO_REQUESTS = "the trace holds waits for devices, but not their requests"
TOO_MANY = f"the trace holds more than {MOST_MOMENTS:,} device rows"


class Moments(NamedTuple):
    """The device rows of a trace, and the interrupts of vCPUs that ended waits of others, in order.

    None where ``reason`` says why idle time stays the recording's.
    """

    row: np.ndarray  # i64: where it is in the columns
    kind: np.ndarray  # u8: REQUEST, COMPLETE, IDLE or IPI_SEND
    vcpu: np.ndarray  # u8
    units: np.ndarray  # i64, device time: that an IDLE row lasted, that the request of a COMPLETE row took
    completion: np.ndarray  # i64: of a REQUEST, the moment that completes it, of an IPI_SEND, the wait; NONE if none
    timed: np.ndarray  # bool: an IDLE row that the timer ended, another vCPU, or a packet: no request of its own
    clock: np.ndarray  # i64: device time in the recording, on the row's vCPU, when the row was over
    recorded: int  # device-time units that all IDLE rows lasted
    reason: str


class Timeline(NamedTuple):
    """What a model counted between device rows."""

    moments: Moments
    ticks: np.ndarray  # i64[moments, classes of services, counters]: on the row's vCPU, since its last device row


class Idle(NamedTuple):
    """Idle time in device-time units: with every price at its value, at its low and at its high bound.

    No choice of prices within their bounds leaves less than ``least`` or more than ``most``.
    """

    value: int
    low: int
    high: int
    least: int
    most: int


class Looked(NamedTuple):
    """Rows of devices and between vCPUs, in order, by which moments are found."""

    row: np.ndarray  # i64: where it is in the columns
    kind: np.ndarray  # u8: one of LOOKED_FOR
    vcpu: np.ndarray  # u8
    page: np.ndarray  # u32
    info: np.ndarray  # u16
    payload: np.ndarray  # i64: the first 48 bits of a COMPLETE row's payload; NONE without, and of other rows
    retired: np.ndarray  # i64: instructions that the row's vCPU retired by its end


class Look:
    """Looks at rows, a stretch after the other, for those that ``moments_of`` wants."""

    def __init__(self) -> None:
        self._retired = np.zeros(MAX_VCPUS, np.int64)
        self._found: list[Looked] = []

    def at(self, columns: Columns, first: int, last: int) -> None:
        """Look at rows ``first`` to ``last`` (exclusive), the next ones; the payload before them is there still."""
        row = first + rows_of(columns.kind[first:last], LOOKED_FOR)
        clock = np.zeros(row.size + 1, np.int64)
        _retire(columns, first, last, np.append(row, NEVER), self._retired, clock)
        kind = columns.kind[row]
        payload = np.full(row.size, NONE, np.int64)
        for at in np.flatnonzero(kind == COMPLETE):
            payload[at] = _first_payload(columns, int(row[at]))
        vcpu = columns.ctx[row] & 15
        self._found.append(Looked(row, kind, vcpu, columns.page[row], columns.info[row], payload, clock[:-1]))

    def until(self, last: int) -> Looked:
        """What was found before row ``last``."""
        looked = Looked(*(np.concatenate(parts) for parts in zip(*self._found, strict=True)))
        return Looked(*(part[: np.searchsorted(looked.row, last)] for part in looked))


def find_moments(columns: Columns) -> Moments:
    """The moments in prepared ``columns``."""
    look = Look()
    for part in chunks(columns.kind.size) if columns.kind.size else [slice(0, 0)]:
        look.at(columns, part.start, part.stop)
    return moments_of(look.until(columns.kind.size))


def moments_of(looked: Looked) -> Moments:
    """The moments among rows that were looked at."""
    heard = Looked(*(part[looked.kind != PACKET] for part in looked))
    ends = _ends(heard.kind, heard.page, heard.info, heard.vcpu)
    kept = np.isin(heard.kind, (REQUEST, COMPLETE, IDLE)) | (ends != NONE)
    ends = np.where(ends == NONE, NONE, np.cumsum(kept)[ends] - 1)[kept]
    row, kind, vcpu, page, info, payload, retired = (part[kept] for part in heard)
    waits = kind == IDLE
    units = np.where(waits, page.astype(np.int64), payload)
    timed = waits & ((info != Wake.DEVICE) | np.isin(row, _ended_by_packets(looked)))
    reason = _why_recorded(kind, units, timed)
    shown = slice(0 if reason else None)
    return Moments(
        row=row[shown],
        kind=kind[shown],
        vcpu=vcpu[shown],
        units=units[shown],
        completion=ends[shown],
        timed=timed[shown],
        clock=_recorded_clock(vcpu[shown], retired[shown], np.where(waits, units, 0)[shown]),
        recorded=int(page[waits].sum(dtype=np.int64)),
        reason=reason,
    )


def _ended_by_packets(looked: Looked) -> np.ndarray:
    """IDLE rows after which a packet comes first of all that devices do on their vCPU: int64 [rows], in no order.

    When it comes is its sender's affair: such a wait ends when it did in the recording.
    """
    at = np.flatnonzero(np.isin(looked.kind, (REQUEST, COMPLETE, IDLE, PACKET)))
    at = at[np.argsort(looked.vcpu[at], kind="stable")]
    kind, vcpu = looked.kind[at], looked.vcpu[at]
    found: np.ndarray = looked.row[at][:-1][(kind[:-1] == IDLE) & (kind[1:] == PACKET) & (vcpu[:-1] == vcpu[1:])]
    return found


def moments_from(columns: Columns, first: int) -> Moments:
    """The moments in ``columns`` from row ``first`` on; what was asked for before it is not waited for."""
    found = find_moments(Columns(*(column[first:] for column in columns)))
    return found._replace(row=found.row + first)


def _first_payload(columns: Columns, row: int) -> int:
    """The first 48 bits of payload of ``row``; NONE without payload."""
    first = row
    while first > 0 and columns.kind[first - 1] == EXTRA:
        first -= 1
    return int(columns.page[first]) | int(columns.info[first]) << 32 if first < row else NONE


def _why_recorded(kind: np.ndarray, units: np.ndarray, timed: np.ndarray) -> str:
    """Why idle time cannot be recomputed from such rows; '' if it can."""
    completed = kind == COMPLETE
    if kind.size > MOST_MOMENTS:
        return TOO_MANY
    if (units[completed] == NONE).any():
        return NO_LATENCY
    waited_for_device = ((kind == IDLE) & ~timed).any()
    return NO_REQUESTS if waited_for_device and not completed.any() else ""


def _ends(kind: np.ndarray, page: np.ndarray, info: np.ndarray, vcpu: np.ndarray) -> np.ndarray:
    """For each REQUEST the next COMPLETE of the same id; for each IPI_SEND the wait that it ended.

    What ended a wait is the first sent of the interrupts that its vCPU received before anything else.
    """
    found, completed = np.full(kind.size, NONE, np.int64), dict[int, int]()
    heard: dict[int, list[int]] = {}  # by vCPU: ids that it received after the present row, up to its next other one
    caller = dict[int, int]()  # by the id that ended it: the wait
    rows = zip(kind.tolist(), page.tolist(), info.tolist(), vcpu.tolist(), strict=True)
    for at, (what, number, flags, on) in reversed(list(enumerate(rows))):
        if what == IPI_RECEIVE:
            heard.setdefault(on, []).append(number)
            continue
        if what == COMPLETE:
            completed[number] = at
        elif what == REQUEST:
            found[at] = completed.pop(number, NONE)
        elif what == IPI_SEND:
            found[at] = caller.pop(number, NONE)
        elif flags == Wake.IPI and heard.get(on):
            caller[min(heard[on])] = at
        heard[on] = []
    return found


def _recorded_clock(vcpu: np.ndarray, retired: np.ndarray, waited: np.ndarray) -> np.ndarray:
    """Device time at the end of each row: what its vCPU had ``retired``, and ``waited`` in this and earlier rows."""
    clock = retired.copy()
    for one in np.unique(vcpu):
        mine = np.flatnonzero(vcpu == one)
        clock[mine] += np.cumsum(waited[mine])
    return clock


@kernel
def _retire(columns: Columns, first: int, last: int, row: Any, retired: Any, clock: Any) -> None:
    """Put what its vCPU has ``retired`` by the end of each of ``row`` into ``clock``; both end with one of no such row.

    Rows from ``first`` to ``last`` (exclusive) are looked at.
    """
    vcpu, passed, at = np.uint64(0), np.int64(0), np.uint64(0)
    for i in range(np.uint64(first), np.uint64(last)):
        this = np.uint64(columns.ctx[i]) & VCPU_MASK
        if this != vcpu:
            retired[vcpu] += passed
            vcpu, passed = this, np.int64(0)
        passed += np.int64(columns.n[i])
        if i == np.uint64(row[at]):
            retired[vcpu] += passed
            passed = np.int64(0)
            clock[at] = retired[vcpu]
            at += ONE
    retired[vcpu] += passed


def steps_of(moments: Moments) -> Steps:
    """What a guest does at each of ``moments``, at any price: keep its clock, wait until after a kept one, or rest."""
    size = moments.row.size
    what, slot, units = np.full(size, PASS, np.uint8), np.zeros(size, np.uint64), np.zeros(size)
    made: dict[int, tuple[int, int]] = {}  # by the moment of its completion: the slot, and the recording's clock then
    called: dict[int, int] = {}  # by the wait that it ended: the slot
    free, slots = list[int](), 0
    fields = (moments.kind, moments.units, moments.completion, moments.timed, moments.clock)
    for at, (kind, lasted, completion, timed, recorded) in enumerate(zip(*(f.tolist() for f in fields), strict=True)):
        if kind == IPI_SEND or (kind == REQUEST and completion != NONE):
            slots += not free
            slot[at] = free.pop() if free else slots - 1
            what[at] = SAVE
            if kind == REQUEST:
                made[completion] = int(slot[at]), recorded
            else:
                called[completion] = int(slot[at])
        elif kind == COMPLETE and at in made:
            what[at], slot[at], units[at] = MEET, made.pop(at)[0], lasted
            free.append(int(slot[at]))
        elif at in called:
            what[at], slot[at] = MEET, called.pop(at)
            free.append(int(slot[at]))
        elif timed and made:
            oldest, before = next(iter(made.values()))
            what[at], slot[at], units[at] = MEET, oldest, recorded - before
        elif timed:
            what[at], units[at] = REST, lasted
    return Steps(what, moments.vcpu.astype(np.uint64), slot, units, slots)


def wait(steps: Steps, busy: np.ndarray) -> float:
    """Device-time units that a guest idles which is busy for ``busy`` units before each of ``steps``.

    As ``replay.waiting.wait_lanes`` has it for many choices of prices; one needs no compiler.
    """
    clock, kept, idle = [0.0] * MAX_VCPUS, [0.0] * steps.slots, 0.0
    fields = (steps.what, steps.vcpu, steps.slot, steps.units, busy)
    for what, vcpu, slot, units, passed in zip(*(field.tolist() for field in fields), strict=True):
        clock[vcpu] += passed
        if what == SAVE:
            kept[slot] = clock[vcpu]
        elif what == MEET:
            late = max(kept[slot] + units, clock[vcpu])
            idle += late - clock[vcpu]
            clock[vcpu] = late
        elif what == REST:
            idle += units
            clock[vcpu] += units
    return idle


def recompute(moments: Moments, busy: Sequence[np.ndarray], spread: float) -> Idle:
    """Idle time under a model that is ``busy`` so many units before each of ``moments``: at value, low and high.

    ``spread`` units lie between all prices at their low and all at their high bounds.
    """
    if moments.reason:
        return Idle(*[moments.recorded] * len(Idle._fields))
    steps = steps_of(moments)
    value, low, high = (round(wait(steps, passed)) for passed in busy)
    apart = beyond(moments, spread)
    return Idle(value, low, high, max(0, min(value, low, high) - apart), max(value, low, high) + apart)


def beyond(moments: Moments, spread: float) -> int:
    """How far idle time may lie beyond that at the bounds of all prices, with ``spread`` units between these.

    One clock waits the less the dearer anything is.  Where clocks meet, one's work is another's wait: no clock ends
    later than with all prices high, having done no less than with all low.
    """
    return math.ceil(spread) if np.unique(moments.vcpu).size > 1 else 0
