"""Colours of mechanisms: told apart by people who see few, on white and on black."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reports.breakdown import by_mechanism, is_bare
from reports.result import Result, Sweep

OWN = {"direct execution": "#8a8f98", "idle": "#d5d8dd"}
"""What the guest does itself is grey, so that colour is what a monitor adds."""

HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b8a800", "#6a4c93", "#7f3b08", "#2ca8a0")
"""After Okabe and Ito (2008), https://jfly.uni-koeln.de/color/: eight hues that colour-blind people tell apart."""

REST = "other mechanisms"
REST_COLOUR = "#5b4b3a"

THEMED = {"#d5d8dd": "--idle", "#5b4b3a": "--rest", "#6a4c93": "--purple", "#7f3b08": "--brown"}
"""Colours for white that a dark page has others for -> what its style sheet calls them."""


class Palette(NamedTuple):
    """Mechanisms with a colour each, in the order in which bars stack them; the others share one."""

    names: tuple[str, ...]
    colours: tuple[str, ...]


def palette(results: Sequence[Result], sweep: Sweep | None = None) -> Palette:
    """Colours for the mechanisms of ``results`` and ``sweep``: those that cost most anywhere have one of their own."""
    shares: dict[str, float] = {}
    for name, share in [*_shares(results), *(_swept(sweep) if sweep else ())]:
        shares[name] = max(shares.get(name, 0.0), share)
    dearest = [name for name in sorted(shares, key=lambda name: -shares[name]) if name not in OWN]
    own = ["direct execution", *dearest[: len(HUES)]]
    colours = [OWN["direct execution"], *HUES[: len(own) - 1]]
    rest = [(REST, REST_COLOUR)] if len(dearest) > len(HUES) else []
    found = [*zip(own, colours, strict=True), *rest, ("idle", OWN["idle"])]
    return Palette(tuple(name for name, _ in found), tuple(colour for _, colour in found))


def themed(chart: str) -> str:
    """The text of a chart with the page's own names for colours that follow its theme."""
    for colour, name in THEMED.items():
        chart = chart.replace(f'"{colour}"', f'"var({name})"')
    return chart


def _shares(results: Sequence[Result]) -> Iterator[tuple[str, float]]:
    """Mechanisms with their parts of bare hardware's time, on both sides of each result."""
    for result in results:
        whole = result.document["total"]["native"] or 1
        for side in ("rows", "native_rows"):
            for part in by_mechanism({"rows": result.document[side]}):
                yield part.name, part.cycles / whole


def _swept(sweep: Sweep) -> Iterator[tuple[str, float]]:
    """The same of each run of a sweep, at the prices that its machine states, over time that is not idle.

    Bare hardware has no say beside monitors.
    """
    monitors = [point for point in sweep.points if not is_bare(point)]
    for point in {point["run"]: point for point in monitors or sweep.points}.values():
        prices = {r["name"]: r["value"] * r["cycles"] for r in sweep.machines[point["machine"]]}
        spent = {
            name: sum(n * prices.get(what, 0) for what, n in amounts.items())
            for name, amounts in sweep.spent[point["run"]].items()
        }
        for name, cycles in spent.items():
            yield name, cycles / (sum(spent.values()) or 1)
