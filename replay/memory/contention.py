"""Requests queue at the controllers of nodes: how long one waits on average, from counts and prices alone.

A controller serves one request at a time, each in the same time, and requests come at random: a queue M/D/1.  With a
load ``r`` below 1, its requests over a window times the service time by how long the window lasts, one waits

    service time * r / (2 * (1 - r))

Windows are of instructions retired by each CPU; those of the same number are taken to run at the same time on all CPUs
that ask for anything in them.  A window lasts as long as its instructions and misses take a CPU, waits included: of all
lengths there is one at which it fits.  Only the node that holds a page is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from replay.records import Record

NOTE = "Queue M/D/1 at the controllers of nodes, of the requests counted; rests on controller_service."
STEPS = 60
"""Halvings: lengths of windows are found to a part in 2 ** STEPS."""

SERVICE, LOCAL, REMOTE = "controller_service", "local_wait", "remote_wait"
"""Primitives: how long a controller serves a request, and how long one to a near or a far node waits for that."""


class Requests(NamedTuple):
    """What CPUs asked of nodes."""

    n: np.ndarray  # i64[windows, cpus, nodes]
    node: np.ndarray  # u8[cpus]: node that a CPU is on
    window: int  # instructions of each CPU

    @property
    def local(self) -> np.ndarray:
        """bool[cpus, nodes]: where a node is the CPU's own."""
        mine: np.ndarray = self.node[:, None] == np.arange(self.n.shape[2])
        return mine


class Latency(NamedTuple):
    """Cycles: of an instruction with all that is no miss, and of misses that do not wait."""

    instruction: float
    local: float
    remote: float


NO_REQUESTS = Requests(np.zeros((0, 0, 0), np.int64), np.zeros(0, np.uint8), 1)
"""What counts hold where nobody waits."""


def waits(requests: Requests, latency: Latency, service: float) -> tuple[float, float]:
    """Average cycles that a request to the CPU's own node waits, and one to another; ``service`` is in cycles."""
    if not requests.n.any():
        return 0.0, 0.0
    n = requests.n.astype(np.float64)
    load = n.sum(axis=1)
    asking = np.maximum(1, (requests.n.sum(axis=2) > 0).sum(axis=1))
    missing = n * np.where(requests.local, latency.local, latency.remote)
    unqueued = requests.window * latency.instruction + missing.sum(axis=(1, 2)) / asking
    each = wait(load, _lengths(load, asking, unqueued, service), service)
    waited = n * each[:, None, :]
    total = [float(waited[:, side].sum()) for side in _sides(requests)]
    asked = [float(n[:, side].sum()) for side in _sides(requests)]
    local, remote = (t / a if a else 0.0 for t, a in zip(total, asked, strict=True))
    return local, remote


def wait(load: np.ndarray, length: np.ndarray, service: float) -> np.ndarray:
    """By window and node: cycles that a request waits where ``load`` of them come within ``length`` cycles."""
    busy = np.minimum(load * service / length[:, None], 1 - 1e-9)
    found: np.ndarray = service * busy / (2 * (1 - busy))
    return found


def _sides(requests: Requests) -> Iterable[np.ndarray]:
    return requests.local, ~requests.local


def _lengths(load: np.ndarray, asking: np.ndarray, unqueued: np.ndarray, service: float) -> np.ndarray:
    """By window: the cycles at which what a CPU takes and what it waits add up to them."""
    low = np.maximum(unqueued, load.max(axis=1, initial=0) * service)
    high = 2 * low + 1
    while (grows := _taken(load, asking, unqueued, high, service) > high).any():
        high[grows] *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        short = _taken(load, asking, unqueued, middle, service) > middle
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    found: np.ndarray = high
    return found


def _taken(
    load: np.ndarray, asking: np.ndarray, unqueued: np.ndarray, length: np.ndarray, service: float
) -> np.ndarray:
    taken: np.ndarray = unqueued + (load * wait(load, length, service)).sum(axis=1) / asking
    return taken


def wait_prices(
    requests: Requests, prices: Mapping[str, Record], names: tuple[str, str], instruction: float
) -> dict[str, Record]:
    """The primitives of waits, near and far, that follow from what was asked; those that the user states stay.

    ``instruction`` is what one takes, in cycles, with all that is no miss.  The bounds are the waits for the shortest
    and for the longest service; none may be shorter than 0.
    """
    service = prices[SERVICE]
    latency = Latency(instruction, prices["local_miss"].value, prices["remote_miss"].value)
    value, low, high = (waits(requests, latency, getattr(service, bound)) for bound in ("value", "low", "high"))
    return {
        name: Record(name, value[at], "cycles", low[at], high[at], "assumed", NOTE)
        for at, name in enumerate(names)
        if not prices[name].stated
    }
