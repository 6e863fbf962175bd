"""The bill: what a result rests on besides its counts, so that a reader can price them again without the engine.

What a counter costs is a sum of primitives; each has a price with its source; idle time follows from what was counted
between device rows.  Together with the counts they give every figure of the result at any other price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from replay.trace.schema import Kind

if TYPE_CHECKING:
    from replay.count import Counts
    from replay.machine import Machine
    from replay.price import Charged
    from replay.records import Record

SIDES = ("model", "native")
"""What a result charges, and the bare machine beside it."""

MOMENTS = ("vcpu", "units", "completion", "timed", "clock")
"""Fields of a device row, besides its kind, that idle time is recomputed from, see ``replay.idle``."""


def bill(
    sides: Mapping[str, Charged], stated: Mapping[str, Record], priced: Mapping[str, Record], machine: Machine
) -> dict[str, Any]:
    """Each of ``priced`` in the unit it is ``stated`` in, with the cycles in one of that, and costs on both ``sides``.

    A primitive that no price set states follows from others and from counts, and is in cycles.
    """
    records = [(stated.get(name, record), name in stated) for name, record in priced.items()]
    return {
        "clock_hz": machine.clock_hz,
        "price_set": machine.price_set,
        "prices": [asdict(r) | {"cycles": machine.factor(r.unit) if own else 1.0, "stated": own} for r, own in records],
        "costs": {
            side: {counter: [list(term) for term in cost.terms] for counter, cost in model.priced.items()}
            for side, model in sides.items()
        },
    }


def moments_table(counts: Counts) -> dict[str, np.ndarray]:
    """The device rows of the trace, by field; none where idle time stays as recorded."""
    moments = counts.timeline.moments
    kinds = {"kind": np.array([Kind(kind).name for kind in moments.kind.tolist()], "U")}
    return kinds | {field: np.asarray(getattr(moments, field)) for field in MOMENTS}


def stretches_table(sides: Mapping[str, Counts]) -> dict[str, Any]:
    """What was counted between device rows: side, stretch, class of services, counter, n; cells of 0 are left out."""
    found: dict[str, list[Any]] = {name: [] for name in ("side", "stretch", "class", "counter", "n")}
    for side, counts in sides.items():
        ticks = counts.by_stretch()
        stretch, klass, counter = np.nonzero(ticks)
        classes = np.array([k.name.lower() for k in counts.classes])
        found["side"].append(np.full(stretch.size, side))
        found["stretch"].append(stretch)
        found["class"].append(classes[klass])
        found["counter"].append(np.array(counts.counters)[counter])
        found["n"].append(ticks[stretch, klass, counter])
    return {name: np.concatenate(parts) for name, parts in found.items()}
