"""Extended page tables: VT-x of the second generation, the hardware translates guest-physical addresses itself.

Mechanism     The guest's kernel runs in its own ring 0 and keeps its page tables to itself: its writes of CR3, its
              INVLPG and its page faults do not exit.  A TLB miss walks in two dimensions (``replay.mmu.nested``): each
              entry of the guest's tables lies in a frame that the nested tables translate.  The first walk that comes
              to a frame which they lack exits by an EPT violation; the monitor maps it, in pages of ``nested.page``.
              Ports, device registers, waits, external interrupts, writes of CR0 and CR4, debug registers, and
              model-specific registers that the monitor does not pass through exit.  With ``apic.virtual`` the end of
              an interrupt does not.  TLB entries keep their virtual machine (``tlb.vm_tagged``); without tags an exit
              empties the TLB.
Not modelled  References that a walk made before a violation cut it off: the walk that is repeated counts.  Accessed and
              dirty bits of the nested tables.  Exits for an interrupt window, for CPUID, and those of the monitor's own
              timer.  What an exit evicts from the caches.  Waits for the timer are the recording's.
Also called   EPT; hardware MMU, nested paging, two-dimensional paging, second-level address translation.
References    Bhargava, Serebrin, Spadini, Manne, "Accelerating two-dimensional page walks for virtualized systems",
              ASPLOS 2008; Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter 28.
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
from replay.mmu import nested
from replay.mmu.nested import Nested
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.records import Parameter
from replay.split import split
from replay.trace.schema import CAUSE_MASK, Cause, Kind, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = (
    *nested.PARAMETERS,
    Parameter("apic.virtual", 1, "count", 0, 1, "assumed", "1: the end of an interrupt does not exit (APICv)"),
)

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    "TLB": {"stlb_hit": "first-level TLB misses that the second-level TLB serves"},
    "two-dimensional walk": {
        "page_walk": "walks of the page tables by the hardware",
        "walk_reference": "entries of the guest's page tables that walks read",
        "nested_walk_reference": "entries of the nested page tables that walks read",
        "nested_tlb_hit": "frames that the nested TLB translates in a walk",
    },
    "nested page tables": {"ept_violation": "frames, or 2 MB of them, that the monitor maps at their first touch"},
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
        "base_switch": "switches to a page table",
        "invalidation": "instructions that invalidate a translation",
    },
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

WALK = ("page_walk", "walk_reference", "nested_walk_reference", "nested_tlb_hit", "ept_violation")
LOOKUP = ("stlb_hit", *WALK)
WAITS = (Sensitive.HLT, Sensitive.WAIT)
REGISTERS = (Sensitive.MOV_DR, Sensitive.LMSW)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
RETURNS = (Sensitive.IRET, Sensitive.ERET)
BY_REGISTER = (Sensitive.MOV_TO_CR, Sensitive.RDMSR, Sensitive.WRMSR, Sensitive.MTC0)
APART = (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS, *INVALIDATING, *RETURNS, *BY_REGISTER, Sensitive.SYSRET)
PRIVILEGED = tuple(s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED) if s not in APART)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT),
    Row((Access.MISS, Access.UNMAPPED), Reaction.HARDWARE, may=LOOKUP),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("mmio_exit",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=LOOKUP),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt_exit", may=LOOKUP),
    Row(model.FAULTS, Reaction.DIRECT, "fault", may=WALK),
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
    Row((Kind.BASE_SWITCH,), Reaction.DIRECT, "base_switch"),
    Row((Kind.TLB_WRITE, Kind.TLB_PROBE), Reaction.REPLACED),
    Row((*model.INVALIDATIONS, *model.TABLE_CHANGES), Reaction.DIRECT),
    Row((Kind.SPACE_CREATE, Kind.SPACE_DESTROY), Reaction.DIRECT),
    Row((Kind.IPI_SEND,), Reaction.TRAPPED, "ipi_posted"),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    *emulation.ROWS,
    Row((Kind.PORT,), Reaction.DIRECT),
    Row((*model.SERVICES, *model.THREADS, *model.CONTENT, *model.MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

INTERRUPT = int(Cause.INTERRUPT)
STLB_HITS, PAGE_WALKS = counter(EVENTS, "stlb_hit"), counter(EVENTS, "page_walk")
WALK_REFERENCES, NESTED_WALK_REFERENCES = (
    counter(EVENTS, "walk_reference"),
    counter(EVENTS, "nested_walk_reference"),
)
NESTED_TLB_HITS, EPT_VIOLATIONS = counter(EVENTS, "nested_tlb_hit"), counter(EVENTS, "ept_violation")
MMIO_EXITS, IDLE_UNITS = counter(EVENTS, "mmio_exit"), counter(EVENTS, "idle")
CR_EXITS = {Sensitive.MOV_TO_CR: (exits.CR0, exits.CR4)}
PACKET_BYTES = counter(EVENTS, "packet_byte")


class Ept(NamedTuple):
    """The hardware and the monitor of one VM."""

    counts: np.ndarray
    mmu: Nested
    site_tick: np.ndarray  # u8 by site: counter of an instruction whose register decides
    exits: np.ndarray  # u8 by site: 1 for an instruction that exits


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> Ept:
    """A VM that has not run yet: nested tables and TLBs are empty."""
    sites = prepared.sites
    always = exits.of_classes(sites, (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS))
    kept = exits.naming(sites, CR_EXITS), exits.model_specific(sites, apic_virtual=bool(settings["apic.virtual"]))
    return Ept(
        counts=counts,
        mmu=nested.make_nested(prepared, settings),
        site_tick=exits.site_ticks(sites, MODEL, BY_REGISTER, *kept),
        exits=(always | kept[0] | kept[1]).astype(np.uint8),
    )


@inline
def reference(m, at, ref):
    """A reference that the TLB holds runs directly."""
    if lacks(m, at, ref):
        beyond(m, at, ref)


@inline
def lacks(m, at, ref):
    """Whether the first-level TLB does not hold what is referred to, or a fault cut it off."""
    return paging.faulted(at) or not paging.hit(m.mmu.paging, at, ref)


@inline
def beyond(m, at, ref):
    """What the first-level TLB lacks faults, or is a miss."""
    if paging.faulted(at):
        fault(m, at, ref)
    else:
        miss(m, at, ref)


@inline
def miss(m, at, ref):
    """The second-level TLB serves it, or a walk in two dimensions does; device registers exit."""
    if paging.is_device(m.mmu.paging, ref):
        tick(m.counts, at, MMIO_EXITS)
        nested.leave(m.mmu, at.vcpu)
    elif paging.second(m.mmu.paging, at, ref):
        tick(m.counts, at, STLB_HITS)
    else:
        walk(m, at, ref)
        paging.fill(m.mmu.paging, at, ref)


@inline
def fault(m, at, ref):
    """A walk finds out that the access may not be made; the fault is the guest's own business."""
    walk(m, at, ref)
    paging.drop_fault(m.mmu.paging, at, ref)


@helper
def walk(m, at, ref):
    """Walk in two dimensions; what the nested tables lack is mapped."""
    done = nested.walk(m.mmu, at, ref.page)
    tick(m.counts, at, PAGE_WALKS)
    add(m.counts, at, WALK_REFERENCES, done.references)
    add(m.counts, at, NESTED_WALK_REFERENCES, done.nested)
    add(m.counts, at, NESTED_TLB_HITS, done.hits)
    if done.violations != 0:
        add(m.counts, at, EPT_VIOLATIONS, done.violations)
        nested.leave(m.mmu, at.vcpu)


@inline
def happen(m, at, row):
    """Events that the TLBs take part in, and exits; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        tick(m.counts, at, m.site_tick[np.uint64(row.page)])
        if m.exits[np.uint64(row.page)] != 0:
            nested.leave(m.mmu, at.vcpu)
    elif row.kind == Kind.EXCEPTION:
        if row.info & CAUSE_MASK == INTERRUPT:
            nested.leave(m.mmu, at.vcpu)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    elif emulation.is_packet(row):
        emulation.copy(m.counts, at, PACKET_BYTES, row)
    else:
        nested.follow(m.mmu, at.vcpu, row)


bind(Ept, access=reference, event=happen)
SPLIT = split(
    Ept,
    lacks=lacks,
    beyond=beyond,
    event=happen,
    parameters=nested.BEHIND,
    counters=LOOKUP,
    hits="stlb_hit",
    follows=nested.FOLLOWED,
    holds=lambda settings: settings["tlb.vm_tagged"] == 1,  # else an exit, which a walk may make, empties the TLB
)
Noting, Behind = SPLIT[:2]

# -- costs ------------------------------------------------------------------------------------------------------------

EXIT = price("vm_exit") + 10 * price("vmcs_access")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "nested_walk_reference": price("walk_reference"),
    "nested_tlb_hit": FREE,
    "ept_violation": EXIT + price("nested_fill"),
    **exits.costs(EXIT),
    **emulation.COSTS,
    "fault": price("exception_entry"),
    "system_call": price("system_call"),
    "other_exception": price("exception_entry"),
    "exception_return": price("exception_return"),
    "privileged": price("privileged"),
    "base_switch": price("cr3_switch"),
    "invalidation": price("invlpg"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="ept",
    summary="extended page tables: the hardware walks in two dimensions (VT-x of the second generation)",
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    split=SPLIT,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing"),
    fidelity={"x86-64": "faithful", "mips64": "hypothetical"},
    machine={"x86-64": "skylake-2017", "mips64": "skylake-2017"},
    baseline="native-walk",
    rules={"mips64": paging.MIPS_RULES},
)
