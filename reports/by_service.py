"""Screen of ``replay run --by service``: what each service costs, in columns, beside what was published of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import rich.table

from replay.shell import table
from reports.breakdown import Document
from reports.charge import WIDE, Screen, footer, heading
from reports.numbers import figure, share
from reports.study import Study

NARROW_HEADING, WIDE_HEADING = 7, 12
"""Columns of text that a heading may take in a narrow and in a wide terminal."""

Table = Mapping[str, Any]
"""What ``reports.services.services_table`` makes."""


def by_service_screen(document: Document, services: Table, study: Study | None, width: int) -> Screen:
    """Services dearest first; with a study its figures below ours, and what each invocation adds."""
    titles = _titles(services["columns"], study, width)
    parts: Screen = [heading(document)]
    if not study:
        return [*parts, _plain(services, titles), PLAIN_NOTE, *footer([document])]
    return [
        *parts,
        f"Ours, and below it {study.title} ({study.source.partition(': ')[2]}):",
        _ratios(services, titles),
        _overall(services, study),
        "Each invocation: events, and microseconds that it takes in each column:",
        _each(services, titles),
        _legend(study),
        *_notes(services, study),
        *footer([document]),
    ]


PLAIN_NOTE = (
    "Columns are cycles over the service's cycles on bare hardware; their sum is the slowdown. Idle time is left out."
)


def _titles(columns: Sequence[str], study: Study | None, width: int) -> list[str]:
    """Headings of the columns, folded: full where there is room, else short."""
    wide = width >= WIDE
    known = {c.name: c.title if wide else c.short for c in study.columns} if study else {}
    room = WIDE_HEADING if wide else NARROW_HEADING
    return [textwrap.fill(known.get(name, name), room, break_long_words=False) for name in columns]


def _plain(services: Table, titles: Sequence[str]) -> rich.table.Table:
    made = table("service", ">share", ">times", ">native\nus", *(f">{title}" for title in titles), ">slow-\ndown")
    for row in services["services"]:
        cells = [_ratio(row["columns"][name]) for name in services["columns"]]
        made.add_row(
            row["service"],
            share(row["share"], 1),
            f"{row['invocations']:,}",
            _us(row["native_us"]),
            *cells,
            _number(row["slowdown"]),
        )
    return made


def _ratios(services: Table, titles: Sequence[str]) -> rich.table.Table:
    made = table("service", ">share", ">native\nus", *(f">{title}" for title in titles), ">slow-\ndown")
    for row in services["services"]:
        cells = [_ratio(row["columns"][name]) for name in services["columns"]]
        made.add_row(row["service"], share(row["share"], 1), _us(row["native_us"]), *cells, _number(row["slowdown"]))
        if row["published"]:
            made.add_row(*_published_ratios(row["published"], services["columns"]), style="dim")
    return made


def _published_ratios(published: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    cells = [f"{published['columns'][n]['ratio']:.2f}" if n in published["columns"] else "" for n in columns]
    name = f"  {published['service']}, paper"
    return [name, share(published["share"], 1), f"{published['native_us']:g}", *cells, f"{published['slowdown']:.2f}"]


def _overall(services: Table, study: Study) -> str:
    left_out = ", ".join(study.not_system)
    ours = services["overall"]["slowdown"]
    return (
        f"Columns are times over the service's time on bare hardware; their sum is the slowdown. All system time"
        f" ({left_out} left out): {_number(ours)} times bare hardware's; {study.overall:g} in the paper."
    )


def _each(services: Table, titles: Sequence[str]) -> rich.table.Table:
    made = table("service", "", *(f">{title}" for title in titles), ">all\nadded")
    for row in services["services"]:
        published = row["published"]
        if not published:
            continue
        cells = [row["columns"][name] for name in services["columns"]]
        theirs = [published["columns"].get(name) for name in services["columns"]]
        made.add_row(row["service"], "events", *(_events(cell) for cell in cells), "")
        made.add_row("", "us", *(_us(c["us"], c["us_low"], c["us_high"]) for c in cells), _us(row["added_us"]))
        made.add_row("", "paper's", *(_us(t and t["us"]) for t in theirs), _us(published["added_us"]), style="dim")
        made.add_row("", "comes out", *(t["verdict"] if t else "" for t in theirs), "")
    return made


def _legend(study: Study) -> str:
    bands = study.bands
    return (
        f"Comes out: yes, within a factor of {bands['within']:g} (or both below {bands['negligible']:.0%} of the"
        f" service); shape, within {bands['shape']:g}; no. The kernel's own column is judged by its ratio, as our"
        " kernel's paths are shorter than IRIX's. A fitted cell set a price, so it says nothing."
    )


def _notes(services: Table, study: Study) -> list[str]:
    """Why cells do not come out, and what the study says of a row: one line each, the same reason once."""
    said: dict[str, list[str]] = {}
    for row in services["services"]:
        published = row["published"] or {"columns": {}, "note": ""}
        for column, cell in published["columns"].items():
            if cell["verdict"] in ("shape", "no") and cell["reason"]:
                title = next(c.title for c in study.columns if c.name == column)
                said.setdefault(cell["reason"], []).append(f"{row['service']}'s {title}")
        if published["note"]:
            said.setdefault(published["note"], []).append(row["service"])
    return ["\n".join(f"{', '.join(cells)}: {why}" for why, cells in said.items())] if said else []


def _ratio(cell: Mapping[str, Any]) -> str:
    return _number(cell["ratio"], cell["low"], cell["high"])


def _events(cell: Mapping[str, Any]) -> str:
    return "" if cell["events"] is None else _number(cell["events"])


def _us(value: float | None, low: float | None = None, high: float | None = None) -> str:
    return _number(value, low, high)


def _number(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A figure of three digits at most, fewer where its bounds justify no more; a dash for what never happens."""
    if value is None:
        return "-"
    if value < 0:
        return f"-{_number(-value)}"
    if low is None or high is None or low == high:
        low, high = value * 0.995, value * 1.005
    return figure(value, low, high)
