"""The screen of a published figure of bars: ours beside the paper's, a verdict on every height, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import rich.table

from replay.shell import table
from reports.across import interval, note, span
from reports.charge import Screen
from reports.verdicts import UNEXPLAINED, told

Table = Mapping[str, Any]


def bars_screen(found: Table) -> Screen:
    """Every bar of a ``figure_table``, then why heights differ."""
    return [
        f"{found['title']}\n{found['source'].partition(': ')[2]}",
        *([_bars(found)] if found["titles"] else []),
        *_values(found),
        legend(found),
        f"Of what was published: {told(found['verdicts'])}.",
        *_reasons(found),
        *_traces(found),
    ]


def legend(found: Table) -> str:
    """What the figure's scale, verdicts and intervals mean."""
    return " ".join(filter(None, (found["note"], _judged(found), _window(found), note(found))))


def _window(found: Table) -> str:
    """How long a bar's window has to be, if that is said."""
    least = found["least_seconds"]
    return f"What a bar of less than {least:g} s of the machine's time says is not called reproduced." if least else ""


def _judged(found: Table) -> str:
    bands = found["bands"]
    judged = f"Verdict: yes (reproduced), within a factor of {bands['within']:g} of the paper's; shape, within"
    judged += f" {bands['shape']:g}; no"
    if not found["titles"]:
        return f"{judged}; fitted, where it set a price, which says nothing."
    scale = "" if found["heights"] else "A total is judged by what it is more or less than 100. "
    return f"{scale}{judged}; small, where both are below {bands['negligible']:g}, which says nothing."


def _bars(found: Table) -> rich.table.Table:
    titles = list(found["titles"].values())
    made = table("", "", *(f">{title}" for title in titles), ">total")
    for group, bars in groupby(found["bars"], key=lambda bar: bar["group"]):
        made.add_row(group, style="bold")
        for bar in bars:
            values = [*bar["segments"].values(), bar["total"]]
            made.add_row(f"  {bar['title']}", "ours", *(f"{value['ours']:.1f}" for value in values))
            if found["variations"]:
                made.add_row("", "interval", *(span(value, ".0f") for value in values))
            made.add_row("", "paper's", *(_published(value) for value in values), style="dim")
            made.add_row("", "verdict", *(value["verdict"] for value in values))
        made.add_section()
    return made


def _published(value: Table) -> str:
    return "" if value["published"] is None else f"{value['published']:.1f}"


def _values(found: Table) -> Screen:
    """What is said of bars beside their heights, a line each; nothing where nothing is."""
    made = table("", "", ">ours", ">paper's", "verdict")
    for bar in found["bars"]:
        for name, value in bar["values"].items():
            title = f"{bar['group']} on {bar['title']}"
            made.add_row(title, found["value_titles"][name], figure(value), f"{value['published']:g}", value["verdict"])
    return [made] if made.rows else []


def figure(value: Table) -> str:
    """A value that is no height, with its interval."""
    return "never" if value["ours"] is None else f"{value['ours']:.4g}{interval(value, '.4g')}"


def _reasons(found: Table) -> Sequence[str]:
    lines = [f"{'; '.join(heights)}: {reason}" for reason, heights in reasons(found).items()]
    return ["\n".join(["Where it does not come out, and why:", *lines])] if lines else []


def reasons(found: Table) -> dict[str, list[str]]:
    """Reasons, each once, with the heights and values that it explains."""
    where: dict[str, list[str]] = {}
    titles = found["titles"] | found["value_titles"]
    for bar in found["bars"]:
        for name, value in [*bar["segments"].items(), ("total", bar["total"]), *bar["values"].items()]:
            if value["verdict"] in UNEXPLAINED:
                what = f"{bar['group']} on {bar['title']}, {titles.get(name, name)}"
                where.setdefault(value["reason"] or "nobody knows yet", []).append(what)
    return where


def _traces(found: Table) -> Sequence[str]:
    lines = [f"{name}: {recipe['command']}. {about(found, name)}" for name, recipe in found["traces"].items()]
    return ["\n".join(["Our guests:", *lines])]


def about(found: Table, trace: str) -> str:
    """What is to be said of the recording ``trace``."""
    return " ".join(filter(None, (found["traces"][trace].get("note", ""), _times(found, trace), _short(found, trace))))


def _short(found: Table, trace: str) -> str:
    """What intervals are of, where that is another recording."""
    shorter = found["traces"][trace].get("short_command")
    return f"Other turns: on `{shorter}`." if shorter else ""


def _times(found: Table, trace: str) -> str:
    """How much of the machine's time each bar of the recording ``trace`` stands for."""
    bars = [bar for bar in found["bars"] if bar["trace"] == trace and bar["seconds"] is not None]
    told = ", ".join(f"{bar['seconds']:.3g} s on {bar['title']}" for bar in bars)
    return f"The machine's time that a bar stands for: {told}." if told else ""
