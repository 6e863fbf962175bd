"""Model-specific registers and the clock."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Sensitive
from tracegen.abi_x86_64 import (
    MSR_APIC_EOI,
    MSR_APIC_ID,
    MSR_ICR,
    MSR_LVT_TIMER,
    MSR_SPURIOUS,
    MSR_START_ARGUMENT,
    MSR_START_ENTRY,
    MSR_START_STACK,
    MSR_TSC_DEADLINE,
)
from tracegen.cpu.clock import NEVER
from tracegen.cpu.recorder import sensitive
from tracegen.x86_64 import state as S
from tracegen.x86_64.calls import accepts_command, command
from tracegen.x86_64.interrupts import (
    LVT_DEADLINE,
    LVT_MODE,
    end_of_interrupt,
    expire_timer,
    priority,
    set_deadline,
    set_limit,
)
from tracegen.x86_64.places import FS_BASE, GS_BASE, RAX, RCX, RDX
from tracegen.x86_64.privilege import CHANGED, is_system, refuse
from tracegen.x86_64.state import Leave, Vector
from tracegen.x86_64.translation import canonical, forget_translations

ON = int(Leave.ON)
UD = np.uint64(Vector.UD)
RDMSR, WRMSR, SWAPGS, RDTSC, RDPMC = (
    np.uint64(k) for k in (Sensitive.RDMSR, Sensitive.WRMSR, Sensitive.SWAPGS, Sensitive.RDTSC, Sensitive.RDPMC)
)
A, C, D = np.uint64(RAX), np.uint64(RCX), np.uint64(RDX)
FS, GS = np.uint64(FS_BASE), np.uint64(GS_BASE)
ZERO, ONE, FOUR, U32, LOW16, LOW32 = (np.uint64(n) for n in (0, 1, 4, 32, 0xFFFF, 0xFFFFFFFF))

TSC, APIC_BASE, PAT, EFER, STAR, LSTAR, CSTAR, SFMASK, FS_MSR, GS_MSR, KERNEL_GS, TSC_AUX = (
    np.uint64(n)
    for n in (
        *(0x10, 0x1B, 0x277, 0xC0000080, 0xC0000081, 0xC0000082, 0xC0000083, 0xC0000084),
        *(0xC0000100, 0xC0000101, 0xC0000102, 0xC0000103),
    )
)
APIC_VERSION, APIC_PRIORITY, APIC_PROCESSOR_PRIORITY = (np.uint64(n) for n in (0x803, 0x808, 0x80A))
TSC_DEADLINE, APIC_ID, APIC_EOI, SPURIOUS, LVT_TIMER, ICR = (
    np.uint64(n) for n in (MSR_TSC_DEADLINE, MSR_APIC_ID, MSR_APIC_EOI, MSR_SPURIOUS, MSR_LVT_TIMER, MSR_ICR)
)
START_ENTRY, START_STACK, START_ARGUMENT = (
    np.uint64(n) for n in (MSR_START_ENTRY, MSR_START_STACK, MSR_START_ARGUMENT)
)
X2APIC_ON, STARTS_FIRST = np.uint64(0xFEE00C00), np.uint64(1 << 8)
"""The controller's base register: enabled, in x2APIC mode; of the processor that starts first."""
VERSION = np.uint64(0x00000015)
EFER_SCE, EFER_FIXED, EFER_KNOWN = np.uint64(1), np.uint64(0x500), np.uint64(0xD01)
"""SCE and NXE can be chosen; LME and LMA stay on."""
EFER_NXE = np.uint64(1 << 11)
CR4_TSD = np.uint64(1 << 2)
LVT_KNOWN, SPURIOUS_KNOWN = np.uint64(0x700FF), np.uint64(0x1FF)


@inline
def place_of(msr):
    """Where a register is that is nothing but a place in ``Core.s``; 0 for any other."""
    if msr == STAR:
        place = S.STAR
    elif msr == LSTAR:
        place = S.LSTAR
    elif msr == CSTAR:
        place = S.CSTAR
    elif msr == SFMASK:
        place = S.SFMASK
    elif msr == KERNEL_GS:
        place = S.KERNEL_GS_BASE
    elif msr == TSC_AUX:
        place = S.TSC_AUX
    elif msr == PAT:
        place = S.PAT
    elif msr == EFER:
        place = S.EFER
    elif msr == LVT_TIMER:
        place = S.LVT_TIMER
    elif msr == SPURIOUS:
        place = S.SPURIOUS
    elif msr == TSC_DEADLINE:
        place = S.DEADLINE
    elif msr == ICR:
        place = S.COMMAND
    elif msr == START_ENTRY:
        place = S.START_ENTRY
    elif msr == START_STACK:
        place = S.START_STACK
    elif msr == START_ARGUMENT:
        place = S.START_ARGUMENT
    else:
        place = 0
    return np.uint64(place)


@inline
def clock(s):
    """The time-stamp counter: instructions retired and units waited, as written."""
    return s[S.COUNT] + s[S.TIME_BASE]


@inline
def controller_base(s):
    """The base register of the local interrupt controller, which stays as it is."""
    return X2APIC_ON | (STARTS_FIRST if s[S.VCPU] == ZERO else ZERO)


@helper
def read_msr(core, msr):
    """(value, 1) of a register; (0, 0) where there is none."""
    s, r = core.s, core.r
    place = place_of(msr)
    known, value = ONE, ZERO
    if place:
        value = s[place]
    elif msr == TSC:
        value = clock(s)
    elif msr == FS_MSR:
        value = r[FS]
    elif msr == GS_MSR:
        value = r[GS]
    elif msr == APIC_BASE:
        value = controller_base(s)
    elif msr == APIC_VERSION:
        value = VERSION
    elif msr == APIC_PRIORITY:
        value = s[S.CR8] << FOUR
    elif msr == APIC_PROCESSOR_PRIORITY:
        value = priority(s) << FOUR
    elif msr == APIC_ID:
        value = s[S.VCPU]
    else:
        known = ZERO
    return value, known


@inline
def accepts(s, msr, value):
    """Whether a register may hold a value."""
    if msr == EFER:
        return value & ~EFER_KNOWN == ZERO and value & EFER_FIXED == EFER_FIXED
    if msr == LSTAR or msr == CSTAR or msr == FS_MSR or msr == GS_MSR or msr == KERNEL_GS:
        return canonical(value)
    if msr == APIC_BASE:
        return value == controller_base(s)
    if msr == APIC_EOI:
        return value == ZERO
    if msr == ICR:
        return accepts_command(value)
    if msr == LVT_TIMER:
        return value & ~LVT_KNOWN == ZERO
    if msr == SPURIOUS:
        return value & ~SPURIOUS_KNOWN == ZERO
    if msr == APIC_PRIORITY:
        return value <= np.uint64(0xFF)
    if msr == SFMASK or msr == TSC_AUX:
        return value <= LOW32
    return msr != APIC_ID and msr != APIC_VERSION and msr != APIC_PROCESSOR_PRIORITY


@helper
def write_msr(core, msr, value):
    """Make a register, which may hold it, ``value``."""
    s, r = core.s, core.r
    place = place_of(msr)
    if msr == EFER:
        if (s[S.EFER] ^ value) & EFER_NXE:
            forget_translations(core)
        s[S.EFER] = value
    elif msr == TSC_DEADLINE:
        set_deadline(s, value)
    elif msr == LVT_TIMER:
        s[S.LVT_TIMER] = value
        if value & LVT_MODE != LVT_DEADLINE:
            s[S.TIMER_AT], s[S.DEADLINE] = NEVER, ZERO
    elif place:
        s[place] = value
        if msr == ICR:
            command(core, value)
    elif msr == TSC:
        s[S.TIME_BASE] = value - s[S.COUNT]
        set_deadline(s, s[S.DEADLINE])
    elif msr == FS_MSR:
        r[FS] = value
    elif msr == GS_MSR:
        r[GS] = value
    elif msr == APIC_EOI:
        end_of_interrupt(s)
    elif msr == APIC_PRIORITY:
        s[S.CR8] = value >> FOUR
    set_limit(s)


@helper
def rdmsr(core):
    """RDMSR: register ecx into edx:eax."""
    if not is_system(core):
        return refuse(core)
    msr = core.r[C] & LOW32
    expire_timer(core.s)
    value, known = read_msr(core, msr)
    if known == ZERO:
        return refuse(core)
    sensitive(core, RDMSR, msr & LOW16, ZERO)
    core.r[A], core.r[D] = value & LOW32, value >> U32
    return ON


@helper
def wrmsr(core):
    """WRMSR: edx:eax into register ecx."""
    s, r = core.s, core.r
    if not is_system(core):
        return refuse(core)
    msr, value = r[C] & LOW32, r[D] << U32 | r[A] & LOW32
    expire_timer(s)
    before, known = read_msr(core, msr)
    if (known == ZERO and msr != APIC_EOI) or not accepts(s, msr, value):
        return refuse(core)
    sensitive(core, WRMSR, msr & LOW16, CHANGED if before != value else ZERO)
    write_msr(core, msr, value)
    return ON


@helper
def rdtsc(core):
    """RDTSC: the clock into edx:eax; in outer rings only where CR4.TSD does not reserve it."""
    if not is_system(core) and core.s[S.CR4] & CR4_TSD:
        return refuse(core)
    sensitive(core, RDTSC, ZERO, ZERO)
    now = clock(core.s)
    core.r[A], core.r[D] = now & LOW32, now >> U32
    return ON


@helper
def rdtscp(core):
    """RDTSCP: the clock into edx:eax, TSC_AUX into ecx."""
    leave = rdtsc(core)
    if leave == ON:
        core.r[C] = core.s[S.TSC_AUX]
    return leave


@helper
def rdpmc(core):
    """RDPMC: there are no performance counters."""
    return refuse(core)


@helper
def swapgs(core):
    """SWAPGS."""
    s, r = core.s, core.r
    if not is_system(core):
        return refuse(core)
    sensitive(core, SWAPGS, ZERO, CHANGED if r[GS] != s[S.KERNEL_GS_BASE] else ZERO)
    r[GS], s[S.KERNEL_GS_BASE] = s[S.KERNEL_GS_BASE], r[GS]
    return ON
