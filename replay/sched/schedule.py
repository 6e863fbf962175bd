"""Who runs where and when: virtual machines on the CPUs of one machine, in nominal time.

A VM's clock is what its vCPUs have retired and waited, in the recording's units, over their number.  Each VM keeps the
order of its own rows: that is the recording's.  *Pinned*, every vCPU has a CPU of its own (affinity with enough CPUs),
and the VMs' clocks advance together, one step after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from replay.columns import Columns
from replay.errors import UserError
from replay.jit import kernel
from replay.prepare import Prepared
from replay.sched.merge import Turns
from replay.trace.meta import MAX_VCPUS
from replay.trace.schema import Kind

STEP = 10_000
"""Nominal instructions of each vCPU between looks at the others' clocks: 25 us at 400 MHz."""

EXTRA, IDLE = int(Kind.EXTRA), int(Kind.IDLE)
ONE = np.uint64(1)


class Schedule(NamedTuple):
    """What the user asks for."""

    cpus: int | None = None
    """CPUs of the machine; as many as there are vCPUs where nothing is said."""

    def words(self) -> str:
        """All of it in one text: a part of a count's key."""
        return f"cpus={self.cpus} step={STEP}"


def settle_cpus(vms: Sequence[Prepared], schedule: Schedule) -> list[range]:
    """The CPUs that each VM's vCPUs run on.  Raises UserError where there are not enough."""
    wanted = [vm.meta.vcpus for vm in vms]
    cpus = sum(wanted) if schedule.cpus is None else schedule.cpus
    if cpus > MAX_VCPUS:
        raise UserError(f"the virtual machines have {cpus} vCPUs in all; one machine has at most {MAX_VCPUS} CPUs")
    if sum(wanted) > cpus:
        raise UserError(
            f"the virtual machines have {sum(wanted)} vCPUs in all and the machine {cpus} CPUs; give it more"
        )
    ends = np.cumsum(wanted).tolist()
    return [range(end - count, end) for end, count in zip(ends, wanted, strict=True)]


def pinned(vms: Sequence[Prepared], openings: Sequence[int]) -> Turns:
    """Turns of one STEP each, VM after VM; what was there before the recordings began comes first, VM after VM."""
    parts = []
    for k, (vm, opening) in enumerate(zip(vms, openings, strict=True)):
        ends = step_ends(vm.columns, vm.meta.vcpus, opening)
        bounds = np.concatenate([[0, opening], ends])
        parts.append(np.stack([np.arange(bounds.size - 1), np.full(bounds.size - 1, k), bounds[:-1], bounds[1:]]))
    table = np.concatenate(parts, axis=1)
    order = np.lexsort((table[1], table[0]))
    _, vm_of, first, last = table[:, order]
    return Turns(vm_of, first, last)


def step_ends(columns: Columns, vcpus: int, opening: int) -> np.ndarray:
    """Rows (exclusive) at which the VM's clock passes each STEP, from row ``opening`` on; the last is the end."""
    ends = np.zeros(_clock(columns, opening) // (STEP * vcpus) + 2, np.int64)
    steps = _step_ends(columns, opening, STEP * vcpus, ends)
    ends[steps] = columns.kind.size
    return ends[: steps + 1]


@kernel
def _clock(columns, first):
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
