"""Blocks of MIPS code: runs of instructions lowered together, with delay slots put in front of their branches.

A branch's micro-op then ends both instructions.  Nothing in a block depends on the virtual address that it runs at, or
on anything but the page's content: a page that comes back, as a program's text does, is not lowered again.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache

import capstone

from replay.trace.schema import Arrival
from tracegen.cpu.block import Block
from tracegen.mips64.lower import floats
from tracegen.mips64.lower.mips64 import (
    INVERSE,
    NEVER_FALLS_THROUGH,
    PLAIN,
    Branch,
    branch_of,
    ends_block,
    is_wide,
    unusable_coprocessor,
    wide_reserved,
)
from tracegen.mips64.lower.word import Word, raising, reserved
from tracegen.mips64.microops import SINK, STAY, TARGET, TARGET_ARRIVAL, TEMPORARY, MicroOp
from tracegen.mips64.ops.branch import FAR, REGION, REGISTER
from tracegen.mips64.state import Exc

PAGE_WORDS = 1024
LINE_WORDS = 16
BLOCK_INSTRUCTIONS = 64
"""A block is cut at the first line boundary after this many instructions."""
DECODE_AHEAD = 24
"""Words decoded at once: capstone decodes all it is given."""

KEPT = 8192
"""Blocks remembered by content, with a page each: at most 32 MiB."""

_disassembler = capstone.Cs(capstone.CS_ARCH_MIPS, capstone.CS_MODE_MIPS64 | capstone.CS_MODE_BIG_ENDIAN)


class _Builder:
    """Lowers one block of one page."""

    def __init__(self, page: bytes, place: int, traced: bool, wide: bool, most: int) -> None:
        self.page, self.place, self.traced, self.wide, self.most = page, place, traced, wide, most
        self.first = place
        self.retired = 0
        self.lines = 0
        self.words: list[int] = []
        self.imms: list[int] = []
        self.decoded: dict[int, str] = {}
        self.constant: tuple[int, int, int] | None = None  # (place in words, register, value) of a constant just made
        self.float_usable = False  # whether a micro-op of this block has asked

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
        unit = unusable_coprocessor(word.raw)
        if unit:
            return raising(Exc.CPU, unit)
        if floats.is_float(word):
            return self.float_check() + self.float(word)
        if not self.wide and is_wide(word):
            return wide_reserved(name)
        lowering = PLAIN.get(name)
        return lowering(word) if lowering else reserved()

    def float_check(self) -> list[MicroOp]:
        """The question whether coprocessor 1 is usable, once in a block: nothing in a block changes the answer."""
        asked, self.float_usable = self.float_usable, True
        return [] if asked else [MicroOp("FLOAT")]

    def float(self, word: Word) -> list[MicroOp]:
        """Micro-ops of an instruction of coprocessor 1 that is no branch."""
        return reserved() if not self.wide and is_wide(word) else floats.lower(word)

    def block(self) -> Block:
        """Lower from the first instruction to the block's end."""
        while True:
            if self.place == PAGE_WORDS:
                return self.fall_through()
            if self.retired >= BLOCK_INSTRUCTIONS and self.place % LINE_WORDS == 0:
                return self.fall_through()
            word = self.word(self.place)
            branch = branch_of(self.name(self.place), word, self.place)
            if self.retired + (2 if branch else 1) > self.most:
                return self.fall_through() if self.words else Block(self.words, self.imms, self.lines, self.retired)
            ended = self.branch(branch, word) if branch else self.straight()
            if ended:
                return Block(self.words, self.imms, self.lines, self.retired)

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
        if ends_block(ops[-1]):
            self.fall_through()
            return True
        return False

    def fall_through(self) -> Block:
        """End the block in front of the next instruction."""
        self.lines |= 1 << min(self.place, PAGE_WORDS - 1) // LINE_WORDS
        arrival = STAY if self.place % LINE_WORDS else Arrival.SEQUENTIAL
        self.emit(MicroOp("JUMP", imm=self.place * 4, extra=FAR, arrival=arrival), self.place % PAGE_WORDS)
        return Block(self.words, self.imms, self.lines, self.retired)

    def fold(self, op: MicroOp) -> bool:
        """Compute at once what follows from a constant made just before in the same register: lui, daddiu, dsll ..."""
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
        if floats.is_float(word):
            for op in self.float_check():
                self.emit(op, self.place)
        if self.place == PAGE_WORDS - 1:
            self.branch_at_page_end(branch)
            return True
        at = self.place
        slot_ops = self.in_slot(at + 1)
        counted = 1 + (slot_ops[0].op != "ANNOUNCE")
        a, b = branch.a, branch.b
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

    def in_slot(self, place: int) -> list[MicroOp]:
        """Micro-ops of the instruction at ``place`` as a delay slot, where no branch may stand."""
        return reserved() if branch_of(self.name(place), self.word(place), place) else self.plain(place)

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

    def branch_at_page_end(self, branch: Branch) -> None:
        """A branch whose delay slot lies on the next page: decide the target, then fetch the slot."""
        at, test = self.place, TEMPORARY[0]
        if branch.likely and branch.op != "JUMP":
            arrival = Arrival.SEQUENTIAL
            skip = MicroOp(INVERSE[branch.op], SINK, branch.a, branch.b, (at + 2) * 4, FAR, arrival)
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
            ops += [*_test(branch), MicroOp("LINK", TEMPORARY[1], 0, 0, (at + 2) * 4)]
            ops.append(MicroOp("MOVZ", TARGET, TEMPORARY[1], test))
            ops += [MicroOp("OR", TEMPORARY[1], 0, 0, STAY), MicroOp("MOVZ", TARGET_ARRIVAL, TEMPORARY[1], test)]
        for op in ops:
            self.emit(op, at)
        self.link(branch, at)
        self.emit(MicroOp("SLOT_ON_NEXT_PAGE"), at)


def _test(branch: Branch) -> list[MicroOp]:
    """Micro-ops that set the first temporary to 1 if a branch's condition holds, else to 0."""
    t, rs, rt = TEMPORARY[0], branch.a, branch.b
    return {
        "BEQ": [MicroOp("XOR", t, rs, rt), MicroOp("SLTU", t, t, 0, 1)],
        "BNE": [MicroOp("XOR", t, rs, rt), MicroOp("SLTU", t, 0, t)],
        "BLTZ": [MicroOp("SLT", t, rs)],
        "BGEZ": [MicroOp("SLT", t, rs), MicroOp("XOR", t, t, 0, 1)],
        "BLEZ": [MicroOp("SLT", t, rs, 0, 1)],
        "BGTZ": [MicroOp("SLT", t, 0, rs)],
    }[branch.op]


def _sext32(value: int) -> int:
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


FOLDS: dict[str, Callable[[int, int], int]] = {
    "ADD": lambda x, y: x + y,
    "ADDW": lambda x, y: _sext32(x + y),
    "OR": lambda x, y: x | y,
    "SLL": lambda x, y: x << (y & 63),
    "SLLW": lambda x, y: _sext32(x << (y & 31)),
}


@lru_cache(KEPT)
def lower_block(page: bytes, place: int, traced: bool, wide: bool, most: int = PAGE_WORDS) -> Block:
    """Lower the block that starts at word ``place`` of a 4096-byte ``page`` of big-endian code.

    Without ``wide``, 64-bit operations are reserved instructions.  No more than ``most`` instructions can retire in the
    block; it has no micro-ops where already the first instruction, a branch with its delay slot, would be too many.
    """
    return _Builder(page, place, traced, wide, most).block()


@lru_cache(KEPT)
def lower_slot(page: bytes, wide: bool) -> Block:
    """Lower the first instruction of ``page`` as the delay slot of a branch that ends the page before."""
    builder = _Builder(page, 0, False, wide, PAGE_WORDS)
    builder.slot(builder.in_slot(0), 0)
    builder.emit(MicroOp("LEAVE_SLOT"), 0)
    return Block(builder.words, builder.imms, builder.lines, 2)
