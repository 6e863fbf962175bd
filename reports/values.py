"""Single figures of a result document, as a study asks for them: shares, rates and times of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.breakdown import Document

SHARE, RATE, TIME = "share", "rate", "time"
"""Kinds: events in per cent of others; events a second of the machine's time; microseconds of an event."""

SAVED = "saved"
"""A kind that asks a footprint: per cent of the pages that virtual machines see which no machine page is behind."""

PER_CENT, MICRO = 100.0, 1e6


@dataclass(frozen=True)
class Value:
    """A figure: of which counters, and for a share, over which."""

    name: str
    title: str
    kind: str
    counters: tuple[str, ...]
    over: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    """Of a footprint; none: all."""
    fitted: bool = False
    """Whether the published figure set a price, so that ours says nothing."""

    def of(self, document: Document, without: tuple[str, ...] = ()) -> float | None:
        """The figure in a result ``document``, services ``without`` left out; None where nothing happened to ask of."""
        if self.kind == SAVED:
            held = [row for row in pages(document) if not self.classes or row["class"] in self.classes]
            virtual = sum(row["virtual"] for row in held)
            return _ratio(PER_CENT * (virtual - sum(row["machine"] for row in held)), virtual)
        rows = [row for row in document["rows"] if row["service"] not in without]
        if self.kind == SHARE:
            return _ratio(PER_CENT * _sum(rows, "count", self.counters), _sum(rows, "count", self.over))
        if self.kind == RATE:
            return _ratio(_sum(rows, "count", self.counters), machine_seconds(document, without))
        hertz = document["total"]["cycles"] / document["total"]["seconds"]
        return _ratio(MICRO * _sum(rows, "cycles", self.counters) / hertz, _sum(rows, "count", self.counters))


def machine_seconds(document: Document, without: tuple[str, ...] = ()) -> float:
    """How long the machine ran beside services ``without``: its CPUs' time over their number, as they run at once."""
    cycles = sum(row["cycles"] for row in document["rows"] if row["service"] not in without)
    total = document["total"]
    return float(cycles * total["seconds"] / total["cycles"] / document["trace"]["vcpus"])


def pages(document: Document) -> list[Mapping[str, Any]]:
    """The footprint at the end: rows of a VM and a class, with ``virtual`` and ``machine`` pages."""
    rows = document["footprint"]
    last = max(row["interval"] for row in rows)
    return [row for row in rows if row["interval"] == last]


def read(one: Mapping[str, Any]) -> Value:
    """The figure that a table of a study's file describes.  Raises ValueError for another kind."""
    if one["kind"] not in (SHARE, RATE, TIME, SAVED):
        raise ValueError(f"{one['name']}: a value is a share, a rate, a time or saved, not {one['kind']!r}")
    counters, over = tuple(one.get("counters", ())), tuple(one.get("over", ()))
    classes, fitted = tuple(one.get("classes", ())), one.get("fitted", False)
    return Value(one["name"], one["title"], one["kind"], counters, over, classes, fitted)


def _sum(rows: list[Mapping[str, Any]], field: str, counters: tuple[str, ...]) -> int:
    return sum(row[field] for row in rows if row["counter"] in counters)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
