"""Virtual machines that take turns on the CPUs of one machine."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

import models
from replay.columns import Inserted
from replay.count import count, current, make_engine, settle
from replay.entrants import Entrant
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.prepare import Prepared
from replay.sched.charge import charge, compare
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.schedule import ROUND_ROBIN, STEP, Schedule, settle_cpus
from replay.sched.split import of_vm
from replay.trace.schema import Kind, Mode

QUANTUM = 3 * STEP
MONITORS = sorted(name for name in models.entries() if models.load(name).vcpu_switch)
SWITCH = int(Inserted.VCPU_SWITCH)


def guest(rounds: int, waits: tuple[int, ...] = (), vcpus: int = 1, page: int = 4) -> Prepared:
    """A program of ``rounds`` loads of one page, 200 instructions each, that waits so long after the first of them."""
    script = Script(handmade_meta(vcpus=vcpus))
    for number in range(rounds):
        for vcpu in range(vcpus):
            script.row(Kind.LOAD8, script.user(page), n=200, vcpu=vcpu)
        if number < len(waits):
            script.row(Kind.IDLE, waits[number], mode=Mode.KERNEL)
    return script.prepared()


def share(*vms: Prepared, cpus: int = 1, quantum: int = QUANTUM) -> Consolidation:
    """The ``vms`` in turns on ``cpus``."""
    return consolidate(vms, Schedule(cpus, ROUND_ROBIN, quantum), [f"vm{k}" for k in range(len(vms))])


def loads_by_turn(c: Consolidation) -> list[tuple[int, int]]:
    """(VM, loads) of each turn on CPU 0, in order."""
    columns, turns, vm = c.prepared.columns, list[tuple[int, int]](), 0
    loads = 0
    for kind, ctx, info in zip(columns.kind.tolist(), columns.ctx.tolist(), columns.info.tolist(), strict=True):
        if kind == SWITCH and ctx & 15 == 0:
            turns += [(vm, loads)] if loads else []
            vm, loads = info, 0
        loads += kind == Kind.LOAD8 and ctx & 15 == 0
    return [*turns, (vm, loads)]


def test_turns_last_a_quantum() -> None:
    """Two VMs that never wait take turns of one quantum each until the first is done."""
    c = share(guest(400), guest(300))

    assert [(0, 150), (1, 150), (0, 150), (1, 150), (0, 100)] == loads_by_turn(c)


def test_who_waits_gives_its_turn_away() -> None:
    """A VM that waits for an interrupt ends its turn, and has the next when its wait is over; no time is idle."""
    c = share(guest(200, waits=(4 * STEP,)), guest(250))
    idle = c.prepared.columns.page[c.prepared.columns.kind == Kind.IDLE].tolist()

    assert [(0, 1), (1, 250), (0, 199)] == loads_by_turn(c)
    assert [0] == idle


def test_a_cpu_idles_while_all_wait() -> None:
    """While every VM waits the CPU idles, until the first of them can go on: its wait lasts as long, others' do not."""
    c = share(guest(2, waits=(9_000,)), guest(2, waits=(5_000,)))
    idle = c.prepared.columns.page[c.prepared.columns.kind == Kind.IDLE].tolist()

    # VM 0 can go on at 200 + 9000, VM 1 at 400 + 5000; from 400 on both wait, VM 1 runs 200, then VM 0 has to wait.
    assert [9_200 - 5_600, 5_000] == idle
    assert [(0, 1), (1, 2), (0, 1)] == loads_by_turn(c)
    assert 9_200 - 5_600 + 5_000 == c.prepared.moments.recorded


def test_a_turn_ends_in_user_mode() -> None:
    """A VM whose quantum ends within its kernel runs on until it is back in user mode."""
    script = Script(handmade_meta())
    for mode in [Mode.USER] * 140 + [Mode.KERNEL] * 30 + [Mode.USER] * 10:
        script.row(Kind.LOAD8, script.kernel(3), n=200, mode=mode)
    c = share(script.prepared(), guest(5))

    assert [(0, 171), (1, 5), (0, 9)] == loads_by_turn(c)


def test_the_tlb_is_empty_after_a_switch() -> None:
    """Disco flushes the TLB when it schedules another virtual CPU: each turn begins with a miss, its only one."""
    c = share(guest(400), guest(400))
    counts = count(c.prepared, models.load("disco"), load_machine("flash-1997"))

    turns = len(loads_by_turn(c))
    assert turns - 1 == counts.total("vcpu_switch")
    assert turns - 2 == counts.total("l2tlb_hit")
    assert 4 == counts.total("refill_forwarded")  # of each VM twice: at first its table takes a nested one


@pytest.mark.parametrize("name", MONITORS)
def test_each_machine_does_its_work_whoever_shares_its_cpu(name: str) -> None:
    """Under every monitor a VM that shares its CPU retires the same instructions in the same services as alone."""
    model = models.load(name)
    machine, vms = load_machine(model.machine["mips64"]), [guest(300, (50, 60)), guest(200, (70,), page=9)]
    c = share(*vms)

    counts = count(c.prepared, model, machine)

    assert counts.total("vcpu_switch") == np.count_nonzero(c.prepared.columns.kind == SWITCH)
    for k, vm in enumerate(vms):
        alone, here = count(vm, model, machine), of_vm(c.members, counts, k)
        for counter in ("instructions", "references", "kernel_instructions"):
            at = counts.counters.index(counter)
            assert alone.by_place()[:, at].tolist() == here.by_place()[:, at].tolist()


@pytest.mark.parametrize("name", MONITORS)
def test_switches_do_not_depend_on_where_counting_pauses(name: str) -> None:
    """A consolidated trace counted in pieces gives the counts of one piece."""
    model = models.load(name)
    machine, c = load_machine(model.machine["mips64"]), share(guest(200, (50,)), guest(200))
    settings = settle(model, machine, c.prepared.meta, {})
    engine = make_engine(c.prepared, model, settings)
    state = model.state(c.prepared, settings, engine.counts)
    rows = c.prepared.columns.kind.size

    for first, last in pairwise([*range(0, rows, 7), rows]):
        count_rows(state, engine, c.prepared.columns, first, last)

    assert np.array_equal(current(c.prepared, model, engine), count(c.prepared, model, machine).n)


def test_machines_with_several_cpus_take_turns_as_gangs() -> None:
    """Groups of CPUs are as wide as the widest VM; VMs are dealt to them in order, each with all its vCPUs at once."""
    vms = [guest(1, vcpus=n) for n in (2, 1, 2, 2)]

    assert [range(2), range(2, 3), range(2), range(2, 4)] == settle_cpus(vms, Schedule(5, ROUND_ROBIN))
    assert [range(2), range(2, 3), range(3, 5), range(5, 7)] == settle_cpus(vms, Schedule(7, ROUND_ROBIN))


def test_a_gang_switches_on_all_its_cpus() -> None:
    """When a VM of two virtual CPUs has its turn, both CPUs go on with it."""
    c = share(guest(300, vcpus=2), guest(300, vcpus=2), cpus=2)
    columns = c.prepared.columns
    at = np.flatnonzero(columns.kind == SWITCH)

    assert [0, 1] * (at.size // 2) == (columns.ctx[at] & 15).tolist()
    assert [(0, 150), (1, 150), (0, 150), (1, 150)] == loads_by_turn(c)


def test_a_bare_machine_runs_one_guest() -> None:
    """Models without a monitor are refused where VMs share CPUs, and left out of a comparison with the reason."""
    c, native = share(guest(2), guest(2)), models.load("native")
    flash = load_machine("flash-1997")
    disco = Entrant(models.load("disco"), native, flash)

    with pytest.raises(UserError, match=r"^native has no monitor, and a bare machine runs one guest"):
        charge(c, Entrant(native, native, flash), {}, {})
    documents, left_out = compare(c, [disco, Entrant(native, native, flash)], {}, {})
    assert ["disco"] == [document["model"] for document in documents]
    assert ["native"] == [one["model"] for one in left_out]


def test_idle_time_is_the_schedules() -> None:
    """Where VMs share a CPU, the document says that its idle time is the schedule's, and how much of it each VM's."""
    c, native = share(guest(2, waits=(9_000,)), guest(2, waits=(5_000,))), models.load("native")

    document = charge(c, Entrant(models.load("disco"), native, load_machine("flash-1997")), {}, {}).document

    assert [3_600, 5_000] == [vm["idle"]["recomputed"] for vm in document["vms"]]
    assert 8_600 == document["idle"]["recomputed"]
    assert "virtual machines share CPUs" in document["idle"]["as_recorded"]


def test_bounds_hold_where_waits_are_shared() -> None:
    """What VMs that share a CPU cost, over bare machines that wait longer, lies within its bounds, whatever prices."""
    c, native = share(guest(9, waits=(90_000, 700)), guest(3, waits=(50_000,))), models.load("native")
    machine, chance = load_machine("flash-1997"), random.Random(1)
    entrant = Entrant(models.load("disco"), native, machine)

    stated = charge(c, entrant, {}, {}).document
    choices = [{n: chance.choice((p.low, p.value, p.high)) for n, p in machine.prices.items()} for _ in range(20)]
    found = [stated, *(charge(c, entrant, {}, choice).document for choice in choices)]

    for bound, *ratios in zip(*([one["total"] for one in (d, *d["vms"])] for d in found), strict=True):
        assert all(bound["overhead_low"] <= one["overhead"] <= bound["overhead_high"] for one in ratios)
    assert stated["total"]["overhead"] < 0.9


def test_a_gang_wider_than_the_machine_is_refused() -> None:
    """A VM with more virtual CPUs than the machine has CPUs cannot run all of them at once."""
    with pytest.raises(UserError, match=r"has 2 vCPUs and the machine 1 CPUs"):
        share(guest(1, vcpus=2), guest(1))
