"""The thin guest: the full guest's answers without page faults, the same contracts of the trace, and clear refusals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from replay.errors import UserError
from replay.trace.schema import CAUSE_MASK, Cause, Kind
from tracegen import abi, build
from tracegen.boot import workload_boot
from tracegen.workloads import WORKLOADS

from .announced import Memory, Recorded, in_memory, record_events

MEBI = 1 << 20
SIZES: dict[str, dict[str, int]] = {
    "compress": {"bytes": 5000, "rounds": 1},
    "graph": {"vertices": 300},
    "gups": {"words": 1 << 12, "updates": 3000},
    "kv": {"items": 200, "requests": 3000},
    "pointer-chase": {"pages": 300, "steps": 3000},
    "radix": {"keys": 5000, "radix": 64},
    "raytrace": {"width": 24, "height": 16, "depth": 1},
}
STEADY = {Cause.REFILL, Cause.NESTED_REFILL, Cause.STALE, Cause.SYSCALL, Cause.INTERRUPT, Cause.COPROCESSOR}
"""What stops a program that has all its pages."""


def boot(workload: str, cpu: str, vcpus: int = 1, arguments: Mapping[str, int] | None = None, thin: bool = True) -> Any:
    """A machine about to run the workload at a small size."""
    options = ("kernel=thin",) if thin else ()
    sizes = SIZES[workload] | dict(arguments or {})
    return workload_boot(workload, sizes, cpu, vcpus=vcpus, options=options, memory_bytes=16 * MEBI)


@pytest.fixture(scope="module", params=[(cpu, vcpus) for cpu in build.CPUS for vcpus in (1, 8)], ids=str)
def recorded(request: pytest.FixtureRequest) -> Recorded:
    """The events of a sort by as many threads as vCPUs."""
    cpu, vcpus = request.param
    return record_events(boot("radix", cpu, vcpus, {"threads": vcpus}).machine())


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize("workload", sorted(SIZES))
def test_answers_are_the_full_guests(workload: str, cpu: str) -> None:
    """Each workload that the thin guest takes says what it says under the full one."""
    thin, full = (boot(workload, cpu, thin=kind).machine().run() for kind in (True, False))

    assert (0, full.console) == (thin.status, thin.console)
    assert thin.instructions != full.instructions


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize(("workload", "vcpus"), [("radix", 2), ("raytrace", 8), ("radix", 16)])
def test_threads_give_the_same_answer(workload: str, vcpus: int, cpu: str) -> None:
    """On several vCPUs as many threads say what one says."""
    alone, together = (boot(workload, cpu, n, {"threads": n}).machine().run() for n in (1, vcpus))

    assert (0, alone.console) == (together.status, together.console)


def test_every_thread_works_on_a_vcpu_without_faults(recorded: Recorded) -> None:
    """The measured part is stopped by refills, interrupts and calls alone, and all vCPUs take part."""
    kinds = [row.kind for row in recorded.events]
    measured = recorded.events[kinds.index(Kind.MARK_BEGIN) : kinds.index(Kind.MARK_END)]
    causes = Counter(row.info & CAUSE_MASK for row in measured if row.kind == Kind.EXCEPTION)

    assert causes.keys() <= STEADY
    assert (causes[Cause.REFILL] > 0) == (recorded.cpu == "mips64")
    assert {row.vcpu for row in recorded.events} == {row.vcpu for row in measured}
    assert Counter(kinds)[Kind.SPACE_CREATE] == 1


def test_memory_is_what_was_announced(recorded: Recorded) -> None:
    """Tables are zeroed, linked and filled as the full guest's are, and hold in the end what rows said."""
    memory = Memory()
    for row in recorded.events:
        memory.follow(row)

    assert {frame: table.entries for frame, table in memory.tables.items()} == {
        frame: in_memory(recorded, frame) for frame in memory.tables
    }
    assert sum(memory.mapped.values()) > 256


@pytest.mark.parametrize("cpu", build.CPUS)
def test_memory_that_is_not_there_is_refused(cpu: str) -> None:
    """A program that wants more than there is ends with its own message; one page less than there is it gets."""
    result = boot("gups", cpu, arguments={"words": 1 << 22}).machine().run()

    assert (abi.Status.NO_MEMORY, b"gups: out of memory\n") == (result.status, result.console)


@pytest.mark.parametrize("workload", sorted(WORKLOADS.keys() - SIZES))
def test_workloads_with_files_or_processes_are_refused(workload: str) -> None:
    """A workload that the thin guest cannot run is refused before it boots, with those that it can."""
    with pytest.raises(UserError, match=rf"^{workload} needs files or processes, .*: gups, radix, raytrace,"):
        workload_boot(workload, options=("kernel=thin",))
