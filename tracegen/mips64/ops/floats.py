"""Floating point.  ``x`` and ``y`` are registers a and b; the immediate is the operation's number in ``softfloat``."""

from __future__ import annotations

DOUBLES = {"ADDD": "xd + yd", "SUBD": "xd - yd", "MULD": "xd * yd", "DIVD": "xd / yd", "SQRTD": "root(xd)"}
"""The value that goes to register d; a result that is no number, or one to be rounded otherwise, is made again."""

SINGLES = {"ADDS": "xs + ys", "SUBS": "xs - ys", "MULS": "xs * ys", "DIVS": "xs / ys", "SQRTS": "root_of_single(xs)"}
"""The value that goes to the low half of register d."""

MOVES = {
    "MERGEW": "(r[d] & HIGH) | (x + y & LOW32)",
    "COMPARED": "holds(double(x), double(y), u >> {EXTRA} & {EXTRA_MASK})",
    "COMPARES": "holds(single(x), single(y), u >> {EXTRA} & {EXTRA_MASK})",
    "CVT_D_W": "bits(np.float64(np.int64(sext32(x))))",
    "CVT_D_S": "widened(r, x)",
    "CVT_S_D": "(r[d] & HIGH) | narrowed(r, x)",
    "TRUNC_W_D": "(r[d] & HIGH) | truncated(x)",
}
"""Among the operations on registers."""

USABLE = {"FLOAT": "coprocessor 1"}
"""Whether it may be used now: before the first of its instructions in each block."""

RARE = {
    "CONVERT": "convert(r, d, r[a], imm)",
    "CFC1": "read_control(r, d, b)",
    "CTC1": "write_control(r, b, r[a])",
}
