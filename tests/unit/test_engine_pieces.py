"""Intervals: counts of a run by stretches of retired instructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import models
from replay import document as results
from replay import pieces
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script
from replay.machine import load_machine
from replay.trace.schema import Kind

PAGE_ZERO = 10


@pytest.fixture
def script() -> Script:
    """A hundred rows of 100 instructions each, a third of them in a service that Disco replaces."""
    made = Script()
    for step in range(100):
        made.row(Kind.LOAD8, made.user(step), n=99)
        kind = Kind.SERVICE_EXIT if step % 3 else Kind.SERVICE_ENTER
        made.row(kind, 0 if step % 3 else PAGE_ZERO, n=1)
    return made


def charge(script: Script, name: str, interval: int) -> Counts:
    """The counts of ``script`` by ``interval`` under the model ``name``."""
    return count(script.prepared(), models.load(name), load_machine("flash-1997"), interval=interval)


def by_interval(counts: Counts, counter: str) -> list[int]:
    """The total of ``counter`` in each interval."""
    column, width = counts.counters.index(counter), len(counts.counters)
    return [int(part.n[part.at % width == column].sum()) for part in counts.intervals]


def test_an_interval_ends_with_the_row_that_completes_it(script: Script) -> None:
    """Intervals of 1,000 instructions hold ten of these steps each, those of 1,050 as many as reach each multiple."""
    assert [1000] * 10 == by_interval(charge(script, "native", 1000), "instructions")[:10]
    assert [1099, 1001, 1099, 1001] == by_interval(charge(script, "native", 1050), "instructions")[:4]


def test_intervals_are_the_guest_s(script: Script) -> None:
    """What a model replaces counts for where an interval ends, so that two models' intervals are the same stretch."""
    native, disco = (charge(script, name, 1000) for name in ("native", "disco"))

    assert len(native.intervals) == len(disco.intervals)
    assert by_interval(native, "invocations") != by_interval(native, "references")
    for part in (1, 5, 9):
        assert 10 == by_interval(native, "references")[part]
        assert 6 <= by_interval(disco, "references")[part] <= 7


def test_the_whole_run_is_one_interval(script: Script) -> None:
    """Without an interval there is one, which holds everything."""
    counts = charge(script, "disco", 0)
    (whole,) = counts.intervals

    assert np.array_equal(counts.n.reshape(-1)[whole.at], whole.n)
    assert counts.n.sum() == whole.n.sum()


def test_too_many_intervals_are_refused_with_what_would_do(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interval that makes too many of them is refused with the least one that does not."""
    monkeypatch.setattr(pieces, "MOST_INTERVALS", 10)

    with pytest.raises(UserError, match="101 of them; give at least 1,001"):
        charge(script, "native", 100)
    assert 10 == len(charge(script, "native", 1001).intervals)


def test_saved_counts_hold_the_intervals(script: Script, tmp_path: Path) -> None:
    """The table of counts names the interval of each count, and its intervals add up to the run's."""
    native = models.load("native")
    saved = {}
    for interval in (0, 1000):
        done = results.outcome(script.prepared(), native, native, load_machine("flash-1997"), interval=interval)
        folder = tmp_path / str(interval)
        results.save(str(folder), done)
        table = pq.read_table(folder / "counts.parquet")
        keys = ["run", "vm", "vcpu", "service", "work", "counter"]
        saved[interval] = sorted(table.group_by(keys).aggregate([("n", "sum")]).to_pylist(), key=str)
        assert (
            set(range(len(done.counts.intervals)))
            >= set(table["interval"].to_pylist())
            > (set() if not interval else {0})
        )

    assert saved[0] == saved[1000]
