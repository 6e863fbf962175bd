"""What the live page computes with: counts, cost formulas, prices and device rows of each run, once each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from reports.breakdown import Document, mechanism_of
from reports.memory_view import memory_view
from reports.result import Columns, Result, given

SIDES = {"model": "rows", "native": "native_rows"}
"""Side of a result -> its rows in the document."""

IDLE = "idle"
"""The counter of device-time units waited, and the class of services that do nothing else."""

MOST_AMOUNTS = 2_000_000
"""Numbers that a page may hold for recomputing idle time; a page with more shows it as it was."""

MOST_INTERVALS = 240
"""Points of a timeline; finer intervals are put together."""


Records = Mapping[str, Sequence[Mapping[str, Any]]]
"""Machine -> its price records, each with the cycles in its unit."""


def live(results: Sequence[Result], names: Sequence[str], stated: Records) -> dict[str, Any]:
    """What the page's own pricing takes, as JSON: runs, price records by machine, and device rows by trace.

    ``stated`` are records of machines as nobody changed them; others are taken from the results.
    """
    whole = sum(_numbers(result) for result in results) <= MOST_AMOUNTS
    machines = _machines(results)
    for machine, records in stated.items():
        there = {record["name"] for record in records}
        machines[machine] = [*records, *(r for r in machines.get(machine, ()) if r["name"] not in there)]
    traces: dict[str, Any] = {}
    runs = []
    for result, name in zip(results, names, strict=True):
        document, trace = result.document, result.document["trace"]["digest"]
        if whole and result.moments and not document["idle"]["as_recorded"] and "vms" not in document:
            traces.setdefault(trace, {name: list(column) for name, column in result.moments.items()})
        known = {record["name"]: record["value"] for record in machines[document["machine"]]}
        own = {price: value for price, value in given(document).items() if value != known[price]}
        follow = [record for record in document["bill"]["prices"] if not record["stated"]]
        runs.append(_run(result, name, stretched=whole) | {"given": own, "follow": follow})
    return {"runs": runs, "machines": {name: {"records": r} for name, r in machines.items()}, "traces": traces}


def _machines(results: Sequence[Result]) -> dict[str, list[Mapping[str, Any]]]:
    """The records of each machine's prices; of one that only some results state, as the others have it."""
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for result in results:
        known = found[result.document["machine"]]
        for record in result.document["bill"]["prices"]:
            before = known.get(record["name"])
            if before is None or before["source"] == "given" or record["stated"] > before["stated"]:
                known[record["name"]] = record
    return {machine: list(records.values()) for machine, records in found.items()}


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
    apart = {side: _apart(document, side) for side in SIDES}
    sides = {
        side: {
            "rows": [_row(row, fixed=row["counter"] in apart[side]) for row in document[rows]],
            "costs": document["bill"]["costs"][side],
            "idle": None if "vms" in document else waits[side] | dict.fromkeys(("low", "high"), waits[side]["value"]),
            "amounts": amounts(result, side, stretched=stretched),
        }
        for side, rows in SIDES.items()
    }
    for side in sides.values():
        side["rows"] += _without_idle(side) if side["idle"] else []
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
        "memory": memory_view(result),
        **sides,
    }


def fixed(document: Document) -> list[str]:
    """What of a run stays as it was, whatever price is moved."""
    costs = document["bill"]["costs"]["model"]
    used = {term[0] for terms in costs.values() for term in terms}
    follow = [r["name"] for r in document["bill"]["prices"] if not r["stated"] and r["name"] in used]
    waits = ["idle time of its virtual machines"] if "vms" in document else []
    waits += ["what these alone cost for requests to memory"] if len(_apart(document, "native")) > 1 else []
    waits += [f"idle time ({document['idle']['as_recorded']})"] if document["idle"]["as_recorded"] else []
    return waits + [name for name in follow if name != "device_unit"]


def _apart(document: Document, side: str) -> set[str]:
    """Counters that cost each of several virtual machines something else: waiting, for devices or for memory."""
    if "vms" not in document:
        return set()
    costs = document["bill"]["costs"][side]
    follow = {r["name"] for r in document["bill"]["prices"] if not r["stated"]} if side == "native" else set()
    return {IDLE} | {counter for counter, terms in costs.items() if follow & {term[0] for term in terms}}


def _row(row: Mapping[str, Any], *, fixed: bool) -> dict[str, Any]:
    """What the page prices; of a ``fixed`` row the cycles too, which stay."""
    fields = ("service", "work", "region", "class", "counter", "count")
    kept = {"fixed": [row["cycles"], row["low"], row["high"]]} if fixed else {}
    return {field: row[field] for field in fields} | {"mechanism": mechanism_of(row)} | kept


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


class Spent(NamedTuple):
    """What the intervals of a run spent: mechanism -> primitive -> how many of it by interval, idle time left out."""

    mechanisms: dict[str, dict[str, list[float]]]
    step: int
    """Intervals of the run that are one here."""
    bins: int


def amounts_by_interval(result: Result, most: int) -> Spent:
    """What at most ``most`` intervals of a run spent."""
    document, table = result.document, result.counts
    number = max(table.get("interval", ()), default=0) + 1
    step = -(-number // most)
    bins = -(-number // step)
    mechanism = _mechanisms(document)
    costs = document["bill"]["costs"]["model"]
    found: dict[str, dict[str, list[float]]] = defaultdict(dict)
    columns = (table[name] for name in ("interval", "class", "counter", "n"))
    for interval, klass, counter, n in zip(*columns, strict=True):
        if counter in costs and counter != IDLE:
            for name, times in _terms(costs[counter], klass):
                spent = found[mechanism[counter]].setdefault(name, [0] * bins)
                spent[interval // step] += times * n
    return Spent(found, step, bins)


def timeline(result: Result) -> dict[str, Any] | None:
    """What the page's timeline shows; None for a run that was not split.  Idle time belongs to the whole run."""
    spent = amounts_by_interval(result, MOST_INTERVALS)
    if spent.bins == 1:
        return None
    return {"instructions": result.document["interval"] * spent.step, "mechanisms": spent.mechanisms}


def cycles_by_primitive(document: Document) -> dict[str, float]:
    """Primitive -> its price in cycles."""
    return {record["name"]: record["value"] * record["cycles"] for record in document["bill"]["prices"]}


def _mechanisms(document: Document) -> dict[str, str]:
    """Counter -> its mechanism, of those that cost."""
    return {row["counter"]: mechanism_of(row) for row in document["rows"]}
