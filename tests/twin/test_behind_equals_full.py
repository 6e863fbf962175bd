"""What lies behind a first-level TLB, counted over what that misses, is what a full count gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from replay.behind import count_behind, count_noting, first_level_key
from replay.count import Counts, count, settle
from replay.kernel import NOW_SHIFT
from replay.machine import load_machine
from replay.pieces import interval_ends
from replay.trace.schema import Kind

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
