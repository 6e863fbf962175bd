"""Re-entering a guest's refill handler: what its template in the trace's metadata (``Refill``) lets a model tick."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from replay.jit import inline
from replay.memory import hooks
from replay.model import Model
from replay.prepare import Prepared
from replay.trace.meta import Handler, Refill, TraceMeta
from replay.trace.schema import Sensitive

ONE = np.uint64(1)
FULL, ABORTED, NESTED = (np.uint64(n) for n in range(3))
"""Runs: one whose loads hit; one cut off at its first load; the nested handler's."""

NO_PAGE = np.uint64(0)


class Handlers(NamedTuple):
    """A kernel's refill handler and its nested one."""

    code: np.ndarray  # u32[2 * vcpus]: page ids of their code, 0 where it is not known
    of_vm: np.ndarray  # u32[2 * VMs]: likewise
    ticks: np.ndarray  # i64[3, counters]: what a run ticks
    lines: np.ndarray  # u64[3]: lines that a run fetches


EVENTS = {
    "refill_forwarded": "TLB misses forwarded to the guest's refill handler",
    "nested_forwarded": "misses on a page of the guest's page table, forwarded to its nested handler",
    "refill_instruction": "instructions that the guest's refill handlers retire when re-entered",
}
"""Counters of a monitor that re-enters them, with what each counts."""

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


def runs(refill: Refill) -> tuple[Handler, Handler, Handler]:
    """The runs in the order of their numbers."""
    return refill.full, refill.aborted, refill.nested


def lines(refill: Refill) -> np.ndarray:
    """By run: the lines that it fetches; u64."""
    return np.array([run.lines for run in runs(refill)], np.uint64)


def make_handlers(prepared: Prepared, model: Model, instructions: str, names: Mapping[Sensitive, str]) -> Handlers:
    """The handlers of a guest's kernel as ``model`` re-enters them.

    ``instructions`` is the counter of the instructions that it retires.  Sensitive ones tick what ``names`` has for
    their class, else what the reaction table has.
    """
    refill = template(prepared.meta)
    found = runs(refill)
    table = np.zeros((len(found), len(model.counters) + 1), np.int64)  # the last place: classes that tick nothing
    for row, run in zip(table, found, strict=True):
        row[model.index(instructions)] = run.instructions
        for name, times in run.sensitive.items():
            klass = Sensitive[name]
            row[model.index(names.get(klass) or model.reaction(klass).ticks)] += times
    return Handlers(first_code(prepared), prepared.pages.handler, table[:, :-1].copy(), lines(refill))


def first_code(prepared: Prepared) -> np.ndarray:
    """By vCPU: page ids of the refill handler's and the nested handler's code, of the VM that runs there first; u32."""
    vms = [prepared.regions[prepared.places.region[place]].vm for place in prepared.first_place]
    table: np.ndarray = prepared.pages.handler.reshape(-1, 2)[vms or [0] * prepared.meta.vcpus]
    return table.reshape(-1)


@inline
def go_on(handlers, vcpu, vm):
    """The handlers on ``vcpu`` are those of ``vm`` from now on."""
    for which in range(2):
        handlers.code[(vcpu << ONE) + np.uint64(which)] = handlers.of_vm[(np.uint64(vm) << ONE) + np.uint64(which)]


@inline
def run_handler(counts, handlers, at, run, page):
    """Tick what one run of a guest handler ticks; a full one loads the entries of the pair of ``page``."""
    for k in range(handlers.ticks.shape[1]):
        counts[at.base + np.uint64(k)] += handlers.ticks[np.uint64(run), np.uint64(k)]
    hooks.run_handler(at.memory, at, handlers.code[(at.vcpu << ONE) + np.uint64(run >> 1)], handlers.lines[run], page)
