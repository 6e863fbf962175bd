"""Operations on registers.  ``x`` is register a, ``y`` is register b plus the immediate; the value goes to d.

A pair (statement, value) also does something else first.  Names that end in 32 are those of 32-bit operands, whose
values are zero-extended; those with _F set flags, for operands of any size if no number says which.
"""

from __future__ import annotations

from tracegen.x86_64.ops.conditions import CONDITIONS

NARROW = "u >> {NARROW}"
PAIR = "p, q = r[u >> {B} & BYTE], r[(u >> {B} & BYTE) + ONE]"

Entry = str | tuple[str, str]

PLAIN: dict[str, Entry] = {
    "ADD": "x + y",
    "ADD32": "(x + y) & LOW32",
    "SUB": "x - y",
    "SUB32": "(x - y) & LOW32",
    "AND": "x & y",
    "AND32": "x & y & LOW32",
    "OR": "x | y",
    "OR32": "(x | y) & LOW32",
    "XOR": "x ^ y",
    "XOR32": "(x ^ y) & LOW32",
    "SHL": "x << (y & M63)",
    "SHL32": "x << (y & M31) & LOW32",
    "SHR": "x >> (y & M63)",
    "SHR32": "(x & LOW32) >> (y & M31)",
    "SAR": "sra(x, y & M63)",
    "SAR32": "sra(sext32(x), y & M31) & LOW32",
    "ROL": "rotated_left(x, y & M63, ZERO)",
    "ROL32": "rotated_left(x, y & M31, M32)",
    "ROR": "rotated_left(x, (ZERO - y) & M63, ZERO)",
    "ROR32": "rotated_left(x, (ZERO - y) & M31, M32)",
    "SEXT8": "sext(x, U56)",
    "SEXT16": "sext(x, U48)",
    "SEXT32": "sext32(x)",
    "SEXT8_32": "sext(x, U56) & LOW32",
    "SEXT16_32": "sext(x, U48) & LOW32",
    "LEA": "x + (r[u >> {B} & BYTE] << (u >> {SCALE} & THREE)) + imm",
    "LEA32": "(x + (r[u >> {B} & BYTE] << (u >> {SCALE} & THREE)) + imm) & LOW32",
    "MERGE8": "(r[d] & ~BYTE) | ((x + y) & BYTE)",
    "MERGE8H": "(r[d] & ~HIGH_BYTE) | ((x + y) << EIGHT & HIGH_BYTE)",
    "MERGE16": "(r[d] & ~LOW16) | ((x + y) & LOW16)",
    "IMUL": "x * y",
    "IMUL32": "x * y & LOW32",
    "BSWAP": "swapped(x)",
    "BSWAP32": "swapped(x) >> M32",
}

FLAGS: dict[str, Entry] = {
    "ADD_F64": "add(r, x, y, ZERO)",
    "ADD_F32": "add(r, x, y, M32)",
    "ADD_F": f"add(r, x, y, {NARROW})",
    "SUB_F64": "subtract(r, x, y, ZERO)",
    "SUB_F32": "subtract(r, x, y, M32)",
    "SUB_F": f"subtract(r, x, y, {NARROW})",
    "AND_F64": "logic(r, x & y, ZERO)",
    "AND_F32": "logic(r, x & y, M32)",
    "AND_F": f"logic(r, x & y, {NARROW})",
    "OR_F": f"logic(r, x | y, {NARROW})",
    "XOR_F": f"logic(r, x ^ y, {NARROW})",
    "ADC_F": f"add_carry(r, x, y, {NARROW})",
    "SBB_F": f"subtract_carry(r, x, y, {NARROW})",
    "INC_F": f"increment(r, x, {NARROW})",
    "DEC_F": f"decrement(r, x, {NARROW})",
    "SHL_F": f"shift_left(r, x, y, {NARROW})",
    "SHR_F": f"shift_right(r, x, y, {NARROW})",
    "SAR_F": f"shift_right_signed(r, x, y, {NARROW})",
    "IMUL_F64": ("product = x * y; set_product(r, product, mulh(x, y) == sra(product, M63))", "product"),
    "IMUL_F": f"multiply_signed(r, x, y, {NARROW})",
    "MUL64": ("r[RDX] = mulhu(x, y); set_product(r, x * y, r[RDX] == ZERO)", "x * y"),
    "MUL32": (
        "product = (x & LOW32) * (y & LOW32); r[RDX] = product >> M32; set_product(r, sext32(product), r[RDX] == ZERO)",
        "product & LOW32",
    ),
    "IMUL64": ("product = x * y; r[RDX] = mulh(x, y); set_product(r, product, r[RDX] == sra(product, M63))", "product"),
    "BT_F": ("take_bit(r, x, y & (M63 - (" + NARROW + ")))", "x"),
}

TABLE: dict[str, Entry] = {
    **PLAIN,
    **FLAGS,
    **{f"SET{c}": (PAIR, f"(r[d] & ~BYTE) | np.uint64({text})") for c, text in CONDITIONS.items()},
    "SET_ANY": "(r[d] & ~BYTE) | condition(r, imm)",
    **{f"CMOV{c}": (PAIR, f"(x if {text} else r[d]) & imm") for c, text in CONDITIONS.items()},
    "CMOV_ANY": "(x if condition(r, r[u >> {B} & BYTE] + (u >> {NARROW})) else r[d]) & imm",
}
"""SETcc writes a low byte; CMOVcc keeps or takes, and masks with the immediate.  What they compare are register b and
the one after it; the code of any other condition is SET_ANY's immediate and CMOV_ANY's narrow field."""
