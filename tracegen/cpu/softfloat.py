"""Arithmetic on floating-point numbers by integers alone, in any rounding mode: what the host's own does not do.

The loops use the host's operations, which round to nearest, and come here in the other modes and for results that are
no numbers.  A format is named by the bits of its fraction: 52 for doubles, 23 for singles, which come with nothing
above them.  No operand is a NaN, and INVALID stands for a result that is one.

Unpacked, a number is (sign, exponent, significand): significand * 2**(exponent - 62), where the significand of all but
zero has bit 62 as its highest.  Its lowest bit is sticky: set, too, where bits below it are lost.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu.arithmetic import mulhu

DOUBLE, SINGLE = np.uint64(52), np.uint64(23)
NEAREST, TO_ZERO, UP, DOWN = (np.uint64(n) for n in range(4))
ADD, SUBTRACT, MULTIPLY, DIVIDE, ROOT = range(5)
"""Operations, as micro-ops name them."""
INVALID = np.uint64(0xFFFFFFFFFFFFFFFF)

ZERO, ONE, TWO, U7, U62, U63 = (np.uint64(n) for n in (0, 1, 2, 7, 62, 63))
TOP = ONE << U62
ROOT_BITS = 56
FAR = 1 << 20
"""Exponent of infinities."""


@inline
def sign_at(p):
    """The place of a format's sign."""
    return U63 if p == DOUBLE else np.uint64(31)


@inline
def bias(p):
    """What a format's exponent field adds."""
    return np.int64(1023) if p == DOUBLE else np.int64(127)


@inline
def infinity(p):
    """A format's positive infinity."""
    return np.uint64(2047) << p if p == DOUBLE else np.uint64(255) << p


@inline
def is_nan(x, p):
    """Whether bits of a format stand for no number; higher bits are ignored."""
    return (x & ((ONE << sign_at(p)) - ONE)) > infinity(p)


@inline
def shift_sticky(m, n):
    """``m`` shifted right by ``n`` of 0 or more, with a sticky lowest bit."""
    if n >= 63:
        return np.uint64(m != ZERO)
    lost = m & ((ONE << np.uint64(n)) - ONE)
    return m >> np.uint64(n) | np.uint64(lost != ZERO)


@inline
def normalised(e, m):
    """(exponent, significand) of m * 2**(e - 62), where m is below 2**64 and not zero."""
    if m >> U63:
        return e + 1, m >> ONE | m & ONE
    while m & TOP == ZERO:
        m <<= ONE
        e -= 1
    return e, m


@inline
def unpack(x, p):
    """(sign, exponent, significand) of a number."""
    sign = x >> sign_at(p) & ONE
    x &= (ONE << sign_at(p)) - ONE
    field, fraction = x >> p, x & ((ONE << p) - ONE)
    e, m = np.int64(field) - bias(p), (fraction | ONE << p) << (U62 - p)
    if x == infinity(p):
        e = np.int64(FAR)
    elif field == ZERO:
        e, m = np.int64(1) - bias(p), fraction << (U62 - p)
        if m != ZERO:
            e, m = normalised(e, m)
    return sign, e, m


@inline
def rounded(m, shift, sign, mode):
    """m >> shift, rounded; shift is 1 to 62."""
    kept, half = m >> shift, ONE << (shift - ONE)
    lost = m & ((ONE << shift) - ONE)
    up = (mode == UP and sign == ZERO) or (mode == DOWN and sign != ZERO)
    if mode == NEAREST:
        up = lost > half or (lost == half and kept & ONE != ZERO)
    return kept + ONE if up and lost != ZERO else kept


@inline
def pack(sign, e, m, p, mode):
    """The bits of an unpacked number in a format, rounded: denormal where it is small, infinite where it is large."""
    top, least = infinity(p), np.int64(1) - bias(p)
    if m == ZERO:
        result = ZERO
    elif e > bias(p):
        result = top
    else:
        field = np.uint64(e - least)
        if e < least:
            field, m = ZERO, shift_sticky(m, least - e)
        result = (field << p) + rounded(m, U62 - p, sign, mode)
    if result >= top and e != FAR:
        away = mode == NEAREST or (mode == UP and sign == ZERO) or (mode == DOWN and sign != ZERO)
        result = top if away else top - ONE
    return result | sign << sign_at(p)


@inline
def add(x, y, p, mode):
    """x + y."""
    xs, xe, xm = unpack(x, p)
    ys, ye, ym = unpack(y, p)
    if xe == FAR and ye == FAR:
        return x if xs == ys else INVALID
    if xm == ZERO or (ym != ZERO and (xe < ye or (xe == ye and xm < ym))):
        xs, xe, xm, ys, ye, ym = ys, ye, ym, xs, xe, xm
    if ym != ZERO and xe != FAR:
        ym = shift_sticky(ym, xe - ye)
        xm = xm + ym if xs == ys else xm - ym
        if xm != ZERO:
            xe, xm = normalised(xe, xm)
    elif xm != ZERO:
        return pack(xs, xe, xm, p, mode)
    if xm == ZERO and xs != ys:
        xs = np.uint64(mode == DOWN)
    return pack(xs, xe, xm, p, mode)


@inline
def multiply(x, y, p, mode):
    """x * y."""
    xs, xe, xm = unpack(x, p)
    ys, ye, ym = unpack(y, p)
    if xe == FAR or ye == FAR:
        return INVALID if xm == ZERO or ym == ZERO else pack(xs ^ ys, np.int64(FAR), TOP, p, mode)
    high, low = mulhu(xm, ym), xm * ym
    e, m = xe + ye, high << TWO | low >> U62 | np.uint64(low << TWO != ZERO)
    if m != ZERO:
        e, m = normalised(e, m)
    return pack(xs ^ ys, e, m, p, mode)


@inline
def divide(x, y, p, mode):
    """x / y."""
    xs, xe, xm = unpack(x, p)
    ys, ye, ym = unpack(y, p)
    sign = xs ^ ys
    if (xe == FAR and ye == FAR) or (xm == ZERO and ym == ZERO):
        return INVALID
    if xe == FAR or ym == ZERO:
        return pack(sign, np.int64(FAR), TOP, p, mode)
    if ye == FAR or xm == ZERO:
        return pack(sign, np.int64(0), ZERO, p, mode)
    e, q = xe - ye, ZERO
    if xm < ym:
        e, xm = e - 1, xm << ONE
    for _ in range(63):
        q <<= ONE
        if xm >= ym:
            xm -= ym
            q |= ONE
        xm <<= ONE
    return pack(sign, e, q | np.uint64(xm != ZERO), p, mode)


@inline
def square_root(x, p, mode):
    """The square root of x: two bits of the radicand make one of the result."""
    sign, e, m = unpack(x, p)
    if m == ZERO:
        return x
    if sign != ZERO:
        return INVALID
    if e == FAR:
        return x
    if e & 1:
        m <<= ONE
    rest, found = ZERO, ZERO
    for _ in range(ROOT_BITS):
        rest = rest << TWO | m >> U62
        m <<= TWO
        trial = found << TWO | ONE
        found <<= ONE
        if rest >= trial:
            rest -= trial
            found |= ONE
    found = found << U7 | np.uint64(rest != ZERO)
    return pack(ZERO, e >> 1, found, p, mode)


@helper
def calculate(how, x, y, p, mode):
    """The operation ``how`` on two numbers of format ``p``, or on the first; INVALID where there is no result."""
    if how == ADD:
        result = add(x, y, p, mode)
    elif how == SUBTRACT:
        result = add(x, y ^ ONE << sign_at(p), p, mode)
    elif how == MULTIPLY:
        result = multiply(x, y, p, mode)
    elif how == DIVIDE:
        result = divide(x, y, p, mode)
    else:
        result = square_root(x, p, mode)
    return result


@helper
def change_format(x, p, q, mode):
    """A number of format ``p`` in format ``q``."""
    sign, e, m = unpack(x, p)
    return pack(sign, e, m, q, mode)


@helper
def from_integer(x, p, mode):
    """A signed integer of 64 bits in format ``p``."""
    sign = x >> U63
    m, e = ZERO - x if sign else x, np.int64(62)
    if m != ZERO:
        e, m = normalised(e, m)
    return pack(sign, e, m, p, mode)


@helper
def to_integer(x, p, mode, size, otherwise):
    """A number of format ``p`` as a signed integer of ``size`` bits, rounded; ``otherwise`` where it does not fit."""
    sign, e, m = unpack(x, p)
    most = ONE << (size - ONE)
    if e >= 64:
        return otherwise
    if e >= 62:
        m <<= np.uint64(e - 62)
    else:
        shift = 62 - e
        if shift > 62:
            m, shift = shift_sticky(m, shift - 62), 62
        m = rounded(m, np.uint64(shift), sign, mode)
    if m > most or (m == most and sign == ZERO):
        return otherwise
    return ZERO - m if sign else m
