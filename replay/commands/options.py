"""Options that several commands take, each stated once, and what NAME=VALUE texts say."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from replay.errors import UserError


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Names and summaries of the models that start so, for shell completion."""
    import models

    found = [(name, entry.summary) for name, entry in models.entries().items()]
    found += [(word, "by the trace's architecture") for word in models.BY_ARCHITECTURE if word not in models.entries()]
    return [(name, summary) for name, summary in found if name.startswith(incomplete)]


def complete_machine(incomplete: str) -> list[str]:
    """Names of the machines that start so, for shell completion."""
    from replay.machine import machine_names

    return [name for name in machine_names() if name.startswith(incomplete)]


Trace = Annotated[str, typer.Argument(help="A trace file, or its URI.", metavar="TRACE", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout; messages go to stderr.")]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        help="The design; see `replay models`.",
        metavar="MODEL",
        autocompletion=complete_model,
        show_default=False,
    ),
]
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
        metavar="N",
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
        metavar="MACHINE",
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
