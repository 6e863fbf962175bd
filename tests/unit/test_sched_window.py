"""The window of a session: counted is what its machines do there, with what is there when it begins."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

import models
from replay.columns import Columns
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.idle import find_moments
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.schedule import ROUND_ROBIN, STEP, Schedule
from replay.sched.split import of_vm
from replay.sched.window import window_of
from replay.trace.schema import Kind, Mode, Wake

MARK = 7
NAMES = ("vm0", "vm1", "vm2")


def machine(seed: int, begin: int = 0, end: int = 0, vcpus: int = 1, rows: int = 2000) -> Prepared:
    """A trace of random accesses and waits; its region, if it has one, lies between rows ``begin`` and ``end``."""
    meta = replace(handmade_meta(vcpus=vcpus), marks=((MARK, "measured"),))
    script, dice = Script(meta), random.Random(seed)
    for row in range(rows):
        vcpu = dice.randrange(vcpus)
        if end and row in (begin, end):
            script.row(Kind.MARK_BEGIN if row == begin else Kind.MARK_END, MARK)
        elif dice.randrange(20):
            page = script.user(dice.randrange(90), 1)
            script.row(dice.choice((Kind.FETCH, Kind.LOAD8, Kind.STORE4)), page, 8, n=200, vcpu=vcpu)
        else:
            script.row(Kind.IDLE, dice.randrange(STEP), Wake.TIMER, vcpu=vcpu, mode=Mode.KERNEL)
    return script.prepared()


def together(machines: list[Prepared]) -> Consolidation:
    """The ``machines`` on one, each with CPUs of its own."""
    return consolidate(machines, Schedule(), NAMES[: len(machines)])


def counted(prepared: Prepared, name: str, rows: int = 0) -> Counts:
    """The first ``rows`` of a machine under a model, with caches and memory that CPUs wait for; 0: all of them."""
    if rows:
        columns = Columns(*(column[:rows] for column in prepared.columns))
        prepared = prepared._replace(columns=columns, moments=find_moments(columns), before=0)
    return count(prepared, models.load(name), load_machine("flash-1997-numa"), {"memory.contention": 1})


def clock(prepared: Prepared, rows: int) -> int:
    """What the vCPUs of a machine retire and wait in the first ``rows``, on average."""
    n, waits = prepared.columns.n[:rows].astype(np.int64), prepared.columns.kind[:rows] == Kind.IDLE
    return (int(n.sum()) + int(prepared.columns.page[:rows][waits].sum(dtype=np.int64))) // prepared.meta.vcpus


@pytest.mark.parametrize("name", ["disco", "native"])
def test_what_is_counted_is_what_the_rows_of_the_window_add(name: str) -> None:
    """Counts, and requests to memory, are those of all rows to the window's end less those of the rows before it."""
    c = together(window_of([machine(1), machine(2, 600, 1400), machine(3, 700, 1500, 2)], "measured"))
    here = counted(c.prepared, name)
    till_end, till_begin = (counted(c.prepared, name, n) for n in (c.prepared.columns.kind.size, c.prepared.before))

    assert 0 < c.prepared.before < c.prepared.columns.kind.size
    assert np.array_equal(till_end.n - till_begin.n, here.n)
    assert np.array_equal(here.n.sum(axis=(0, 1)), here.by_stretch().sum(axis=(0, 1)))
    windows = till_begin.requests.n.shape[0]
    before = np.zeros_like(till_end.requests.n)
    before[:windows] = till_begin.requests.n
    assert 0 < before.sum()
    assert np.array_equal(till_end.requests.n - before, here.requests.n)


def test_a_window_is_the_same_time_on_all_machines() -> None:
    """It begins with the step in which the first region begins, and ends with the one in which the last ends."""
    whole = [machine(1), machine(2, 600, 1400), machine(3, 700, 1500)]
    found = window_of(whole, "measured")
    first, last = clock(whole[1], 600) // STEP * STEP, (clock(whole[2], 1501) // STEP + 1) * STEP

    for one in found:
        assert 0 <= clock(one, one.before) - first < 2 * STEP
        assert 0 <= clock(one, one.columns.kind.size) - last < 256
    assert [one.digest for one in found] != [one.digest for one in whole]


def test_rows_before_the_window_come_before_all_rows_in_it() -> None:
    """On one machine no row of the window is counted before a row ahead of it, whichever machine it is of."""
    found = window_of([machine(1), machine(2, 600, 1400), machine(3, 700, 1500)], "measured")
    c = together(found)

    for k, one in enumerate(found):
        assert one.before == np.count_nonzero(c.prepared.columns.ctx[: c.prepared.before] & 15 == k)


def test_waits_are_those_of_the_window() -> None:
    """Idle time as recorded, and device rows, are what the window holds, of each machine too."""
    found = window_of([machine(1), machine(2, 600, 1400)], "measured")
    c = together(found)
    counts = counted(c.prepared, "disco")

    for k, one in enumerate(found):
        kinds, page = one.columns.kind[one.before :], one.columns.page[one.before :]
        assert int(page[kinds == Kind.IDLE].sum()) == of_vm(c.members, counts, k).timeline.moments.recorded
    assert c.prepared.moments.row.min() >= c.prepared.before


def test_a_machine_that_is_off_by_then_counts_nothing() -> None:
    """Its rows make what is there, and none is counted."""
    off, _ = found = window_of([machine(1, rows=10), machine(2, 600, 1400)], "measured")

    assert off.before == off.columns.kind.size
    assert 0 == of_vm(together(found).members, counted(together(found).prepared, "disco"), 0).total("instructions")


def test_a_region_that_no_machine_has_is_refused() -> None:
    """The error names the region, and where those are listed that there are."""
    with pytest.raises(UserError, match="no region lost begins and ends in the session; name one that `replay info`"):
        window_of([machine(1), machine(2, 600, 1400)], "lost")


def test_machines_that_take_turns_have_no_window() -> None:
    """Where a schedule moves machines against each other, there is no time that is the same on all."""
    found = window_of([machine(1), machine(2, 600, 1400)], "measured")

    with pytest.raises(UserError, match="a window of a session is of machines with CPUs of their own"):
        consolidate(found, Schedule(1, ROUND_ROBIN), NAMES[:2])
