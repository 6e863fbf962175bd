"""Flat."""

import numpy as np

from replay.jit import helper
from tracegen.cpu.memory import load1, load2, load4, load8, store1
from tracegen.cpu.micro_tlb import READ_MASK, fill
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S
from tracegen.x86_64.translation import translate, load_value

ZERO, ONE, TWO, FOUR, EIGHT, U32, U28, OFFSET, PAGE = (np.uint64(n) for n in (0, 1, 2, 4, 8, 32, 28, 0xFFF, 0xFFFFFFFFFFFFF000))
SLOW, M12, PB = np.uint64(places.SLOW_VALUE), np.uint64(12), np.uint64(0xFFFFF000)
ON, FAULT = 0, 1


@helper
def row(core, kind, va, value):
    s = core.s
    if s[S.RECORDING]:
        core.rows[s[S.POSITION]] = kind | s[S.MODE] << M12 | (va & OFFSET) << np.uint64(16) | value >> U32 << U32
        core.counts[s[S.POSITION]] = 0
        s[S.POSITION] += ONE


@helper
def pair(core, va, size, kind, write):
    last = va + size - ONE
    a = translate(core, va)
    if a == ZERO:
        return FAULT
    b = translate(core, last)
    if b == ZERO:
        return FAULT
    if kind:
        row(core, kind, va, a)
        if last & PAGE != va & PAGE:
            row(core, kind, last & PAGE, b)
    return ON


@helper
def load_slow(core, va, kind, size):
    if pair(core, va, size, kind, False):
        return FAULT
    load_value(core, va)
    v = ZERO
    for i in range(size):
        v |= load1(core.ram8, va + np.uint64(i)) << (np.uint64(i) * EIGHT)
    core.r[SLOW] = v
    return ON


@helper
def store_slow(core, va, kind, size, value):
    if pair(core, va, size, kind, True):
        return FAULT
    code = ZERO
    for i in range(size):
        p = va + np.uint64(i)
        store1(core.ram8, p, value >> (np.uint64(i) * EIGHT))
        code |= core.frames[(p >> M12) * FOUR]
    if code == ZERO:
        fill(core, S.WRITES, READ_MASK, va, translate(core, va))
    return ON


@helper
def probe_write(core, va, size):
    return pair(core, va, size, ZERO, True)
