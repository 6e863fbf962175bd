"""Commands that charge a trace to models: ``run`` one, ``compare`` them all."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.lists import Json, complete_machine, complete_model
from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from replay.model import Model
    from replay.prepare import Prepared

RUN_EXAMPLES = shell.examples(
    "replay run radix.arrow --model disco",
    "replay run radix.arrow --model native --set tlb.entries=128",
    "replay run radix.arrow --model disco --price monitor_entry=100 --json",
    "replay run pmake.arrow --model disco --by service",
)
COMPARE_EXAMPLES = shell.examples(
    "replay compare radix.arrow", "replay compare radix.arrow --set tlb.entries=128 --json"
)

BARE = "native"
"""The model that every other is compared with."""

Trace = Annotated[Path, typer.Argument(help="A trace file.", metavar="TRACE", show_default=False)]
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


Cache = Annotated[bool, typer.Option(help="Keep the prepared trace in the user's cache folder.")]


def run(
    trace: Trace,
    model: Annotated[
        str, typer.Option(help="The design; see `replay models`.", autocompletion=complete_model, show_default=False)
    ],
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also save counts, prices and manifest in this folder.")
    ] = None,
    by: Annotated[
        By, typer.Option(help="Split by mechanism, or by service, beside the published table of the model's services.")
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
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to one model: cycles by mechanism and by service, beside bare hardware."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    if interval and output is None:
        raise UserError("--interval says how finely --output saves the counts; give --output FOLDER, too")
    import models
    from replay import results
    from replay.machine import load_machine
    from replay.price import primitives

    chosen = models.load(model)
    prepared = _prepare(trace, cache=cache)
    hardware = load_machine(machine or _default_machine(chosen, prepared))
    primitives(hardware, prepared.meta, paid)  # refuses a wrong price before anything is counted
    with shell.Progress(f"charging {chosen.name}") as progress:
        document, counts = results.run(
            prepared, chosen, models.load(BARE), hardware, given, paid, progress, interval or 0
        )
    if output is not None:
        results.save(str(output), document, counts)
        shell.say(f"saved in {output}")
    if by == By.SERVICE:
        _show_services(document, json=json)
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


def compare(
    trace: Trace,
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge a trace to bare hardware and to every model, side by side."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    import models

    found = [models.load(name) for name in sorted(models.entries(), key=lambda name: (name != BARE, name))]
    refuse_untaken(given, found)
    prepared = _prepare(trace, cache=cache)
    documents = _charge_all(found, prepared, machine, given, paid)
    if json:
        shell.write_json({"models": documents})
        return
    from reports.charge import compare_screen

    shell.show(*compare_screen(documents))


def _charge_all(
    found: Sequence[Model], prepared: Prepared, machine: str | None, given: dict[str, str], paid: dict[str, str]
) -> list[dict[str, Any]]:
    """A document for each model that takes this architecture; bare hardware, the first, is counted once a machine."""
    from replay.count import count, refuse_unfit
    from replay.machine import load_machine
    from replay.price import price, primitives

    refuse_unfit(found[0], prepared.meta)  # nothing can be compared with bare hardware that cannot be charged
    bare: dict[str, Any] = {}
    documents = []
    for model in [m for m in found if prepared.meta.architecture in m.fidelity]:
        hardware = load_machine(machine or _default_machine(model, prepared))
        primitives(hardware, prepared.meta, paid)
        with shell.Progress(f"charging {model.name}") as progress:
            if hardware.name not in bare:
                bare[hardware.name] = count(prepared, found[0], hardware, _taken(given, found[0]), progress)
            reference = bare[hardware.name]
            counts = (
                reference if model is found[0] else count(prepared, model, hardware, _taken(given, model), progress)
            )
        documents.append(price(counts, model, hardware, paid, (reference, found[0])))
    return documents


def _taken(given: dict[str, str], model: Model) -> dict[str, str]:
    names = {parameter.name for parameter in model.parameters}
    return {name: value for name, value in given.items() if name in names}


def refuse_untaken(given: dict[str, str], found: Sequence[Model]) -> None:
    """Raise UserError for a parameter that none of the models takes."""
    names = {parameter.name for model in found for parameter in model.parameters}
    for name in given:
        if name not in names:
            raise unknown("parameter", name, names, "replay explain MODEL")


def _prepare(trace: Path, *, cache: bool) -> Prepared:
    from replay.prepare import prepare

    with shell.Progress(f"preparing {trace.name}") as progress:
        return prepare(str(trace), use_cache=cache, progress=progress)


def _default_machine(model: Model, prepared: Prepared) -> str:
    architecture = prepared.meta.architecture
    if architecture not in model.machine:
        raise UserError(f"model {model.name} has no default machine for {architecture} traces; name one with --machine")
    return model.machine[architecture]


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
