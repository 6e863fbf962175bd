"""SSE beyond what the host's arithmetic does: results that are no numbers, rounding modes, MXCSR.

No exception is recorded or raised, and denormal numbers are never taken or given as zero, whatever MXCSR says.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu.arithmetic import LOW32
from tracegen.cpu.floats import bits, double
from tracegen.cpu.softfloat import (
    DOUBLE,
    INVALID,
    SINGLE,
    TO_ZERO,
    calculate,
    change_format,
    from_integer,
    is_nan,
    to_integer,
)
from tracegen.cpu.state import Leave
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S
from tracegen.x86_64.control import CR0_EM, CR0_TS, CR4_OSFXSR, NM, UD
from tracegen.x86_64.delivery import selector_fault
from tracegen.x86_64.flags import CF, EXPLICIT, KIND, PF, RESULT, ZF, A, B
from tracegen.x86_64.privilege import refuse

ON = int(Leave.ON)
ROUNDING, MXCSR = np.uint64(places.ROUNDING), np.uint64(places.MXCSR)
MXCSR_KNOWN = np.uint64(0xFFFF)
MODES = np.array([0, 3, 2, 1], np.uint64)
"""MXCSR's rounding control -> a mode of ``softfloat``."""
ZERO, ONE, TWO, THREE, U13, U31, U32, U63, U64 = (np.uint64(n) for n in (0, 1, 2, 3, 13, 31, 32, 63, 64))
HIGH = np.uint64(0xFFFFFFFF00000000)
NONE_DOUBLE, NONE_SINGLE = np.uint64(0xFFF8000000000000), np.uint64(0xFFC00000)
SMALLEST_32, SMALLEST_64 = np.uint64(1 << 31), np.uint64(1 << 63)


@inline
def is_usable(s):
    """Whether SSE instructions may be used now."""
    return s[S.CR0] & (CR0_EM | CR0_TS) == ZERO and s[S.CR4] & CR4_OSFXSR != ZERO


@inline
def unusable(core):
    """Fault: an SSE instruction that may not be used; #NM where clearing CR0.TS would help."""
    s = core.s
    switched = s[S.CR0] & CR0_EM == ZERO and s[S.CR4] & CR4_OSFXSR != ZERO
    return selector_fault(s, NM if switched else UD, ZERO)


@inline
def quieted(x, p):
    """A NaN, no longer signalling."""
    return x | ONE << (p - ONE)


@helper
def again(r, how, x, y, p):
    """An operation of ``softfloat`` on two operands, or twice the same one, in MXCSR's mode."""
    if p == SINGLE:
        x, y = x & LOW32, y & LOW32
    if is_nan(x, p):
        return quieted(x, p)
    if is_nan(y, p):
        return quieted(y, p)
    result = calculate(how, x, y, p, r[ROUNDING])
    if result == INVALID:
        result = NONE_DOUBLE if p == DOUBLE else NONE_SINGLE
    return result


@helper
def change(r, x, p, q):
    """A double or single in the other format, in MXCSR's mode; a NaN keeps its fraction's high bits."""
    if p == SINGLE:
        x &= LOW32
    if not is_nan(x, p):
        return change_format(x, p, q, r[ROUNDING])
    if p == DOUBLE:
        return quieted(x >> U63 << U31 | np.uint64(255) << q | (x >> (p - q) & ((ONE << q) - ONE)), q)
    return quieted(x >> U31 << U63 | np.uint64(2047) << q | (x & ((ONE << p) - ONE)) << (q - p), q)


@inline
def from_signed(r, x):
    """A signed integer of 64 bits as a double."""
    return bits(np.float64(np.int64(x))) if r[ROUNDING] == ZERO else from_integer(x, DOUBLE, r[ROUNDING])


@inline
def truncated_32(x):
    """A double as an integer of 32 bits, its fraction dropped; the smallest one where it does not fit."""
    value = double(x)
    fits = value > -2147483649.0 and value < 2147483648.0
    return np.uint64(np.int64(value)) & LOW32 if fits else SMALLEST_32


@inline
def truncated_64(x):
    """The same of 64 bits."""
    value = double(x)
    fits = value >= -9223372036854775808.0 and value < 9223372036854775808.0
    return np.uint64(np.int64(value)) if fits else SMALLEST_64


@inline
def order(r, x, y):
    """The flags of UCOMIS and COMIS; b, ae, be and a also follow from FLAG_B compared with FLAG_RESULT."""
    if x > y:
        flags, first = ZERO, TWO
    elif x < y:
        flags, first = CF, ZERO
    elif x == y:
        flags, first = ZF, ONE
    else:
        flags, first = ZF | PF | CF, ZERO
    r[KIND], r[A], r[B], r[RESULT] = EXPLICIT, flags, first, ONE
    return ZERO


@helper
def integer_of(r, d, x, p, how):
    """CVTS*2SI, CVTTSS2SI: ``how`` is the integer's bits, and 256 to drop the fraction; gives a Leave."""
    size, mode = how & np.uint64(0xFF), TO_ZERO if how >> np.uint64(8) else r[ROUNDING]
    if p == SINGLE:
        x &= LOW32
    otherwise = SMALLEST_32 if size == U32 else SMALLEST_64
    result = otherwise if is_nan(x, p) else to_integer(x, p, mode, size, otherwise)
    r[d] = result & LOW32 if size == U32 else result
    return ON


@helper
def single_of(r, d, x):
    """CVTSI2SS of a sign-extended integer; gives a Leave."""
    r[d] = r[d] & HIGH | from_integer(x, SINGLE, r[ROUNDING])
    return ON


@helper
def load_control(core, value):
    """LDMXCSR; gives a Leave."""
    value &= LOW32
    if value & ~MXCSR_KNOWN:
        return refuse(core)
    core.r[MXCSR], core.r[ROUNDING] = value, MODES[value >> U13 & THREE]
    return ON
