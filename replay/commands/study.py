"""``replay study``: a published table or figure, ours beside the paper's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replay import shell
from replay.commands.options import Json
from replay.errors import UserError, unknown

if TYPE_CHECKING:
    from replay.commands.study_charges import Ask
    from reports.charge import Screen

STUDY_EXAMPLES = shell.examples(
    "replay study list", "replay study disco-fig5", "replay study all -o studies", "replay study disco-table2 --json"
)
LIST, ALL = "list", "all"


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
        typer.Option(
            "--output", "-o", help="Also write each study's values, figure and page into this folder.", metavar="FOLDER"
        ),
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
    wanted = [known[one] for one in (known if name == ALL else [name])]
    found = []
    for values, screen in run_studies(wanted, shell.console().width):
        found.append(values)
        if output is not None:
            _write(output, values)
        if not json:
            shell.show(*screen)
    if output is not None and name == ALL:
        _write_index(output, found)
    if json:
        shell.write_json({"studies": found} if name == ALL else found[0])


def run_studies(known: Sequence[Mapping[str, Any]], width: int) -> Iterator[tuple[dict[str, Any], Screen]]:
    """What the studies that ``known`` describes come to: values, and screens ``width`` columns wide.

    What several of them ask for is charged once.
    """
    from replay.commands.study_charges import charge_all

    asked = [asks_of(document) for document in known]
    documents = charge_all(ask for asks in asked for ask in asks)
    for document, asks in zip(known, asked, strict=True):
        yield _told(document, [documents[ask.key] for ask in asks], width)


def asks_of(document: Mapping[str, Any]) -> list[Ask]:
    """What a study needs charged, in the order in which it is told."""
    from replay.commands.study_charges import Ask
    from reports import across, bars, study
    from reports.catalogue import SERVICES

    if document["kind"] == SERVICES:
        published = study.read(document)
        return [Ask({"workload": published.workload}, published.model, None, {}, {}, beside=True)]
    figure = bars.read(document)
    return [
        Ask(
            recipes[bar.trace],
            bar.model,
            bar.machine,
            bar.settings,
            {**bar.prices, **prices},
            bar.vms,
            figure.is_footprint,
        )
        for recipes, prices in across.versions(figure)
        for bar in figure.bars
    ]


def _told(document: Mapping[str, Any], results: Sequence[dict[str, Any]], width: int) -> tuple[dict[str, Any], Screen]:
    """The values and the screen of a study, of the ``results`` that it asked for."""
    from replay.commands.study_traces import command
    from reports import across, bar_screen, bars, by_service, services, study
    from reports.catalogue import SERVICES

    if document["kind"] == SERVICES:
        published = study.read(document)
        values = services.services_table(results[0], published)
        shown = by_service.by_service_screen(results[0], values, published, width)
        return values | {"kind": document["kind"], "title": published.title}, shown
    figure = bars.read(document)
    step = len(figure.bars)
    tables = [bars.figure_table(figure, results[at : at + step]) for at in range(0, len(results), step)]
    across.widen(tables[0], across.changes(figure, tables))
    for recipe in tables[0]["traces"].values():
        recipe["command"] = command(recipe)
        if across.SHORT in recipe:
            recipe["short_command"] = command(across.shortened(recipe))
    return tables[0], bar_screen.bars_screen(tables[0])


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


def _write_index(folder: Path, found: Sequence[Mapping[str, Any]]) -> None:
    """Write the page that carries all studies into ``folder``.  Raises UserError."""
    from reports.study_index import index

    try:
        (folder / "index.md").write_text(index(found), "utf-8")
    except OSError as error:
        raise UserError(f"{shell.explain(error)}; name another folder with -o") from None
