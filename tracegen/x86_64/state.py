"""Places in ``Core.s`` of an x86-64 machine: those of every machine, and what this CPU alone has."""

from __future__ import annotations

from enum import IntEnum

from tracegen.cpu.state import *  # noqa: F403 - generated text names all places through one module
from tracegen.cpu.state import ARCH, LINES
from tracegen.x86_64 import places

SLOW_VALUE = places.SLOW_VALUE

NEXT_PC, RFLAGS, LOWER_NEXT, CPL, SHADOW, HALTED, GENERATION = range(LINES + 1, LINES + 8)
"""Address after the instruction at PC; the flags that are not arithmetic; physical page | 1 of the bytes that follow
the code to lower; the ring; COUNT before which no interrupt is taken (after sti); waits in hlt; number of this address
space in the micro-TLBs' tags."""
FAULT_ERROR, FAULT_ENTRY, CHUNKS = range(LINES + 8, LINES + 11)
"""Of an exception about to be taken: error code; after a page fault the last table entry that was read.  CHUNKS: how
often a repeated string was left half done."""
CR0, CR2, CR3, CR4, CR8, EFER = range(ARCH + 32, ARCH + 38)
STAR, LSTAR, CSTAR, SFMASK, KERNEL_GS_BASE, TSC_AUX, PAT = range(ARCH + 38, ARCH + 45)
GDT_BASE, GDT_LIMIT, IDT_BASE, IDT_LIMIT = range(ARCH + 45, ARCH + 49)
LDT, LDT_BASE, LDT_LIMIT, TASK, TASK_BASE, TASK_LIMIT = range(ARCH + 49, ARCH + 55)
"""Local table and task: selector, base, limit."""
SEGMENTS = ARCH + 56
"""Six selectors, by hardware number: ES, CS, SS, DS, FS, GS."""
IN_SERVICE, LVT_TIMER, SPURIOUS, DEADLINE = range(ARCH + 64, ARCH + 68)
"""The local interrupt controller: sources in service, by their bits of LINES; its registers."""
DEBUG = ARCH + 72
"""Eight debug registers, which can be written and read and do nothing."""
LARGE_FILLS = ARCH + 80
"""Sixteen words of a filter: where a 2 MB page may be in the micro-TLBs."""
CALLS, CALLS_IN_SERVICE, COMMAND = ARCH + 96, ARCH + 100, ARCH + 104
"""Four words each: the vectors of other vCPUs' interrupts that are pending, and in service; the interrupt command
register."""


class Vector(IntEnum):
    """Exceptions."""

    DE, DB, NMI, BP, OF, BR, UD, NM, DF = range(9)
    TS, NP, SS, GP, PF = range(10, 15)
    MC = 18
