"""Disco: trap and emulate below an almost unmodified MIPS kernel, software TLB over a pmap.

Mechanism     User code runs in user mode, the guest kernel in supervisor mode, the monitor in kernel mode.  Every
              exception of the guest enters the monitor, which re-delivers it; every privileged instruction traps and
              is emulated on the virtual CPU's saved registers.  A TLB write is emulated through the pmap: the
              guest-physical frame becomes a machine page, allocated at its first mapping.  A second-level software
              TLB caches what the guest wrote; a TLB miss looks there first and is forwarded to the guest's refill
              handler only if it finds nothing.  The handler then runs again under the monitor: its instructions, the
              emulation of its privileged ones, its code and the page table it loads from.  Unmapped segments (kseg0,
              kseg1) are mapped under Disco, so the kernel's own code and data take TLB entries; the monitor serves
              these misses from the pmap and the guest never sees them.  Address-space identifiers are not
              virtualized: the TLB is flushed when another virtual CPU is scheduled.  As the paper's IRIX was, the
              kernel has drivers of the monitor's, which pass a request in one call (``drivers``); each access to
              other device registers traps.  It is patched: accesses to privileged registers that have no other effect
              are loads and stores of a special page (``hal``); it asks the monitor for zeroed pages instead of zeroing
              them, tells it which pages it freed, so that their machine pages are given back, and idles with ``wait``.
              Disks are copy-on-write: VMs share what they read of one base image (``replay.memory.disks``).  Packets
              between VMs are mapped, not copied, where they are whole pages (``replay.memory.subnet``).
Not modelled  A TLB entry for the special page: it is taken to lie beside the exception vectors, whose entry every
              access to it needs anyway.  Instructions of the guest's drivers that the monitor's do without; the time
              that a mapped block or page saves its reader.  A CPU's second-level TLB is all its VCPUs'; one with
              ``vcpus_per_cpu`` waits without giving its turn away.  The root of the page table is not looked up.  A
              guest that empties its TLB entry by entry leaves the second level as it is, whose spaces are never
              renamed.
Also called   world switch, VM exit (a trap into the monitor); shadow TLB, L2TLB (second-level software TLB).
References    Bugnion, Devine, Rosenblum, "Disco: running commodity operating systems on scalable multiprocessors",
              SOSP 1997: sections 4.2.1 (CPU), 4.2.2 (pmap, second-level TLB, flush), 4.2.4 to 4.2.6 (devices, disks,
              network), 4.3 (HAL, monitor calls), Table 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.columns import Inserted
from replay.cpu import hal, reentry
from replay.cpu.reentry import ABORTED, FULL, NESTED, NO_PAGE, Handlers
from replay.hw import sets, tlb
from replay.hw.sets import Sets
from replay.hw.tlb import Tlb
from replay.io import drivers
from replay.io.drivers import Drivers
from replay.jit import helper, inline, likely
from replay.kernel import INVOCATIONS, KEPT, add, bind, in_refill, tick
from replay.memory import sharing, transparent
from replay.memory.disks import Disks
from replay.memory.footprint import Footprint
from replay.memory.sharing import Sharing
from replay.memory.subnet import Subnet
from replay.mmu import l2tlb, levels, pmap, software_tlb
from replay.mmu.pmap import Pmap
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.sched import slices
from replay.trace.schema import PAGE_BYTES, Kind, Mode, Segment, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

OWN = (*hal.PARAMETERS, *drivers.PARAMETERS, *transparent.PARAMETERS)
PARAMETERS = (*tlb.PARAMETERS, *l2tlb.PARAMETERS, *OWN, *slices.PARAMETERS)

# -- events -----------------------------------------------------------------------------------------------------------

# By mechanism; where the paper's Table 2 has a column for one, it is called after that.
EVENTS = {
    "second-level software TLB": {"l2tlb_hit": "TLB misses that the second-level software TLB serves"},
    "TLB misses forwarded": reentry.EVENTS,
    "exceptions re-delivered": {
        "interrupt": "interrupts re-delivered to the guest",
        "fault": "page faults re-delivered to the guest",
        "system_call": "system calls re-delivered to the guest",
        "other_exception": "exceptions of other causes, re-delivered to the guest",
    },
    "TLB write emulation": {
        "tlb_write_emulation": "TLB writes emulated through the pmap",
        "tlb_probe_emulation": "TLB probes emulated",
        "tlb_read_emulation": "TLB reads emulated",
    },
    **hal.EVENTS,
    "monitor calls and pages": {
        "zeroed_page_call": "monitor calls for a zeroed page",
        "freed_page_call": "monitor calls that free a page",
        "page_allocation": "machine pages allocated at a frame's first mapping",
    },
    **transparent.EVENTS,
    "kernel TLB faults": {"kernel_tlb_fault": "misses on the guest kernel's unmapped segments, served from the pmap"},
    **drivers.EVENTS,
    "interrupts of virtual CPUs": {"ipi_posted": "interrupts to another virtual CPU, posted to it"},
    "VCPU switches": {"vcpu_switch": "times another virtual CPU was scheduled and the TLB flushed"},
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

REFILLING = (
    *("l2tlb_hit", "refill_forwarded", "nested_forwarded", "refill_instruction", "kernel_tlb_fault"),
    *("page_allocation", "tlb_write_emulation", "eret_emulation", "hal_access", "mfc0_emulation", "mtc0_emulation"),
)

TLB_WRITES = (Sensitive.TLBWI, Sensitive.TLBWR, Sensitive.INVLPG, Sensitive.INVPCID)
RETURNS, WAITS = (Sensitive.ERET, Sensitive.IRET, Sensitive.SYSRET), (Sensitive.WAIT, Sensitive.HLT)
UNSHARING = ("copy_on_write", "page_claimed")
REQUESTING = ("device_call", "dma_page")
NAMED = (*hal.READS, *hal.WRITES, *TLB_WRITES, *RETURNS, *WAITS, *model.PORT_INSTRUCTIONS)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT, may=("vcpu_switch", *UNSHARING)),
    Row((Access.MISS,), Reaction.TRAPPED, may=REFILLING),
    Row((Access.UNMAPPED,), Reaction.TRAPPED, may=("kernel_tlb_fault", "page_allocation")),
    Row((Access.DEVICE,), Reaction.TRAPPED, may=("programmed_io",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt"),
    Row(model.FAULTS, Reaction.TRAPPED, "fault"),
    Row(model.SYSTEM_CALLS, Reaction.TRAPPED, "system_call"),
    Row(model.OTHER_CAUSES, Reaction.TRAPPED, "other_exception"),
    Row((Kind.RETURN,), Reaction.DIRECT),
    Row(hal.READS, Reaction.TRAPPED, may=("mfc0_emulation", "hal_access")),
    Row(hal.WRITES, Reaction.TRAPPED, may=("mtc0_emulation", "hal_access")),
    Row(TLB_WRITES, Reaction.TRAPPED, "tlb_write_emulation"),
    Row((Sensitive.TLBP,), Reaction.TRAPPED, "tlb_probe_emulation"),
    Row((Sensitive.TLBR,), Reaction.TRAPPED, "tlb_read_emulation"),
    Row(RETURNS, Reaction.TRAPPED, "eret_emulation"),
    Row(WAITS, Reaction.TRAPPED, "wait_emulation"),
    Row((Sensitive.CACHE,), Reaction.TRAPPED, "cache_emulation"),
    Row(tuple(s for s in model.X86_PRIVILEGED if s not in NAMED), Reaction.TRAPPED, "other_emulation"),
    Row(tuple(s for s in model.X86_UNPRIVILEGED if s not in NAMED), Reaction.DIRECT),
    Row(model.PORT_INSTRUCTIONS, Reaction.DIRECT),
    Row((Kind.TLB_WRITE,), Reaction.TRAPPED, may=("page_allocation",)),
    Row((Kind.TLB_PROBE, *model.INVALIDATIONS), Reaction.TRAPPED),
    Row((*model.TABLE_CHANGES, *model.SPACES), Reaction.DIRECT),
    Row((Kind.ZEROED,), Reaction.HYPERCALL, may=("zeroed_page_call",)),
    Row((Kind.FREED, Kind.BALLOON_OUT), Reaction.HYPERCALL, "freed_page_call"),
    Row((Kind.IPI_SEND,), Reaction.TRAPPED, "ipi_posted"),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.PORT,), Reaction.TRAPPED, may=("programmed_io",)),
    Row((Kind.REQUEST, Kind.DOORBELL), Reaction.HYPERCALL, may=REQUESTING),
    Row((Kind.PACKET_SENT,), Reaction.HYPERCALL, may=("dma_page", "page_allocation")),
    Row((Kind.PACKET_RECEIVED,), Reaction.HYPERCALL, may=("dma_page", "remapped_page", "packet_byte", *UNSHARING)),
    Row((Kind.COMPLETE, Kind.INTERRUPT, *model.SERVICES, *model.THREADS, *model.MARKS), Reaction.DIRECT),
    Row((Kind.HASHED, Kind.BALLOON_IN), Reaction.DIRECT),
    Row((Kind.FILLED,), Reaction.TRAPPED, may=("mapped_block",)),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

MAPPED, DEVICE = int(Segment.MAPPED), int(Segment.DEVICE)
L2TLB_HITS, KERNEL_TLB_FAULTS = counter(EVENTS, "l2tlb_hit"), counter(EVENTS, "kernel_tlb_fault")
REFILLS_FORWARDED, NESTED_REFILLS_FORWARDED = counter(EVENTS, "refill_forwarded"), counter(EVENTS, "nested_forwarded")
PAGE_ALLOCATIONS, ZEROED_PAGE_CALLS = counter(EVENTS, "page_allocation"), counter(EVENTS, "zeroed_page_call")
VCPU_SWITCHES, IDLE_UNITS = counter(EVENTS, "vcpu_switch"), counter(EVENTS, "idle")
REGISTER_TRAPS = dict.fromkeys(hal.READS, "mfc0_emulation") | dict.fromkeys(hal.WRITES, "mtc0_emulation")
ONE, USER = np.uint64(1), np.uint64(Mode.USER)


class Disco(NamedTuple):
    """The monitor's structures for one VM, and the hardware TLB below them."""

    counts: np.ndarray
    tlb: Tlb
    l2tlb: Sets
    pmap: Pmap
    drivers: Drivers
    sharing: Sharing
    disks: Disks
    subnet: Subnet
    table: np.ndarray  # u32 by pair: the pair of the table page that holds its entries
    segment: np.ndarray  # u8 by page id
    space: np.ndarray  # u32 by page id
    direct: np.ndarray  # u32 by frame: pair of the unmapped segment that holds it, 0 for none
    site_tick: np.ndarray  # u8 by site id: counter that a coprocessor 0 access there ticks
    handlers: Handlers
    probed: np.ndarray  # u64[vcpus]: pair that the last TLB probe found, 0 for none
    base: np.ndarray  # u32[vcpus]: space that is current
    quantum: np.int64


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> Disco:
    """A VM that has not run yet: both TLBs and the pmap are empty."""
    meta, pages = prepared.meta, prepared.pages
    # The registers of a refill handler (Cause, BadVAddr, Context, EntryLo0, EntryLo1) all fit the special page.
    names = dict.fromkeys(REGISTER_TRAPS, "hal_access") if settings["hal"] else REGISTER_TRAPS
    frames = pmap.make_pmap(meta.memory_bytes, pages)
    shared, blocks, net = transparent.make_transparent(prepared, settings, frames, counts, MODEL.counters)
    return Disco(
        counts=counts,
        tlb=tlb.make_tlb(meta.vcpus, pages.segment, settings, ()),
        l2tlb=l2tlb.make_l2tlb(meta.vcpus, pages.vpn, pages.space, settings),
        pmap=frames,
        drivers=drivers.make_drivers(prepared, settings, counts, MODEL.counters),
        sharing=shared,
        disks=blocks,
        subnet=net,
        table=pages.table,
        segment=pages.segment,
        space=pages.space,
        direct=pmap.direct_pairs(meta.memory_bytes, pages),
        site_tick=hal.site_ticks(prepared.sites, MODEL, REGISTER_TRAPS, "hal_access" if settings["hal"] else ""),
        handlers=reentry.make_handlers(prepared, MODEL, "refill_instruction", names),
        probed=np.zeros(meta.vcpus, np.uint64),
        base=np.zeros(meta.vcpus, np.uint32),
        quantum=np.int64(slices.quantum(settings)),
    )


@inline
def reference(m, at, ref):
    """A reference that the hardware TLB holds runs directly; any other enters the monitor."""
    pair = tlb.pair_of(ref.page)
    if not likely(tlb.hit(m.tlb, at, pair)):
        miss(m, at, ref.page, pair)
    sharing.refer(m.sharing.slots, m.sharing, m.pmap, at, ref)


@inline
def miss(m, at, page, pair):
    """What the monitor does about a miss depends on how the guest's hardware would have translated the page."""
    segment = m.segment[np.uint64(page)]
    if segment == DEVICE:
        drivers.access(m.drivers, at)
    elif segment != MAPPED:
        kernel_tlb_fault(m, at, pair)
    else:
        while m.tlb.slot[at.lane + pair] == tlb.ABSENT:
            tick(m.counts, in_refill(at), INVOCATIONS)
            if not second_level(m, in_refill(at), pair):
                forward(m, in_refill(at), pair)


@inline
def second_level(m, at, pair):
    """Whether the second-level TLB serves a miss on ``pair``."""
    l2tlb.read(at, m.l2tlb, pair)
    if not sets.find(m.l2tlb, at.vcpu, pair):
        return False
    tick(m.counts, at, L2TLB_HITS)
    tlb.insert(m.tlb, at, pair)
    return True


@inline
def forward(m, at, pair):
    """Re-enter the guest's refill handler, which writes ``pair`` to the TLB or is cut off by a miss on its table."""
    tick(m.counts, at, REFILLS_FORWARDED)
    kernel_code(m, at, m.handlers.code[at.vcpu << ONE])
    run, written = FULL, pair
    table = np.uint64(m.table[pair])
    if table != 0 and not tlb.touch(m.tlb, at, table) and not second_level(m, at, table):
        reentry.run_handler(m.counts, m.handlers, at, ABORTED, NO_PAGE)
        tick(m.counts, at, NESTED_REFILLS_FORWARDED)
        kernel_code(m, at, m.handlers.code[(at.vcpu << ONE) + ONE])
        run, written = NESTED, table
    reentry.run_handler(m.counts, m.handlers, at, run, pair << ONE if run == FULL else NO_PAGE)
    add(m.counts, at, PAGE_ALLOCATIONS, software_tlb.write(m, at, written))


@inline
def kernel_code(m, at, page):
    """Fetch a handler's code, which takes a TLB entry like any page of the guest kernel."""
    pair = tlb.pair_of(page)
    if pair != 0 and not tlb.touch(m.tlb, at, pair):
        kernel_tlb_fault(m, at, pair)


@inline
def kernel_tlb_fault(m, at, pair):
    """The monitor maps a pair of an unmapped segment from the pmap."""
    tick(m.counts, at, KERNEL_TLB_FAULTS)
    add(m.counts, at, PAGE_ALLOCATIONS, pmap.map_pair(m.pmap, pair))
    tlb.insert(m.tlb, at, pair)


@inline
def happen(m, at, row):
    """Events that the monitor's structures take part in; the reaction table counts the others."""
    if row.kind == Kind.ENTRY:
        pmap.note_entry(m.pmap, row)
    elif row.kind == Kind.SENSITIVE:
        if at.mode != USER:  # what user mode may execute is no business of the monitor's
            tick(m.counts, at, m.site_tick[np.uint64(row.page)])
    elif row.kind == Kind.TLB_WRITE:
        add(m.counts, at, PAGE_ALLOCATIONS, software_tlb.emulate_write(m, at, row))
    elif row.kind == Kind.TLB_PROBE:
        m.probed[at.vcpu] = tlb.pair_of(row.page) if row.info != 0 else np.uint64(0)
        if row.info == 0:  # the guest changed an entry that only the second level may still hold
            levels.drop(m.tlb, m.l2tlb, at.vcpu, tlb.pair_of(row.page))
    elif row.kind == Kind.ZEROED:
        if at.skip != KEPT:
            tick(m.counts, at, ZEROED_PAGE_CALLS)
            sharing.forget(m.sharing, m.pmap, np.uint64(row.page))
            pmap.use(m.pmap, np.uint64(row.page) + ONE)  # the call's price holds the allocation
    elif row.kind == Kind.FREED or row.kind == Kind.BALLOON_OUT:
        sharing.forget(m.sharing, m.pmap, np.uint64(row.page))
        software_tlb.give_back(m, at, np.uint64(row.page))
    elif row.kind == Kind.FILLED or (Kind.REQUEST <= row.kind and row.kind <= Kind.PACKET_RECEIVED):
        device(m, at, row)
    elif row.kind == Inserted.VCPU_SWITCH:
        go_on(m, at, row)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    else:
        levels.invalidate(m.tlb, m.l2tlb, m.base, m.space, at.vcpu, row)


@helper
def device(m, at, row):
    """A device is asked for something, or has moved a block or a packet."""
    if row.kind == Kind.PORT:
        drivers.access(m.drivers, at)
    else:
        drivers.follow(m.drivers, at, row)
        add(m.counts, at, PAGE_ALLOCATIONS, transparent.follow(m, at, row))


@inline
def go_on(m, at, row):
    """Another VM's virtual CPU goes on: the TLB is empty, its space is current, its kernel handles refills."""
    tlb.flush(m.tlb, at.vcpu)
    m.base[at.vcpu], m.probed[at.vcpu], m.sharing.vm[at.vcpu] = row.payload[0], 0, row.info
    reentry.go_on(m.handlers, at.vcpu, row.info)


@inline
def switch(m, at):
    """Another virtual CPU had its turn: the hardware TLB is empty when this one continues."""
    tick(m.counts, at, VCPU_SWITCHES)
    tlb.flush(m.tlb, at.vcpu)
    return m.quantum


bind(Disco, access=reference, event=happen, slice_ended=switch, moved=software_tlb.shoot_down)

# -- costs ------------------------------------------------------------------------------------------------------------

TRAP = price("monitor_entry") + price("monitor_exit")
REDELIVER = TRAP + price("exception_redelivery")
EMULATE = TRAP + price("privileged_emulation")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "l2tlb_hit": price("l2tlb_hit"),
    "refill_forwarded": price("l2tlb_search") + REDELIVER,
    "nested_forwarded": price("l2tlb_search") + REDELIVER,
    "refill_instruction": price("cpi"),
    "kernel_tlb_fault": price("kernel_tlb_fault"),
    "page_allocation": price("page_allocation"),
    **dict.fromkeys(EVENTS["exceptions re-delivered"], REDELIVER),
    **dict.fromkeys((*hal.EVENTS["other privileged"], "tlb_read_emulation"), EMULATE),
    **dict.fromkeys(("tlb_write_emulation", "tlb_probe_emulation"), TRAP + price("tlb_write")),
    "hal_access": price("stall.@"),
    "programmed_io": TRAP + price("device_emulation"),
    "device_call": TRAP + price("device_request"),
    "dma_page": price("dma_translation"),
    "remapped_page": price("page_remap"),
    "packet_byte": (1 / PAGE_BYTES) * price("page_copy"),
    "zeroed_page_call": TRAP + price("page_zero"),
    "freed_page_call": TRAP + price("page_free"),
    "mapped_block": price("page_allocation"),
    "copy_on_write": TRAP + price("page_copy"),
    "page_claimed": TRAP + price("page_allocation"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": TRAP + price("vcpu_switch") + price("tlb_flush"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="disco",
    summary="Disco: trap and emulate, software TLB over a pmap (Bugnion et al., SOSP 1997)",
    aliases=("disco-1997", "numa"),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    vcpu_switch="vcpu_switch",
    replaces=(ServiceClass.REFILL, ServiceClass.PAGE_ZERO),
    needs=("access", "translation", "privilege", "crossing", "device"),
    fidelity={"mips64": "faithful", "x86-64": "hypothetical"},
    machine={"mips64": "flash-1997", "x86-64": "flash-1997"},
    rules={"x86-64": (*reentry.RULES, *hal.RULES)},
    first_slice=slices.quantum,
    places=True,
    footprint=Footprint,
)
