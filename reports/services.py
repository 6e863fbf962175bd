"""Processor: a result document becomes a table of services, each beside bare hardware and what was published of it.

A column's ratio is its cycles over the service's cycles on bare hardware, both per invocation; a service's slowdown is
the sum of its ratios.  What a column adds is its time per invocation; the kernel's column adds what it takes beyond
bare hardware, which is less than nothing where the monitor does the kernel's work.  Bounds move the prices of the
column itself; those of the kernel's column move bare hardware's with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reports import verdicts
from reports.breakdown import Document, Part, mechanism_of
from reports.study import Published, Study

OWN = ("kernel", "direct execution")
"""Columns of what the guest executes itself, in a study and without one: bare hardware does it too."""

REST, IDLE = "rest", "idle"
"""The column of what the others leave; the mechanism that is nobody's work."""

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
    sums = sum(service.native.cycles for service in shown), sum(service.cycles for service in shown)
    return {
        "model": document["model"],
        "study": study.name if study else "",
        "source": study.source if study else "",
        "columns": list(dict.fromkeys(columns.values())),
        "services": [_row(service, columns, clock, sums, study) for service in shown],
        "overall": {
            "slowdown": _ratio(sums[1], sums[0]),
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
    service: Service,
    columns: Mapping[tuple[str, str], str],
    clock: float,
    sums: tuple[int, int],
    study: Study | None,
) -> dict[str, Any]:
    system, whole = sums
    published = study.services.get(service.name) if study else None
    cells = {name: _cell(service, name, clock) for name in dict.fromkeys(columns.values())}
    row = {
        "service": service.name,
        "share": service.native.cycles / system if system else 0.0,
        "model_share": service.cycles / whole if whole else 0.0,
        "invocations": service.invocations,
        "native_invocations": service.native_invocations,
        **_bounded("native_us", [_each(n, service.native_invocations, clock) for n in _span(service.native)]),
        "us": _each(service.cycles, service.invocations, clock),
        **{key: _sum(cell[key] for cell in cells.values()) for key in ("added_us", "added_us_low", "added_us_high")},
        **{f"slowdown{end}": _sum(cell[f"ratio{end}"] for cell in cells.values()) for end in ENDS},
        "columns": cells,
        "published": None,
    }
    return row | {"published": _beside(row, published, study)} if study and published else row


ENDS = ("", "_low", "_high")
"""Suffixes of a figure and of its bounds."""


def _span(part: Part) -> tuple[int, int, int]:
    return part.cycles, part.low, part.high


def _bounded(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """A figure at the stated prices, at the lowest and at the highest, under its name and those of its bounds."""
    known = [value for value in values if value is not None]
    bounds = (values[0], min(known), max(known)) if len(known) == len(values) else (None, None, None)
    return {f"{name}{end}": value for end, value in zip(ENDS, bounds, strict=True)}


def _cell(service: Service, column: str, clock: float) -> dict[str, Any]:
    spent = service.columns.get(column) or Spent(column)
    ours = [_each(cycles, service.invocations, clock) for cycles in _span(spent)]
    bare = [_each(cycles, service.native_invocations, clock) for cycles in _span(service.native)]
    # what is never entered, as user code, is compared as a whole
    part = [cycles / (service.invocations or 1) for cycles in _span(spent)]
    whole = [cycles / (service.native_invocations or 1) for cycles in _span(service.native)]
    own = column in OWN
    return {
        "events": None if own else _each(spent.events, service.invocations, MICRO),
        **_bounded("us", ours),
        **_bounded("added_us", [_less(us, native) if own else us for us, native in zip(ours, bare, strict=True)]),
        **_bounded("ratio", [_ratio(x, native if own else whole[0]) for x, native in zip(part, whole, strict=True)]),
    }


def _each(amount: float, invocations: int, per_second: float) -> float | None:
    """``amount`` a time, in millionths of what passes in a second; None for what never happens."""
    return amount / invocations / per_second * MICRO if invocations else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def _less(ours: float | None, bare: float | None) -> float | None:
    return ours - bare if ours is not None and bare is not None else None


def _sum(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _beside(row: Mapping[str, Any], published: Published, study: Study) -> dict[str, Any]:
    """What was published of a service, in the shape of its row, and how ours compares."""
    cells = {
        name: {
            "ratio": ratio,
            "added_us": _published_added(published, name),
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
        "added_us": (added := (published.total - 1) * published.microseconds),
        "verdict": compared(row["added_us"], added, published, study),
        "slowdown": published.slowdown,
        "sum": published.total,
        "columns": cells,
        "note": published.note,
    }


def _published_added(published: Published, column: str) -> float:
    return (published.ratios[column] - (column in OWN)) * published.microseconds


def _verdict(cell: Mapping[str, Any], published: Published, column: str, study: Study) -> str:
    """How a cell comes out: ``fitted``, or as ``compared``."""
    fitted = (published.service, column) in study.fitted and cell["added_us"] is not None
    return (
        verdicts.FITTED if fitted else compared(cell["added_us"], _published_added(published, column), published, study)
    )


def compared(ours: float | None, theirs: float, published: Published, study: Study) -> str:
    """``yes``, ``small``, ``shape`` or ``no`` by the study's bands; ``none`` where the service never ran.

    Microseconds added per invocation are compared: unlike ratios, they do not depend on how long the guest's own
    paths are.
    """
    if ours is None:
        return verdicts.NONE
    return verdicts.compared(ours, theirs, study.bands, published.microseconds)
