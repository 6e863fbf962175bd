"""Parameters and prices are records: a value never travels without its unit, its bounds and where it comes from.

``source`` is one of

- ``cited: <paper>, <table, figure or section>``: printed there;
- ``derived: <paper>, <table, figure or section>``: arithmetic on what is printed there, shown in ``note``;
- ``assumed``: nobody published it; ``note`` says why this value;
- ``given``: stated by the user on the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from replay.errors import UserError, unknown

TIME_UNITS = {"cycles": None, "ns": 1e-9, "us": 1e-6}
"""Unit of a price -> seconds in one, None where the clock decides."""

MOST = 1e15
"""No value is greater: beyond it, sums of cycles would leave the numbers that a float holds."""

UNITS = {*TIME_UNITS, "MHz", "count", "entries", "ways", "bytes", "instructions", "policy", "seed"}
SOURCE = re.compile(r"(cited|derived): [^,]+.*, (Table|Figure|section|chapter|abstract)( \S.*)?|assumed|given")
FIELDS = ("value", "unit", "low", "high", "source", "note")


@dataclass(frozen=True)
class Record:
    """A measured or assumed quantity: ``low <= value <= high`` bound what it may really be."""

    name: str
    value: float
    unit: str
    low: float
    high: float
    source: str
    note: str

    @property
    def assumed(self) -> bool:
        """Whether nobody published the value."""
        return self.source == "assumed"

    @property
    def stated(self) -> bool:
        """Whether the user stated the value."""
        return self.source == "given"

    def given(self, value: float) -> Record:
        """The same quantity as the user states it: exact, in the same unit."""
        return Record(self.name, value, self.unit, value, value, "given", "stated by the user")


@dataclass(frozen=True)
class Parameter:
    """A property of a mechanism that ``--set`` can change; ``low`` and ``high`` are the values it accepts.

    ``value`` is the default, None where the trace decides.  A parameter with ``choices`` takes one of these words.
    """

    name: str
    value: int | str | None
    unit: str
    low: int
    high: int
    source: str
    note: str
    choices: tuple[str, ...] = ()

    def parse(self, value: Any) -> int | str:
        """``value`` (a number, a word or its text) as this parameter takes it; UserError if it does not."""
        if self.choices:
            if str(value) not in self.choices:
                raise unknown(f"value of parameter {self.name}", str(value), self.choices)
            return str(value)
        number = _whole(value)
        if number is None:
            raise UserError(f"parameter {self.name} takes a whole number of {self.unit}, not {str(value)!r}")
        if not self.low <= number <= self.high:
            raise UserError(
                f"parameter {self.name} = {number} is out of range; it takes {self.low} to {self.high} {self.unit}"
            )
        return number


def _whole(value: Any) -> int | None:
    """``value``, a number or its text, if it is whole."""
    try:
        if isinstance(value, str):
            return int(value, 0)
        return int(value) if not isinstance(value, bool) and value == int(value) else None
    except (TypeError, ValueError, OverflowError):
        return None


def parse_price(record: Record, value: Any) -> float:
    """``value`` (a number or its text) as a price in ``record``'s unit; UserError if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise UserError(f"price {record.name} takes a number of {record.unit}, not {str(value)!r}") from None
    if not 0 <= number <= MOST:
        raise UserError(f"price {record.name} = {value} is out of range; it takes 0 to {MOST:g} {record.unit}")
    return number


def read_record(name: str, fields: Any, where: str, units: Iterable[str] = UNITS) -> Record:
    """The record that a table of a data file states; ``where`` is the file.  Raises UserError naming the field."""
    place = f"{where}: {name}"
    if not isinstance(fields, Mapping):
        raise UserError(f"{place} is no record; give it {', '.join(FIELDS)}")
    for key in fields:
        if key not in FIELDS:
            raise unknown(f"field of {place}:", str(key), FIELDS)
    for key in FIELDS:
        if key not in fields:
            raise UserError(f"{place} lacks {key}; a record states {', '.join(FIELDS)}")
    if fields["unit"] not in units:
        raise unknown(f"unit of {place}:", str(fields["unit"]), units)
    value, low, high = (_number(fields[key], f"{place}.{key}") for key in ("value", "low", "high"))
    if not low <= value <= high:
        raise UserError(f"{place}: value {value} lies outside its bounds {low} to {high}; correct one of the three")
    _check_words(fields, place)
    return Record(name, value, fields["unit"], low, high, fields["source"], fields["note"])


def _number(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{place} should be a number, is {value!r}")
    if not 0 <= value <= MOST:
        raise UserError(f"{place} = {value} is out of range; it takes 0 to {MOST:g}")
    return value


def _check_words(fields: Mapping[str, Any], place: str) -> None:
    source, note = fields["source"], fields["note"]
    if not (isinstance(source, str) and SOURCE.fullmatch(source)) or source == "given":
        raise UserError(
            f"{place}.source is {source!r}; "
            "write 'cited: <paper>, <Table n or section n>', 'derived: <the same>' or 'assumed'"
        )
    if not isinstance(note, str) or (not note.strip() and not source.startswith("cited")):
        raise UserError(f"{place}.note is empty; say what the value was derived from, or why it is assumed")
