"""Privileged registers in memory: which accesses a guest kernel may make as loads and stores, without a trap.

IRIX keeps its privileged instructions in a hardware abstraction layer (HAL).  Disco's authors patched the most frequent
ones there: the virtual CPU's registers lie in a page that guest and monitor share, and an access that has no other
effect becomes a load or a store in it (Bugnion et al., SOSP 1997, section 4.3).  Which those are follows from the
architecture (MIPS R10000 User's Manual, chapter on coprocessor 0):

- any register can be read there, except those that change by themselves: Random, Count, the performance counters, and
  LLAddr, which every load linked changes;
- a register can be written there if nothing uses it but instructions that trap anyway (TLB writes, reads and probes,
  cache instructions, the return from an exception) or the monitor when it delivers the next exception.

So a write to Status (interrupts, mode), Cause (software interrupts), EntryHi (the address space in force), Count or
Compare (the timer) traps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from replay.model import Model
from replay.prepare import Sites
from replay.records import Parameter
from replay.trace.schema import Sensitive

PARAMETERS = (
    Parameter("hal", 1, "count", 0, 1, "assumed", "1: privileged registers in a special page; 0: every access traps"),
)

EVENTS = {
    "other privileged": {
        "mfc0_emulation": "reads of coprocessor 0 registers trapped and emulated",
        "mtc0_emulation": "writes of coprocessor 0 registers trapped and emulated",
        "eret_emulation": "returns from exception emulated",
        "wait_emulation": "waits for an interrupt emulated",
        "cache_emulation": "cache instructions emulated",
        "other_emulation": "other privileged instructions emulated",
    },
    "registers in memory": {"hal_access": "loads and stores of the special page, in place of privileged accesses"},
}
"""Counters by mechanism; where the paper's Table 2 has a column for one, it is called after that."""

INDEX, RANDOM, ENTRY_LO0, ENTRY_LO1, CONTEXT, PAGE_MASK, WIRED = range(7)
COUNT, EPC, LL_ADDR, X_CONTEXT, PERFORMANCE, TAG_LO, TAG_HI, ERROR_EPC = 9, 14, 17, 20, 25, 28, 29, 30

CHANGE_BY_THEMSELVES = (RANDOM, COUNT, LL_ADDR, PERFORMANCE)
"""Coprocessor 0 registers whose value no page of memory holds."""

USED_BY_TRAPS = (INDEX, ENTRY_LO0, ENTRY_LO1, CONTEXT, PAGE_MASK, WIRED, EPC, X_CONTEXT, TAG_LO, TAG_HI, ERROR_EPC)
"""Coprocessor 0 registers that only the monitor reads, once it was entered for something else."""

READS = (Sensitive.MFC0, Sensitive.MOV_FROM_CR, Sensitive.RDMSR, Sensitive.PUSHF, Sensitive.SMSW)
WRITES = (
    *(Sensitive.MTC0, Sensitive.MOV_TO_CR, Sensitive.WRMSR, Sensitive.POPF),
    *(Sensitive.CLI, Sensitive.STI, Sensitive.LMSW, Sensitive.CLTS),
)
"""Instructions that read or write a privileged register.

On x86 any register can be read in memory but the model-specific ones, some of which run by themselves; a write has an
effect at once.
"""

RULES = (
    "flags, control and model-specific registers count as registers of coprocessor 0: a write traps",
    "so does a read of a model-specific register; other reads are loads of the special page",
    "iret and sysret count as eret, hlt as wait, invlpg as a TLB write",
    "an access through a port traps as one to a device register does",
    "popf and smsw, which x86 does not trap, count as patched to trap in the kernel",
    "the other sensitive instructions that x86 does not trap have no counterpart and cost nothing",
)
"""What a monitor with registers in memory does about the privileged instructions of x86."""


def in_memory(sites: Sites) -> np.ndarray:
    """By site: whether its instruction can be patched into a load or store of the special page; bool."""
    read = (sites.klass == Sensitive.MFC0) & ~np.isin(sites.register, CHANGE_BY_THEMSELVES)
    read |= np.isin(sites.klass, (Sensitive.MOV_FROM_CR, Sensitive.PUSHF, Sensitive.SMSW))
    written = (sites.klass == Sensitive.MTC0) & np.isin(sites.register, USED_BY_TRAPS)
    patched: np.ndarray = read | written
    patched[0] = False
    return patched


def site_ticks(sites: Sites, model: Model, traps: Mapping[Sensitive, str], in_page: str) -> np.ndarray:
    """By site: the counter of its register's access, u8; of any other instruction, the one that nobody reads.

    ``traps`` has the counters by class, ``in_page`` is that of accesses patched into the special page, '' if none are.
    """
    ticks = np.full(sites.klass.size, model.index(""), np.uint8)
    for klass, name in traps.items():
        ticks[sites.klass == klass] = model.index(name)
    if in_page:
        ticks[in_memory(sites)] = model.index(in_page)
    return ticks
