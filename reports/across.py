"""How far a figure's values move where a recording's interleaving or a price does: an interval on each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.bars import WHOLE, Figure

Recipe = Mapping[str, Any]
Table = Mapping[str, Any]

ACROSS = "across"
"""What the interval of a value is called, ``[low, high]``; None where nothing was varied."""


SHORT = "short"
"""Of a trace: what it is recorded with instead where the recorder is varied, to spare time."""


def versions(figure: Figure) -> list[tuple[dict[str, Recipe], Mapping[str, Any]]]:
    """What the figure's bars are charged with, time after time: recipes by trace, and prices to add.

    First the figure itself; then, if some are, what is shorter; then each variation.
    """
    short = {name: shortened(recipe) for name, recipe in figure.traces.items()}
    found: list[tuple[dict[str, Recipe], Mapping[str, Any]]] = [(dict(figure.traces), {})]
    found += [(short, {})] if _is_shortened(figure) else []
    for one in figure.variations:
        base = short if one.recipe else figure.traces
        found.append(({name: _varied(recipe, one.recipe) for name, recipe in base.items()}, one.prices))
    return found


def changes(figure: Figure, tables: Sequence[Table]) -> list[tuple[Table, Table]]:
    """Of the figure's tables by version: each variation's, behind the one that it varies."""
    first, short = tables[0], tables[1] if _is_shortened(figure) else tables[0]
    varied = tables[len(tables) - len(figure.variations) :]
    return [(short if one.recipe else first, table) for one, table in zip(figure.variations, varied, strict=True)]


def shortened(recipe: Recipe) -> Recipe:
    """The recipe of the shorter recording; of a trace without one, its own."""
    kept = {name: value for name, value in recipe.items() if name != SHORT}
    return {**kept, **recipe.get(SHORT, {})}


def _is_shortened(figure: Figure) -> bool:
    varied = any(one.recipe for one in figure.variations)
    return varied and any(SHORT in recipe for recipe in figure.traces.values())


def _varied(recipe: Recipe, change: Recipe) -> Recipe:
    """``recipe`` with the ``change``; who has one vCPU takes no turns, however long."""
    return {**recipe, **change} if recipe.get("vcpus", 1) > 1 else recipe


def widen(found: Table, changes: Sequence[tuple[Table, Table]]) -> None:
    """Give each value of the ``figure_table`` ``found`` its interval.

    ``changes`` are pairs of figure tables of the same bars, before and after something was varied, perhaps of shorter
    recordings than ``found``: what varies adds to a value is the difference in such a pair.  No value is less
    than 0, no share more than 100.
    """
    moved = [(_all(before), _all(after)) for before, after in changes]
    for at, (value, most) in enumerate(zip(_all(found), _most(found), strict=True)):
        apart = [_apart(before[at]["ours"], after[at]["ours"]) for before, after in moved]
        low, high = min([0.0, *apart]), max([0.0, *apart])
        told = bool(moved) and value["ours"] is not None
        value[ACROSS] = [max(0.0, value["ours"] + low), min(most, value["ours"] + high)] if told else None


def interval(value: Table, form: str) -> str:
    """`` [low..high]`` with numbers in the format ``form``, or nothing."""
    return f" [{span(value, form)}]" if value.get(ACROSS) else ""


def span(value: Table, form: str) -> str:
    """``low..high``, or nothing."""
    across = value.get(ACROSS)
    return f"{across[0]:{form}}..{across[1]:{form}}" if across else ""


def note(found: Table) -> str:
    """What the intervals are of, in a sentence; nothing where there are none."""
    varied = ", ".join(found["variations"])
    return f"In brackets: what becomes of it with {varied}, each alone." if varied else ""


def _all(found: Table) -> list[dict[str, Any]]:
    return [value for bar in found["bars"] for value in _of(bar)]


def _most(found: Table) -> list[float]:
    """What each value is at most."""
    return [
        WHOLE if name in found["shares"] else math.inf
        for bar in found["bars"]
        for name in [*[""] * (len(bar["segments"]) + 1), *bar["values"]]
    ]


def _of(bar: Table) -> Iterator[dict[str, Any]]:
    yield from bar["segments"].values()
    yield bar["total"]
    yield from bar["values"].values()


def _apart(before: float | None, after: float | None) -> float:
    return 0.0 if before is None or after is None else after - before
