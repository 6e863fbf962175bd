"""Price: counts joined with prices give cycles and seconds, with bounds.  Changing a price never replays a trace.

A row's cycles are rounded to whole cycles once, so that rows add up to the total exactly, in integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from replay import bounds
from replay.bill import bill
from replay.bounds import Spending
from replay.count import Counts
from replay.errors import UserError
from replay.idle import Idle, Moments, recompute
from replay.machine import Machine
from replay.memory.contention import wait_prices
from replay.memory.parameters import on_machine, wait_names
from replay.model import IDLE, Cost, Model
from replay.primitives import DEVICE_UNIT, Prices, primitives, stated
from replay.tariff import Tariff
from replay.trace.schema import ServiceClass

RANK = ("cited", "given", "derived", "assumed")
"""Sources from the strongest to the weakest; a sum is as weak as its weakest part."""

BOUNDS = ("value", "low", "high")
"""Fields of a record, in the order of what is worked out three times over."""

Charged = Model | Tariff
"""What counts are priced by: a model, or what is kept of one."""


class CostValue(NamedTuple):
    """What one tick of a counter costs in a class of services, in cycles."""

    value: float
    low: float
    high: float
    source: str
    assumed: tuple[str, ...]


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


class Charge(NamedTuple):
    """One side of a result: what a model's counts cost."""

    rows: list[dict[str, Any]]
    idle: Idle
    spending: Spending


def charge(counts: Counts, model: Charged, prices: Prices) -> Charge:
    """``counts`` priced, with the idle time that these prices leave."""
    costs = cost_table(counts.classes, model, prices)
    amounts, unit = amounts_of(counts, model), prices[DEVICE_UNIT].value
    moments = counts.timeline.moments
    busy = [busy_cycles(amounts, moments, prices, bound) / unit for bound in BOUNDS]
    idle = recompute(moments, busy, spread(amounts, prices) / unit)
    rows = price_rows(counts, model, costs, idle)
    least = np.array([sum(row["low"] for row in rows)])
    waited = np.array([idle.least * unit]), np.array([idle.most * unit])
    return Charge(rows, idle, Spending(amounts, *waited, least, counts.meta.vcpus, moments))


def busy_cycles(amounts: Mapping[str, np.ndarray], moments: Moments, prices: Prices, bound: str) -> np.ndarray:
    """Cycles that a guest is busy before each of ``moments``, all prices at ``bound``, a field of a record.

    Prices that the user states are added last: what comes before is the same for every choice of these.
    """
    busy = np.zeros(moments.row.size)
    for name in sorted(amounts, key=lambda name: (prices[name].stated, name)):
        busy += amounts[name][:-1] * getattr(prices[name], bound)
    return busy


def spread(amounts: Mapping[str, np.ndarray], prices: Prices) -> float:
    """Cycles that lie between all prices at their low and all at their high bounds, until the last device row."""
    return sum(
        (float(amounts[name][:-1].sum()) * (prices[name].high - prices[name].low) for name in sorted(amounts)), 0.0
    )


def cost_table(
    classes: Iterable[ServiceClass], model: Charged, prices: Prices
) -> dict[tuple[ServiceClass, str], CostValue]:
    """What one tick costs, by class of services and counter.  Raises UserError for a primitive without a price."""
    return {
        (klass, counter): evaluate(cost, klass, prices, f"counter {counter} of model {model.name}")
        for klass in classes
        for counter, cost in model.priced.items()
    }


def price_rows(
    counts: Counts, model: Charged, costs: Mapping[tuple[ServiceClass, str], CostValue], idle: Idle
) -> list[dict[str, Any]]:
    """One row per place and counter that was counted and costs, in whole cycles; ``idle`` in place of what was counted.

    ``low`` and ``high`` are cycles with every price at that bound: dear prices leave less idle time.
    """
    rows = []
    for place, ticks in zip(counts.places, _with_idle(counts, idle), strict=True):
        for counter, n in zip(counts.counters, ticks.tolist(), strict=True):
            if any(n) and (place.klass, counter) in costs:
                cost = costs[place.klass, counter]
                rows.append(
                    {
                        "service": place.service,
                        "class": place.klass.name.lower(),
                        "work": place.work,
                        "region": counts.regions[place.region].name,
                        "mechanism": model.mechanism(counter),
                        "counter": counter,
                        "count": n[0],
                        "price": cost.value,
                        "unit": "cycles",
                        "source": cost.source,
                        "cycles": _whole(n[0], cost.value),
                        "low": _whole(n[1], cost.low),
                        "high": _whole(n[2], cost.high),
                    }
                )
    _settle_rounding(rows)
    return rows


def _with_idle(counts: Counts, idle: Idle) -> np.ndarray:
    """Counts by place and counter at the value, low and high of each price: int64 [place, counter, 3]."""
    table = np.repeat(counts.by_place()[:, :, None], 3, axis=2)
    if IDLE in counts.counters:
        resting = [at for at, place in enumerate(counts.places) if place.klass == ServiceClass.IDLE]
        table[:, counts.counters.index(IDLE)] = 0
        table[resting[0] if resting else 0, counts.counters.index(IDLE)] = idle.value, idle.low, idle.high
    return table


def _settle_rounding(rows: list[dict[str, Any]]) -> None:
    """A run that waits for a disk anyway takes as long at other prices: let no rounding of rows turn their order."""
    total, low, high = (sum(row[field] for row in rows) for field in ("cycles", "low", "high"))
    for row in rows:
        if row["counter"] == IDLE:
            row["low"] -= max(0, low - total)
            row["high"] += max(0, total - high)


def _whole(n: int, cycles: float) -> int:
    return round(n * Fraction(cycles))


def price(
    counts: Counts,
    model: Charged,
    machine: Machine,
    given: Mapping[str, Any] | None = None,
    native: tuple[Counts, Charged] | None = None,
    waits: Prices | None = None,
) -> dict[str, Any]:
    """The result document: ``counts`` priced on ``machine``, beside the ``native`` counts of the same trace.

    ``given`` are the prices that the user states, ``waits`` those that follow from what others ask of the same memory.
    ``total.overhead`` is cycles over native cycles; its bounds move each price within its own bounds, on both sides of
    the ratio at once, and each side's idle time within what these prices can leave of it.  Raises UserError.
    """
    prices = primitives(machine, counts.meta, given)
    bare_counts, bare_model = native or (counts, model)
    model, bare_model = (_there(m, machine, c) for m, c in ((model, counts), (bare_model, bare_counts)))
    follow = _waits(counts, model, prices) | _waits(bare_counts, bare_model, prices) | (waits or {})
    own = {name: record for name, record in stated(machine, given).items() if name not in follow}
    prices |= follow
    ours = charge(counts, model, prices)
    alone = bare_counts is counts and bare_model.name == model.name  # a bare machine stands beside itself
    bare = ours if alone else charge(bare_counts, bare_model, prices)
    ranges = price_ranges(prices)
    return {
        "trace": _trace(counts),
        "model": model.name,
        "baseline": bare_model.name,
        "machine": machine.name,
        "fidelity": model.fidelity[counts.meta.architecture],
        "rules": list(model.rules.get(counts.meta.architecture, ())),
        "incorrect": _incorrect(counts, model),
        "settings": dict(counts.settings),
        "interval": counts.interval,
        "total": _total(ours.rows, bare.rows, machine) | _ratio(ours.spending, bare.spending, ranges),
        "busy": _busy(ours, bare, ranges),
        "idle": _idle(counts, ours.idle, bare.idle),
        "rows": ours.rows,
        "native_rows": [dict(row) for row in bare.rows],
        "services": _services(counts, ours.rows, bare_counts, bare.rows),
        "regions": [{"region": r.name, "marks": list(r.marks), "begun": r.begun} for r in counts.regions if r.marks],
        "bill": bill({"model": model, "native": bare_model}, own, prices, machine),
        "assumptions": _assumptions((ours.spending, bare.spending), prices, machine),
    }


def waits_of(counts: Counts, model: Charged, machine: Machine, given: Mapping[str, Any] | None = None) -> Prices:
    """What a request to a node's memory waits for it under ``model``, at prices as ``price`` takes them."""
    return _waits(counts, _there(model, machine, counts), primitives(machine, counts.meta, given))


def _waits(counts: Counts, model: Charged, prices: Prices) -> Prices:
    """What a request to a node's memory waits for it under ``model``; nothing where nobody waits."""
    if not counts.requests.n.size:
        return {}
    costs = cost_table(counts.classes, model, prices)
    names = wait_names(model.name == model.baseline)
    told = {counter for counter, cost in model.costs.items() if set(names) & {term for term, _ in cost.terms}}
    busy = sum(
        int(ticks[counts.counters.index(counter)]) * cost.value
        for place, ticks in zip(counts.places, counts.by_place(), strict=True)
        for (klass, counter), cost in costs.items()
        if klass == place.klass and counter not in (IDLE, *told)
    )
    return wait_prices(counts.requests, prices, names, busy / max(1, counts.total("instructions")))


def _there(model: Charged, machine: Machine, counts: Counts) -> Charged:
    """``model`` as it was where it was counted; a tariff says that already."""
    return on_machine(model, machine, counts.settings) if isinstance(model, Model) else model


def price_ranges(prices: Prices) -> dict[str, bounds.Interval]:
    """Low and high bound of each price."""
    return {name: (np.array([record.low]), np.array([record.high])) for name, record in prices.items()}


def _ratio(ours: Spending, bare: Spending, ranges: Mapping[str, bounds.Interval]) -> dict[str, float]:
    return {name: float(found[0]) for name, found in bounds.of_ratio(ours, bare, ranges).items()}


def _busy(ours: Charge, bare: Charge, ranges: Mapping[str, bounds.Interval]) -> dict[str, float]:
    """Cycles of all but idle time under the model and on bare hardware, and their ratio with its bounds."""
    sides = [[row for row in side.rows if row["counter"] != IDLE] for side in (ours, bare)]
    cycles, native = (sum(row["cycles"] for row in rows) for rows in sides)
    none = np.zeros(1)
    spent = [
        side.spending._replace(waited_low=none, waited_high=none, least=np.array([sum(row["low"] for row in rows)]))
        for side, rows in zip((ours, bare), sides, strict=True)
    ]
    ratio = {"cycles": cycles, "native": native, "overhead": cycles / native if native else 1.0}
    return ratio | _ratio(spent[0], spent[1], ranges)


def _incorrect(counts: Counts, model: Charged) -> dict[str, Any] | None:
    """Sensitive instructions of the guest that should have trapped and did not, if there were any."""
    missed = counts.total(model.incorrect) if model.incorrect else 0
    return {"counter": model.incorrect, "count": missed} if missed else None


def _idle(counts: Counts, ours: Idle, bare: Idle) -> dict[str, Any]:
    """Idle time in device-time units: as recorded, under the model and on bare hardware."""
    return {
        "recorded": counts.timeline.moments.recorded,
        "recomputed": ours.value,
        "low": ours.least,
        "high": ours.most,
        "native": bare.value,
        "native_low": bare.least,
        "native_high": bare.most,
        "seconds_per_unit": 1 / counts.meta.instructions_per_second,
        "as_recorded": counts.timeline.moments.reason,
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


def amounts_of(counts: Counts, model: Charged) -> dict[str, np.ndarray]:
    """Primitive -> how many of it were spent between device rows, in all but idle time; the last is after them all."""
    ticks = counts.by_stretch()
    spent: np.ndarray = np.asarray(ticks.any(axis=0))
    amounts: dict[str, np.ndarray] = {}
    for klass, counter in product(counts.classes, model.priced):
        at = counts.classes.index(klass), counts.counters.index(counter)
        for name, times in model.costs[counter].names(klass).items() if counter != IDLE and spent[at] else ():
            amounts[name] = amounts.get(name, np.zeros(len(ticks))) + times * ticks[:, *at]
    return amounts


def _trace(counts: Counts) -> dict[str, Any]:
    meta = counts.meta
    return {
        "workload": meta.workload,
        "arguments": list(meta.arguments),
        "architecture": meta.architecture,
        "vcpus": meta.vcpus,
        "digest": counts.digest,
        "unfinished": counts.unfinished,
        "synthesized": counts.synthesized,
    }


def _assumptions(sides: tuple[Spending, ...], prices: Prices, machine: Machine) -> list[dict[str, Any]]:
    """Every assumed value that the result rests on, as its record."""
    names = sorted({name for side in sides for name in side.amounts if prices[name].assumed})
    records = [prices[name] for name in names] + [machine.parameters["clock"]]
    return [asdict(record) for record in records if record.assumed]
