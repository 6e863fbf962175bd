"""Coprocessor 1 beyond what the host's arithmetic does: results that are no numbers, rounding modes, FCSR.

NaNs are MIPS's older ones: a set highest bit of the fraction makes one signalling.  No exception is recorded or raised.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu.arithmetic import LOW32, sext32
from tracegen.cpu.floats import double
from tracegen.cpu.softfloat import (
    DOUBLE,
    INVALID,
    SINGLE,
    calculate,
    change_format,
    from_integer,
    is_nan,
    to_integer,
)
from tracegen.cpu.state import Leave
from tracegen.mips64 import microops
from tracegen.mips64 import state as M
from tracegen.mips64.exceptions import raise_exception
from tracegen.mips64.state import Exc

ON = int(Leave.ON)
ROUNDING, KEPT, CONDITION = (np.uint64(n) for n in (microops.ROUNDING, microops.FCSR_KEPT, microops.CONDITION))
STATUS_CU1 = np.uint64(1 << 29)
COPROCESSOR_UNUSABLE = np.uint64(Exc.CPU)
ZERO, ONE, TWO, THREE, FOUR, EIGHT, U32, U64 = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8, 32, 64))
HIGH = np.uint64(0xFFFFFFFF00000000)
QUIET_DOUBLE, QUIET_SINGLE = np.uint64(0x7FF7FFFFFFFFFFFF), np.uint64(0x7FBFFFFF)
BYTE, LARGEST_32 = np.uint64(0xFF), np.uint64(0x7FFFFFFF)

S, D, W, L = (np.uint64(n) for n in (16, 17, 20, 21))
"""Formats, by the instructions' numbers of them."""
AS_FCSR_SAYS = FOUR
"""Instead of a rounding mode."""
FIR, FCSR = np.uint64(0), np.uint64(31)
R10000 = np.uint64(0x0900)
FCSR_KEPT = np.uint64(1 << 24 | 0x7C)
"""FS and the flags hold what is written and do nothing; enables and causes are always 0."""


@inline
def is_usable(s):
    """Whether coprocessor 1 may be used now, in any mode."""
    return s[M.STATUS] & STATUS_CU1 != ZERO


@inline
def unusable(core):
    """Fault: coprocessor 1 while Status.CU1 is clear."""
    return raise_exception(core, COPROCESSOR_UNUSABLE, ONE)


@inline
def quiet(p):
    """The NaN that an operation makes of numbers, or of a signalling NaN."""
    return QUIET_DOUBLE if p == DOUBLE else QUIET_SINGLE


@inline
def signals(x, p):
    """Whether a NaN is a signalling one."""
    return x >> (p - ONE) & ONE != ZERO


@helper
def again(r, how, x, y, p):
    """An operation of ``softfloat`` on two operands, or twice the same one, in the mode that FCSR says."""
    if p == SINGLE:
        x, y = x & LOW32, y & LOW32
    x_is_none, y_is_none = is_nan(x, p), is_nan(y, p)
    if (x_is_none and signals(x, p)) or (y_is_none and signals(y, p)):
        result = INVALID
    elif x_is_none:
        result = x
    elif y_is_none:
        result = y
    else:
        result = calculate(how, x, y, p, r[ROUNDING])
    return quiet(p) if result == INVALID else result


@helper
def change_nan(x, p, q):
    """A NaN in another format: a quiet one keeps the high bits of its fraction."""
    if p == q:
        return x
    fraction = x & ((ONE << p) - ONE)
    fraction = fraction >> (p - q) if p > q else fraction << (q - p)
    if signals(x, p) or fraction == ZERO:
        return quiet(q)
    sign = x >> (np.uint64(63) if p == DOUBLE else np.uint64(31)) & ONE
    top = np.uint64(2047) << q if q == DOUBLE else np.uint64(255) << q
    return sign << (np.uint64(63) if q == DOUBLE else np.uint64(31)) | top | fraction


@helper
def change(r, x, p, q):
    """A double or single in the other format, in the mode that FCSR says."""
    if p == SINGLE:
        x &= LOW32
    return change_nan(x, p, q) if is_nan(x, p) else change_format(x, p, q, r[ROUNDING])


@inline
def truncated(x):
    """A double as a 32-bit integer, its fraction dropped; the largest one where it does not fit."""
    value = double(x)
    fits = value > -2147483649.0 and value < 2147483648.0
    return np.uint64(np.int64(value)) & LOW32 if fits else LARGEST_32


@helper
def convert(r, d, x, how):
    """Between formats: ``how`` is that of ``x``, that of register d << 8, a rounding mode << 16; gives a Leave."""
    source, target, mode = how & BYTE, how >> EIGHT & BYTE, how >> np.uint64(16)
    if mode == AS_FCSR_SAYS:
        mode = r[ROUNDING]
    p, q = SINGLE if source == S or source == W else DOUBLE, SINGLE if target == S or target == W else DOUBLE
    if p == SINGLE:
        x &= LOW32
    if source == W or source == L:
        result = from_integer(sext32(x) if source == W else x, q, mode)
    elif target == W or target == L:
        size = U32 if target == W else U64
        most = (ONE << (size - ONE)) - ONE
        result = most if is_nan(x, p) else to_integer(x, p, mode, size, most)
    else:
        result = change(r, x, p, q)
    r[d] = result if q == DOUBLE else r[d] & HIGH | result & LOW32
    return ON


@helper
def read_control(r, d, register):
    """CFC1: FIR says which processor this is."""
    value = ZERO
    if register == FCSR:
        value = r[KEPT] | r[ROUNDING] | r[CONDITION] << np.uint64(23)
        for i in range(1, 8):
            value |= r[CONDITION + np.uint64(i)] << np.uint64(24 + i)
    elif register == FIR:
        value = R10000
    r[d] = sext32(value)
    return ON


@helper
def write_control(r, register, value):
    """CTC1."""
    if register == FCSR:
        r[KEPT], r[ROUNDING] = value & FCSR_KEPT, value & THREE
        r[CONDITION] = value >> np.uint64(23) & ONE
        for i in range(1, 8):
            r[CONDITION + np.uint64(i)] = value >> np.uint64(24 + i) & ONE
    return ON
