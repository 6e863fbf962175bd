"""What a report is made of: result documents, each with the tables that its prices rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


def labels(results: Sequence[Result]) -> list[str]:
    """A name for each of ``results``: its model, and what else tells it apart from the others."""
    documents = [result.document for result in results]
    parts = [[_word(document, what) for what in ("model", "machine", "trace", "settings")] for document in documents]
    names = [part[0] for part in parts]
    for k in range(1, 4):
        twice = {name for name, n in Counter(names).items() if n > 1}
        names = [f"{name}, {part[k]}" if name in twice else name for name, part in zip(names, parts, strict=True)]
    twice = {name for name, n in Counter(names).items() if n > 1}
    return [f"{name}, {at}" if name in twice else name for at, name in enumerate(names, 1)]


def _word(document: Document, what: str) -> str:
    if what == "trace":
        trace = document["trace"]
        return " ".join([trace["workload"], *trace["arguments"], trace["architecture"]])
    if what == "settings":
        return " ".join(f"{name}={value}" for name, value in document["settings"].items())
    return str(document[what])
