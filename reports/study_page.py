"""Studies in a report: a section for each published table or figure, ours beside the paper's, verdicts and reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reports import verdicts
from reports.numbers import bounds, figure
from reports.tables import Column, table

Values = Mapping[str, Any]
"""What a study came to, as ``replay study --json`` prints it."""

COLUMNS = {
    "bars": (
        ("bar", False),
        ("part", False),
        (">ours", True),
        (">bounds", True),
        (">the paper's", True),
        ("verdict", False),
        ("why", False),
    ),
    "services": (
        ("service", False),
        ("column", False),
        (">ours, µs added", True),
        (">the paper's", True),
        ("verdict", False),
        ("why", False),
    ),
}
"""Kind of study -> headings, and whether numbers are below; ``>`` says so, too."""


def title(values: Values) -> str:
    """What the study is called."""
    return str(values.get("title") or values["study"])


def rows(values: Values) -> list[list[str]]:
    """A line for each value that was published."""
    return _bar_rows(values) if values["kind"] == "bars" else _service_rows(values)


def _bar_rows(values: Values) -> list[list[str]]:
    found = []
    for bar in values["bars"]:
        name, titles = f"{bar['group']}, {bar['title']}", values["titles"] | {"total": "total"}
        for part, value in {**bar["segments"], "total": bar["total"]}.items():
            span = value["ours"], value["low"], value["high"]
            if value["published"] is not None:
                found.append([name, titles[part], figure(*span), bounds(*span), *_judged(value)])
        for what, value in bar["values"].items():
            ours = "" if value["ours"] is None else f"{value['ours']:.3g}"
            found.append([name, values["value_titles"][what], ours, "", *_judged(value)])
    return found


def _is_drawn(values: Values) -> bool:
    """Whether the study is a figure, not a table."""
    return values["kind"] == "bars" and bool(values["titles"])


def _judged(value: Values) -> list[str]:
    return [f"{value['published']:g}", value["verdict"], value["reason"]]


def _service_rows(values: Values) -> list[list[str]]:
    found = []
    for row in values["services"]:
        published = row["published"] or {"columns": {}}
        for column, theirs in published["columns"].items():
            ours = row["columns"].get(column, {}).get("added_us")
            text = "" if ours is None else f"{ours:.3g}"
            paper = f"{theirs['added_us']:.3g}"
            found.append([row["service"], column, text, paper, theirs["verdict"], theirs["reason"]])
    return found


def tally(values: Values) -> Mapping[str, int]:
    """Verdict -> how many published values came out so."""
    return dict(values.get("verdicts") or Counter(line[-2] for line in rows(values) if line[-2]))


def summary(studies: Sequence[Values]) -> str:
    """How many values of each study came out how."""
    lines = []
    for values in studies:
        counted = verdicts.told(tally(values))
        lines.append(f"<li>{escape(title(values))}: {escape(counted)}.</li>")
    return f"<ul class='told'>{''.join(lines)}</ul>" if lines else ""


def section(at: int, values: Values) -> str:
    """The study as HTML; figures of bars have a chart."""
    headings = COLUMNS[values["kind"]]
    columns = [Column(f"c{k}", name.removeprefix(">"), number) for k, (name, number) in enumerate(headings)]
    lines = [{f"c{k}": escape(cell) for k, cell in enumerate(line)} for line in rows(values)]
    chart = (
        f"<figure><div class='chart wide' tabindex='0' data-chart='study-{at}'></div><figcaption>Ours beside the"
        " paper's, as the figure stacks it; the table has the heights.</figcaption></figure>"
    )
    return (
        f"<h3>{escape(title(values))}</h3><p>{escape(str(values.get('source', '')).partition(': ')[2])}</p>"
        + (chart if _is_drawn(values) else "")
        + table(f"study-{at}", f"{title(values)}: every published value", columns, lines)
    )


def charts(studies: Sequence[Values]) -> dict[str, Any]:
    """Name of a chart -> its Vega-Lite document, with its data."""
    from reports.bar_chart import chart
    from reports.charts import specification

    found = {}
    for at, values in enumerate(studies):
        if _is_drawn(values):
            found[f"study-{at}"] = specification(
                chart(values).properties(title=""), f"{title(values)}, ours beside the paper's."
            )
    return found
