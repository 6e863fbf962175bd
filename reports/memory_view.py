"""Memory in a page: where misses went node by node, pages that the monitor moved, pages taken, over time if known.

All of it is counts, which no price moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import altair as alt

from reports.breakdown import Document
from reports.charts import FITTED, LEGEND, TALL
from reports.memory import ACTIONS, FAR, NEAR
from reports.palette import HUES
from reports.result import Result
from reports.tables import Column, table

MOST_STEPS = 240
"""Points of a chart over time; finer intervals are put together."""

OWN, OTHER = "own node", "another node"
SIDE = dict.fromkeys(NEAR, OWN) | dict.fromkeys(FAR, OTHER)
"""Counter -> which node served the request."""

Rows = list[dict[str, Any]]

FIGURES = {
    "nodes": "Requests to memory of the CPUs of each node, by the node that served them.",
    "misses": "Requests to memory over time, by the node that served them.",
    "moves": "Pages moved, copied and made one again over time.",
    "footprint": "Machine pages over time by what they hold; the line is what virtual machines take for theirs.",
}
"""Chart -> what it shows."""


def memory_view(result: Result) -> dict[str, Rows]:
    """Chart -> its data; a chart that there is nothing for is left out."""
    number = max(result.counts.get("interval", ()), default=0) + 1
    step = -(-number // MOST_STEPS)
    found = {"nodes": _nodes(result)}
    if number > 1:
        size = result.document["interval"] * step / 1e6
        found |= {
            "misses": _over_time(result, SIDE, step, size),
            "moves": _over_time(result, ACTIONS, step, size),
            "footprint": _footprint(result.document, step, size),
        }
    return {name: rows for name, rows in found.items() if rows}


def _ticks(result: Result, names: Mapping[str, str]) -> Iterable[tuple[int, int, str, int]]:
    """CPU, interval, what ``names`` calls the counter, and its ticks."""
    columns = (result.counts.get(field, ()) for field in ("vcpu", "interval", "counter", "n"))
    return ((cpu, at, names[counter], n) for cpu, at, counter, n in zip(*columns, strict=True) if counter in names)


def _nodes(result: Result) -> Rows:
    """Requests by the node of the CPU that asks, and by whether that one served them; none of one node alone."""
    width = result.document["settings"].get("memory.cpus_per_node", 1)
    found: dict[tuple[int, str], int] = {}
    for cpu, _, side, n in _ticks(result, SIDE):
        key = cpu // width, side
        found[key] = found.get(key, 0) + n
    if len({node for node, _ in found}) < 2:
        return []
    return [{"node": f"node {node}", "served": side, "requests": n} for (node, side), n in sorted(found.items())]


def _over_time(result: Result, names: Mapping[str, str], step: int, size: float) -> Rows:
    """Ticks by point in time and name, 0 where there are none in between."""
    found: dict[tuple[int, str], int] = {}
    for _, at, name, n in _ticks(result, names):
        key = at // step, name
        found[key] = found.get(key, 0) + n
    shown = {name for _, name in found}
    last = max((at for at, _ in found), default=-1)
    return [
        {"at": at * size, "what": name, "n": found.get((at, name), 0)}
        for at in range(last + 1)
        for name in dict.fromkeys(names.values())
        if name in shown
    ]


def _footprint(document: Document, step: int, size: float) -> Rows:
    """Pages by point in time and class: machine pages, and what virtual machines take for theirs."""
    rows = document.get("footprint", ())
    last = max((row["interval"] for row in rows), default=0)
    found: dict[tuple[int, str], dict[str, int]] = {}
    for row in rows:
        if (row["interval"] + 1) % step == 0 or row["interval"] == last:
            cell = found.setdefault((row["interval"] // step, row["class"]), {"machine": 0, "virtual": 0})
            for field in cell:
                cell[field] += row[field]
    return [{"at": at * size, "what": name, **cell} for (at, name), cell in found.items()]


def charts() -> dict[str, tuple[Any, str]]:
    """Chart -> its specification without data, and what it shows."""
    made = {"nodes": _nodes_chart(), "misses": _areas("misses", (OWN, OTHER))}
    made |= {"moves": _areas("moves", tuple(ACTIONS.values())), "footprint": _pages_chart()}
    return {name: (chart.properties(width="container", autosize=FITTED), FIGURES[name]) for name, chart in made.items()}


def _colour(field: str, names: Sequence[str] = ()) -> alt.Color:
    """Colours of ``names``; of none, of what the data holds."""
    scale = alt.Scale(domain=list(names), range=list(HUES[: len(names)])) if names else alt.Scale(range=list(HUES))
    return alt.Color(f"{field}:N", sort=None, scale=scale, legend=LEGEND, title=None)


def _nodes_chart() -> Any:
    return (
        alt.Chart(alt.NamedData("nodes"))
        .mark_bar()
        .encode(
            y=alt.Y("node:N", title=None),
            x=alt.X("requests:Q", title="requests to memory", stack="zero"),
            color=_colour("served", (OWN, OTHER)),
            tooltip=["node:N", "served:N", alt.Tooltip("requests:Q", format=",")],
        )
        .properties(height=TALL)
    )


TIME = "instructions retired, in millions"


def _areas(name: str, what: Sequence[str]) -> Any:
    return (
        alt.Chart(alt.NamedData(name))
        .mark_area(interpolate="step-after")
        .encode(
            x=alt.X("at:Q", title=TIME),
            y=alt.Y("n:Q", title="in an interval", stack="zero"),
            color=_colour("what", what),
            tooltip=["what:N", alt.Tooltip("at:Q", format=",.1f"), alt.Tooltip("n:Q", format=",")],
        )
        .properties(height=TALL)
    )


def _pages_chart() -> Any:
    pages = alt.Chart(alt.NamedData("footprint"))
    x = alt.X("at:Q", title=TIME)
    machine = pages.mark_area(interpolate="step-after").encode(
        x=x,
        y=alt.Y("machine:Q", title="machine pages", stack="zero"),
        color=_colour("what"),
        tooltip=["what:N", alt.Tooltip("at:Q", format=",.1f"), alt.Tooltip("machine:Q", format=",")],
    )
    virtual = pages.mark_line(interpolate="step-after", strokeDash=[4, 3]).encode(x=x, y="sum(virtual):Q")
    return alt.layer(machine, virtual).properties(height=TALL)


def section(at: int, name: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The charts of run number ``at`` and the table of nodes, as HTML."""
    figures = "".join(
        f"<figure><div class='chart' id='chart-{kind}-{at}' data-chart='{kind}' data-run='{at}'></div>"
        f"<figcaption>{escape(name)}: {escape(FIGURES[kind])} Counts: no price moves them.</figcaption></figure>"
        for kind in rows
    )
    return figures + (_table(at, name, rows["nodes"]) if "nodes" in rows else "")


def _table(at: int, name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["node"], {OWN: 0, OTHER: 0})[row["served"]] = row["requests"]
    columns = [
        Column("node", "CPUs of"),
        Column("own", "served by their own node", number=True),
        Column("other", "by another node", number=True),
        Column("share", "own", number=True),
    ]
    made = [
        {
            "node": node,
            "own": f"{n[OWN]:,}",
            "other": f"{n[OTHER]:,}",
            "share": f"{n[OWN] / (n[OWN] + n[OTHER]):.0%}",
        }
        for node, n in found.items()
    ]
    return table(f"nodes-table-{at}", f"Requests to memory under {name}, by node", columns, made)
