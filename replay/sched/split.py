"""Counts of several virtual machines on one machine, and the counts of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from replay.count import Counts
from replay.idle import NONE, Moments, Timeline
from replay.model import IDLE
from replay.pieces import interval_of
from replay.sched.consolidate import Member
from replay.sched.schedule import is_shared


def of_each(members: Sequence[Member], counts: Counts) -> list[Counts]:
    """The counts of each of ``members``; without any, ``counts`` are of one trace alone."""
    return [of_vm(members, counts, vm) for vm in range(len(members))] if members else [counts]


def of_vm(members: Sequence[Member], counts: Counts, vm: int) -> Counts:
    """Of ``counts`` of all VMs, those of one: its own vCPUs, places and regions."""
    alone, lanes = members[vm], members[vm].cpus
    shared = is_shared([member.cpus for member in members])
    first = next(at for at, region in enumerate(counts.regions) if region.vm == vm)
    mine = _places(counts, vm)
    n = counts.n[lanes.start : lanes.stop, mine]
    return Counts(
        n=n,
        model=counts.model,
        counters=counts.counters,
        places=tuple(replace(counts.places[at], region=counts.places[at].region - first) for at in mine),
        settings=counts.settings,
        meta=alone.meta,
        digest=alone.digest,
        interval=0,
        intervals=(interval_of(n),),
        regions=tuple(region._replace(vm=0) for region in counts.regions if region.vm == vm),
        classes=counts.classes,
        timeline=_timeline(counts.timeline, lanes, _waited(n, counts.counters, alone, shared=shared), alone.reason),
        unfinished=alone.unfinished,
        synthesized=alone.synthesized,
    )


def _waited(n: np.ndarray, counters: Sequence[str], alone: Member, *, shared: bool) -> int:
    """Units that a VM waited: as recorded, or what its schedule has left of that."""
    return int(n[:, :, counters.index(IDLE)].sum()) if shared and IDLE in counters else alone.recorded


def _timeline(timeline: Timeline, lanes: range, recorded: int, reason: str) -> Timeline:
    """The device rows of one VM, with what was counted before each; where VMs share CPUs there are none."""
    moments = timeline.moments
    mine = (lanes.start <= moments.vcpu) & (moments.vcpu < lanes.stop)
    number = np.cumsum(mine) - 1
    completion = moments.completion[mine]
    own = {name: getattr(moments, name)[mine] for name in ("row", "kind", "units", "timed", "clock")}
    return Timeline(
        Moments(
            **own,
            vcpu=moments.vcpu[mine] - np.uint8(lanes.start),
            completion=np.where(completion == NONE, NONE, number[completion]),
            recorded=recorded,
            reason=moments.reason or reason,
        ),
        timeline.ticks[mine],
    )


def of_all(members: Sequence[Member], like: Counts, each: Sequence[Counts]) -> Counts:
    """The counts of ``each`` VM as those of all, whose places, regions and device rows are those of ``like``."""
    if not members:
        return each[0]
    counters, first = each[0].counters, each[0]
    n = np.zeros((*like.n.shape[:2], len(counters)), np.int64)
    moments = like.timeline.moments
    classes = tuple(sorted({klass for counts in each for klass in counts.classes}))
    ticks = np.zeros((moments.row.size, len(classes), len(counters)), np.int64)
    for vm, (counts, member) in enumerate(zip(each, members, strict=True)):
        mine, lanes = _places(like, vm), member.cpus
        n[lanes.start : lanes.stop, mine[0] : mine[-1] + 1] += counts.n
        rows = np.flatnonzero((lanes.start <= moments.vcpu) & (moments.vcpu < lanes.stop))
        at = np.array([classes.index(klass) for klass in counts.classes])
        if rows.size:
            ticks[np.ix_(rows, at)] += counts.timeline.ticks
    return replace(
        like,
        n=n,
        model=first.model,
        counters=counters,
        settings=first.settings,
        interval=0,
        intervals=(interval_of(n),),
        classes=classes,
        timeline=Timeline(moments, ticks),
    )


def _places(counts: Counts, vm: int) -> list[int]:
    """The places of one VM, which follow each other."""
    return [at for at, place in enumerate(counts.places) if counts.regions[place.region].vm == vm]
