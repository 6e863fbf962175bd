"""Who runs where and when: virtual machines on the CPUs of one machine, in nominal time.

A VM's clock is what its vCPUs have retired and waited, in the recording's units, over their number.  Each VM keeps the
order of its own rows: that is the recording's.

*Pinned*, every vCPU has a CPU of its own (affinity with enough CPUs), and the VMs' clocks advance together, one step
after the other.

*Round robin*, VMs that share CPUs take turns, a VM with several vCPUs with all of them at once (a gang), and stay on
their CPUs (affinity).  The CPUs are divided into groups as wide as the widest VM; VM k runs in group k modulo their
number.  A turn ends when the VM has run for a quantum and is in user mode, or when its only vCPU waits for an
interrupt; it can go on when the wait that was recorded is over.  A CPU idles while none of its VMs can go on, which is
the wait of the one that goes on first; other waits last no time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from replay.columns import Columns
from replay.errors import UserError, unknown
from replay.jit import kernel
from replay.prepare import Prepared
from replay.records import Parameter
from replay.sched.merge import AS_RECORDED, Turns
from replay.trace.meta import MAX_VCPUS
from replay.trace.schema import CTX_MODE_SHIFT, Kind

STEP = 10_000
"""Nominal instructions of each vCPU between looks at the others' clocks: 25 us at 400 MHz."""

EXTRA, IDLE = int(Kind.EXTRA), int(Kind.IDLE)
ONE = np.uint64(1)


PINNED, ROUND_ROBIN = SCHEDULERS = "pinned", "round-robin"

TURN = 4_000_000
"""Nominal instructions of a turn where nothing is said: 10 ms at 400 MHz."""

CPUS, SCHEDULER, QUANTUM = "schedule.cpus", "schedule.scheduler", "schedule.quantum"
PARAMETERS = (
    Parameter(CPUS, None, "count", 1, MAX_VCPUS, "assumed", "CPUs of the machine; as many as there are vCPUs"),
    Parameter(SCHEDULER, PINNED, "policy", 0, 0, "assumed", "a CPU for each vCPU, or turns on fewer", SCHEDULERS),
    Parameter(QUANTUM, TURN, "instructions", 1000, 2**40, "assumed", "nominal, of a turn: 10 ms at 400 MHz"),
)
"""What a grid may vary of a schedule; no model's parameters."""


class Schedule(NamedTuple):
    """What the user asks for."""

    cpus: int | None = None
    """CPUs of the machine; as many as there are vCPUs where nothing is said."""
    scheduler: str = PINNED
    quantum: int = TURN
    """Nominal instructions that a VM's vCPUs run in a turn."""

    def words(self) -> str:
        """All of it in one text: a part of a count's key."""
        return f"cpus={self.cpus} scheduler={self.scheduler} quantum={self.quantum} step={STEP}"


DEFAULT = Schedule()


def make_schedule(cpus: int | None = None, scheduler: str = PINNED, quantum: int | None = None) -> Schedule:
    """What is asked for, as the command line and the API say it.

    Raises UserError for an unknown scheduler, and for a quantum that nobody takes turns by.
    """
    if scheduler not in SCHEDULERS:
        raise unknown("scheduler", scheduler, SCHEDULERS)
    if quantum is None:
        return Schedule(cpus, scheduler)
    if scheduler != ROUND_ROBIN:
        raise UserError("--quantum says how long a turn is; take turns: --scheduler round-robin")
    return Schedule(cpus, scheduler, quantum)


def schedule_of(stated: Mapping[str, Any]) -> Schedule:
    """The schedule that ``stated`` (names of PARAMETERS among others) asks for; one of pinned vCPUs has no quantum.

    Raises UserError for a value that is refused.
    """
    told = {p.name: p.parse(stated[p.name]) for p in PARAMETERS if p.name in stated}
    if told.get(SCHEDULER, PINNED) != ROUND_ROBIN:
        told.pop(QUANTUM, None)
    given: dict[str, Any] = {name.removeprefix("schedule."): value for name, value in told.items()}
    return make_schedule(**given)


def stated(schedule: Schedule) -> dict[str, str]:
    """What a grid states for ``schedule``: of which ``schedule_of`` makes it."""
    found = {} if schedule.cpus is None else {CPUS: str(schedule.cpus)}
    if schedule.scheduler == ROUND_ROBIN:
        found |= {SCHEDULER: ROUND_ROBIN, QUANTUM: str(schedule.quantum)}
    return found


def settle_cpus(vms: Sequence[Prepared], schedule: Schedule) -> list[range]:
    """The CPUs that each VM's vCPUs run on.  Raises UserError where there are not enough."""
    wanted = [vm.meta.vcpus for vm in vms]
    cpus = sum(wanted) if schedule.cpus is None else schedule.cpus
    if cpus > MAX_VCPUS:
        raise UserError(
            f"the virtual machines have {cpus} vCPUs in all and one machine at most {MAX_VCPUS} CPUs;"
            " let them share fewer, by scheduler round-robin"
        )
    if sum(wanted) <= cpus:
        ends = np.cumsum(wanted).tolist()
        return [range(end - count, end) for end, count in zip(ends, wanted, strict=True)]
    if schedule.scheduler != ROUND_ROBIN:
        raise UserError(
            f"the virtual machines have {sum(wanted)} vCPUs in all and the machine {cpus} CPUs;"
            " give it more, or let them take turns: scheduler round-robin"
        )
    width = max(wanted)
    if width > cpus:
        raise UserError(f"a virtual machine has {width} vCPUs and the machine {cpus} CPUs; all of them run at once")
    firsts = [k % (cpus // width) * width for k in range(len(vms))]
    return [range(first, first + count) for first, count in zip(firsts, wanted, strict=True)]


def is_shared(cpus: Sequence[range]) -> bool:
    """Whether VMs on ``cpus`` share one of them."""
    return sum(map(len, cpus)) > len({cpu for lanes in cpus for cpu in lanes})


def turns_of(vms: Sequence[Prepared], cpus: Sequence[range], openings: Sequence[int], schedule: Schedule) -> Turns:
    """The turns of all VMs; what was there before the recordings began comes first, VM after VM."""
    if is_shared(cpus):
        return _round_robin(vms, cpus, openings, schedule.quantum)
    return _pinned(vms, openings)


def _pinned(vms: Sequence[Prepared], openings: Sequence[int]) -> Turns:
    """Turns of one STEP each, VM after VM."""
    parts = []
    for k, (vm, opening) in enumerate(zip(vms, openings, strict=True)):
        ends = step_ends(vm.columns, vm.meta.vcpus, opening)
        bounds = np.concatenate([[0, opening], ends])
        parts.append(np.stack([np.arange(bounds.size - 1), np.full(bounds.size - 1, k), bounds[:-1], bounds[1:]]))
    table = np.concatenate(parts, axis=1)
    order = np.lexsort((table[1], table[0]))
    _, vm_of, first, last = table[:, order]
    return Turns(vm_of, first, last, np.zeros_like(first), np.full_like(first, AS_RECORDED))


def step_ends(columns: Columns, vcpus: int, opening: int) -> np.ndarray:
    """Rows (exclusive) at which the VM's clock passes each STEP, from row ``opening`` on; the last is the end."""
    ends = np.zeros(clock_of(columns, opening) // (STEP * vcpus) + 2, np.int64)
    steps = _step_ends(columns, opening, STEP * vcpus, ends)
    ends[steps] = columns.kind.size
    return ends[: steps + 1]


@kernel
def clock_of(columns, first):
    """Units that the vCPUs retire and wait from row ``first`` on, together."""
    clock = np.int64(0)
    for row in range(np.uint64(first), np.uint64(columns.kind.size)):
        clock += np.int64(columns.n[row])
        if columns.kind[row] == IDLE:
            clock += np.int64(columns.page[row])
    return clock


@kernel
def _step_ends(columns, first, step, ends):
    """Put the rows that end a step into ``ends``; how many.  Payload stays with its row."""
    clock, due, found = np.int64(0), np.int64(step), np.int64(0)
    for row in range(np.uint64(first), np.uint64(columns.kind.size)):
        clock += np.int64(columns.n[row])
        if columns.kind[row] == IDLE:
            clock += np.int64(columns.page[row])
        while clock >= due and columns.kind[row] != EXTRA:
            ends[np.uint64(found)] = row + ONE
            found, due = found + 1, due + step
    return found


class _Machine:
    """One VM on its way through its rows."""

    def __init__(self, vm: Prepared, opening: int) -> None:
        self.columns, self.vcpus, self.row = vm.columns, vm.meta.vcpus, opening
        self.wakes = 0
        """When it can go on; while it runs, how long it waits from then on."""

    @property
    def done(self) -> bool:
        return self.row == self.columns.kind.size

    def run(self, left: int) -> tuple[int, bool]:
        """Run one STEP, or ``left`` where that is less: nominal time that passed, and whether it waits from then on."""
        budget = min(STEP, left) * self.vcpus
        out = np.zeros(3, np.int64)
        _run(self.columns, self.row, budget, left <= STEP, self.vcpus == 1, out)
        last = self.columns.kind.size - 1
        self.row = int(out[0]) if out[0] != last else last + 1  # the row that ends the recording takes no turn
        passed = -(-int(out[1]) // self.vcpus)
        self.wakes = int(out[2])
        return passed, self.wakes > 0


def _round_robin(vms: Sequence[Prepared], cpus: Sequence[range], openings: Sequence[int], quantum: int) -> Turns:
    """Turns of each group of VMs by themselves, then all in the order of time."""
    rows: list[list[int]] = []
    for start in dict.fromkeys(lanes.start for lanes in cpus):
        members = [k for k, lanes in enumerate(cpus) if lanes.start == start]
        opened = [k for k in members if openings[k]]
        rows += [[-1, k, 0, openings[k], int(k != members[0]), AS_RECORDED] for k in opened]
        running = opened[-1] if opened else members[0]
        rows += _take_turns({k: _Machine(vms[k], openings[k]) for k in members}, quantum, running)
    table = np.array(sorted(rows, key=lambda row: row[0]), np.int64).T
    return Turns(*(np.ascontiguousarray(column) for column in table[1:]))


def _take_turns(machines: dict[int, _Machine], quantum: int, running: int) -> list[list[int]]:
    """Rows of [time, VM, first row, last row, whether another VM ran before, idle units] of VMs on the same CPUs."""
    now, turns = 0, list[list[int]]()
    queue = list(machines)
    waiting: dict[int, list[int]] = {}  # by VM: the turn that ended with its wait
    while queue:
        chosen = next((k for k in queue if machines[k].wakes <= now), min(queue, key=lambda k: machines[k].wakes))
        vm = machines[chosen]
        if chosen in waiting:
            waiting.pop(chosen)[5] = max(0, vm.wakes - now)
        now = max(now, vm.wakes)
        left, rests = quantum, False
        while left > 0 and not rests and not vm.done:
            first = vm.row
            passed, rests = vm.run(left)
            turns.append([now, chosen, first, vm.row, int(chosen != running), AS_RECORDED])
            now, left, running = now + passed, left - passed, chosen
        vm.wakes = now + vm.wakes if rests else now
        if rests:
            turns[-1][5], waiting[chosen] = 0, turns[-1]
        queue.remove(chosen)
        if not vm.done:
            queue.append(chosen)
    return turns


@kernel
def _run(columns, first, budget, to_user, yields, out):
    """Where a VM is that ran from row ``first`` on for ``budget`` units: (row, units that passed, units it waits).

    Where it has to end in user mode (``to_user``) it runs on until there; with ``yields`` a wait ends it.
    """
    passed, size = np.int64(0), np.uint64(columns.kind.size)
    out[0], out[2] = size, 0
    for row in range(np.uint64(first), size):
        kind = columns.kind[row]
        passed += np.int64(columns.n[row])
        if kind == IDLE:
            if yields and columns.page[row] != 0:
                out[0], out[2] = row + ONE, np.int64(columns.page[row])
                break
            passed += np.int64(columns.page[row])
        if passed >= budget and kind != EXTRA and (not to_user or columns.ctx[row] >> CTX_MODE_SHIFT == 0):
            out[0] = row + ONE
            break
    out[1] = passed
