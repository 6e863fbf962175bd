"""Floating point of this CPU alone; the rest is ``tracegen.cpu.float_ops``."""

from __future__ import annotations

from tracegen.cpu.float_ops import MOVES, Entry

REGISTERS: dict[str, Entry] = {
    **MOVES,
    "COMPARED": "holds(double(x), double(y), u >> {EXTRA} & {EXTRA_MASK})",
    "COMPARES": "holds(single(x), single(y), u >> {EXTRA} & {EXTRA_MASK})",
    "CVT_D_W": "bits(np.float64(np.int64(sext32(x))))",
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
