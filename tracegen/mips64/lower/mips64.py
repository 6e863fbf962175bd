"""MIPS IV (64-bit, big-endian) to micro-ops, but for coprocessor 1.

capstone names the instruction; the operands are read from the word's fixed fields, because capstone prints aliases
("move" for three different instructions).  A name that the tables lack is a reserved instruction of this CPU.
``tracegen.mips64.lower.block`` puts instructions together into blocks.
"""

from __future__ import annotations

from typing import NamedTuple

from replay.trace.schema import Arrival, Kind
from tracegen.abi import PAGE_BYTES
from tracegen.mips64.lower import floats
from tracegen.mips64.lower.word import Lowering, Word, raising, reserved, to_general
from tracegen.mips64.microops import HI, LO, SINK, MicroOp
from tracegen.mips64.ops.branch import FAR, NEAR, REGION, REGISTER
from tracegen.mips64.state import CAUSE, COMPARE, COUNT_REGISTER, CP0, ENTRY_HI, STATUS, Exc

RA = 31


# -- plain instructions: mnemonic -> micro-ops of a word --------------------------------------------------------------


def _three(op: str) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rd), w.rs, w.rt)]


def _signed(op: str) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rt), w.rs, 0, w.simm)]


def _unsigned(op: str) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rt), w.rs, 0, w.uimm)]


def _shift(op: str, more: int = 0) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rd), w.rt, 0, w.sa + more)]


def _shift_by(op: str) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rd), w.rt, w.rs)]


def _multiply(op: str) -> Lowering:
    return lambda w: [MicroOp(op, LO, w.rs, w.rt)] if w.rd == 0 else reserved()


def _move_from(register: int) -> Lowering:
    return lambda w: [MicroOp("OR", to_general(w.rd), register)] if w.rs == 0 else reserved()


def _moveto_general(register: int) -> Lowering:
    return lambda w: [MicroOp("OR", register, w.rs)] if w.rd == 0 else reserved()


def _access(op: str, kind: Kind, aligned: int) -> Lowering:
    return lambda w: [MicroOp(op, w.rt if op[0] == "S" else to_general(w.rt), w.rs, int(kind), w.simm, aligned)]


def _partial(op: str) -> Lowering:
    return lambda w: [MicroOp(op, to_general(w.rt), w.rs, w.rt, w.simm)]


def _trap(op: str) -> Lowering:
    return lambda w: [MicroOp(op, SINK, w.rs, w.rt)]


def _trap_immediate(op: str) -> Lowering:
    return lambda w: [MicroOp(op, SINK, w.rs, 0, w.simm)]


def _nothing(_: Word) -> list[MicroOp]:
    return [MicroOp("OR")]


def _cp0_move(op: str) -> Lowering:
    def lower(w: Word) -> list[MicroOp]:
        if w.raw & 0x7FF:
            return reserved()
        return [MicroOp(op, to_general(w.rt), w.rt, w.rd)]

    return lower


def _cp0(op: str) -> Lowering:
    return lambda _: [MicroOp(op)]


def _ori(w: Word) -> list[MicroOp]:
    if w.rs == 0 and w.rt == 0 and w.uimm:
        return [MicroOp("ANNOUNCE", imm=w.uimm)]
    return [MicroOp("OR", to_general(w.rt), w.rs, 0, w.uimm)]


def _move(w: Word) -> list[MicroOp]:
    return _three({0x21: "ADDW", 0x2D: "ADD"}.get(w.raw & 0x3F, "OR"))(w)


_LOADS = {
    "lb": ("LB", Kind.LOAD1, 0), "lbu": ("LBU", Kind.LOAD1, 0), "lh": ("LH", Kind.LOAD2, 1),
    "lhu": ("LHU", Kind.LOAD2, 1), "lw": ("LW", Kind.LOAD4, 3), "lwu": ("LWU", Kind.LOAD4, 3),
    "ld": ("LD", Kind.LOAD8, 7), "sb": ("SB", Kind.STORE1, 0), "sh": ("SH", Kind.STORE2, 1),
    "sw": ("SW", Kind.STORE4, 3), "sd": ("SD", Kind.STORE8, 7),
}  # fmt: skip

PLAIN: dict[str, Lowering] = {
    "addu": _three("ADDW"), "daddu": _three("ADD"), "subu": _three("SUBW"), "dsubu": _three("SUB"),
    "and": _three("AND"), "or": _three("OR"), "xor": _three("XOR"), "nor": _three("NOR"), "not": _three("NOR"),
    "slt": _three("SLT"), "sltu": _three("SLTU"), "movz": _three("MOVZ"), "movn": _three("MOVN"),
    "move": _move, "negu": _three("SUBW"), "neg": _three("SUBW_TRAP"),
    "add": _three("ADDW_TRAP"), "dadd": _three("ADD_TRAP"), "sub": _three("SUBW_TRAP"), "dsub": _three("SUB_TRAP"),
    "addi": _signed("ADDW_TRAP"), "daddi": _signed("ADD_TRAP"),
    "addiu": _signed("ADDW"), "daddiu": _signed("ADD"), "slti": _signed("SLT"), "sltiu": _signed("SLTU"),
    "andi": _unsigned("AND"), "ori": _ori, "xori": _unsigned("XOR"),
    "lui": lambda w: [MicroOp("OR", to_general(w.rt), 0, 0, w.simm << 16)],
    "sll": _shift("SLLW"), "srl": _shift("SRLW"), "sra": _shift("SRAW"),
    "dsll": _shift("SLL"), "dsrl": _shift("SRL"), "dsra": _shift("SRA"),
    "dsll32": _shift("SLL", 32), "dsrl32": _shift("SRL", 32), "dsra32": _shift("SRA", 32),
    "sllv": _shift_by("SLLW"), "srlv": _shift_by("SRLW"), "srav": _shift_by("SRAW"),
    "dsllv": _shift_by("SLL"), "dsrlv": _shift_by("SRL"), "dsrav": _shift_by("SRA"),
    "mult": _multiply("MULTW"), "multu": _multiply("MULTUW"), "dmult": _multiply("MULT"), "dmultu": _multiply("MULTU"),
    "div": _multiply("DIVW"), "divu": _multiply("DIVUW"), "ddiv": _multiply("DIV"), "ddivu": _multiply("DIVU"),
    "mfhi": _move_from(HI), "mflo": _move_from(LO), "mthi": _moveto_general(HI), "mtlo": _moveto_general(LO),
    "nop": _nothing, "ssnop": _nothing, "ehb": _nothing, "pause": _nothing, "sync": _nothing, "pref": _nothing,
    "teq": _trap("TEQ"), "tne": _trap("TNE"), "tge": _trap("TGE"),
    "tgeu": _trap("TGEU"), "tlt": _trap("TLT"), "tltu": _trap("TLTU"),
    "teqi": _trap_immediate("TEQ"), "tnei": _trap_immediate("TNE"), "tgei": _trap_immediate("TGE"),
    "tgeiu": _trap_immediate("TGEU"), "tlti": _trap_immediate("TLT"), "tltiu": _trap_immediate("TLTU"),
    "syscall": lambda _: raising(Exc.SYS), "break": lambda _: raising(Exc.BP),
    "mfc0": _cp0_move("MFC0"), "dmfc0": _cp0_move("DMFC0"), "mtc0": _cp0_move("MTC0"), "dmtc0": _cp0_move("DMTC0"),
    "tlbr": _cp0("TLBR"), "tlbwi": _cp0("TLBWI"), "tlbwr": _cp0("TLBWR"), "tlbp": _cp0("TLBP"),
    "eret": _cp0("ERET"), "wait": _cp0("WAIT"), "cache": _cp0("CACHE"),
    **{name: _access(*row) for name, row in _LOADS.items()},
    **{name.lower(): _partial(name) for name in "LWL LWR LDL LDR SWL SWR SDL SDR LL LLD SC SCD".split()},
}  # fmt: skip

ENDS_BLOCK = {"TLBR", "TLBWI", "TLBWR", "CACHE"}
"""Micro-ops after which fetching must look its page up again."""
ENDS_BLOCK_BY_REGISTER = {register - CP0 for register in (COUNT_REGISTER, ENTRY_HI, COMPARE, STATUS, CAUSE)}
"""CP0 registers a write of which does so too, or may make an interrupt possible."""
NEVER_FALLS_THROUGH = {"RAISE", "ERET", "WAIT", "RESERVED_MOVE"}

COPROCESSOR_2 = {0x12, 0x32, 0x36, 0x3A, 0x3E}

SPECIAL, COP0, COP1 = 0x00, 0x10, 0x11
WIDE_OPCODES = {0x18, 0x19, 0x1A, 0x1B, 0x27, 0x2C, 0x2D, 0x34, 0x37, 0x3C, 0x3F}
"""daddi daddiu ldl ldr lwu sdl sdr lld ld scd sd."""
WIDE_FUNCTIONS = {0x14, 0x16, 0x17, *range(0x1C, 0x20), *range(0x2C, 0x30), 0x38, 0x3A, 0x3B, 0x3C, 0x3E, 0x3F}
"""Of SPECIAL: shifts, multiply and divide, add and subtract of doublewords."""
WIDE_MOVES = {1, 5}
"""Of COP0 and COP1: dmfc0, dmtc0, dmfc1, dmtc1."""


def ends_block(op: MicroOp) -> bool:
    """Whether a block is cut behind this micro-op."""
    return op.op in ENDS_BLOCK or (op.op in ("MTC0", "DMTC0") and op.b in ENDS_BLOCK_BY_REGISTER)


def unusable_coprocessor(raw: int) -> int:
    """The coprocessor that a word addresses and this CPU lacks; 0 if none."""
    return 2 if raw >> 26 in COPROCESSOR_2 else 0


def is_wide(w: Word) -> bool:
    """Whether a word is a 64-bit operation, which user and supervisor mode may lack (Status.UX, Status.SX)."""
    opcode = w.raw >> 26
    if opcode == SPECIAL:
        return w.raw & 0x3F in WIDE_FUNCTIONS
    return w.rs in WIDE_MOVES if opcode in (COP0, COP1) else opcode in WIDE_OPCODES


def wide_reserved(name: str) -> list[MicroOp]:
    """What a 64-bit operation does there; a move of coprocessor 0 asks first whether the coprocessor is usable."""
    return [MicroOp("RESERVED_MOVE")] if name in ("dmfc0", "dmtc0") else reserved()


# -- branches ---------------------------------------------------------------------------------------------------------


class Branch(NamedTuple):
    """A control transfer: its condition, where it goes, and what it links."""

    op: str  # micro-op of the condition
    a: int  # registers that it compares
    b: int
    style: int
    target: int  # immediate: byte offset from the page, or the low 28 bits; register number for REGISTER
    arrival: Arrival
    link: int  # register that takes the return address, 0 for none
    likely: bool


INVERSE = {"BEQ": "BNE", "BNE": "BEQ", "BLEZ": "BGTZ", "BGTZ": "BLEZ", "BLTZ": "BGEZ", "BGEZ": "BLTZ"}
CONDITIONS = {
    "beq": "BEQ", "bne": "BNE", "blez": "BLEZ", "bgtz": "BGTZ", "bltz": "BLTZ", "bgez": "BGEZ",
    "beqz": "BEQ", "bnez": "BNE", "b": "BEQ", "bal": "BGEZ", "bltzal": "BLTZ", "bgezal": "BGEZ",
}  # fmt: skip
CONDITIONS |= {name + "l": op for name, op in CONDITIONS.items() if name not in ("b", "bal", "beqz", "bnez")}
MNEMONICS = {*PLAIN, *CONDITIONS, "j", "jal", "jr", "jalr"}
"""capstone's name of every instruction that this CPU has."""


def branch_of(name: str, w: Word, place: int) -> Branch | None:
    """The branch that a word at word ``place`` of its page is, or None."""
    if name in ("j", "jal"):
        call = name == "jal"
        arrival = Arrival.CALL if call else Arrival.JUMP
        return Branch("JUMP", 0, 0, REGION, (w.raw & 0x3FFFFFF) << 2, arrival, RA if call else 0, False)
    if name == "jr":
        return Branch("JUMP", 0, 0, REGISTER, w.rs, Arrival.RETURN if w.rs == RA else Arrival.INDIRECT, 0, False)
    if name == "jalr":
        return Branch("JUMP", 0, 0, REGISTER, w.rs, Arrival.CALL, w.rd, False)
    target = (place + 1 + w.simm) * 4
    style = NEAR if 0 <= target < PAGE_BYTES else FAR
    if floats.is_branch(w):
        condition = "BNE" if w.rt & 1 else "BEQ"
        return Branch(condition, floats.condition(w), 0, style, target, Arrival.JUMP, 0, bool(w.rt & 2))
    condition = CONDITIONS.get(name, "")
    if not condition:
        return None
    linking = w.raw >> 26 == 1 and bool(w.rt & 0x10)
    arrival = Arrival.CALL if linking else Arrival.JUMP
    likely = w.raw >> 26 >= 0x14 or (w.raw >> 26 == 1 and bool(w.rt & 2))
    if (condition, w.rs, w.rt) == ("BEQ", w.rt, w.rs) or (condition == "BGEZ" and w.rs == 0):
        condition = "JUMP"
    b = w.rt if condition in ("BEQ", "BNE") else 0
    return Branch(condition, w.rs, b, style, target, arrival, RA if linking else 0, likely)
