"""The bare machine: the guest runs on hardware that refills its TLB in software.

Mechanism     The guest kernel handles its own TLB misses.  A reference that the TLB does not hold enters the refill
              vector.  The handler loads the two entries of the page pair from a linear page table that itself lies
              in mapped memory; if the TLB does not hold that table page either, the handler is cut off by a second
              exception, a nested handler maps the table page, and the instruction starts again from its beginning.
              Recorded refills belong to the recording machine's TLB and are skipped; the model's TLB, of any
              geometry, takes its own.  Everything else runs directly.
Not modelled  Faults on a stale TLB copy (recorded ones are skipped, none are added): a probe that found nothing when
              recorded leaves the model's TLB as it is, since the kernel would have refreshed an entry that it found.
              The fetch of an instruction restarted after a refill is looked up at its next fetch row.  Waits for the
              timer are the recording's.
Also called   bare hardware, physical machine (Goldberg 1974).
References    MIPS R10000 User's Manual, chapter on memory management; Bugnion et al., SOSP 1997, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.columns import rows_of
from replay.cpu import reentry
from replay.hw import tlb
from replay.hw.tlb import Tlb
from replay.jit import inline, likely
from replay.kernel import INVOCATIONS, add, bind, in_refill, tick
from replay.memory import hooks
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.trace.schema import CAUSE_MASK, TLB_HELD, TLB_INDEX, TLB_RANDOM, Cause, Kind, Segment, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = tlb.PARAMETERS

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    "TLB refill by the guest": {
        "utlb_refill": "entries to the refill vector, those cut off by a nested refill included",
        "nested_refill": "refills of a page of the page table itself, inside the refill handler",
        "refill_instruction": "instructions that the refill handlers retire",
    },
    "exceptions": {
        "interrupt": "interrupts taken",
        "fault": "page faults taken: not present, soft reference and dirty, copy-on-write, protection",
        "system_call": "system calls",
        "other_exception": "exceptions of other causes",
    },
    "privileged instructions": {"privileged": "privileged and sensitive instructions, outside refill handlers"},
    "device access": {"device_access": "loads and stores to device registers, and accesses through ports"},
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

PRIVILEGED = tuple(s for s in model.X86_PRIVILEGED if s not in model.PORT_INSTRUCTIONS)

REACTIONS = (
    Row((Access.HIT, Access.UNMAPPED), Reaction.DIRECT),
    Row((Access.MISS,), Reaction.DIRECT, may=("utlb_refill", "nested_refill", "refill_instruction")),
    Row((Access.DEVICE,), Reaction.DIRECT, may=("device_access",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED),
    Row(model.INTERRUPTS, Reaction.DIRECT, "interrupt"),
    Row(model.FAULTS, Reaction.DIRECT, "fault"),
    Row(model.SYSTEM_CALLS, Reaction.DIRECT, "system_call"),
    Row(model.OTHER_CAUSES, Reaction.DIRECT, "other_exception"),
    Row((Kind.RETURN,), Reaction.DIRECT),
    Row((*model.MIPS_PRIVILEGED, *PRIVILEGED, *model.X86_UNPRIVILEGED), Reaction.DIRECT, "privileged"),
    Row(model.PORT_INSTRUCTIONS, Reaction.DIRECT),
    Row((Kind.TLB_WRITE, Kind.TLB_PROBE, *model.INVALIDATIONS), Reaction.DIRECT),
    Row((*model.TABLE_CHANGES, *model.SPACES), Reaction.DIRECT),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.PORT,), Reaction.DIRECT, "device_access"),
    Row(model.DEVICES, Reaction.DIRECT),
    Row((*model.SERVICES, *model.THREADS, Kind.IPI_SEND, *model.CONTENT, *model.MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

DEVICE = int(Segment.DEVICE)
ONE = np.uint64(1)
UTLB_REFILLS, NESTED_REFILLS = counter(EVENTS, "utlb_refill"), counter(EVENTS, "nested_refill")
REFILL_INSTRUCTIONS = counter(EVENTS, "refill_instruction")
DEVICE_ACCESSES, IDLE_UNITS = counter(EVENTS, "device_access"), counter(EVENTS, "idle")


class Native(NamedTuple):
    """The guest's TLB and what its refill handlers do."""

    counts: np.ndarray
    tlb: Tlb
    table: np.ndarray  # u32 by pair: the pair of the table page that holds its entries
    segment: np.ndarray  # u8 by page id
    space: np.ndarray  # u32 by page id
    probed: np.ndarray  # u64[vcpus]: pair that the last TLB probe found, 0 for none
    base: np.ndarray  # u32[vcpus]: space that is current
    handler: np.ndarray  # i64[3]: instructions of a full, an aborted and a nested run
    lines: np.ndarray  # u64[3]: lines that they fetch
    code: np.ndarray  # u32[2 * vcpus]: page ids of the refill handler's and the nested handler's code


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> Native:
    """A machine with an empty TLB, before the first row."""
    meta, pages = prepared.meta, prepared.pages
    refill = reentry.template(meta)
    bypass = (Segment.UNMAPPED, Segment.UNCACHED)
    return Native(
        counts=counts,
        tlb=tlb.make_tlb(meta.vcpus, pages.segment, settings, bypass),
        table=pages.table,
        segment=pages.segment,
        space=pages.space,
        probed=np.zeros(meta.vcpus, np.uint64),
        base=np.zeros(meta.vcpus, np.uint32),
        handler=np.array([run.instructions for run in reentry.runs(refill)], np.int64),
        lines=reentry.lines(refill),
        code=reentry.first_code(prepared),
    )


@inline
def reference(m, at, ref):
    """A reference that the TLB holds costs nothing more; device registers are never in it."""
    pair = tlb.pair_of(ref.page)
    if not likely(tlb.hit(m.tlb, at, pair)):
        if m.segment[np.uint64(ref.page)] == DEVICE:
            tick(m.counts, at, DEVICE_ACCESSES)
        else:
            restart(m, at, pair)


@inline
def restart(m, at, pair):
    """Refill until the instruction gets past its miss; where the recorder missed too, its restart is in the trace."""
    while m.tlb.slot[at.lane + pair] == tlb.ABSENT:
        refill(m, in_refill(at), pair)
        if at.recorded_refill:
            break


@inline
def refill(m, at, pair):
    """One entry to the refill vector: it maps ``pair``, or is cut off and maps the table page instead."""
    tick(m.counts, at, INVOCATIONS)
    tick(m.counts, at, UTLB_REFILLS)
    table = np.uint64(m.table[pair])
    if table == 0 or tlb.touch(m.tlb, at, table):
        add(m.counts, at, REFILL_INSTRUCTIONS, m.handler[reentry.FULL])
        hooks.run_handler(at.memory, at, m.code[at.vcpu << ONE], m.lines[reentry.FULL], pair << ONE)
        mapped = pair
    else:
        tick(m.counts, at, NESTED_REFILLS)
        hooks.run_handler(at.memory, at, m.code[at.vcpu << ONE], m.lines[reentry.ABORTED], reentry.NO_PAGE)
        hooks.run_handler(at.memory, at, m.code[(at.vcpu << ONE) + ONE], m.lines[reentry.NESTED], reentry.NO_PAGE)
        add(m.counts, at, REFILL_INSTRUCTIONS, m.handler[reentry.ABORTED] + m.handler[reentry.NESTED])
        mapped = table
    tlb.insert(m.tlb, at, mapped)


@inline
def happen(m, at, row):
    """Events that the TLB takes part in; the reaction table counts the others."""
    if row.kind == Kind.TLB_WRITE:
        write_entry(m, at, row)
    elif row.kind == Kind.TLB_PROBE:
        m.probed[at.vcpu] = tlb.pair_of(row.page) if row.info != 0 else np.uint64(0)
    elif row.kind == Kind.INVALIDATE_PAGE:
        tlb.drop(m.tlb, at.vcpu, tlb.pair_of(row.page))
    elif row.kind == Kind.INVALIDATE_SPACE:
        tlb.flush_space(m.tlb, at.vcpu, m.space, row.page)
    elif row.kind == Kind.BASE_SWITCH:
        if tlb.set_base(m.base, at.vcpu, row.page):
            tlb.flush_space(m.tlb, at.vcpu, m.space, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        tlb.flush(m.tlb, at.vcpu)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))


@inline
def write_entry(m, at, row):
    """A TLB write by the guest itself, outside its refill handlers.

    Writing an unmapped address is how MIPS kernels clear an entry: the one probed for, else the one named.  Writing
    a mapped pair to an entry that is not wired refreshes what the TLB holds already.
    """
    pair, index = tlb.pair_of(row.page), np.uint64(row.info & TLB_INDEX)
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
    elif index < m.tlb.wired or (row.info & TLB_HELD and index < m.tlb.entries):
        tlb.place(m.tlb, at, pair, index)


bind(Native, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
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
    aliases=("native-refill",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    needs=("access", "translation", "crossing"),
    fidelity={"mips64": "faithful", "x86-64": "hypothetical"},
    machine={"mips64": "flash-1997", "x86-64": "flash-1997"},
    rules={
        "x86-64": (
            *reentry.RULES,
            "a privileged instruction costs what one of coprocessor 0 does",
            "an access through a port counts as one to a device register",
        )
    },
)


def recorded_refills(prepared: Prepared) -> dict[str, int]:
    """Refills that the recording machine took; native with its TLB's geometry and seed counts the same."""
    columns = prepared.columns
    causes = columns.info[rows_of(columns.kind, (Kind.EXCEPTION,))] & CAUSE_MASK
    return {
        "utlb_refill": int(np.count_nonzero(causes == Cause.REFILL)),
        "nested_refill": int(np.count_nonzero(causes == Cause.NESTED_REFILL)),
    }
