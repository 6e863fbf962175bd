"""Many choices of prices for several virtual machines on one machine: each repriced beside its own bare machine.

The numbers are those that ``replay.sched.charge`` gives for each choice, of one trace alone ``replay.reprice``'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from replay.machine import Machine
from replay.price import Charged
from replay.reprice import PricePoints, Repriced, Side, reprice
from replay.sched.charge import SUMMED, Counted

FIELDS = ("cycles", "low", "high", "native", "idle", "native_idle")
"""Totals of all VMs that are sums of whole numbers."""


def reprice_together(
    counted: Counted, model: Charged, native: Charged, machine: Machine, points: PricePoints
) -> tuple[Repriced, list[Repriced]]:
    """All VMs at each of ``points``, and each of them.  Raises UserError for sums that 64 bits do not hold."""
    shared = (counted.counts, model) if counted.members else None
    each = [
        reprice((own, model), (bare, native), machine, points, shared)
        for own, bare in zip(counted.own, counted.bare, strict=True)
    ]
    return (together(each) if counted.members else each[0]), each


def together(each: Sequence[Repriced]) -> Repriced:
    """VMs as one: sums, and bounds of the overhead between the least and the greatest of theirs."""
    totals = {name: np.sum([one.totals[name] for one in each], axis=0) for name in FIELDS}
    for name in SUMMED:
        if name not in totals:  # floats, added up as Python does it
            totals[name] = np.array([sum(lane) for lane in zip(*(o.totals[name].tolist() for o in each), strict=True)])
    cycles, native = totals["cycles"], totals["native"]
    totals["overhead"] = np.divide(cycles, native, out=np.ones(cycles.size), where=native != 0)
    totals["overhead_low"] = np.min([one.totals["overhead_low"] for one in each], axis=0)
    totals["overhead_high"] = np.max([one.totals["overhead_high"] for one in each], axis=0)
    ordered = {name: totals[name] for name in each[0].totals}
    return Repriced(_side([one.ours for one in each]), _side([one.bare for one in each]), ordered)


def _side(sides: Sequence[Side]) -> Side:
    """What all VMs' counts cost; the first's ``spending`` stands, as nobody asks that of several."""
    counters = tuple(dict.fromkeys(counter for side in sides for counter in side.counters))
    lanes = sides[0].cycles.shape[2]
    counts, cycles = np.zeros(len(counters), np.int64), np.zeros((3, len(counters), lanes), np.int64)
    for side in sides:
        at = [counters.index(counter) for counter in side.counters]
        counts[at] += side.counts
        cycles[:, at] += side.cycles
    return sides[0]._replace(
        counters=counters, counts=counts, idle=np.sum([side.idle for side in sides], axis=0), cycles=cycles
    )
