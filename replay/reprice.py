"""Reprice: one count at many choices of prices, as arrays; the numbers are those that ``replay.price`` gives for each.

A *lane* is one choice of prices.  What no stated price moves is worked out once for all lanes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from replay import bounds
from replay.bounds import Spending
from replay.count import Counts
from replay.errors import UserError
from replay.idle import beyond, steps_of
from replay.machine import Machine
from replay.model import IDLE
from replay.price import BOUNDS, Charged, amounts_of, busy_cycles, spread, waits_of
from replay.primitives import DEVICE_UNIT, Prices, primitives
from replay.trace.schema import ServiceClass
from replay.waiting import LANES, add_rounded, make_lanes, wait_lanes

ROOM = float(1 << 62)
"""No sum of cycles may reach it: they are 64-bit integers."""

Lanes = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Primitive -> its value, low and high by lane, in cycles; arrays of one where alike in all."""


@dataclass(frozen=True)
class PricePoints:
    """Choices of prices: ``values`` [lane, name] in the price set's units."""

    names: tuple[str, ...]
    values: np.ndarray

    @property
    def size(self) -> int:
        """Lanes."""
        return int(self.values.shape[0])

    def given(self, lane: int) -> dict[str, float]:
        """What the user states at one lane."""
        return dict(zip(self.names, self.values[lane].tolist(), strict=True))


class Side(NamedTuple):
    """What a model's counts cost, by lane; the first axis of each is value, low, high."""

    counters: tuple[str, ...]
    """Those that cost anything at any lane."""
    counts: np.ndarray  # i64[counters]: at the prices' values; of the idle counter as recorded
    idle: np.ndarray  # i64[3, lanes]
    cycles: np.ndarray  # i64[3, counters, lanes]
    spending: Spending


class Repriced(NamedTuple):
    """A run beside its bare machine, by lane."""

    ours: Side
    bare: Side
    totals: dict[str, np.ndarray]
    """The numbers of a result document's ``total`` by name, and ``idle`` and ``native_idle``."""


def reprice(
    ours: tuple[Counts, Charged],
    bare: tuple[Counts, Charged],
    machine: Machine,
    points: PricePoints,
    shared: tuple[Counts, Charged] | None = None,
) -> Repriced:
    """Both sides on ``machine`` at each of ``points``; ``shared`` is what all ask of the same memory.

    Raises UserError for sums that 64 bits do not hold.
    """
    asking = [side for side in (ours, bare, shared) if side and side[0].requests.n.size]
    if not asking:
        return _reprice(ours, bare, machine, points, {})
    parts = []
    for lane in range(points.size):  # how long a request waits for its node follows from all prices at once
        given = points.given(lane)
        waits = {name: wait for side in asking for name, wait in waits_of(*side, machine, given).items()}
        parts.append(_reprice(ours, bare, machine, PricePoints(points.names, points.values[lane : lane + 1]), waits))
    totals = {name: np.concatenate([part.totals[name] for part in parts]) for name in parts[0].totals}
    return Repriced(_joined([part.ours for part in parts]), _joined([part.bare for part in parts]), totals)


def _joined(lanes: Sequence[Side]) -> Side:
    """Sides of one lane each as one; a counter that costs nothing at some is 0 there."""
    most = max(lanes, key=lambda side: len(side.counters))
    cycles = np.zeros((len(BOUNDS), len(most.counters), len(lanes)), np.int64)
    for lane, side in enumerate(lanes):
        cycles[:, [most.counters.index(counter) for counter in side.counters], lane] = side.cycles[:, :, 0]
    idle = np.concatenate([side.idle for side in lanes], axis=1)
    return most._replace(idle=idle, cycles=cycles)


def _reprice(
    ours: tuple[Counts, Charged], bare: tuple[Counts, Charged], machine: Machine, points: PricePoints, waits: Prices
) -> Repriced:
    stated = dict.fromkeys(points.names, 0.0)
    prices = primitives(machine, ours[0].meta, stated) | waits
    lanes = _lanes(machine, prices, points)
    same = bare[0] is ours[0]
    asked = [(*side, prices, lanes, points.size) for side in ([ours] if same else [ours, bare])]
    if points.size < LANES:  # sooner done than a thread is started
        sides = [_side(*one) for one in asked]
    else:
        with ThreadPoolExecutor(2) as pool:
            sides = list(pool.map(lambda one: _side(*one), asked))
    first, last = sides[0], sides[-1]
    ratio = bounds.of_ratio(first.spending, last.spending, {name: range_[1:] for name, range_ in lanes.items()})
    return Repriced(first, last, _totals(first, last, machine, ratio))


def _lanes(machine: Machine, prices: Prices, points: PricePoints) -> Lanes:
    found: Lanes = {}
    for name, record in prices.items():
        if record.stated:
            cycles = points.values[:, points.names.index(name)] * machine.factor(machine.prices[name].unit)
            found[name] = cycles, cycles, cycles
        else:
            found[name] = np.array([record.value]), np.array([record.low]), np.array([record.high])
    return found


def _side(counts: Counts, model: Charged, prices: Prices, lanes: Lanes, size: int) -> Side:
    amounts, unit = amounts_of(counts, model), prices[DEVICE_UNIT].value
    idle, least, most = _idle(counts, amounts, prices, lanes, size)
    counters, cycles, ticks = _cycles(counts, model, lanes, idle, size)
    total = cycles.sum(axis=1)
    if IDLE in counters:  # as replay.price lets no rounding of rows turn their order
        at = counters.index(IDLE)
        cycles[1, at] -= np.maximum(0, total[1] - total[0])
        cycles[2, at] += np.maximum(0, total[0] - total[2])
    waited, moments = (least * unit, most * unit), counts.timeline.moments
    spending = Spending(amounts, *waited, cycles[1].sum(axis=0), counts.meta.vcpus, moments)
    return Side(counters, ticks, idle, cycles, spending)


def _idle(
    counts: Counts, amounts: Mapping[str, np.ndarray], prices: Prices, lanes: Lanes, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Idle units by lane: i64[3, lanes] at the bounds of prices, and the least and the most that any prices leave."""
    moments = counts.timeline.moments
    if moments.reason:
        found = np.full((3, size), moments.recorded)
        return found, found[0], found[0]
    unit = prices[DEVICE_UNIT].value
    stated = [name for name in sorted(amounts) if prices[name].stated]
    unstated = {name: many for name, many in amounts.items() if not prices[name].stated}
    table = np.stack([amounts[name][:-1] for name in stated], 1) if stated else np.zeros((moments.row.size, 0))
    values = np.stack([lanes[name][0] for name in stated]) if stated else np.zeros((0, size))
    steps, idle = steps_of(moments), np.zeros((3, size))
    scratch = make_lanes(counts.meta.vcpus, steps.slots)
    for at, bound in enumerate(BOUNDS):
        fixed = busy_cycles(unstated, moments, prices, bound)
        for first in range(0, size, LANES):
            wait_lanes(*steps[:4], fixed, table, values, unit, *scratch, idle[at], first, min(first + LANES, size))
    whole = np.rint(idle).astype(np.int64)
    apart = beyond(moments, spread(amounts, prices) / unit)
    return whole, np.maximum(0, whole.min(axis=0) - apart), whole.max(axis=0) + apart


def _cycles(
    counts: Counts, model: Charged, lanes: Lanes, idle: np.ndarray, size: int
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Counters that cost anything, their cycles i64[3, counters, lanes], and how often each ticked."""
    by_place, classes = counts.by_place(), np.array([place.klass for place in counts.places])
    counters, found, ticks = [], [], []
    for counter, cost in model.priced.items():
        mine = by_place[:, counts.counters.index(counter)]
        if counter == IDLE:
            if not idle.any():
                continue
            resting = np.flatnonzero(classes == ServiceClass.IDLE)
            place = int(resting[0]) if resting.size else 0
            terms = cost.names(ServiceClass(classes[place]))
            made = _rounded(idle.reshape(1, -1), _lane_costs(terms, lanes, size))
        elif mine.any():
            made = np.zeros((len(BOUNDS), size), np.int64)
            for names, n in _by_cost(cost, mine, classes).items():
                made += _rounded(n[:, None], _lane_costs(dict(names), lanes))
        else:
            continue
        counters.append(counter)
        found.append(made)
        ticks.append(int(mine.sum()))
    cycles = np.stack(found, 1) if found else np.zeros((3, 0, size), np.int64)
    return tuple(counters), cycles, np.array(ticks, np.int64)


def _by_cost(cost: Any, n: np.ndarray, classes: np.ndarray) -> dict[tuple[tuple[str, float], ...], np.ndarray]:
    """The counts ``n`` by place that are not 0, by the terms of what they cost there."""
    found: dict[tuple[tuple[str, float], ...], list[np.ndarray]] = {}
    for klass in np.unique(classes[n != 0]):
        terms = tuple(cost.names(ServiceClass(klass)).items())
        found.setdefault(terms, []).append(n[(classes == klass) & (n != 0)])
    return {terms: np.concatenate(parts) for terms, parts in found.items()}


def _lane_costs(terms: Mapping[str, float], lanes: Lanes, size: int = 1) -> np.ndarray:
    """Cycles that one tick costs, f64[3, lanes]: of one lane where alike in all, but at least of ``size`` lanes."""
    costs = np.zeros((len(BOUNDS), size))
    for name, times in terms.items():
        costs = costs + times * np.stack(lanes[name])
    return costs


def _rounded(n: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Sum of ``n`` (i64[numbers, bounds and lanes, or 1]) times ``costs`` [bounds, lanes], each in whole cycles."""
    total = np.zeros(costs.shape, np.int64)
    most = n.sum(axis=0, dtype=np.float64).max() * costs.max()
    if most >= ROOM or add_rounded(np.ascontiguousarray(n), costs.reshape(-1), total.reshape(-1)):
        raise UserError("a price makes more cycles than a sweep can add up; state smaller prices")
    return total


def _totals(ours: Side, bare: Side, machine: Machine, ratio: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    cycles, low, high = ours.cycles.sum(axis=1)
    native = bare.cycles[0].sum(axis=0)
    beside = np.divide(cycles, native, out=np.ones(cycles.size), where=native != 0)
    return {
        "cycles": cycles,
        "low": low,
        "high": high,
        "native": native,
        "overhead": beside,
        **ratio,
        "seconds": cycles / machine.clock_hz,
        "native_seconds": native / machine.clock_hz,
        "idle": ours.idle[0],
        "native_idle": bare.idle[0],
    }
