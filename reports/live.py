"""What the live page computes with: counts, cost formulas, prices and device rows of each run, once each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.breakdown import Document, mechanism_of
from reports.result import Columns, Result

SIDES = {"model": "rows", "native": "native_rows"}
"""Side of a result -> its rows in the document."""

IDLE = "idle"
"""The counter of device-time units waited, and the class of services that do nothing else."""

MOST_AMOUNTS = 2_000_000
"""Numbers that a page may hold for recomputing idle time; a page with more shows it as it was."""

MOST_INTERVALS = 240
"""Points of a timeline; finer intervals are put together."""


def live(results: Sequence[Result], names: Sequence[str]) -> dict[str, Any]:
    """What the page's own pricing takes, as JSON: runs, price sets by machine, and device rows by trace."""
    whole = sum(_numbers(result) for result in results) <= MOST_AMOUNTS
    machines: dict[str, Any] = {}
    traces: dict[str, Any] = {}
    runs = []
    for result, name in zip(results, names, strict=True):
        document, trace = result.document, result.document["trace"]["digest"]
        machines.setdefault(document["machine"], {"records": document["bill"]["prices"]})
        if whole and result.moments and not document["idle"]["as_recorded"]:
            traces.setdefault(trace, {name: list(column) for name, column in result.moments.items()})
        runs.append(_run(result, name, stretched=whole))
    return {"runs": runs, "machines": machines, "traces": traces}


def _numbers(result: Result) -> int:
    """How many numbers the amounts of a run take, about."""
    costs = result.document["bill"]["costs"]
    primitives = {term[0] for side in costs.values() for terms in side.values() for term in terms}
    return 2 * len(primitives) * (len(result.moments.get("kind", ())) + 1)


def _run(result: Result, name: str, *, stretched: bool) -> dict[str, Any]:
    document = result.document
    idle = document["idle"]
    waits = {
        "model": {"value": idle["recomputed"], "least": idle["low"], "most": idle["high"]},
        "native": {"value": idle["native"], "least": idle["native_low"], "most": idle["native_high"]},
    }
    sides = {
        side: {
            "rows": [_row(row) for row in document[rows]],
            "costs": document["bill"]["costs"][side],
            "idle": waits[side] | {"low": waits[side]["value"], "high": waits[side]["value"]},
            "amounts": amounts(result, side, stretched=stretched),
        }
        for side, rows in SIDES.items()
    }
    for side in sides.values():
        side["rows"] += _without_idle(side)
    return {
        "name": name,
        "model_name": document["model"],
        "baseline": document["baseline"],
        "machine": document["machine"],
        "trace": document["trace"]["digest"],
        "vcpus": document["trace"]["vcpus"],
        "clock": document["bill"]["clock_hz"],
        "stretched": stretched,
        "services": [
            {key: line[key] for key in ("service", "invocations", "native_invocations")}
            for line in document["services"]
        ],
        "timeline": timeline(result),
        **sides,
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = ("service", "work", "region", "class", "counter", "count")
    return {field: row[field] for field in fields} | {"mechanism": mechanism_of(row)}


def _without_idle(side: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The row of idle time of a side that had none: at other prices it may have."""
    rows = side["rows"]
    if IDLE not in side["costs"] or not rows or any(row["counter"] == IDLE for row in rows):
        return []
    place = next((row for row in rows if row["class"] == IDLE), rows[0])
    return [place | {"counter": IDLE, "mechanism": IDLE, "count": 0}]


def amounts(result: Result, side: str, *, stretched: bool) -> dict[str, list[float]]:
    """Primitive -> how many of it a side spent between device rows, in all but idle time.

    One number for the whole run where ``stretched`` is false.
    """
    table = result.stretches
    costs = result.document["bill"]["costs"][side]
    size = len(result.moments.get("kind", ())) + 1
    found: dict[str, list[float]] = {}
    for whose, stretch, klass, counter, n in _cells(table):
        if whose == side and counter in costs and counter != IDLE:
            for name, times in _terms(costs[counter], klass):
                spent = found.setdefault(name, [0] * (size if stretched else 1))
                spent[stretch if stretched else 0] += times * n
    return found


def _cells(table: Columns) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name] for name in ("side", "stretch", "class", "counter", "n")), strict=True)


def _terms(terms: Sequence[Sequence[Any]], klass: str) -> list[tuple[str, float]]:
    return [(name.replace(".@", f".{klass}"), times) for name, times in terms]


def timeline(result: Result) -> dict[str, Any] | None:
    """Mechanism -> primitive -> how many of it each interval spent; None for a run that was not split.

    Idle time is left out: it belongs to the whole run.
    """
    document, table = result.document, result.counts
    size = document["interval"]
    last = max(table.get("interval", (0,)), default=0)
    if not size or not last:
        return None
    step = -(-(last + 1) // MOST_INTERVALS)
    bins = -(-(last + 1) // step)
    mechanism = _mechanisms(document)
    costs = document["bill"]["costs"]["model"]
    found: dict[str, dict[str, list[float]]] = defaultdict(dict)
    columns = (table[name] for name in ("interval", "class", "counter", "n"))
    for interval, klass, counter, n in zip(*columns, strict=True):
        if counter in costs and counter != IDLE:
            for name, times in _terms(costs[counter], klass):
                spent = found[mechanism[counter]].setdefault(name, [0] * bins)
                spent[interval // step] += times * n
    return {"instructions": size * step, "mechanisms": found}


def _mechanisms(document: Document) -> dict[str, str]:
    """Counter -> its mechanism, of those that cost."""
    return {row["counter"]: mechanism_of(row) for row in document["rows"]}
