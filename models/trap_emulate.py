"""Classic full virtualization: the guest's kernel runs deprivileged over shadow page tables, every trap is emulated.

Mechanism     The whole guest runs in user mode, its kernel too, the monitor alone in kernel mode, at the top of every
              address space.  Each privileged instruction traps and is emulated on the virtual CPU's saved registers.
              Interrupts, faults, system calls and all other exceptions enter the monitor, which starts the guest's
              handler.  The hardware walks shadow page tables (``replay.mmu.shadow`` says what each ``shadow.policy``
              does).  Entering the monitor keeps the TLB, as it is mapped in every address space.
Incorrect     On x86 some sensitive instructions do not trap in user mode: ``popf`` drops the interrupt flag silently,
              ``pushf`` reads the real one, ``sgdt`` the monitor's table (Robin and Irvine).  They run with a wrong
              result; ``missed_sensitive`` counts them, and where it is not 0 the guest would not have run.  Those that
              store a system table's address are wrong in any mode, the others in the kernel only.
Not modelled  What a wrong result leads to.  A shadow table that is missing ends a walk early; here every walk is whole.
              Finding out that the guest gave a table back.  Protecting the kernel's pages from the guest's user mode:
              both run in user mode, and a switch of tables at each crossing is not charged.  Waits for the timer are
              the recording's.
Also called   trap and emulate, full virtualization, deprivileging, ring compression.
References    Popek and Goldberg, CACM 17(7), 1974; Robin and Irvine, "Analysis of the Intel Pentium's ability to
              support a secure virtual machine monitor", USENIX Security 2000; Adams and Agesen, ASPLOS 2006,
              sections 2 and 3.
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
from replay.trace.schema import Kind, Mode, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = (*paging.PARAMETERS, *shadow.PARAMETERS)

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **shadow.EVENTS,
    "exceptions re-delivered": {
        "interrupt": "interrupts re-delivered to the guest",
        "true_fault": "page faults of the guest's own, re-delivered",
        "system_call": "system calls re-delivered to the guest",
        "other_exception": "exceptions of other causes, re-delivered to the guest",
    },
    "privileged emulation": {
        "cr3_emulation": "writes of the page-table base emulated",
        "invlpg_emulation": "invalidations of a translation emulated",
        "eret_emulation": "returns from exception emulated",
        "wait_emulation": "waits for an interrupt emulated",
        "other_emulation": "other privileged instructions emulated",
    },
    "device emulation": {"programmed_io": "port instructions, and loads and stores to device registers, trapped"},
    **emulation.EVENTS,
    "incorrect": {"missed_sensitive": "sensitive instructions that did not trap and gave a wrong result"},
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

FOLLOWS = ("shadow_update", "entry_compared")
WAITS = (Sensitive.HLT, Sensitive.WAIT)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
RETURNS = (Sensitive.IRET, Sensitive.SYSRET, Sensitive.ERET)
APART = (*model.PORT_INSTRUCTIONS, *WAITS, *INVALIDATING, *RETURNS, Sensitive.MOV_TO_CR)
OTHER = tuple(s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED) if s not in APART)
MISSED = tuple(s for s in model.X86_UNPRIVILEGED if s != Sensitive.INT_N)
TABLES = (Sensitive.SGDT, Sensitive.SIDT, Sensitive.SLDT, Sensitive.SMSW, Sensitive.STR)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT, may=shadow.HIDDEN),
    Row((Access.MISS, Access.UNMAPPED), Reaction.DIRECT, may=shadow.HIDDEN),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("programmed_io",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=shadow.HIDDEN),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt", may=shadow.HIDDEN),
    Row(model.FAULTS, Reaction.TRAPPED, "true_fault", may=shadow.FAULT),
    Row(model.SYSTEM_CALLS, Reaction.TRAPPED, "system_call", may=shadow.HIDDEN),
    Row(model.OTHER_CAUSES, Reaction.TRAPPED, "other_exception", may=shadow.HIDDEN),
    Row((Kind.RETURN,), Reaction.DIRECT),
    Row(RETURNS, Reaction.TRAPPED, "eret_emulation"),
    Row(OTHER, Reaction.TRAPPED, "other_emulation"),
    Row((Sensitive.MOV_TO_CR,), Reaction.TRAPPED, may=("other_emulation",)),
    Row(INVALIDATING, Reaction.TRAPPED, "invlpg_emulation"),
    Row(model.PORT_INSTRUCTIONS, Reaction.TRAPPED, "programmed_io"),
    Row(WAITS, Reaction.TRAPPED, "wait_emulation"),
    Row(MISSED, Reaction.DIRECT, may=("missed_sensitive",)),
    Row((Sensitive.INT_N,), Reaction.DIRECT),
    Row((Kind.BASE_SWITCH,), Reaction.TRAPPED, "cr3_emulation", may=("space_discarded", *FOLLOWS)),
    Row(model.INVALIDATIONS, Reaction.TRAPPED, may=FOLLOWS),
    Row((Kind.TLB_PROBE,), Reaction.REPLACED, may=FOLLOWS),
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

PROGRAMMED_IOS, IDLE_UNITS = counter(EVENTS, "programmed_io"), counter(EVENTS, "idle")
OTHER_EMULATIONS, MISSED_SENSITIVE = counter(EVENTS, "other_emulation"), counter(EVENTS, "missed_sensitive")
FIRST = counter(EVENTS, "hidden_fault")
USER = np.uint64(Mode.USER)
EMULATED, MISSED_IN_KERNEL, MISSED_ANYWHERE = 1, 2, 3
PACKET_BYTES = counter(EVENTS, "packet_byte")


class TrapAndEmulate(NamedTuple):
    """The monitor of one VM, and the hardware that walks its shadow tables."""

    counts: np.ndarray
    mmu: Shadow
    sites: np.ndarray  # u8 by site: EMULATED by register, MISSED_IN_KERNEL or MISSED_ANYWHERE; 0 for the others


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> TrapAndEmulate:
    """A VM that has not run yet: shadow tables and TLB are empty."""
    sites = np.zeros(prepared.sites.klass.size, np.uint8)
    sites[exits.of_classes(prepared.sites, (Sensitive.MOV_TO_CR,))] = EMULATED
    sites[exits.naming(prepared.sites, {Sensitive.MOV_TO_CR: (exits.CR3,)})] = 0
    sites[exits.of_classes(prepared.sites, MISSED)] = MISSED_IN_KERNEL
    sites[exits.of_classes(prepared.sites, TABLES)] = MISSED_ANYWHERE
    mmu = shadow.make_shadow(prepared, settings, counts, FIRST, flush_on_entry=False)
    return TrapAndEmulate(counts=counts, mmu=mmu, sites=sites)


@inline
def reference(m, at, ref):
    """A reference that the TLB holds with the right it needs runs directly; device registers trap."""
    if paging.faulted(at):
        shadow_sync.fault(m.mmu, at, ref)
    elif not shadow.hit(m.mmu, at, ref):
        if paging.is_device(m.mmu.paging, ref):
            tick(m.counts, at, PROGRAMMED_IOS)
        else:
            shadow.miss(m.mmu, at, ref)


@inline
def happen(m, at, row):
    """Events that the monitor's structures take part in; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        execute(m, at, m.sites[np.uint64(row.page)])
    elif row.kind == Kind.TLB_PROBE:
        if shadow_sync.probe_invalidates(m.mmu, at.vcpu):
            shadow_sync.invalidate_pair(m.mmu, at, row.page)  # the probe has trapped already
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    elif emulation.is_packet(row):
        emulation.copy(m.counts, at, PACKET_BYTES, row)
    else:
        shadow_sync.change(m.mmu, at, row)


@inline
def execute(m, at, site):
    """An instruction whose register decides what it is, or one that should have trapped."""
    if site == EMULATED:
        tick(m.counts, at, OTHER_EMULATIONS)
    elif site == MISSED_ANYWHERE or (site == MISSED_IN_KERNEL and at.mode != USER):
        tick(m.counts, at, MISSED_SENSITIVE)


bind(TrapAndEmulate, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

TRAP = price("exception_entry") + price("exception_return")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "hidden_fault": TRAP + price("shadow_fill"),
    "dirty_fault": TRAP + price("shadow_fill"),
    "guest_walk_reference": price("guest_walk_reference"),
    "shadow_prefetch": price("shadow_prefetch"),
    "traced_store": TRAP + price("trace_write"),
    "shadow_update": price("shadow_fill"),
    "unsync_store": TRAP + price("table_unprotect"),
    "entry_compared": price("entry_compare"),
    "space_discarded": price("space_discard"),
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "interrupt": TRAP + price("exception_delivery"),
    "true_fault": TRAP + price("exception_delivery"),
    "system_call": price("system_call") + price("exception_delivery"),
    "other_exception": TRAP + price("exception_delivery"),
    "cr3_emulation": price("trap_emulation") + price("cr3_switch_emulation"),
    "invlpg_emulation": price("trap_emulation") + price("invlpg_emulation"),
    "eret_emulation": price("trap_emulation"),
    "wait_emulation": price("trap_emulation") + price("halt_emulation"),
    "other_emulation": price("trap_emulation"),
    "programmed_io": TRAP + price("device_emulation"),
    **emulation.COSTS,
    "missed_sensitive": FREE,
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="trap-emulate",
    summary="classic full virtualization: a deprivileged kernel over shadow page tables, every trap emulated",
    aliases=("classic",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing"),
    fidelity={"x86-64": "hypothetical", "mips64": "hypothetical"},
    machine={"x86-64": "pentium4-2005", "mips64": "pentium4-2005"},
    baseline="native-walk",
    incorrect="missed_sensitive",
    rules={
        "x86-64": ("sensitive instructions that do not trap run with a wrong result, which changes nothing here",),
        "mips64": (*paging.MIPS_RULES, *shadow.MIPS_RULES, "every instruction of coprocessor 0 traps"),
    },
)
