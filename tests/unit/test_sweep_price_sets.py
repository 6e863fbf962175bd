"""A sweep of several price sets on one machine: each point has its own prices, and says whose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import models
import replay
from replay import document as documents
from replay.commands.report_input import read
from replay.dataset import open_dataset
from replay.errors import UserError
from replay.grid import Block, Grid
from replay.machine import load_machine, load_prices

MACHINE, SETS = "skylake-2017", ("skylake-2017", "penryn-2008")
VARIED = Block(("set.tlb.tagged",), ((0,), (1,)))


@pytest.fixture(scope="module")
def swept(trace: Path) -> Path:
    """The folder of a finished sweep."""
    grid = Grid("sets", (str(trace),), ("ept",), (MACHINE,), SETS, (VARIED,))
    replay.sweep(grid, trace.parent / "out")
    return trace.parent / "out"


def test_each_point_costs_what_its_price_set_says(trace: Path, swept: Path) -> None:
    """A point's document is that of its model on the machine with that price set."""
    data, model = open_dataset(str(swept)), models.load("ept")
    prepared = replay.load(trace)

    assert [(name, tagged) for name in SETS for tagged in (0, 1)] == list(
        data.points().select("price_set", "set.tlb.tagged").iter_rows()
    )
    for point in data.points().to_dicts():
        machine = replace(load_machine(MACHINE), price_set=point["price_set"], prices=load_prices(point["price_set"]))
        given = {"tlb.tagged": point["set.tlb.tagged"]}
        alone = documents.outcome(prepared, model, models.load(model.baseline), machine, given)
        assert alone.document == data.document(point["point"])
        assert machine == data.machine(point["point"])


def test_price_sets_are_an_axis_where_machines_do_not_tell_them_apart(trace: Path, swept: Path, tmp_path: Path) -> None:
    """Several sets on one machine vary; a set for each machine, which is its own, does not."""
    assert ["price_set", "set.tlb.tagged"] == open_dataset(str(swept)).axes
    grid = Grid("machines", (str(trace),), ("ept",), ("skylake-2017", "haswell-2013"))
    assert ["machine"] == replay.sweep(grid, tmp_path / "out").axes


def test_a_report_has_the_prices_of_each_set(swept: Path) -> None:
    """A machine with two price sets is two in a report, each with its own records."""
    sweep = read([swept]).sweep
    assert sweep is not None

    names = [f"{MACHINE} at {name}" for name in SETS]
    assert names == list(sweep.machines)
    assert names == list(dict.fromkeys(point["machine"] for point in sweep.points))
    for name, price_set in zip(names, SETS, strict=True):
        stated = {record["name"]: record["value"] for record in sweep.machines[name] if record["stated"]}
        assert load_prices(price_set)["vm_exit"].value == stated["vm_exit"]


def test_a_price_set_that_lacks_a_price_is_refused(trace: Path, tmp_path: Path) -> None:
    """What a model costs has to be in the price set that the grid names, or the model cannot be charged."""
    grid = Grid("wrong", (str(trace),), ("ept",), (MACHINE,), ("flash-1997",))
    with pytest.raises(UserError, match="price"):
        replay.sweep(grid, tmp_path / "out")
