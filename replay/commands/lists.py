"""Commands that tell what there is: traces, models, machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.options import Json, Trace, complete_machine

if TYPE_CHECKING:
    from replay.machine import Machine


INFO_EXAMPLES = shell.examples("replay info radix.arrow", "replay info radix.arrow --json")
MODELS_EXAMPLES = shell.examples("replay models --json")
MACHINES_EXAMPLES = shell.examples("replay machines", "replay machines flash-1997")


def info(
    trace: Trace,
    json: Json = False,
) -> None:
    """Show what is in a trace, after verifying its checksums."""
    from replay.info import describe

    facts = describe(trace)
    if json:
        shell.write_json(facts)
        return
    from reports.trace import screen

    shell.show(*screen(facts))


def models(json: Json = False) -> None:
    """List the models, and how true each is to what the system was on traces of each architecture."""
    from models import ARCHITECTURES, BY_ARCHITECTURE, entries

    found = entries()
    if json:
        listed = [
            {"name": name, "summary": e.summary, "aliases": list(e.aliases), "fidelity": e.fidelity}
            for name, e in found.items()
        ]
        shell.write_json({"models": listed, "by_architecture": BY_ARCHITECTURE})
        return
    table = shell.table("model", *(f"on {architecture}" for architecture in ARCHITECTURES), "what it is")
    for name, entry in found.items():
        also = f" (also {', '.join(entry.aliases)})" if entry.aliases else ""
        labels = (entry.fidelity.get(architecture, "?") for architecture in ARCHITECTURES)
        table.add_row(name, *labels, f"{entry.summary}{also}")
    words = [
        f"{word} is {' and '.join(f'{model} on {architecture}' for architecture, model in meanings.items())}"
        for word, meanings in BY_ARCHITECTURE.items()
    ]
    shell.show(table, f"By the architecture of the trace, {'; '.join(words)}.")


def machines(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Show this one in full.", metavar="MACHINE", autocompletion=complete_machine, show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the machines, or show all about one: parameters and prices with their sources."""
    from replay.machine import load_machine, machine_names

    found = [load_machine(n) for n in ([name] if name else machine_names())]
    if json:
        shell.write_json({"machines": [_machine(machine) for machine in found]})
        return
    if name:
        document = _machine(found[0])
        parameters, prices = (_records(what, document[f"{what}s"]) for what in ("parameter", "price"))
        shell.show(f"{document['name']}: {document['summary']}", parameters, prices)
        return
    table = shell.table("machine", ">clock", "what it is")
    for machine in sorted(found, key=lambda machine: machine.name.rpartition("-")[2]):
        table.add_row(machine.name, f"{machine.parameters['clock'].value:,.0f} MHz", machine.summary)
    shell.show(table, "Oldest first. All values of one, with their sources: replay machines MACHINE")


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "summary": machine.summary,
        "price_set": machine.price_set,
        "parameters": [asdict(record) for record in machine.parameters.values()],
        "prices": [asdict(record) for record in machine.prices.values()],
    }


def _records(what: str, records: list[dict[str, Any]]) -> Any:
    table = shell.table(what, ">value", "unit", "bounds", "source and note")
    for r in records:
        limits = "" if r["low"] == r["high"] else f"{r['low']:g} to {r['high']:g}"
        table.add_row(
            r["name"], f"{r['value']:g}", r["unit"], limits, ". ".join(filter(None, (r["source"], r["note"])))
        )
    return table
