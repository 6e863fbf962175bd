"""The page that carries all studies: how many published values of each came out how, and where to read why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.study_page import tally, title
from reports.verdicts import TITLES

Values = Mapping[str, Any]

ELSEWHERE = {"disco-table2": "../table2.md"}
"""Pages of studies that are not figures of bars, which have one of their own name."""


def index(studies: Sequence[Values]) -> str:
    """Markdown; ``studies`` are what ``replay study all --json`` prints of them."""
    counted = [tally(values) for values in studies]
    found = ["# Published figures, ours beside them", "", "Made by `replay study all`.", ""]
    found += [_line("study", *TITLES.values()), _line("---", *["---:"] * len(TITLES))]
    for values, counts in zip(studies, counted, strict=True):
        page = ELSEWHERE.get(values["study"], f"{values['study']}.md")
        found.append(_line(f"[{title(values)}]({page})", *(str(counts.get(verdict, 0)) for verdict in TITLES)))
    sums = [sum(counts.get(verdict, 0) for counts in counted) for verdict in TITLES]
    return "\n".join([*found, _line("all", *map(str, sums)), "", NOTE]) + "\n"


NOTE = (
    "A value is reproduced within the factor that its study states, shape only within a wider one; small says nothing,"
    " as both sides hardly amount to anything. Each page says why, of every value that is not reproduced. The guests"
    " are small programs of our own on a small kernel, so that absolute figures that follow from IRIX's size differ."
)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
