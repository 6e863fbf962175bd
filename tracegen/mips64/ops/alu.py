"""Operations on registers.  ``x`` is register a, ``y`` is register b plus the immediate; the value goes to d.

A pair (statement, value) also does something else first.  ``page`` is the virtual address of the code page.
"""

from __future__ import annotations

TABLE: dict[str, str | tuple[str, str]] = {
    "ADD": "x + y",
    "ADDW": "sext32(x + y)",
    "SUB": "x - y",
    "SUBW": "sext32(x - y)",
    "AND": "x & y",
    "OR": "x | y",
    "XOR": "x ^ y",
    "NOR": "~(x | y)",
    "SLT": "slt(x, y)",
    "SLTU": "sltu(x, y)",
    "SLL": "x << (y & M63)",
    "SRL": "x >> (y & M63)",
    "SRA": "sra(x, y & M63)",
    "SLLW": "sext32(x << (y & M31))",
    "SRLW": "sext32((x & LOW32) >> (y & M31))",
    "SRAW": "sra(sext32(x), y & M31)",
    "MOVZ": "x if y == ZERO else r[d]",
    "MOVN": "x if y != ZERO else r[d]",
    "LINK": "page + y",
    "MULTW": ("product = sext32(x) * sext32(y); r[HI] = sra(product, M32)", "sext32(product)"),
    "MULTUW": ("product = (x & LOW32) * (y & LOW32); r[HI] = sra(product, M32)", "sext32(product)"),
    "MULT": ("r[HI] = mulh(x, y)", "x * y"),
    "MULTU": ("r[HI] = mulhu(x, y)", "x * y"),
    "DIVW": (
        "r[HI] = sext32(signed_remainder(sext32(x), sext32(y)))",
        "sext32(signed_quotient(sext32(x), sext32(y)))",
    ),
    "DIVUW": ("r[HI] = sext32(remainder(x & LOW32, y & LOW32))", "sext32(quotient(x & LOW32, y & LOW32))"),
    "DIV": ("r[HI] = signed_remainder(x, y)", "signed_quotient(x, y)"),
    "DIVU": ("r[HI] = remainder(x, y)", "quotient(x, y)"),
}
