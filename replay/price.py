"""Price: counts joined with prices give cycles and seconds, with bounds.  Changing a price never replays a trace.

A row's cycles are rounded to whole cycles once, so that rows add up to the total exactly, in integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any, NamedTuple

from replay.count import Counts
from replay.errors import UserError, unknown
from replay.machine import Machine
from replay.model import Cost, Model
from replay.records import Record, parse_price
from replay.trace.meta import TraceMeta
from replay.trace.schema import ServiceClass

DEVICE_UNIT = "device_unit"
"""The primitive that follows from trace and machine: how many cycles one unit of the trace's device time lasts."""

RANK = ("cited", "given", "derived", "assumed")
"""Sources from the strongest to the weakest; a sum is as weak as its weakest part."""

MOST_STEPS = 64
"""Dinkelbach's iteration takes a handful; a price of 0 everywhere must not make it run on."""

Prices = dict[str, Record]
"""Primitive -> its price in cycles."""


class CostValue(NamedTuple):
    """What one tick of a counter costs in a class of services, in cycles."""

    value: float
    low: float
    high: float
    source: str
    assumed: tuple[str, ...]


def primitives(machine: Machine, meta: TraceMeta, given: Mapping[str, Any] | None = None) -> Prices:
    """The machine's prices in cycles, those in ``given`` (in the price set's unit) replaced.  Raises UserError."""
    records = dict(machine.prices)
    for name, value in (given or {}).items():
        if name not in records:
            raise unknown("price", name, records, "replay machines")
        records[name] = records[name].given(parse_price(records[name], value))
    prices = {name: machine.cycles(record) for name, record in records.items()}
    unit = machine.clock_hz / meta.instructions_per_second
    note = f"clock over the trace's {meta.instructions_per_second} {meta.device_time_unit}s a second"
    prices[DEVICE_UNIT] = Record(DEVICE_UNIT, unit, "cycles", unit, unit, "derived: the trace, section metadata", note)
    return prices


def evaluate(cost: Cost, klass: ServiceClass, prices: Prices, why: str) -> CostValue:
    """``cost`` in a service of ``klass``; a primitive without a price is a UserError that names ``why``."""
    value = low = high = 0.0
    used = []
    for name, times in cost.names(klass).items():
        if name not in prices:
            raise UserError(f"{why} costs {name!r}, which the price set does not price; add [prices.{name}] to it")
        record = prices[name]
        value, low, high = value + times * record.value, low + times * record.low, high + times * record.high
        used.append(record)
    kinds = [record.source.partition(":")[0] for record in used]
    weakest = max(kinds, key=RANK.index)
    source = next(record.source for record, kind in zip(used, kinds, strict=True) if kind == weakest)
    return CostValue(value, low, high, source, tuple(r.name for r in used if r.assumed))


def price_rows(counts: Counts, model: Model, prices: Prices) -> list[dict[str, Any]]:
    """One row per place and counter that was counted and costs; ``cycles``, ``low`` and ``high`` are whole numbers."""
    rows = []
    priced = model.priced
    for place, ticks in zip(counts.places, counts.by_place(), strict=True):
        for counter, n in zip(counts.counters, ticks.tolist(), strict=True):
            if n == 0 or counter not in priced:
                continue
            why = f"counter {counter} of model {model.name}"
            cost = evaluate(priced[counter], place.klass, prices, why)
            rows.append(
                {
                    "service": place.service,
                    "work": place.work,
                    "mechanism": model.mechanism(counter),
                    "counter": counter,
                    "count": n,
                    "price": cost.value,
                    "unit": "cycles",
                    "source": cost.source,
                    "cycles": _whole(n, cost.value),
                    "low": _whole(n, cost.low),
                    "high": _whole(n, cost.high),
                }
            )
    return rows


def _whole(n: int, cycles: float) -> int:
    return round(n * Fraction(cycles))


def price(
    counts: Counts,
    model: Model,
    machine: Machine,
    given: Mapping[str, Any] | None = None,
    native: tuple[Counts, Model] | None = None,
) -> dict[str, Any]:
    """The result document: ``counts`` priced on ``machine``, beside the ``native`` counts of the same trace.

    ``given`` are the prices that the user states.  ``total.overhead`` is cycles over native cycles; its bounds move
    each price within its own bounds, on both sides of the ratio at once.  Raises UserError.
    """
    prices = primitives(machine, counts.meta, given)
    check_prices(model, prices, counts)
    bare_counts, bare_model = native or (counts, model)
    check_prices(bare_model, prices, bare_counts)
    rows, bare = price_rows(counts, model, prices), price_rows(bare_counts, bare_model, prices)
    amounts = _amounts(counts, model), _amounts(bare_counts, bare_model)
    return {
        "trace": _trace(counts),
        "model": model.name,
        "machine": machine.name,
        "fidelity": model.fidelity[counts.meta.architecture],
        "settings": dict(counts.settings),
        "interval": counts.interval,
        "total": _total(rows, bare, machine) | _overhead_bounds(*amounts, prices),
        "rows": rows,
        "native_rows": bare,
        "services": _services(counts, rows, bare_counts, bare),
        "assumptions": _assumptions(amounts, prices, machine),
    }


def _total(rows: list[dict[str, Any]], bare: list[dict[str, Any]], machine: Machine) -> dict[str, Any]:
    cycles, native = (sum(row["cycles"] for row in side) for side in (rows, bare))
    return {
        "native": native,
        "cycles": cycles,
        "overhead": cycles / native if native else 1.0,
        "low": sum(row["low"] for row in rows),
        "high": sum(row["high"] for row in rows),
        "seconds": cycles / machine.clock_hz,
        "native_seconds": native / machine.clock_hz,
    }


def _services(
    counts: Counts, rows: list[dict[str, Any]], bare_counts: Counts, bare: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Each service that was entered or took cycles, its work included, under the model and on bare hardware."""
    sides = {"": (counts.invocations(), rows), "native_": (bare_counts.invocations(), bare)}
    found: dict[str, dict[str, Any]] = {}
    for place in counts.places:
        fields = (f"{side}{what}" for what in ("invocations", "cycles") for side in sides)
        found.setdefault(place.service, {"service": place.service} | dict.fromkeys(fields, 0))
    for side, (invocations, priced) in sides.items():
        for name, n in invocations.items():
            found[name][f"{side}invocations"] += n
        for row in priced:
            found[row["service"]][f"{side}cycles"] += row["cycles"]
    return [line for line in found.values() if any(n for n in line.values() if isinstance(n, int))]


def check_prices(model: Model, prices: Prices, counts: Counts) -> None:
    """Raise UserError if the price set lacks a primitive that ``model`` could need with this trace."""
    for klass in sorted({place.klass for place in counts.places}):
        for counter, cost in model.priced.items():
            evaluate(cost, klass, prices, f"counter {counter} of model {model.name}")


def _amounts(counts: Counts, model: Model) -> dict[str, float]:
    """Primitive -> how many of it were spent in all: costs are sums, so the total is too."""
    amounts: dict[str, float] = {}
    for place, ticks in zip(counts.places, counts.by_place(), strict=True):
        for counter, n in zip(counts.counters, ticks.tolist(), strict=True):
            for name, times in model.costs[counter].names(place.klass).items() if n else ():
                amounts[name] = amounts.get(name, 0) + times * n
    return amounts


def _overhead_bounds(ours: dict[str, float], bare: dict[str, float], prices: Prices) -> dict[str, float]:
    return {
        "overhead_low": _extreme(ours, bare, prices, min),
        "overhead_high": _extreme(ours, bare, prices, max),
    }


def _extreme(
    ours: dict[str, float], bare: dict[str, float], prices: Prices, side: Callable[[float, float], float]
) -> float:
    """Least or greatest ratio of two sums whose prices move together, by Dinkelbach's iteration."""
    names = sorted({*ours, *bare})
    ratio = 1.0
    for _ in range(MOST_STEPS):
        chosen = {}
        for name in names:
            slope = ours.get(name, 0) - ratio * bare.get(name, 0)
            record = prices[name]
            chosen[name] = (
                record.low if side(slope * record.low, slope * record.high) == slope * record.low else record.high
            )
        below = sum(chosen[n] * bare.get(n, 0) for n in names)
        above = sum(chosen[n] * ours.get(n, 0) for n in names)
        previous, ratio = ratio, above / below if below else 1.0
        if abs(ratio - previous) <= 1e-12 * previous:
            break
    return ratio


def _trace(counts: Counts) -> dict[str, Any]:
    meta = counts.meta
    return {
        "workload": meta.workload,
        "arguments": list(meta.arguments),
        "architecture": meta.architecture,
        "vcpus": meta.vcpus,
        "digest": counts.digest,
    }


def _assumptions(amounts: tuple[dict[str, float], ...], prices: Prices, machine: Machine) -> list[dict[str, Any]]:
    """Every assumed value that the result rests on, as its record."""
    names = sorted({name for side in amounts for name in side if prices[name].assumed})
    records = [prices[name] for name in names] + [machine.parameters["clock"]]
    return [asdict(record) for record in records if record.assumed]
