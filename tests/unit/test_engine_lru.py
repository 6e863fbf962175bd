"""Least-recently-used replacement counts what two independent cache simulators count, on made and recorded pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import libcachesim
import numpy as np
import pytest

import models
from replay.count import count
from replay.handmade import Script, handmade_meta
from replay.hw import sets, tlb
from replay.hw.walk_caches import LEVELS
from replay.jit import kernel
from replay.kernel import COMPLETED, NOW_SHIFT, At
from replay.machine import load_machine
from replay.mmu import l2tlb
from replay.prepare import prepare
from replay.trace.schema import EVENT_FIRST, Kind, Segment
from tracegen.record import record

RECORDED = {
    "gups": ({"words": 1 << 16, "updates": 2000}, None),
    "radix": ({"keys": 20_000, "radix": 1024}, None),
    "usertests": ({}, 3_000_000),
}
"""Workload -> its arguments and the most instructions to run: one walks at random, one in order, one is many spaces."""

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "pycachesim.json").read_text())


@kernel
def first_level_misses(held, pairs):
    """Misses of the first-level TLB ``held``, from empty, on pair ids in order."""
    misses = 0
    for row in range(pairs.size):
        now = np.uint64(row) << NOW_SHIFT
        zero = np.uint64(0)
        at = At(zero, zero, zero, zero, now, zero, np.uint8(0), False, COMPLETED, np.int64(0), zero)
        pair = np.uint64(pairs[row])
        if not tlb.hit(held, at, pair):
            misses += 1
            tlb.insert(held, at, pair)
    return misses


@kernel
def second_level_misses(held, pairs):
    """Misses of the second-level TLB ``held``, from empty, on pair ids in order."""
    misses = 0
    for row in range(pairs.size):
        pair = np.uint64(pairs[row])
        if not sets.find(held, np.uint64(0), pair):
            misses += 1
            sets.insert(held, np.uint64(0), pair)
    return misses


def first_level(pairs: np.ndarray, entries: int) -> int:
    """Our misses on ``pairs`` in one set of ``entries``."""
    settings = {"tlb.entries": entries, "tlb.wired": 0, "tlb.replacement": "lru", "tlb.seed": 1}
    segment = np.zeros(2 * (int(pairs.max()) + 1), np.uint8)
    return int(first_level_misses(tlb.make_tlb(1, segment, settings, ()), pairs))


def second_level(pairs: np.ndarray, vpn: np.ndarray, space: np.ndarray, count: int, ways: int) -> int:
    """Our misses on ``pairs`` in ``count`` sets of ``ways``; ``vpn`` and ``space`` are by page id."""
    settings = {"l2tlb.entries": count * ways, "l2tlb.ways": ways}
    return int(second_level_misses(l2tlb.make_l2tlb(1, vpn, space, settings), pairs))


def libcachesim_misses(keys: list[int], home: list[int], ways: int) -> int:
    """The misses of libcachesim on ``keys``, each in the LRU cache of ``ways`` that ``home`` names."""
    caches: dict[int, Any] = {h: libcachesim.LRU(cache_size=ways, hashpower=10) for h in set(home)}
    misses = 0
    for clock, (key, where) in enumerate(zip(keys, home, strict=True)):
        request = libcachesim.Request()
        request.obj_id, request.obj_size, request.clock_time = key + 1, 1, clock
        misses += not caches[where].get(request)
    return misses


@pytest.fixture(scope="module", params=sorted(RECORDED))
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A workload's references to mapped pages: pair ids, and virtual page and space by page id."""
    arguments, most = RECORDED[request.param]
    path = tmp_path_factory.mktemp("recorded") / "t.arrow"
    record(request.param, arguments, output=path, max_instructions=most)
    trace = prepare(str(path), use_cache=False)
    pages = trace.columns.page[trace.columns.kind < EVENT_FIRST]
    pairs = pages[trace.pages.segment[pages] == Segment.MAPPED] >> 1
    if request.param == "usertests":
        assert len(np.unique(trace.pages.space[pairs * 2])) >= 5
    return pairs, trace.pages.vpn, trace.pages.space


def without_repeats(pairs: np.ndarray) -> list[int]:
    """The pairs that differ from the one before: a repeat hits in every cache."""
    turns: list[int] = pairs[np.flatnonzero(np.diff(pairs, prepend=np.uint32(0)))].tolist()
    return turns


@pytest.mark.parametrize("entries", [4, 16, 64])
def test_the_first_level_equals_libcachesim_on_recorded_pages(recorded: Any, entries: int) -> None:
    """Misses of the fully associative TLB are libcachesim's, where a page of another space is another page."""
    pairs, _, _ = recorded
    turns = without_repeats(pairs)

    assert libcachesim_misses(turns, [0] * len(turns), entries) == first_level(pairs, entries)


@pytest.mark.parametrize(("count", "ways"), [(16, 1), (64, 1), (16, 4)])
def test_the_second_level_equals_libcachesim_on_recorded_pages(recorded: Any, count: int, ways: int) -> None:
    """Misses of the set-associative TLB are those of a libcachesim cache a set, direct mapping being one way."""
    pairs, vpn, space = recorded
    home = [(v // 2 + s * 0x9E3779B1) % count for v, s in zip(vpn[::2].tolist(), space[::2].tolist(), strict=True)]
    turns = without_repeats(pairs)

    expected = libcachesim_misses(turns, [home[pair] for pair in turns], ways)

    assert expected == second_level(pairs, vpn, space, count, ways)


@pytest.mark.parametrize("entries", [16, 64, 200])
def test_native_equals_libcachesim(entries: int) -> None:
    """The refills that a whole count of native takes on a made sequence are libcachesim's misses."""
    script, x, pairs = Script(), 1, []
    for _ in range(20_000):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        pairs.append((x >> 8) % 400 if x & 64 else (x >> 8) % 30)
        script.row(Kind.LOAD8, script.page(2 * pairs[-1], 0))
    given = {"tlb.replacement": "lru", "tlb.entries": entries}

    counts = count(script.prepared(), models.load("native"), load_machine("flash-1997"), given)

    assert libcachesim_misses(pairs, [0] * len(pairs), entries) == counts.total("utlb_refill")


def lru(entries: int) -> Any:
    """A cache of libcachesim's."""
    return libcachesim.LRU(cache_size=entries, hashpower=10)


class Walker:
    """Libcachesim's caches as the hardware of native-walk: what it counts on loads of pages."""

    def __init__(self, dtlb: tuple[int, int], stlb: tuple[int, int], pwc: tuple[int, int, int]) -> None:
        self.levels = [
            [libcachesim.LRU(cache_size=ways, hashpower=10) for _ in range(n // ways)] for n, ways in (dtlb, stlb)
        ]
        self.pwc = [libcachesim.LRU(cache_size=entries, hashpower=10) for entries in pwc]
        self.clock = 0

    def hits(self, cache: Any, key: int) -> bool:
        """Whether ``cache`` holds ``key``, which it does then."""
        request = libcachesim.Request()
        request.obj_id, request.obj_size, request.clock_time = key + 1, 1, self.clock
        self.clock += 1
        return bool(cache.get(request))

    def load(self, vpn: int) -> tuple[int, int, int]:
        """Whether the second level serves it; whether hardware walks, and how many entries it reads."""
        first, second = (level[vpn % len(level)] for level in self.levels)
        if self.hits(first, vpn):
            return 0, 0, 0
        if self.hits(second, vpn):
            return 1, 0, 0
        found = next((n for n, cache in enumerate(self.pwc) if self.hits(cache, vpn >> 9 * (n + 1))), 3)
        return 0, 1, found + 1


@pytest.mark.parametrize(
    ("dtlb", "stlb", "pwc"),
    [((16, 4), (64, 8), (8, 4, 2)), ((12, 1), (30, 3), (1, 1, 1)), ((9, 9), (72, 6), (24, 2, 1))],
)
def test_native_walk_equals_libcachesim(dtlb: Any, stlb: Any, pwc: Any) -> None:
    """Both TLB levels and the three walk caches of a whole count are libcachesim's, for any number of sets."""
    walker, script = Walker(dtlb, stlb, pwc), Script(handmade_meta(architecture="x86-64"))
    x, expected = 1, np.zeros(3, int)
    for _ in range(20_000):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        n = (x >> 8) % 2000 if x & 128 else (x >> 8) % 25
        vpn = n % 31 + (n % 7 << 9) + (n % 5 << 18) + (n % 3 << 27)
        script.row(Kind.LOAD8, script.user(vpn))
        expected += walker.load(vpn)
    given = dict(zip(("dtlb.entries", "dtlb.ways", "stlb.entries", "stlb.ways"), dtlb + stlb, strict=True))
    for level, entries in zip(LEVELS, pwc, strict=True):
        given |= {f"pwc.{level}_entries": entries, f"pwc.{level}_ways": entries}
    model = models.load("native-walk")

    counts = count(script.prepared(), model, load_machine(model.machine["x86-64"]), given)

    assert expected.tolist() == [counts.total(name) for name in ("stlb_hit", "page_walk", "walk_reference")]


@pytest.mark.parametrize("sequence", ORACLE["sequences"], ids=lambda sequence: sequence["name"])
def test_both_levels_equal_pycachesim(sequence: dict[str, Any]) -> None:
    """Misses are those that pycachesim counted, in one set of the first level and in any sets of the second."""
    pairs = np.array(sequence["lines"], np.uint32) + np.uint32(1)  # pair 0 is none
    vpn = np.arange(2 * (int(pairs.max()) + 1), dtype=np.uint64) - np.uint64(2)
    space = np.zeros(vpn.size, np.uint32)
    counts = sequence["counts"]

    second = [second_level(pairs, vpn, space, c["sets"], c["ways"]) for c in counts]
    first = [first_level(pairs, c["ways"]) for c in counts if c["sets"] == 1]

    assert [c["misses"] for c in counts] == second
    assert [c["misses"] for c in counts if c["sets"] == 1] == first
    assert {len(pairs)} == {c["hits"] + c["misses"] for c in counts}


def test_the_oracle_names_its_maker(root: Path) -> None:
    """The committed counts say which version made them, and it is the one that `make oracles` installs."""
    name, version = ORACLE["made by"].split()

    assert f"\n{name}=={version} --hash=" in (root / "tests" / "oracles" / "requirements.txt").read_text()
