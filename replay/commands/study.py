"""``replay study``: a published table or figure, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.lists import Json
from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from reports.bars import Bar, Figure
    from reports.charge import Screen

STUDY_EXAMPLES = shell.examples(
    "replay study list", "replay study disco-fig5", "replay study all -o studies", "replay study disco-table2 --json"
)
LIST, ALL = "list", "all"

ONE_INTERVAL = 10**15
"""Instructions of an interval that no recording is longer than."""


def complete_study(incomplete: str) -> list[tuple[str, str]]:
    """Names and titles of the studies that start so, for shell completion."""
    from reports.catalogue import catalogue

    found = [(LIST, "what there is"), (ALL, "every study")]
    found += [(name, document["title"]) for name, document in catalogue().items()]
    return [(name, title) for name, title in found if name.startswith(incomplete)]


def study(
    name: Annotated[
        str,
        typer.Argument(
            help="`list`, a study's name, or `all`.", metavar="NAME", autocompletion=complete_study, show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write each study's values, figure and page into this folder."),
    ] = None,
    json: Json = False,
) -> None:
    """Run a study: a published table or figure, ours beside the paper's, with a verdict on every value.

    Guests are recorded when a study first asks for them, and kept in the user's cache folder.
    """
    from reports.catalogue import catalogue

    known = catalogue()
    if name == LIST:
        _list(known, json=json)
        return
    if name not in (ALL, *known):
        raise unknown("study", name, [ALL, LIST, *known], "replay study list")
    if output is not None:
        _make(output)
    wanted = [name] if name != ALL else list(known)
    found = []
    for one in wanted:
        values, screen = run_study(known[one], shell.console().width)
        found.append(values)
        if output is not None:
            _write(output, values)
        if not json:
            shell.show(*screen)
    if json:
        shell.write_json({"studies": found} if name == ALL else found[0])


def run_study(document: Mapping[str, Any], width: int) -> tuple[dict[str, Any], Screen]:
    """What the study described by ``document`` comes to: its values, and its screen ``width`` columns wide."""
    from reports.catalogue import SERVICES

    return _services(document, width) if document["kind"] == SERVICES else _bars(document)


def _services(document: Mapping[str, Any], width: int) -> tuple[dict[str, Any], Screen]:
    from reports import by_service, services, study

    published = study.read(document)
    result = _charge({"workload": published.workload}, published.model, None, {}, {})
    values = services.services_table(result, published)
    return values | {"kind": document["kind"]}, by_service.by_service_screen(result, values, published, width)


def _bars(document: Mapping[str, Any]) -> tuple[dict[str, Any], Screen]:
    from replay.commands.study_traces import command
    from reports import bar_screen, bars

    figure = bars.read(document)
    values = bars.figure_table(figure, _results(figure))
    for recipe in values["traces"].values():
        recipe["command"] = command(recipe)
    return values, bar_screen.bars_screen(values)


def _results(figure: Figure) -> Iterator[dict[str, Any]]:
    """The result documents of the figure's bars; what two bars in a row show two sides of is counted once."""
    from reports.bars import FOOTPRINT

    asked: object = None
    found: dict[str, Any] = {}
    for bar in figure.bars:
        recipe, wanted = figure.traces[bar.trace], (bar.trace, bar.vms, bar.model, bar.machine, bar.settings)
        if figure.heights != FOOTPRINT:
            found = _charge(recipe, bar.model, bar.machine, bar.settings, bar.prices)
        elif wanted != asked:
            found = _footprint(recipe, bar)
        asked = wanted
        yield found


def _footprint(recipe: Mapping[str, Any], bar: Bar) -> dict[str, Any]:
    """The footprint at the end of ``bar.vms`` recordings of a guest, with the seeds from 1 on, side by side."""
    import models
    from replay import api
    from replay.commands import charge
    from replay.commands.study_traces import trace_of
    from replay.count import count

    traces = [trace_of({**recipe, "seed": seed + 1}) for seed in range(bar.vms)]
    prepared = charge.prepare_all(
        traces, None, charge.schedule_of(None, charge.Scheduler.PINNED, None), marks=False, cache=True
    ).prepared
    chosen = models.load(bar.model, prepared.meta.architecture)
    hardware = api.hardware_for(chosen, prepared, bar.machine)
    with shell.Progress(f"counting {bar.vms} x {recipe['workload']} on {chosen.name}") as progress:
        return count(prepared, chosen, hardware, bar.settings, progress, ONE_INTERVAL).footprint


def _charge(
    recipe: Mapping[str, Any],
    model: str,
    machine: str | None,
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
) -> dict[str, Any]:
    """The result document of one guest under one model."""
    import models
    from replay import api
    from replay import document as results
    from replay.commands import charge
    from replay.commands.study_traces import trace_of

    prepared = charge.prepare(trace_of(recipe), cache=True)
    chosen = models.load(model, prepared.meta.architecture)
    hardware = api.hardware_for(chosen, prepared, machine)
    with shell.Progress(f"charging {recipe['workload']} to {chosen.name}") as progress:
        found, _ = results.run(prepared, chosen, models.load(chosen.baseline), hardware, settings, prices, progress)
    return found


def _list(known: Mapping[str, Mapping[str, Any]], *, json: bool) -> None:
    rows = [{"study": name, "title": one["title"], "source": one["source"]} for name, one in known.items()]
    if json:
        shell.write_json({"studies": rows})
        return
    made = shell.table("study", "what it is", "published in")
    for row in rows:
        made.add_row(row["study"], row["title"], row["source"].partition(": ")[2])
    shell.show(made)


def _make(folder: Path) -> None:
    """Make ``folder``, before guests are recorded for what is to be written there.  Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{shell.explain(error)}; name another folder with -o") from None


def _write(folder: Path, values: Mapping[str, Any]) -> None:
    """Write the values of a study, and its figure where it is one, into ``folder``.  Raises UserError."""
    import json

    from reports.catalogue import BARS

    name = values["study"]
    try:
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n", "utf-8")
        if values["kind"] == BARS:
            from reports import bar_chart, bar_page

            if values["titles"]:
                bar_chart.chart(values).save(folder / f"{name}.svg")
            (folder / f"{name}.md").write_text(bar_page.page(values), "utf-8")
    except OSError as error:
        raise UserError(f"{shell.explain(error)}; name another folder with -o") from None
    shell.say(f"saved in {folder / name}.json")
