"""Agile paging: the upper levels of the guest's page tables are shadowed, the lower ones nested.

Mechanism     A walk begins in shadow tables and switches to the guest's own, walked in two dimensions, for the last
              ``agile.switch_level`` levels (``replay.mmu.agile``).  The shadow follows the upper levels as shadow
              paging does: the first walk that comes to what lies below a missing entry is a hidden fault, a store to
              an upper table that is in use exits and is emulated, and so does a write of CR3.  What changes often, the
              leaf tables, is the guest's: its stores there, its page faults and its INVLPG do not exit.  The rest is
              that of nested paging: a frame that the nested tables lack exits at its first touch; ports, device
              registers, waits, external interrupts, CR0 and CR4, and model-specific registers exit.
Not modelled  Choosing the switch level by how often each table changes: it is the same everywhere, and all its life.
              The paper's hardware for CR3 writes without an exit.  Entries of 2 MB are nested at any switch level.
              Exits for an interrupt window, for CPUID, and those of the monitor's own timer.  Waits for the timer are
              the recording's.
Also called   hybrid of shadow and nested paging.  None nested is the model ``shadow``; with all and the root, ``ept``.
References    Gandhi, Hill, Swift, "Agile paging: exceeding the best of nested and shadow paging", ISCA 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.cpu import exits
from replay.hw import paging
from replay.io import emulation
from replay.jit import helper, inline
from replay.kernel import add, bind, tick
from replay.mmu import agile, shadow, shadow_sync
from replay.mmu.agile import Agile
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.trace.schema import CAUSE_MASK, Cause, Kind, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = agile.PARAMETERS

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **shadow.EVENTS,
    "two-dimensional walk": {
        "nested_walk_reference": "entries of the nested page tables that walks read",
        "nested_tlb_hit": "frames that the nested TLB translates in a walk",
    },
    "nested page tables": {"ept_violation": "frames, or 2 MB of them, that the monitor maps at their first touch"},
    "page-table exits": {"cr3_exit": "writes of the page-table base"},
    **exits.EVENTS,
    **emulation.EVENTS,
    "exceptions": {
        "fault": "page faults taken: not present, soft reference and dirty, copy-on-write, protection",
        "system_call": "system calls, which do not exit",
        "other_exception": "exceptions of other causes, which do not exit",
        "exception_return": "returns from exceptions, those of the system-call instruction left out",
    },
    "privileged instructions": {
        "privileged": "privileged instructions that do not exit",
        "invalidation": "instructions that invalidate a translation",
    },
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

NESTED = ("nested_walk_reference", "nested_tlb_hit", "ept_violation")
LOOKUP = (*shadow.HIDDEN, *NESTED)
FOLLOWS = ("shadow_update", "entry_compared")
WAITS = (Sensitive.HLT, Sensitive.WAIT)
REGISTERS = (Sensitive.MOV_DR, Sensitive.LMSW)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
RETURNS = (Sensitive.IRET, Sensitive.ERET)
BY_REGISTER = (Sensitive.MOV_TO_CR, Sensitive.RDMSR, Sensitive.WRMSR, Sensitive.MTC0)
APART = (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS, *INVALIDATING, *RETURNS, *BY_REGISTER, Sensitive.SYSRET)
PRIVILEGED = tuple(s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED) if s not in APART)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT, may=LOOKUP),
    Row((Access.MISS, Access.UNMAPPED), Reaction.HARDWARE, may=LOOKUP),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("mmio_exit",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=LOOKUP),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt_exit", may=LOOKUP),
    Row(model.FAULTS, Reaction.DIRECT, "fault", may=LOOKUP),
    Row(model.SYSTEM_CALLS, Reaction.DIRECT, "system_call", may=LOOKUP),
    Row(model.OTHER_CAUSES, Reaction.DIRECT, "other_exception", may=LOOKUP),
    Row((Kind.RETURN, Sensitive.SYSRET), Reaction.DIRECT),
    Row(RETURNS, Reaction.DIRECT, "exception_return"),
    Row(PRIVILEGED, Reaction.DIRECT, "privileged"),
    Row(model.X86_UNPRIVILEGED, Reaction.DIRECT),
    Row((Sensitive.MOV_TO_CR,), Reaction.TRAPPED, may=("cr_exit", "privileged")),
    Row((Sensitive.RDMSR, Sensitive.WRMSR, Sensitive.MTC0), Reaction.TRAPPED, may=("msr_exit", "privileged")),
    Row(REGISTERS, Reaction.TRAPPED, "cr_exit"),
    Row(INVALIDATING, Reaction.DIRECT, "invalidation"),
    Row(model.PORT_INSTRUCTIONS, Reaction.TRAPPED, "io_exit"),
    Row(WAITS, Reaction.TRAPPED, "halt_exit"),
    Row((Kind.BASE_SWITCH,), Reaction.TRAPPED, "cr3_exit", may=("space_discarded", *FOLLOWS)),
    Row((Kind.TLB_WRITE, Kind.TLB_PROBE), Reaction.REPLACED),
    Row(model.INVALIDATIONS, Reaction.DIRECT),
    Row((Kind.ENTRY,), Reaction.TRAPPED, may=("traced_store", "unsync_store")),
    Row((Kind.TABLE_ALLOC, Kind.TABLE_FREE, Kind.TABLE_LINK, Kind.TABLE_UNLINK), Reaction.DIRECT),
    Row((Kind.SPACE_CREATE, Kind.SPACE_DESTROY), Reaction.DIRECT),
    Row((Kind.IPI_SEND,), Reaction.TRAPPED, "ipi_posted"),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    *emulation.ROWS,
    Row((Kind.PORT,), Reaction.DIRECT),
    Row((*model.SERVICES, *model.THREADS, *model.CONTENT, *model.MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

INTERRUPT = int(Cause.INTERRUPT)
FIRST, STLB_HITS, PAGE_WALKS = (counter(EVENTS, name) for name in ("hidden_fault", "stlb_hit", "page_walk"))
WALK_REFERENCES, NESTED_REFERENCES = counter(EVENTS, "walk_reference"), counter(EVENTS, "nested_walk_reference")
NESTED_TLB_HITS, EPT_VIOLATIONS = counter(EVENTS, "nested_tlb_hit"), counter(EVENTS, "ept_violation")
MMIO_EXITS, IDLE_UNITS = counter(EVENTS, "mmio_exit"), counter(EVENTS, "idle")
CR_EXITS = {Sensitive.MOV_TO_CR: (exits.CR0, exits.CR4)}
PACKET_BYTES = counter(EVENTS, "packet_byte")


class AgilePaging(NamedTuple):
    """The hardware and the monitor of one VM."""

    counts: np.ndarray
    mmu: Agile
    site_tick: np.ndarray  # u8 by site: counter of an instruction whose register decides
    exits: np.ndarray  # u8 by site: 1 for an instruction that exits


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> AgilePaging:
    """A VM that has not run yet: shadow tables, nested tables and TLBs are empty."""
    sites = prepared.sites
    always = exits.of_classes(sites, (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS))
    kept = exits.naming(sites, CR_EXITS), exits.model_specific(sites, apic_virtual=False)
    return AgilePaging(
        counts=counts,
        mmu=agile.make_agile(prepared, settings, counts, FIRST),
        site_tick=exits.site_ticks(sites, MODEL, BY_REGISTER, *kept),
        exits=(always | kept[0] | kept[1]).astype(np.uint8),
    )


@inline
def reference(m, at, ref):
    """A reference that the TLB holds runs directly."""
    if paging.faulted(at):
        fault(m, at, ref)
    elif not paging.hit(m.mmu.upper.paging, at, ref):
        miss(m, at, ref)


@helper
def miss(m, at, ref):
    """The second-level TLB serves it, or a walk that switches does; device registers exit."""
    if paging.is_device(m.mmu.upper.paging, ref):
        tick(m.counts, at, MMIO_EXITS)
        shadow.enter(m.mmu.upper, at.vcpu)
    elif paging.second(m.mmu.upper.paging, at, ref):
        tick(m.counts, at, STLB_HITS)
    else:
        walk(m, at, ref)
        paging.fill(m.mmu.upper.paging, at, ref)


@helper
def fault(m, at, ref):
    """A walk finds out that the access may not be made; the fault is the guest's own business."""
    walk(m, at, ref)
    paging.drop_fault(m.mmu.upper.paging, at, ref)


@helper
def walk(m, at, ref):
    """Walk, after a hidden fault where the shadow ends too soon; what the nested tables lack is mapped."""
    if agile.lacks(m.mmu, ref.page):
        shadow.serve_hidden(m.mmu.upper, at, np.uint64(ref.page), False)
    done = agile.walk(m.mmu, at, ref.page)
    tick(m.counts, at, PAGE_WALKS)
    add(m.counts, at, WALK_REFERENCES, done.references)
    add(m.counts, at, NESTED_REFERENCES, done.nested)
    add(m.counts, at, NESTED_TLB_HITS, done.hits)
    if done.violations != 0:
        add(m.counts, at, EPT_VIOLATIONS, done.violations)
        shadow.enter(m.mmu.upper, at.vcpu)


@inline
def happen(m, at, row):
    """Events that the page tables and TLBs take part in, and exits; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        tick(m.counts, at, m.site_tick[np.uint64(row.page)])
        if m.exits[np.uint64(row.page)] != 0:
            shadow.enter(m.mmu.upper, at.vcpu)
    elif row.kind == Kind.EXCEPTION:
        if row.info & CAUSE_MASK == INTERRUPT:
            shadow.enter(m.mmu.upper, at.vcpu)
    elif row.kind == Kind.TLB_PROBE:
        shadow_sync.invalidate_pair(m.mmu.upper, at, row.page)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    elif emulation.is_packet(row):
        emulation.copy(m.counts, at, PACKET_BYTES, row)
    else:
        if row.kind == Kind.BASE_SWITCH:
            shadow.enter(m.mmu.upper, at.vcpu)
        agile.follow(m.mmu, at, row)


bind(AgilePaging, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

EXIT = price("vm_exit") + 10 * price("vmcs_access")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "hidden_fault": EXIT + price("shadow_fill"),
    "dirty_fault": EXIT + price("shadow_fill"),
    "guest_walk_reference": price("guest_walk_reference"),
    "shadow_prefetch": price("shadow_prefetch"),
    "traced_store": EXIT + price("trace_write"),
    "shadow_update": price("shadow_fill"),
    "unsync_store": EXIT + price("table_unprotect"),
    "entry_compared": price("entry_compare"),
    "space_discarded": price("space_discard"),
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "nested_walk_reference": price("walk_reference"),
    "nested_tlb_hit": FREE,
    "ept_violation": EXIT + price("nested_fill"),
    "cr3_exit": EXIT + price("cr3_switch_emulation"),
    **exits.costs(EXIT),
    **emulation.COSTS,
    "fault": price("exception_entry"),
    "system_call": price("system_call"),
    "other_exception": price("exception_entry"),
    "exception_return": price("exception_return"),
    "privileged": price("privileged"),
    "invalidation": price("invlpg"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="agile",
    summary="agile paging: shadow tables above a switch level, nested ones below (Gandhi et al., ISCA 2016)",
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing"),
    fidelity={"x86-64": "faithful", "mips64": "hypothetical"},
    machine={"x86-64": "sandybridge-2011", "mips64": "sandybridge-2011"},
    baseline="native-walk",
    rules={"mips64": paging.MIPS_RULES},
)
