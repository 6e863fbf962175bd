"""Charts as Altair makes them: each is a Vega-Lite specification whose data the page, or a file, fills in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.palette import Palette

BAR_STEP = 30
"""Pixels of height of a bar and the gap after it."""

TALL = 260
"""Pixels of height of a curve or heat map."""


def _colour(palette: Palette) -> alt.Color:
    scale = alt.Scale(domain=list(palette.names), range=list(palette.colours))
    legend = alt.Legend(orient="bottom", columns=alt.ExprRef("max(1, floor(width / 190))"), labelLimit=180, title=None)
    return alt.Color("mechanism:N", scale=scale, legend=legend)


def bars(names: Sequence[str], palette: Palette) -> Any:
    """Time over bare hardware's, a bar a run, stacked by mechanism; data ``bars`` and ``totals``."""
    order = list(names)
    y = alt.Y("run:N", sort=order, title=None, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    stacked = (
        alt.Chart(alt.NamedData("bars"))
        .mark_bar()
        .encode(
            y=y,
            x=alt.X("share:Q", title="time, bare hardware's is 1", stack="zero"),
            color=_colour(palette),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("run:N"),
                alt.Tooltip("mechanism:N"),
                alt.Tooltip("share:Q", format=".3f"),
                alt.Tooltip("cycles:Q", format=","),
            ],
        )
    )
    limits = (
        alt.Chart(alt.NamedData("totals"))
        .mark_rule(strokeWidth=2)
        .encode(
            y=y,
            x="low:Q",
            x2="high:Q",
            tooltip=["run:N", alt.Tooltip("low:Q", format=".3f"), alt.Tooltip("high:Q", format=".3f")],
        )
    )
    one = alt.Chart(alt.NamedData("one")).mark_rule(strokeDash=[4, 4]).encode(x="at:Q")
    return alt.layer(stacked, one, limits).properties(width="container", height=BAR_STEP * len(order))


def timeline(palette: Palette) -> Any:
    """Cycles of each interval of the guest's instructions, stacked by mechanism; data ``timeline``."""
    return (
        alt.Chart(alt.NamedData("timeline"))
        .mark_area(interpolate="step-after")
        .encode(
            x=alt.X("at:Q", title="instructions retired, in millions"),
            y=alt.Y("cycles:Q", title="M cycles in an interval", stack="zero"),
            color=_colour(palette),
            order=alt.Order("rank:Q"),
            tooltip=["mechanism:N", alt.Tooltip("at:Q", format=",.1f"), alt.Tooltip("cycles:Q", format=".3f")],
        )
        .properties(width="container", height=TALL)
    )


def specification(chart: Any, words: str) -> dict[str, Any]:
    """``chart`` as a Vega-Lite document, with ``words`` for those who do not see it."""
    spec: dict[str, Any] = chart.properties(description=words).to_dict(validate=True)
    spec.pop("config", None)
    return spec
