"""The guest on several vCPUs: right answers at any number and quantum, the same rows again, and locks that exclude."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from replay.trace.schema import Kind
from tracegen import build, filesystem
from tracegen.machine import make
from tracegen.writer import unpack

MEBI = 1 << 20
LOCKS = (Kind.LOCK_TRY, Kind.LOCK_ACQUIRE, Kind.LOCK_RELEASE)
KERNEL_LOCK = 0x8000_0000
"""Locks of the kernel are named by the low bits of their addresses, which are from here on."""

Boot = Callable[..., Any]


@pytest.fixture(params=build.CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    """Each CPU that there is a guest for."""
    return str(request.param)


def failures_of(cpu: str, line: str, vcpus: int, quantum: int) -> tuple[int | None, list[str]]:
    """The status of a run of the guest's own tests, and the verdicts that are not ok."""
    image = build.image(cpu)
    disk = filesystem.fit(image.disk, 2 * MEBI)
    machine = make(cpu, image.data, 16 * MEBI, 1, line.split(), disk=disk, vcpus=vcpus, quantum=quantum)
    result = machine.run()
    verdicts = [v for v in result.console.decode().splitlines() if v.endswith((": ok", "FAILED", "PAGES", "BLOCKS"))]
    assert len(verdicts) > 40
    return result.status, [verdict for verdict in verdicts if not verdict.endswith(": ok")]


@pytest.mark.parametrize(("vcpus", "quantum"), [(2, 5000), (3, 200), (8, 1000), (16, 333)])
def test_guest_passes_its_own_tests_on_several_vcpus(cpu: str, vcpus: int, quantum: int) -> None:
    """Every test that the guest holds for itself passes however many vCPUs take turns, and however long those are."""
    assert (0, []) == failures_of(cpu, "usertests", vcpus, quantum)


@pytest.mark.parametrize("vcpus", [1, 8])
def test_guest_passes_its_own_tests_with_fine_locks(cpu: str, vcpus: int) -> None:
    """With a lock for each space, for the cache and for the pages, the same tests pass."""
    assert (0, []) == failures_of(cpu, "locks=fine usertests", vcpus, 1000)


def kernel_locks(rows: dict[str, np.ndarray]) -> tuple[int, float]:
    """How many locks the kernel acquired, and the share of acquisitions that the one used most has."""
    locks = rows["page"][(rows["kind"] == Kind.LOCK_ACQUIRE) & (rows["page"] >= KERNEL_LOCK)]
    counts = np.unique(locks, return_counts=True)[1]
    return counts.size, float(counts.max() / counts.sum())


@pytest.mark.parametrize("line", ["raytrace 24 16 5 1 8", "dbench 6 40"])
def test_workloads_run_with_fine_locks_on_eight_vcpus(cpu: str, boot_on: Boot, line: str) -> None:
    """A workload's answer is the same with fine locks: they are more, and none is taken as often."""
    coarse, fine = (boot_on(cpu, option + line, vcpus=8, disk_bytes=8 * MEBI) for option in ("", "locks=fine "))

    assert (0, coarse.console) == (fine.status, fine.console)
    (locks, share), (fine_locks, fine_share) = kernel_locks(coarse.rows), kernel_locks(fine.rows)
    assert fine_locks > locks
    assert fine_share < share


@pytest.fixture
def sorted_by_eight(cpu: str, boot_on: Boot) -> Any:
    """A radix sort by eight threads on eight vCPUs."""
    return boot_on(cpu, "radix 20000 256 8", vcpus=8)


def test_threads_sort_as_one_does(cpu: str, boot_on: Boot, sorted_by_eight: Any) -> None:
    """Eight threads on eight vCPUs, and on one, leave the keys that one thread leaves."""
    alone, turns = boot_on(cpu, "radix 20000 256"), boot_on(cpu, "radix 20000 256 8")

    assert 0 == alone.status
    assert [alone.console] * 2 == [turns.console, sorted_by_eight.console]


def test_every_vcpu_runs_programs(sorted_by_eight: Any) -> None:
    """Each of the eight vCPUs runs user code, and is interrupted by another."""
    ctx, kinds = sorted_by_eight.rows["ctx"], sorted_by_eight.rows["kind"]
    user = ctx[ctx >> 4 == 0] & 15

    assert set(range(8)) == set(user.tolist())
    assert set(range(8)) >= set((ctx[kinds == Kind.IPI_RECEIVE] & 15).tolist()) > {1}


def test_the_same_vcpus_make_the_same_rows(cpu: str, boot_on: Boot, sorted_by_eight: Any) -> None:
    """The same run again has the same rows."""
    again = boot_on(cpu, "radix 20000 256 8", vcpus=8)

    assert all(np.array_equal(sorted_by_eight.rows[name], again.rows[name]) for name in again.rows)


def test_locks_exclude(cpu: str) -> None:
    """A lock is tried before it is acquired, held by one vCPU at a time, and a kernel's released where taken."""
    image, chunks = build.image(cpu), list[dict[str, np.ndarray]]()

    def keep(words: np.ndarray, counts: np.ndarray) -> None:
        rows = unpack(words, counts)
        chosen = np.isin(rows["kind"], LOCKS)
        chunks.append({name: rows[name][chosen] for name in ("kind", "page", "ctx")})

    disk = filesystem.fit(image.disk, 2 * MEBI)
    result = make(cpu, image.data, 16 * MEBI, 1, ["usertests"], disk=disk, vcpus=8).run(keep)
    holder, tried, kernel, users = dict[int, int](), set[tuple[int, int]](), 0, 0
    columns = (np.concatenate([chunk[name] for chunk in chunks]).tolist() for name in ("kind", "page", "ctx"))
    for kind, lock, ctx in zip(*columns, strict=True):
        vcpu = ctx & 15
        if lock < KERNEL_LOCK:
            users += 1
        elif kind == Kind.LOCK_TRY:
            tried.add((vcpu, lock))
        elif kind == Kind.LOCK_ACQUIRE:
            assert lock not in holder
            tried.remove((vcpu, lock))
            holder[lock], kernel = vcpu, kernel + 1
        else:
            assert vcpu == holder.pop(lock)

    assert 0 == result.status
    assert kernel > 50_000
    assert users > 1000
