"""Bounds of a ratio of two runs of one trace, each price anywhere within its own bounds and the same on both sides.

Arrays are by *lane*: one lane for each choice of prices that is looked at, at once and each by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.idle import Moments

MOST_STEPS = 64
"""Dinkelbach's iteration takes a handful; a price of 0 everywhere must not make it run on."""

Interval = tuple[np.ndarray, np.ndarray]
"""The least and the greatest that something can be, by lane; or of one element, alike in all of them."""


class Spending(NamedTuple):
    """What one side of a ratio spent, in terms of primitives, and what it waited."""

    amounts: dict[str, np.ndarray]  # primitive -> how many, in each stretch between device rows
    waited_low: np.ndarray  # by lane, cycles of idle time: the bounds of what prices can leave of it
    waited_high: np.ndarray
    least: np.ndarray  # by lane: cycles in all, idle time included, with every price at its low bound
    clocks: int  # vCPUs, whose ends add up to the total
    moments: Moments  # the device rows that its waits follow from


def of_ratio(ours: Spending, bare: Spending, prices: Mapping[str, Interval]) -> dict[str, np.ndarray]:
    """``overhead_low`` and ``overhead_high`` by lane: no choice of ``prices`` takes the totals' ratio beyond them.

    Two bounds hold, and the tighter one counts.  As sums: every price moves on both sides at once, and each side's
    idle time by itself.  As paths, where both sides wait for the same: a run ends where the longest chain of work and
    device latency does, so one that does more here and less there ends later by no more than all that it does more.
    """
    low, high = _as_sums(ours, bare, prices)
    if _wait_alike(ours.moments, bare.moments):
        least, most = _as_paths(ours, bare, prices)
        low, high = np.maximum(low, least), np.minimum(high, most)
    return {"overhead_low": low, "overhead_high": high}


def _wait_alike(one: Moments, other: Moments) -> bool:
    """Whether waits follow from the same device rows, or last as long; a VM's are shorter while others have its CPU."""
    return (one.row.size, one.recorded, one.reason) == (other.row.size, other.recorded, other.reason)


def _as_paths(ours: Spending, bare: Spending, prices: Mapping[str, Interval]) -> Interval:
    more = less = np.zeros(bare.least.size)
    for name in sorted({*ours.amounts, *bare.amounts}):
        beyond = np.subtract(ours.amounts.get(name, 0.0), bare.amounts.get(name, 0.0))
        more = more + float(beyond.clip(min=0).sum()) * prices[name][1]
        less = less - float(beyond.clip(max=0).sum()) * prices[name][1]
    known = bare.least != 0
    least = np.where(known, bare.least, 1)
    low, high = 1 - ours.clocks * less / least, 1 + ours.clocks * more / least
    return np.where(known, low, 0.0), np.where(known, high, np.inf)


def _as_sums(ours: Spending, bare: Spending, prices: Mapping[str, Interval]) -> Interval:
    """Idle time of a side is one thing bought once, whose price has the bounds of that time."""
    ranges = dict(prices)
    amounts = []
    for name, side in (("", ours), (" ", bare)):  # no primitive is called so
        ranges[name] = side.waited_low, side.waited_high
        amounts.append({primitive: float(spent.sum()) for primitive, spent in side.amounts.items()} | {name: 1.0})
    return _extreme(amounts[0], amounts[1], ranges, np.minimum), _extreme(amounts[0], amounts[1], ranges, np.maximum)


def _extreme(
    ours: dict[str, float], bare: dict[str, float], ranges: Mapping[str, Interval], side: Callable[[Any, Any], Any]
) -> np.ndarray:
    """Least or greatest ratio of two sums whose prices move together, by Dinkelbach's iteration."""
    names = sorted({*ours, *bare})
    ratio = np.ones(ranges[""][0].size)
    moving = np.ones(ratio.size, bool)
    for _ in range(MOST_STEPS):
        above = below = np.zeros(ratio.size)
        for name in names:
            slope = ours.get(name, 0) - ratio * bare.get(name, 0)
            low, high = ranges[name]
            chosen = np.where(side(slope * low, slope * high) == slope * low, low, high)
            above, below = above + chosen * ours.get(name, 0), below + chosen * bare.get(name, 0)
        step = np.where(below != 0, above / np.where(below != 0, below, 1), 1.0)
        previous, ratio = ratio, np.where(moving, step, ratio)
        moving &= np.abs(ratio - previous) > 1e-12 * previous
        if not moving.any():
            break
    return ratio
