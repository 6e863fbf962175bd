"""The command that explains: a model, a model on one trace, or what happened in it row by row."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.charge import prepare
from replay.commands.options import Cache, Json, MachineName, Prices, Settings, complete_model, pairs
from replay.errors import UserError

if TYPE_CHECKING:
    from replay.model import Model

EXPLAIN_EXAMPLES = shell.examples(
    "replay explain disco",
    "replay explain disco --trace radix.arrow --rows 200000:200040",
    "replay explain shadow --trace pmake.arrow",
)


def explain(
    model: Annotated[
        str, typer.Argument(help="Which one; see `replay models`.", metavar="MODEL", autocompletion=complete_model)
    ],
    trace: Annotated[
        str | None, typer.Option(help="On this trace: label, rules, settings.", metavar="TRACE", show_default=False)
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            help="Row by row what happened from row FIRST to before row LAST, what was counted and what it cost.",
            metavar="FIRST:LAST",
            show_default=False,
        ),
    ] = None,
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Explain a model: its mechanism, reactions, counters and costs; with a trace, what happened in it and why."""
    if trace is None:
        if rows or machine or settings or prices:
            raise UserError("--rows, --machine, --set and --price are about a trace; give --trace TRACE, too")
        _explain_model(model, json=json)
        return
    import models
    from replay import api
    from replay.explain import explain as tell
    from replay.explain import locate, nothing, parse_range

    models.check(model)
    asked = parse_range(rows) if rows else None
    given, paid = pairs("--set", settings), pairs("--price", prices)
    prepared = prepare(trace, cache=cache)
    architecture = prepared.meta.architecture
    found = models.load(model, architecture)
    stretch = locate(trace, prepared, *asked) if asked else nothing()
    with shell.Progress(f"counting up to row {asked[0] if asked else 0:,}") as progress:
        document = tell(
            prepared, found, api.hardware_for(found, prepared.meta, machine), stretch, given, paid, progress
        )
    document |= {"model": models.word(found.name, architecture)}
    if json:
        shell.write_json(document)
        return
    from reports.explanation import explanation_screen

    shell.show(*explanation_screen(document, shell.console().width))


def _explain_model(model: str, *, json: bool) -> None:
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
    shell.show(
        f"{found.name}: {found.summary}",
        *(_label(architecture, label, document["rules"]) for architecture, label in document["fidelity"].items()),
        _sections(document["mechanism"]),
        parameters,
        reactions,
        counters,
    )


def _label(architecture: str, label: str, rules: dict[str, list[str]]) -> str:
    """How true the model is on traces of ``architecture``, and the rules where it is not what the system was."""
    stated = "".join(f"\n  {rule}" for rule in rules.get(architecture, ()))
    return f"On a trace of {architecture}: {label}" + (f", by these rules:{stated}" if stated else "")


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
        "fidelity": dict(model.fidelity),
        "rules": {architecture: list(rules) for architecture, rules in model.rules.items()},
        "machines": dict(model.machine),
        "baseline": model.baseline,
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
