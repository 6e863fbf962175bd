"""Facts of a guest that no model changes: how often its kernel is entered, why, and what it does there."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from replay.columns import rows_of
from replay.places import named
from replay.prepare import Prepared
from replay.trace.schema import CAUSE_MASK, Cause, Kind, ServiceClass

TLB_CAUSES = (Cause.REFILL, Cause.NESTED_REFILL, Cause.STALE)
"""Exceptions that the recording machine's TLB caused: another machine has others."""

ENTRIES = {Cause.SYSCALL: "calls", Cause.INTERRUPT: "interrupts"}
"""Cause -> what an entry of the kernel counts as; other causes are faults."""

INVALIDATIONS = (Kind.INVALIDATE_PAGE, Kind.INVALIDATE_SPACE, Kind.INVALIDATE_ALL)


def facts(prepared: Prepared) -> dict[str, Any]:
    """Instructions, kernel entries by kind, the mix of system calls, and the kernel's events, TLB refills left out.

    ``calls`` maps each system call to how often it was made.
    """
    columns, kind = prepared.columns, prepared.columns.kind
    places = named(prepared.places, prepared.meta)
    refilling = np.array([place.klass == ServiceClass.REFILL for place in places])
    taken = rows_of(kind, (Kind.EXCEPTION,))
    cause = columns.info[taken] & CAUSE_MASK
    entries = taken[~np.isin(cause, TLB_CAUSES)]
    calls = taken[cause == Cause.SYSCALL]

    def outside_refills(*kinds: Kind) -> int:
        return int(np.count_nonzero(~refilling[_places(prepared, rows_of(kind, kinds))]))

    return {
        "instructions": int(columns.n.sum(dtype=np.int64)),
        "entries": entries.size,
        "by_kind": Counter(ENTRIES.get(Cause(c), "faults") for c in (columns.info[entries] & CAUSE_MASK).tolist()),
        "calls": Counter(places[place].service for place in _places(prepared, calls).tolist()),
        "privileged": outside_refills(Kind.SENSITIVE),
        "tlb_writes": outside_refills(Kind.TLB_WRITE),
        "invalidations": outside_refills(*INVALIDATIONS),
        "table_stores": int(rows_of(kind, (Kind.ENTRY,)).size),
        "thread_switches": int(rows_of(kind, (Kind.THREAD_SWITCH,)).size),
        "disk_requests": int(rows_of(kind, (Kind.REQUEST,)).size),
    }


def _places(prepared: Prepared, rows: np.ndarray) -> np.ndarray:
    """The place that each of ``rows`` is booked to; USER's before the first crossing."""
    columns, found = prepared.columns, np.zeros(rows.size, np.int64)
    crossings = rows_of(columns.kind, (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT))
    for vcpu in range(prepared.meta.vcpus):
        own = crossings[columns.ctx[crossings] & 15 == vcpu]
        mine = columns.ctx[rows] & 15 == vcpu
        before = np.searchsorted(own, rows[mine]) - 1
        found[mine] = np.where(before >= 0, columns.page[own[before]], 0) if own.size else 0
    return found
