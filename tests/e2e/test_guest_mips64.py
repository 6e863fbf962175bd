"""The guest on MIPS64, whose kernel fills the TLB and keeps the reference and dirty bits: refills and soft faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode
from tracegen import abi, build, template
from tracegen.boot import workload_boot

Boot = Callable[..., Any]


@pytest.fixture(scope="module")
def boot(boot_on: Boot) -> Boot:
    """Boots the guest on MIPS64 with a boot argument string and runs it to its end."""
    return partial(boot_on, "mips64")


def victims(run: Any) -> list[int]:
    """What each TLB write's row says: its index, and whether hardware chose it."""
    return list(run.rows["info"][run.rows["kind"] == Kind.TLB_WRITE])


class Crossing(NamedTuple):
    """An exception, what its code did until it was left, and the row that left it: RETURN, or another EXCEPTION."""

    cause: Cause
    left_by: Kind
    instructions: int
    lines: int
    sensitive: int


def crossings(rows: dict[str, np.ndarray]) -> Iterator[Crossing]:
    """Each exception of a recording, up to the next or to its return."""
    cause, retired, seen = None, 0, Counter[int]()
    for kind, n, info in zip(*(rows[name].tolist() for name in ("kind", "n", "info")), strict=True):
        retired += n
        seen[kind] += 1
        if kind in {Kind.EXCEPTION, Kind.RETURN}:
            if cause is not None:
                yield Crossing(cause, Kind(kind), retired, seen[Kind.FETCH], seen[Kind.SENSITIVE])
            cause, retired, seen = (Cause(info & CAUSE_MASK) if kind == Kind.EXCEPTION else None), 0, Counter()


def test_machine_executes_what_the_template_says(boot: Boot) -> None:
    """Each refill does what the template says, in full or up to the nested miss, and so does each nested one."""
    says = template.refill_template(build.image())
    ways = {
        "full": (Cause.REFILL, Kind.RETURN),
        "aborted": (Cause.REFILL, Kind.EXCEPTION),
        "nested": (Cause.NESTED_REFILL, Kind.RETURN),
    }
    expected = {
        Crossing(*way, says[name]["instructions"], says[name]["lines"], sum(says[name]["sensitive"].values()))
        for name, way in ways.items()
    }
    refills = {c for c in crossings(boot("radix 20000 256").rows) if c.cause in {Cause.REFILL, Cause.NESTED_REFILL}}

    assert expected == refills


def faults_of(rows: dict[str, np.ndarray]) -> Counter[Cause]:
    """How often each exception was taken."""
    return Counter(Cause(cause) for cause in rows["info"][rows["kind"] == Kind.EXCEPTION] & CAUSE_MASK)


def test_a_first_touch_is_one_fault_and_one_entry(boot: Boot) -> None:
    """Once the program runs, each page that was not there is one fault, whose entry allows what it was touched for."""
    rows = boot("gups 65536 1000").rows
    in_user_mode = int(np.argmax((rows["kind"] == Kind.RETURN) & (rows["info"] == Mode.USER)))
    written = int((rows["kind"][in_user_mode:] == Kind.ENTRY).sum())
    faults = faults_of(rows)

    assert (written, 0, 0) == (faults[Cause.NOT_PRESENT], faults[Cause.SOFT_REFERENCE], faults[Cause.SOFT_DIRTY])


def test_what_fork_shares_is_touched_first_and_copied_then(boot: Boot) -> None:
    """Each fork costs a soft reference fault, at the first touch of what is shared since, and a copy at a store."""
    faults = faults_of(boot("forkwait 10").rows)

    assert (10, 10) == (faults[Cause.SOFT_REFERENCE], faults[Cause.COPY_ON_WRITE])


def test_another_seed_chooses_other_victims(boot: Boot) -> None:
    """The seed decides which TLB entries fall victim, and no answer."""
    first, other = (boot("radix 3000 1024", seed=seed) for seed in (5, 6))

    assert first.console == other.console
    assert victims(first) != victims(other)


def test_memory_goes_on_behind_the_page_of_the_devices() -> None:
    """A workload that touches 550 MB runs: the kernel reaches what lies beyond kseg0, and leaves out the hole."""
    machine = workload_boot("pointer-chase", {"pages": 140_000, "steps": 1}).machine()
    hole = abi.DEVICE_BASE >> 12
    free = machine.read(abi.DEVICE_BASE, 4096)

    assert 0 == machine.run().status
    assert [True, True] == [any(machine.read(frame << 12, 4096)) for frame in (hole - 1, hole + 1)]
    assert free == machine.read(abi.DEVICE_BASE, 4096) == bytes(4096)
