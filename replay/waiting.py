"""Waiting, worked out for many prices at once: the compiled loops behind ``replay.idle`` and ``replay.reprice``.

What a guest waits for is the same at every price; only when it gets there differs.  So the device rows of a trace
become steps once, and each step is then taken for many *lanes*, one for each choice of prices, side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.jit import kernel

PASS, SAVE, MEET, REST = 0, 1, 2, 3
"""What a step does: nothing; keep the clock; wait until so long after a kept clock; wait so long."""

LANES = 64
"""Lanes in a block: the kept clocks of a block stay in the processor's caches."""

HALF, BIG = 0.5, float(1 << 51)
SPLIT = float((1 << 27) + 1)
"""Veltkamp's constant: cuts a number of 53 bits in two of 26."""


class Steps(NamedTuple):
    """What happens at the device rows of a trace, in order."""

    what: np.ndarray  # u8: PASS, SAVE, MEET or REST
    vcpu: np.ndarray  # u64
    slot: np.ndarray  # u64: which kept clock
    units: np.ndarray  # f64: device-time units
    slots: int
    """Clocks kept at once."""


class Lanes(NamedTuple):
    """Scratch of one block: LANES lanes each."""

    clock: np.ndarray  # f64[vcpus, LANES]
    kept: np.ndarray  # f64[slots, LANES]
    passed: np.ndarray  # f64[LANES]


def make_lanes(vcpus: int, slots: int) -> Lanes:
    """Scratch for so many clocks."""
    return Lanes(np.zeros((vcpus, LANES)), np.zeros((max(1, slots), LANES)), np.zeros(LANES))


@kernel
def wait_lanes(what, vcpu, slot, units, fixed, amounts, prices, unit, clock, kept, passed, idle, first, last):
    """Add to ``idle`` what lanes ``first`` to ``last`` (exclusive, at most LANES) wait, in device-time units.

    ``fixed`` are the cycles before each step that are alike in all lanes; ``amounts`` [step, primitive] times
    ``prices`` [primitive, lane] are added in order; ``unit`` cycles are a unit.
    """
    lanes = np.uint64(last - first)
    begin = np.uint64(first)
    clock[:] = 0.0
    for row in range(np.uint64(what.size)):
        step = np.uint64(row)
        for lane in range(lanes):
            passed[np.uint64(lane)] = fixed[step]
        for primitive in range(np.uint64(prices.shape[0])):
            amount = amounts[step, np.uint64(primitive)]
            if amount != 0.0:
                for lane in range(lanes):
                    passed[np.uint64(lane)] += amount * prices[np.uint64(primitive), begin + np.uint64(lane)]
        mine = vcpu[step]
        for lane in range(lanes):
            clock[mine, np.uint64(lane)] += passed[np.uint64(lane)] / unit
        act, where, more = what[step], slot[step], units[step]
        if act == SAVE:
            for lane in range(lanes):
                kept[where, np.uint64(lane)] = clock[mine, np.uint64(lane)]
        elif act == MEET:
            for lane in range(lanes):
                late = max(kept[where, np.uint64(lane)] + more, clock[mine, np.uint64(lane)])
                idle[begin + np.uint64(lane)] += late - clock[mine, np.uint64(lane)]
                clock[mine, np.uint64(lane)] = late
        elif act == REST:
            for lane in range(lanes):
                idle[begin + np.uint64(lane)] += more
                clock[mine, np.uint64(lane)] += more


@kernel
def add_rounded(n, cost, total):
    """Add to each of ``total`` (i64) the sum over ``n`` of n times the same place of ``cost``, each rounded.

    ``n`` is i64 [numbers, places], or [numbers, 1] where they are alike in all places.  Rounded as ``round`` rounds the
    exact product, halves to even.  Returns how many products were too large for that, 2 ** 51 cycles or more; those
    are left out.
    """
    large = 0
    alike = n.shape[1] == 1
    for place in range(np.uint64(cost.size)):
        lane = np.uint64(place)
        price, summed, where = cost[lane], np.int64(0), np.uint64(0) if alike else lane
        high = price * SPLIT
        upper = high - (high - price)
        lower = price - upper
        for number in range(np.uint64(n.shape[0])):
            times = float(n[np.uint64(number), where])
            product = times * price
            if product >= BIG:
                large += 1
                continue
            whole = np.rint(product)
            rest = product - whole
            if abs(rest) == HALF:
                cut = times * SPLIT
                front = cut - (cut - times)
                back = times - front
                error = ((front * upper - product) + front * lower + back * upper) + back * lower
                if error * rest > 0:  # beyond the half that the rounded product stands at
                    whole = product + rest
                elif error != 0.0:
                    whole = product - rest
            summed += np.int64(whole)
        total[lane] += summed
    return large
