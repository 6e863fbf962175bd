"""Xen: a paravirtual guest above direct page tables whose updates the monitor validates.

Mechanism     The guest's kernel runs deprivileged and knows it.  Hardware walks the guest's own page tables, which the
              guest reads but cannot write: the monitor validates each update.  Updates and commands wait in a queue
              that one hypercall hands over when it is full or something in it is needed: at an invalidation, a base
              switch, a return to user mode, an access to a page whose update still waits.  A frame becomes a table by
              being pinned: its kernel mapping turns read-only, and what it holds is validated.  A base switch, which
              also sets the kernel's stack, empties the TLB: no page of a guest is global (nor of 2 MB).  Entering the
              monitor flushes nothing: it lies in every address space, guarded by segment limits.  A page fault enters
              it twice: to be delivered, and to have its entry installed.  System calls go through a fast handler
              straight to the guest's kernel; interrupts arrive as events.  The interrupt mask, and every register
              that the monitor only has to read, lies in a page shared with it.  Disk and net requests go through
              rings, one notification each; device registers are not touched.  A packet is sent from the guest's own
              pages; one that comes brings its page, in exchange for another of the guest's, instead of being copied.
              ``abi=x86-64`` is the later port: without segment limits the kernel runs in ring 3 as user code does, on
              a root of its own.  System calls bounce through the monitor, returns to user mode are hypercalls, and
              both load the other root, which flushes the kernel's pages; those of user code are global until the
              address space changes.
Not modelled  The domain that drives the devices, and its scheduling; notifications of the console's ring; a kernel
              stack that changes without its address space; updates that fail validation; the double validation of
              tables shared by spaces.
Also called   paravirtualization, direct paging; upcall (an event); ring compression (abi=x86-64).
References    Barham et al., "Xen and the art of virtualization", SOSP 2003: sections 2.1, 3.1 to 3.4, Tables 3 to 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.columns import Inserted
from replay.cpu import paravirtual as cpu
from replay.hw import paging
from replay.hw.paging import Paging
from replay.jit import helper, inline
from replay.kernel import USER, add, bind, tick
from replay.mmu import validated
from replay.mmu.validated import Validated
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

ABI = Parameter(
    "abi", "x86-32", "policy", 0, 0, "cited: Barham et al., SOSP 2003, section 3.2",
    "x86-32: kernel in ring 1, segment limits, fast system calls; x86-64: kernel in ring 3, two roots, all bounced",
    ("x86-32", "x86-64"),
)  # fmt: skip

PARAMETERS = (*paging.PARAMETERS, *validated.PARAMETERS, ABI)

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    **validated.EVENTS,
    "TLB": {"stlb_hit": "first-level TLB misses that the second level serves"},
    "page walk": {
        "page_walk": "walks of the guest's page table by hardware",
        "walk_reference": "page-table entries that walks read",
    },
    "address spaces": {
        "base_switch": "commands that load another page-table base",
        "invalidation": "commands that invalidate TLB entries",
    },
    "exceptions delivered": {
        "fault": "page faults that the monitor delivers to the guest",
        "other_exception": "exceptions of other causes that the monitor delivers",
        "exception_return": "returns from exceptions, those of the system-call instruction left out",
        "double_fault": "faults while an exception was being delivered, and machine checks",
    },
    "system calls": {
        "system_call": "system calls through the fast handler, without the monitor",
        "bounced_system_call": "system calls that the monitor passes on to a kernel in ring 3",
        "iret_hypercall": "hypercalls that take the place of returns to user mode",
        "root_switch": "loads of the root for user code or of that for the kernel",
    },
    "events": {"interrupt": "interrupts that the monitor turns into events of the guest"},
    "other hypercalls": {
        "block_hypercall": "hypercalls to wait for an event",
        "register_hypercall": "hypercalls in place of other privileged instructions",
    },
    "shared page": {
        "virtual_mask": "loads and stores of the shared page in place of masking interrupts",
        "virtual_register": "loads and stores of the shared page in place of accesses to other registers",
    },
    "privileged instructions": {"privileged": "privileged instructions that run directly"},
    "device rings": {
        "ring_access": "loads and stores of rings in place of device registers and ports",
        "request_notification": "hypercalls that tell of a request to the disk, or of something new in a packets' ring",
        "packet_sent": "packets whose header is copied and looked at, and whose payload is sent from where it lies",
        "page_flip": "packets received, each with its page, for which the guest gives another one",
    },
    "virtual CPUs": {
        "ipi_posted": "interrupts of a virtual CPU to another, which the monitor posts to it",
        "vcpu_switch": "times a CPU went on with another virtual CPU",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

WALKING = ("stlb_hit", "page_walk", "walk_reference", *validated.TOUCHING)
OTHER_CAUSES = tuple(cause for cause in model.OTHER_CAUSES if cause != Cause.MACHINE_CHECK)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT),
    Row((Access.MISS, Access.UNMAPPED), Reaction.DIRECT, may=WALKING),
    Row((Access.DEVICE,), Reaction.REPLACED, may=("ring_access",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED),
    Row(model.INTERRUPTS, Reaction.TRAPPED, "interrupt", may=("root_switch",)),
    Row(model.FAULTS, Reaction.TRAPPED, "fault", may=("root_switch", *WALKING)),
    Row(model.SYSTEM_CALLS, Reaction.DIRECT, may=("system_call", "bounced_system_call", "root_switch")),
    Row(OTHER_CAUSES, Reaction.TRAPPED, "other_exception", may=("root_switch",)),
    Row((Cause.MACHINE_CHECK,), Reaction.TRAPPED, "double_fault", may=("root_switch",)),
    Row((Kind.RETURN,), Reaction.HYPERCALL, may=("update_hypercall", "iret_hypercall", "root_switch")),
    Row(cpu.MASKING, Reaction.DIRECT, "virtual_mask"),
    Row(cpu.SHARED, Reaction.DIRECT, "virtual_register"),
    Row(cpu.WAITING, Reaction.HYPERCALL, "block_hypercall"),
    Row(cpu.RETURNING, Reaction.DIRECT, "exception_return"),
    Row(cpu.RUNNING, Reaction.DIRECT, "privileged"),
    Row(cpu.UNPRIVILEGED, Reaction.DIRECT),
    Row(cpu.ASKING, Reaction.HYPERCALL, "register_hypercall"),
    Row((Sensitive.MOV_TO_CR,), Reaction.HYPERCALL, may=("register_hypercall",)),
    Row(cpu.TOLD, Reaction.REPLACED),
    Row((Kind.TLB_WRITE,), Reaction.REPLACED),
    Row(model.INVALIDATIONS, Reaction.HYPERCALL, "invalidation", may=("update_hypercall",)),
    Row((Kind.TLB_PROBE,), Reaction.REPLACED, may=("invalidation", "update_hypercall")),
    Row((Kind.ENTRY,), Reaction.HYPERCALL, may=validated.UPDATING),
    Row((Kind.TABLE_LINK,), Reaction.HYPERCALL, may=validated.PINNING),
    Row((Kind.TABLE_FREE,), Reaction.HYPERCALL, may=validated.UNPINNING),
    Row((Kind.TABLE_ALLOC, Kind.TABLE_UNLINK, Kind.SPACE_CREATE, Kind.SPACE_DESTROY), Reaction.DIRECT),
    Row((Kind.BASE_SWITCH,), Reaction.HYPERCALL, "base_switch", may=validated.PINNING),
    Row((Kind.IPI_SEND,), Reaction.HYPERCALL, "ipi_posted"),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.PORT,), Reaction.REPLACED, "ring_access"),
    Row((Kind.REQUEST, Kind.DOORBELL), Reaction.HYPERCALL, "request_notification"),
    Row((Kind.PACKET_SENT,), Reaction.HYPERCALL, "packet_sent"),
    Row((Kind.PACKET_RECEIVED,), Reaction.TRAPPED, "page_flip"),
    Row(
        (Kind.COMPLETE, Kind.INTERRUPT, *model.SERVICES, *model.THREADS, *model.CONTENT, *model.MARKS), Reaction.DIRECT
    ),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

TO_USER = int(Mode.USER)
STLB_HITS, PAGE_WALKS, WALK_REFERENCES = (counter(EVENTS, c) for c in ("stlb_hit", "page_walk", "walk_reference"))
INVALIDATIONS, RING_ACCESSES = counter(EVENTS, "invalidation"), counter(EVENTS, "ring_access")
IRETS, ROOT_SWITCHES, IDLE_UNITS = (counter(EVENTS, c) for c in ("iret_hypercall", "root_switch", "idle"))
FIRST = counter(EVENTS, "update_hypercall")


class Xen(NamedTuple):
    """One domain: its hardware, its queues and tables, and what the ABI decides."""

    counts: np.ndarray
    paging: Paging
    validated: Validated
    on_site: np.ndarray  # u8 by site id: counter that an instruction there ticks besides
    on_cause: np.ndarray  # u8[32]: counter that a cause ticks besides
    crosses: np.ndarray  # u8[32]: 1 where an exception of this cause in user mode loads the kernel's root
    roots: np.uint64


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> Xen:
    """A domain that has not run yet."""
    bounced = settings["abi"] == "x86-64"
    hardware = paging.make_paging(prepared, settings)
    hardware.large[:] = 0
    on_cause = np.full(32, MODEL.index(""), np.uint8)
    on_cause[Cause.SYSCALL] = MODEL.index("bounced_system_call" if bounced else "system_call")
    crosses = np.full(32, bounced, np.uint8)
    crosses[list(model.TLB_CAUSES)] = 0
    return Xen(
        counts=counts,
        paging=hardware,
        validated=validated.make_validated(prepared, settings, counts, FIRST),
        on_site=np.where(cpu.asks(prepared.sites), MODEL.index("register_hypercall"), MODEL.index("")).astype(np.uint8),
        on_cause=on_cause,
        crosses=crosses,
        roots=np.uint64(2 if bounced else 1),
    )


@inline
def reference(m, at, ref):
    """A reference that the TLB holds runs directly."""
    if paging.faulted(at):
        walk(m, at, ref)
        paging.drop_fault(m.paging, at, ref)
    elif not paging.hit(m.paging, at, ref):
        miss(m, at, ref)


@helper
def miss(m, at, ref):
    """The second-level TLB serves it, or a walk does; device registers are in a ring."""
    if paging.is_device(m.paging, ref):
        tick(m.counts, at, RING_ACCESSES)
    elif paging.second(m.paging, at, ref):
        tick(m.counts, at, STLB_HITS)
    else:
        walk(m, at, ref)
        paging.fill(m.paging, at, ref)


@helper
def walk(m, at, ref):
    """Walk the guest's tables, once what they lack is out of the queue."""
    validated.touch(m.validated, at, ref.page)
    tick(m.counts, at, PAGE_WALKS)
    add(m.counts, at, WALK_REFERENCES, paging.walk(m.paging, at, ref.page))


@inline
def happen(m, at, row):
    """Events that the monitor's structures take part in; the reaction table counts the others."""
    if row.kind == Kind.SENSITIVE:
        tick(m.counts, at, m.on_site[np.uint64(row.page)])
    elif row.kind == Kind.EXCEPTION:
        enter_kernel(m, at, np.uint64(row.info & CAUSE_MASK))
    elif row.kind == Kind.RETURN and row.info == TO_USER:
        leave_kernel(m, at)
    elif row.kind == Kind.BASE_SWITCH:
        switch_base(m, at, row.page)
    elif row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    elif Kind.ENTRY <= row.kind and row.kind <= Kind.TABLE_LINK:
        validated.change(m.validated, at, row)
    else:
        invalidate(m, at, row)


@inline
def switch_base(m, at, space):
    """Load another base, all of whose tables have to be pinned; nothing of a guest is global."""
    validated.pin_space(m.validated, at, space)
    validated.command(m.validated, at)
    paging.flush(m.paging, at.vcpu)


@inline
def invalidate(m, at, row):
    """An invalidation by the guest's kernel; other rows change nothing."""
    if row.kind == Kind.TLB_PROBE and validated.probe_invalidates(m.validated, at.vcpu):
        tick(m.counts, at, INVALIDATIONS)
        validated.command(m.validated, at)
    elif Kind.INVALIDATE_PAGE <= row.kind and row.kind <= Kind.INVALIDATE_ALL:
        validated.command(m.validated, at)
    elif row.kind == Inserted.VCPU_SWITCH:
        validated.flush(m.validated, at)
    paging.follow(m.paging, at.vcpu, row)


@inline
def enter_kernel(m, at, cause):
    """An exception; where the kernel has a root of its own, one in user mode loads that."""
    tick(m.counts, at, m.on_cause[cause])
    if m.crosses[cause] != 0 and at.mode == USER:
        tick(m.counts, at, ROOT_SWITCHES)


@inline
def leave_kernel(m, at):
    """A return to user mode: the queue is flushed, and a kernel with its own root loses its TLB entries."""
    validated.flush(m.validated, at)
    if m.roots != 1:
        tick(m.counts, at, IRETS)
        tick(m.counts, at, ROOT_SWITCHES)
        paging.flush_space(m.paging, at.vcpu, 0)


bind(Xen, access=reference, event=happen)

# -- costs ------------------------------------------------------------------------------------------------------------

DELIVER = price("exception_entry") + price("exception_delivery")

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "update_hypercall": price("hypercall"),
    "entry_validation": price("page_validation"),
    "table_pin": FREE,
    "pinned_entry": price("page_validation"),
    "table_unpin": FREE,
    "unpinned_entry": price("page_release"),
    "pending_fault": DELIVER,
    "base_switch": price("cr3_switch") + price("base_command"),
    "invalidation": price("invlpg") + price("invalidation_command"),
    "fault": DELIVER,
    "other_exception": DELIVER,
    "exception_return": price("exception_return"),
    "double_fault": DELIVER,
    "system_call": price("system_call") + price("fast_system_call"),
    "bounced_system_call": price("system_call") + price("system_call_bounce"),
    "iret_hypercall": price("hypercall"),
    "root_switch": price("root_switch"),
    "interrupt": price("exception_entry") + price("event_delivery"),
    "block_hypercall": price("hypercall"),
    "register_hypercall": price("hypercall"),
    "virtual_mask": price("stall.@"),
    "virtual_register": price("stall.@"),
    "privileged": price("privileged"),
    "ring_access": price("stall.@"),
    "request_notification": price("hypercall"),
    "packet_sent": price("packet_send"),
    "page_flip": price("page_flip"),
    "ipi_posted": price("ipi_post"),
    "vcpu_switch": price("vcpu_switch"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="xen",
    summary="Xen: paravirtual guest, direct page tables with validated updates (Barham et al., SOSP 2003)",
    aliases=("para",),
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    vcpu_switch="vcpu_switch",
    needs=("access", "translation", "privilege", "crossing", "device"),
    fidelity={"mips64": "hypothetical", "x86-64": "ported"},
    machine={"mips64": "xeon-2003", "x86-64": "xeon-2003"},
    baseline="native-walk",
    rules={
        "mips64": (
            "hardware walks the page table; the guest's refills are skipped, its TLB writes replaced",
            "upper tables are synthesized: each leaf table that is linked counts as one update of the table above it",
            "a TLB probe after the kernel changed a valid entry counts as the invalidation of its page",
            "unmapped segments count as a direct map in pages of 4 KB",
            "coprocessor 0 registers lie in the shared page; TLB instructions and device registers have no part",
        ),
        "x86-64": (
            "the 32-bit design is charged with four levels of tables; segment limits are taken to guard the monitor",
            "2 MB entries count as 4 KB pages and global ones as others, which the monitor does not let a guest have",
            "device ports have no part: requests go through rings",
        ),
    },
)
