"""Explain: a stretch of a trace under a model, row by row: what happened, which counters ticked, what each cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.count import current, make_engine, refuse_unfit, settle
from replay.errors import UserError
from replay.kernel import KEPT, Engine
from replay.machine import Machine
from replay.memory.parameters import on_machine
from replay.model import COMMON, Guest, Model, meanings
from replay.pieces import count_pieces
from replay.places import Place, named
from replay.prepare import Prepared, Progress
from replay.price import CostValue, cost_table
from replay.primitives import primitives
from replay.renumber import kept
from replay.trace.container import open_trace
from replay.trace.schema import CAUSE_MASK, EVENT_FIRST, Cause, Kind, Sensitive
from replay.words import words

MOST_ROWS = 10_000
"""Rows explained at once: each takes a call of the kernel and a comparison of all counts."""

MARGIN = 16
"""Rows looked at on either side: an exception and the service that it opens change places when a trace is prepared."""

EXTRA = int(Kind.EXTRA)


class Stretch(NamedTuple):
    """Rows of a file that a prepared trace holds."""

    at: np.ndarray  # i64, ascending: where they are in the prepared trace
    rows: np.ndarray  # i64: the number in the file of each


def nothing() -> Stretch:
    """No rows at all."""
    return Stretch(np.zeros(0, np.int64), np.zeros(0, np.int64))


def parse_range(text: str) -> tuple[int, int]:
    """First and last row (exclusive) from ``A:B``.  Raises UserError."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal()):
        raise UserError(f"--rows {text!r} is not FIRST:LAST; write for example --rows 1000:1040")
    if not int(first) < int(last):
        raise UserError(f"--rows {text} holds no rows; the second number is the row to stop before")
    if int(last) - int(first) > MOST_ROWS:
        raise UserError(f"--rows {text} is {int(last) - int(first):,} rows; at most {MOST_ROWS:,} are told at once")
    return int(first), int(last)


def locate(path: str, prepared: Prepared, first: int, last: int) -> Stretch:
    """Where rows ``first`` to ``last`` (exclusive) of the file at ``path`` are in the ``prepared`` trace.

    Raises UserError for rows beyond the file's.
    """
    trace = open_trace(path)
    if last > trace.closing.rows:
        raise UserError(f"{path}: has {trace.closing.rows:,} rows; --rows {first}:{last} goes beyond them")
    kind = np.concatenate([batch.column("kind").to_numpy(zero_copy_only=False) for batch in trace.batches()])
    before, rows = kept(kind, max(0, first - MARGIN), min(last + MARGIN, kind.size))
    at = before + np.arange(rows.size)
    for other in np.flatnonzero(kind[rows] != prepared.columns.kind[at])[::2]:
        rows[other : other + 2] = rows[other : other + 2][::-1]
    asked = (first <= rows) & (rows < last)
    return Stretch(at[asked], rows[asked])


def explain(
    prepared: Prepared,
    model: Model,
    machine: Machine,
    stretch: Stretch,
    settings: Mapping[str, Any] | None = None,
    prices: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The document that tells the rows of ``stretch``: everything before them is counted first.

    Waits cost what was recorded.  Raises UserError as ``replay.count.count`` does.
    """
    model = on_machine(model, machine, settings or {})
    refuse_unfit(model, prepared.meta)
    costs = cost_table(
        {service.klass for service in prepared.meta.services}, model, primitives(machine, prepared.meta, prices)
    )
    values = settle(model, machine, prepared.meta, settings or {})
    engine = make_engine(prepared, model, values)
    state = model.state(prepared, values, engine.counts)
    teller = _Teller(prepared, model, costs)
    told: list[dict[str, Any]] = []
    numbers = dict(zip(stretch.at.tolist(), stretch.rows.tolist(), strict=True))
    if numbers:
        rows = range(min(numbers), max(numbers) + 1)
        stops = count_pieces(state, engine, prepared.columns, {*rows, rows.stop}, progress)
        next(stops)
        before, context = current(prepared, model, engine), _context(engine)
        for row in rows:
            next(stops)
            now = current(prepared, model, engine)
            told += teller.tell(row, numbers[row], context, now - before) if row in numbers else []
            before, context = now, _context(engine)
    return {
        "model": model.name,
        "machine": machine.name,
        "trace": {"workload": prepared.meta.workload, "architecture": prepared.meta.architecture},
        "fidelity": model.fidelity[prepared.meta.architecture],
        "rules": list(model.rules.get(prepared.meta.architecture, ())),
        "settings": values,
        "rows": told,
        "totals": _totals(told),
    }


def _context(engine: Engine) -> tuple[list[int], list[bool]]:
    """By vCPU: the place that it is in, and whether what runs there is kept."""
    places = engine.place.tolist()
    return places, [bool(engine.skip[place] == KEPT) for place in places]


class _Teller:
    """Puts rows and what they ticked into words and cycles; payload waits for its row."""

    def __init__(self, prepared: Prepared, model: Model, costs: Mapping[Any, CostValue]) -> None:
        self._prepared, self._model, self._costs = prepared, model, costs
        self._words = words(prepared)
        self._places: tuple[Place, ...] = named(prepared.places, prepared.meta)
        self._meaning = COMMON | meanings(model.events)
        self._payload: list[int] = []

    def tell(
        self, row: int, number: int, context: tuple[list[int], list[bool]], ticked: np.ndarray
    ) -> list[dict[str, Any]]:
        """The document of prepared ``row``, number ``number`` of the file; of payload, which is told later, none."""
        columns = self._prepared.columns
        if columns.kind[row] == EXTRA:
            self._payload.append(int(columns.page[row]) | int(columns.info[row]) << 32)
            return []
        vcpu, mode = self._words.context(row)
        place, is_kept = context[0][vcpu], context[1][vcpu]
        event = self._event(row)
        places, counters = ticked.sum(axis=0).nonzero()
        ticks = [self._tick(p, c, int(ticked[:, p, c].sum())) for p, c in zip(places, counters, strict=True)]
        document = {
            "row": number,
            "vcpu": vcpu,
            "mode": mode,
            "service": self._words.place(place),
            "replaced": not is_kept,
            "event": self._words.row(row, self._payload),
            "reaction": str(self._model.reaction(event).reaction) if event is not None else "",
            "ticks": ticks,
            "cycles": sum(tick["cycles"] for tick in ticks),
        }
        self._payload = []
        return [document]

    def _event(self, row: int) -> Guest | None:
        """The class of guest events that the row is one of; None for an access, which may be several."""
        columns = self._prepared.columns
        kind, info, page = int(columns.kind[row]), int(columns.info[row]), int(columns.page[row])
        if kind == Kind.SENSITIVE:
            klass = int(self._prepared.sites.klass[page])
            return Sensitive(klass) if klass in Sensitive.__members__.values() else None
        if kind == Kind.EXCEPTION:
            cause = info & CAUSE_MASK
            return Cause(cause) if cause in Cause.__members__.values() else None
        known = kind >= EVENT_FIRST and kind in Kind.__members__.values() and kind != Kind.END
        return Kind(kind) if known else None

    def _tick(self, place: int, counter: int, n: int) -> dict[str, Any]:
        name, where = self._model.counters[counter], self._places[place]
        cost = self._costs.get((where.klass, name))
        low, value, high = (n * getattr(cost, side) if cost else 0.0 for side in ("low", "value", "high"))
        return {
            "counter": name,
            "n": n,
            "meaning": self._meaning[name],
            "mechanism": self._model.mechanism(name),
            "service": where.service,
            "work": where.work,
            "price": cost.value if cost else 0.0,
            "source": cost.source if cost else "",
            "cycles": value,
            "low": low,
            "high": high,
        }


def _totals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counters over all rows, dearest first."""
    found: dict[str, dict[str, Any]] = {}
    for tick in (tick for row in rows for tick in row["ticks"]):
        total = found.setdefault(tick["counter"], {"counter": tick["counter"], "n": 0, "cycles": 0.0})
        total["n"] += tick["n"]
        total["cycles"] += tick["cycles"]
    return sorted(found.values(), key=lambda total: -total["cycles"])
