"""The command ``sensitivity``: which prices the answer's uncertainty comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from replay import shell
from replay.commands.charge import prepare
from replay.commands.options import Cache, Json, MachineName, ModelName, Prices, Settings, Synthesis, Trace, pairs

SENSITIVITY_EXAMPLES = shell.examples(
    "replay sensitivity pmake.arrow --model disco", "replay sensitivity pmake.arrow --model ept --samples 4096 --json"
)


def sensitivity(
    trace: Trace,
    model: ModelName,
    machine: MachineName = None,
    settings: Settings = None,
    prices: Prices = None,
    synthesis: Synthesis = None,
    samples: Annotated[
        int, typer.Option(help="Points of the base sample, a power of two.", min=2, max=1 << 20, metavar="N")
    ] = 1024,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Say how much of an overhead's uncertainty each price causes, alone and together with the others."""
    given, paid = pairs("--set", settings), pairs("--price", prices)
    from replay import api

    prepared = prepare(trace, synthesis, cache=cache)
    with shell.Progress("charging") as progress:
        document = api.sensitivity(
            prepared, model, machine=machine, set=given, price=paid, samples=samples, progress=progress
        )
    if json:
        shell.write_json(document)
        return
    from reports.sensitivity import sensitivity_screen

    shell.show(*sensitivity_screen(document, shell.console().width))
