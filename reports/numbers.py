"""Numbers as text, with no more digits than their bounds justify.

How many that is follows the Particle Data Group's rule: where the half-width of the bounds starts with 10 to 35, its
second digit is kept, otherwise only its first; the value is rounded to the same place.
"""

from __future__ import annotations

import math

MOST_DIGITS = 4
"""Significant digits of a figure whose bounds would allow more."""

TWO_DIGITS_BELOW = 3.55
"""A half-width whose leading figures are below this keeps two digits."""

SCALES = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))

SCALED_FROM = 1e5
"""Figures below this are written out."""


def decimals(value: float, low: float, high: float) -> int:
    """Decimal places of ``value`` that bounds of ``low`` to ``high`` justify; negative left of the point."""
    if value <= 0:
        return 0
    most = MOST_DIGITS - 1 - _exponent(value)
    spread = abs(high - low) / 2
    if spread == 0:
        return most
    place = -_exponent(spread) + (1 if spread / 10 ** _exponent(spread) < TWO_DIGITS_BELOW else 0)
    return max(-_exponent(value), min(most, place))


def figure(value: float, low: float, high: float) -> str:
    """``value`` rounded to what its bounds justify, with a suffix (k, M, G, T) from SCALED_FROM on."""
    kept = decimals(value, low, high)
    rounded = round(value, kept)
    if rounded < SCALED_FROM:
        text = f"{rounded:,.{max(0, kept)}f}"
        return text.rstrip("0").rstrip(".") if low == high and "." in text else text
    scale, suffix = next((s, x) for s, x in SCALES if rounded >= s)
    return f"{rounded / scale:,.{max(0, kept + _exponent(scale))}f}{suffix}"


def bounds(value: float, low: float, high: float) -> str:
    """The bounds of ``value`` at as many decimals as it has: ``1.05 to 1.31``; nothing where they are equal.

    The least comes first, which of idle time is ``high``: dear prices leave less of it.
    """
    if low == high:
        return ""
    return f"{_like(min(low, high), value, low, high)} to {_like(max(low, high), value, low, high)}"


def share(part: float, whole: float) -> str:
    """``part`` of ``whole`` in per cent; what is there but rounds to nothing is ``<1%``."""
    per_cent = 100 * part / whole if whole else 0.0
    return "<1%" if 0 < per_cent < 0.5 else f"{per_cent:.0f}%"


def factor(ours: float, published: float) -> float:
    """How many times one figure is the other, the greater over the lesser; infinite if signs differ or one is 0."""
    apart = ours / published if published else 0.0
    return max(apart, 1 / apart) if apart > 0 else math.inf


def size(count: int) -> str:
    """A number of bytes with a binary unit."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.3g} {unit}"
    return f"{count} bytes"


def _like(bound: float, value: float, low: float, high: float) -> str:
    kept = decimals(value, low, high)
    rounded = round(value, kept)
    scale, suffix = next((s, x) for s, x in SCALES if rounded >= s) if rounded >= SCALED_FROM else (1.0, "")
    return f"{round(bound, kept) / scale:,.{max(0, kept + _exponent(scale))}f}{suffix}"


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))
