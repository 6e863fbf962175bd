"""Memory behind caches: what is counted, what is refused, and what the papers say of pages that move."""

from __future__ import annotations

from typing import Any

import libcachesim
import numpy as np
import pytest

import models
from replay.count import Counts, count, current, make_engine, settle
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.kernel import count_rows
from replay.machine import load_machine
from replay.memory import contention
from replay.memory.contention import Latency, Requests
from replay.memory.parameters import on_machine
from replay.model import FREE
from replay.price import price
from replay.trace.schema import Kind
from reports.memory import local_share, memory

CACHED = {"memory.caches": 1}
SMALL = CACHED | {
    "l1i.bytes": 1024,
    "l1d.bytes": 1024,
    "l2.bytes": 4096,
    "numa.trigger": 8,
    "numa.sharing": 4,
    "numa.reset": 1_000_000,
}
SERVED = [
    f"{side}_{what}" for side in ("local", "remote", "table_local", "table_remote") for what in ("miss", "upgrade")
]


def charge(script: Script, name: str = "disco", machine: str = "flash-1997", **given: Any) -> Counts:
    """The counts of ``script`` under a model on a machine."""
    return count(script.prepared(), models.load(name), load_machine(machine), given)


def several(vcpus: int) -> Script:
    """An empty trace of so many virtual CPUs."""
    return Script(handmade_meta(vcpus=vcpus))


def sweep(script: Script, vcpu: int, frame: int, kind: Kind = Kind.LOAD4, times: int = 1) -> None:
    """A CPU refers to each line of a page, and to as many of another page of its own that take their place."""
    for _ in range(times):
        for which, how in ((frame, kind), (100 + 2 * vcpu, Kind.LOAD4), (101 + 2 * vcpu, Kind.LOAD4)):
            for line in range(32):
                script.row(how, script.kernel(which), line * 128, vcpu=vcpu)


def mixed(vcpus: int = 2, seed: int = 3, rows: int = 3000) -> Script:
    """References of all kinds to a few pages."""
    script, dice = several(vcpus), np.random.default_rng(seed)
    for _ in range(rows):
        kind = Kind(int(dice.choice((Kind.FETCH, Kind.LOAD8, Kind.STORE8))))
        page = script.kernel(int(dice.integers(8))) if dice.random() < 0.5 else script.user(int(dice.integers(200)))
        script.row(kind, page, int(dice.integers(512)) * 8, 2, vcpu=int(dice.integers(vcpus)))
    return script


def served(counts: Counts) -> int:
    """Requests that went to memory."""
    return sum(counts.total(name) for name in SERVED if name in counts.counters)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            CACHED | {"memory.nodes": 1},
            (
                "memory.nodes = 1 of memory.cpus_per_node = 1 make 1 CPUs, and the trace has 2 virtual CPUs; "
                "give more of either"
            ),
        ),
        (
            CACHED | {"numa.sharing": 200},
            (
                "numa.sharing = 200 is above numa.trigger = 128: a page that two nodes use alike would count as "
                "used by one; give at most numa.trigger"
            ),
        ),
        (
            {"l2.bytes": 4096},
            (
                "parameter l2.bytes belongs to a machine with caches, which flash-1997 is not; choose --machine "
                "flash-1997-numa or add --set memory.caches=1"
            ),
        ),
        (CACHED | {"l2.bytes": 8192}, "l2.bytes = 8192 cannot hold what l1i holds; choose a larger one"),
    ],
)
def test_impossible_machines_are_refused(given: dict[str, Any], says: str) -> None:
    """Too few CPUs, thresholds that contradict each other and parameters of caches without caches are refused."""
    with pytest.raises(UserError) as refused:
        charge(mixed(rows=1), **given)

    assert says == str(refused.value)


def test_a_design_that_places_no_pages_has_no_thresholds() -> None:
    """What only a monitor can do that places pages is an unknown parameter of bare hardware."""
    with pytest.raises(UserError, match=r"numa\.trigger"):
        charge(mixed(rows=1), "native", **CACHED, **{"numa.trigger": 5})


@pytest.mark.parametrize("name", ["native", "disco"])
def test_without_caches_nothing_is_counted_otherwise(name: str) -> None:
    """Where caches are off, every count is that of a machine which does not mention them."""
    script = mixed()

    assert np.array_equal(charge(script, name).n, charge(script, name, **{"memory.caches": 0}).n)


@pytest.mark.parametrize("name", ["native", "disco"])
def test_counting_row_by_row_changes_no_miss(name: str) -> None:
    """A trace counted in pieces of one row gives the counts of the whole, with caches and pages that move."""
    script, machine = mixed(), load_machine("flash-1997")
    given = {k: v for k, v in SMALL.items() if name == "disco" or not k.startswith("numa.")}
    model = on_machine(models.load(name), machine, given)
    prepared = script.prepared()
    settings = settle(model, machine, prepared.meta, given)
    found = []
    for step in (1, prepared.columns.kind.size):
        engine = make_engine(prepared, model, settings)
        state = model.state(prepared, settings, engine.counts)
        for first in range(0, prepared.columns.kind.size, step):
            count_rows(state, engine, prepared.columns, first, first + step)
        found.append(current(prepared, model, engine))

    assert np.array_equal(*found)


@pytest.mark.parametrize("layout", ["round-robin", "first-touch", "striped", "blocked"])
def test_misses_are_near_or_far(layout: str) -> None:
    """Where pages lie moves misses from far to near; how many there are is the caches' alone, and all have a node."""
    given = CACHED | {"memory.contention": 1, "memory.layout": layout}
    uma, numa = charge(mixed(), "native", "flash-1997-uma"), charge(mixed(), "native", **given)

    assert 0 == sum(uma.total(name) for name in SERVED if "remote" in name and name in uma.counters)
    assert served(uma) == served(numa)
    assert served(numa) == int(numa.requests.n.sum())


def test_first_touch_puts_a_page_on_the_node_of_its_cpu() -> None:
    """A CPU that refers to a page first finds all its lines near, another one far."""
    script = several(2)
    for vcpu in range(2):
        for line in range(32):
            script.row(Kind.LOAD4, script.kernel(9), line * 128, vcpu=vcpu)

    counts = charge(script, "native", **CACHED, **{"memory.layout": "first-touch"})

    assert (32, 32) == (counts.total("local_miss"), counts.total("remote_miss"))


def test_first_level_misses_equal_libcachesim() -> None:
    """The first level misses as often as libcachesim's LRU caches, one for each set."""
    script, dice = several(1), np.random.default_rng(11)
    places = [
        (int(p), int(o) * 8) for p, o in zip(dice.integers(16, 24, 4000), dice.integers(0, 512, 4000), strict=True)
    ]
    for frame, offset in places:
        script.row(Kind.LOAD8, script.kernel(frame), offset)
    sets: dict[int, Any] = {}
    expected = 0
    for clock, (frame, offset) in enumerate(places):
        line = (frame << 12 | offset) >> 5
        request = libcachesim.Request()
        request.obj_id, request.obj_size, request.clock_time = line + 1, 1, clock
        cache = sets.setdefault(line % 16, libcachesim.LRU(cache_size=2, hashpower=10))
        expected += not cache.get(request)

    counts = charge(script, "native", **CACHED, **{"l1d.bytes": 1024, "l1d.ways": 2, "l1d.line": 32})

    assert expected == counts.total("l2_hit") + counts.total("local_miss")


def test_a_page_that_one_node_uses_migrates_to_it() -> None:
    """A page placed elsewhere moves to the only node that misses on it, once, and its misses are near from then on."""
    script = several(2)
    script.row(Kind.LOAD4, script.kernel(40), vcpu=0)
    sweep(script, 1, 40, times=4)

    counts = charge(script, **SMALL)

    assert (1, 0, 0) == tuple(counts.total(name) for name in ("migration", "replication", "collapse"))
    assert 8 == counts.total("remote_miss")


def test_a_page_that_two_nodes_read_is_replicated_and_the_first_write_collapses_it() -> None:
    """Both nodes read near after a replication; the first store to the page takes the copy away."""
    script = several(2)
    for _ in range(3):
        sweep(script, 0, 40)
        sweep(script, 1, 40)
    before = charge(script, **SMALL)
    script.row(Kind.STORE4, script.kernel(40), vcpu=0)
    after = charge(script, **SMALL)

    names = ("migration", "replication", "collapse", "replica_dropped")
    assert (0, 1, 0, 0) == tuple(before.total(name) for name in names)
    assert (0, 1, 1, 1) == tuple(after.total(name) for name in names)


def test_write_shared_pages_never_move() -> None:
    """A page that two nodes write stays where it is, however hot."""
    script = several(2)
    for _ in range(20):
        sweep(script, 0, 40, Kind.STORE4)
        sweep(script, 1, 40, Kind.STORE4)

    counts = charge(script, **SMALL)

    assert (0, 0) == (counts.total("migration"), counts.total("replication"))
    assert counts.total("hot_page") > 10


def test_each_machine_page_has_one_owner() -> None:
    """After any run a machine page holds one frame, and a node maps another than the master where it has a copy."""
    machine, prepared = load_machine("flash-1997"), mixed(4, rows=8000).prepared()
    model = on_machine(models.load("disco"), machine, SMALL)
    settings = settle(model, machine, prepared.meta, SMALL)
    engine = make_engine(prepared, model, settings)
    count_rows(model.state(prepared, settings, engine.counts), engine, prepared.columns, 0, prepared.columns.kind.size)
    held, frames = engine.memory, int(engine.memory.policy.frames)
    mapped = held.policy.machine.reshape(-1, frames)

    assert (mapped % frames == np.arange(frames)).all()
    for node, row in enumerate(mapped):
        copied = (held.policy.copies >> np.uint32(node) & 1).astype(bool)
        assert (row[~copied] == held.policy.master[~copied]).all()
        assert (held.home[row[copied]] == node).all()
        assert (row[copied] != held.policy.master[copied]).all()


def test_requests_wait_as_in_a_queue_with_one_server() -> None:
    """What a window takes is its instructions, its misses and the waits that follow from how long it takes."""
    n = np.zeros((1, 2, 2), np.int64)
    n[0] = [[3000, 1000], [2500, 1500]]
    requests, latency, service = Requests(n, np.array([0, 1], np.uint8), 1_000_000), Latency(1.0, 100.0, 300.0), 50.0

    near, far = contention.waits(requests, latency, service)

    load = n[0].sum(axis=0)
    misses = (3000 * 100 + 1000 * 300 + 2500 * 300 + 1500 * 100) / 2
    length = 1_000_000 + misses + (near * 4500 + far * 3500) / 2
    wait = service * (load * service / length) / (2 * (1 - load * service / length))
    assert near == pytest.approx((3000 * wait[0] + 1500 * wait[1]) / 4500)
    assert far == pytest.approx((1000 * wait[1] + 2500 * wait[0]) / 3500)
    assert (0.0, 0.0) == contention.waits(contention.NO_REQUESTS, latency, service)


def test_contention_makes_misses_dearer_and_nothing_else() -> None:
    """With contention the same counts cost more, on both sides, and only where memory was asked."""
    machine = load_machine("flash-1997-numa")
    script, model, bare = mixed(4, rows=6000), models.load("disco"), models.load("native")
    documents = []
    for on in (0, 1):
        given = {"memory.contention": on}
        sides = [count(script.prepared(), each, machine, given) for each in (model, bare)]
        documents.append(price(sides[0], model, machine, {}, (sides[1], bare)))

    for side in ("rows", "native_rows"):
        without, waiting = ({(r["service"], r["counter"]): r for r in d[side]} for d in documents)
        assert without.keys() == waiting.keys()
        for (_, counter), row in waiting.items():
            dearer = row["price"] > without[row["service"], counter]["price"]
            assert dearer == (counter in SERVED)


def test_a_reference_costs_what_it_takes_and_no_stall_besides() -> None:
    """With caches no price of a model holds a stall that stands for them, and a reference itself is free."""
    machine = load_machine("flash-1997-numa")
    for name in models.BUILT_IN:
        costs = on_machine(models.load(name), machine, {}).costs
        assert FREE == costs["references"]
        assert [] == [term for cost in costs.values() for term, _ in cost.terms if term.startswith("stall.")]


def test_the_screen_tells_local_misses_and_moves() -> None:
    """The screen shows what share of requests was near, and pages that moved; without caches it shows neither."""
    script = several(2)
    script.row(Kind.LOAD4, script.kernel(40), vcpu=0, n=100)
    sweep(script, 1, 40, times=4)
    machine, model = load_machine("flash-1997"), models.load("disco")
    moved = price(count(script.prepared(), model, machine, SMALL), model, machine)
    flat = price(count(script.prepared(), model, machine), model, machine)

    assert (3, 4) == local_share({"local_miss": (3, 0, 0, 0), "table_remote_miss": (1, 0, 0, 0)})
    assert [1, 1] == [part.row_count for part in memory(moved | {"baseline": "disco"})]
    assert [] == memory(flat)
