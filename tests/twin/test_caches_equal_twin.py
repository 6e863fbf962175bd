"""The machine's caches against a twin that snoops on a bus and knows every byte's last store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.errors import UserError
from replay.hw import caches, front
from replay.jit import kernel
from replay.trace.schema import Kind

from .snooping import Bus

FETCH, LOAD, STORE, WALK, PURGE = range(5)
STORED = np.uint64(Kind.STORE8)
MEMORY = 1 << 14
BITS = {name: int(getattr(caches, name)) for name in ("L2_HIT", "MEMORY", "UPGRADE", "DIRTY_ELSEWHERE", "WROTE_BACK")}
DEFAULTS: dict[str, Any] = {p.name: p.value for p in caches.PARAMETERS}
TINY = {
    "l1i.bytes": 256,
    "l1i.ways": 1,
    "l1i.line": 64,
    "l1d.bytes": 256,
    "l1d.ways": 2,
    "l1d.line": 32,
    "l2.bytes": 1024,
    "l2.ways": 2,
    "l2.line": 128,
}


@kernel
def run(here, what, cpu, address, took):
    """What each reference of a list took."""
    for row in range(np.uint64(what.size)):
        who, where = np.uint64(cpu[row]), np.uint64(address[row])
        if what[row] <= STORE:
            side = front.CODE if what[row] == FETCH else front.DATA
            if front.at_hand(here.first, who, STORED if what[row] == STORE else side, where) == 0:
                if what[row] == STORE:
                    took[row] = caches.store(here, who, where)
                else:
                    took[row] = caches.read(here, who, side, where)
        elif what[row] == WALK:
            took[row] = caches.walk(here, who, where)
        else:
            took[row] = caches.purge_page(here, where & ~np.uint64(1023), np.uint64(1024))


def ours(rows: list[tuple[int, int, int]], cpus: int, geometry: dict[str, int]) -> tuple[list[int], caches.Caches]:
    """What each of ``rows`` (what, cpu, address) took in our caches, and they afterwards."""
    held = caches.make_caches(cpus, MEMORY, geometry)
    took = np.zeros(len(rows), np.uint64)
    what, cpu, address = (np.array([row[n] for row in rows], np.uint64) for n in range(3))
    run(held, what, cpu, address, took)
    return took.tolist(), held


def twins(rows: list[tuple[int, int, int]], bus: Bus) -> list[int]:
    """The same of the twin; every load must see the store before it."""
    last: dict[int, int] = {}
    found = []
    for what, cpu, address in rows:
        lost = 0
        if what == STORE:
            names, lost = bus.write(cpu, address)
            last[address] = bus.stores
        elif what == PURGE:
            found.append(bus.purge(address & ~1023, 1024))
            continue
        else:
            names = bus.read(cpu, address, {FETCH: bus.code, LOAD: bus.data, WALK: None}[what])
        if what != WALK:
            assert last.get(address, 0) == bus.seen(cpu, address)
        found.append(sum(BITS[name] for name in names) | lost << int(caches.LOST_SHIFT))
    return found


ROWS = st.lists(st.tuples(st.sampled_from((0, 1, 1, 1, 2, 2, 3, 4)), st.integers(0, 3), st.integers(0, MEMORY - 1)))
GEOMETRY = st.fixed_dictionaries(
    {
        "l1i.ways": st.integers(1, 5),
        "l1d.ways": st.integers(1, 5),
        "l2.bytes": st.sampled_from((768, 1536)),
        "l2.line": st.sampled_from((64, 128)),
        "l1d.line": st.sampled_from((32, 64)),
    }
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.integers(0, 2**32 - 1), GEOMETRY)
def test_each_reference_takes_what_the_twins_takes(
    rows: list[tuple[int, int, int]], seed: int, chosen: dict[str, int]
) -> None:
    """Fetches, loads, stores, walks and purges of four CPUs take in our caches what they take on a bus, exactly."""
    dice = np.random.default_rng(seed)
    near = dice.integers(0, 2048, 400).tolist()
    many = zip(
        dice.choice((0, 1, 1, 2, 2, 3, 4), 400, p=(0.2, 0.2, 0.2, 0.15, 0.15, 0.08, 0.02)).tolist(), near, strict=True
    )
    rows = rows + [(what, int(dice.integers(4)), place) for what, place in many]
    sizes = {f"{side}.bytes": chosen[f"{side}.ways"] * 2 * 64 for side in ("l1i", "l1d")}
    geometry = {**TINY, **chosen, **sizes, "l2.ways": 3}

    found, _ = ours(rows, 4, geometry)

    assert twins(rows, Bus(4, geometry)) == found


def test_the_directory_names_who_holds_what() -> None:
    """After any run each line's sharers are the CPUs whose second level holds it; a changed one has a single holder."""
    dice = np.random.default_rng(5)
    rows = [(int(dice.integers(3)), int(dice.integers(4)), int(dice.integers(MEMORY))) for _ in range(20_000)]
    _, held = ours(rows, 4, TINY)
    lines = int(held.second.lines)
    tags = held.second.tags.reshape(4, lines)
    sharers = [sum(1 << cpu for cpu in range(4) if line + 1 in tags[cpu]) for line in range(held.directory.size)]

    assert sharers == (held.directory & int(caches.SHARERS)).tolist()
    assert {1} == {(s).bit_count() for s, d in zip(sharers, held.directory.tolist(), strict=True) if d >> 17}


def test_write_sharing_costs_one_cpu_what_the_other_takes() -> None:
    """Two CPUs that store to one line in turn take it from each other each time, a third that only reads shares it."""
    rows = [(STORE, 0, 64), (STORE, 1, 64), (STORE, 0, 64), (LOAD, 2, 64), (LOAD, 0, 64), (STORE, 0, 64)]
    one = 1 << int(caches.LOST_SHIFT)
    taken = BITS["MEMORY"] | BITS["DIRTY_ELSEWHERE"]

    found, _ = ours(rows, 3, TINY)

    assert [BITS["MEMORY"], taken | one, taken | one, taken | BITS["WROTE_BACK"], 0, BITS["UPGRADE"] | one] == found


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"l1d.line": 48}, "l1d.line should be a power of two, is 48"),
        (
            {"l2.bytes": 3 << 18, "l2.ways": 2},
            "l2.bytes = 786432 in l2.ways = 2 of l2.line = 128 make no power of two of sets; choose another size",
        ),
        ({"l1i.line": 256}, "l1i.line = 256 is longer than l2.line; choose at most that"),
        ({"l2.bytes": 8192}, "l2.bytes = 8192 cannot hold what l1i holds; choose a larger one"),
    ],
)
def test_geometries_that_no_hardware_has_are_refused(given: dict[str, int], says: str) -> None:
    """A geometry that cannot be indexed, or whose second level cannot hold the first, is refused by its parameter."""
    with pytest.raises(UserError) as refused:
        caches.make_caches(1, MEMORY, {**DEFAULTS, **given})

    assert says == str(refused.value)
