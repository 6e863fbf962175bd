"""Lines of the page's tables: rows of a document that share counter and cost formula are one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from reports.breakdown import by_mechanism
from reports.result import Result


@dataclass
class Line:
    """One counter at one cost formula."""

    mechanism: str
    counter: str
    terms: tuple[tuple[str, float], ...]
    classes: set[str] = field(default_factory=set)
    cycles: int = 0

    @property
    def formula(self) -> str:
        """What one tick costs, in primitives."""
        return " + ".join(name if times == 1 else f"{times:g} {name}" for name, times in self.terms)


def lines(result: Result, rows: Sequence[dict[str, Any]]) -> list[Line]:
    """The lines of ``rows`` (as the page has them), mechanisms and lines dearest first; numbers the rows by line."""
    costs = result.document["bill"]["costs"]["model"]
    found: dict[tuple[str, tuple[Any, ...]], Line] = {}
    cycles = {(r["service"], r["work"], r["region"], r["counter"]): r["cycles"] for r in result.document["rows"]}
    for row in rows:
        terms = tuple((name.replace(".@", f".{row['class']}"), times) for name, times in costs[row["counter"]])
        line = found.setdefault((row["counter"], terms), Line(row["mechanism"], row["counter"], terms))
        line.classes.add(row["class"])
        line.cycles += cycles.get((row["service"], row["work"], row["region"], row["counter"]), 0)
    order = {group.name: at for at, group in enumerate(by_mechanism(result.document))}
    made = sorted(found.values(), key=lambda line: (order.get(line.mechanism, len(order)), -line.cycles))
    number = {(line.counter, line.terms): at for at, line in enumerate(made)}
    for row in rows:
        terms = tuple((name.replace(".@", f".{row['class']}"), times) for name, times in costs[row["counter"]])
        row["line"] = number[row["counter"], terms]
    return made
