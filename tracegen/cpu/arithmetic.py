"""Arithmetic that both CPUs need: 64-bit values as uint64, signedness in the operation."""

from __future__ import annotations

import numpy as np

from replay.jit import inline

ZERO, ONE, M31, M63 = np.uint64(0), np.uint64(1), np.uint64(31), np.uint64(63)
LOW32, HALF, HALF_SHIFT = np.uint64(0xFFFFFFFF), np.uint64(0xFFFFFFFF), np.uint64(32)


@inline
def sext32(x):
    """The low 32 bits of ``x``, sign-extended."""
    return np.uint64(np.int64(np.int32(x)))


@inline
def slt(x, y):
    """1 if ``x < y`` as signed numbers, else 0."""
    return np.uint64(np.int64(x) < np.int64(y))


@inline
def sltu(x, y):
    """1 if ``x < y`` as unsigned numbers, else 0."""
    return np.uint64(x < y)


@inline
def sra(x, n):
    """``x`` shifted right arithmetically."""
    return np.uint64(np.int64(x) >> np.int64(n))


@inline
def mulhu(x, y):
    """The high 64 bits of the unsigned 128-bit product."""
    x0, x1 = x & HALF, x >> HALF_SHIFT
    y0, y1 = y & HALF, y >> HALF_SHIFT
    middle = x1 * y0 + (x0 * y0 >> HALF_SHIFT)
    other = x0 * y1 + (middle & HALF)
    return x1 * y1 + (middle >> HALF_SHIFT) + (other >> HALF_SHIFT)


@inline
def mulh(x, y):
    """The high 64 bits of the signed 128-bit product."""
    return mulhu(x, y) - (sra(x, M63) & y) - (sra(y, M63) & x)
