"""Integer operations too rare for the loop: division, odd rotations, bit scans, single flags."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu.arithmetic import sra
from tracegen.cpu.state import Leave
from tracegen.x86_64 import places
from tracegen.x86_64 import state as S
from tracegen.x86_64.exceptions import raise_exception
from tracegen.x86_64.flags import (
    AF,
    ALL,
    CF,
    OF,
    PF,
    SF,
    ZF,
    all_flags,
    carry,
    count_mask,
    keep_carries,
    rotate_left,
    rotate_right,
    set_all,
    set_product,
    set_rotated,
    sext,
)

ON = int(Leave.ON)
RAX, RCX, RDX = np.uint64(places.RAX), np.uint64(places.RCX), np.uint64(places.RDX)
DIVIDE_ERROR = np.uint64(0)

ZERO, ONE, TWO, FOUR, EIGHT, U16, U32, U48, U63, U64 = (np.uint64(n) for n in (0, 1, 2, 4, 8, 16, 32, 48, 63, 64))
BYTE, LOW16, LOW32, HIGH_BYTE = (np.uint64(n) for n in (0xFF, 0xFFFF, 0xFFFFFFFF, 0xFF00))
AH_FLAGS, ALWAYS_SET = SF | ZF | AF | PF | CF, np.uint64(2)
DIRECTION = np.uint64(1 << 10)
CLEAR, SET = np.uint64(0), np.uint64(1)
SWAP1, SWAP2 = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)


@inline
def swapped(x):
    """The eight bytes of ``x`` in the other order."""
    x = (x & SWAP1) << EIGHT | x >> EIGHT & SWAP1
    x = (x & SWAP2) << U16 | x >> U16 & SWAP2
    return x << U32 | x >> U32


@inline
def bits_of(size):
    """Bits in ``size`` bytes."""
    return size * EIGHT


@inline
def write_pair(r, size, low, high):
    """Write the two halves of a product, or quotient and remainder: AL and AH, or rAX and rDX of ``size`` bytes."""
    if size == ONE:
        r[RAX] = (r[RAX] & ~LOW16) | (low & BYTE) | (high & BYTE) << EIGHT
    elif size == TWO:
        r[RAX], r[RDX] = (r[RAX] & ~LOW16) | (low & LOW16), (r[RDX] & ~LOW16) | (high & LOW16)
    elif size == FOUR:
        r[RAX], r[RDX] = low & LOW32, high & LOW32
    else:
        r[RAX], r[RDX] = low, high


@helper
def multiply(core, x, how):
    """MUL and IMUL of one operand, 1 or 2 bytes: ``how`` is the size, and 256 for signed."""
    r = core.r
    size, signed = how & BYTE, how >> EIGHT
    narrow = U64 - bits_of(size)
    if signed:
        product = sext(x, narrow) * sext(r[RAX], narrow)
        exact = product == sext(product, narrow)
    else:
        product = (x & ALL >> narrow) * (r[RAX] & ALL >> narrow)
        exact = product == product & ALL >> narrow
    write_pair(r, size, product, product >> bits_of(size))
    set_product(r, sext(product, narrow), exact)
    return ON


@helper
def divide_wide(high, low, divisor):
    """(quotient, remainder) of the 128-bit high:low by a divisor greater than ``high``, bit by bit."""
    if high == ZERO:
        return low // divisor, low % divisor
    for _ in range(64):
        out = high >> U63
        high = high << ONE | low >> U63
        low <<= ONE
        if out or high >= divisor:
            high -= divisor
            low |= ONE
    return low, high


@inline
def dividend(r, size):
    """(high, low) of what a division of ``size`` bytes divides, zero-extended to 64 bits each."""
    if size == ONE:
        return r[RAX] >> EIGHT & BYTE, r[RAX] & BYTE
    narrow = U64 - bits_of(size)
    return r[RDX] & ALL >> narrow, r[RAX] & ALL >> narrow


@helper
def divide(core, x, size):
    """DIV by ``x``, unsigned; flags stay, as the architecture leaves them open."""
    r = core.r
    narrow = U64 - bits_of(size)
    divisor = x & ALL >> narrow
    high, low = dividend(r, size)
    if high >= divisor:
        return raise_exception(core, DIVIDE_ERROR, ZERO)
    if size < EIGHT:
        high, low = ZERO, high << bits_of(size) | low
    quotient, rest = divide_wide(high, low, divisor)
    write_pair(r, size, quotient, rest)
    return ON


@helper
def divide_signed(core, x, size):
    """IDIV by ``x``, truncating."""
    r = core.r
    narrow = U64 - bits_of(size)
    divisor = sext(x, narrow)
    high, low = dividend(r, size)
    if size < EIGHT:
        low = high << bits_of(size) | low
        if size < FOUR:
            low = sext(low, U48 if size == ONE else U32)
        high = sra(low, U63)
    negative, opposite = high >> U63, divisor >> U63
    if negative:
        low = ZERO - low
        high = ~high + np.uint64(low == ZERO)
    if opposite:
        divisor = ZERO - divisor
    if high >= divisor:
        return raise_exception(core, DIVIDE_ERROR, ZERO)
    quotient, rest = divide_wide(high, low, divisor)
    most = (ALL >> narrow >> ONE) + (negative ^ opposite)
    if quotient > most:
        return raise_exception(core, DIVIDE_ERROR, ZERO)
    if negative ^ opposite:
        quotient = ZERO - quotient
    write_pair(r, size, quotient, ZERO - rest if negative else rest)
    return ON


@helper
def rotate(r, d, x, count, narrow, right):
    """ROL and ROR, setting flags."""
    r[d] = rotate_right(r, x, count, narrow) if right else rotate_left(r, x, count, narrow)
    return ON


@helper
def rotate_carry_left(r, d, x, count, narrow):
    """RCL: rotate through CF."""
    x &= ALL >> narrow
    count &= count_mask(narrow)
    carried = carry(r)
    for _ in range(count):
        out = x >> (U63 - narrow)
        x = (x << ONE | carried) & ALL >> narrow
        carried = out
    if count:
        set_rotated(r, carried, x >> (U63 - narrow) ^ carried)
    r[d] = x
    return ON


@helper
def rotate_carry_right(r, d, x, count, narrow):
    """RCR: rotate through CF."""
    x &= ALL >> narrow
    count &= count_mask(narrow)
    carried = carry(r)
    for _ in range(count):
        out = x & ONE
        x = x >> ONE | carried << (U63 - narrow)
        carried = out
    if count:
        set_rotated(r, carried, (x >> (U63 - narrow) ^ x >> (U63 - narrow - ONE)) & ONE)
    r[d] = x
    return ON


@helper
def shift_double(r, d, x, y, how, right):
    """SHLD and SHRD of ``x``, filled from ``y``: ``how`` is the count, 256 for CL instead, and narrow << 32.

    A count beyond the operand, which the architecture leaves open, takes zeroes.
    """
    narrow = how >> U32
    count = (r[RCX] if how >> EIGHT & ONE else how & BYTE) & count_mask(narrow)
    bits = U64 - narrow
    x, y = x & ALL >> narrow, y & ALL >> narrow
    if count and count <= bits:
        before = x
        if right:
            carried = x >> (count - ONE) & ONE
            x = (x >> count if count < bits else ZERO) | y << (bits - count) & ALL >> narrow
        else:
            carried = x >> (bits - count) & ONE
            x = (x << count if count < bits else ZERO) & ALL >> narrow | y >> (bits - count)
        keep_carries(r, carried, ZERO, (x ^ before) >> (U63 - narrow), sext(x, narrow))
    r[d] = x
    return ON


@inline
def lowest_bit(x):
    """The place of the lowest one in ``x``, which is not 0."""
    place = ZERO
    for step in (32, 16, 8, 4, 2, 1):
        width = np.uint64(step)
        if x & (ONE << width) - ONE == ZERO:
            x >>= width
            place += width
    return place


@inline
def highest_bit(x):
    """The place of the highest one in ``x``, which is not 0."""
    place = ZERO
    for step in (32, 16, 8, 4, 2, 1):
        width = np.uint64(step)
        if x >> width:
            x >>= width
            place += width
    return place


@helper
def scan_bits(r, d, x, narrow, backward):
    """BSF and BSR: nothing is written where there is no one to find."""
    x &= ALL >> narrow
    if x:
        r[d] = highest_bit(x) if backward else lowest_bit(x)
    keep_carries(r, ZERO, ZERO, ZERO, sext(x, narrow))
    return ON


@helper
def change_carry(r, how):
    """CLC, STC and CMC."""
    flags = all_flags(r)
    if how == CLEAR:
        flags &= ~CF
    elif how == SET:
        flags |= CF
    else:
        flags ^= CF
    set_all(r, flags)
    return ON


@helper
def set_zero_flag(r, x):
    """ZF = whether x is 0; the other flags stay."""
    set_all(r, (all_flags(r) & ~ZF) | (ZF if x == ZERO else ZERO))
    return ON


@helper
def load_flags(r):
    """LAHF."""
    r[RAX] = (r[RAX] & ~HIGH_BYTE) | ((all_flags(r) & AH_FLAGS) | ALWAYS_SET) << EIGHT
    return ON


@helper
def store_flags(r):
    """SAHF."""
    set_all(r, (all_flags(r) & OF) | (r[RAX] >> EIGHT & AH_FLAGS))
    return ON


@inline
def set_direction(core, down):
    """CLD and STD."""
    core.s[S.RFLAGS] = (core.s[S.RFLAGS] & ~DIRECTION) | (DIRECTION if down else ZERO)
    return ON
