"""Processors: a result document (what ``replay run --json`` prints) becomes what a table shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Document = Mapping[str, Any]


@dataclass
class Part:
    """Something that took cycles, with the bounds of how many."""

    name: str
    cycles: int = 0
    low: int = 0
    high: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count the cycles of a row of the document in."""
        self.cycles += row["cycles"]
        self.low += row["low"]
        self.high += row["high"]


@dataclass
class Line(Part):
    """One counter at one price, summed over the services that have that price."""

    price: float = 0.0
    source: str = ""
    count: int = 0
    running: set[str] = field(default_factory=set)

    @property
    def mark(self) -> str:
        """Where the price is from, in a word: cited, derived, assumed or given."""
        return self.source.partition(":")[0]


@dataclass
class Mechanism(Part):
    """Counters with one cause, dearest first."""

    lines: list[Line] = field(default_factory=list)


def mechanism_of(row: Mapping[str, Any]) -> str:
    """The mechanism that a row of the document belongs to: the one it names, else its counter alone."""
    return str(row.get("mechanism") or row["counter"])


def by_mechanism(document: Document) -> list[Mechanism]:
    """Mechanisms, dearest first, each with its counters, dearest first."""
    found: dict[str, Mechanism] = {}
    lines: dict[tuple[str, float], Line] = {}
    for row in document["rows"]:
        name, key = mechanism_of(row), (row["counter"], row["price"])
        group = found.setdefault(name, Mechanism(name))
        if key not in lines:
            lines[key] = Line(row["counter"], price=row["price"], source=row["source"])
            group.lines.append(lines[key])
        lines[key].count += row["count"]
        lines[key].running.add(row["work"] or row["service"])
        lines[key].add(row)
        group.add(row)
    for group in found.values():
        group.lines.sort(key=lambda line: -line.cycles)
        _tell_apart(group.lines)
    return sorted(found.values(), key=lambda group: -group.cycles)


def _tell_apart(lines: list[Line]) -> None:
    """Lines of one counter differ in price because services do: all but the dearest name theirs."""
    seen: set[str] = set()
    for line in lines:
        if line.name in seen:
            line.name += f" in {', '.join(sorted(line.running))}"
        seen.add(line.name)


def by_service(document: Document) -> list[tuple[Part, list[Part]]]:
    """Services, dearest first, each with its mechanisms, dearest first; what took no cycles is left out."""
    cells: dict[str, dict[str, Part]] = defaultdict(dict)
    totals: dict[str, Part] = {}
    for row in document["rows"]:
        service, name = row["service"], mechanism_of(row)
        cells[service].setdefault(name, Part(name)).add(row)
        totals.setdefault(service, Part(service)).add(row)
    return [(total, dearest(cells[total.name].values())) for total in dearest(totals.values())]


def dearest(parts: Iterable[Part]) -> list[Part]:
    """``parts`` that took cycles, most cycles first."""
    return sorted((part for part in parts if part.cycles), key=lambda part: -part.cycles)


def added(document: Document, bare: Document) -> list[Part]:
    """Mechanisms that cost something here and do not exist on bare hardware, dearest first."""
    there = {mechanism_of(row) for row in bare["rows"]}
    return dearest(group for group in by_mechanism(document) if group.name not in there)


def saved(document: Document, bare: Document) -> list[Part]:
    """What bare hardware spends, by mechanism, beyond what the model spends on the same: dearest first."""
    here = {group.name: group.cycles for group in by_mechanism(document)}
    less = [Part(group.name, group.cycles - here.get(group.name, 0)) for group in by_mechanism(bare)]
    return dearest(part for part in less if part.cycles > 0)


def assumptions(documents: Sequence[Document]) -> list[Mapping[str, Any]]:
    """The assumed records that the documents rest on, each once, by name."""
    found = {record["name"]: record for document in documents for record in document["assumptions"]}
    return [found[name] for name in sorted(found)]
