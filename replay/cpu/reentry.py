"""Re-entering a guest's refill handler: what its template in the trace's metadata (``Refill``) lets a model tick."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from replay.jit import inline
from replay.model import Model
from replay.trace.meta import Refill
from replay.trace.schema import Sensitive

FULL, ABORTED, NESTED = 0, 1, 2
"""Runs: one whose loads hit; one cut off at its first load; the nested handler's."""


def ticks(refill: Refill | None, model: Model, instructions: str, names: Mapping[Sensitive, str]) -> np.ndarray:
    """By run and counter: how often a run ticks it; i64[3, counters], empty without a template.

    ``instructions`` is the counter of the instructions that it retires.  Sensitive ones tick what ``names`` has for
    their class, else what the reaction table has.
    """
    runs = (refill.full, refill.aborted, refill.nested) if refill else ()
    table = np.zeros((len(runs), len(model.counters) + 1), np.int64)  # the last place: classes that tick nothing
    for row, run in zip(table, runs, strict=True):
        row[model.index(instructions)] = run.instructions
        for name, times in run.sensitive.items():
            klass = Sensitive[name]
            row[model.index(names.get(klass) or model.reaction(klass).ticks)] += times
    return table[:, :-1].copy()


@inline
def run_handler(counts, table, at, run):
    """Tick what one run of a guest handler ticks."""
    for k in range(table.shape[1]):
        counts[at.base + np.uint64(k)] += table[np.uint64(run), np.uint64(k)]
