"""Machines and price sets: TOML data files named after what they describe, read by one validator.

A *machine* says what the hardware is (clock, cycles per instruction, TLB geometry, latencies) and names its price
set.  A *price set* gives a value to each primitive that the models' costs are made of.  A file may state only what
differs from others, which it ``extends``: what it does not state is taken from the first of them that does, and is
then assumed, whatever it was there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from replay.errors import UserError, unknown
from replay.records import TIME_UNITS, Record, read_record

DATA_PACKAGE = "models"
"""The package that ships ``machines/*.toml`` and ``prices/*.toml``."""

KEYS = {
    "machines": ("name", "summary", "extends", "prices", "parameters"),
    "prices": ("name", "summary", "extends", "prices"),
}

MOST_EXTENDED = 8
"""Files that one may rest on, each on the next."""


@dataclass(frozen=True)
class Machine:
    """Hardware to charge a trace to, with the prices of its price set."""

    name: str
    summary: str
    parameters: dict[str, Record]
    price_set: str
    prices: dict[str, Record]

    def cycles(self, record: Record) -> Record:
        """``record`` in cycles of this machine's clock (its bounds at the nominal clock)."""
        if TIME_UNITS[record.unit] is None:
            return record
        factor = self.factor(record.unit)
        note = f"{record.value:g} {record.unit} at {self.parameters['clock'].value:g} MHz; {record.note}"
        low, high = record.low * factor, record.high * factor
        return Record(record.name, record.value * factor, "cycles", low, high, record.source, note)

    def factor(self, unit: str) -> float:
        """Cycles in one ``unit`` of a price."""
        seconds = TIME_UNITS[unit]
        return 1.0 if seconds is None else seconds * self.clock_hz

    @property
    def clock_hz(self) -> float:
        """Cycles in a second."""
        return self.parameters["clock"].value * 1e6


def machine_names() -> list[str]:
    """Names of the machines that come with the package."""
    return _names("machines")


def price_set_names() -> list[str]:
    """Names of the price sets that come with the package."""
    return _names("prices")


def load_machine(name: str) -> Machine:
    """The machine called ``name``, or described by the TOML file at that path.  Raises UserError."""
    document, where = _read("machines", name)
    parameters = _extended("machines", name, "parameters")
    if "clock" not in parameters or parameters["clock"].unit != "MHz" or parameters["clock"].value <= 0:
        raise UserError(f"{where}: parameters.clock must be given, in MHz and above 0")
    price_set = _text(document, "prices", where)
    prices = load_prices(_beside(name, price_set))
    return Machine(_text(document, "name", where), _text(document, "summary", where), parameters, price_set, prices)


def load_prices(name: str) -> dict[str, Record]:
    """The price set called ``name``, or stated by the TOML file at that path: primitive -> price."""
    return _extended("prices", name, "prices", units=tuple(TIME_UNITS))


def _extended(folder: str, name: str, key: str, units: tuple[str, ...] = (), depth: int = 0) -> dict[str, Record]:
    """The records of the table ``key`` in the file ``name``, with those that it takes from the files it extends."""
    document, where = _read(folder, name)
    if depth > MOST_EXTENDED:
        raise UserError(f"{where}: rests on more than {MOST_EXTENDED} files, or on itself; correct what each extends")
    found = _records(document, key, where, units)
    below = document.get("extends", [])
    if not isinstance(below, list) or not all(isinstance(other, str) for other in below):
        raise UserError(f"{where}: extends should be a list of names, is {below!r}")
    for other in below:
        for record in _extended(folder, _beside(name, other), key, units, depth + 1).values():
            found.setdefault(record.name, _taken_over(record, other))
    return found


def _taken_over(record: Record, other: str) -> Record:
    """``record`` of the file ``other`` as what another file, which does not state it, takes it for."""
    if record.assumed:
        return replace(record, note=f"As {other}. {record.note}")
    return replace(record, source="assumed", note=f"As {other} ({record.source}). {record.note}".rstrip())


def _beside(file: str, other: str) -> str:
    """A file that another one names by path lies relative to that one."""
    path = Path(file)
    return str(path.parent / other) if path.suffix == ".toml" and other.endswith(".toml") else other


def _names(folder: str) -> list[str]:
    files = resources.files(DATA_PACKAGE).joinpath(folder).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def _read(folder: str, name: str) -> tuple[Mapping[str, Any], str]:
    thing = "machine" if folder == "machines" else "price set"
    if name.endswith(".toml"):
        text, where = _read_file(name, thing), name
    elif name in _names(folder):
        text, where = resources.files(DATA_PACKAGE).joinpath(folder, f"{name}.toml").read_text("utf-8"), f"{name}.toml"
    else:
        raise unknown(thing, name, _names(folder), "replay machines")
    try:
        document = _parsed(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where}: not a TOML file ({error}); correct it") from None
    for key in document:
        if key not in KEYS[folder]:
            raise unknown(f"key of {where}:", key, KEYS[folder])
    return document, where


@lru_cache(maxsize=64)
def _parsed(text: str) -> Mapping[str, Any]:
    """The TOML document in ``text``, for readers only: machines rest on the same few files, again and again."""
    return tomllib.loads(text)


def _read_file(name: str, thing: str) -> str:
    try:
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise UserError(f"{thing} file {name}: {error.strerror}; give the path of a TOML file") from None
    except UnicodeDecodeError:
        raise UserError(f"{thing} file {name}: not UTF-8 text; give the path of a TOML file") from None


def _text(document: Mapping[str, Any], key: str, where: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise UserError(f"{where}: {key} should be a text, is {value!r}")
    return value


def _records(document: Mapping[str, Any], key: str, where: str, units: tuple[str, ...] = ()) -> dict[str, Record]:
    table = document.get(key, {} if "extends" in document else None)
    if not isinstance(table, dict):
        raise UserError(f"{where}: lacks the table [{key}]")
    kinds = {"units": units} if units else {}
    return {name: read_record(name, fields, where, **kinds) for name, fields in table.items()}
