"""The bare machine: the guest runs on hardware that refills its TLB in software.

Mechanism     The guest kernel handles its own TLB misses.  A reference that the TLB does not hold enters the refill
              vector.  The handler loads the two entries of the page pair from a linear page table that itself lies
              in mapped memory; if the TLB does not hold that table page either, the handler is cut off by a second
              exception, a nested handler maps the table page, and the instruction starts again from its beginning.
              Recorded refills belong to the recording machine's TLB and are skipped; the model's TLB, of any
              geometry, takes its own.  Everything else runs directly.
Not modelled  Faults on a stale TLB copy (recorded ones are skipped, none are added).  The fetch of an instruction
              restarted after a refill is looked up at its next fetch row.
Also called   bare hardware, physical machine (Goldberg 1974).
References    MIPS R10000 User's Manual, chapter on memory management; Bugnion et al., SOSP 1997, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import auto
from typing import Any, NamedTuple

import numpy as np

from replay.hw import tlb
from replay.hw.tlb import Tlb
from replay.jit import inline
from replay.kernel import add, bind, tick
from replay.model import (
    CONTENT,
    DEVICES,
    FAULTS,
    INTERRUPTS,
    INVALIDATIONS,
    MARKS,
    MIPS_PRIVILEGED,
    OTHER_CAUSES,
    SERVICES,
    SPACES,
    SYSTEM_CALLS,
    TABLE_CHANGES,
    THREADS,
    TLB_CAUSES,
    X86_PRIVILEGED,
    X86_UNPRIVILEGED,
    Access,
    Counter,
    Model,
    Reaction,
    Row,
    price,
)
from replay.prepare import Prepared
from replay.trace.schema import (
    CAUSE_MASK,
    TLB_RANDOM,
    TOUCH_SHIFT,
    Cause,
    Kind,
    Segment,
    ServiceClass,
)

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = tlb.PARAMETERS

# -- events -----------------------------------------------------------------------------------------------------------


class Event(Counter):
    UTLB_REFILL = auto()
    NESTED_REFILL = auto()
    REFILL_INSTRUCTION = auto()
    DEVICE_ACCESS = auto()
    INTERRUPT = auto()
    FAULT = auto()
    SYSTEM_CALL = auto()
    OTHER_EXCEPTION = auto()
    PRIVILEGED = auto()
    IDLE = auto()


EVENTS = {
    Event.UTLB_REFILL: "entries to the refill vector, those cut off by a nested refill included",
    Event.NESTED_REFILL: "refills of a page of the page table itself, inside the refill handler",
    Event.REFILL_INSTRUCTION: "instructions that the refill handlers retire",
    Event.DEVICE_ACCESS: "loads and stores to device registers",
    Event.INTERRUPT: "interrupts taken",
    Event.FAULT: "page faults taken: not present, soft reference and dirty, copy-on-write, protection",
    Event.SYSTEM_CALL: "system calls",
    Event.OTHER_EXCEPTION: "exceptions of other causes",
    Event.PRIVILEGED: "privileged and sensitive instructions, outside refill handlers",
    Event.IDLE: "device-time units spent waiting for an interrupt",
}

# -- reactions --------------------------------------------------------------------------------------------------------

REACTIONS = (
    Row((Access.HIT, Access.UNMAPPED), Reaction.DIRECT),
    Row((Access.MISS,), Reaction.DIRECT, may=("utlb_refill", "nested_refill", "refill_instruction")),
    Row((Access.DEVICE,), Reaction.DIRECT, may=("device_access",)),
    Row(TLB_CAUSES, Reaction.REPLACED),
    Row(INTERRUPTS, Reaction.DIRECT, "interrupt"),
    Row(FAULTS, Reaction.DIRECT, "fault"),
    Row(SYSTEM_CALLS, Reaction.DIRECT, "system_call"),
    Row(OTHER_CAUSES, Reaction.DIRECT, "other_exception"),
    Row((Kind.RETURN,), Reaction.DIRECT),
    Row((*MIPS_PRIVILEGED, *X86_PRIVILEGED, *X86_UNPRIVILEGED), Reaction.DIRECT, "privileged"),
    Row((Kind.TLB_WRITE, Kind.TLB_PROBE, *INVALIDATIONS), Reaction.DIRECT),
    Row((*TABLE_CHANGES, *SPACES), Reaction.DIRECT),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.PORT, *DEVICES), Reaction.DIRECT),
    Row((*SERVICES, *THREADS, *CONTENT, *MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

DEVICE = int(Segment.DEVICE)
REFILL, NESTED_REFILL = int(Cause.REFILL), int(Cause.NESTED_REFILL)
UTLB_REFILLS, NESTED_REFILLS = int(Event.UTLB_REFILL), int(Event.NESTED_REFILL)
REFILL_INSTRUCTIONS = int(Event.REFILL_INSTRUCTION)
DEVICE_ACCESSES, IDLE_UNITS = int(Event.DEVICE_ACCESS), int(Event.IDLE)
FULL, ABORTED, NESTED = 0, 1, 2


class Native(NamedTuple):
    """The guest's TLB and what its refill handlers do."""

    counts: np.ndarray
    tlb: Tlb
    table: np.ndarray  # u32 by pair: the pair of the table page that holds its entries
    segment: np.ndarray  # u8 by page id
    space: np.ndarray  # u32 by page id
    probed: np.ndarray  # u64[vcpus]: pair that the last TLB probe found, 0 for none
    handler: np.ndarray  # i64[3]: instructions of a full, an aborted and a nested run


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> Native:
    """A machine with an empty TLB, before the first row."""
    meta, pages = prepared.meta, prepared.pages
    refill = meta.refill
    runs = (refill.full, refill.aborted, refill.nested) if refill else ()
    bypass = (Segment.UNMAPPED, Segment.UNCACHED)
    return Native(
        counts=counts,
        tlb=tlb.make_tlb(meta.vcpus, pages.segment, settings, bypass),
        table=pages.table,
        segment=pages.segment,
        space=pages.space,
        probed=np.zeros(meta.vcpus, np.uint64),
        handler=np.array([run.instructions for run in runs] or [0, 0, 0], np.int64),
    )


@inline
def reference(m, at, page):
    """A reference that the TLB holds costs nothing more; otherwise the instruction restarts until it does."""
    pair = tlb.pair_of(page)
    if not tlb.hit(m.tlb, at, pair):
        if m.segment[np.uint64(page)] == DEVICE:
            tick(m, at, DEVICE_ACCESSES)
        else:
            while m.tlb.slot[at.vcpu * m.tlb.pairs + pair] == tlb.ABSENT:
                refill(m, at, pair)


@inline
def refill(m, at, pair):
    """One entry to the refill vector: it maps ``pair``, or is cut off and maps the table page instead."""
    tick(m, at, UTLB_REFILLS)
    table = np.uint64(m.table[pair])
    if table == 0 or tlb.touch(m.tlb, at, table):
        add(m, at, REFILL_INSTRUCTIONS, m.handler[FULL])
        tlb.insert(m.tlb, at, pair)
    else:
        tick(m, at, NESTED_REFILLS)
        add(m, at, REFILL_INSTRUCTIONS, m.handler[ABORTED] + m.handler[NESTED])
        tlb.insert(m.tlb, at, table)


@inline
def happen(m, at, row):
    """Events that the TLB takes part in; the reaction table counts the others."""
    if row.kind == Kind.EXCEPTION:
        fault(m, at, row)
    elif row.kind == Kind.TLB_WRITE:
        write_entry(m, at, row)
    elif row.kind == Kind.TLB_PROBE:
        m.probed[at.vcpu] = tlb.pair_of(row.page) if row.info != 0 else np.uint64(0)
    elif row.kind == Kind.INVALIDATE_PAGE:
        tlb.drop(m.tlb, at.vcpu, tlb.pair_of(row.page))
    elif row.kind == Kind.INVALIDATE_SPACE:
        tlb.flush_space(m.tlb, at.vcpu, m.space, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        tlb.flush(m.tlb, at.vcpu)
    elif row.kind == Kind.IDLE:
        add(m, at, IDLE_UNITS, np.int64(row.page))


@inline
def fault(m, at, row):
    """The access that faulted looked its page up too.

    At a recorded refill one entry to the vector is due: its restart is in the trace, whatever came of it.  A
    nested refill is part of one.
    """
    cause = row.info & CAUSE_MASK
    if (row.info >> TOUCH_SHIFT) & 3 == 0 or cause == NESTED_REFILL:
        return
    if cause != REFILL:
        reference(m, at, row.page)
    elif m.segment[np.uint64(row.page)] != DEVICE and not tlb.hit(m.tlb, at, tlb.pair_of(row.page)):
        refill(m, at, tlb.pair_of(row.page))


@inline
def write_entry(m, at, row):
    """A TLB write by the guest itself, outside its refill handlers.

    Writing an unmapped address is how MIPS kernels clear an entry: the one probed for, else the one named.  Writing
    a mapped pair to an entry that is not wired refreshes what the TLB holds already.
    """
    pair, index = tlb.pair_of(row.page), np.uint64(row.info & ~TLB_RANDOM)
    probed = m.probed[at.vcpu]
    m.probed[at.vcpu] = 0
    mapped = pair != 0 and m.segment[np.uint64(row.page)] == Segment.MAPPED
    if row.info & TLB_RANDOM:
        if mapped:
            tlb.insert(m.tlb, at, pair)
    elif not mapped:
        if probed != 0:
            tlb.drop(m.tlb, at.vcpu, probed)
        elif index < m.tlb.entries:
            tlb.drop_index(m.tlb, at.vcpu, index)
    elif index < m.tlb.wired:
        tlb.place(m.tlb, at, pair, index)


bind(Native, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "utlb_refill": price("exception_entry"),
    "nested_refill": price("exception_entry"),
    "refill_instruction": price("cpi"),
    "device_access": price("uncached_access"),
    "interrupt": price("exception_entry"),
    "fault": price("exception_entry"),
    "system_call": price("exception_entry"),
    "other_exception": price("exception_entry"),
    "privileged": price("cp0_access"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="native",
    summary="the bare machine: software-refilled TLB, no monitor",
    aliases=("bare",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    needs=("access", "translation", "crossing"),
    fidelity={"mips64": "faithful"},
    machine={"mips64": "flash-1997"},
)


def recorded_refills(prepared: Prepared) -> dict[str, int]:
    """Refills that the recording machine took; native with its TLB's geometry and seed counts the same."""
    columns = prepared.columns
    causes = columns.info[columns.kind == Kind.EXCEPTION] & CAUSE_MASK
    return {
        "utlb_refill": int(np.count_nonzero(causes == Cause.REFILL)),
        "nested_refill": int(np.count_nonzero(causes == Cause.NESTED_REFILL)),
    }
