"""Machines and price sets that state only what differs from others."""

from __future__ import annotations

from pathlib import Path

import pytest

import models
from replay.errors import UserError
from replay.machine import load_machine, load_prices, machine_names
from replay.trace.schema import ServiceClass

RECORD = 'unit = "cycles"\nlow = 0\nhigh = 9999\n'


def write(folder: Path, name: str, *lines: str, **prices: int) -> str:
    """A price set in ``folder`` with ``lines`` at its head, each price cited; its path."""
    text = [f'name = "{name}"', 'summary = "for a test"', *lines]
    for price, value in prices.items():
        text += [f"[prices.{price}]", f"value = {value}", RECORD, 'source = "cited: A paper, Table 1"', 'note = ""']
    path = folder / f"{name}.toml"
    path.write_text("\n".join(text))
    return str(path)


def test_what_is_not_stated_is_taken_over(tmp_path: Path) -> None:
    """A value comes from the file itself, else from the first file it extends that has it, and is assumed then."""
    write(tmp_path, "a", entry=1, leave=2)
    write(tmp_path, "b", entry=10, leave=20, walk=30)
    path = write(tmp_path, "c", 'extends = ["a.toml", "b.toml"]', leave=200)

    prices = load_prices(path)

    assert {"leave": 200, "entry": 1, "walk": 30} == {name: record.value for name, record in prices.items()}
    assert ("cited: A paper, Table 1", "assumed") == (prices["leave"].source, prices["entry"].source)
    assert "As a.toml (cited: A paper, Table 1)." == prices["entry"].note


def test_files_rest_on_files(tmp_path: Path) -> None:
    """What a file extends may extend another; a file may state nothing of its own."""
    write(tmp_path, "a", entry=1)
    write(tmp_path, "b", 'extends = ["a.toml"]')
    path = write(tmp_path, "c", 'extends = ["b.toml"]')

    assert ["As b.toml. As a.toml (cited: A paper, Table 1)."] == [record.note for record in load_prices(path).values()]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('extends = ["c.toml"]', "c.toml: rests on more than 8 files, or on itself; correct what each extends"),
        ('extends = "a.toml"', "c.toml: extends should be a list of names, is 'a.toml'"),
        ('extends = ["gone.toml"]', "gone.toml: No such file"),
        ('extends = ["skylake-2016"]', "unknown price set 'skylake-2016'; did you mean 'skylake-2017'"),
        ('extend = ["a.toml"]', "unknown key of .*c.toml: 'extend'; did you mean 'extends'"),
    ],
)
def test_wrong_bases_are_refused(tmp_path: Path, head: str, message: str) -> None:
    """A file that rests on itself, on what is not there or on no list is an error that names it."""
    with pytest.raises(UserError, match=message):
        load_prices(write(tmp_path, "c", head, entry=1))


@pytest.mark.parametrize("name", machine_names())
def test_a_file_is_named_after_what_it_describes(name: str) -> None:
    """A machine that comes with the package is called as its file is, says what it is and prices what it names."""
    machine = load_machine(name)

    assert name == machine.name
    assert machine.summary
    assert load_prices(machine.price_set) == machine.prices


EXITS = {"penryn-2008": 1266, "nehalem-2009": 1009, "westmere-2010": 761, "sandybridge-2011": 784}
"""Cycles of an exit and the entry after it, hardware alone, as published."""

RECALLED = ("ivybridge-2012", "haswell-2013", "broadwell-2014")
"""Generations whose exits nobody at hand published."""


@pytest.mark.parametrize("name", EXITS)
def test_published_exits_are_cited(name: str) -> None:
    """The generations whose round trip is printed have it as their price of an exit, with its source."""
    record = load_prices(name)["vm_exit"]

    assert (EXITS[name], True) == (record.value, record.source.startswith("cited: Agesen"))


@pytest.mark.parametrize("name", RECALLED)
def test_recalled_exits_are_assumed(name: str) -> None:
    """What is known from memory alone, or by other sources' word, is marked assumed and says so."""
    prices = load_prices(name)

    assert {"assumed"} == {record.source for record in prices.values()}
    assert prices["vm_exit"].low < prices["vm_exit"].value < prices["vm_exit"].high


@pytest.mark.parametrize("name", [*EXITS, *RECALLED])
@pytest.mark.parametrize("model", ["native-walk", "shadow"])
def test_generations_price_exits_of_any_kind(name: str, model: str) -> None:
    """Each generation's price set prices all that bare hardware and a monitor with shadow page tables do."""
    prices = load_prices(name)
    costs = models.load(model).costs.values()

    assert set() == {part for cost in costs for part in cost.names(ServiceClass.OTHER)} - {*prices, "device_unit"}
