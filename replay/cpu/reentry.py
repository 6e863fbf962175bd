"""Re-entering a guest's refill handler: what its template in the trace's metadata (``Refill``) lets a model tick."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from replay.jit import inline
from replay.model import Model
from replay.prepare import Prepared
from replay.trace.meta import Handler, Refill, TraceMeta
from replay.trace.schema import Sensitive

FULL, ABORTED, NESTED = 0, 1, 2
"""Runs: one whose loads hit; one cut off at its first load; the nested handler's."""

ASSUMED = Refill(
    *(0, 8, 0, 0),
    full=Handler(9, 1, {"MFC0": 1, "MTC0": 2, "TLBWR": 1, "ERET": 1}),
    aborted=Handler(0, 0, {}),
    nested=Handler(0, 0, {}),
)
"""The handler of a machine that the trace was not recorded on: the nine instructions of R10000 kernels (recalled, not
published).  Where its code and its table lie is not known, so they take no TLB entries and it is never cut off."""

RULES = (
    "the machine is a MIPS one: its TLB holds page pairs, and the guest's kernel refills it",
    "a refill runs an assumed handler of 9 instructions, since the trace has none; it is never cut off by a miss",
    "kernel addresses take TLB entries like all others, since the trace has no unmapped segment",
    "a mapping of 2 MB counts as one of each of its 4 KB pages",
    "a base switch changes the ASID and keeps the TLB; one to the space that is current already drops that space's",
)
"""What a model of a machine with a software-refilled TLB does about a trace from one with a hardware walker."""


def template(meta: TraceMeta) -> Refill:
    """The refill template of the trace; of one from a machine with a hardware walker, the assumed one."""
    return meta.refill or ASSUMED


def ticks(refill: Refill, model: Model, instructions: str, names: Mapping[Sensitive, str]) -> np.ndarray:
    """By run and counter: how often a run ticks it; i64[3, counters].

    ``instructions`` is the counter of the instructions that it retires.  Sensitive ones tick what ``names`` has for
    their class, else what the reaction table has.
    """
    runs = (refill.full, refill.aborted, refill.nested)
    table = np.zeros((len(runs), len(model.counters) + 1), np.int64)  # the last place: classes that tick nothing
    for row, run in zip(table, runs, strict=True):
        row[model.index(instructions)] = run.instructions
        for name, times in run.sensitive.items():
            klass = Sensitive[name]
            row[model.index(names.get(klass) or model.reaction(klass).ticks)] += times
    return table[:, :-1].copy()


def handlers(prepared: Prepared) -> np.ndarray:
    """By vCPU: page ids of the refill handler's and the nested handler's code, of the VM that runs there first; u32."""
    vms = [prepared.regions[prepared.places.region[place]].vm for place in prepared.first_place]
    table: np.ndarray = prepared.pages.handler.reshape(-1, 2)[vms or [0] * prepared.meta.vcpus]
    return table.reshape(-1)


@inline
def run_handler(counts, table, at, run):
    """Tick what one run of a guest handler ticks."""
    for k in range(table.shape[1]):
        counts[at.base + np.uint64(k)] += table[np.uint64(run), np.uint64(k)]
