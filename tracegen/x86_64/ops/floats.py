"""Floating point of this CPU alone; the rest is ``tracegen.cpu.float_ops``."""

from __future__ import annotations

from tracegen.cpu.float_ops import MOVES, Entry

REGISTERS: dict[str, Entry] = {
    **MOVES,
    "ORDERD": "order(r, double(x), double(y))",
    "ORDERS": "order(r, single(x), single(y))",
    "MASKD": "ZERO - holds(double(x), double(y), u >> {KIND} & M15)",
    "MASKS": "(r[d] & HIGH) | (ZERO - holds(single(x), single(y), u >> {KIND} & M15) & LOW32)",
    "MIND": "x if double(x) < double(y) else y",
    "MAXD": "x if double(x) > double(y) else y",
    "MINS": "(r[d] & HIGH) | (x if single(x) < single(y) else y) & LOW32",
    "MAXS": "(r[d] & HIGH) | (x if single(x) > single(y) else y) & LOW32",
    "FROM_SIGNED": "from_signed(r, x)",
    "TRUNCATE32": "truncated_32(x)",
    "TRUNCATE64": "truncated_64(x)",
}
"""Among the operations on registers."""

USABLE = {"SSE": "usable"}
"""Whether SSE may be used now: before the first of its instructions in each block."""

RARE = {
    "INTEGER_OF": "integer_of(r, d, r[a], b, imm)",
    "SINGLE_OF": "single_of(r, d, r[a])",
    "LDMXCSR": "load_control(core, r[a])",
}
