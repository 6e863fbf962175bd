"""What lies behind a first-level TLB, counted over what that misses, is what a full count gives."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from replay.behind import count_behind, count_noting, first_level_key
from replay.count import Counts, count, settle
from replay.depths import count_over
from replay.handmade import DIRECT_MAP, Script, handmade_meta
from replay.kernel import NOW_SHIFT
from replay.machine import load_machine
from replay.pieces import interval_ends
from replay.trace.schema import Kind, Segment

from .test_models_equal_twins import chosen, geometry, make_trace, op

pytestmark = [
    pytest.mark.parametrize("name", [n for n in models.BUILT_IN if models.load(n).split]),
    pytest.mark.parametrize("architecture", ["mips64", "x86-64"]),
]
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(one: Counts, other: Counts) -> bool:
    """Whether two counts are equal, interval by interval and between device rows."""
    parts = zip(one.intervals, other.intervals, strict=True)
    return (
        np.array_equal(one.n, other.n)
        and np.array_equal(one.timeline.ticks, other.timeline.ticks)
        and all(np.array_equal(a.at, b.at) and np.array_equal(a.n, b.n) for a, b in parts)
    )


@FEW
@given(
    ops=st.lists(op, min_size=1, max_size=60),
    repeat=st.integers(1, 3),
    first=geometry,
    other=geometry,
    interval=st.sampled_from([0, 1000]),
)
def test_other_geometries_count_over_what_was_noted(
    name: str,
    architecture: str,
    ops: list[tuple[Any, ...]],
    repeat: int,
    first: dict[str, Any],
    other: dict[str, Any],
    interval: int,
) -> None:
    """The count that notes misses is a full one, and so is that of any geometry behind the same first level."""
    model, prepared = models.load(name), make_trace(ops, repeat, architecture)
    machine = load_machine(model.machine[architecture])
    split = model.split
    assert split is not None
    behind = {key: value for key, value in chosen(name, other, {}).items() if key.startswith(split.parameters)}
    full = chosen(name, first | {"tlb.vm_tagged": 1}, {})
    keys = {first_level_key(model, settle(model, machine, prepared.meta, given)) for given in (full, full | behind)}

    noting, stream = count_noting(prepared, model, machine, full, None, interval)

    assert 1 == len(keys)
    assert same(count(prepared, model, machine, full, None, interval), noting)
    assert same(
        count(prepared, model, machine, full | behind, None, interval),
        count_behind(stream, model, machine, full | behind),
    )


@FEW
@given(
    ops=st.lists(op, min_size=1, max_size=60),
    repeat=st.integers(1, 3),
    first=geometry,
    sets=st.sampled_from([1, 2, 3]),
    ways=st.lists(st.integers(0, 6), min_size=2, max_size=4, unique=True),
    interval=st.sampled_from([0, 1000]),
)
def test_one_pass_counts_every_associativity(
    name: str,
    architecture: str,
    ops: list[tuple[Any, ...]],
    repeat: int,
    first: dict[str, Any],
    sets: int,
    ways: list[int],
    interval: int,
) -> None:
    """Second-level TLBs of as many sets and any number of ways follow from one pass, whatever is invalidated."""
    model, prepared = models.load(name), make_trace(ops, repeat, architecture)
    machine = load_machine(model.machine[architecture])
    base = chosen(name, first | {"tlb.vm_tagged": 1}, {})
    _, stream = count_noting(prepared, model, machine, base | {"stlb.entries": 0}, None, interval)

    for many in ways:
        about = base | {"stlb.entries": sets * many, "stlb.ways": many or 1}
        over = count_over(stream, max(ways), model, machine, about)
        assert same(count(prepared, model, machine, about, None, interval), over)
        assert over.settings["stlb.entries"] == sets * many


@pytest.mark.parametrize("tagged", [0, 1])
@pytest.mark.parametrize("sets", [1, 2, 4])
def test_one_pass_leaves_holes_where_pages_are_invalidated(
    name: str, architecture: str, tagged: int, sets: int
) -> None:
    """Pages dropped one by one and space by space, in between many references: depths stay those of empty ways."""
    chance, script = random.Random(sets + tagged), Script(handmade_meta(architecture=architecture))
    pages = [script.page(vpn, space) for space in (1, 2) for vpn in range(14)]
    pages += [script.page(DIRECT_MAP + frame, 0, Segment.MAPPED) for frame in range(4)]
    kinds = {Kind.LOAD8: 80, Kind.FETCH: 10, Kind.INVALIDATE_PAGE: 9, Kind.INVALIDATE_SPACE: 1, Kind.BASE_SWITCH: 1}
    for kind in chance.choices(list(kinds), list(kinds.values()), k=4000):
        whole = kind in (Kind.INVALIDATE_SPACE, Kind.BASE_SWITCH)
        script.row(kind, chance.choice((1, 2)) if whole else chance.choice(pages), n=1)
    model, prepared = models.load(name), script.prepared()
    machine = load_machine(model.machine[architecture])
    small = {f"{tlb}.{what}": 1 for tlb in ("itlb", "dtlb") for what in ("entries", "ways")}
    base = chosen(name, small | {"tlb.vm_tagged": 1, "tlb.tagged": tagged, "stlb.entries": 0}, {})
    _, stream = count_noting(prepared, model, machine, base)

    hits = []
    for ways in range(1, 9):
        about = base | {"stlb.entries": sets * ways, "stlb.ways": ways}
        full = count(prepared, model, machine, about)
        assert same(full, count_over(stream, 8, model, machine, about))
        hits.append(full.total("stlb_hit"))
    assert hits == sorted(hits)
    assert hits[0] < hits[3] < hits[-1]


def test_intervals_without_a_miss_count_nothing_of_their_own(name: str, architecture: str) -> None:
    """Where the first level holds all that an interval refers to, the interval is there, with what retires in it."""
    model = models.load(name)
    machine = load_machine(model.machine[architecture])
    prepared = make_trace([(Kind.FETCH, 0, 0, 255, 0)] * 20, 3, architecture)
    full = chosen(name, {"tlb.vm_tagged": 1}, {})

    noting, stream = count_noting(prepared, model, machine, full, None, 1000)

    ends = interval_ends(prepared.columns, 1000)
    assert len(noting.intervals) > np.unique(np.searchsorted(ends, stream.noted.now >> NOW_SHIFT, "right")).size
    assert same(noting, count_behind(stream, model, machine, full))


def test_exits_that_empty_the_tlb_leave_no_stream(name: str, architecture: str) -> None:
    """Where an exit empties the TLB, a walk behind the first level may change what that holds: nothing is shared."""
    model = models.load(name)
    machine, meta = load_machine(model.machine[architecture]), make_trace([], 1, architecture).meta
    tags = [{"tlb.vm_tagged": tagged} for tagged in (0, 1) if "tlb.vm_tagged" in {p.name for p in model.parameters}]

    keys = [first_level_key(model, settle(model, machine, meta, given)) for given in tags or [{}]]

    assert [False, True][-len(keys) :] == [key is not None for key in keys]
