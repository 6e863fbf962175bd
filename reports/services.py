"""Processor: a result document becomes a table of services, each beside bare hardware and what was published of it.

Ratios are a column's cycles over the service's cycles on bare hardware, both per invocation; a service's slowdown is
their sum.  Bounds move the prices of the column itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.breakdown import Document, Part, mechanism_of
from reports.study import Published, Study

KERNEL, REST, IDLE = "kernel", "rest", "idle"
"""The column that is no trap; the column of what the others leave; the mechanism that is nobody's work."""

MOST_COLUMNS = 5
"""Mechanisms that get a column of their own where no study says which."""

MICRO = 1e6


@dataclass
class Spent(Part):
    """What a service spends in one column, and how many events cost it that."""

    events: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of the document in."""
        super().add(row)
        self.events += row["count"]


@dataclass
class Service:
    """One service of the guest under a model, and on bare hardware (``native``)."""

    name: str
    invocations: int = 0
    native_invocations: int = 0
    native: Part = field(default_factory=lambda: Part("native"))
    columns: dict[str, Spent] = field(default_factory=dict)

    @property
    def cycles(self) -> int:
        """Cycles under the model."""
        return sum(spent.cycles for spent in self.columns.values())


def services_table(document: Document, study: Study | None) -> dict[str, Any]:
    """The services of ``document``, dearest first, in the columns of ``study`` or by the dearest mechanisms."""
    columns = _columns(document, study)
    found = sorted(_collect(document, columns).values(), key=lambda service: -service.cycles)
    left_out = study.not_system if study else ()
    shown = [service for service in found if service.name not in left_out and (service.cycles or service.native.cycles)]
    clock = document["total"]["cycles"] / document["total"]["seconds"] if document["total"]["cycles"] else 1.0
    system = sum(service.native.cycles for service in shown)
    return {
        "model": document["model"],
        "study": study.name if study else "",
        "source": study.source if study else "",
        "columns": list(dict.fromkeys(columns.values())),
        "services": [_row(service, columns, clock, system, study) for service in shown],
        "overall": {
            "slowdown": _ratio(sum(service.cycles for service in shown), system),
            "published": study.overall if study else None,
        },
    }


def _columns(document: Document, study: Study | None) -> dict[tuple[str, str], str]:
    """(Mechanism, counter) -> its column; those without one, and idle time, are left out."""
    keys = {(mechanism_of(row), row["counter"]) for row in document["rows"] if mechanism_of(row) != IDLE}
    if study:
        order = [column.name for column in study.columns] + [REST]
        named = {key: study.column_of({"mechanism": key[0], "counter": key[1]}) or REST for key in keys}
        # every column of the table is there, whether anything was counted in it or not
        named |= {("", name): name for name in order[:-1]}
        return dict(sorted(named.items(), key=lambda item: (order.index(item[1]), item[0])))
    cycles: Counter[str] = Counter()
    for row in document["rows"]:
        cycles[mechanism_of(row)] += row["cycles"]
    dearest = [name for name, _ in cycles.most_common() if name != IDLE]
    kept = dearest if len(dearest) <= MOST_COLUMNS + 1 else dearest[:MOST_COLUMNS]
    named = {key: key[0] if key[0] in kept else REST for key in keys}
    order = [*kept, REST]
    return dict(sorted(named.items(), key=lambda item: (order.index(item[1]), item[0])))


def _collect(document: Document, columns: Mapping[tuple[str, str], str]) -> dict[str, Service]:
    found: dict[str, Service] = defaultdict(lambda: Service(""))
    for row in document["services"]:
        found[row["service"]] = Service(row["service"], row["invocations"], row["native_invocations"])
    for row in document["rows"]:
        if mechanism_of(row) != IDLE:
            column = columns[mechanism_of(row), row["counter"]]
            found[row["service"]].columns.setdefault(column, Spent(column)).add(row)
    for row in document["native_rows"]:
        if mechanism_of(row) != IDLE:
            found[row["service"]].native.add(row)
    return dict(found)


def _row(
    service: Service, columns: Mapping[tuple[str, str], str], clock: float, system: int, study: Study | None
) -> dict[str, Any]:
    published = study.services.get(service.name) if study else None
    native_us = _each(service.native.cycles, service.native_invocations, clock)
    cells = {name: _cell(service, name, clock, native_us) for name in dict.fromkeys(columns.values())}
    us = _each(service.cycles, service.invocations, clock)
    row = {
        "service": service.name,
        "share": service.native.cycles / system if system else 0.0,
        "invocations": service.invocations,
        "native_invocations": service.native_invocations,
        "native_us": native_us,
        "us": us,
        "added_us": None if us is None or native_us is None else us - native_us,
        "slowdown": _sum(cell["ratio"] for cell in cells.values()),
        "columns": cells,
        "published": None,
    }
    return row | {"published": _beside(row, published, study)} if study and published else row


def _cell(service: Service, column: str, clock: float, native_us: float | None) -> dict[str, Any]:
    spent = service.columns.get(column) or Spent(column)
    us, low, high = (_each(cycles, service.invocations, clock) for cycles in (spent.cycles, spent.low, spent.high))
    return {
        "events": None if column == KERNEL else _each(spent.events, service.invocations, MICRO),
        "us": us,
        "us_low": low,
        "us_high": high,
        "ratio": _ratio(us, native_us),
        "low": _ratio(low, native_us),
        "high": _ratio(high, native_us),
    }


def _each(amount: float, invocations: int, per_second: float) -> float | None:
    """``amount`` a time, in millionths of what passes in a second; None for what never happens."""
    return amount / invocations / per_second * MICRO if invocations else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _sum(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _beside(row: Mapping[str, Any], published: Published, study: Study) -> dict[str, Any]:
    """What was published of a service, in the shape of its row, and how ours compares."""
    cells = {
        name: {
            "ratio": ratio,
            "us": ratio * published.microseconds,
            "verdict": _verdict(row["columns"][name], published, name, study),
            "reason": study.reason(row["service"], name),
        }
        for name, ratio in published.ratios.items()
    }
    return {
        "service": published.name,
        "share": published.share,
        "native_us": published.microseconds,
        "us": published.total * published.microseconds,
        "added_us": (published.total - 1) * published.microseconds,
        "slowdown": published.slowdown,
        "sum": published.total,
        "columns": cells,
        "note": published.note,
    }


def _verdict(cell: Mapping[str, Any], published: Published, column: str, study: Study) -> str:
    """How a cell comes out: ``fitted``, ``yes``, ``shape``, ``no``; ``none`` where the service never ran.

    Time added by the monitor is compared in microseconds per invocation, which do not depend on how long the guest's
    own paths are; what the kernel executes itself is compared as a ratio.
    """
    if cell["us"] is None or cell["ratio"] is None:
        return "none"
    if (published.service, column) in study.fitted:
        return "fitted"
    theirs = published.ratios[column] * (1 if column == KERNEL else published.microseconds)
    ours = cell["ratio"] if column == KERNEL else cell["us"]
    small = study.bands["negligible"] * (1 if column == KERNEL else published.microseconds)
    if ours <= small and theirs <= small:
        return "yes"
    apart = max(ours, theirs) / min(ours, theirs) if min(ours, theirs) > 0 else float("inf")
    return "yes" if apart <= study.bands["within"] else "shape" if apart <= study.bands["shape"] else "no"
