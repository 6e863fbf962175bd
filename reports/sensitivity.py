"""The screen of ``replay sensitivity``: prices by how much of the answer's uncertainty they cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.shell import table
from reports.charge import WIDE, Screen

SHOWN = 15
"""Prices on a screen; the others cause less than these."""

BAR = 12
"""Columns of the longest bar."""

LEGEND = (
    "overhead: with this price alone at its bounds. first: the part of the variance that goes if it were known;"
    " total: the part that stays if only it were not."
)


def sensitivity_screen(document: Mapping[str, Any], width: int) -> Screen:
    """The answer and its spread, then a line for each price: what it does alone, and its part of the variance."""
    sampled, prices = document["sampled"], document["prices"]
    made = table("price", ">value and bounds", ">overhead", ">first", ">total", *(["alone"] if width >= WIDE else []))
    most = max((_swing(line) for line in prices), default=0.0)
    for line in prices[:SHOWN]:
        bar = ["#" * round(BAR * _swing(line) / most) if most else ""] if width >= WIDE else []
        made.add_row(
            line["price"],
            f"{line['value']:g} {line['unit']} ({line['low']:g} to {line['high']:g})",
            f"{line['overhead_at_low']:.3f} to {line['overhead_at_high']:.3f}",
            f"{max(0.0, line['first_order']):.0%}",
            f"{max(0.0, line['total_order']):.0%}",
            *bar,
        )
    hidden = [f"{len(prices) - SHOWN} more prices cause less: --json has them."] if len(prices) > SHOWN else []
    spread = (
        f"{document['model']} on {document['machine']}: overhead {document['overhead']:.3f} over"
        f" {document['baseline']}; with every price anywhere in its bounds, 90% of {sampled['points']:,} points lie in"
        f" {sampled['low']:.3f} to {sampled['high']:.3f}."
    )
    return [spread, made, LEGEND, *hidden]


def _swing(line: Mapping[str, Any]) -> float:
    return float(abs(line["overhead_at_high"] - line["overhead_at_low"]))
