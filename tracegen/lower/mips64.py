"""MIPS IV (64-bit, big-endian, no floating point) to micro-ops.

capstone names the instruction; the operands are read from the word's fixed fields, because capstone prints aliases
("move" for three different instructions).  A name that the tables lack is a reserved instruction of this CPU.
Delay slots are lowered in front of their branch, so that a branch micro-op ends both instructions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import capstone

from replay.trace.schema import Arrival, Kind
from tracegen.cpu.state import Exc
from tracegen.microops import HI, LO, SINK, STAY, TARGET, TARGET_ARRIVAL, TEMPORARY, MicroOp
from tracegen.ops.branch import FAR, NEAR, REGION, REGISTER

PAGE_WORDS = 1024
LINE_WORDS = 16
BLOCK_INSTRUCTIONS = 64
"""A block is cut at the first line boundary after this many instructions."""
DECODE_AHEAD = 24
"""Words decoded at once: capstone decodes all it is given."""
RA = 31

_disassembler = capstone.Cs(capstone.CS_ARCH_MIPS, capstone.CS_MODE_MIPS64 | capstone.CS_MODE_BIG_ENDIAN)


class Word(NamedTuple):
    """The fixed fields of an instruction word."""

    raw: int

    @property
    def rs(self) -> int:
        """Bits 25-21."""
        return self.raw >> 21 & 31

    @property
    def rt(self) -> int:
        """Bits 20-16."""
        return self.raw >> 16 & 31

    @property
    def rd(self) -> int:
        """Bits 15-11."""
        return self.raw >> 11 & 31

    @property
    def sa(self) -> int:
        """Bits 10-6, the shift amount."""
        return self.raw >> 6 & 31

    @property
    def simm(self) -> int:
        """The 16-bit immediate, sign-extended."""
        return (self.raw & 0xFFFF) - ((self.raw & 0x8000) << 1)

    @property
    def uimm(self) -> int:
        """The 16-bit immediate, zero-extended."""
        return self.raw & 0xFFFF


def _to(register: int) -> int:
    return register or SINK


# -- plain instructions: mnemonic -> micro-ops of a word --------------------------------------------------------------

Lowering = Callable[[Word], list[MicroOp]]


def _three(op: str) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rd), w.rs, w.rt)]


def _signed(op: str) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rt), w.rs, 0, w.simm)]


def _unsigned(op: str) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rt), w.rs, 0, w.uimm)]


def _shift(op: str, more: int = 0) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rd), w.rt, 0, w.sa + more)]


def _shift_by(op: str) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rd), w.rt, w.rs)]


def _multiply(op: str) -> Lowering:
    return lambda w: [MicroOp(op, LO, w.rs, w.rt)] if w.rd == 0 else reserved()


def _move_from(register: int) -> Lowering:
    return lambda w: [MicroOp("OR", _to(w.rd), register)] if w.rs == 0 else reserved()


def _move_to(register: int) -> Lowering:
    return lambda w: [MicroOp("OR", register, w.rs)] if w.rd == 0 else reserved()


def _access(op: str, kind: Kind, aligned: int) -> Lowering:
    return lambda w: [MicroOp(op, w.rt if op[0] == "S" else _to(w.rt), w.rs, int(kind), w.simm, aligned)]


def _partial(op: str) -> Lowering:
    return lambda w: [MicroOp(op, _to(w.rt), w.rs, w.rt, w.simm)]


def _trap(op: str) -> Lowering:
    return lambda w: [MicroOp(op, SINK, w.rs, w.rt)]


def _trap_immediate(op: str) -> Lowering:
    return lambda w: [MicroOp(op, SINK, w.rs, 0, w.simm)]


def _raise(code: Exc, unit: int = 0) -> list[MicroOp]:
    return [MicroOp("RAISE", SINK, 0, unit, code)]


def reserved() -> list[MicroOp]:
    """The micro-op of a word that this CPU does not know."""
    return _raise(Exc.RI)


def _nothing(_: Word) -> list[MicroOp]:
    return [MicroOp("OR")]


def _cp0_move(op: str) -> Lowering:
    def lower(w: Word) -> list[MicroOp]:
        if w.raw & 0x7FF:
            return reserved()
        return [MicroOp(op, _to(w.rt), w.rt, w.rd)]

    return lower


def _cp0(op: str) -> Lowering:
    return lambda _: [MicroOp(op)]


def _ori(w: Word) -> list[MicroOp]:
    if w.rs == 0 and w.rt == 0 and w.uimm:
        return [MicroOp("ANNOUNCE", imm=w.uimm)]
    return [MicroOp("OR", _to(w.rt), w.rs, 0, w.uimm)]


def _move(w: Word) -> list[MicroOp]:
    return _three({0x21: "ADDW", 0x2D: "ADD"}.get(w.raw & 0x3F, "OR"))(w)


def _negate(w: Word) -> list[MicroOp]:
    return _three("SUBW" if w.raw & 0x3F == 0x23 else "SUB")(w)


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
    "move": _move, "negu": _negate, "neg": _negate, "dneg": _negate, "dnegu": _negate,
    "add": _three("ADDW_TRAP"), "dadd": _three("ADD_TRAP"), "sub": _three("SUBW_TRAP"), "dsub": _three("SUB_TRAP"),
    "addi": _signed("ADDW_TRAP"), "daddi": _signed("ADD_TRAP"),
    "addiu": _signed("ADDW"), "daddiu": _signed("ADD"), "slti": _signed("SLT"), "sltiu": _signed("SLTU"),
    "andi": _unsigned("AND"), "ori": _ori, "xori": _unsigned("XOR"),
    "lui": lambda w: [MicroOp("OR", _to(w.rt), 0, 0, w.simm << 16)],
    "sll": _shift("SLLW"), "srl": _shift("SRLW"), "sra": _shift("SRAW"),
    "dsll": _shift("SLL"), "dsrl": _shift("SRL"), "dsra": _shift("SRA"),
    "dsll32": _shift("SLL", 32), "dsrl32": _shift("SRL", 32), "dsra32": _shift("SRA", 32),
    "sllv": _shift_by("SLLW"), "srlv": _shift_by("SRLW"), "srav": _shift_by("SRAW"),
    "dsllv": _shift_by("SLL"), "dsrlv": _shift_by("SRL"), "dsrav": _shift_by("SRA"),
    "mult": _multiply("MULTW"), "multu": _multiply("MULTUW"), "dmult": _multiply("MULT"), "dmultu": _multiply("MULTU"),
    "div": _multiply("DIVW"), "divu": _multiply("DIVUW"), "ddiv": _multiply("DIV"), "ddivu": _multiply("DIVU"),
    "mfhi": _move_from(HI), "mflo": _move_from(LO), "mthi": _move_to(HI), "mtlo": _move_to(LO),
    "nop": _nothing, "ssnop": _nothing, "ehb": _nothing, "sync": _nothing, "pref": _nothing,
    "teq": _trap("TEQ"), "tne": _trap("TNE"), "tge": _trap("TGE"),
    "tgeu": _trap("TGEU"), "tlt": _trap("TLT"), "tltu": _trap("TLTU"),
    "teqi": _trap_immediate("TEQ"), "tnei": _trap_immediate("TNE"), "tgei": _trap_immediate("TGE"),
    "tgeiu": _trap_immediate("TGEU"), "tlti": _trap_immediate("TLT"), "tltiu": _trap_immediate("TLTU"),
    "syscall": lambda _: _raise(Exc.SYS), "break": lambda _: _raise(Exc.BP),
    "mfc0": _cp0_move("MFC0"), "dmfc0": _cp0_move("DMFC0"), "mtc0": _cp0_move("MTC0"), "dmtc0": _cp0_move("DMTC0"),
    "tlbr": _cp0("TLBR"), "tlbwi": _cp0("TLBWI"), "tlbwr": _cp0("TLBWR"), "tlbp": _cp0("TLBP"),
    "eret": _cp0("ERET"), "wait": _cp0("WAIT"), "cache": _cp0("CACHE"),
    **{name: _access(*row) for name, row in _LOADS.items()},
    **{name.lower(): _partial(name) for name in "LWL LWR LDL LDR SWL SWR SDL SDR LL LLD SC SCD".split()},
}  # fmt: skip

ENDS_BLOCK = {"MTC0", "DMTC0", "TLBR", "TLBWI", "TLBWR", "CACHE"}
"""Micro-ops after which fetching must look its page up again, and interrupts may have become possible."""
NEVER_FALLS_THROUGH = {"RAISE", "ERET", "WAIT"}

COPROCESSOR_OF_OPCODE = {0x11: 1, 0x13: 1, 0x31: 1, 0x35: 1, 0x39: 1, 0x3D: 1, 0x12: 2, 0x32: 2, 0x36: 2, 0x3A: 2, 0x3E: 2}
MOVE_ON_FLOAT_CONDITION = 0x01


def _unusable_coprocessor(raw: int) -> int:
    """The coprocessor that a word addresses and this CPU lacks; 0 if none."""
    opcode = raw >> 26
    if opcode == 0 and raw & 0x3F == MOVE_ON_FLOAT_CONDITION:
        return 1
    return COPROCESSOR_OF_OPCODE.get(opcode, 0)


# -- branches ---------------------------------------------------------------------------------------------------------


class Branch(NamedTuple):
    """A control transfer: its condition, where it goes, and what it links."""

    op: str  # micro-op of the condition
    style: int
    target: int  # immediate: byte offset from the page, or the low 28 bits; register number for REGISTER
    arrival: Arrival
    link: int  # register that takes the return address, 0 for none
    likely: bool


INVERSE = {"BEQ": "BNE", "BNE": "BEQ", "BLEZ": "BGTZ", "BGTZ": "BLEZ", "BLTZ": "BGEZ", "BGEZ": "BLTZ"}
_CONDITIONS = {
    "beq": "BEQ", "bne": "BNE", "blez": "BLEZ", "bgtz": "BGTZ", "bltz": "BLTZ", "bgez": "BGEZ",
    "beqz": "BEQ", "bnez": "BNE", "b": "BEQ", "bal": "BGEZ", "bltzal": "BLTZ", "bgezal": "BGEZ",
}  # fmt: skip
_CONDITIONS |= {name + "l": op for name, op in _CONDITIONS.items() if name not in ("b", "bal")}


def _branch(name: str, w: Word, place: int) -> Branch | None:
    """The branch that a word at word ``place`` of its page is, or None."""
    if name in ("j", "jal"):
        call = name == "jal"
        arrival = Arrival.CALL if call else Arrival.JUMP
        return Branch("JUMP", REGION, (w.raw & 0x3FFFFFF) << 2, arrival, RA if call else 0, False)
    if name == "jr":
        return Branch("JUMP", REGISTER, w.rs, Arrival.RETURN if w.rs == RA else Arrival.INDIRECT, 0, False)
    if name == "jalr":
        return Branch("JUMP", REGISTER, w.rs, Arrival.CALL, w.rd, False)
    condition = _CONDITIONS.get(name)
    if condition is None:
        return None
    target = (place + 1 + w.simm) * 4
    linking = w.raw >> 26 == 1 and bool(w.rt & 0x10)
    arrival = Arrival.CALL if linking else Arrival.JUMP
    likely = w.raw >> 26 >= 0x14 or (w.raw >> 26 == 1 and bool(w.rt & 2))
    if (condition, w.rs, w.rt) == ("BEQ", w.rt, w.rs) or (condition == "BGEZ" and w.rs == 0):
        condition = "JUMP"
    style = NEAR if 0 <= target < 4096 else FAR
    return Branch(condition, style, target, arrival, RA if linking else 0, likely)


class Block(NamedTuple):
    """A lowered block."""

    words: list[int]  # packed micro-ops
    imms: list[int]
    lines: int  # bit set of the page's 64-byte lines that it was lowered from


class _Builder:
    """Lowers one block of one page."""

    def __init__(self, page: bytes, place: int, traced: bool) -> None:
        self.page, self.place, self.traced = page, place, traced
        self.first = place
        self.retired = 0
        self.lines = 0
        self.words: list[int] = []
        self.imms: list[int] = []
        self.decoded: dict[int, str] = {}
        self.constant: tuple[int, int, int] | None = None  # (place in words, register, value) of a constant just made

    def name(self, place: int) -> str:
        """capstone's mnemonic of the word at ``place``, empty if there is none."""
        if place not in self.decoded:
            chunk = self.page[place * 4 : (place + DECODE_AHEAD) * 4]
            self.decoded[place] = ""
            for address, _, mnemonic, _ in _disassembler.disasm_lite(chunk, place * 4):
                self.decoded[address // 4] = mnemonic
        return self.decoded[place]

    def word(self, place: int) -> Word:
        return Word(struct.unpack_from(">I", self.page, place * 4)[0])

    def emit(self, op: MicroOp, place: int, slot: bool = False, retired: int | None = None) -> None:
        packed, imm = op.pack(place, slot, self.retired if retired is None else retired)
        self.words.append(packed)
        self.imms.append(imm)

    def enter_line(self, place: int) -> None:
        """Mark the line of ``place`` as lowered; a recording loop emits a row where fetching enters it from above."""
        self.lines |= 1 << place // LINE_WORDS
        if self.traced and place % LINE_WORDS == 0 and place != self.first:
            self.emit(MicroOp("LINE"), place)
            self.constant = None

    def plain(self, place: int) -> list[MicroOp]:
        """Micro-ops of an instruction that is no branch."""
        word, name = self.word(place), self.name(place)
        unit = _unusable_coprocessor(word.raw)
        if unit:
            return _raise(Exc.CPU, unit)
        lowering = PLAIN.get(name)
        return lowering(word) if lowering else reserved()

    def block(self) -> Block:
        """Lower from the first instruction to the block's end."""
        while True:
            if self.place == PAGE_WORDS:
                return self.fall_through()
            if self.retired >= BLOCK_INSTRUCTIONS and self.place % LINE_WORDS == 0:
                return self.fall_through()
            word = self.word(self.place)
            branch = _branch(self.name(self.place), word, self.place)
            ended = self.branch(branch, word) if branch else self.straight()
            if ended:
                return Block(self.words, self.imms, self.lines)

    def straight(self) -> bool:
        """Lower one plain instruction; True if it ends the block."""
        ops = self.plain(self.place)
        announcement = ops[0].op == "ANNOUNCE"
        if not announcement:
            self.enter_line(self.place)
        for op in ops:
            if not self.fold(op):
                self.emit(op, self.place)
        if ops[-1].op in NEVER_FALLS_THROUGH:
            return True
        self.retired += not announcement
        self.place += 1
        if ops[-1].op in ENDS_BLOCK:
            self.fall_through()
            return True
        return False

    def fall_through(self) -> Block:
        """End the block in front of the next instruction."""
        self.lines |= 1 << min(self.place, PAGE_WORDS - 1) // LINE_WORDS
        arrival = STAY if self.place % LINE_WORDS else Arrival.SEQUENTIAL
        self.emit(MicroOp("JUMP", imm=self.place * 4, extra=FAR, arrival=arrival), self.place % PAGE_WORDS)
        return Block(self.words, self.imms, self.lines)

    def fold(self, op: MicroOp) -> bool:
        """Compute at once what follows from the constant made just before in the same register: lui, daddiu, dsll ..."""
        source = self.constant
        self.constant = None
        if op.b != 0 or op.op not in FOLDS or op.d == SINK:
            return False
        if source and op.a == op.d == source[1]:
            value = FOLDS[op.op](source[2], op.imm) & (1 << 64) - 1
            self.imms[source[0]] = value
            self.constant = (source[0], op.d, value)
            return True
        if op.a == 0:
            value = FOLDS[op.op](0, op.imm) & (1 << 64) - 1
            self.constant = (len(self.words), op.d, value)
            self.emit(MicroOp("OR", op.d, 0, 0, value), self.place)
            return True
        return False

    def branch(self, branch: Branch, word: Word) -> bool:
        """Lower a branch with its delay slot; True if it ends the block."""
        self.constant = None
        self.enter_line(self.place)
        if self.place == PAGE_WORDS - 1:
            self.branch_at_page_end(branch, word)
            return True
        at = self.place
        slot_ops = [] if self.is_branch(at + 1) else self.plain(at + 1)
        if self.is_branch(at + 1):
            slot_ops = reserved()
        counted = 1 + (slot_ops[0].op != "ANNOUNCE")
        a, b = word.rs, word.rt if branch.op in ("BEQ", "BNE") else 0
        if branch.likely and branch.op != "JUMP":
            arrival = Arrival.SEQUENTIAL if (at + 2) // LINE_WORDS != at // LINE_WORDS else STAY
            skip = MicroOp(INVERSE[branch.op], SINK, a, b, (at + 2) * 4, FAR, arrival)
            self.link(branch, at)
            self.emit(skip, at, retired=self.retired + 1)
            self.slot(slot_ops, at + 1)
            self.jump(branch._replace(op="JUMP"), at, 0, 0, counted)
            return True
        target = branch.target
        written = {op.d for op in slot_ops} | ({branch.link} if branch.link else set())
        if branch.style == REGISTER:
            target = self.keep(target, TEMPORARY[0], written, at)
        elif branch.op != "JUMP":
            a, b = self.keep(a, TEMPORARY[0], written, at), self.keep(b, TEMPORARY[1], written, at)
        self.link(branch, at)
        self.slot(slot_ops, at + 1)
        self.jump(branch._replace(target=target), at, a, b, counted)
        self.retired += counted
        self.place += 2
        return branch.op == "JUMP"

    def is_branch(self, place: int) -> bool:
        return _branch(self.name(place), self.word(place), place) is not None

    def keep(self, register: int, temporary: int, written: set[int], at: int) -> int:
        """A register that still holds ``register``'s value after the delay slot."""
        if register == 0 or register not in written:
            return register
        self.emit(MicroOp("OR", temporary, register), at)
        return temporary

    def link(self, branch: Branch, at: int) -> None:
        if branch.link:
            self.emit(MicroOp("LINK", branch.link, 0, 0, (at + 2) * 4), at)

    def slot(self, ops: list[MicroOp], place: int) -> None:
        """The delay slot's micro-ops: none of their instruction's branch has retired when they run."""
        self.enter_line(place)
        for op in ops:
            self.emit(op, place, slot=True)

    def jump(self, branch: Branch, at: int, a: int, b: int, counted: int) -> None:
        target = branch.target if branch.style != REGISTER else 0
        d = branch.target if branch.style == REGISTER else SINK
        op = MicroOp(branch.op, d, a, b, target, branch.style, branch.arrival)
        self.emit(op, at, retired=self.retired + counted)

    def branch_at_page_end(self, branch: Branch, word: Word) -> None:
        """A branch whose delay slot lies on the next page: decide the target, then fetch the slot."""
        at, test = self.place, TEMPORARY[0]
        if branch.likely and branch.op != "JUMP":
            arrival = Arrival.SEQUENTIAL
            b = word.rt if branch.op in ("BEQ", "BNE") else 0
            skip = MicroOp(INVERSE[branch.op], SINK, word.rs, b, (at + 2) * 4, FAR, arrival)
            self.link(branch, at)
            self.emit(skip, at, retired=self.retired + 1)
        if branch.style == REGISTER:
            ops = [MicroOp("OR", TARGET, branch.target)]
        elif branch.style == REGION:
            ops = [
                MicroOp("LINK", TARGET, 0, 0, 4096),
                MicroOp("AND", TARGET, TARGET, 0, ~0xFFFFFFF),
                MicroOp("OR", TARGET, TARGET, 0, branch.target),
            ]
        else:
            ops = [MicroOp("LINK", TARGET, 0, 0, branch.target)]
        ops.append(MicroOp("OR", TARGET_ARRIVAL, 0, 0, branch.arrival))
        if branch.op != "JUMP" and not branch.likely:
            ops += [*_test(branch.op, word), MicroOp("LINK", TEMPORARY[1], 0, 0, (at + 2) * 4)]
            ops.append(MicroOp("MOVZ", TARGET, TEMPORARY[1], test))
            ops += [MicroOp("OR", TEMPORARY[1], 0, 0, STAY), MicroOp("MOVZ", TARGET_ARRIVAL, TEMPORARY[1], test)]
        for op in ops:
            self.emit(op, at)
        self.link(branch, at)
        self.emit(MicroOp("SLOT_ON_NEXT_PAGE"), at)


def _test(condition: str, word: Word) -> list[MicroOp]:
    """Micro-ops that set the first temporary to 1 if a branch condition holds, else to 0."""
    t, rs, rt = TEMPORARY[0], word.rs, word.rt
    return {
        "BEQ": [MicroOp("XOR", t, rs, rt), MicroOp("SLTU", t, t, 0, 1)],
        "BNE": [MicroOp("XOR", t, rs, rt), MicroOp("SLTU", t, 0, t)],
        "BLTZ": [MicroOp("SLT", t, rs)],
        "BGEZ": [MicroOp("SLT", t, rs), MicroOp("XOR", t, t, 0, 1)],
        "BLEZ": [MicroOp("SLT", t, rs, 0, 1)],
        "BGTZ": [MicroOp("SLT", t, 0, rs)],
    }[condition]


def _sext32(value: int) -> int:
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


FOLDS: dict[str, Callable[[int, int], int]] = {
    "ADD": lambda x, y: x + y,
    "ADDW": lambda x, y: _sext32(x + y),
    "OR": lambda x, y: x | y,
    "SLL": lambda x, y: x << (y & 63),
    "SLLW": lambda x, y: _sext32(x << (y & 31)),
}


def lower_block(page: bytes, place: int, traced: bool) -> Block:
    """Lower the block that starts at word ``place`` of a 4096-byte ``page`` of big-endian code."""
    return _Builder(page, place, traced).block()


def lower_slot(page: bytes) -> Block:
    """Lower the first instruction of ``page`` as the delay slot of a branch that ends the page before."""
    builder = _Builder(page, 0, False)
    ops = reserved() if builder.is_branch(0) else builder.plain(0)
    builder.slot(ops, 0)
    builder.emit(MicroOp("LEAVE_SLOT"), 0)
    return Block(builder.words, builder.imms, builder.lines)
