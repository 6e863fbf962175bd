"""Commands that charge a trace to models: ``run`` one, ``compare`` them all."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.lists import Json, complete_machine, complete_model
from replay.errors import UserError

if TYPE_CHECKING:
    from replay.compare import Entrant
    from replay.machine import Machine
    from replay.model import Model
    from replay.prepare import Prepared
    from replay.sched.consolidate import Consolidation

RUN_EXAMPLES = shell.examples(
    "replay run radix.arrow --model disco",
    "replay run radix.arrow --model native --set tlb.entries=128",
    "replay run radix.arrow --model disco --price monitor_entry=100 --json",
    "replay run pmake.arrow --model disco --by service",
    "replay run lmbench.arrow --model xen --by mark",
    "replay run vm0.arrow vm1.arrow --model disco",
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
    list[Path],
    typer.Argument(
        help="A trace file; several are virtual machines side by side on one machine.",
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
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to one model: cycles by mechanism and by service, beside its bare machine."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    if interval and output is None:
        raise UserError("--interval says how finely --output saves the counts; give --output FOLDER, too")
    import models
    from replay import results
    from replay.compare import Entrant
    from replay.price import primitives

    models.check(model)
    machines = prepare_all(traces, synthesis, cpus, marks=by == By.MARK, cache=cache)
    prepared = machines.prepared
    chosen = models.load(model, prepared.meta.architecture)
    hardware = hardware_for(chosen, prepared, machine)
    primitives(hardware, prepared.meta, paid)  # refuses a wrong price before anything is counted
    entrant = Entrant(chosen, models.load(chosen.baseline), hardware)
    with shell.Progress(f"charging {chosen.name}") as progress:
        if len(machines.vms) > 1:
            from replay.sched.charge import charge

            outcome = charge(machines, entrant, given, paid, progress, interval or 0)
        else:
            outcome = results.outcome(prepared, *entrant, given, paid, progress, interval or 0)
    document = _as_asked(outcome.document, prepared.meta.architecture)
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


def split_by_marks(prepared: Prepared, trace: Path) -> Prepared:
    """The trace with its rows told apart by the regions that it marks.  Raises UserError where there are none."""
    from replay.marks import split

    found = split(prepared, str(trace))
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
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to every model, each on its own machine beside that machine without a monitor."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    from replay import compare as comparison

    machines = prepare_all(traces, synthesis, cpus, marks=False, cache=cache)
    prepared = machines.prepared
    entrants, left_out = _entrants(prepared, machine)
    if not entrants:
        raise UserError(f"{traces[0]}: no model can be charged with it; {left_out[0]['reason']}")
    with shell.Progress(f"charging {len(entrants)} models") as progress:
        if len(machines.vms) > 1:
            from replay.sched import charge

            documents = charge.compare(machines, entrants, given, paid, progress)
        else:
            documents = comparison.compare(prepared, entrants, given, paid, progress)
    documents = [_as_asked(document, prepared.meta.architecture) for document in documents]
    if json:
        shell.write_json({"models": documents, "left_out": left_out})
        return
    from reports.comparison import compare_screen

    shell.show(*compare_screen(documents, left_out, shell.console().width))


def _entrants(prepared: Prepared, machine: str | None) -> tuple[list[Entrant], list[dict[str, str]]]:
    """The models that can be charged with the trace, bare machines first; of the others, why not."""
    import models
    from replay.compare import Entrant, unfit
    from replay.machine import load_machine

    found, left_out = [], []
    for name in models.entries():
        model = models.load(name)
        where = machine or model.machine.get(prepared.meta.architecture)
        if where is None:
            reason = f"model {name} takes traces of {', '.join(model.fidelity)}, not of {prepared.meta.architecture}"
        else:
            entrant = Entrant(model, models.load(model.baseline), load_machine(where))
            reason = unfit(entrant, prepared)
            found += [] if reason else [entrant]
        left_out += [{"model": name, "reason": reason}] if reason else []
    return sorted(found, key=lambda e: e.model is not e.bare), left_out


def _as_asked(document: dict[str, Any], architecture: str) -> dict[str, Any]:
    """``document`` with its models called as they are asked for on traces of ``architecture``."""
    import models

    return document | {role: models.word(document[role], architecture) for role in ("model", "baseline")}


def prepare_all(
    traces: Sequence[Path], rule: str | None, cpus: int | None, *, marks: bool, cache: bool
) -> Consolidation:
    """The traces as virtual machines of one machine, told apart by the regions they mark if ``marks``.

    Raises UserError.
    """
    from replay.sched.consolidate import consolidate
    from replay.sched.schedule import Schedule

    found = [prepare(trace, rule, cache=cache) for trace in traces]
    if marks:
        found = [split_by_marks(vm, trace) for vm, trace in zip(found, traces, strict=True)]
    return consolidate(found, Schedule(cpus), [str(trace) for trace in traces])


def prepare(trace: Path, rule: str | None = None, *, cache: bool) -> Prepared:
    """The trace, ready to be counted, what it lacks synthesized by ``rule``.  Raises UserError."""
    from replay import prepare as preparation
    from replay.synthesize import synthesize

    with shell.Progress(f"preparing {trace.name}") as progress:
        prepared = preparation.prepare(str(trace), use_cache=cache, progress=progress)
    return synthesize(prepared, rule) if rule else prepared


def hardware_for(model: Model, prepared: Prepared, machine: str | None) -> Machine:
    """The machine called ``machine``, or the model's own for traces of this architecture.  Raises UserError."""
    from replay.machine import load_machine

    architecture = prepared.meta.architecture
    if machine is None and architecture not in model.machine:
        raise UserError(f"model {model.name} has no default machine for {architecture} traces; name one with --machine")
    return load_machine(machine or model.machine[architecture])


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
