"""Bounds of a ratio of two runs of one trace, each price anywhere within its own bounds and the same on both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from replay.records import Record

MOST_STEPS = 64
"""Dinkelbach's iteration takes a handful; a price of 0 everywhere must not make it run on."""

Interval = tuple[float, float]
"""The least and the greatest that something can be."""


class Spending(NamedTuple):
    """What one side of a ratio spent, in terms of primitives, and what it waited."""

    amounts: dict[str, np.ndarray]  # primitive -> how many, in each stretch between device rows
    waited_low: float  # cycles of idle time: the bounds of what prices can leave of it
    waited_high: float
    least: int  # cycles in all, idle time included, with every price at its low bound
    clocks: int  # vCPUs, whose ends add up to the total


def of_ratio(ours: Spending, bare: Spending, prices: Mapping[str, Record]) -> dict[str, float]:
    """``overhead_low`` and ``overhead_high``: no choice of ``prices`` takes the ratio of the totals beyond them.

    Two bounds hold, and the tighter one counts.  As sums: every price moves on both sides at once, and each side's
    idle time by itself.  As paths: a run ends where the longest chain of work and device latency does, so one that
    does more here and less there ends later by no more than all that it does more.
    """
    sums, paths = _as_sums(ours, bare, prices), _as_paths(ours, bare, prices)
    return {"overhead_low": max(sums[0], paths[0]), "overhead_high": min(sums[1], paths[1])}


def _as_paths(ours: Spending, bare: Spending, prices: Mapping[str, Record]) -> Interval:
    if not bare.least:
        return 0.0, float("inf")
    more = less = 0.0
    for name in {*ours.amounts, *bare.amounts}:
        beyond = np.subtract(ours.amounts.get(name, 0.0), bare.amounts.get(name, 0.0))
        more += float(beyond.clip(min=0).sum()) * prices[name].high
        less -= float(beyond.clip(max=0).sum()) * prices[name].high
    return 1 - ours.clocks * less / bare.least, 1 + ours.clocks * more / bare.least


def _as_sums(ours: Spending, bare: Spending, prices: Mapping[str, Record]) -> Interval:
    """Idle time of a side is one thing bought once, whose price has the bounds of that time."""
    ranges = {name: (record.low, record.high) for name, record in prices.items()}
    amounts = []
    for name, side in (("", ours), (" ", bare)):  # no primitive is called so
        ranges[name] = side.waited_low, side.waited_high
        amounts.append({primitive: float(spent.sum()) for primitive, spent in side.amounts.items()} | {name: 1.0})
    return _extreme(amounts[0], amounts[1], ranges, min), _extreme(amounts[0], amounts[1], ranges, max)


def _extreme(
    ours: dict[str, float],
    bare: dict[str, float],
    ranges: Mapping[str, Interval],
    side: Callable[[float, float], float],
) -> float:
    """Least or greatest ratio of two sums whose prices move together, by Dinkelbach's iteration."""
    names = sorted({*ours, *bare})
    ratio = 1.0
    for _ in range(MOST_STEPS):
        chosen = {}
        for name in names:
            slope = ours.get(name, 0) - ratio * bare.get(name, 0)
            low, high = ranges[name]
            chosen[name] = low if side(slope * low, slope * high) == slope * low else high
        below = sum(chosen[n] * bare.get(n, 0) for n in names)
        above = sum(chosen[n] * ours.get(n, 0) for n in names)
        previous, ratio = ratio, above / below if below else 1.0
        if abs(ratio - previous) <= 1e-12 * previous:
            break
    return ratio
