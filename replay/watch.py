"""Watch: what a model counts between device rows, noted by the loop that counts, which so has to stop for none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.jit import by_reference, helper, inline
from replay.mapped import scratch

NEVER = np.int64(2**62)
"""A row, and a number of instructions, that no trace reaches."""


@by_reference
class Watch(NamedTuple):
    """Rows that are watched, and what each class of services counted on their vCPUs until them."""

    row: np.ndarray  # i64, ascending; the last is NEVER
    vcpu: np.ndarray  # u8 by watched row
    klass: np.ndarray  # u64 by place: which of the classes it belongs to, numbered from 0
    ticks: np.ndarray  # i64[watched rows, classes, counters] flat: since the vCPU's last watched row
    before: np.ndarray  # i64[vcpus, classes, counters] flat: until the vCPU's last watched row
    taken: np.ndarray  # i64[1]: watched rows that were counted
    counters: np.uint64
    cells: np.uint64  # classes * counters


def make_watch(row: np.ndarray, vcpu: np.ndarray, klass: np.ndarray, vcpus: int, counters: int) -> Watch:
    """Nothing was counted yet.  Raises UserError where there is no room for what will be."""
    cells = (int(klass.max()) + 1) * counters
    return Watch(
        row=np.append(row, NEVER).astype(np.int64),
        vcpu=np.append(vcpu, 0).astype(np.uint8),
        klass=klass.astype(np.uint64),
        ticks=scratch(np.dtype(np.int64), row.size * cells),
        before=np.zeros(vcpus * cells, np.int64),
        taken=np.zeros(1, np.int64),
        counters=np.uint64(counters),
        cells=np.uint64(cells),
    )


def forget(watch: Watch) -> None:
    """What was counted so far was there before: it is nobody's."""
    watch.ticks[: watch.taken[0] * int(watch.cells)] = 0
    watch.before[:] = 0


def ticks_of(watch: Watch) -> np.ndarray:
    """What was noted: int64 [watched rows that were counted, classes, counters]."""
    counters, cells, taken = int(watch.counters), int(watch.cells), int(watch.taken[0])
    return watch.ticks[: taken * cells].reshape(taken, cells // counters, counters)


@inline
def pause(watch, last):
    """The row (exclusive) until which counting goes on: ``last``, or that after the next watched row."""
    watched = watch.row[np.uint64(watch.taken[0])]
    return last if watched >= last else watched + 1


@helper
def note(watch, counts, places, stride):
    """The next watched row is counted; ``counts`` are [vcpu, place, ``stride``] flat, of which the first are noted."""
    at = np.uint64(watch.taken[0])
    watch.taken[0] += 1
    vcpu = np.uint64(watch.vcpu[at])
    first, before, counted = at * watch.cells, vcpu * watch.cells, vcpu * places * stride
    for cell in range(watch.cells):
        watch.ticks[first + cell] = -watch.before[before + cell]
    for place in range(places):
        klass = first + watch.klass[place] * watch.counters
        for counter in range(watch.counters):
            watch.ticks[klass + counter] += counts[counted + place * stride + counter]
    for cell in range(watch.cells):
        watch.before[before + cell] += watch.ticks[first + cell]
