"""Records, machines and price sets: a value never travels without unit, bounds and source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.errors import UserError
from replay.machine import load_machine, load_prices, machine_names, price_set_names
from replay.records import SOURCE, Parameter, parse_price, read_record

GOOD: dict[str, Any] = {"value": 2, "unit": "cycles", "low": 1, "high": 3, "source": "assumed", "note": "a guess"}
MACHINE = """
name = "mine"
summary = "a machine of my own"
prices = "flash-1997"
[parameters.clock]
value = 1000
unit = "MHz"
low = 1000
high = 1000
source = "assumed"
note = "round"
"""


def all_records() -> list[Any]:
    """Every record of every machine and price set that is shipped."""
    machines = [load_machine(name) for name in machine_names()]
    return [
        *(record for machine in machines for record in machine.parameters.values()),
        *(record for name in price_set_names() for record in load_prices(name).values()),
    ]


@pytest.mark.parametrize("record", all_records(), ids=lambda record: record.name)
def test_no_bare_number(record: Any) -> None:
    """Each shipped value lies within its bounds and names its source; cited and derived ones name paper and place."""
    assert record.low <= record.value <= record.high
    assert SOURCE.fullmatch(record.source)
    assert record.note
    if not record.assumed:
        paper, _, place = record.source.partition(": ")[2].rpartition(", ")
        assert paper
        assert place.split()[0] in ("Table", "Figure", "section", "chapter", "abstract")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"value": "2"}, "price.value should be a number"),
        ({"value": True}, "price.value should be a number"),
        ({"value": float("nan")}, "price.value = nan is out of range"),
        ({"value": 5}, "value 5 lies outside its bounds 1 to 3"),
        ({"low": -1}, "price.low = -1 is out of range"),
        ({"unit": "cycle"}, "unknown unit of f.toml: price: 'cycle'; did you mean 'cycles'?"),
        ({"source": "somebody"}, "price.source is 'somebody'"),
        ({"source": "cited: a paper"}, "price.source is 'cited: a paper'"),
        ({"source": "given"}, "price.source is 'given'"),
        ({"note": " "}, "price.note is empty"),
        ({"valve": 1}, "unknown field of f.toml: price: 'valve'; did you mean 'value'?"),
    ],
)
def test_bad_records_name_the_field(change: dict[str, Any], words: str) -> None:
    """A record that is wrong in one field is refused with that field's name and the remedy."""
    with pytest.raises(UserError) as error:
        read_record("price", {**GOOD, **change}, "f.toml")

    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_field_is_named() -> None:
    """A record without a unit is refused."""
    fields = {k: v for k, v in GOOD.items() if k != "unit"}

    with pytest.raises(UserError, match="price lacks unit"):
        read_record("price", fields, "f.toml")


@pytest.mark.parametrize(
    ("given", "expected"), [("128", 128), ("0x10", 16), (8, 8), (64.0, 64), (str(2**64 - 1), 2**64 - 1)]
)
def test_parameters_take_numbers_and_text(given: Any, expected: int) -> None:
    """A parameter takes a whole number or its text, exactly, however large."""
    parameter = Parameter("p", 1, "entries", 1, 2**64 - 1, "assumed", "test")

    assert expected == parameter.parse(given)


@pytest.mark.parametrize("given", ["many", "1.5", 1.5, None, True, float("inf")])
def test_parameters_refuse_what_is_no_whole_number(given: Any) -> None:
    """A parameter refuses words, fractions and nothing at all."""
    with pytest.raises(UserError, match="takes a whole number of entries"):
        Parameter("p", 1, "entries", 1, 9, "assumed", "test").parse(given)


@pytest.mark.parametrize("given", [0, 10])
def test_parameters_refuse_what_is_out_of_range(given: int) -> None:
    """A value beyond the range is refused with the range."""
    with pytest.raises(UserError, match="it takes 1 to 9 entries"):
        Parameter("p", 1, "entries", 1, 9, "assumed", "test").parse(given)


def test_choices_suggest_the_nearest() -> None:
    """A mistyped word is answered with the nearest one."""
    with pytest.raises(UserError, match="did you mean 'random'"):
        Parameter("p", "lru", "policy", 0, 0, "assumed", "test", ("random", "lru")).parse("randum")


@pytest.mark.parametrize("given", ["-1", "nan", "inf", "dear"])
def test_prices_refuse_nonsense(given: str) -> None:
    """A price is a finite number that is not negative."""
    with pytest.raises(UserError, match="price price"):
        parse_price(read_record("price", GOOD, "f.toml"), given)


def test_machine_of_the_user(tmp_path: Path) -> None:
    """A machine file of the user's own is read by its path, with a shipped price set."""
    path = tmp_path / "mine.toml"
    path.write_text(MACHINE)

    machine = load_machine(str(path))

    assert ("mine", 1e9) == (machine.name, machine.clock_hz)
    assert "cpi" in machine.prices


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "MHz"', 'unit = "GHz"', "unknown unit of"),
        ("value = 1000", "value = 0", "lies outside its bounds"),
        ("[parameters.clock]", "[parameters.klock]", "parameters.clock must be given"),
        ('name = "mine"', 'nme = "mine"', "did you mean 'name'?"),
        ('name = "mine"', "name = 3", "name should be a text"),
        ('name = "mine"', 'name = "mine', "not a TOML file"),
        ('prices = "flash-1997"', 'prices = "flash-1979"', "did you mean 'flash-1997'?"),
        ('prices = "flash-1997"', 'prices = "gone.toml"', "gone.toml: No such file"),
    ],
)
def test_bad_machine_files(tmp_path: Path, old: str, new: str, words: str) -> None:
    """What is wrong with a machine file is said in one line that names it."""
    path = tmp_path / "mine.toml"
    path.write_text(MACHINE.replace(old, new))

    with pytest.raises(UserError) as error:
        load_machine(str(path))

    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_machine_suggests_the_nearest() -> None:
    """A mistyped machine is answered with the nearest one."""
    with pytest.raises(UserError, match="unknown machine 'flash1997'; did you mean 'flash-1997'"):
        load_machine("flash1997")
