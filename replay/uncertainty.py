"""Sensitivity: how much of an answer's uncertainty each price with bounds causes, from counts alone.

The answer is the overhead over bare hardware.  *One at a time*: one price at its bounds, the others at their values.
*Sobol indices*: all prices anywhere within their bounds at once, evenly and independently; the first-order index of a
price is the part of the answer's variance that goes if that price were known, the total index what stays if only that
price were not (Saltelli et al., Computer Physics Communications 181, 2010; ``scipy.stats.sobol_indices``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from replay.count import Counts
from replay.errors import UserError
from replay.machine import Machine
from replay.price import Charged, amounts_of
from replay.primitives import stated
from replay.records import Record
from replay.reprice import PricePoints, reprice

SAMPLES = 1024
"""Points of the base sample, a power of two; the answer is worked out (prices + 2) times as often."""

LANES = 8192
"""Points priced at once."""


def sensitivity(
    ours: tuple[Counts, Charged],
    bare: tuple[Counts, Charged],
    machine: Machine,
    given: Mapping[str, Any] | None = None,
    samples: int = SAMPLES,
    seed: int = 1,
) -> dict[str, Any]:
    """What each price's bounds do to the overhead: {overhead, sampled, prices}, the greatest total index first.

    ``given`` are prices that the user states, which are then exact.  ``samples`` has to be a power of two.  Raises
    UserError if no price that counts has bounds.
    """
    if samples < 2 or samples & (samples - 1):
        raise UserError(f"samples = {samples} is no power of two; give for example {SAMPLES}")
    records = _uncertain(ours, bare, machine, given or {})
    if not records:
        raise UserError(f"every price of {machine.price_set} that counts here is exact; nothing can be attributed")
    names = tuple(sorted({*records, *(given or {})}))
    fixed = {name: record.value for name, record in stated(machine, given).items()}

    def answer(values: np.ndarray) -> np.ndarray:
        """Overhead by column of ``values`` [uncertain price, point]."""
        table = np.tile([fixed[name] for name in names], (values.shape[1], 1))
        for at, name in enumerate(records):
            table[:, names.index(name)] = values[at]
        parts = [
            reprice(ours, bare, machine, PricePoints(names, table[first : first + LANES])).totals["overhead"]
            for first in range(0, len(table), LANES)
        ]
        return np.concatenate(parts)

    return _document(records, answer, samples, seed)


def _uncertain(
    ours: tuple[Counts, Charged], bare: tuple[Counts, Charged], machine: Machine, given: Mapping[str, Any]
) -> dict[str, Record]:
    """The prices with bounds that either side spends."""
    spent = {name for counts, model in (ours, bare) for name in amounts_of(counts, model)}
    return {name: r for name, r in sorted(stated(machine, given).items()) if name in spent and r.low < r.high}


def _document(records: dict[str, Record], answer: Any, samples: int, seed: int) -> dict[str, Any]:
    from scipy.stats import sobol_indices, uniform

    low, high, value = (np.array([getattr(r, field) for r in records.values()]) for field in ("low", "high", "value"))
    each = np.tile(value[:, None], (1, 2 * len(records) + 1))
    at = np.arange(len(records))
    each[at, 1 + at], each[at, 1 + len(records) + at] = low, high
    alone = answer(each)
    drawn: list[np.ndarray] = []

    def sampled(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = answer(values.reshape(len(records), -1))
        drawn.append(found.copy())  # the caller centres what it gets
        return found.reshape(values.shape[1:])

    spans = [uniform(loc=a, scale=b - a) for a, b in zip(low, high, strict=True)]
    with np.errstate(divide="ignore", invalid="ignore"):  # an answer that no price moves has no variance to share
        indices = sobol_indices(func=sampled, n=samples, dists=spans, rng=seed)
    first, total = (np.nan_to_num(part).tolist() for part in (indices.first_order, indices.total_order))
    every = np.concatenate(drawn)
    lines = [
        {
            "price": record.name,
            "unit": record.unit,
            "value": record.value,
            "low": record.low,
            "high": record.high,
            "source": record.source,
            "overhead_at_low": float(alone[1 + number]),
            "overhead_at_high": float(alone[1 + len(records) + number]),
            "first_order": first[number],
            "total_order": total[number],
        }
        for number, record in enumerate(records.values())
    ]
    quantiles = dict(zip(("low", "median", "high"), np.quantile(every, (0.05, 0.5, 0.95)).tolist(), strict=True))
    return {
        "overhead": float(alone[0]),
        "sampled": {
            "points": int(every.size),
            "mean": float(every.mean()),
            "deviation": float(every.std()),
            **quantiles,
        },
        "prices": sorted(lines, key=lambda line: (-line["total_order"], line["price"])),
    }
