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


def is_bare(document: Document) -> bool:
    """Whether the document is about a machine without a monitor."""
    return bool(document["model"] == document["baseline"])


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


@dataclass
class Difference(Part):
    """Cycles that a mechanism takes beyond bare hardware's, fewer than 0 where it saves, with its counters."""

    lines: list[Line] = field(default_factory=list)


def differences(document: Document) -> list[Difference]:
    """What each mechanism adds to the model's bare machine, most first; all of them add up to what the model adds.

    Bounds are those of the mechanism's own cycles, in proportion.  What only bare hardware has comes without counters.
    """
    ours = {group.name: group for group in by_mechanism(document)}
    bare = {group.name: group for group in by_mechanism({"rows": document["native_rows"]})}
    found = []
    for name in {**ours, **bare}:
        group = ours.get(name) or bare[name]
        cycles = sum(side[name].cycles * sign for side, sign in ((ours, 1), (bare, -1)) if name in side)
        scale = cycles / group.cycles if group.cycles else 0.0
        lines = group.lines if name in ours else []
        found.append(Difference(name, cycles, round(group.low * scale), round(group.high * scale), lines))
    return sorted((part for part in found if part.cycles), key=lambda part: -part.cycles)


def assumptions(documents: Sequence[Document]) -> dict[str, list[Mapping[str, Any]]]:
    """Machine -> the assumed records that the documents on it rest on, each once, by name.

    One that is 0 and nothing else, such as a wait where nobody waits, is left out.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for document in documents:
        known = found.setdefault(document["machine"], {})
        known.update({record["name"]: record for record in document["assumptions"] if record["high"]})
    return {machine: [known[name] for name in sorted(known)] for machine, known in found.items() if known}
