"""The interrupt command register: interrupts between vCPUs, and their start."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu import ipi
from tracegen.x86_64 import state as S
from tracegen.x86_64.interrupts import LOWEST, add_call
from tracegen.x86_64.places import RDI, RSI, RSP

FIXED, INIT, START_UP = (np.uint64(mode) for mode in (0, 5, 6))
ONE_TARGET, SELF, ALL, ALL_OTHERS = (np.uint64(n) for n in range(4))
KNOWN = np.uint64(0xFFFFFFFF000CC7FF)
"""All but logical destinations and the bits that are reserved."""
STACK, FIRST, SECOND = (np.uint64(r) for r in (RSP, RDI, RSI))
BYTE, SEVEN, THREE, U8, U18, U32 = (np.uint64(n) for n in (0xFF, 7, 3, 8, 18, 32))
ZERO = np.uint64(0)


@inline
def accepts_command(value):
    """Whether the register may hold a command: delivery fixed with a legal vector, INIT or start-up."""
    mode = value >> U8 & SEVEN
    legal = mode == INIT or mode == START_UP or (mode == FIXED and value & BYTE >= LOWEST)
    return legal and value & ~KNOWN == ZERO


@inline
def is_meant(s, value, vcpu):
    """Whether a command goes to a vCPU."""
    shorthand = value >> U18 & THREE
    if shorthand == ONE_TARGET:
        return value >> U32 == vcpu
    return shorthand == ALL or (vcpu == s[S.VCPU]) == (shorthand == SELF)


@inline
def start(core, vcpu):
    """Start a vCPU with the control registers, and so in the address space, of the one that runs."""
    s = core.s
    base = ipi.start(core, vcpu, STACK, FIRST, SECOND)
    if base:
        for place in (S.CR0, S.CR3, S.CR4, S.EFER, S.SPACE):
            s[base + np.uint64(place)] = s[place]


@helper
def command(core, value):
    """Do what a write to the interrupt command register asks; INIT does nothing to a vCPU that runs or is off."""
    s = core.s
    mode = value >> U8 & SEVEN
    for vcpu in range(s[S.VCPUS]):
        if is_meant(s, value, vcpu):
            if mode == START_UP:
                start(core, vcpu)
            elif mode == FIXED and ipi.send(core, vcpu):
                add_call(s, ipi.base_of(s, vcpu), value & BYTE)
