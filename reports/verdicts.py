"""Verdicts: how a value of ours compares with the published one, in the same words for every kind of study."""

from __future__ import annotations

from collections.abc import Mapping

from reports.numbers import factor

YES, SHAPE, NO, SMALL, FITTED, NONE = "yes", "shape", "no", "small", "fitted", "none"
"""From the best to the worst; small: too little to say anything by; fitted: it set a price; none: it never happened."""

TITLES = {YES: "reproduced", SHAPE: "shape only", NO: "not", SMALL: "small"}
"""What is counted of a study, as it is told."""

UNEXPLAINED = (SHAPE, NO)
"""Verdicts that want a reason."""


def compared(ours: float, published: float, bands: Mapping[str, float], unit: float = 1.0) -> str:
    """How a value comes out by the bands: ``small`` below ``negligible`` units on both sides, else by the factor."""
    if max(abs(ours), abs(published)) < bands["negligible"] * unit:
        return SMALL
    return by_factor(ours, published, bands)


def by_factor(ours: float, published: float, bands: Mapping[str, float]) -> str:
    """How a value comes out by its factor over the published one, either way round."""
    apart = factor(ours, published)
    return YES if apart <= bands["within"] else SHAPE if apart <= bands["shape"] else NO


def told(tally: Mapping[str, int]) -> str:
    """``tally``, verdict -> how many, in words."""
    return ", ".join(f"{n} {TITLES.get(verdict, verdict)}" for verdict, n in tally.items())
