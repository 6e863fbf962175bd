"""Coprocessor 1 to micro-ops: MIPS IV's single and double precision, with 32 registers of 64 bits.

What its tables lack is a reserved instruction; pairs of singles came later.  A result that is single, or a word, leaves
the register's high half alone.  ``madd`` and its like round the product, as the R10000 does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from replay.trace.schema import Kind
from tracegen.cpu import softfloat
from tracegen.cpu.float_ops import NAMES
from tracegen.mips64.lower.word import Lowering, Word, reserved, to_general
from tracegen.mips64.microops import CONDITION, FLOAT, FLOAT_TEMPORARY, SINK, MicroOp

COP1, COP1X, LWC1, LDC1, SWC1, SDC1 = 0x11, 0x13, 0x31, 0x35, 0x39, 0x3D
OPCODES = {COP1, COP1X, LWC1, LDC1, SWC1, SDC1}
SPECIAL, MOVE_ON_CONDITION, BRANCH = 0x00, 0x01, 8
S, D, W, L = 16, 17, 20, 21
"""Formats, where an instruction has ``rs``."""
LETTER = {S: "S", D: "D"}
SIGN = {S: 1 << 31, D: 1 << 63}
ONE = {S: struct.unpack(">I", struct.pack(">f", 1.0))[0], D: struct.unpack(">Q", struct.pack(">d", 1.0))[0]}
AS_FCSR_SAYS = 4


def is_float(w: Word) -> bool:
    """Whether coprocessor 1 must be usable for a word."""
    opcode = w.raw >> 26
    return opcode in OPCODES or (opcode == SPECIAL and w.raw & 0x3F == MOVE_ON_CONDITION)


def is_branch(w: Word) -> bool:
    """bc1f bc1t bc1fl bc1tl."""
    return w.raw >> 26 == COP1 and w.rs == BRANCH


def condition(w: Word) -> int:
    """The place of the condition code that a branch or a conditional move names."""
    return CONDITION + (w.rt >> 2)


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _calculate(how: int, kind: int, d: int, a: int, b: int) -> MicroOp:
    return MicroOp(NAMES[how] + LETTER[kind], d, a, b, how)


def _arithmetic(how: int) -> Lowering:
    return lambda w: [_calculate(how, w.rs, FLOAT + w.sa, FLOAT + w.rd, FLOAT + w.rt)]


def _root(w: Word) -> list[MicroOp]:
    return [_calculate(softfloat.ROOT, w.rs, FLOAT + w.sa, FLOAT + w.rd, FLOAT + w.rd)]


def _reciprocal(w: Word) -> list[MicroOp]:
    one = MicroOp("OR", FLOAT_TEMPORARY, 0, 0, ONE[w.rs])
    return [one, _calculate(softfloat.DIVIDE, w.rs, FLOAT + w.sa, FLOAT_TEMPORARY, FLOAT + w.rd)]


def _reciprocal_root(w: Word) -> list[MicroOp]:
    t = FLOAT_TEMPORARY
    return [
        _calculate(softfloat.ROOT, w.rs, t, FLOAT + w.rd, FLOAT + w.rd),
        MicroOp("OR", t + 1, 0, 0, ONE[w.rs]),
        _calculate(softfloat.DIVIDE, w.rs, FLOAT + w.sa, t + 1, t),
    ]


def _result(kind: int, d: int, value: int) -> MicroOp:
    """Register d = a value in a register: all of it, or the low half."""
    return MicroOp("OR", d, value) if kind == D else MicroOp("MERGEW", d, value)


def _multiply_add(how: int, negated: bool) -> Lowering:
    """madd msub nmadd nmsub: the format is in the low bits, the summand where others have ``rs``."""

    def lower(w: Word) -> list[MicroOp]:
        kind, t = S + (w.raw & 7), FLOAT_TEMPORARY
        product = _calculate(softfloat.MULTIPLY, kind, t, FLOAT + w.rd, FLOAT + w.rt)
        if not negated:
            return [product, _calculate(how, kind, FLOAT + w.sa, t, FLOAT + w.rs)]
        total = _calculate(how, kind, t, t, FLOAT + w.rs)
        return [product, total, MicroOp("XOR", t, t, 0, SIGN[kind]), _result(kind, FLOAT + w.sa, t)]

    return lower


def _with_sign(op: str) -> Lowering:
    """abs neg: of NaNs, too."""

    def lower(w: Word) -> list[MicroOp]:
        mask = SIGN[w.rs] if op == "XOR" else SIGN[w.rs] - 1
        if w.rs == D:
            return [MicroOp(op, FLOAT + w.sa, FLOAT + w.rd, 0, mask)]
        return [MicroOp(op, FLOAT_TEMPORARY, FLOAT + w.rd, 0, mask), _result(S, FLOAT + w.sa, FLOAT_TEMPORARY)]

    return lower


def _move(w: Word) -> list[MicroOp]:
    return [_result(w.rs, FLOAT + w.sa, FLOAT + w.rd)]


def _move_if(op: str, register: Callable[[Word], int]) -> Lowering:
    """mov.fmt where a register is zero (MOVZ) or is not."""

    def lower(w: Word) -> list[MicroOp]:
        d, a, t = FLOAT + w.sa, FLOAT + w.rd, FLOAT_TEMPORARY
        if w.rs == D:
            return [MicroOp(op, d, a, register(w))]
        return [MicroOp("OR", t, d), _result(S, t, a), MicroOp(op, d, t, register(w))]

    return lower


def _move_on_condition(w: Word) -> list[MicroOp]:
    """movf movt, of floating-point registers."""
    return reserved() if w.rt & 2 else _move_if("MOVN" if w.rt & 1 else "MOVZ", condition)(w)


def _compare(conditions: int) -> Lowering:
    def lower(w: Word) -> list[MicroOp]:
        if w.raw >> 6 & 3:
            return reserved()
        op = "COMPARE" + LETTER[w.rs]
        return [MicroOp(op, CONDITION + (w.sa >> 2), FLOAT + w.rd, FLOAT + w.rt, 0, conditions & 7)]

    return lower


def _convert(target: int, mode: int) -> Lowering:
    """cvt round trunc ceil floor."""
    quick = {(W, D): "CVT_D_W", (S, D): "WIDEN", (D, S): "NARROW", (D, W, 1): "TRUNC_W_D"}

    def lower(w: Word) -> list[MicroOp]:
        op = quick.get((w.rs, target) if mode == AS_FCSR_SAYS else (w.rs, target, mode))
        if op:
            return [MicroOp(op, FLOAT + w.sa, FLOAT + w.rd)]
        return [MicroOp("CONVERT", FLOAT + w.sa, FLOAT + w.rd, 0, w.rs | target << 8 | mode << 16)]

    return lower


BOTH = (S, D)
FUNCTIONS: dict[tuple[int, int], Lowering] = {}
"""(format, function) -> lowering, of COP1."""
for _format in BOTH:
    FUNCTIONS |= {(_format, how): _arithmetic(how) for how in range(4)}
    FUNCTIONS |= {(_format, 0x30 + n): _compare(n) for n in range(16)}
    for _place, _mode in enumerate((0, 1, 2, 3)):  # round trunc ceil floor
        FUNCTIONS |= {(_format, 8 + _place): _convert(L, _mode), (_format, 12 + _place): _convert(W, _mode)}
    FUNCTIONS |= {
        (_format, 4): _root, (_format, 5): _with_sign("AND"), (_format, 6): _move, (_format, 7): _with_sign("XOR"),
        (_format, 0x11): _move_on_condition,
        (_format, 0x12): _move_if("MOVZ", lambda w: w.rt), (_format, 0x13): _move_if("MOVN", lambda w: w.rt),
        (_format, 0x15): _reciprocal, (_format, 0x16): _reciprocal_root,
        (_format, 0x24): _convert(W, AS_FCSR_SAYS), (_format, 0x25): _convert(L, AS_FCSR_SAYS),
    }  # fmt: skip
for _format in (D, W, L):
    FUNCTIONS[_format, 0x20] = _convert(S, AS_FCSR_SAYS)
for _format in (S, W, L):
    FUNCTIONS[_format, 0x21] = _convert(D, AS_FCSR_SAYS)

# -- moves to and from memory and general registers -------------------------------------------------------------------

TRANSFERS: dict[int, Lowering] = {
    0: lambda w: [MicroOp("ADDW", to_general(w.rt), FLOAT + w.rd)],
    1: lambda w: [MicroOp("OR", to_general(w.rt), FLOAT + w.rd)],
    2: lambda w: [MicroOp("CFC1", to_general(w.rt), 0, w.rd)],
    4: lambda w: [MicroOp("MERGEW", FLOAT + w.rd, w.rt)],
    5: lambda w: [MicroOp("OR", FLOAT + w.rd, w.rt)],
    6: lambda w: [MicroOp("CTC1", SINK, w.rt, w.rd)],
}
"""mfc1 dmfc1 cfc1 mtc1 dmtc1 ctc1, by ``rs``."""
ACCESSES = {
    LWC1: ("LWM", Kind.LOAD4, 3), LDC1: ("LD", Kind.LOAD8, 7),
    SWC1: ("SW", Kind.STORE4, 3), SDC1: ("SD", Kind.STORE8, 7),
}  # fmt: skip
INDEXED = {0: LWC1, 1: LDC1, 8: SWC1, 9: SDC1}
"""Functions of COP1X."""
PREFETCH = 0x0F


def _access(opcode: int, register: int, base: int, offset: int) -> MicroOp:
    op, kind, aligned = ACCESSES[opcode]
    return MicroOp(op, FLOAT + register, base, int(kind), offset, aligned)


def _indexed(w: Word) -> list[MicroOp]:
    function = w.raw & 0x3F
    if function == PREFETCH:
        return [MicroOp("OR")]
    if function in INDEXED:
        opcode = INDEXED[function]
        register = w.rd if opcode in (SWC1, SDC1) else w.sa
        return [MicroOp("ADD", FLOAT_TEMPORARY, w.rs, w.rt), _access(opcode, register, FLOAT_TEMPORARY, 0)]
    if function >> 3 in MULTIPLY_ADD and function & 7 in (0, 1):
        return MULTIPLY_ADD[function >> 3](w)
    return reserved()


MULTIPLY_ADD = {
    4: _multiply_add(softfloat.ADD, negated=False), 5: _multiply_add(softfloat.SUBTRACT, negated=False),
    6: _multiply_add(softfloat.ADD, negated=True), 7: _multiply_add(softfloat.SUBTRACT, negated=True),
}  # fmt: skip


def lower(w: Word) -> list[MicroOp]:
    """The micro-ops of a word of coprocessor 1 that is no branch."""
    opcode = w.raw >> 26
    if opcode == SPECIAL:  # movf movt
        good = not w.rt & 2 and not w.sa
        return [MicroOp("MOVN" if w.rt & 1 else "MOVZ", to_general(w.rd), w.rs, condition(w))] if good else reserved()
    if opcode == COP1X:
        return _indexed(w)
    if opcode in ACCESSES:
        return [_access(opcode, w.rt, w.rs, w.simm)]
    if w.rs in TRANSFERS:
        return TRANSFERS[w.rs](w) if not w.raw & 0x7FF else reserved()
    found = FUNCTIONS.get((w.rs, w.raw & 0x3F))
    return found(w) if found else reserved()
