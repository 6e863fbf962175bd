"""Datasets of sweeps: nothing twice, nothing lost, read by anything that reads Parquet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

import models
import replay
from replay import api, sweeping
from replay import document as documents
from replay.dataset import MARKER, make_dataset, open_dataset
from replay.entrants import Entrant
from replay.errors import UserError
from replay.grid import Block, Grid
from replay.machine import load_machine
from replay.plan import BEHIND, FULL, NOTING, STACKED, Contestant, make_plan, paths
from replay.traced import Traced

from .sweeping import grid_over, grid_together
from .test_sweep_prices import guest_by_chance

SERVICE = ("price.controller_service",)
KILLS = int(os.environ.get("VMREPLAY_KILLS", "20"))


@pytest.fixture(scope="module")
def swept(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep."""
    folder = tmp_path_factory.mktemp("swept") / "out"
    replay.sweep(grid_over(trace), folder)
    return folder


def test_every_point_is_what_a_run_gives(trace: Path, swept: Path) -> None:
    """Totals of each point, its document and its counts are those of ``run`` with the same settings and prices."""
    data = open_dataset(str(swept))
    points = data.points()

    assert 8 * 2 * 2 == points.height
    assert ["set.stlb.entries", "set.tlb.tagged", "price.stlb_hit", "price.walk_reference"] == data.axes
    for point in points.to_dicts()[::5]:
        given, paid = (
            {name.removeprefix(kind): point[name] for name in points.columns if name.startswith(kind)}
            for kind in ("set.", "price.")
        )
        alone = replay.run(trace, "ept", set=given, price=paid)
        assert alone.document["total"] == {key: point[key] for key in alone.document["total"]}
        assert alone.document == data.document(point["point"])
        assert np.array_equal(alone.counts.n, data.counts(point["run"]).n)
        assert np.array_equal(alone.counts.timeline.ticks, data.counts(point["run"]).timeline.ticks)


def test_a_grid_of_ways_takes_one_pass_and_gives_what_runs_give(trace: Path, tmp_path: Path) -> None:
    """Second-level TLBs of as many sets share a pass; each point is the document of ``run``, whatever the way."""
    shapes = Block(("set.stlb.entries", "set.stlb.ways"), tuple((4 * ways, ways) for ways in (1, 2, 3, 5, 8, 40)))
    grid = Grid("ways", (str(trace),), ("ept",), blocks=(shapes,))
    ways = [path.way for path in paths(api.plan(grid).jobs.values()).values()]

    data = replay.sweep(grid, tmp_path / "out")

    assert {NOTING: 2, STACKED: 10} == {way: ways.count(way) for way in ways}
    walks = set()
    for point in data.points().to_dicts():
        alone = replay.run(trace, "ept", set={name: point[f"set.{name}"] for name in ("stlb.entries", "stlb.ways")})
        assert alone.document == data.document(point["point"])
        walks.add(alone.counts.total("page_walk"))
    assert len(walks) > 3


def test_waits_for_memory_are_priced_from_kept_counts(tmp_path: Path) -> None:
    """With contention, each point is the document of a run at its price of a controller, then and from the folder."""
    prepared = guest_by_chance(3, 3).prepared()
    entrant = Entrant(models.load("disco"), models.load("native"), load_machine("flash-1997-numa"))
    given = {"memory.contention": 1, "memory.window": 1000, "memory.cpus_per_node": 1}
    blocks = (
        *(Block((f"set.{name}",), ((value,),)) for name, value in given.items()),
        Block(SERVICE, ((0,), (9,), (90,))),
    )
    plan = make_plan(Grid("waits", (), (), blocks=blocks), [Contestant(Traced("guest", (prepared,)), entrant)])
    data = make_dataset(str(tmp_path / "out"))

    assert [] == sweeping.carry_out(plan, data)

    points = data.points().to_dicts()
    for point in points:
        document, _ = documents.run(prepared, *entrant, given, {"controller_service": point[SERVICE[0]]})
        assert document["total"] == {key: point[key] for key in document["total"]}
        assert document == open_dataset(str(tmp_path / "out")).document(point["point"])
    assert points[0]["cycles"] < points[1]["cycles"] < points[2]["cycles"]


def test_rows_add_up_to_points(swept: Path) -> None:
    """The rows of each point's side by mechanism and counter add up to its cycles, with bounds."""
    data = open_dataset(str(swept))
    sums = data.rows().group_by("point", "side").agg(pl.col("cycles", "low", "high").sum())
    both = data.points().join(sums.filter(side="model"), on="point", suffix="_summed")
    bare = data.points().join(sums.filter(side="bare"), on="point", suffix="_summed")

    assert both["cycles"].to_list() == both["cycles_summed"].to_list()
    assert both["low"].to_list() == both["low_summed"].to_list()
    assert both["high"].to_list() == both["high_summed"].to_list()
    assert bare["native"].to_list() == bare["cycles_summed"].to_list()


def test_duckdb_and_polars_read_the_files(swept: Path) -> None:
    """The tables of points can be queried as they lie there, without this package."""
    where = f"{swept}/points/*.parquet"
    table = duckdb.read_parquet(where, union_by_name=True)
    (asked,) = table.aggregate("max(overhead), count(DISTINCT point)").fetchall()
    lazily = pl.scan_parquet(where).select(pl.col("overhead").max(), pl.col("point").n_unique()).collect()

    assert lazily.row(0) == asked
    assert 32 == lazily["point"][0]


def test_a_point_is_never_counted_twice(trace: Path, swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep over what is there counts nothing; one with other prices prices what was counted."""
    for name in ("count", "count_noting", "count_over"):
        monkeypatch.setattr(sweeping, name, None)
    dearer = Block(("price.stlb_hit",), ((70,), (90,)))
    grid = grid_over(trace)

    again = replay.sweep(grid, swept)
    other = replay.sweep(Grid("dearer", grid.traces, grid.models, blocks=(*grid.blocks[:2], dearer)), swept)

    assert 0 == again.missing
    assert 32 + 32 == other.points().height
    shutil.rmtree(swept / "grids")
    replay.sweep(grid, swept)
    assert 32 == open_dataset(str(swept)).points().height


def test_the_planner_notes_misses_where_counts_share_a_first_level(trace: Path) -> None:
    """For each first level one count notes what it misses, the others count over that; with few, each is full."""
    plan = api.plan(grid_over(trace))
    ways = [path.way for path in paths(plan.jobs.values()).values()]
    few = api.plan(Grid("few", (str(trace),), ("ept",), blocks=(Block(("set.stlb.entries",), ((8,), (16,))),)))

    assert {NOTING: 4, BEHIND: 28} == {way: ways.count(way) for way in ways}
    assert {FULL} == {path.way for path in paths(few.jobs.values()).values()}


def test_impossible_hardware_is_left_out_and_said(trace: Path, tmp_path: Path) -> None:
    """Points whose ways do not divide are left out with the reason; where none is left, that is the error."""
    ways = Block(("set.stlb.ways",), ((5,), (8,), (16,), (32,)))
    sizes = Block(("set.stlb.entries",), ((64,),))
    plan = api.plan(Grid("ways", (str(trace),), ("ept",), blocks=(ways, sizes)))
    none = api.plan(Grid("none", (str(trace),), ("ept",), blocks=(Block(ways.names, ((5,),)), sizes)))
    data = make_dataset(str(tmp_path / "out"))

    (left_out,) = sweeping.carry_out(plan, data)

    assert 1 == left_out["points"]
    assert left_out["reason"].startswith("stlb.ways = 5 does not divide stlb.entries = 64")
    assert 3 == data.points().height
    assert 0 == data.missing
    assert [left_out] == data.left_out
    with pytest.raises(UserError, match="does not divide"):
        sweeping.carry_out(none, make_dataset(str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (Block(("set.stlb.entires",), ((1,), (2,))), "unknown parameter 'stlb.entires'; did you mean 'stlb.entries'"),
        (Block(("price.vm_exti",), ((1,), (2,))), "unknown price 'vm_exti'; did you mean 'vm_exit'"),
        (Block(("price.vm_exit",), (("3 us",), ("9 us",))), "price vm_exit = '3 us': .* has it in cycles; give it so"),
        (Block(("set.stlb.entries",), ((-1,),)), "stlb.entries = -1 is out of range"),
        (Block(("price.vm_exit",), (("many",),)), "price vm_exit takes a number of cycles"),
    ],
)
def test_unknown_names_and_units_are_refused(trace: Path, block: Block, words: str) -> None:
    """What no model takes, or takes otherwise, is refused before anything is counted."""
    with pytest.raises(UserError, match=words):
        api.plan(Grid("wrong", (str(trace),), ("ept",), blocks=(block,)))


def test_models_share_a_grid(trace: Path, tmp_path: Path) -> None:
    """A parameter goes to the models that take it; others have one point, and an empty cell there."""
    grid = Grid("two", (str(trace),), ("native", "disco"), blocks=(Block(("set.l2tlb.entries",), ((64,), (128,))),))
    points = replay.sweep(grid, tmp_path / "out").points()

    assert [("native-walk", None), ("disco", 64), ("disco", 128)] == points.select("model", "set.l2tlb.entries").rows()


def read_all(folder: str) -> None:
    """Read every point of a dataset, and what it follows from."""
    data = open_dataset(folder)
    for point in data.points()["point"]:
        data.document(point)


def spoil(folder: Path, name: str, data: bytes | None) -> None:
    """Replace the file ``name``, a pattern, or delete it."""
    path = next(folder.glob(name))
    if data is None:
        path.unlink()
    else:
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (MARKER, b'{"format": "vmreplay dataset", "version": 99}', "results of another version"),
        (MARKER, None, "holds no results of a sweep"),
        ("grids/*.json", b"{", "is damaged"),
        ("points/*.parquet", b"PAR1", "is damaged"),
        ("runs/*/manifest.json", b"{}", "of another version"),
        ("runs/*/counts.parquet", None, "is damaged"),
        ("runs/*/ticks.parquet", b"", "is damaged"),
        ("machines/*.json", b"[]", "is damaged"),
    ],
)
def test_damage_is_one_clear_line(swept: Path, tmp_path: Path, name: str, data: bytes | None, words: str) -> None:
    """A folder of another version, or half deleted, is refused in a line that names the file."""
    folder = tmp_path / "out"
    shutil.copytree(swept, folder)
    spoil(folder, name, data)

    with pytest.raises(UserError, match=words) as caught:
        read_all(str(folder))
    assert str(folder) in str(caught.value)


def test_a_half_deleted_run_is_counted_again(swept: Path, trace: Path, tmp_path: Path) -> None:
    """A sweep makes what is missing of its folder, and nothing else."""
    folder = tmp_path / "out"
    shutil.copytree(swept, folder)
    before = open_dataset(str(folder)).points()
    shutil.rmtree(folder / "points")
    spoil(folder, "runs/*/counts.parquet", None)

    replay.sweep(grid_over(trace), folder)

    assert before.equals(open_dataset(str(folder)).points())


def test_other_folders_are_left_alone(tmp_path: Path, trace: Path) -> None:
    """A folder of other files is no place for results."""
    (tmp_path / "thesis.tex").write_text("42")

    with pytest.raises(UserError, match="holds other files than a sweep's"):
        replay.sweep(grid_over(trace), tmp_path)


def contents(folder: Path) -> dict[str, Any]:
    """What a folder says: its points, rows and the counts behind them."""
    data = open_dataset(str(folder))
    runs = sorted(path.name for path in (folder / "runs").iterdir())
    return {
        "points": data.points().to_dicts(),
        "rows": data.rows().to_dicts(),
        "vms": data.vms().to_dicts(),
        "runs": {run: data.counts(run).n.tolist() for run in runs},
        "missing": data.missing,
    }


@pytest.mark.parametrize(("grid", "name"), [(grid_over, "alone"), (grid_together, "together")])
def test_a_killed_sweep_goes_on_and_loses_nothing(
    trace: Path, swept: Path, tmp_path: Path, grid: Callable[[Path], Grid], name: str
) -> None:
    """Killed at random moments, again and again, a sweep ends with what an undisturbed one has."""
    folder, whole = tmp_path / "killed", tmp_path / "whole"
    driver = [sys.executable, "-m", "tests.unit.sweeping", str(trace), str(folder), str(KILLS), name]
    subprocess.run(driver, cwd=Path(__file__).parents[2], check=True, timeout=600)

    replay.sweep(grid(trace), folder)
    replay.sweep(grid(trace), whole)

    assert contents(whole) == contents(folder)
    assert json.loads((folder / MARKER).read_text()) == json.loads((swept / MARKER).read_text())


def test_two_sweeps_into_one_folder_agree(trace: Path, tmp_path: Path) -> None:
    """Two processes that sweep into one folder at the same time leave what one would."""
    together, alone = tmp_path / "together", tmp_path / "alone"
    program = f"""
import replay
from pathlib import Path
from tests.unit.sweeping import grid_over
replay.sweep(grid_over(Path({str(trace)!r})), {str(together)!r})
"""
    command = [sys.executable, "-c", program]
    processes = [subprocess.Popen(command, cwd=Path(__file__).parents[2]) for _ in range(2)]

    assert [0, 0] == [process.wait(timeout=600) for process in processes]
    replay.sweep(grid_over(trace), alone)
    assert contents(alone) == contents(together)
