"""Several virtual machines on one machine: apart from each other they are what each is alone."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

import models
import replay
from replay import document as documents
from replay.count import count
from replay.entrants import Entrant
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.model import Model
from replay.prepare import Prepared
from replay.price import waits_of
from replay.sched.charge import charge, compare
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.merge import AS_RECORDED, Turns, merge
from replay.sched.offsets import find_offsets
from replay.sched.schedule import ROUND_ROBIN, STEP, Schedule
from replay.sched.split import of_all, of_vm
from replay.trace.schema import Cause, Kind, Mode, Sensitive, Touch
from reports.by_vm import compared
from reports.numbers import figure

INVENTED = ("ept_violation", "walk_reference")
"""What depends on where tables lie that no row of these traces puts anywhere, beyond all VMs' memory."""

EXACT = {"tlb.replacement": "lru", "l2tlb.entries": 64, "l2tlb.ways": 64}


def exact(model: Model) -> dict[str, int | str]:
    """Settings by which neither chance nor the number of a space or frame decides what ``model`` replaces."""
    wide: dict[str, int | str] = {p.name: p.high for p in model.parameters if p.name.endswith("ways")}
    return wide | {p.name: EXACT[p.name] for p in model.parameters if p.name in EXACT}


def guest(seed: int, vcpus: int = 1, rows: int = 400, architecture: str = "mips64") -> Prepared:
    """A trace of random accesses and of events of every kind that numbers something."""
    script, dice = Script(handmade_meta(vcpus=vcpus, architecture=architecture)), random.Random(seed)
    for _ in range(rows):
        vcpu, space, vpn = dice.randrange(vcpus), dice.choice((1, 2)), dice.choice((0, 1, 2, 5, 600, 4096))
        what = dice.randrange(12)
        if what < 5:
            page = script.user(vpn, space) if what else script.kernel(dice.randrange(40))
            script.row(dice.choice((Kind.FETCH, Kind.LOAD8, Kind.STORE4)), page, 8, n=200, vcpu=vcpu)
        elif what == 5:
            script.entry(script.user(vpn, space), dice.randrange(40), vcpu=vcpu)
        elif what == 6:
            script.row(Kind.BASE_SWITCH, space, vcpu=vcpu, mode=Mode.KERNEL)
        elif what == 7:
            script.exception(Cause.NOT_PRESENT, script.user(vpn, space), Touch.STORE, vcpu=vcpu)
            script.row(Kind.SERVICE_ENTER, dice.choice((3, 10, 34)), n=9, vcpu=vcpu, mode=Mode.KERNEL)
        elif what == 8:
            script.row(Kind.SERVICE_EXIT, 0, n=9, vcpu=vcpu, mode=Mode.KERNEL)
        elif what == 9:
            script.sensitive(Sensitive.MFC0, vcpu=vcpu, register=dice.randrange(15))
        elif what == 10:
            script.row(dice.choice((Kind.ZEROED, Kind.FREED)), dice.randrange(40), vcpu=vcpu, mode=Mode.KERNEL)
        else:
            script.row(Kind.IDLE, 7 * STEP, vcpu=vcpu, mode=Mode.KERNEL)
    return script.prepared()


def together(*vms: Prepared, cpus: int | None = None) -> Consolidation:
    """The ``vms`` on one machine."""
    return consolidate(vms, Schedule(cpus), [f"vm{k}" for k in range(len(vms))])


@pytest.mark.parametrize("architecture", ["mips64", "x86-64"])
@pytest.mark.parametrize("name", sorted(models.entries()))
def test_machines_apart_count_what_each_counts_alone(name: str, architecture: str) -> None:
    """Where each virtual CPU has a CPU of its own, every model counts for each VM what it counts for it alone."""
    model = models.load(name)
    machine = load_machine(model.machine[architecture])
    given = exact(model)
    vms = [guest(1, 2, architecture=architecture), guest(2, architecture=architecture)]
    vms.append(vms[0])

    c = together(*vms)
    counts = count(c.prepared, model, machine, given)

    for k, vm in enumerate(vms):
        alone, here = count(vm, model, machine, given), of_vm(c.members, counts, k)
        kept = [at for at, counter in enumerate(alone.counters) if counter not in INVENTED]
        ticked = {alone.counters[at]: alone.total(alone.counters[at]) for at in kept}
        assert ticked == {counter: here.total(counter) for counter in ticked}
        assert np.array_equal(alone.n[:, :, kept], here.n[:, :, kept])
        assert alone.places == here.places
        assert np.array_equal(alone.by_stretch()[:, :, kept].sum(axis=1), here.by_stretch()[:, :, kept].sum(axis=1))


def test_one_machine_alone_stays_what_it_is() -> None:
    """A single VM's trace is counted as it is, no copy of it."""
    vm = guest(3)

    assert together(vm).prepared is vm


def test_every_row_is_there_once_and_in_its_machines_order() -> None:
    """Consolidation loses no row, adds none, and keeps the order of each VM's."""
    vms = [guest(4), guest(5, 2)]

    c = together(*vms)

    for vm, lanes in zip(vms, c.cpus, strict=True):
        mine = np.isin(c.prepared.columns.ctx & 15, lanes) & (c.prepared.columns.kind != Kind.EXTRA)
        own = vm.columns.kind != Kind.EXTRA
        for column in ("kind", "n"):
            assert getattr(vm.columns, column)[own].tolist() == getattr(c.prepared.columns, column)[mine].tolist()
    assert c.prepared.columns.kind.size == sum(vm.columns.kind.size for vm in vms)


def test_clocks_advance_together() -> None:
    """No VM is ahead of another by more than a step and what one row takes beyond it."""
    vms = [guest(6, rows=3000), guest(7, rows=3000)]

    columns = together(*vms).prepared.columns
    passed = columns.n.astype(np.int64) + np.where(columns.kind == Kind.IDLE, columns.page, 0)
    clocks = [np.cumsum(np.where(columns.ctx & 15 == vm, passed, 0)) for vm in (0, 1)]
    both = (clocks[0] < clocks[0][-1]) & (clocks[1] < clocks[1][-1])

    assert int(np.abs(clocks[0] - clocks[1])[both].max()) <= 8 * STEP


def test_no_two_machines_have_a_number_in_common() -> None:
    """Two VMs with the same trace share no page, frame, address space or request."""
    script = Script(handmade_meta())
    script.row(Kind.LOAD8, script.user(4))
    script.row(Kind.LOAD8, script.kernel(9))
    script.entry(script.user(4), 7)
    script.row(Kind.REQUEST, 1, payload=(3, 4096, 8, 0))
    script.row(Kind.ZEROED, 6)
    vm = script.prepared()

    columns = together(vm, vm).prepared.columns

    frames = vm.meta.memory_bytes >> 12
    rows = [c.tolist() for c in columns]
    at = {k: [i for i, ctx in enumerate(rows[1]) if ctx & 15 == k] for k in (0, 1)}
    zeroed = [rows[3][i] for k in at for i in at[k] if rows[0][i] == Kind.ZEROED]
    requests = [rows[3][i] for k in at for i in at[k] if rows[0][i] == Kind.REQUEST]
    loads = [{rows[3][i] for i in at[k] if rows[0][i] == Kind.LOAD8} for k in at]
    extras = [[rows[3][i] | rows[2][i] << 32 for i in at[k] if rows[0][i] == Kind.EXTRA] for k in at]
    assert [6, 6 + frames] == zeroed
    assert [1, 3] == requests
    assert loads[0].isdisjoint(loads[1])
    assert [frames, frames << 12] == [extras[1][2] - extras[0][2], extras[1][1] - extras[0][1]]
    assert [8, 8 + frames] == [extras[0][5], extras[1][5]]
    assert extras[0][3:5] == extras[1][3:5]


def test_frames_of_devices_stay_beyond_memory() -> None:
    """An entry that maps no memory of its VM maps none of the next VM's."""
    script = Script(handmade_meta())
    script.entry(script.user(4), (1 << 14) + 3)
    vm = script.prepared()

    extras = together(vm, vm).prepared.columns.page[[1]].tolist()

    assert [((2 << 14) + 3) << 12 | 0x207] == extras


def whole(cuts: np.ndarray) -> Turns:
    """Turns of one VM between ``cuts``."""
    none = np.zeros(cuts.size - 1, np.int64)
    return Turns(none, cuts[:-1], cuts[1:], none, none + AS_RECORDED)


def test_merging_one_machine_changes_nothing() -> None:
    """The rows of one VM, merged in turns of any length, are its rows."""
    vm = guest(8)
    rows = vm.columns.kind.size
    cuts = np.array([0, *[at for at in range(1, rows) if vm.columns.kind[at - 1] != Kind.EXTRA and at % 7 == 0], rows])

    merged = merge([vm.columns], find_offsets([vm], [range(1)]), whole(cuts))

    assert [c.tolist() for c in vm.columns] == [c.tolist() for c in merged]


def test_the_document_adds_up() -> None:
    """Cycles of the VMs add up to the total, and each row says whose it is."""
    disco, native = models.load("disco"), models.load("native")
    c = together(guest(9), guest(10))

    document = charge(c, Entrant(disco, native, load_machine("flash-1997")), {}, {}).document

    for k, vm in enumerate(document["vms"]):
        assert vm["total"]["cycles"] == sum(row["cycles"] for row in document["rows"] if row["vm"] == k)
        assert vm["total"]["native"] == sum(row["cycles"] for row in document["native_rows"] if row["vm"] == k)
    assert document["total"]["cycles"] == sum(vm["total"]["cycles"] for vm in document["vms"])
    assert document["total"]["cycles"] == sum(line["cycles"] for line in document["services"])
    assert document["total"]["overhead_low"] <= document["total"]["overhead"] <= document["total"]["overhead_high"]


def test_several_traces_are_charged_from_python() -> None:
    """`replay.run` and `replay.compare` take several traces as VMs of one machine, and say who shares which CPUs."""
    vms = [guest(9), guest(10)]
    entrant = Entrant(models.load("disco"), models.load("native"), load_machine("flash-1997"))
    turns = Schedule(1, ROUND_ROBIN, 50_000)
    shared = charge(consolidate(vms, turns, ["vm0", "vm1"]), entrant, {"hal": 0}, {"monitor_entry": 99}).document

    apart = replay.run(vms, "disco")
    sharing = replay.run(
        vms, "disco", set={"hal": 0}, price={"monitor_entry": 99}, cpus=1, scheduler=ROUND_ROBIN, quantum=50_000
    )
    every, left_out = replay.compare(vms)

    assert shared == sharing.document
    assert apart.document in every
    assert apart.document == charge(together(*vms), entrant, {}, {}).document
    assert apart.document["vms"] != shared["vms"]
    assert not {one["model"] for one in left_out} & {document["model"] for document in every}


def test_schedules_that_make_no_sense_are_refused() -> None:
    """An unknown scheduler, a quantum without turns, and no trace at all are refused."""
    for given, words in (
        ({"scheduler": "lottery"}, "unknown scheduler 'lottery'"),
        ({"quantum": 1000}, "take turns: --scheduler round-robin"),
    ):
        with pytest.raises(UserError, match=words):
            replay.run([guest(9, rows=5)], "native", **given)
    with pytest.raises(UserError, match="give at least one"):
        replay.run([], "native")


def test_a_comparison_tells_virtual_machines_apart() -> None:
    """The screen has a table for each VM, with its overhead under every monitor; of one VM there is none."""
    native, machine = models.load("native"), load_machine("flash-1997")
    entrants = [Entrant(models.load(name), native, machine) for name in ("disco", "native")]
    documents, left_out = compare(together(guest(9), guest(10)), entrants, {}, {})

    said = compared(documents)
    expected = [figure(*(vm["total"][f"overhead{end}"] for end in ("", "_low", "_high"))) for vm in documents[0]["vms"]]
    assert ["VM 0, by hand, on CPU 0:", "VM 1, by hand, on CPU 1:"] == said[::2]
    assert [["disco"], ["disco"]] == [list(table.columns[0].cells) for table in said[1::2]]
    assert expected == [next(iter(table.columns[3].cells)) for table in said[1::2]]
    assert [] == left_out == compared([{"model": "disco"}])


def test_virtual_machines_wait_for_each_other_s_memory() -> None:
    """A request waits as long as the requests of all VMs together make it, on bare hardware for its own alone."""
    disco, native, machine = models.load("disco"), models.load("native"), load_machine("flash-1997-numa")
    given = {"memory.contention": 1, "memory.window": 1000, "memory.cpus_per_node": 2}
    c, entrant = together(guest(9), guest(10)), Entrant(disco, native, machine)

    waits = waits_of(count(c.prepared, disco, machine, given), disco, machine)
    document = charge(c, entrant, given, {}).document
    prices = {record["name"]: record["value"] for record in document["bill"]["prices"]}
    assert ["local_wait"] == [name for name, wait in waits.items() if wait.value > 0]
    assert {name: wait.value for name, wait in waits.items()} == {name: prices[name] for name in waits}
    alone, _ = documents.run(guest(9), *entrant, given)
    assert alone["total"]["native"] == document["vms"][0]["total"]["native"]
    assert alone["total"]["cycles"] < document["vms"][0]["total"]["cycles"]


def test_counts_of_each_make_up_those_of_all() -> None:
    """Splitting the counts by VM loses nothing: put together again they are what they were."""
    native = models.load("native")
    c = together(guest(13), guest(14, 2))

    counts = count(c.prepared, native, load_machine("flash-1997"))
    again = of_all(c.members, counts, [of_vm(c.members, counts, k) for k in (0, 1)])

    assert np.array_equal(counts.n, again.n)
    assert np.array_equal(counts.timeline.ticks, again.timeline.ticks)


def test_unlike_machines_are_refused() -> None:
    """Architectures, page sizes, speeds and refill handlers that differ are refused, with both values and a name."""
    vm = guest(11, rows=5)
    refill = vm.meta.refill
    assert refill is not None
    for change, words in (
        ({"architecture": "x86-64"}, r"^vm1: architecture is x86-64, that of vm0 mips64; .* of one architecture$"),
        ({"page_bytes": 16384}, r"^vm1: page_bytes is 16384, that of vm0 4096; .* with pages of one size$"),
        ({"instructions_per_second": 5}, r"^vm1: instructions_per_second is 5, that of vm0 200000000; "),
        ({"refill": replace(refill, full=refill.nested)}, r"^vm1: its kernel refills the TLB otherwise than that of"),
    ):
        other = vm._replace(meta=replace(vm.meta, **change))
        with pytest.raises(UserError, match=words):
            together(vm, other)


def test_too_many_virtual_cpus_are_refused() -> None:
    """More vCPUs than the machine has CPUs, or than any machine has, are refused with both numbers."""
    vms = [guest(12, 8, rows=5) for _ in range(3)]

    with pytest.raises(UserError, match=r"16 vCPUs in all and the machine 12 CPUs"):
        together(*vms[:2], cpus=12)
    with pytest.raises(UserError, match=r"24 vCPUs in all and one machine at most 16 CPUs"):
        together(*vms)
