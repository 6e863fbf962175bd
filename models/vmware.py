"""VMware's binary translation: user code runs directly, kernel code from a cache of translations, shadow page tables.

Mechanism     User code runs on the processor as it is.  The kernel's never does: where it first runs it is translated,
              instruction by instruction, and runs from the code cache (``replay.cpu.translation_cache``).  Most code is
              translated to itself.  Sensitive instructions become a few loads and stores of the virtual CPU's state
              (interrupt flag, most reads of privileged registers), longer code within the cache (ports, the time
              stamp), or a *callout* to the monitor.  Returns and indirect jumps look their target up.  Direct
              execution ends at whatever enters the kernel: system calls, exceptions and interrupts go to the monitor,
              which goes on in the translation of the guest's handler; a return to user mode resumes it.  The hardware
              walks shadow page tables (``replay.mmu.shadow``); stores to traced tables find their way into the
              translation, so that they no longer fault.  Entering the monitor flushes no TLB: it lies at the top of
              every address space, guarded from the guest by segment limits.  Disk requests and packets go through
              the host; the way there from a doorbell is in a packet's price.
Not modelled  Translating a block anew because an instruction in it faults too often, and going back: it is taken to
              have happened.  Kernel code that is slower, or faster, than what it was made from.  Fetches from the
              cache are looked up in the TLB as those of the code that it was made from.  Switches to the host for
              interrupts and timers.  Simple kernel code run directly.  Waits for the timer are the recording's.
Also called   software VMM, full virtualization on x86; translation cache (code cache); trace (traced page).
References    Adams and Agesen, "A comparison of software and hardware techniques for x86 virtualization", ASPLOS 2006,
              sections 3 and 6; Sugerman, Venkitachalam, Lim, "Virtualizing I/O devices on VMware Workstation's hosted
              virtual machine monitor", USENIX 2001.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.columns import Inserted
from replay.cpu import exits, translation_cache
from replay.cpu.translation_cache import TranslationCache
from replay.hw import paging
from replay.jit import helper, inline
from replay.kernel import COMPLETED, FETCH, USER, add, bind, tick
from replay.mmu import shadow, shadow_sync
from replay.mmu.shadow import Shadow
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared, Sites
from replay.trace.schema import Kind, Mode, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = (*paging.PARAMETERS, *shadow.PARAMETERS, *translation_cache.PARAMETERS)

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **shadow.EVENTS,
    "translation": {
        "translated_instruction": "instructions of the kernel translated",
        "dropped_line": "lines of kernel code whose translations a store dropped",
    },
    "indirect branches": {"indirect_lookup": "returns and indirect jumps of the kernel that look their target up"},
    "sensitive instructions": {
        "in_cache_access": "sensitive instructions of the kernel that are a few loads and stores in the code cache",
        "in_cache_emulation": "sensitive instructions of the kernel emulated within the code cache",
        "callout": "other sensitive instructions of the kernel, for which the code cache calls the monitor",
        "halt_callout": "waits for an interrupt",
        "privileged": "privileged instructions in user mode, which run directly",
    },
    "page-table callouts": {
        "cr3_callout": "writes of the page-table base",
        "invlpg_callout": "invalidations of a translation",
    },
    "crossings": {
        "system_call": "system calls: from direct execution to the code cache",
        "direct_resume": "returns to user mode: from the code cache to direct execution",
        "true_fault": "page faults of the guest's own, injected",
        "interrupt": "interrupts injected",
        "other_exception": "exceptions of other causes, injected",
    },
    "device emulation": {
        "mmio_callout": "loads and stores to device registers",
        "host_request": "requests that the host carries out",
        "host_packet": "packets that the host sends, or brings",
    },
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

PORTS = (Sensitive.IN, Sensitive.OUT, Sensitive.INS, Sensitive.OUTS)
ACCESSING = (
    *(Sensitive.MFC0, Sensitive.MTC0, Sensitive.CLI, Sensitive.STI, Sensitive.MOV_FROM_CR, Sensitive.SWAPGS),
    *(Sensitive.PUSHF, Sensitive.POPF, Sensitive.SGDT, Sensitive.SIDT, Sensitive.SLDT, Sensitive.SMSW),
    *(Sensitive.STR, Sensitive.PUSH_SEGMENT),
)
EMULATED = (*PORTS, Sensitive.RDTSC, Sensitive.RDPMC)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
WAITS = (Sensitive.HLT, Sensitive.WAIT)
RETURNS = (Sensitive.IRET, Sensitive.SYSRET, Sensitive.ERET)
REPLACED = (Sensitive.TLBR, Sensitive.TLBWI, Sensitive.TLBWR, Sensitive.TLBP)
APART = (*ACCESSING, *EMULATED, *INVALIDATING, *WAITS, *RETURNS, *REPLACED, Sensitive.MOV_TO_CR)
CALLING = tuple(s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED, *model.X86_UNPRIVILEGED) if s not in APART)
RUNS = ("translated_instruction",)
FOLLOWS = ("shadow_update", "entry_compared")
REFERENCE = (*shadow.HIDDEN, *RUNS, "indirect_lookup", "dropped_line")

REACTIONS = (
    Row((Access.HIT, Access.MISS, Access.UNMAPPED), Reaction.TRANSLATED, may=REFERENCE),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("mmio_callout",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=shadow.HIDDEN),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt"),
    Row(model.FAULTS, Reaction.TRAPPED, "true_fault", may=shadow.FAULT),
    Row(model.SYSTEM_CALLS, Reaction.TRAPPED, "system_call"),
    Row(model.OTHER_CAUSES, Reaction.TRAPPED, "other_exception", may=shadow.HIDDEN),
    Row((Kind.RETURN,), Reaction.TRANSLATED, may=("direct_resume", "callout", *RUNS)),
    Row(RETURNS, Reaction.REPLACED),
    Row(ACCESSING, Reaction.TRANSLATED, may=("in_cache_access", "privileged")),
    Row(EMULATED, Reaction.TRANSLATED, may=("in_cache_emulation", "privileged")),
    Row(CALLING, Reaction.TRANSLATED, may=("callout", "privileged")),
    Row((Sensitive.MOV_TO_CR,), Reaction.TRANSLATED, may=("callout", "in_cache_access", "privileged")),
    Row(INVALIDATING, Reaction.TRANSLATED, "invlpg_callout"),
    Row(WAITS, Reaction.TRANSLATED, "halt_callout"),
    Row(REPLACED, Reaction.REPLACED),
    Row((Kind.BASE_SWITCH,), Reaction.TRANSLATED, "cr3_callout", may=("space_discarded", *FOLLOWS)),
    Row(model.INVALIDATIONS, Reaction.TRANSLATED, may=FOLLOWS),
    Row((Kind.TLB_PROBE,), Reaction.REPLACED, may=("invlpg_callout", *FOLLOWS)),
    Row((Kind.TLB_WRITE,), Reaction.REPLACED),
    Row((Kind.ENTRY,), Reaction.TRANSLATED, may=("traced_store", "unsync_store", "shadow_update")),
    Row((Kind.TABLE_ALLOC, Kind.TABLE_FREE, Kind.TABLE_LINK, Kind.TABLE_UNLINK), Reaction.DIRECT),
    Row((Kind.SPACE_CREATE, Kind.SPACE_DESTROY), Reaction.DIRECT),
    Row((Kind.IPI_SEND,), Reaction.TRAPPED, "ipi_posted"),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.REQUEST,), Reaction.TRAPPED, "host_request"),
    Row((Kind.PACKET_SENT, Kind.PACKET_RECEIVED), Reaction.TRAPPED, "host_packet"),
    Row((Kind.PORT, Kind.DOORBELL, Kind.COMPLETE, Kind.INTERRUPT), Reaction.DIRECT),
    Row((*model.SERVICES, *model.THREADS, *model.CONTENT, *model.MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

TO_USER, FIRST_STORE = int(Mode.USER), np.uint8(Kind.STORE1)
TRANSLATED, DROPPED = np.uint64(counter(EVENTS, "translated_instruction")), counter(EVENTS, "dropped_line")
LOOKUPS, CALLOUTS, RESUMED = (counter(EVENTS, c) for c in ("indirect_lookup", "callout", "direct_resume"))
INVLPG_CALLOUTS, MMIO_CALLOUTS = counter(EVENTS, "invlpg_callout"), counter(EVENTS, "mmio_callout")
IDLE_UNITS, FIRST = counter(EVENTS, "idle"), counter(EVENTS, "hidden_fault")
TASK_PRIORITY = 8
IN_PLACE = {
    **dict.fromkeys(ACCESSING, "in_cache_access"),
    **dict.fromkeys(EMULATED, "in_cache_emulation"),
    **dict.fromkeys((*CALLING, Sensitive.MOV_TO_CR), "callout"),
}
"""Sensitive instruction of the kernel -> what its translation is."""


class VMware(NamedTuple):
    """The monitor of one VM: its code caches and shadow tables."""

    counts: np.ndarray
    cache: TranslationCache
    mmu: Shadow
    site_tick: np.ndarray  # u8[2 * sites]: counter of an instruction in the kernel, then in user mode


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> VMware:
    """A VM that has not run yet: nothing is translated, shadow tables and TLB are empty."""
    return VMware(
        counts=counts,
        cache=translation_cache.make_translation_cache(prepared, settings),
        mmu=shadow.make_shadow(prepared, settings, counts, FIRST, flush_on_entry=False),
        site_tick=_site_ticks(prepared.sites),
    )


def _site_ticks(sites: Sites) -> np.ndarray:
    """The counter of each site in the kernel and in user mode; that of some is the one that nobody reads."""
    ticks = np.full((2, sites.klass.size), MODEL.index(""), np.uint8)
    for klass, name in IN_PLACE.items():
        ticks[0, exits.of_classes(sites, (klass,))] = MODEL.index(name)
    ticks[0, exits.naming(sites, {Sensitive.MOV_TO_CR: (TASK_PRIORITY,)})] = MODEL.index("in_cache_access")
    ticks[0, exits.naming(sites, {Sensitive.MOV_TO_CR: (exits.CR3,)})] = MODEL.index("")
    direct = tuple(s for s in model.X86_PRIVILEGED if s in IN_PLACE)
    ticks[1, exits.of_classes(sites, direct)] = MODEL.index("privileged")
    return ticks.reshape(-1)


@inline
def reference(m, at, ref):
    """Code of the kernel is translated; memory is reached through the shadow tables, device registers by a callout."""
    if ref.kind == FETCH:
        if at.mode != USER and at.cut_off == COMPLETED:
            run(m, at, ref)
    elif ref.kind >= FIRST_STORE and translation_cache.store(m.cache, at.vcpu, ref):
        tick(m.counts, at, DROPPED)
    if paging.faulted(at):
        shadow_sync.fault(m.mmu, at, ref)
    elif not shadow.hit(m.mmu, at, ref):
        if paging.is_device(m.mmu.paging, ref):
            tick(m.counts, at, MMIO_CALLOUTS)
        else:
            shadow.miss(m.mmu, at, ref)


@helper
def run(m, at, ref):
    """The kernel goes on at another place of the code cache."""
    end_run(m, at)
    translation_cache.begin(m.cache, at, ref)
    if translation_cache.looks_up(ref):
        tick(m.counts, at, LOOKUPS)


@inline
def end_run(m, at):
    """What the run that ends has shown to be new was translated, where it began."""
    m.counts[m.cache.base[at.vcpu] + TRANSLATED] += translation_cache.end(m.cache, at)


@inline
def happen(m, at, row):
    """Events that the monitor's structures take part in; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        in_user = np.uint64(at.mode == USER) * np.uint64(m.site_tick.size // 2)
        tick(m.counts, at, m.site_tick[np.uint64(row.page) + in_user])
    elif row.kind == Kind.RETURN:
        leave_kernel(m, at, row)
    elif row.kind == Kind.TLB_PROBE:
        if shadow_sync.probe_invalidates(m.mmu, at.vcpu):
            invalidate_pair(m, at, np.uint64(row.page))
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    else:
        if row.kind == Inserted.VCPU_SWITCH:
            end_run(m, at)
        shadow_sync.change(m.mmu, at, row)


@inline
def leave_kernel(m, at, row):
    """A return resumes direct execution, or is one within the kernel, which the monitor emulates."""
    if row.info == TO_USER:
        end_run(m, at)
        tick(m.counts, at, RESUMED)
    else:
        tick(m.counts, at, CALLOUTS)


@inline
def invalidate_pair(m, at, page):
    """The INVLPG that a MIPS guest's TLB probe stands for."""
    tick(m.counts, at, INVLPG_CALLOUTS)
    shadow_sync.invalidate_pair(m.mmu, at, page)


bind(VMware, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

FAULT = price("exception_entry") + price("exception_return")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "hidden_fault": FAULT + price("translated_fill"),
    "dirty_fault": FAULT + price("translated_fill"),
    "guest_walk_reference": price("guest_walk_reference"),
    "shadow_prefetch": price("shadow_prefetch"),
    "traced_store": price("translated_store"),
    "shadow_update": price("translated_fill"),
    "unsync_store": FAULT + price("table_unprotect"),
    "entry_compared": price("entry_compare"),
    "space_discarded": price("space_discard"),
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "translated_instruction": price("translation_instruction"),
    "dropped_line": FAULT,
    "indirect_lookup": price("indirect_lookup"),
    "in_cache_access": price("in_cache_access"),
    "in_cache_emulation": price("in_cache_emulation"),
    "callout": price("callout"),
    "halt_callout": price("callout") + price("halt_emulation"),
    "privileged": price("privileged"),
    "cr3_callout": price("callout") + price("cr3_switch_emulation"),
    "invlpg_callout": price("callout"),
    "system_call": price("code_cache_entry"),
    "direct_resume": price("direct_execution_entry"),
    "true_fault": price("fault_injection"),
    "interrupt": price("exception_injection"),
    "other_exception": price("exception_injection"),
    "mmio_callout": price("callout"),
    "host_request": price("host_io"),
    "host_packet": price("host_packet"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="vmware",
    summary="VMware: binary translation of the kernel, shadow page tables (Adams and Agesen, ASPLOS 2006)",
    aliases=("bt",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing", "device"),
    fidelity={"x86-64": "ported", "mips64": "hypothetical"},
    machine={"x86-64": "pentium4-2005", "mips64": "pentium4-2005"},
    baseline="native-walk",
    rules={
        "x86-64": ("the translator for 32-bit guests: segment limits, which 64-bit mode lacks, guard the monitor",),
        "mips64": (
            *paging.MIPS_RULES,
            *shadow.MIPS_RULES,
            "coprocessor 0 is accessed in the code cache; what segment limits guard elsewhere is taken to be guarded",
        ),
    },
)
