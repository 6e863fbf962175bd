"""Charts as Altair makes them: each is a Vega-Lite specification whose data the page, or a file, fills in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from reports.palette import HUES, Palette, themed

BAR_STEP = 30
"""Pixels of height of a bar and the gap after it."""

TALL = 260
"""Pixels of height of a curve or heat map."""


LEGEND = alt.Legend(orient="bottom", labelLimit=280)
"""Where a chart says what its colours mean."""

FITTED: Any = {"type": "fit-x", "contains": "padding"}
"""A chart is as wide as its place, and as high as its marks and legend take."""

SERIES = HUES
"""Colours of curves."""

BAND = 0.15
"""How much of a curve's colour its bounds have."""


def _colour(palette: Palette) -> alt.Color:
    scale = alt.Scale(domain=list(palette.names), range=list(palette.colours))
    return alt.Color("mechanism:N", scale=scale, legend=LEGEND, title=None)


def bars(names: Sequence[str], palette: Palette) -> Any:
    """Time over bare hardware's, a bar a run, stacked by mechanism; data ``bars`` and ``totals``."""
    order = list(names)
    y = alt.Y("run:N", sort=order, title=None, axis=alt.Axis(labelLimit=230, ticks=False, domain=False))
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
    return alt.layer(stacked, one, limits).properties(width="container", height=BAR_STEP * len(order), autosize=FITTED)


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
        .properties(width="container", height=TALL, autosize=FITTED)
    )


def curves(kind: str) -> Any:
    """Time over bare hardware's along an axis of a sweep, with its bounds; data ``curves``.

    ``kind`` says what is along it: few numbers, ``O``, which a line joins, many, ``Q``, or names, ``N``.
    """
    legend = alt.Legend(orient="bottom", labelLimit=280, symbolOpacity=1)
    colour = alt.Color("series:N", sort=None, title=None, scale=alt.Scale(range=list(SERIES)), legend=legend)
    data, scale = alt.Chart(alt.NamedData("curves")), alt.Scale(zero=False)
    x: dict[str, Any] = {
        "x": alt.X("x:Q", title=None, scale=scale) if kind == "Q" else alt.X("x:O", sort=None, title=None)
    }
    if kind == "N":
        x["xOffset"] = alt.XOffset("series:N", sort=None)
    band = data.mark_area(opacity=BAND) if kind == "O" else data.mark_rule(opacity=2 * BAND, strokeWidth=3)
    limits = band.encode(**x, y=alt.Y("low:Q", scale=scale), y2="high:Q", color=colour)
    lines = data.mark_line(point={"size": 50}, strokeWidth=2 if kind == "O" else 0).encode(
        **x,
        y=alt.Y("overhead:Q", title="time over bare hardware's", scale=scale),
        color=colour,
        shape=alt.Shape("series:N", sort=None, title=None, legend=legend),
        tooltip=["point:N", *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("overhead", "low", "high"))],
    )
    return alt.layer(limits, lines).properties(width="container", height=TALL, autosize=FITTED)


def stack(palette: Palette) -> Any:
    """Time over bare hardware's along an axis of a sweep, a bar each, stacked by mechanism; data ``stack``."""
    bars = (
        alt.Chart(alt.NamedData("stack"))
        .mark_bar()
        .encode(
            x=alt.X("x:O", sort=None, title=None),
            y=alt.Y("share:Q", title="time, bare hardware's is 1", stack="zero"),
            color=_colour(palette),
            order=alt.Order("rank:Q"),
            tooltip=["point:N", "mechanism:N", alt.Tooltip("share:Q", format=".4f")],
        )
    )
    one = alt.Chart(alt.NamedData("one")).mark_rule(strokeDash=[4, 4]).encode(y="at:Q")
    return alt.layer(bars, one).properties(width="container", height=TALL, autosize=FITTED)


def heat() -> Any:
    """Time over bare hardware's over two axes of a sweep; data ``heat``."""
    legend = alt.Legend(orient="bottom", direction="horizontal", gradientLength=220, titleLimit=280)
    scale = alt.Scale(scheme="viridis", reverse=True)
    colour = alt.Color("overhead:Q", title="times bare hardware's", scale=scale, legend=legend)
    return (
        alt.Chart(alt.NamedData("heat"))
        .mark_rect()
        .encode(
            x=alt.X("x:O", sort=None, title=None),
            y=alt.Y("y:O", sort=None, title=None),
            color=colour,
            tooltip=["point:N", alt.Tooltip("overhead:Q", format=".4f")],
        )
        .properties(width="container", height=TALL, autosize=FITTED)
    )


def specification(chart: Any, words: str) -> dict[str, Any]:
    """``chart`` as a Vega-Lite document in the page's colours, with ``words`` for those who do not see it."""
    made = chart.properties(description=words).to_dict(validate=True)
    made.pop("config", None)
    spec: dict[str, Any] = json.loads(themed(json.dumps(made)))
    return spec
