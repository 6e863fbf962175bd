"""The Python API: what the command line does, as functions; results are dicts, polars frames and datasets.

import replay

trace = replay.load("pmake.arrow")
replay.run(trace, "disco").document["total"]
replay.sweep("grid.toml", "out/").points()
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import models
from replay import document as documents
from replay import entrants as comparison
from replay import grid as grids
from replay import prepare as preparation
from replay import uncertainty as analysis
from replay.cluster import crew_at
from replay.count import Counts
from replay.dataset import Dataset, is_dataset, make_dataset, open_dataset
from replay.entrants import Entrant
from replay.errors import UserError
from replay.grid import Grid
from replay.machine import Machine, load_machine, load_prices
from replay.memory.parameters import on_machine
from replay.model import Model
from replay.plan import Contestant, Plan, make_plan
from replay.prepare import Prepared, Progress
from replay.primitives import primitives
from replay.sched import charge as consolidated
from replay.sched.consolidate import Consolidation, consolidate
from replay.sched.schedule import PINNED, Schedule, make_schedule
from replay.sweeping import Watcher, carry_out
from replay.synthesize import synthesize as apply_rule
from replay.trace.meta import TraceMeta
from replay.trace.remote import file_name, is_uri
from replay.traced import Traced

if TYPE_CHECKING:
    import polars as pl

Trace = Prepared | str | os.PathLike[str]
"""A trace that ``load`` returned, or the path or URI of its file."""

Traces = Trace | Sequence[Trace]
"""A trace, or several that are virtual machines on one machine."""


@dataclass(frozen=True)
class Run:
    """A trace charged to a model: the result document, and what was counted."""

    document: dict[str, Any]
    counts: Counts
    bare: Counts
    """What was counted on bare hardware."""
    machine: Machine

    def rows(self) -> pl.DataFrame:
        """One row for each service, mechanism and counter: counts, cycles with bounds, sources."""
        import polars as pl

        return pl.DataFrame(self.document["rows"])

    def services(self) -> pl.DataFrame:
        """One row for each service, beside bare hardware."""
        import polars as pl

        return pl.DataFrame(self.document["services"])

    def counted(self) -> pl.DataFrame:
        """What was counted, by vCPU, interval, service, work and counter."""
        import polars as pl

        frame = pl.from_arrow(documents.count_table(self.counts))
        assert isinstance(frame, pl.DataFrame)
        return frame


def load(trace: Trace, *, synthesize: str = "", cache: bool = True, progress: Progress | None = None) -> Prepared:
    """The trace in the file ``trace``, ready to be charged; ``synthesize`` names a rule for what it lacks.

    ``cache`` keeps it prepared in the user's cache folder.  Raises UserError for a file that is no whole trace.
    """
    if isinstance(trace, Prepared):
        prepared = trace
    else:
        prepared = preparation.prepare(os.fspath(trace), use_cache=cache, progress=progress)
    return apply_rule(prepared, synthesize) if synthesize else prepared


def run(
    trace: Traces,
    model: str,
    *,
    machine: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the option is called
    price: Mapping[str, Any] | None = None,
    interval: int = 0,
    cpus: int | None = None,
    scheduler: str = PINNED,
    quantum: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Charge ``trace`` to ``model``, beside its bare machine, as ``replay run`` does.

    Several traces are virtual machines on one machine of ``cpus``, which share them as ``scheduler`` and ``quantum``
    say.  ``machine`` is a name or a file, by default the model's; ``set`` gives parameters, ``price`` prices in the
    price set's units; ``interval`` is the number of retired instructions to count apart, 0 for the whole run.  Raises
    UserError for names and values that are refused.
    """
    models.check(model)
    machines = together(trace, make_schedule(cpus, scheduler, quantum))
    return charge(machines, model, machine=machine, set=set, price=price, interval=interval, progress=progress)


def compare(
    trace: Traces,
    *,
    machine: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the option is called
    price: Mapping[str, Any] | None = None,
    cpus: int | None = None,
    scheduler: str = PINNED,
    quantum: int | None = None,
    progress: Progress | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Charge ``trace`` to every model, as ``replay compare`` does: the documents, and models left out with reasons.

    Several traces are virtual machines on one machine, as ``run`` has it.  Raises UserError if no model can be charged
    with them, and for names and values that are refused.
    """
    machines = together(trace, make_schedule(cpus, scheduler, quantum))
    return charge_all(machines, machine=machine, set=set, price=price, progress=progress)


def together(traces: Traces, schedule: Schedule) -> Consolidation:
    """The traces as virtual machines of one machine under ``schedule``.  Raises UserError."""
    each: Sequence[Trace] = [traces] if isinstance(traces, Prepared | str | os.PathLike) else traces  # type: ignore[assignment]
    if not each:
        raise UserError("no traces; give at least one")
    names = [f"trace {k}" if isinstance(one, Prepared) else os.fspath(one) for k, one in enumerate(each, 1)]
    return consolidate([load(one) for one in each], schedule, names)


def charge(
    machines: Consolidation,
    model: str,
    *,
    machine: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the option is called
    price: Mapping[str, Any] | None = None,
    interval: int = 0,
    progress: Progress | None = None,
) -> Run:
    """As ``run``, of traces that are prepared and put ``together``."""
    prepared = machines.prepared
    chosen = models.load(model, prepared.meta.architecture)
    hardware = hardware_for(chosen, prepared.meta, machine)
    primitives(hardware, prepared.meta, price)  # refuses a wrong price before anything is counted
    entrant = Entrant(chosen, models.load(chosen.baseline), hardware)
    if len(machines.vms) > 1:
        found = consolidated.charge(machines, entrant, set or {}, price or {}, progress, interval)
    else:
        found = documents.outcome(prepared, *entrant, set, price, progress, interval)
    return Run(as_asked(found.document, prepared.meta.architecture), found.counts, found.bare, hardware)


def charge_all(
    machines: Consolidation,
    *,
    machine: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the option is called
    price: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """As ``compare``, of traces that are prepared and put ``together``."""
    prepared = machines.prepared
    fit, left_out = entrants(prepared.meta, machine)
    if not fit:
        raise UserError(f"no model can be charged with the trace; {left_out[0]['reason']}")
    if len(machines.vms) > 1:
        found, unfit = consolidated.compare(machines, fit, set or {}, price or {}, progress)
        left_out += unfit
    else:
        found = comparison.compare(prepared, fit, set or {}, price or {}, progress)
    return [as_asked(document, prepared.meta.architecture) for document in found], left_out


def sensitivity(
    trace: Trace,
    model: str,
    *,
    machine: str | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as the option is called
    price: Mapping[str, Any] | None = None,
    samples: int = analysis.SAMPLES,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Which prices the overhead's uncertainty comes from, as ``replay sensitivity`` says; see ``replay.uncertainty``.

    Raises UserError for names and values that are refused, and where no price has bounds.
    """
    found = run(trace, model, machine=machine, set=set, price=price, progress=progress)
    sides = [
        (counts, on_machine(models.load(counts.model), found.machine, counts.settings))
        for counts in (found.counts, found.bare)
    ]
    document = analysis.sensitivity(sides[0], sides[1], found.machine, price, samples)
    kept = ("trace", "model", "baseline", "machine", "settings")
    return {key: found.document[key] for key in kept} | document


def sweep(
    grid: Grid | str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    watcher: Watcher | None = None,
    threads: int | None = None,
    cluster: str | None = None,
) -> Dataset:
    """Charge every point of ``grid`` (or of the file that states it) and keep the results in ``output``.

    ``output`` is a folder or a URI.  What is there already is not done again.  ``cluster`` is the address of a Dask
    scheduler whose workers count; else as many ``threads`` do, by default as many as pay.  Raises UserError for a grid
    that is refused, before anything is counted.
    """
    found = grid if isinstance(grid, Grid) else grids.read_grid(os.fspath(grid))
    planned = plan(found)
    data = make_dataset(os.fspath(output))
    with crew_at(cluster) if cluster else nullcontext() as crew:
        carry_out(planned, data, watcher, threads, crew)
    return data


def results(folder: str | os.PathLike[str]) -> Dataset | dict[str, Any]:
    """What ``replay sweep -o`` wrote, as a dataset, or what ``replay run -o`` did, as its document.

    Raises UserError for a folder of anything else.
    """
    where = os.fspath(folder)
    return open_dataset(where) if is_dataset(where) else documents.load(where)


def plan(grid: Grid, *, cache: bool = True, progress: Progress | None = None) -> Plan:
    """What ``grid`` takes: points by the counts that they share.  Raises UserError for a grid that is refused."""
    grids.check(grid)
    contestants, left_out = list[Contestant](), list[dict[str, str]]()
    for traced in _traces(grid, cache=cache, progress=progress):
        for machine, prices in product(grid.machines or (None,), grid.price_sets or (None,)):
            fit, unfit = _chosen(grid, traced, machine, prices)
            left_out += [one for one in unfit if one not in left_out]
            contestants += [Contestant(traced, entrant) for entrant in fit]
    if not contestants:
        raise UserError(f"no model can be charged with the grid's traces; {left_out[0]['reason']}")
    return make_plan(grid, contestants, left_out)


def _traces(grid: Grid, *, cache: bool, progress: Progress | None) -> Iterable[Traced]:
    labels: dict[str, int] = {}
    known: dict[str, Prepared] = {}
    for stated in grid.traces:
        names = (stated,) if isinstance(stated, str) else grids.group_of(stated, "traces")
        for name in names:
            if name not in known:
                known[name] = load(name, synthesize=grid.synthesize, cache=cache, progress=progress)
        paths = tuple(name if is_uri(name) else os.path.abspath(name) for name in names)
        label = _label(names)
        labels[label] = labels.get(label, 0) + 1
        label = label if labels[label] == 1 else f"{label} {labels[label]}"
        yield Traced(label, tuple(known[name] for name in names), paths, grid.synthesize)


def _label(names: Sequence[str]) -> str:
    """What tables call a trace, or virtual machines together: ``2 x pmake + radix``."""
    counted = Counter(Path(file_name(name)).stem for name in names)
    return " + ".join(f"{n} x {stem}" if n > 1 else stem for stem, n in counted.items())


def _chosen(
    grid: Grid, traced: Traced, machine: str | None, prices: str | None
) -> tuple[list[Entrant], list[dict[str, str]]]:
    traced.refuse_unlike()
    meta = traced.kin
    if grids.ALL in grid.models:
        return entrants(meta, machine, prices)
    found = []
    for name in grid.models:
        models.check(name)
        model = models.load(name, meta.architecture)
        hardware = _priced(hardware_for(model, meta, machine), prices)
        entrant = Entrant(model, models.load(model.baseline), hardware)
        reason = comparison.unfit(entrant, meta)
        if reason:
            raise UserError(f"{traced.label}: {reason}")
        found.append(entrant)
    return found, []


def _priced(machine: Machine, prices: str | None) -> Machine:
    """``machine`` with the price set called ``prices``, or its own."""
    return machine if prices is None else replace(machine, price_set=prices, prices=load_prices(prices))


def entrants(
    meta: TraceMeta, machine: str | None, prices: str | None = None
) -> tuple[list[Entrant], list[dict[str, str]]]:
    """The models that can be charged with a trace of ``meta``, bare machines first; of the others, why not.

    ``machine`` and ``prices`` are names; without one, each model's machine, or the machine's price set, is taken.
    """
    found, left_out = [], []
    for name in models.entries():
        model = models.load(name)
        where = machine or model.machine.get(meta.architecture)
        if where is None:
            reason = f"model {name} takes traces of {', '.join(model.fidelity)}, not of {meta.architecture}"
        else:
            entrant = Entrant(model, models.load(model.baseline), _priced(load_machine(where), prices))
            reason = comparison.unfit(entrant, meta)
            found += [] if reason else [entrant]
        left_out += [{"model": name, "reason": reason}] if reason else []
    return sorted(found, key=lambda e: e.model is not e.bare), left_out


def hardware_for(model: Model, meta: TraceMeta, machine: str | None) -> Machine:
    """The machine called ``machine``, or the model's own for traces of this architecture.  Raises UserError."""
    architecture = meta.architecture
    if machine is None and architecture not in model.machine:
        raise UserError(f"model {model.name} has no default machine for {architecture} traces; name one with --machine")
    return load_machine(machine or model.machine[architecture])


def as_asked(document: dict[str, Any], architecture: str) -> dict[str, Any]:
    """``document`` with its models called as they are asked for on traces of ``architecture``."""
    return document | {role: models.word(document[role], architecture) for role in ("model", "baseline")}
