"""What several virtual machines on one machine cost: counted together, priced each beside a bare machine of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from replay import compare as comparison
from replay.compare import Entrant
from replay.count import Counts, count
from replay.idle import NONE, Moments, Timeline
from replay.pieces import interval_of
from replay.prepare import Prepared, Progress
from replay.price import price
from replay.sched.consolidate import Consolidation

Document = dict[str, Any]
SUMMED = ("native", "cycles", "low", "high", "seconds", "native_seconds")
WAITED = ("recorded", "recomputed", "low", "high", "native", "native_low", "native_high")
OWN = ("trace", "total", "busy", "idle", "incorrect")
"""What a result says about each VM."""


class Outcome(NamedTuple):
    """One model's charge: the document, and what was counted under the model, and of each VM on a bare machine."""

    document: Document
    counts: Counts
    bare: tuple[Counts, ...]


def charge(
    c: Consolidation,
    entrant: Entrant,
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
    progress: Progress | None = None,
    interval: int = 0,
    bare: Sequence[Counts] = (),
) -> Outcome:
    """Count the VMs of ``c`` together under a model; ``bare`` are the counts of each alone, where they are known.

    Raises UserError.
    """
    model, native, machine = entrant
    counts = count(c.prepared, model, machine, settings, progress, interval)
    own = [of_vm(c, counts, k) for k in range(len(c.vms))]
    if model.name == native.name:
        bare = own
    elif not bare:
        given = comparison.taken(settings, native)
        bare = [count(vm, native, machine, given, progress) for vm in c.vms]
    documents = [price(mine, model, machine, prices, (alone, native)) for mine, alone in zip(own, bare, strict=True)]
    return Outcome(_together(c, documents), counts, tuple(bare))


def compare(
    c: Consolidation,
    entrants: Sequence[Entrant],
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
    progress: Progress | None = None,
) -> list[Document]:
    """The document of each of ``entrants``, which the traces fit.  Raises UserError as ``replay.compare`` does."""
    comparison.check(entrants, c.prepared, settings, prices)
    known: dict[tuple[str, str], tuple[Counts, ...]] = {}
    documents = []
    for entrant in entrants:
        key = entrant.bare.name, entrant.machine.name
        mine = comparison.taken(settings, entrant.model)
        outcome = charge(c, entrant, mine, entrant.taken(prices), progress, 0, known.get(key, ()))
        known[key] = outcome.bare
        documents.append(outcome.document)
    return documents


def of_vm(c: Consolidation, counts: Counts, vm: int) -> Counts:
    """Of ``counts`` of all VMs, those of one: its own vCPUs, places and regions."""
    alone, lanes = c.vms[vm], c.cpus[vm]
    first = next(at for at, region in enumerate(counts.regions) if region.vm == vm)
    mine = [at for at, place in enumerate(counts.places) if counts.regions[place.region].vm == vm]
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
        regions=alone.regions,
        classes=counts.classes,
        timeline=_timeline(counts.timeline, lanes, alone),
        unfinished=alone.unfinished,
        synthesized=alone.synthesized,
    )


def _timeline(timeline: Timeline, lanes: range, alone: Prepared) -> Timeline:
    """The device rows of one VM, with what was counted before each."""
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
            recorded=alone.moments.recorded,
            reason=moments.reason or alone.moments.reason,
        ),
        timeline.ticks[mine],
    )


def _together(c: Consolidation, documents: Sequence[Document]) -> Document:
    """The document about all VMs: sums, and what each is by itself.

    Each VM's overhead has bounds of its own; that of all lies between the least and the greatest of them.
    """
    first, meta = documents[0], c.prepared.meta
    trace = {"workload": meta.workload, "arguments": list(meta.arguments), "vcpus": meta.vcpus}
    trace |= {"digest": c.prepared.digest, "unfinished": c.prepared.unfinished, "synthesized": c.prepared.synthesized}
    return first | {
        "trace": first["trace"] | trace,
        "incorrect": _missed(documents),
        "total": _ratio([d["total"] for d in documents], SUMMED),
        "busy": _ratio([d["busy"] for d in documents], ("cycles", "native")),
        "idle": first["idle"]
        | _sums([d["idle"] for d in documents], WAITED)
        | {"as_recorded": "; ".join(dict.fromkeys(filter(None, (d["idle"]["as_recorded"] for d in documents))))},
        "rows": [{"vm": k} | row for k, d in enumerate(documents) for row in d["rows"]],
        "native_rows": [{"vm": k} | row for k, d in enumerate(documents) for row in d["native_rows"]],
        "services": _services(documents),
        "regions": [{"vm": k} | region for k, d in enumerate(documents) for region in d["regions"]],
        "assumptions": list({record["name"]: record for d in documents for record in d["assumptions"]}.values()),
        "vms": [
            {"vm": k, "cpus": list(lanes)} | {part: d[part] for part in OWN}
            for k, (d, lanes) in enumerate(zip(documents, c.cpus, strict=True))
        ],
    }


def _missed(documents: Sequence[Document]) -> dict[str, Any] | None:
    missed = [d["incorrect"] for d in documents if d["incorrect"]]
    return missed[0] | {"count": sum(one["count"] for one in missed)} if missed else None


def _sums(parts: Sequence[Document], fields: Sequence[str]) -> Document:
    return {field: sum(part[field] for part in parts) for field in fields}


def _ratio(parts: Sequence[Document], fields: Sequence[str]) -> Document:
    summed = _sums(parts, fields)
    return summed | {
        "overhead": summed["cycles"] / summed["native"] if summed["native"] else 1.0,
        "overhead_low": min(part["overhead_low"] for part in parts),
        "overhead_high": max(part["overhead_high"] for part in parts),
    }


def _services(documents: Sequence[Document]) -> list[Document]:
    """The services of all VMs, those of one name added up."""
    found: dict[str, Document] = {}
    for line in (line for document in documents for line in document["services"]):
        known = found.setdefault(line["service"], dict.fromkeys(line, 0) | {"service": line["service"]})
        known |= {field: known[field] + n for field, n in line.items() if field != "service"}
    return list(found.values())
