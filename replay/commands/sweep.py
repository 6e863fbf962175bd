"""The command ``sweep``: every point of a grid, each count once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.options import Cache, Json, complete_machine, complete_model, pairs
from replay.errors import UserError
from replay.start import INTERRUPTED

if TYPE_CHECKING:
    from replay.grid import Grid
    from replay.plan import Plan

SWEEP_EXAMPLES = shell.examples(
    "replay sweep grid.toml -o out/",
    "replay sweep pmake.arrow --model ept --set stlb.entries=64:4096:*2 -o out/",
    "replay sweep pmake.arrow --model all --price vm_exit=500:2000:+50 -o out/ --plan",
    "replay sweep vm0.arrow vm1.arrow --together --model disco --set schedule.cpus=1,2 --set"
    " schedule.scheduler=round-robin -o out/",
)


def sweep(
    files: Annotated[
        list[str],
        typer.Argument(help="A grid (.toml), or traces, also by URI.", metavar="GRID|TRACE...", show_default=False),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="Folder or URI of the results; what is there is not done again.", metavar="FOLDER"
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="A design, or all; give it again for more.",
            metavar="MODEL",
            autocompletion=complete_model,
        ),
    ] = None,
    machines: Annotated[
        list[str] | None,
        typer.Option(
            "--machine",
            help="What it runs on; give it again for more.",
            metavar="MACHINE",
            autocompletion=complete_machine,
            show_default="the models'",
        ),
    ] = None,
    together: Annotated[
        bool,
        typer.Option(
            "--together",
            help="The traces are virtual machines on one machine, not one after the other; --set schedule.cpus,"
            " schedule.scheduler and schedule.quantum say who runs where and when.",
        ),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Vary a parameter: a list 64,128 or a range 16:1024:*2.", metavar="NAME=VALUES"),
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option("--price", help="Vary a price: a list, or a range 500:2000:+50.", metavar="NAME=VALUES"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="Count on the workers of the Dask cluster whose scheduler is there.", metavar="ADDRESS"),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be done, and do nothing.")] = False,
    json: Json = False,
    cache: Cache = True,
) -> None:
    """Charge traces to models at every point of a grid; a stopped sweep goes on where it was."""
    if output is None and not plan:
        raise UserError("a sweep keeps its results; give --output FOLDER, or --plan to see what it would do")
    from replay import api

    grid = _grid(files, models, machines, settings, prices, together=together)
    with shell.Progress("preparing") as progress:
        planned = api.plan(grid, cache=cache, progress=progress)
    if plan:
        _show_plan(planned, output, json=json)
        return
    assert output is not None
    _carry_out(planned, output, cluster, json=json)


def _grid(
    files: list[str],
    models: list[str] | None,
    machines: list[str] | None,
    settings: list[str] | None,
    prices: list[str] | None,
    *,
    together: bool,
) -> Grid:
    """The grid that the command line states, on top of what a file does."""
    from dataclasses import replace

    from replay.grid import Grid, group_of, read_grid, with_axes

    stated = [file for file in files if file.endswith(".toml")]
    traces = tuple(file for file in files if not file.endswith(".toml"))
    guests = (group_of(traces, "--together"),) if together else traces
    if len(stated) > 1:
        raise UserError(f"{stated[1]}: a sweep has one grid; sweep the grids one after the other, into one folder")
    grid = read_grid(stated[0]) if stated else Grid("sweep", (), ())
    grid = replace(
        grid,
        traces=(*grid.traces, *guests),
        models=tuple(models) if models else grid.models,
        machines=tuple(machines) if machines else grid.machines,
    )
    return with_axes(with_axes(grid, "set", pairs("--set", settings)), "price", pairs("--price", prices))


def _carry_out(planned: Plan, output: str, cluster: str | None, *, json: bool) -> None:
    from contextlib import nullcontext

    from replay.cluster import crew_at
    from replay.commands.status import Status
    from replay.dataset import make_dataset
    from replay.sweeping import carry_out, reasons

    data = make_dataset(output)
    stopped = _on_stop()
    try:
        with crew_at(cluster) if cluster else nullcontext() as crew, Status() as status:
            left_out = carry_out(planned, data, status, crew=crew)
    except KeyboardInterrupt:
        kept, asked = len(planned.digests) - data.missing, len(planned.digests)
        raise shell.GuestFailureError(
            f"interrupted; {kept:,} of {asked:,} points are kept, the same command goes on from there",
            shell.TERMINATED if stopped else INTERRUPTED,
        ) from None
    for line in reasons([*left_out, *planned.left_out]):
        shell.say(line)
    if json:
        shell.write_json(data.points().to_dicts())
        return
    from reports.sweep import sweep_screen

    shell.show(*sweep_screen(data.points().to_dicts(), data.axes, shell.console().width))
    finished = len(planned.digests) - sum(one["points"] for one in left_out)
    shell.say(f"{finished:,} points in {output}")


def _on_stop() -> list[int]:
    """Let a polite kill end the sweep as Ctrl-C does, its finished points kept; it is noted in the list returned."""
    import signal

    noted: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, stop)
    return noted


def _show_plan(planned: Plan, output: str | None, *, json: bool) -> None:
    """What would be done about each point, by the way its counts come about."""
    from collections import Counter

    from replay.plan import paths
    from replay.sweeping import reasons

    there: set[str] = set()
    runs: set[str] = set()
    if output is not None:
        from replay.dataset import is_dataset, open_dataset

        if is_dataset(output):
            data = open_dataset(output)
            there, runs = data.finished(), {run for run in planned.jobs if data.has_run(run)}
    document: dict[str, Any] = {
        "points": len(planned.digests),
        "there": len(there & set(planned.digests)),
        "counts": len(planned.jobs),
        "counts_there": len(runs),
        "ways": dict(
            Counter(path.way for path in paths(job for run, job in planned.jobs.items() if run not in runs).values())
        ),
        "left_out": [dict(one) for one in planned.left_out],
    }
    if json:
        shell.write_json(document)
        return
    shell.show(
        f"{document['points']:,} points, {document['there']:,} of them there; they follow from "
        f"{document['counts']:,} counts, {document['counts_there']:,} of them there.",
        *(f"{many:,} counts by {way}." for way, many in document["ways"].items()),
        f"Prices: {len(planned.groups):,} products of counts and prices.",
        *(f"{line}." for line in reasons(planned.left_out)),
    )
