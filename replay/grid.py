"""Grids: what a sweep is asked for, as ``grid.toml`` and the command line state it.

traces = [                              # relative to the grid's file; URIs are taken as they are
    "pmake.arrow",
    ["pmake.arrow", "radix.arrow"],     # virtual machines together on one machine
]
models = ["ept", "shadow"]              # or "all"
machines = ["skylake-2017"]             # default: each model's own
price_sets = ["skylake-2017"]           # default: each machine's own
interval = 1000000                      # default: the whole run
synthesize = "first-touch"              # default: nothing

[set]                                   # every combination of these
tlb.entries = "16:1024:*2"              # a range: first, last, step (*2 or +16); or a list
[price]
vm_exit = [500, 900]

[[zip]]                                 # lists that go together, the first with the first
set.stlb.entries = [512, 1024]
price.stlb_hit = [7, 9]

[sample]                                # so many points of the space that these ranges span
points = 256
method = "sobol"                        # or "random"
seed = 1
price.vm_exit = "500:4000"              # "500:4000:*": spread evenly by ratio
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from replay.errors import UserError, remedy, unknown
from replay.trace.remote import is_uri

Guests = str | tuple[str, ...]
"""The path or URI of a trace, or of several that are virtual machines together on one machine."""

MOST_POINTS = 1_000_000
"""Points of a grid; more are a mistake, or are better sampled."""

KEYS = ("traces", "models", "machines", "price_sets", "interval", "synthesize", "set", "price", "zip", "sample")
SAMPLE_KEYS = ("points", "method", "seed", "set", "price")
METHODS = ("sobol", "random")
RANGE = re.compile(r"([^:]+):([^:]+)(?::([*+]?)([^:]*))?")
ALL = "all"


class Block(NamedTuple):
    """Values that move together: ``rows`` of one value for each of ``names`` (``set.…`` or ``price.…``)."""

    names: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Grid:
    """Every combination of traces, models, machines, price sets and blocks."""

    name: str
    traces: tuple[Guests, ...]
    models: tuple[str, ...]
    machines: tuple[str, ...] = ()
    """None: each model's own."""
    price_sets: tuple[str, ...] = ()
    """None: each machine's own."""
    blocks: tuple[Block, ...] = ()
    interval: int = 0
    synthesize: str = ""

    @property
    def size(self) -> int:
        """Points, models not yet told apart that do not take some parameter."""
        lists = (self.traces, self.models, self.machines or ("",), self.price_sets or ("",))
        return math.prod(len(part) for part in (*lists, *(block.rows for block in self.blocks)))


def read_grid(path: str) -> Grid:
    """The grid that the file at ``path`` states.  Raises UserError naming the key."""
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {remedy(error)}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; give a grid in TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path}: not a TOML file ({error}); correct it") from None
    for key in document:
        if key not in KEYS:
            raise unknown(f"key of {path}:", key, KEYS)
    interval = document.get("interval", 0)
    if type(interval) is not int or (interval and interval < 1000):
        raise UserError(f"{path}: interval is {interval!r}; give a whole number of instructions, at least 1000")
    rule = document.get("synthesize", "")
    if not isinstance(rule, str):
        raise UserError(f"{path}: synthesize is {rule!r}; name a rule")
    return Grid(
        name=Path(path).stem,
        traces=_traces(document.get("traces", []), path),
        models=_texts(document.get("models", []), f"{path}: models"),
        machines=_texts(document.get("machines", []), f"{path}: machines"),
        price_sets=_texts(document.get("price_sets", []), f"{path}: price_sets"),
        blocks=tuple(_blocks(document, path)),
        interval=interval,
        synthesize=rule,
    )


def with_axes(grid: Grid, kind: str, axes: Mapping[str, str]) -> Grid:
    """``grid`` with more axes of ``kind`` ("set" or "price"), their values as the command line states them."""
    stated = {name for block in grid.blocks for name in block.names}
    added = []
    for name, text in axes.items():
        if f"{kind}.{name}" in stated:
            raise UserError(f"--{kind} {name}: the grid states it too; state it once")
        values = [value for part in text.split(",") for value in expand(part, f"--{kind} {name}")]
        added.append(Block((f"{kind}.{name}",), tuple((value,) for value in values)))
    return replace(grid, blocks=(*grid.blocks, *added))


def check(grid: Grid) -> None:
    """Raise UserError for a grid of no points, or of too many."""
    for what, values in (("traces", grid.traces), ("models", grid.models)):
        if not values:
            raise UserError(f'the grid names no {what}; give some, as {what} = ["..."] or on the command line')
    for block in grid.blocks:
        if not block.rows:
            raise UserError(f"the grid gives {', '.join(block.names)} no values; give at least one")
    names = [name for block in grid.blocks for name in block.names]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"the grid states {', '.join(twice)} in two places; state it once")
    if grid.size > MOST_POINTS:
        raise UserError(
            f"the grid has {grid.size:,} points, more than {MOST_POINTS:,}; take fewer values, "
            'or let [sample] draw some: points = 1024, method = "sobol"'
        )


def group_of(traces: Iterable[str], where: str) -> tuple[str, ...]:
    """Traces that are virtual machines together.  Raises UserError for less than two."""
    found = tuple(traces)
    if len(found) < 2:
        told = f"the one trace {found[0]}" if found else "no trace"
        raise UserError(f"{where}: {told} as virtual machines together; give two or more, or a trace by itself")
    return found


def _traces(value: Any, path: str) -> tuple[Guests, ...]:
    """Traces as a file lists them: a name each, or a list of names that go together, where one may be repeated."""
    where = f"{path}: traces"
    stated = [value] if isinstance(value, str) else value
    if not isinstance(stated, list):
        raise UserError(f"{where} should be a list of names, is {value!r}")
    beside = Path(path).parent
    found = list[Guests]()
    for one in stated:
        names = one if isinstance(one, list) else [one]
        if not all(isinstance(name, str) and name for name in names):
            raise UserError(f"{where} should be a list of names, or of lists of them, holds {one!r}")
        placed = [name if is_uri(name) else str(beside / name) for name in names]
        found.append(group_of(placed, where) if isinstance(one, list) else placed[0])
    if len(set(found)) < len(found):
        raise UserError(f"{where} names one twice; name each once")
    return tuple(found)


def _blocks(document: Mapping[str, Any], path: str) -> Iterable[Block]:
    for kind in ("set", "price"):
        for name, value in _flat(document.get(kind, {}), f"{path}: [{kind}]").items():
            rows = tuple((one,) for one in _values(value, f"{path}: {kind}.{name}"))
            yield Block((f"{kind}.{name}",), rows)
    zips = document.get("zip", [])
    if not isinstance(zips, list):
        raise UserError(f"{path}: zip is {zips!r}; write [[zip]] and lists below it")
    for number, table in enumerate(zips, 1):
        yield _zip(table, f"{path}: [[zip]] {number}")
    if "sample" in document:
        yield _sample(document["sample"], f"{path}: [sample]")


def _zip(table: Any, where: str) -> Block:
    lists = {name: _values(value, f"{where} {name}") for name, value in _kinds(table, where).items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) != 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items()) or "nothing"
        raise UserError(f"{where}: holds {told}; give lists of one length")
    return Block(tuple(lists), tuple(zip(*lists.values(), strict=True)))


def _sample(table: Any, where: str) -> Block:
    if not isinstance(table, Mapping):
        raise UserError(f"{where}: is {table!r}; write points, method and ranges below it")
    for key in table:
        if key not in SAMPLE_KEYS:
            raise unknown(f"key of {where}:", key, SAMPLE_KEYS)
    points, method, seed = table.get("points"), table.get("method", METHODS[0]), table.get("seed", 1)
    if type(points) is not int or not 1 <= points <= MOST_POINTS:
        raise UserError(f"{where}: points is {points!r}; give a whole number from 1 to {MOST_POINTS:,}")
    if method not in METHODS:
        raise unknown(f"method of {where}:", str(method), METHODS)
    if type(seed) is not int or seed < 0:
        raise UserError(f"{where}: seed is {seed!r}; give a whole number from 0")
    ranges = _kinds({key: value for key, value in table.items() if key in ("set", "price")}, where)
    if not ranges:
        raise UserError(f'{where}: names nothing to draw; give price.<name> or set.<name> = "low:high"')
    return Block(tuple(ranges), tuple(_drawn(ranges, points, method, seed, where)))


def _drawn(ranges: Mapping[str, Any], points: int, method: str, seed: int, where: str) -> Iterable[tuple[Any, ...]]:
    import warnings

    import numpy as np
    from scipy.stats import qmc

    if method == "sobol":
        with warnings.catch_warnings():  # what is lost with a number of points that is no power of two is balance
            warnings.simplefilter("ignore", UserWarning)
            unit = qmc.Sobol(len(ranges), seed=seed).random(points)
    else:
        unit = np.random.default_rng(seed).random((points, len(ranges)))
    columns = []
    for (name, text), drawn in zip(ranges.items(), unit.T, strict=True):
        low, high, by_ratio = _span(text, f"{where} {name}")
        values = low * (high / low) ** drawn if by_ratio else low + (high - low) * drawn
        columns.append([round(v) if name.startswith("set.") else float(f"{v:.6g}") for v in values.tolist()])
    return zip(*columns, strict=True)


def _span(text: Any, where: str) -> tuple[float, float, bool]:
    """Low, high and whether by ratio, of "low:high" or "low:high:*"."""
    found = RANGE.fullmatch(text) if isinstance(text, str) else None
    low, high = (_number(found[1]), _number(found[2])) if found else (None, None)
    by_ratio = bool(found and found[3] == "*")
    if found is None or low is None or high is None or found[4] or not low <= high or (by_ratio and low <= 0):
        raise UserError(f'{where}: is {text!r}; give a range to draw from, as "low:high", or "low:high:*" by ratio')
    return float(low), float(high), by_ratio


def _kinds(table: Any, where: str) -> dict[str, Any]:
    """Names with their kind before them, ``set.`` or ``price.``, from the two tables of ``table``."""
    if not isinstance(table, Mapping) or not set(table) <= {"set", "price"}:
        raise UserError(f"{where}: takes set.<parameter> and price.<name>, not {', '.join(map(str, table))}")
    return {f"{kind}.{name}": value for kind in table for name, value in _flat(table[kind], f"{where} {kind}").items()}


def _flat(table: Any, where: str) -> dict[str, Any]:
    """Nested tables as names with dots in them, as TOML reads ``tlb.entries = ...``."""
    if not isinstance(table, Mapping):
        raise UserError(f"{where}: is {table!r}; give names with values")
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{rest}": inner for rest, inner in _flat(value, f"{where}.{name}").items()}
        else:
            found[name] = value
    return found


def _values(value: Any, where: str) -> list[Any]:
    """The values that a list, a range or one value states."""
    found = list[Any]()
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, bool) or not isinstance(one, int | float | str):
            raise UserError(f'{where}: holds {one!r}; give numbers, words or ranges like "16:1024:*2"')
        found += expand(one, where) if isinstance(one, str) else [one]
    if len(set(found)) < len(found):
        raise UserError(f"{where}: states a value twice; state each once")
    return found


def expand(text: str, where: str) -> list[Any]:
    """The values of a range such as ``16:1024:*2`` or ``0:100:+25``, both ends included; or the one value."""
    found = RANGE.fullmatch(text.strip())
    if found is None:
        number = _number(text)
        return [text.strip() if number is None else number]
    first, last, by, step = _number(found[1]), _number(found[2]), found[3] or "+", _number(found[4] or "")
    if first is None or last is None or step is None:
        raise UserError(f"{where}: range {text!r} is not first:last:step; write for example 16:1024:*2 or 0:100:+25")
    if first > last or (step <= 1 or first <= 0 if by == "*" else step <= 0):
        raise UserError(f"{where}: range {text!r} does not end; let it rise from first to last, by +step or *factor")
    most = math.log(last / first) / math.log(step) if by == "*" else (last - first) / step
    if most >= MOST_POINTS:
        raise UserError(
            f"{where}: range {text!r} has {int(most) + 1:,} values, more than {MOST_POINTS:,}; widen the step"
        )
    values: list[Any] = []
    begin, width = _exact(first), _exact(step)
    while True:
        value = begin * width ** len(values) if by == "*" else begin + width * len(values)
        if value > last * (1 + 1e-12):
            return values
        values.append(value if isinstance(value, int) else float(value))


def _exact(number: float) -> int | Decimal:
    """The decimal number that is written: 0.2 and two times 0.2 make 0.6, which they do not in binary."""
    return number if isinstance(number, int) else Decimal(str(number))


def _number(text: str) -> int | float | None:
    try:
        return int(text, 0)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None


def _texts(value: Any, where: str) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
        raise UserError(f"{where} should be a list of names, is {value!r}")
    if len(set(found)) < len(found):
        raise UserError(f"{where} names one twice; name each once")
    return tuple(found)
