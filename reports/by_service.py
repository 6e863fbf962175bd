"""Screen of ``replay run --by service``: what each service costs, in columns, beside what was published of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import rich.table

from replay.shell import table
from reports import verdicts
from reports.breakdown import Document
from reports.charge import WIDE, Screen, footer, heading, unfinished
from reports.numbers import decimals, share
from reports.study import Study

NARROW_HEADING, WIDE_HEADING = 7, 11
"""Columns of text that a heading may take in a narrow and in a wide terminal."""

RATIO_PLACES, US_PLACES, DIGITS = 2, 4, 3
"""Most decimal places of a ratio and of microseconds, and most digits of either."""

NEVER = "-"
"""In a cell of what never happened."""

FIXED_WIDTH = 16 + 2 + 5 + 2 + 6 + 2 + 5
"""Columns of text that a service's name, share, time and slowdown take."""

LEAST_SHARE = 0.005
"""Services that nobody published and that take less of all cycles are left to ``--json``."""

Table = Mapping[str, Any]
"""What ``reports.services.services_table`` makes."""


def by_service_screen(document: Document, services: Table, study: Study | None, width: int) -> Screen:
    """Services dearest first; with a study its figures below ours, and what each invocation adds."""
    if not study:
        return [
            heading(document),
            *unfinished(document),
            _ratios(services, _mechanism_titles(services["columns"], width)),
            PLAIN_NOTE,
            *_left_out(services),
            *footer(document),
        ]
    titles = {c.name: _fold(c.title if width >= WIDE else c.short, width) for c in study.columns}
    titles |= {name: name for name in services["columns"] if name not in titles}
    return [
        heading(document),
        *unfinished(document),
        _beside(document, study),
        _ratios(services, titles),
        _overall(services, study),
        *_left_out(services),
        "Added to each invocation: events, and microseconds beyond what bare hardware takes:",
        _each(services, titles),
        _legend(study),
        *_notes(services, study),
        *footer(document),
    ]


def _beside(document: Document, study: Study) -> str:
    text = f"Ours, and below it {study.title} ({study.source.partition(': ')[2]}):"
    workload = document["trace"]["workload"]
    return text if workload == study.workload else f"This trace is {workload}, not {study.workload}. {text}"


PLAIN_NOTE = (
    "Columns are times over the service's time on bare hardware; their sum, with what has no column here, is the"
    " slowdown. Idle time is left out."
)

Titles = Mapping[str, str]
"""Column -> its heading, folded; columns without one are not shown."""


def _fold(title: str, width: int) -> str:
    return textwrap.fill(title, WIDE_HEADING if width >= WIDE else NARROW_HEADING, break_long_words=False)


def _mechanism_titles(columns: Sequence[str], width: int) -> Titles:
    """Headings of the dearest mechanisms, as many as fit."""
    titles: dict[str, str] = {}
    left = width - FIXED_WIDTH
    for name in columns:
        title = _fold(name, WIDE)
        left -= max(map(len, title.split("\n"))) + 2
        if left < 0:
            break
        titles[name] = title
    return titles


def _shown(services: Table) -> list[Mapping[str, Any]]:
    """The rows worth a line."""
    return [row for row in services["services"] if row["published"] or row["model_share"] >= LEAST_SHARE]


def _dense(*headings: str) -> rich.table.Table:
    """A table with two spaces between columns, which leaves room for a service's whole name."""
    made = table(*headings)
    made.padding = (0, 1, 0, 0)
    return made


def _ratios(services: Table, titles: Titles) -> rich.table.Table:
    made = _dense("service", ">share", ">native\nus", *(f">{title}" for title in titles.values()), ">slow-\ndown")
    for row in _shown(services):
        cells = [_ratio(row["columns"][name], "ratio") for name in titles]
        made.add_row(row["service"], share(row["share"], 1), _us(row, "native_us"), *cells, _ratio(row, "slowdown"))
        if row["published"]:
            made.add_row(*_published_ratios(row, titles), style="dim")
    return made


def _published_ratios(row: Mapping[str, Any], columns: Iterable[str]) -> list[str]:
    published = row["published"]
    cells = [f"{published['columns'][n]['ratio']:.2f}" if n in published["columns"] else "" for n in columns]
    name = "paper's" if published["service"] == row["service"] else f"as {published['service']}"
    share_text = share(published["share"], 1)
    return [f"  {name}", share_text, f"{published['native_us']:g}", *cells, f"{published['slowdown']:.2f}"]


def _overall(services: Table, study: Study) -> str:
    left_out = ", ".join(study.not_system)
    ours = services["overall"]["slowdown"]
    return (
        f"Columns are times over the service's time on bare hardware; their sum is the slowdown. All system time"
        f" ({left_out} left out): {_exact(ours)} times bare hardware's; {study.overall:g} in the paper."
    )


def _left_out(services: Table) -> list[str]:
    count = len(services["services"]) - len(_shown(services))
    what = (
        f"Services that take less than {LEAST_SHARE:.1%} of the cycles are left out, {count} in all: --json has them."
    )
    return [what] if count else []


def _each(services: Table, titles: Titles) -> rich.table.Table:
    made = _dense("service", "", *(f">{title}" for title in titles.values()), ">all\nadded")
    for row in services["services"]:
        published = row["published"]
        if not published:
            continue
        cells = [row["columns"][name] for name in titles]
        theirs = [published["columns"].get(name) for name in titles]
        made.add_row(row["service"], "events", *(_events(cell) for cell in cells), "")
        made.add_row("", "us", *(_us(cell, "added_us") for cell in cells), _us(row, "added_us"))
        made.add_row(
            "", "paper's", *(_exact(t and t["added_us"]) for t in theirs), _exact(published["added_us"]), style="dim"
        )
        made.add_row("", "verdict", *(t["verdict"] if t else "" for t in theirs), published["verdict"])
    return made


def _legend(study: Study) -> str:
    bands = study.bands
    return (
        f"Verdict, by added microseconds: small, both below {bands['negligible']:.0%} of the paper's time on bare"
        f" hardware; else yes, within a factor of {bands['within']:g}; shape, within {bands['shape']:g}; no. A"
        " fitted cell set a price, so it says nothing. Ratios differ more: our kernel's paths are shorter than IRIX's."
    )


def _notes(services: Table, study: Study) -> Screen:
    """Why cells do not come out, dearest services first, and what the study says of a row."""
    found: dict[tuple[str, str], list[str]] = {}
    notes = []
    for row in services["services"]:
        published = row["published"] or {"columns": {}, "note": ""}
        for column in study.columns:
            cell = published["columns"].get(column.name)
            if cell and cell["verdict"] in verdicts.UNEXPLAINED:
                found.setdefault((column.title, cell["reason"]), []).append(row["service"])
        notes += [f"{row['service']}: {published['note']}"] if published["note"] else []
    why = [f"{title} of {', '.join(names)}: {reason}" for (title, reason), names in found.items()]
    return ["\n".join(["Where it does not come out, and why:", *why]), *notes] if why else [*notes]


def _ratio(figures: Mapping[str, Any], name: str) -> str:
    return _bounded(figures, name, RATIO_PLACES)


def _us(figures: Mapping[str, Any], name: str) -> str:
    return _bounded(figures, name, US_PLACES)


def _bounded(figures: Mapping[str, Any], name: str, places: int) -> str:
    """A figure with no more digits than its bounds justify, nor more decimal places than ``places``."""
    value, low, high = (figures[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None:
        return NEVER
    size = abs(value)
    if size < 0.5 * 10**-places:
        return "0"
    kept = min(places, DIGITS - 1 - math.floor(math.log10(size)), decimals(size, 0, high - low))
    return f"{round(value, kept):,.{max(0, kept)}f}"


def _exact(value: float | None) -> str:
    """A published or derived figure of three digits."""
    return NEVER if value is None else f"{value:.{DIGITS}g}" if abs(value) >= 0.5 * 10**-US_PLACES else "0"


def _events(cell: Mapping[str, Any]) -> str:
    """Events are counted, not priced: three digits of their average."""
    return "" if cell["events"] is None else _exact(cell["events"])
