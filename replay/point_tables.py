"""The tables of a sweep's points: lines for each, for each side, mechanism and counter of it, and for each VM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from replay.dataset import PRICE, SET, name_of
from replay.model import IDLE
from replay.plan import Group
from replay.reprice import Repriced, Side
from replay.sched.consolidate import Member

if TYPE_CHECKING:
    import polars as pl


def point_table(group: Group, found: Repriced, machine: str) -> pl.DataFrame:
    """One row for each point of ``group``, whose machine's digest is ``machine``."""
    import polars as pl

    trace, entrant = group.contestant
    alike: Mapping[str, Any] = {
        "run": group.ours.run,
        "bare": name_of(job.run for job in group.bare),
        "trace": trace.label,
        "trace_digest": trace.digest,
        "workload": trace.meta.workload,
        "architecture": trace.meta.architecture,
        "vcpus": trace.meta.vcpus,
        "model": group.ours.model.name,
        "baseline": group.bare[0].model.name,
        "machine": entrant.machine.name,
        "machine_digest": machine,
        "price_set": entrant.machine.price_set,
        "synthesized": trace.synthesized,
        "fidelity": group.ours.model.fidelity[trace.meta.architecture],
        **{SET + name: value for name, value in group.stated.items()},
    }
    prices = {PRICE + name: group.points.values[:, at] for at, name in enumerate(group.points.names)}
    return pl.DataFrame({"point": list(group.digests), **alike, **prices, **found.totals})


def row_table(group: Group, found: Repriced) -> pl.DataFrame:
    """One row for each point of ``group``, side, mechanism and counter."""
    import polars as pl

    sides = zip(("model", "bare"), (group.ours.model, group.bare[0].model), (found.ours, found.bare), strict=True)
    return pl.concat([_side_table(group.digests, name, model.mechanism, side) for name, model, side in sides])


def _side_table(points: tuple[str, ...], name: str, mechanism: Any, side: Side) -> pl.DataFrame:
    import polars as pl

    lanes, counters = len(points), len(side.counters)
    ticks = np.repeat(side.counts[:, None], lanes, axis=1)
    if IDLE in side.counters:
        ticks[side.counters.index(IDLE)] = side.idle[0]
    value, low, high = (side.cycles[at].reshape(-1) for at in range(3))
    lane, counter = np.tile(np.arange(lanes), counters), np.repeat(np.arange(counters), lanes)
    return pl.DataFrame(
        {
            "point": pl.Series(points)[lane],
            "side": pl.Series([name])[np.zeros_like(lane)],
            "mechanism": pl.Series([mechanism(c) for c in side.counters], dtype=pl.String)[counter],
            "counter": pl.Series(side.counters, dtype=pl.String)[counter],
            "count": ticks.reshape(-1),
            "cycles": value,
            "low": low,
            "high": high,
        }
    )


def vm_table(group: Group, each: Sequence[Repriced]) -> pl.DataFrame:
    """One row for each point of ``group`` and VM: who it is, and the totals of ``each`` beside its bare machine."""
    import polars as pl

    members = zip(group.contestant.trace.members, each, strict=True)
    return pl.concat([_one_vm(group.digests, k, member, found) for k, (member, found) in enumerate(members)])


def _one_vm(points: tuple[str, ...], vm: int, member: Member, found: Repriced) -> pl.DataFrame:
    import polars as pl

    meta, cpus = member.meta, member.cpus
    who = {"trace_digest": member.digest, "workload": meta.workload, "first_cpu": cpus.start, "vcpus": meta.vcpus}
    return pl.DataFrame({"point": list(points), "vm": vm, **who, **found.totals})
