"""What several virtual machines on one machine cost: counted together, priced each beside a bare machine of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from replay import entrants as comparison
from replay.count import Counts, count
from replay.document import Outcome
from replay.entrants import Entrant
from replay.errors import UserError
from replay.machine import Machine
from replay.model import Model
from replay.prepare import Progress
from replay.price import Charged, price, waits_of
from replay.sched.consolidate import Consolidation, Member
from replay.sched.split import of_all, of_each

Document = dict[str, Any]
SUMMED = ("native", "cycles", "low", "high", "seconds", "native_seconds")
WAITED = ("recorded", "recomputed", "low", "high", "native", "native_low", "native_high")
OWN = ("trace", "total", "busy", "idle", "incorrect")
"""What a result says about each VM."""


class Counted(NamedTuple):
    """What was counted of the VMs of one machine: together, each of them, and each alone on a bare machine."""

    counts: Counts
    own: list[Counts]
    bare: Sequence[Counts]
    members: Sequence[Member] = ()


def charge(
    c: Consolidation,
    entrant: Entrant,
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
    progress: Progress | None = None,
    interval: int = 0,
    bare: Sequence[Counts] = (),
) -> Outcome:
    """Count the VMs of ``c`` together under a model; ``bare`` are those of ``alone``, where they are known.

    Raises UserError.
    """
    counted = count_together(c, entrant, settings, progress, interval, bare)
    document = price_together(counted, *entrant, prices)
    return Outcome(document, counted.counts, of_all(c.members, counted.counts, counted.bare))


def count_together(
    c: Consolidation,
    entrant: Entrant,
    settings: Mapping[str, Any],
    progress: Progress | None = None,
    interval: int = 0,
    bare: Sequence[Counts] = (),
) -> Counted:
    """The counts behind ``charge``; of one VM, those of its trace.  Raises UserError."""
    reason = unfit(entrant.model, shared=c.shared)
    if reason:
        raise UserError(reason)
    entrant = comparison.on_its_machine(entrant, settings)
    counts = count(c.prepared, entrant.model, entrant.machine, settings, progress, interval)
    known = [] if is_bare(entrant) else bare or alone(c, entrant, settings, progress)
    return counted_of(c.members, counts, known)


def counted_of(members: Sequence[Member], counts: Counts, bare: Sequence[Counts]) -> Counted:
    """``counts`` of all ``members``, or of one trace alone, beside those on bare machines; none: these are that."""
    own = of_each(members, counts)
    return Counted(counts, own, bare or own, members)


def price_together(
    counted: Counted, model: Charged, native: Charged, machine: Machine, prices: Mapping[str, Any]
) -> Document:
    """The document of what was counted of VMs together, or of one trace alone."""
    counts, members = counted.counts, counted.members
    pairs = zip(counted.own, counted.bare, strict=True)
    waits = waits_of(counts, model, machine, prices) if members else None
    documents = [price(mine, model, machine, prices, (one, native), waits) for mine, one in pairs]
    return (_together(counts, members, documents) if members else documents[0]) | counts.footprint


def is_bare(entrant: Entrant) -> bool:
    """Whether the model is the bare machine itself."""
    return entrant.model.name == entrant.bare.name


def alone(
    c: Consolidation, entrant: Entrant, settings: Mapping[str, Any], progress: Progress | None = None
) -> list[Counts]:
    """The counts of each VM by itself on a bare machine of its own."""
    given = comparison.taken(settings, entrant.bare)
    return [count(vm, entrant.bare, entrant.machine, given, progress) for vm in c.vms]


def compare(
    c: Consolidation,
    entrants: Sequence[Entrant],
    settings: Mapping[str, Any],
    prices: Mapping[str, Any],
    progress: Progress | None = None,
) -> tuple[list[Document], list[dict[str, str]]]:
    """The document of each of ``entrants``, which the traces fit, and who is left out, why.  Raises UserError."""
    reasons = [unfit(entrant.model, shared=c.shared) for entrant in entrants]
    left_out = [{"model": e.model.name, "reason": why} for e, why in zip(entrants, reasons, strict=True) if why]
    entrants = [entrant for entrant, why in zip(entrants, reasons, strict=True) if not why]
    entrants = comparison.check(entrants, c.prepared, settings, prices)
    known: dict[tuple[str, str], list[Counts]] = {}
    documents = []
    for entrant in entrants:
        key, mine = (entrant.bare.name, entrant.machine.name), comparison.taken(settings, entrant.model)
        if key not in known:
            known[key] = alone(c, entrant, settings, progress)
        documents.append(charge(c, entrant, mine, entrant.taken(prices), progress, 0, known[key]).document)
    return documents, left_out


def unfit(model: Model, *, shared: bool) -> str:
    """Why the model cannot run VMs, which share CPUs or do not; '' if it can."""
    if shared and not model.vcpu_switch:
        return f"{model.name} has no monitor, and a bare machine runs one guest; give each CPUs of its own"
    return ""


def _together(counts: Counts, members: Sequence[Member], documents: Sequence[Document]) -> Document:
    """The document about all VMs: sums, and what each is by itself.

    Each VM's overhead has bounds of its own; that of all lies between the least and the greatest of them.
    """
    first, meta = documents[0], counts.meta
    trace = {"workload": meta.workload, "arguments": list(meta.arguments), "vcpus": meta.vcpus}
    trace |= {"digest": counts.digest, "unfinished": counts.unfinished, "synthesized": counts.synthesized}
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
            {"vm": k, "cpus": list(member.cpus)} | {part: d[part] for part in OWN}
            for k, (d, member) in enumerate(zip(documents, members, strict=True))
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
