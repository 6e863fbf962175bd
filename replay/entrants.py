"""Compare: one trace charged to many models, each beside its bare machine; what they share is counted once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from replay.count import Counts, count, refuse_unfit, settle
from replay.errors import UserError, unknown
from replay.machine import Machine
from replay.memory.parameters import CACHES, on_machine
from replay.model import Model
from replay.prepare import Prepared, Progress
from replay.price import cost_table, price
from replay.primitives import primitives
from replay.trace.meta import TraceMeta
from replay.trace.schema import ServiceClass

MOST_AT_ONCE = 2
"""Counting is bound by memory and mispredicted branches: a third model at once would slow the others."""

STATE_BYTES = 256
"""Of a model's state for each page and vCPU, at most."""

Job = tuple[str, str]
"""A model and a machine, by name: what is counted once."""


class Entrant(NamedTuple):
    """A model on a machine, beside the bare machine that it is compared with."""

    model: Model
    bare: Model
    machine: Machine

    def taken(self, prices: Mapping[str, Any]) -> dict[str, Any]:
        """Of the ``prices`` that the user states, those that the machine's price set has."""
        return {name: value for name, value in prices.items() if name in self.machine.prices}


def unfit(entrant: Entrant, meta: TraceMeta) -> str:
    """Why a trace that says ``meta`` of itself cannot be charged to the model on this machine; '' if it can."""
    prices = primitives(entrant.machine, meta)
    try:
        for model in (entrant.model, entrant.bare):
            refuse_unfit(model, meta)
            cost_table({service.klass for service in meta.services}, model, prices)
    except UserError as error:
        return str(error)
    return ""


def compare(
    prepared: Prepared,
    entrants: Sequence[Entrant],
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """The result document of each of ``entrants``, which the trace fits.

    ``settings`` and ``prices`` are what the user states; each goes to whoever takes it.  Raises UserError for one
    that nobody takes, and for a value that is refused.
    """
    entrants = check(entrants, prepared, settings, prices)
    jobs = {(model.name, e.machine.name): (model, e.machine) for e in entrants for model in (e.bare, e.model)}
    counts = _count_all(prepared, jobs, settings, progress)
    return [
        price(
            counts[entrant.model.name, entrant.machine.name],
            entrant.model,
            entrant.machine,
            entrant.taken(prices),
            (counts[entrant.bare.name, entrant.machine.name], entrant.bare),
        )
        for entrant in entrants
    ]


def check(
    entrants: Sequence[Entrant], prepared: Prepared, settings: Mapping[str, Any], prices: Mapping[str, Any]
) -> list[Entrant]:
    """``entrants`` with their models as they are on their machines.

    Raises UserError for a parameter or price that nobody takes and for a value that is refused.
    """
    entrants = [on_its_machine(entrant, settings) for entrant in entrants]
    refuse_untaken("parameter", settings, {p.name for e in entrants for m in e[:2] for p in m.parameters})
    refuse_untaken("price", prices, {name for entrant in entrants for name in entrant.machine.prices})
    for entrant in entrants:
        primitives(entrant.machine, prepared.meta, entrant.taken(prices))
        for model in entrant[:2]:
            settle(model, entrant.machine, prepared.meta, taken(settings, model))
    return entrants


def on_its_machine(entrant: Entrant, settings: Mapping[str, Any]) -> Entrant:
    """``entrant`` with its models as they are on its machine, with what the user sets."""
    about_memory = {name: value for name, value in settings.items() if name == CACHES}
    model, bare = (on_machine(model, entrant.machine, about_memory) for model in (entrant.model, entrant.bare))
    return entrant._replace(model=model, bare=bare)


def taken(settings: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """Of the parameters that the user sets, those that ``model`` takes."""
    names = {parameter.name for parameter in model.parameters}
    return {name: value for name, value in settings.items() if name in names}


def refuse_untaken(what: str, given: Iterable[str], known: set[str]) -> None:
    """Raise UserError for a "parameter" or a "price" that is not among those that anybody takes."""
    for name in given:
        if name not in known:
            raise unknown(what, name, known, "replay explain MODEL" if what == "parameter" else "replay machines")


def at_once(
    vms: Sequence[Prepared], models: Iterable[Model], memory: int | None = None, cpus: int | None = None
) -> int:
    """How many models to count ``vms`` under at a time: as there are processors and ``memory`` for, at most two.

    ``memory`` is in bytes.
    """
    moments = sum(vm.moments.row.size for vm in vms)
    pages, vcpus = sum(vm.pages.vpn.size for vm in vms), sum(vm.meta.vcpus for vm in vms)
    counters = max((len(model.counters) for model in models), default=0)
    ticks = 2 * 8 * moments * len(ServiceClass) * counters  # as they are collected, then as one array
    appetite = ticks + STATE_BYTES * pages * vcpus
    room = (available_memory() if memory is None else memory) // max(1, appetite)
    return max(1, min(MOST_AT_ONCE, room, cpus or len(os.sched_getaffinity(0))))


def available_memory() -> int:
    """Bytes of memory that can be had without swapping."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _count_all(
    prepared: Prepared,
    jobs: Mapping[Job, tuple[Model, Machine]],
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> dict[Job, Counts]:
    """Counts of every job; compiled code lets another thread run."""

    def one(job: Job) -> Counts:
        model, machine = jobs[job]
        return count(prepared, model, machine, taken(settings, model), crowd.member())

    crowd = Crowd(progress, len(jobs) * prepared.columns.kind.size)
    threads = at_once([prepared], [model for model, _ in jobs.values()])
    with ThreadPoolExecutor(threads) as pool:
        try:
            return dict(zip(jobs, pool.map(one, jobs), strict=True))
        except BaseException:
            crowd.stop()  # the others end at their next step
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class StoppedError(Exception):
    """Somebody else failed, or Ctrl-C came."""


class Crowd:
    """Counts that go on at the same time, shown as one."""

    def __init__(self, progress: Progress | None, rows: int) -> None:
        self._progress, self._rows, self._done = progress, rows, 0
        self._lock, self._stopped = threading.Lock(), threading.Event()

    def stop(self) -> None:
        """Let each member end at its next step."""
        self._stopped.set()

    def member(self) -> Progress:
        """What one of the counts calls with how far it is; raises StoppedError once the crowd is stopped."""
        before = 0

        def advance(done: int, _total: int) -> None:
            nonlocal before
            self.advance(done - before)
            before = done

        return advance

    def advance(self, rows: int) -> None:
        """So many rows more are done; raises StoppedError once the crowd is stopped."""
        if self._stopped.is_set():
            raise StoppedError
        with self._lock:
            self._done += rows
            if self._progress:
                self._progress(self._done, self._rows)
