"""Commands that charge a trace to models: ``run`` one, ``compare`` them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.options import (
    By,
    Cache,
    Cpus,
    Json,
    MachineName,
    ModelName,
    Prices,
    Quantum,
    Scheduler,
    Settings,
    Sharing,
    Synthesis,
    Traces,
    pairs,
)
from replay.errors import UserError

if TYPE_CHECKING:
    from replay.grid import Grid
    from replay.prepare import Prepared
    from replay.sched.consolidate import Consolidation
    from replay.sched.schedule import Schedule

RUN_EXAMPLES = shell.examples(
    "replay run radix.arrow --model disco",
    "replay run radix.arrow --model native --set tlb.entries=128",
    "replay run radix.arrow --model disco --price monitor_entry=100 --json",
    "replay run pmake.arrow --model disco --by service",
    "replay run lmbench.arrow --model xen --by mark",
    "replay run vm0.arrow vm1.arrow --model disco",
    "replay run vm0.arrow vm1.arrow --model disco --cpus 1 --scheduler round-robin",
)
COMPARE_EXAMPLES = shell.examples(
    "replay compare radix.arrow", "replay compare radix.arrow --set tlb.entries=128 --json"
)


def run(
    traces: Traces,
    model: ModelName,
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    synthesis: Synthesis = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also save counts, prices and manifest in this folder.", metavar="FOLDER"),
    ] = None,
    by: Annotated[
        By,
        typer.Option(
            help="Split by mechanism; by service, beside the published table of the model's services; or by mark,"
            " the regions that the workload measures."
        ),
    ] = By.MECHANISM,
    interval: Annotated[
        int | None,
        typer.Option(
            help="Save counts by intervals of so many retired instructions; with --output.",
            min=1000,
            metavar="INSTRUCTIONS",
            show_default="the whole run",
        ),
    ] = None,
    cpus: Cpus = None,
    scheduler: Sharing = Scheduler.PINNED,
    quantum: Quantum = None,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to one model: cycles by mechanism and by service, beside its bare machine."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    if interval and output is None:
        raise UserError("--interval says how finely --output saves the counts; give --output FOLDER, too")
    import models
    from replay import api
    from replay import document as results
    from replay.sched.schedule import make_schedule

    models.check(model)
    schedule = make_schedule(cpus, scheduler, quantum)
    machines = prepare_all(traces, synthesis, schedule, marks=by == By.MARK, cache=cache)
    with shell.Progress(f"charging {model}") as progress:
        about: dict[str, Any] = {"machine": machine, "set": given, "price": paid, "interval": interval or 0}
        charged = api.charge(machines, model, **about, progress=progress)
    document = charged.document
    if output is not None:
        results.save(str(output), results.Outcome(document, charged.counts, charged.bare))
        shell.say(f"saved in {output}")
    if by == By.SERVICE:
        _show_services(document, json=json)
        return
    if by == By.MARK:
        _show_marks(document, json=json)
        return
    if json:
        shell.write_json(document)
        return
    from reports.charge import run_screen

    shell.show(*run_screen(document, shell.console().width))


def _show_services(document: dict[str, Any], *, json: bool) -> None:
    """The screen of ``--by service``; as JSON, the document with its ``services_table``."""
    from reports.services import services_table
    from reports.study import study_of

    study = study_of(document["model"])
    services = services_table(document, study)
    if json:
        shell.write_json(document | {"services_table": services})
        return
    from reports.by_service import by_service_screen

    shell.show(*by_service_screen(document, services, study, shell.console().width))


def split_by_marks(prepared: Prepared, trace: str) -> Prepared:
    """The trace with its rows told apart by the regions that it marks.  Raises UserError where there are none."""
    from replay.marks import split

    found = split(prepared, trace)
    if len(found.regions) == 1:
        raise UserError(f"{trace}: marks no regions; record a workload that does, or leave out --by mark")
    return found


def _show_marks(document: dict[str, Any], *, json: bool) -> None:
    """The screen of ``--by mark``; as JSON, the document with its ``marks_table``."""
    from reports.marks import marks_table

    marks = marks_table(document)
    if json:
        shell.write_json(document | {"marks_table": marks})
        return
    from reports.by_mark import by_mark_screen

    shell.show(*by_mark_screen(document, marks, shell.console().width))


def compare(
    traces: Traces,
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    synthesis: Synthesis = None,
    cpus: Cpus = None,
    scheduler: Sharing = Scheduler.PINNED,
    quantum: Quantum = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Also keep every model's counts in this folder, as a sweep's.", metavar="FOLDER"
        ),
    ] = None,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to every model, each on its own machine beside that machine without a monitor."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    from replay import api
    from replay.sched.schedule import make_schedule

    schedule = make_schedule(cpus, scheduler, quantum)
    if output is not None:
        grid = _compared_as_sweep(traces, machine, given, paid, synthesis, schedule)
        documents, left_out = _kept(grid, output, cache=cache)
        _show_compared(documents, left_out, json=json)
        return
    machines = prepare_all(traces, synthesis, schedule, marks=False, cache=cache)
    with shell.Progress("charging every model") as progress:
        documents, left_out = api.charge_all(machines, machine=machine, set=given, price=paid, progress=progress)
    _show_compared(documents, left_out, json=json)


def _show_compared(documents: list[dict[str, Any]], left_out: Sequence[Mapping[str, str]], *, json: bool) -> None:
    if json:
        shell.write_json({"models": documents, "left_out": list(left_out)})
        return
    from reports.comparison import compare_screen

    shell.show(*compare_screen(documents, left_out, shell.console().width))


def _compared_as_sweep(
    traces: list[str],
    machine: str | None,
    given: Mapping[str, str],
    paid: Mapping[str, str],
    synthesis: str | None,
    schedule: Schedule,
) -> Grid:
    """The comparison as the sweep over all models that it is.  Raises UserError."""
    from replay.grid import ALL, Grid, with_axes
    from replay.sched.schedule import stated

    guests = tuple(traces) if len(traces) > 1 else traces[0]
    grid = Grid("compare", (guests,), (ALL,), (machine,) if machine else (), synthesize=synthesis or "")
    about = stated(schedule) if len(traces) > 1 else {}
    return with_axes(with_axes(grid, "set", {**given, **about}), "price", paid)


def _kept(grid: Grid, output: Path, *, cache: bool) -> tuple[list[dict[str, Any]], Sequence[Mapping[str, str]]]:
    """The documents of ``grid``, kept in ``output``, and what was left out.  Raises UserError."""
    from replay import api
    from replay.dataset import make_dataset
    from replay.sweeping import carry_out

    with shell.Progress("charging every model") as progress:
        planned = api.plan(grid, cache=cache, progress=progress)
        data = make_dataset(str(output))
        carry_out(planned, data)
    shell.say(f"saved in {output}")
    found = [data.document(point) for point in planned.digests]
    return [api.as_asked(one, one["trace"]["architecture"]) for one in found], planned.left_out


def prepare_all(
    traces: Sequence[str], rule: str | None, schedule: Schedule, *, marks: bool, cache: bool
) -> Consolidation:
    """The traces as virtual machines of one machine, told apart by the regions they mark if ``marks``.

    Raises UserError.
    """
    from replay.sched.consolidate import consolidate

    found = [prepare(trace, rule, cache=cache) for trace in traces]
    if marks:
        found = [split_by_marks(vm, trace) for vm, trace in zip(found, traces, strict=True)]
    return consolidate(found, schedule, traces)


def prepare(trace: str, rule: str | None = None, *, cache: bool) -> Prepared:
    """The trace, ready to be counted, what it lacks synthesized by ``rule``.  Raises UserError."""
    from replay import prepare as preparation
    from replay.synthesize import synthesize
    from replay.trace.remote import file_name

    with shell.Progress(f"preparing {file_name(trace)}") as progress:
        prepared = preparation.prepare(trace, use_cache=cache, progress=progress)
    return synthesize(prepared, rule) if rule else prepared
