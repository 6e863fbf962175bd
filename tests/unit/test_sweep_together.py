"""Sweeps over virtual machines together on one machine: each point is what `replay run` gives for these traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import replay
from replay.dataset import open_dataset

from .sweeping import grid_together, trace_file

CPUS, SCHEDULER, QUANTUM = "set.schedule.cpus", "set.schedule.scheduler", "set.schedule.quantum"


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small trace."""
    return trace_file(tmp_path_factory.mktemp("together") / "small.arrow")


@pytest.fixture(scope="module")
def swept(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep."""
    folder = tmp_path_factory.mktemp("swept") / "out"
    replay.sweep(grid_together(trace), folder)
    return folder


def scheduled(point: dict[str, Any]) -> dict[str, Any]:
    """What `replay run` is given for the schedule of ``point``."""
    names = {"cpus": CPUS, "scheduler": SCHEDULER, "quantum": QUANTUM}
    return {name: point[column] for name, column in names.items() if point[column] is not None}


def test_every_point_is_what_a_run_of_several_traces_gives(trace: Path, swept: Path) -> None:
    """Totals of each point, its document and its counts are those of ``run`` with the same VMs, schedule and prices."""
    data = open_dataset(str(swept))
    points = data.points().to_dicts()

    assert 2 * 2 * (1 + 2) * 2 == len(points)
    assert ["trace", "model", "machine", CPUS, SCHEDULER, QUANTUM, "price.stlb_hit"] == data.axes
    for point in points[::3]:
        vms = [str(trace)] * {"2 x small": 2, "3 x small": 3}[point["trace"]]
        paid = {} if point["price.stlb_hit"] is None else {"stlb_hit": point["price.stlb_hit"]}
        alone = replay.run(vms, point["model"], price=paid, **scheduled(point))
        assert alone.document["total"] == {key: point[key] for key in alone.document["total"]}
        assert alone.document == data.document(point["point"])
        assert np.array_equal(alone.counts.n, data.counts(point["run"]).n)
        assert np.array_equal(alone.counts.timeline.ticks, data.counts(point["run"]).timeline.ticks)
        assert alone.document["trace"]["digest"] == point["trace_digest"]


def test_rows_add_up_to_points(swept: Path) -> None:
    """The rows of all VMs by mechanism and counter add up to the cycles of their point, and of its bare machines."""
    data = open_dataset(str(swept))
    sums: dict[tuple[str, str], int] = {}
    for row in data.rows().to_dicts():
        sums[row["point"], row["side"]] = sums.get((row["point"], row["side"]), 0) + row["cycles"]

    points = data.points().to_dicts()
    assert [p["cycles"] for p in points] == [sums[p["point"], "model"] for p in points]
    assert [p["native"] for p in points] == [sums[p["point"], "bare"] for p in points]
