"""Shadow paging on the first virtualization hardware: VT-x without nested page tables.

Mechanism     The guest's kernel runs in its own ring 0, below the monitor.  Instructions that the processor gives to
              the monitor, external interrupts and every page fault *exit*: the hardware saves the guest and enters the
              monitor, which reads what happened (some ten accesses to the virtual machine's control structure), acts,
              and enters the guest again.  System calls, other exceptions, returns, and the interrupt flag do not exit.
              The hardware walks shadow page tables (``replay.mmu.shadow`` says what each ``shadow.policy`` does), so
              the guest's writes of CR3, its INVLPG, its stores to traced tables and its page faults exit: a *true*
              fault is the guest's and is injected, a *hidden* one is the monitor's alone.  Without tags
              (``tlb.vm_tagged``, a VPID) each exit empties the TLB.  Ports and device registers are emulated.
Not modelled  Shadow entries of 2 MB.  A shadow table that is missing ends a walk early; here every walk is whole.
              Exits for an interrupt window, for CPUID, and those of the monitor's own timer.  Finding out that the
              guest gave a table back, which the monitor knows here.  Injection that meets a page which has no shadow
              entry.  What an exit evicts from the caches.  Waits for the timer are the recording's.
Also called   software MMU; VM exit, world switch; hidden fault (also: shadow fault), true fault (also: guest fault).
References    Adams and Agesen, "A comparison of software and hardware techniques for x86 virtualization", ASPLOS 2006,
              sections 4.1 to 4.3 and 6; Neiger et al., Intel Technology Journal 10(3), 2006.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.cpu import exits
from replay.hw import paging
from replay.io import emulation
from replay.jit import inline
from replay.kernel import add, bind, tick
from replay.mmu import shadow, shadow_sync
from replay.mmu.shadow import Shadow
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.trace.schema import CAUSE_MASK, Cause, Kind, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = (*paging.PARAMETERS, paging.VM_TAG, *shadow.PARAMETERS)

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **shadow.EVENTS,
    "page-table exits": {
        "true_fault": "page faults of the guest's own, injected",
        "cr3_exit": "writes of the page-table base",
        "invlpg_exit": "invalidations of a translation",
    },
    **exits.EVENTS,
    **emulation.EVENTS,
    "exceptions": {
        "system_call": "system calls, which do not exit",
        "other_exception": "exceptions of other causes, which do not exit",
        "exception_return": "returns from exceptions, those of the system-call instruction left out",
    },
    "privileged instructions": {"privileged": "privileged instructions that do not exit"},
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

FOLLOWS = ("shadow_update", "entry_compared")
WAITS = (Sensitive.HLT, Sensitive.WAIT)
REGISTERS = (Sensitive.MOV_DR, Sensitive.LMSW, Sensitive.CLTS)
MSRS = (Sensitive.RDMSR, Sensitive.WRMSR)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
BY_REGISTER = (Sensitive.MOV_TO_CR, Sensitive.MOV_FROM_CR, Sensitive.MTC0)
APART = (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS, *MSRS, *INVALIDATING, *BY_REGISTER)
RETURNS = (Sensitive.IRET, Sensitive.ERET)
PRIVILEGED = tuple(
    s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED) if s not in (*APART, *RETURNS, Sensitive.SYSRET)
)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT, may=shadow.HIDDEN),
    Row((Access.MISS, Access.UNMAPPED), Reaction.DIRECT, may=shadow.HIDDEN),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("mmio_exit",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=shadow.HIDDEN),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt_exit", may=shadow.HIDDEN),
    Row(model.FAULTS, Reaction.TRAPPED, "true_fault", may=shadow.FAULT),
    Row(model.SYSTEM_CALLS, Reaction.DIRECT, "system_call", may=shadow.HIDDEN),
    Row(model.OTHER_CAUSES, Reaction.DIRECT, "other_exception", may=shadow.HIDDEN),
    Row((Kind.RETURN, Sensitive.SYSRET), Reaction.DIRECT),
    Row(RETURNS, Reaction.DIRECT, "exception_return"),
    Row(PRIVILEGED, Reaction.DIRECT, "privileged"),
    Row(model.X86_UNPRIVILEGED, Reaction.DIRECT),
    Row((Sensitive.MOV_TO_CR, Sensitive.MOV_FROM_CR), Reaction.TRAPPED, may=("cr_exit", "privileged")),
    Row((Sensitive.MTC0,), Reaction.TRAPPED, may=("msr_exit", "privileged")),
    Row(REGISTERS, Reaction.TRAPPED, "cr_exit"),
    Row(MSRS, Reaction.TRAPPED, "msr_exit"),
    Row(INVALIDATING, Reaction.TRAPPED, "invlpg_exit"),
    Row(model.PORT_INSTRUCTIONS, Reaction.TRAPPED, "io_exit"),
    Row(WAITS, Reaction.TRAPPED, "halt_exit"),
    Row((Kind.BASE_SWITCH,), Reaction.TRAPPED, "cr3_exit", may=("space_discarded", *FOLLOWS)),
    Row(model.INVALIDATIONS, Reaction.TRAPPED, may=FOLLOWS),
    Row((Kind.TLB_PROBE,), Reaction.REPLACED, may=("invlpg_exit", *FOLLOWS)),
    Row((Kind.TLB_WRITE,), Reaction.REPLACED),
    Row((Kind.ENTRY,), Reaction.TRAPPED, may=("traced_store", "unsync_store", "shadow_update")),
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
MMIO_EXITS, INVLPG_EXITS = counter(EVENTS, "mmio_exit"), counter(EVENTS, "invlpg_exit")
IDLE_UNITS, FIRST = counter(EVENTS, "idle"), counter(EVENTS, "hidden_fault")
CR_EXITS = {Sensitive.MOV_TO_CR: (exits.CR0, exits.CR4), Sensitive.MOV_FROM_CR: (exits.CR3,)}
MSR_EXITS = {Sensitive.MTC0: (exits.MIPS_COMPARE,)}
PACKET_BYTES = counter(EVENTS, "packet_byte")


class ShadowPaging(NamedTuple):
    """The monitor of one VM on hardware that walks its shadow tables."""

    counts: np.ndarray
    mmu: Shadow
    site_tick: np.ndarray  # u8 by site: counter of an instruction whose register decides
    exits: np.ndarray  # u8 by site: 1 for an instruction that exits


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> ShadowPaging:
    """A VM that has not run yet: shadow tables and TLB are empty."""
    sites = prepared.sites
    always = exits.of_classes(sites, (*model.PORT_INSTRUCTIONS, *WAITS, *REGISTERS, *MSRS, *INVALIDATING))
    kept = exits.naming(sites, CR_EXITS), exits.naming(sites, MSR_EXITS)
    return ShadowPaging(
        counts=counts,
        mmu=shadow.make_shadow(prepared, settings, counts, FIRST, flush_on_entry=not settings["tlb.vm_tagged"]),
        site_tick=exits.site_ticks(sites, MODEL, BY_REGISTER, *kept),
        exits=(always | kept[0] | kept[1]).astype(np.uint8),
    )


@inline
def reference(m, at, ref):
    """A reference that the TLB holds with the right it needs runs directly; device registers exit."""
    if paging.faulted(at):
        shadow_sync.fault(m.mmu, at, ref)
    elif not shadow.hit(m.mmu, at, ref):
        if paging.is_device(m.mmu.paging, ref):
            tick(m.counts, at, MMIO_EXITS)
            shadow.enter(m.mmu, at.vcpu)
        else:
            shadow.miss(m.mmu, at, ref)


@inline
def happen(m, at, row):
    """Events that the monitor's structures take part in; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        tick(m.counts, at, m.site_tick[np.uint64(row.page)])
        if m.exits[np.uint64(row.page)] != 0:
            shadow.enter(m.mmu, at.vcpu)
    elif row.kind == Kind.EXCEPTION:
        if row.info & CAUSE_MASK == INTERRUPT:
            shadow.enter(m.mmu, at.vcpu)
    elif row.kind == Kind.TLB_PROBE:
        if shadow_sync.probe_invalidates(m.mmu, at.vcpu):
            tick(m.counts, at, INVLPG_EXITS)
            shadow.enter(m.mmu, at.vcpu)
            shadow_sync.invalidate_pair(m.mmu, at, row.page)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    elif emulation.is_packet(row):
        emulation.copy(m.counts, at, PACKET_BYTES, row)
    else:
        if row.kind == Kind.BASE_SWITCH:
            shadow.enter(m.mmu, at.vcpu)
        shadow_sync.change(m.mmu, at, row)


bind(ShadowPaging, access=reference, event=happen)

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
    "true_fault": EXIT + price("event_injection") + price("exception_entry"),
    "cr3_exit": EXIT + price("cr3_switch_emulation"),
    "invlpg_exit": EXIT + price("invlpg_emulation"),
    **exits.costs(EXIT),
    **emulation.COSTS,
    "system_call": price("system_call"),
    "other_exception": price("exception_entry"),
    "exception_return": price("exception_return"),
    "privileged": price("privileged"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="shadow",
    summary="shadow page tables on virtualization hardware without nested ones (Adams and Agesen, ASPLOS 2006)",
    aliases=("shadow-paging",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing"),
    fidelity={"x86-64": "faithful", "mips64": "hypothetical"},
    machine={"x86-64": "pentium4-2005", "mips64": "pentium4-2005"},
    baseline="native-walk",
    rules={"mips64": (*paging.MIPS_RULES, *shadow.MIPS_RULES)},
)
