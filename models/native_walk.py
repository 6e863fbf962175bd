"""The bare machine with a page walker: hardware reads the page tables at a TLB miss.

Mechanism     Two levels of TLB: the first split into one for instructions and one for data, with entries for 4 KB and
              for 2 MB pages, the second shared.  A reference that neither holds walks four levels of tables, three for
              a 2 MB page; page-walk caches skip the upper ones.  A base switch empties the TLBs of all but global
              pages, unless entries keep their address space (``tlb.tagged``).  A page fault
              walks, and leaves no translation of its page behind.  Everything else runs directly.
Not modelled  Where in the caches a page table lies: each reference of a walk costs the same.  Two walks at a time, and
              walks ahead of need.  A walk that ends in a fault is taken to reach the last table.  Setting accessed and
              dirty bits.  Writes of CR0 and CR4 cost what any instruction does, as do instructions that are sensitive
              but not privileged.  Waits for the timer are the recording's.
Also called   bare hardware, physical machine, 1-D walk.
References    Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, section 4.10; Barr, Cox, Rixner,
              "Translation caching: skip, don't walk (the page table)", ISCA 2010.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay import model
from replay.hw import paging
from replay.hw.paging import Paging
from replay.jit import inline
from replay.kernel import add, bind, tick
from replay.model import FREE, Access, Model, Reaction, Row, counter, price
from replay.prepare import Prepared
from replay.split import split
from replay.trace.schema import Kind, Sensitive, ServiceClass

# -- parameters -------------------------------------------------------------------------------------------------------

PARAMETERS = paging.PARAMETERS

# -- events -----------------------------------------------------------------------------------------------------------

EVENTS = {
    "TLB": {"stlb_hit": "first-level TLB misses that the second-level TLB serves"},
    "page walk": {
        "page_walk": "walks of the page tables by the hardware",
        "walk_reference": "page-table entries that walks read",
    },
    "exceptions": {
        "interrupt": "interrupts taken",
        "fault": "page faults taken: not present, soft reference and dirty, copy-on-write, protection",
        "system_call": "system calls",
        "other_exception": "exceptions of other causes",
        "exception_return": "returns from exceptions, those of the system-call instruction left out",
    },
    "privileged instructions": {
        "privileged": "privileged instructions that no other counter is for",
        "base_switch": "switches to a page table",
        "invalidation": "instructions that invalidate a translation",
    },
    "device access": {
        "port_access": "instructions that read or write a port",
        "device_access": "loads and stores to device registers",
    },
    "idle": {"idle": "device-time units spent waiting for an interrupt"},
}

# -- reactions --------------------------------------------------------------------------------------------------------

LOOKUP = ("stlb_hit", "page_walk", "walk_reference")
PORTS = (Sensitive.IN, Sensitive.OUT, Sensitive.INS, Sensitive.OUTS)
INVALIDATING = (Sensitive.INVLPG, Sensitive.INVPCID)
APART = (*PORTS, *INVALIDATING, Sensitive.MOV_TO_CR, Sensitive.IRET, Sensitive.SYSRET, Sensitive.ERET)
PRIVILEGED = tuple(s for s in (*model.MIPS_PRIVILEGED, *model.X86_PRIVILEGED) if s not in APART)

REACTIONS = (
    Row((Access.HIT,), Reaction.DIRECT),
    Row((Access.MISS, Access.UNMAPPED), Reaction.DIRECT, may=LOOKUP),
    Row((Access.DEVICE,), Reaction.DIRECT, may=("device_access",)),
    Row(model.TLB_CAUSES, Reaction.REPLACED, may=LOOKUP),
    Row(model.INTERRUPTS, Reaction.DIRECT, "interrupt"),
    Row(model.FAULTS, Reaction.DIRECT, "fault", may=LOOKUP),
    Row(model.SYSTEM_CALLS, Reaction.DIRECT, "system_call"),
    Row(model.OTHER_CAUSES, Reaction.DIRECT, "other_exception", may=LOOKUP),
    Row((Kind.RETURN, Sensitive.SYSRET), Reaction.DIRECT),
    Row((Sensitive.IRET, Sensitive.ERET), Reaction.DIRECT, "exception_return"),
    Row(PRIVILEGED, Reaction.DIRECT, "privileged"),
    Row((Sensitive.MOV_TO_CR, *model.X86_UNPRIVILEGED), Reaction.DIRECT),
    Row(INVALIDATING, Reaction.DIRECT, "invalidation"),
    Row(PORTS, Reaction.DIRECT, "port_access"),
    Row((Kind.BASE_SWITCH,), Reaction.DIRECT, "base_switch"),
    Row((Kind.TLB_WRITE, Kind.TLB_PROBE), Reaction.REPLACED),
    Row((*model.INVALIDATIONS, *model.TABLE_CHANGES), Reaction.DIRECT),
    Row((Kind.SPACE_CREATE, Kind.SPACE_DESTROY), Reaction.DIRECT),
    Row((Kind.IDLE,), Reaction.DIRECT, may=("idle",)),
    Row((Kind.PORT, *model.DEVICES), Reaction.DIRECT),
    Row((*model.SERVICES, *model.THREADS, Kind.IPI_SEND, *model.CONTENT, *model.MARKS), Reaction.DIRECT),
)

# -- state and hooks --------------------------------------------------------------------------------------------------

STLB_HITS, PAGE_WALKS = counter(EVENTS, "stlb_hit"), counter(EVENTS, "page_walk")
WALK_REFERENCES, DEVICE_ACCESSES = counter(EVENTS, "walk_reference"), counter(EVENTS, "device_access")
IDLE_UNITS = counter(EVENTS, "idle")


class NativeWalk(NamedTuple):
    """The processor's TLBs and walk caches."""

    counts: np.ndarray
    paging: Paging


def state(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray) -> NativeWalk:
    """A machine whose TLBs and walk caches are empty, before the first row."""
    return NativeWalk(counts=counts, paging=paging.make_paging(prepared, settings))


@inline
def reference(m, at, ref):
    """A reference that the first-level TLB holds costs nothing more."""
    if lacks(m, at, ref):
        beyond(m, at, ref)


@inline
def lacks(m, at, ref):
    """Whether the first-level TLB does not hold what is referred to, or a fault cut it off."""
    return paging.faulted(at) or not paging.hit(m.paging, at, ref)


@inline
def beyond(m, at, ref):
    """What the first-level TLB lacks faults, or is a miss."""
    if paging.faulted(at):
        fault(m, at, ref)
    else:
        miss(m, at, ref)


@inline
def miss(m, at, ref):
    """The second-level TLB serves it, or a walk does; device registers are in no TLB."""
    if paging.is_device(m.paging, ref):
        tick(m.counts, at, DEVICE_ACCESSES)
    elif paging.second(m.paging, at, ref):
        tick(m.counts, at, STLB_HITS)
    else:
        walk(m, at, ref)
        paging.fill(m.paging, at, ref)


@inline
def fault(m, at, ref):
    """A walk finds out that the access may not be made, and no translation of its page is left behind."""
    walk(m, at, ref)
    paging.drop_fault(m.paging, at, ref)


@inline
def walk(m, at, ref):
    """Walk the page tables for the page of ``ref``."""
    tick(m.counts, at, PAGE_WALKS)
    add(m.counts, at, WALK_REFERENCES, paging.walk(m.paging, at, ref.page))


@inline
def happen(m, at, row):
    """Events that the TLBs take part in; the reaction table counts the others."""
    if row.kind == Kind.IDLE:
        add(m.counts, at, IDLE_UNITS, np.int64(row.page))
    else:
        paging.follow(m.paging, at.vcpu, row)


bind(NativeWalk, access=reference, event=happen)
SPLIT = split(
    NativeWalk,
    lacks=lacks,
    beyond=beyond,
    event=happen,
    parameters=("stlb.", "pwc."),
    counters=LOOKUP,
    hits="stlb_hit",
    follows=paging.FOLLOWED,
)
Noting, Behind = SPLIT[:2]

# -- costs ------------------------------------------------------------------------------------------------------------

COSTS = {
    "instructions": price("cpi"),
    "references": price("stall.@"),
    "invocations": FREE,
    "kernel_instructions": FREE,
    "stlb_hit": price("stlb_hit"),
    "page_walk": FREE,
    "walk_reference": price("walk_reference"),
    "interrupt": price("exception_entry"),
    "fault": price("exception_entry"),
    "system_call": price("system_call"),
    "other_exception": price("exception_entry"),
    "exception_return": price("exception_return"),
    "privileged": price("privileged"),
    "base_switch": price("cr3_switch"),
    "invalidation": price("invlpg"),
    "port_access": price("port_access"),
    "device_access": price("uncached_access"),
    "idle": price("device_unit"),
}

MODEL = Model(
    name="native-walk",
    summary="the bare machine: hardware walks the page tables, no monitor",
    parameters=PARAMETERS,
    events=EVENTS,
    reactions=REACTIONS,
    state=state,
    split=SPLIT,
    costs=COSTS,
    replaces=(ServiceClass.REFILL,),
    needs=("access", "translation", "crossing"),
    fidelity={"x86-64": "faithful", "mips64": "hypothetical"},
    machine={"x86-64": "skylake-2017", "mips64": "skylake-2017"},
    baseline="native-walk",
    rules={"mips64": paging.MIPS_RULES},
)
