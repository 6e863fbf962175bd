"""Screen of ``replay run --by mark``: what one region of each of the workload's marks costs, and through what."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import rich.table

from replay.shell import table
from reports.breakdown import Document, is_bare
from reports.charge import Screen, footer, heading, unfinished
from reports.marks import added_by_mechanism
from reports.numbers import decimals

FIXED_WIDTH = 24 + 10 + 10 + 9 + 9
"""Columns of text that a mark's name, regions, two times and slowdown take."""

TITLE_WIDTH, COLUMN_WIDTH = 11, 13
"""Columns of text that a mechanism's heading takes, and its column."""

DIGITS, US_PLACES = 3, 4
"""Most digits of a time, and most of its decimal places."""

NOTE = (
    "Times are of one region: of the thread that opened it and of those made within, whatever else ran meanwhile and"
    " without waiting. Columns are events in a region; what a region takes beyond bare hardware is theirs."
)
BARE_NOTE = (
    "Times are of one region: of the thread that opened it and of those made within, whatever else ran meanwhile and"
    " without waiting."
)


def by_mark_screen(document: Document, marks: Mapping[str, Any], width: int) -> Screen:
    """The marks in the order in which they were met: regions, time of one, events of the mechanisms that add most."""
    shown = [] if is_bare(document) else added_by_mechanism(marks)[: max(1, (width - FIXED_WIDTH) // COLUMN_WIDTH)]
    return [
        heading(document),
        *unfinished(document),
        _table(document, marks, shown),
        NOTE if shown else BARE_NOTE,
        *footer(document),
    ]


def _table(document: Document, marks: Mapping[str, Any], shown: Sequence[str]) -> rich.table.Table:
    titles = [">" + textwrap.fill(name, TITLE_WIDTH, break_long_words=False) for name in shown]
    beside = [] if is_bare(document) else [">native\nus", ">slow-\ndown"]
    made = table("mark", ">regions", f">{document['model']}\nus", *beside, *titles)
    made.padding = (0, 1, 0, 0)
    for mark in marks["marks"]:
        cells = [mark["mechanisms"].get(name) for name in shown]
        ours = [_us(mark, "us")]
        if beside:
            ours += [_us(mark, "native_us"), "-" if mark["slowdown"] is None else f"{mark['slowdown']:.2f}"]
        made.add_row(mark["mark"], f"{mark['regions']:,}", *ours, *(_events(cell) for cell in cells))
    return made


def _us(figures: Mapping[str, Any], name: str) -> str:
    """A time with no more digits than its bounds justify."""
    value, low, high = (figures[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value < 0.5 * 10**-US_PLACES:
        return "0"
    kept = min(US_PLACES, DIGITS - 1 - math.floor(math.log10(value)), decimals(value, 0, high - low))
    return f"{round(value, kept):,.{max(0, kept)}f}"


def _events(cell: Mapping[str, float] | None) -> str:
    """Events are counted, not priced: three digits of their average."""
    return f"{cell['events']:.{DIGITS}g}" if cell and cell["events"] else ""
