"""Processor: a result document of a trace split by regions becomes a table of marks, each beside bare hardware.

A mark's figures are those of its regions with all that lies within them, other marks' regions included.  Waiting is in
no region: who waits does not run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.breakdown import Document, Part, mechanism_of

IDLE = "idle"
"""The mechanism that is nobody's work."""

MICRO = 1e6


@dataclass
class Counted(Part):
    """What one mechanism took in the regions of a mark, and how many events cost that."""

    events: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of the document in."""
        super().add(row)
        self.events += row["count"]


@dataclass
class Mark:
    """A mark: how many regions began, and what they took under the model and on bare hardware."""

    name: str
    regions: int = 0
    spent: Part = field(default_factory=lambda: Part("model"))
    native: Part = field(default_factory=lambda: Part("native"))
    mechanisms: dict[str, Counted] = field(default_factory=dict)
    native_mechanisms: dict[str, Counted] = field(default_factory=dict)


def marks_table(document: Document) -> dict[str, Any]:
    """The marks of ``document`` in the order in which their regions first began, with costs per region."""
    marks_of = {region["region"]: tuple(dict.fromkeys(region["marks"])) for region in document["regions"]}
    found: dict[str, Mark] = {}
    for region in document["regions"]:
        for name in region["marks"]:
            found.setdefault(name, Mark(name))
        found[region["marks"][-1]].regions += region["begun"]
    for row in document["rows"]:
        for name in marks_of.get(row["region"], ()) if mechanism_of(row) != IDLE else ():
            found[name].spent.add(row)
            _counted(found[name].mechanisms, row)
    for row in document["native_rows"]:
        for name in marks_of.get(row["region"], ()) if mechanism_of(row) != IDLE else ():
            found[name].native.add(row)
            _counted(found[name].native_mechanisms, row)
    clock = document["total"]["cycles"] / document["total"]["seconds"] if document["total"]["cycles"] else 1.0
    return {"model": document["model"], "marks": [_row(mark, clock) for mark in found.values()]}


def _counted(mechanisms: dict[str, Counted], row: Mapping[str, Any]) -> None:
    name = mechanism_of(row)
    mechanisms.setdefault(name, Counted(name)).add(row)


def _row(mark: Mark, clock: float) -> dict[str, Any]:
    each = {
        **_per_region("", mark.spent, mark.regions, clock),
        **_per_region("native_", mark.native, mark.regions, clock),
    }
    native = mark.native.cycles
    return {
        "mark": mark.name,
        "regions": mark.regions,
        "cycles": mark.spent.cycles,
        "native_cycles": native,
        **each,
        "slowdown": mark.spent.cycles / native if native else None,
        "mechanisms": {part.name: _cell(mark, part, clock) for part in _dearest(mark.mechanisms)},
    }


def _per_region(side: str, part: Part, regions: int, clock: float) -> dict[str, float]:
    cycles = {f"{side}us": part.cycles, f"{side}us_low": part.low, f"{side}us_high": part.high}
    return {name: n / regions / clock * MICRO for name, n in cycles.items()}


def _dearest(mechanisms: Mapping[str, Counted]) -> list[Counted]:
    return sorted(mechanisms.values(), key=lambda part: -part.cycles)


def _cell(mark: Mark, part: Counted, clock: float) -> dict[str, float]:
    """What one region has of a mechanism: events, microseconds, and those beyond what it takes on bare hardware."""
    native = mark.native_mechanisms.get(part.name)
    added = part.cycles - (native.cycles if native else 0)
    return {
        "events": part.events / mark.regions,
        "us": part.cycles / mark.regions / clock * MICRO,
        "added_us": added / mark.regions / clock * MICRO,
    }


def added_by_mechanism(marks: Mapping[str, Any]) -> list[str]:
    """Mechanisms that add to bare hardware's time in some region, those that add most over all regions first."""
    added: dict[str, float] = defaultdict(float)
    for mark in marks["marks"]:
        for name, cell in mark["mechanisms"].items():
            added[name] += max(0.0, cell["added_us"]) * mark["regions"]
    return sorted((name for name, us in added.items() if us > 0), key=lambda name: -added[name])
