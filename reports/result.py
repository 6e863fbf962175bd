"""What a report is made of: result documents, each with the tables that its prices rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reports.breakdown import Document

Columns = Mapping[str, Sequence[Any]]
"""A table by column."""


@dataclass(frozen=True)
class Result:
    """One run as a report shows it.

    ``counts``, ``moments`` and ``stretches`` are the tables of these names in a run's folder.
    """

    document: Document
    counts: Columns = field(default_factory=dict)
    moments: Columns = field(default_factory=dict)
    stretches: Columns = field(default_factory=dict)


@dataclass(frozen=True)
class Sweep:
    """The points of a sweep as a report shows them.

    A point has the columns of the sweep's table of points.  ``spent`` says of each run (by its digest) how many of
    each primitive its mechanisms spent: mechanism -> primitive -> number, idle time left out.
    """

    points: Sequence[Mapping[str, Any]]
    axes: Sequence[str]
    spent: Mapping[str, Mapping[str, Mapping[str, float]]]
    machines: Mapping[str, Sequence[Mapping[str, Any]]]
    """Name of a machine -> its price records, each with the cycles in its unit."""
    missing: int = 0


class Content(NamedTuple):
    """All that a report is about; at least one of the three is there."""

    results: Sequence[Result]
    sweep: Sweep | None = None
    studies: Sequence[Mapping[str, Any]] = ()
    """Values of studies, as ``replay study -o`` keeps them."""


def labels(results: Sequence[Result]) -> list[str]:
    """A name for each of ``results``: its model, and as much else as tells it apart from the others."""
    facts = [_facts(result.document) for result in results]
    names = [str(result.document["model"]) for result in results]
    for what in dict.fromkeys(what for each in facts for what in each):
        groups: dict[str, set[str]] = {}
        for name, each in zip(names, facts, strict=True):
            groups.setdefault(name, set()).add(each.get(what, ""))
        names = [
            f"{name}, {each[what]}" if len(groups[name]) > 1 and what in each else name
            for name, each in zip(names, facts, strict=True)
        ]
    twice = {name for name, n in Counter(names).items() if n > 1}
    return [f"{name}, {at}" if name in twice else name for at, name in enumerate(names, 1)]


def _facts(document: Document) -> dict[str, str]:
    """What a document is about besides its model, most telling first."""
    trace = document["trace"]
    found = {
        "machine": str(document["machine"]),
        "trace": " ".join([trace["workload"], *trace["arguments"], trace["architecture"]]),
        "digest": trace["digest"][:8],
    }
    found |= {name: f"{name} = {value}" for name, value in document["settings"].items()}
    return found | {f"price {name}": f"{name} = {value:g}" for name, value in given(document).items()}


def given(document: Document) -> dict[str, float]:
    """Prices that the user stated, in the price set's units."""
    return {record["name"]: record["value"] for record in document["bill"]["prices"] if record["source"] == "given"}
