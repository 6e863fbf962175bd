"""Commands that tell what there is: traces, models, machines."""

from __future__ import annotations

import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell

if TYPE_CHECKING:
    from replay.machine import Machine
    from replay.model import Model

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")]


INFO_EXAMPLES = shell.examples("replay info radix.arrow", "replay info radix.arrow --json")
MODELS_EXAMPLES = shell.examples("replay models --json")
MACHINES_EXAMPLES = shell.examples("replay machines", "replay machines flash-1997")
EXPLAIN_EXAMPLES = shell.examples("replay explain disco")


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Names and summaries of the models that start so, for shell completion."""
    import models

    return [(name, entry.summary) for name, entry in models.entries().items() if name.startswith(incomplete)]


def complete_machine(incomplete: str) -> list[str]:
    """Names of the machines that start so, for shell completion."""
    from replay.machine import machine_names

    return [name for name in machine_names() if name.startswith(incomplete)]


def info(
    trace: Annotated[Path, typer.Argument(help="A trace file.", metavar="TRACE", show_default=False)],
    json: Json = False,
) -> None:
    """Show what is in a trace, after verifying its checksums."""
    from replay.info import describe

    facts = describe(str(trace))
    if json:
        shell.write_json(facts)
        return
    from reports.trace import screen

    shell.show(*screen(facts))


def models(json: Json = False) -> None:
    """List the models."""
    from models import entries

    found = entries()
    if json:
        listed = [{"name": n, "summary": e.summary, "aliases": list(e.aliases)} for n, e in found.items()]
        shell.write_json({"models": listed})
        return
    table = shell.table("model", "also called", "what it is")
    for name, entry in found.items():
        table.add_row(name, ", ".join(entry.aliases), entry.summary)
    shell.show(table)


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
    table = shell.table("machine", "what it is")
    for machine in found:
        table.add_row(machine.name, machine.summary)
    shell.show(table)


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


def explain(
    model: Annotated[
        str, typer.Argument(help="Which one; see `replay models`.", metavar="MODEL", autocompletion=complete_model)
    ],
    json: Json = False,
) -> None:
    """Explain a model: its mechanism, parameters, reactions to guest events, counters and costs."""
    import models

    found = models.load(model)
    document = _model(found)
    if json:
        shell.write_json(document)
        return
    parameters = shell.table("parameter", ">default", "unit", "takes", "note")
    for p in document["parameters"]:
        takes = ", ".join(p["choices"]) or f"{_limit(p['low'])} to {_limit(p['high'])}"
        default = "the trace's" if p["default"] is None else _shown(p["default"])
        parameters.add_row(p["name"], default, p["unit"], takes, p["note"])
    reactions = shell.table("guest events", "reaction", "counter", "may count")
    for r in document["reactions"]:
        reactions.add_row(", ".join(r["events"]), r["reaction"], r["ticks"], ", ".join(r["may"]))
    counters = shell.table("counter", "counts", "price of one")
    for c in document["counters"]:
        counters.add_row(c["name"], c["meaning"], c["cost"])
    shell.show(f"{found.name}: {found.summary}", _sections(document["mechanism"]), parameters, reactions, counters)


def _shown(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _limit(value: int) -> str:
    """A bound, a great power of two (less one) as such."""
    for power, less in ((value, ""), (value + 1, " - 1")):
        if power > 1 << 16 and power & (power - 1) == 0:
            return f"2^{power.bit_length() - 1}{less}"
    return f"{value:,}"


def _sections(docstring: str) -> Any:
    """A model's docstring, each section beside its heading: ``Heading  text``, further lines indented."""
    made = shell.table("", "")
    made.show_header = False
    for section in re.split(r"\n+(?=\S)", docstring)[1:]:
        heading, text = re.split(r"\s{2,}", section, maxsplit=1)
        made.add_row(heading, " ".join(text.split()))
    return made


def _model(model: Model) -> dict[str, Any]:
    from replay.model import COMMON, event_name, meanings

    counted = COMMON | meanings(model.events)
    return {
        "name": model.name,
        "summary": model.summary,
        "aliases": list(model.aliases),
        "mechanism": inspect.getdoc(inspect.getmodule(model.state)) or "",
        "parameters": [
            {k: getattr(p, k) for k in ("name", "unit", "low", "high", "choices", "source", "note")}
            | {"default": p.value}
            for p in model.parameters
        ],
        "reactions": [
            {
                "events": [event_name(e) for e in row.events],
                "reaction": str(row.reaction),
                "ticks": row.ticks,
                "may": row.may,
            }
            for row in model.reactions
        ],
        "counters": [{"name": n, "meaning": counted[n], "cost": str(model.costs[n])} for n in model.counters],
    }
