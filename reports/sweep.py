"""The screen of ``replay sweep``: a line for each point, what varies first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replay.shell import table
from reports.charge import WIDE, Screen
from reports.numbers import bounds, figure

SHOWN = 40
"""Points on a screen; all of them are in the folder."""

ALWAYS = ("trace", "model", "machine")
"""Columns that a line has even if they are the same in all."""


def sweep_screen(points: Sequence[Mapping[str, Any]], axes: Sequence[str], width: int) -> Screen:
    """The points in the grid's order; of many, the first half and the last half of what a screen holds."""
    shown = varied(points, axes)
    always = ALWAYS if width >= WIDE or "machine" in shown else ALWAYS[:2]
    names = [*always, *(axis for axis in shown if axis not in ALWAYS)]
    made = table(*(heading(name) for name in names), ">overhead", "bounds", *([">cycles"] if width >= WIDE else []))
    many = len(points) > SHOWN
    for at, point in enumerate([*points[: SHOWN // 2], *points[-SHOWN // 2 :]] if many else points):
        if many and at == SHOWN // 2:
            made.add_row(*["…" for _ in names])
        made.add_row(*(_value(point.get(name)) for name in names), *_result(point, width))
    hidden = [f"{SHOWN} of {len(points):,} points; all are in the folder."] if many else []
    return [made, *hidden]


def varied(points: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> list[str]:
    """What varies: machines do not if each model and trace has one alone."""
    on = {(point["trace_digest"], point["model"], point["machine"]) for point in points}
    fixed = len({one[:2] for one in on}) == len(on)
    return [axis for axis in axes if not (axis == "machine" and fixed and "model" in axes)]


def heading(axis: str) -> str:
    """An axis as screens and pages call it."""
    return axis.removeprefix("set.").removeprefix("price.")


def _value(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _result(point: Mapping[str, Any], width: int) -> list[str]:
    ratio = point["overhead"], point["overhead_low"], point["overhead_high"]
    cycles = [figure(point["cycles"], point["low"], point["high"])] if width >= WIDE else []
    return [figure(*ratio), bounds(*ratio), *cycles]
