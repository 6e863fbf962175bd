"""Commands that charge a trace to models: ``run`` one, ``compare`` them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.lists import Json, complete_machine, complete_model
from replay.errors import UserError

if TYPE_CHECKING:
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

Synthesis = Annotated[
    str | None,
    typer.Option(
        "--synthesize", help="Let a rule stand in for what an imported trace lacks: first-touch.", metavar="RULE"
    ),
]
Traces = Annotated[
    list[str],
    typer.Argument(
        help="A trace file, or its URI; several are virtual machines side by side on one machine.",
        metavar="TRACE...",
        show_default=False,
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(
        help="CPUs of the machine that several traces share.",
        min=1,
        max=16,
        show_default="one for each virtual CPU",
    ),
]


class Scheduler(StrEnum):
    """How virtual CPUs share CPUs."""

    PINNED = "pinned"
    ROUND_ROBIN = "round-robin"


Sharing = Annotated[
    Scheduler, typer.Option(help="Let each virtual CPU have its CPU, or virtual machines take turns on fewer.")
]
Quantum = Annotated[
    int | None,
    typer.Option(
        help="Nominal instructions of a turn; with --scheduler round-robin.",
        min=1000,
        metavar="INSTRUCTIONS",
        show_default="4000000, 10 ms at 400 MHz",
    ),
]
MachineName = Annotated[
    str | None,
    typer.Option(
        "--machine",
        help="What it runs on: a name from `replay machines`, or a .toml file.",
        autocompletion=complete_machine,
        show_default="the model's",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Set a parameter of machine or mechanism; counts again.", metavar="NAME=VALUE"),
]
Prices = Annotated[
    list[str] | None,
    typer.Option("--price", help="Set a price, in its price set's unit; counts stay.", metavar="NAME=VALUE"),
]


class By(StrEnum):
    """What the cycles of a charge are split by first."""

    MECHANISM = "mechanism"
    SERVICE = "service"
    MARK = "mark"


Cache = Annotated[bool, typer.Option(help="Keep the prepared trace in the user's cache folder.")]


def run(
    traces: Traces,
    model: Annotated[
        str, typer.Option(help="The design; see `replay models`.", autocompletion=complete_model, show_default=False)
    ],
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    synthesis: Synthesis = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also save counts, prices and manifest in this folder.")
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
    from replay.entrants import Entrant
    from replay.primitives import primitives

    models.check(model)
    schedule = schedule_of(cpus, scheduler, quantum)
    machines = prepare_all(traces, synthesis, schedule, marks=by == By.MARK, cache=cache)
    prepared = machines.prepared
    chosen = models.load(model, prepared.meta.architecture)
    hardware = api.hardware_for(chosen, prepared, machine)
    primitives(hardware, prepared.meta, paid)  # refuses a wrong price before anything is counted
    entrant = Entrant(chosen, models.load(chosen.baseline), hardware)
    with shell.Progress(f"charging {chosen.name}") as progress:
        if len(machines.vms) > 1:
            from replay.sched.charge import charge

            outcome = charge(machines, entrant, given, paid, progress, interval or 0)
        else:
            outcome = results.outcome(prepared, *entrant, given, paid, progress, interval or 0)
    document = api.as_asked(outcome.document, prepared.meta.architecture)
    if output is not None:
        results.save(str(output), outcome._replace(document=document))
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
        Path | None, typer.Option("--output", "-o", help="Also keep every model's counts in this folder, as a sweep's.")
    ] = None,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to every model, each on its own machine beside that machine without a monitor."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    from replay import api

    if output is not None:
        documents, left_out = _kept(traces, machine, given, paid, synthesis, output, cache=cache)
        _show_compared(documents, left_out, json=json)
        return
    machines = prepare_all(traces, synthesis, schedule_of(cpus, scheduler, quantum), marks=False, cache=cache)
    prepared = machines.prepared
    with shell.Progress("charging every model") as progress:
        if len(machines.vms) > 1:
            from replay.sched import charge

            fit, left_out = api.entrants(prepared, machine)
            documents, unfit = charge.compare(machines, fit, given, paid, progress)
            documents = [api.as_asked(document, prepared.meta.architecture) for document in documents]
            left_out += unfit
        else:
            documents, left_out = api.compare(prepared, machine=machine, set=given, price=paid, progress=progress)
    _show_compared(documents, left_out, json=json)


def _show_compared(documents: list[dict[str, Any]], left_out: Sequence[Mapping[str, str]], *, json: bool) -> None:
    if json:
        shell.write_json({"models": documents, "left_out": list(left_out)})
        return
    from reports.comparison import compare_screen

    shell.show(*compare_screen(documents, left_out, shell.console().width))


def _kept(
    traces: list[str],
    machine: str | None,
    given: Mapping[str, str],
    paid: Mapping[str, str],
    synthesis: str | None,
    output: Path,
    *,
    cache: bool,
) -> tuple[list[dict[str, Any]], Sequence[Mapping[str, str]]]:
    """The comparison as the sweep over all models that it is, kept in ``output``.  Raises UserError."""
    from replay import api
    from replay.dataset import make_dataset
    from replay.grid import ALL, Grid, with_axes
    from replay.sweeping import carry_out

    if len(traces) > 1:
        raise UserError("--output keeps what one trace costs; compare traces one by one, each into a folder of its own")
    grid = Grid("compare", (traces[0],), (ALL,), (machine,) if machine else (), synthesize=synthesis or "")
    grid = with_axes(with_axes(grid, "set", given), "price", paid)
    with shell.Progress("charging every model") as progress:
        planned = api.plan(grid, cache=cache, progress=progress)
        data = make_dataset(str(output))
        carry_out(planned, data)
    shell.say(f"saved in {output}")
    found = [data.document(point) for point in planned.digests]
    return [api.as_asked(one, one["trace"]["architecture"]) for one in found], planned.left_out


def schedule_of(cpus: int | None, scheduler: Scheduler, quantum: int | None) -> Schedule:
    """What the options say about who runs where.  Raises UserError for a quantum that nobody takes turns by."""
    from replay.sched.schedule import ROUND_ROBIN, Schedule

    if quantum is None:
        return Schedule(cpus, scheduler)
    if scheduler != ROUND_ROBIN:
        raise UserError("--quantum says how long a turn is; take turns: --scheduler round-robin")
    return Schedule(cpus, scheduler, quantum)


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


def pairs(option: str, texts: Sequence[str] | None) -> dict[str, str]:
    """Names and values from the NAME=VALUE texts given to ``option``.  Raises UserError."""
    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise UserError(f"{option} {text!r} is not NAME=VALUE; write for example {option} {name or 'name'}=1")
        if name in found:
            raise UserError(f"{option} {name} is given twice; give it once")
        found[name] = value
    return found
