"""A published figure of bars drawn in the paper's form: ours and the paper's stacked side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.palette import HUES

OURS, PAPERS = "ours", "the paper's"
STEP, HEIGHT = 18, 320
"""Pixels from one bar to the next, and of the axis."""


def chart(found: Mapping[str, Any]) -> Any:
    """A ``figure_table`` as an Altair chart: a panel a group, in it each bar of ours beside the published one."""
    import altair as alt

    from reports.charts import LEGEND

    titles = found["titles"]
    values = [
        {
            "group": bar["group"],
            "bar": f"{bar['title']}, {side}",
            "segment": titles[name],
            "order": order,
            "height": value["ours"] if side == OURS else value["published"],
        }
        for bar in found["bars"]
        for side in (OURS, PAPERS)
        for order, (name, value) in enumerate(bar["segments"].items())
        if value["published"] is not None or side == OURS
    ]
    groups = list(dict.fromkeys(bar["group"] for bar in found["bars"]))
    bars = list(dict.fromkeys(value["bar"] for value in values))
    scale = alt.Scale(range=list(HUES))
    return (
        alt.Chart(alt.InlineData(values=values), title=found["title"])
        .mark_bar()
        .encode(
            x=alt.X("bar:N", sort=bars, title=None, axis=alt.Axis(labelAngle=-60)),
            y=alt.Y("sum(height):Q", title="MB" if found["heights"] else "first bar of a group = 100"),
            color=alt.Color("segment:N", sort=list(titles.values()), title=None, scale=scale, legend=LEGEND),
            order=alt.Order("order:Q"),
            column=alt.Column("group:N", sort=groups, title=None, spacing=12),
            tooltip=["group:N", "bar:N", "segment:N", alt.Tooltip("height:Q", format=".1f")],
        )
        .resolve_scale(x="independent")
        .properties(width=alt.Step(STEP), height=HEIGHT)
    )
