"""Arithmetic that the op tables name: 64-bit values as uint64, signedness in the operation."""

from __future__ import annotations

import numpy as np

from replay.jit import inline
from tracegen.cpu.arithmetic import LOW32, M31, M63, ONE, ZERO, mulh, mulhu, sext32, slt, sltu, sra

__all__ = ["LOW32", "M31", "M63", "ONE", "ZERO", "add_overflows", "mulh", "mulhu", "quotient", "remainder", "sext32"]
__all__ += ["signed_quotient", "signed_remainder", "slt", "sltu", "sra"]


@inline
def quotient(x, y):
    """Unsigned x / y; the architecture leaves x / 0 open, and x / 1 is what the reference emulator gives."""
    return x // y if y != ZERO else x


@inline
def remainder(x, y):
    """Unsigned x % y; x % 0 is 0, as in ``quotient``."""
    return x % y if y != ZERO else ZERO


@inline
def signed_quotient(x, y):
    """Signed x / y, truncated; the most negative number over -1 is itself."""
    sx, sy = sra(x, M63), sra(y, M63)
    sign = sx ^ sy if y != ZERO else ZERO
    q = quotient((x ^ sx) - sx, (y ^ sy) - sy) if y != ZERO else x
    return (q ^ sign) - sign


@inline
def signed_remainder(x, y):
    """Signed x % y with the sign of x."""
    sx, sy = sra(x, M63), sra(y, M63)
    rest = remainder((x ^ sx) - sx, (y ^ sy) - sy)
    return (rest ^ sx) - sx


@inline
def add_overflows(x, y, total):
    """Whether ``total = x + y`` overflowed as signed 64-bit numbers."""
    return (np.int64((x ^ total) & (y ^ total))) < 0
