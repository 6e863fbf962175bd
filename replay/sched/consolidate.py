"""Consolidation: the prepared traces of several virtual machines become one trace of the machine that they share.

In its rows a vCPU is a CPU of that machine.  VMs have no page, frame, address space, place or site in common; which one
a place belongs to is in its region.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from replay.columns import rows_of
from replay.errors import UserError
from replay.idle import Moments, find_moments, moments_from
from replay.places import MAX_PLACES, Places
from replay.prepare import Prepared, Region
from replay.sched import offsets as numbering
from replay.sched.merge import merge
from replay.sched.offsets import Offsets
from replay.sched.schedule import Schedule, is_shared, settle_cpus, turns_of
from replay.trace.meta import Service, TraceMeta
from replay.trace.schema import PAGE_SHIFT, Kind

SHARED = "virtual machines share CPUs, which idle as their schedule in nominal time has it"


class Member(NamedTuple):
    """One of several VMs on a machine, as far as its part of what is counted of all takes it."""

    cpus: range
    """That its vCPUs run on."""
    meta: TraceMeta
    digest: str
    recorded: int
    """Units that it waited in its recording."""
    reason: str
    """Why its idle time stays the recording's; '' where it does not."""
    unfinished: str
    synthesized: str


class Consolidation(NamedTuple):
    """Several VMs as one trace, and what each was alone."""

    prepared: Prepared
    vms: tuple[Prepared, ...]
    cpus: tuple[range, ...]
    """By VM: the CPUs that its vCPUs run on."""

    @property
    def shared(self) -> bool:
        """Whether VMs share CPUs."""
        return is_shared(self.cpus)

    @property
    def members(self) -> tuple[Member, ...]:
        """The VMs, or none: one alone is what it is."""
        return members_of(self.vms, self.cpus)


def members_of(vms: Sequence[Prepared], cpus: Sequence[range]) -> tuple[Member, ...]:
    """The ``vms`` that run on ``cpus``; none for one alone."""
    if len(vms) == 1:
        return ()
    return tuple(
        Member(lanes, vm.meta, vm.digest, vm.moments.recorded, vm.moments.reason, vm.unfinished, vm.synthesized)
        for vm, lanes in zip(vms, cpus, strict=True)
    )


def consolidate(vms: Sequence[Prepared], schedule: Schedule, names: Sequence[str]) -> Consolidation:
    """The ``vms`` on one machine under ``schedule``; ``names`` are what errors call them.

    One VM alone stays what it is.  Raises UserError for VMs that no machine can run together.
    """
    cpus = settle_cpus(vms, schedule)
    if len(vms) == 1:
        return Consolidation(vms[0], tuple(vms), tuple(cpus))
    refuse_unlike([vm.meta for vm in vms], names)
    before = _before(vms, cpus)
    openings = [_opening(vm) for vm in vms]
    offsets = numbering.find_offsets(vms, cpus)
    columns = merge([vm.columns for vm in vms], offsets, turns_of(vms, cpus, openings, schedule))
    meta = meta_of(vms, cpus)
    places, regions = _places(vms, meta.services)
    prepared = Prepared(
        meta=meta,
        columns=columns,
        pages=numbering.merge_pages(vms, offsets),
        sites=numbering.merge_sites(vms),
        places=places,
        moments=_scheduled(find_moments(columns)) if is_shared(cpus) else moments_from(columns, before),
        digest=digest_of(vms, schedule),
        unfinished="; ".join(f"VM {k}: {vm.unfinished}" for k, vm in enumerate(vms) if vm.unfinished),
        synthesized=synthesized_of(vms),
        regions=regions,
        frames_of_vm=tuple(vm.meta.memory_bytes >> PAGE_SHIFT for vm in vms),
        image_of_vm=_images(vms),
        network_of_vm=_networks([vm.meta for vm in vms]),
        first_place=_first_places(offsets, cpus),
        before=before,
    )
    return Consolidation(prepared, tuple(vms), tuple(cpus))


def _scheduled(moments: Moments) -> Moments:
    """No device rows: where VMs share CPUs, how long these idle follows from the schedule alone."""
    none: dict[str, Any] = {name: part[:0] for name, part in moments._asdict().items() if isinstance(part, np.ndarray)}
    return moments._replace(**none, reason=SHARED)


def _before(vms: Sequence[Prepared], cpus: Sequence[range]) -> int:
    """Rows of all VMs before their window, which begins with a step of all.  Raises UserError where they share CPUs."""
    before = sum(vm.before for vm in vms)
    if before and is_shared(cpus):
        raise UserError("a window of a session is of machines with CPUs of their own; give each its CPUs")
    return before


def _images(vms: Sequence[Prepared]) -> tuple[int, ...]:
    """By VM: the number of its guest image; VMs of one image have the same."""
    known = list(dict.fromkeys(vm.meta.image_digest for vm in vms))
    return tuple(known.index(vm.meta.image_digest) for vm in vms)


def _networks(metas: Sequence[TraceMeta]) -> tuple[int, ...]:
    """By VM: the number of its network.  A machine recorded on none has one alone; a trace given twice is on two."""
    found = []
    for k, meta in enumerate(metas):
        net = meta.network
        before = [m.network for m in metas[:k]]
        found.append((net.session, before.count(net)) if net else ("", k))
    known = list(dict.fromkeys(found))
    return tuple(known.index(one) for one in found)


def _first_places(offsets: Sequence[Offsets], cpus: Sequence[range]) -> tuple[int, ...]:
    """By CPU: the place of the first VM that runs there."""
    found: dict[int, int] = {}
    for o, lanes in zip(offsets, cpus, strict=True):
        for cpu in lanes:
            found.setdefault(cpu, int(o.place))
    return tuple(found.get(cpu, 0) for cpu in range(max(found) + 1))


def refuse_unlike(metas: Sequence[TraceMeta], names: Sequence[str]) -> None:
    """Raise UserError for traces that one machine cannot have run."""
    for meta, name in zip(metas[1:], names[1:], strict=True):
        for what, words in (
            ("architecture", "of one architecture"),
            ("page_bytes", "with pages of one size"),
            ("instructions_per_second", "of machines of one speed"),
            ("device_time_unit", "that tell time in one unit"),
        ):
            mine, first = getattr(meta, what), getattr(metas[0], what)
            if mine != first:
                raise UserError(
                    f"{name}: {what} is {mine}, that of {names[0]} {first}; one machine runs traces {words}"
                )
        if _handlers(meta) != _handlers(metas[0]):
            raise UserError(f"{name}: its kernel refills the TLB otherwise than that of {names[0]}; record both anew")


def _handlers(meta: TraceMeta) -> tuple[object, ...]:
    """What the refill handlers of a guest take; where they lie is the guest's own affair."""
    return (meta.refill.full, meta.refill.aborted, meta.refill.nested) if meta.refill else ()


def _opening(vm: Prepared) -> int:
    """Rows that say what was there when the recording began."""
    started = rows_of(vm.columns.kind, (Kind.START,) if vm.meta.skipped else ())
    return int(started[0]) + 1 if started.size else 0


def _services(vms: Sequence[Prepared]) -> tuple[Service, ...]:
    """The services of all VMs, each name and class once."""
    found = dict.fromkeys((service.name, service.klass) for vm in vms for service in vm.meta.services)
    return tuple(Service(number, name, klass) for number, (name, klass) in enumerate(found))


def _places(vms: Sequence[Prepared], services: Sequence[Service]) -> tuple[Places, tuple[Region, ...]]:
    """The places of all VMs, VM after VM, in the regions of all, likewise.  Raises UserError for too many."""
    number = {(service.name, service.klass): at for at, service in enumerate(services)}
    owner, inner, region, regions = [], [], [], list[Region]()
    for k, vm in enumerate(vms):
        new = np.array([number[service.name, service.klass] for service in vm.meta.services], np.uint32)
        owner.append(new[vm.places.owner])
        inner.append(new[vm.places.inner])
        region.append(vm.places.region + np.uint32(len(regions)))
        regions += [one._replace(vm=k) for one in vm.regions]
    places = Places(np.concatenate(owner), np.concatenate(inner), np.concatenate(region))
    if places.owner.size > MAX_PLACES:
        raise UserError(f"the virtual machines have more than {MAX_PLACES} places together; consolidate fewer")
    return places, tuple(regions)


def meta_of(vms: Sequence[Prepared], cpus: Sequence[range]) -> TraceMeta:
    """What the machine's trace says about itself: what all have in common, and sums."""
    metas = [vm.meta for vm in vms]
    first = metas[0]
    alike = {m.arguments for m in metas if m.workload == first.workload} == {first.arguments}
    counted = {name: sum(m.workload == name for m in metas) for name in dict.fromkeys(m.workload for m in metas)}
    return dataclasses.replace(
        first,
        vcpus=max(lanes.stop for lanes in cpus),
        memory_bytes=sum(m.memory_bytes for m in metas),
        workload=" + ".join(f"{n} x {name}" if n > 1 else name for name, n in counted.items()),
        arguments=first.arguments if alike and len(counted) == 1 else (),
        groups=tuple(group for group in first.groups if all(group in m.groups for m in metas)),
        services=_services(vms),
        symbols=(),
        marks=(),
        skipped=max(m.skipped for m in metas),
    )


def synthesized_of(vms: Sequence[Prepared]) -> str:
    """The rules that stand in for events which some of the traces lack; '' where none does."""
    return "; ".join(dict.fromkeys(vm.synthesized for vm in vms if vm.synthesized))


def digest_of(vms: Sequence[Prepared], schedule: Schedule) -> str:
    """The name of the ``vms`` together under ``schedule``."""
    return hashlib.sha256(" ".join([*(vm.digest for vm in vms), schedule.words()]).encode()).hexdigest()
