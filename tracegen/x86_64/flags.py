"""Arithmetic flags, computed when asked for: what set them last is kept in ``Core.r``.

Operands and result are sign-extended from the operation's size, so that zero, sign and every order of them do not
depend on it.  FLAG_KIND says what the rest means:

* ADDITION: FLAG_RESULT = FLAG_A + FLAG_B; SUBTRACTION: FLAG_RESULT = FLAG_A - FLAG_B.
* CARRIES: FLAG_A holds CF, AF and OF in their places in RFLAGS; the others follow from FLAG_RESULT.
* EXPLICIT: FLAG_A holds all of them.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline, kernel
from tracegen.cpu.arithmetic import sra
from tracegen.x86_64 import places

ADDITION, SUBTRACTION, CARRIES, EXPLICIT = (np.uint64(n) for n in range(4))
KIND, A, B, RESULT = (np.uint64(p) for p in (places.FLAG_KIND, places.FLAG_A, places.FLAG_B, places.FLAG_RESULT))

CF, PF, AF, ZF, SF, OF = (np.uint64(1 << bit) for bit in (0, 2, 4, 6, 7, 11))
ARITHMETIC = CF | PF | AF | ZF | SF | OF
PF_AT, AF_AT, ZF_AT, SF_AT, OF_AT = (np.uint64(bit) for bit in (2, 4, 6, 7, 11))

ZERO, ONE, TWO, FOUR, M15, M63, BYTE = (np.uint64(n) for n in (0, 1, 2, 4, 15, 63, 255))
PARITIES, NIBBLE = np.uint64(0x9669), M15
"""Bit n of it: whether n, of four bits, has an even number of ones."""
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@inline
def sext(x, narrow):
    """``x`` sign-extended from its low 64 - ``narrow`` bits."""
    return np.uint64(np.int64(x << narrow) >> np.int64(narrow))


@inline
def keep(r, kind, a, b, result):
    """Remember what set the flags."""
    r[KIND], r[A], r[B], r[RESULT] = kind, a, b, result


@inline
def carry(r):
    """CF."""
    kind, a = r[KIND], r[A]
    below = np.uint64(a < r[B])
    wrapped = np.uint64(r[RESULT] < a)
    return below if kind == SUBTRACTION else wrapped if kind == ADDITION else a & ONE


@inline
def even(value):
    """PF of a result: whether its low byte has an even number of ones."""
    return PARITIES >> ((value ^ value >> FOUR) & NIBBLE) & ONE


@helper
def all_flags(r):
    """The arithmetic flags in their places in RFLAGS."""
    kind, a, b, result = r[KIND], r[A], r[B], r[RESULT]
    if kind == EXPLICIT:
        return a
    flags = even(result) << PF_AT | np.uint64(result == ZERO) << ZF_AT | (result >> M63) << SF_AT
    if kind == CARRIES:
        return flags | a
    differing = (a ^ result) & (b ^ result) if kind == ADDITION else (a ^ b) & (a ^ result)
    return flags | carry(r) | ((a ^ b ^ result) & AF) | (differing >> M63) << OF_AT


@inline
def arithmetic(core):
    """The arithmetic flags in their places in RFLAGS."""
    return all_flags(core.r)


@kernel
def show(core):
    """The same, for Python."""
    return all_flags(core.r)


@inline
def set_all(r, flags):
    """Make the arithmetic flags those of ``flags``, in their places in RFLAGS."""
    r[KIND], r[A] = EXPLICIT, flags & ARITHMETIC


@inline
def assign(core, rflags):
    """Make the arithmetic flags those of ``rflags``."""
    set_all(core.r, rflags)


@helper
def condition(r, code):
    """1 if the condition of this code holds, as in the low four bits of a conditional jump's opcode, else 0."""
    flags = all_flags(r)
    less = (flags >> SF_AT ^ flags >> OF_AT) & ONE
    which = code >> ONE
    if which == 0:
        holds = flags >> OF_AT
    elif which == 1:
        holds = flags
    elif which == 2:
        holds = flags >> ZF_AT
    elif which == 3:
        holds = flags | flags >> ZF_AT
    elif which == 4:
        holds = flags >> SF_AT
    elif which == 5:
        holds = flags >> PF_AT
    elif which == 6:
        holds = less
    else:
        holds = less | flags >> ZF_AT
    return (holds ^ code) & ONE


# -- operations that set flags: operands in any extension, ``narrow`` as for ``sext``; the value comes zero-extended ---


@inline
def add(r, x, y, narrow):
    """x + y."""
    x, y = sext(x, narrow), sext(y, narrow)
    result = sext(x + y, narrow)
    keep(r, ADDITION, x, y, result)
    return result & ALL >> narrow


@inline
def subtract(r, x, y, narrow):
    """x - y."""
    x, y = sext(x, narrow), sext(y, narrow)
    result = sext(x - y, narrow)
    keep(r, SUBTRACTION, x, y, result)
    return result & ALL >> narrow


@inline
def logic(r, value, narrow):
    """``value``, the result of AND, OR or XOR: CF and OF are 0, and so is AF, which the architecture leaves open."""
    result = sext(value, narrow)
    r[KIND], r[A], r[RESULT] = CARRIES, ZERO, result
    return result & ALL >> narrow


@inline
def keep_carries(r, carried, half, overflowed, result):
    """Remember flags whose CF, AF and OF, 0 or 1 each, were computed."""
    r[KIND], r[A], r[RESULT] = CARRIES, carried | half << AF_AT | overflowed << OF_AT, result


@inline
def add_carry(r, x, y, narrow):
    """x + y + CF."""
    x, y = sext(x, narrow), sext(y, narrow)
    result = sext(x + y + carry(r), narrow)
    carries = (x & y) | ((x | y) & ~result)
    over = (x ^ result) & (y ^ result)
    keep_carries(r, carries >> M63, (x ^ y ^ result) >> FOUR & ONE, over >> M63, result)
    return result & ALL >> narrow


@inline
def subtract_carry(r, x, y, narrow):
    """x - y - CF."""
    x, y = sext(x, narrow), sext(y, narrow)
    result = sext(x - y - carry(r), narrow)
    borrows = (~x & y) | (~(x ^ y) & result)
    over = (x ^ y) & (x ^ result)
    keep_carries(r, borrows >> M63, (x ^ y ^ result) >> FOUR & ONE, over >> M63, result)
    return result & ALL >> narrow


@inline
def increment(r, x, narrow):
    """x + 1; CF stays."""
    result = sext(x + ONE, narrow)
    over = np.uint64(result == ALL << (M63 - narrow))
    keep_carries(r, carry(r), np.uint64(result & M15 == ZERO), over, result)
    return result & ALL >> narrow


@inline
def decrement(r, x, narrow):
    """x - 1; CF stays."""
    result = sext(x - ONE, narrow)
    over = np.uint64(result == ~(ALL << (M63 - narrow)))
    keep_carries(r, carry(r), np.uint64(result & M15 == M15), over, result)
    return result & ALL >> narrow


@inline
def count_mask(narrow):
    """The bits of a shift count that matter."""
    return M63 if narrow == ZERO else M63 >> ONE


@inline
def shift_left(r, x, count, narrow):
    """x << count; a count of 0 leaves the flags alone.  OF is that of a single shift, as the architecture defines."""
    count &= count_mask(narrow)
    if count == ZERO:
        return x & ALL >> narrow
    result = sext(x << count, narrow)
    bits = M63 + ONE - narrow
    carried = (x & ALL >> narrow) >> (bits - count) & ONE if count <= bits else ZERO
    keep_carries(r, carried, ZERO, result >> M63 ^ carried, result)
    return result & ALL >> narrow


@inline
def shift_right(r, x, count, narrow):
    """x >> count, unsigned."""
    count &= count_mask(narrow)
    x &= ALL >> narrow
    if count == ZERO:
        return x
    before = x >> (count - ONE)
    keep_carries(r, before & ONE, ZERO, before >> (M63 - narrow), sext(before >> ONE, narrow))
    return before >> ONE


@inline
def shift_right_signed(r, x, count, narrow):
    """x >> count, signed."""
    count &= count_mask(narrow)
    x = sext(x, narrow)
    if count != ZERO:
        result = sra(x, count)
        keep_carries(r, sra(x, count - ONE) & ONE, ZERO, ZERO, result)
        x = result
    return x & ALL >> narrow


@inline
def rotated_left(x, count, narrow):
    """x rotated left by a count below its bits."""
    x &= ALL >> narrow
    bits = M63 + ONE - narrow
    return (x << count | x >> ((bits - count) & M63)) & ALL >> narrow if count else x


@inline
def set_rotated(r, carried, overflowed):
    """A rotation's flags: CF and OF; the others stay."""
    r[A] = (all_flags(r) & ~(CF | OF)) | carried | overflowed << OF_AT
    r[KIND] = EXPLICIT


@inline
def rotate_left(r, x, count, narrow):
    """x rotated left."""
    masked = count & count_mask(narrow)
    result = rotated_left(x, masked & (M63 - narrow), narrow)
    if masked != ZERO:
        carried = result & ONE
        set_rotated(r, carried, result >> (M63 - narrow) ^ carried)
    return result


@inline
def rotate_right(r, x, count, narrow):
    """x rotated right."""
    masked = count & count_mask(narrow)
    result = rotated_left(x, (ZERO - masked) & (M63 - narrow), narrow)
    if masked != ZERO:
        carried = result >> (M63 - narrow)
        set_rotated(r, carried, carried ^ (result >> ((M63 - narrow - ONE) & M63) & ONE))
    return result


@inline
def set_product(r, low, exact):
    """A multiplication's flags: CF and OF say that the low half is not the whole product; the others are left open."""
    over = ZERO if exact else ONE
    keep_carries(r, over, ZERO, over, low)


@inline
def multiply_signed(r, x, y, narrow):
    """x * y of less than 64 bits, signed."""
    product = sext(x, narrow) * sext(y, narrow)
    set_product(r, sext(product, narrow), product == sext(product, narrow))
    return product & ALL >> narrow


@inline
def take_bit(r, x, place):
    """CF = bit ``place`` of x, the rest stays; gives that bit."""
    bit = x >> place & ONE
    r[A] = (all_flags(r) & ~CF) | bit
    r[KIND] = EXPLICIT
    return bit << place
