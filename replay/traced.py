"""What a sweep charges: a trace, or several that are virtual machines together on one machine.

A plan holds many schedules of the same VMs, and merged traces are large: VMs are merged when they are counted, and what
the plan needs of them before is worked out from each.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from replay.errors import UserError
from replay.model import Model
from replay.prepare import Prepared
from replay.sched import charge
from replay.sched.consolidate import (
    Member,
    consolidate,
    digest_of,
    members_of,
    meta_of,
    refuse_unlike,
    synthesized_of,
)
from replay.sched.schedule import DEFAULT, QUANTUM, Schedule, is_shared, schedule_of, settle_cpus
from replay.trace.meta import TraceMeta

KEPT_MERGED = 2
"""Merged traces held at a time: as many as are counted at once."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A trace of a sweep, or several VMs on one machine under a schedule, and what tables call it."""

    label: str
    vms: tuple[Prepared, ...]
    paths: tuple[str, ...] = ()
    """Where others open each."""
    rule: str = ""
    """What was synthesized by, '' for nothing."""
    schedule: Schedule = DEFAULT
    _known: dict[Schedule, Traced] = field(default_factory=dict, repr=False)
    """The same VMs under other schedules, so that what they have in common is worked out once for each."""

    @property
    def together(self) -> bool:
        """Whether these are several VMs."""
        return len(self.vms) > 1

    @cached_property
    def kin(self) -> TraceMeta:
        """What the VMs have in common, each with CPUs of its own; of one trace what it says of itself."""
        return self._meta([range(sum(vm.meta.vcpus for vm in self.vms))])

    @cached_property
    def cpus(self) -> list[range]:
        """By VM: those that its vCPUs run on.  Raises UserError where there are not enough."""
        return settle_cpus(self.vms, self.schedule)

    @cached_property
    def meta(self) -> TraceMeta:
        """What the trace that is counted says of itself.  Raises UserError as ``cpus`` does."""
        return self._meta(self.cpus)

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The VMs; none where it is one trace.  Raises UserError as ``cpus`` does."""
        return members_of(self.vms, self.cpus)

    @cached_property
    def digest(self) -> str:
        """The name of what is counted."""
        return digest_of(self.vms, self.schedule) if self.together else self.vms[0].digest

    @property
    def synthesized(self) -> str:
        """What stands in for events that are lacking, as results say it."""
        return synthesized_of(self.vms)

    @property
    def rows(self) -> int:
        """To be counted, but for those that tell VMs' turns."""
        return sum(int(vm.columns.kind.size) for vm in self.vms)

    def refuse_unlike(self) -> None:
        """Raise UserError for VMs that no machine can run together."""
        refuse_unlike([vm.meta for vm in self.vms], self.paths or ["a trace"] * len(self.vms))

    def under(self, stated: Mapping[str, Any]) -> tuple[Traced, dict[str, Any]]:
        """The VMs as ``stated`` schedules them, and ``stated`` without what that ignores.  Raises UserError.

        Nobody takes turns by a quantum where no two VMs share a CPU.
        """
        if not self.together:
            return self, dict(stated)
        found = self._under(schedule_of(stated))
        if QUANTUM not in stated or found.taking_turns:
            return found, dict(stated)
        kept = {name: value for name, value in stated.items() if name != QUANTUM}
        return self._under(schedule_of(kept)), kept

    def _under(self, schedule: Schedule) -> Traced:
        if schedule not in self._known:
            self._known[schedule] = replace(self, schedule=schedule)
        return self._known[schedule]

    @property
    def taking_turns(self) -> bool:
        """Whether VMs share CPUs, as far as there are enough."""
        try:
            return is_shared(self.cpus)
        except UserError:
            return False

    def unfit(self, model: Model) -> str:
        """Why the model cannot run the VMs under their schedule; '' if it can."""
        if not self.together:
            return ""
        try:
            return charge.unfit(model, shared=is_shared(self.cpus))
        except UserError as error:
            return str(error)

    def alone(self) -> list[Traced]:
        """Each VM by itself."""
        if not self.together:
            return [self]
        paths = self.paths or ("",) * len(self.vms)
        return [Traced(self.label, (vm,), (path,), self.rule) for vm, path in zip(self.vms, paths, strict=True)]

    def merged(self) -> Prepared:
        """The rows of all VMs in the order of their schedule; of one trace its own.  Raises UserError."""
        return consolidate(self.vms, self.schedule, self.paths or ["a trace"] * len(self.vms)).prepared

    def _meta(self, cpus: Sequence[range]) -> TraceMeta:
        return meta_of(self.vms, cpus) if self.together else self.vms[0].meta


class Merged:
    """Merged traces of VMs, each made once for jobs that follow each other, and the last ones held."""

    def __init__(self) -> None:
        self._held: dict[str, Prepared] = {}
        self._lock = threading.Lock()

    def of(self, trace: Traced) -> Prepared:
        """The rows of ``trace``.  Raises UserError."""
        if not trace.together:
            return trace.vms[0]
        with self._lock:
            found = self._held.pop(trace.digest, None) or trace.merged()
            self._held[trace.digest] = found
            while len(self._held) > KEPT_MERGED:
                self._held.pop(next(iter(self._held)))
            return found
