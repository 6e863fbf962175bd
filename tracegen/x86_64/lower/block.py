"""Blocks of x86-64 code: runs of instructions lowered together, up to a jump that is always taken.

Instructions are decoded first; then flags that nobody looks at are found from the end backwards; then micro-ops are
made.  Nothing in a block depends on the virtual address that it runs at, or on anything but the page's content: a page
that comes back, as a program's text does, is not lowered again.
"""

from __future__ import annotations

from functools import lru_cache

from replay.trace.schema import Arrival
from tracegen.abi import PAGE_BYTES
from tracegen.cpu.block import LONGEST_BLOCK, Block
from tracegen.x86_64.lower import bits, effects, floats, flow, integer, system
from tracegen.x86_64.lower.code import Code, Lowering, UndefinedError, halves
from tracegen.x86_64.lower.decode import CHUNK, LONGEST, Instruction, Special, decode
from tracegen.x86_64.microops import ARRIVAL_SHIFT, STAY, STYLE_SHIFT, MicroOp
from tracegen.x86_64.ops.branch import FAR

LINE_BYTES = 64
BLOCK_INSTRUCTIONS = 64
"""A block is cut at the first line boundary after this many instructions."""
KEPT = 8192
"""Blocks remembered by content, with a page each: at most 32 MiB."""

LOWERINGS = {**integer.TABLE, **bits.TABLE, **flow.TABLE, **system.TABLE}
FLOATING = {*range(0xD8, 0xE0), 0x9B}
"""First bytes of floating-point instructions."""
INVALID = Instruction("ud2", 0, 1, (), locked=False, repeat=0, wide=False, short=False, opcode=0)


class _Builder:
    """Lowers one block of one page."""

    def __init__(self, page: bytes, following: bytes, place: int, traced: bool, most: int) -> None:
        self.bytes = page + following
        self.place, self.traced, self.most = place, traced, most
        self.line = place // LINE_BYTES
        self.retired = 0
        self.lines = 0
        self.words: list[int] = []
        self.imms: list[int] = []
        self.decoded: dict[int, Instruction] = {}
        self.float_usable = False  # whether a micro-op of this block has asked

    # -- decoding --------------------------------------------------------------------------------------------------

    def at(self, place: int) -> Instruction | None:
        """The instruction at a place of this page; None where its bytes are not all known."""
        if place not in self.decoded:
            self.decoded |= {one.place: one for one in decode(self.bytes[place : place + CHUNK], place)}
        found = self.decoded.get(place)
        if found is None and len(self.bytes) - place >= LONGEST:
            # Any of its bytes in the next page may be what makes it undefined: it then ends with the last of them.
            size = LONGEST if place + LONGEST > PAGE_BYTES else INVALID.size
            found = self.decoded[place] = INVALID._replace(place=place, size=size)
        return found

    def run(self) -> list[Instruction]:
        """The instructions of the block."""
        found: list[Instruction] = []
        place, line, retired = self.place, self.line, 0
        while place < PAGE_BYTES and retired < self.most:
            if (retired >= BLOCK_INSTRUCTIONS and place // LINE_BYTES != line) or len(found) >= LONGEST_BLOCK:
                break  # the second where every line's end is inside an instruction
            instruction = self.at(place)
            if instruction is None or instruction.end > PAGE_BYTES:
                break
            found.append(instruction)
            place, line = instruction.end, (instruction.end - 1) // LINE_BYTES
            retired += not is_announcement(instruction)
            if effects.ends(instruction.name):
                break
        return found

    # -- micro-ops -------------------------------------------------------------------------------------------------

    def emit(self, op: MicroOp, place: int, retired: int) -> None:
        packed, imm = op.pack(place, retired)
        self.words.append(packed)
        self.imms.append(imm)

    def enter_lines(self, instruction: Instruction, retired: int) -> None:
        """Mark the lines of an instruction; a recording loop emits a row where fetching enters one from above."""
        last = min(instruction.end - 1, PAGE_BYTES - 1) // LINE_BYTES
        for line in range(instruction.place // LINE_BYTES, last + 1):
            self.lines |= 1 << line
            if line != self.line and self.traced:
                self.emit(MicroOp("LINE"), max(line * LINE_BYTES, instruction.place), retired)
            self.line = line

    def block(self) -> Block:
        """Lower from the first instruction to the block's end."""
        instructions = self.run()
        if not instructions:
            return self.crossing() if self.most else Block([], [], 0, 0)
        needed = effects.flags_needed(instructions)
        known, skip = "", False
        for number, instruction in enumerate(instructions):
            if skip:
                skip = False
                continue
            following = instructions[number + 1] if number + 1 < len(instructions) else None
            if following and flow.fused(instruction, following):
                self.fuse(instruction, following)
                known, skip = "subtraction" if instruction.name == "cmp" else "logic", True
                continue
            ops, known = lower(instruction, needed[number], known)
            if self.add(instruction, ops):
                return self.done()
        return self.fall_through(instructions[-1].end)

    def add(self, instruction: Instruction, ops: list[MicroOp]) -> bool:
        """Append an instruction's micro-ops; True if they end the block."""
        announcement = bool(ops) and ops[0].op == "ANNOUNCE"
        if not announcement:
            self.enter_lines(instruction, self.retired)
        last = ops[-1].op if ops else ""
        counted = self.retired + 1
        if floats.is_float(instruction) and not self.float_usable:
            # Nothing in a block changes the answer.
            self.float_usable = True
            self.emit(MicroOp("SSE"), instruction.place, self.retired)
        for op in ops:
            self.emit(op, instruction.place, counted if effects.is_branch(op.op) else self.retired)
        self.retired += not announcement
        if last == "JUMP" or last in system.ENDS:
            return True
        if last in system.CUTS or any(op.op in system.CUTS for op in ops):
            self.fall_through(instruction.end)
            return True
        return False

    def fuse(self, comparison: Instruction, jump: Instruction) -> None:
        """A comparison and a jump as one micro-op, behind the loads that it takes."""
        code = Code(comparison, True, "")
        flow.compare_and_jump(code, jump)
        self.enter_lines(comparison, self.retired)
        for op in code.ops[:-1]:
            self.emit(op, comparison.place, self.retired)
        self.enter_lines(jump, self.retired + 1)
        self.retired += 2
        self.emit(code.ops[-1], comparison.place, self.retired)

    def fall_through(self, place: int) -> Block:
        """End the block in front of the instruction at ``place``."""
        self.lines |= 1 << min(place, PAGE_BYTES - 1) // LINE_BYTES
        arrival = STAY if place // LINE_BYTES == self.line else Arrival.SEQUENTIAL
        fields = FAR << STYLE_SHIFT | arrival << ARRIVAL_SHIFT
        self.emit(MicroOp("JUMP", imm=halves(0, place), fields=fields), place % PAGE_BYTES, self.retired)
        return self.done()

    def done(self) -> Block:
        return Block(self.words, self.imms, self.lines, self.retired)

    # -- the next page ---------------------------------------------------------------------------------------------

    def crossing(self) -> Block:
        """The one instruction that reaches into the next page: its bytes there are compared whenever it runs."""
        instruction = self.at(self.place)
        self.lines |= 1 << PAGE_BYTES // LINE_BYTES - 1
        if instruction is None or len(self.bytes) == PAGE_BYTES:
            self.emit(MicroOp("CROSS", 0, 0), self.place, 0)
            return Block(self.words, self.imms, self.lines, 1)
        end = instruction.end if instruction.end > PAGE_BYTES else len(self.bytes)
        for start in range(0, end - PAGE_BYTES, 8):
            part = self.bytes[PAGE_BYTES + start : min(end, PAGE_BYTES + start + 8)]
            self.emit(MicroOp("CROSS", len(part), start, imm=int.from_bytes(part, "little")), self.place, 0)
        self.line = PAGE_BYTES // LINE_BYTES - 1
        ops, _ = lower(instruction, True, "")
        if self.add(instruction, ops):
            return self.done()
        self.line = (end - 1) // LINE_BYTES
        return self.fall_through(end)


def is_announcement(instruction: Instruction) -> bool:
    """Whether an instruction only tells the machine something: it does not count."""
    return instruction.name == "nop" and system.announcement(instruction.operands) is not None


def lower(instruction: Instruction, flags: bool, known: str) -> tuple[list[MicroOp], str]:
    """The micro-ops of one instruction, and what is known of the flags behind it."""
    code = Code(instruction, flags, known)
    try:
        lowering(instruction)(code)
    except UndefinedError:
        code = Code(instruction, flags, known)
        system.undefined(code)
    return code.ops, effects.known_after(instruction, flags, known)


def lowering(instruction: Instruction) -> Lowering:
    """How an instruction is lowered, by its name and by the kind of its operands."""
    name, operands = instruction.name, instruction.operands
    if floats.is_float(instruction):
        return floats.TABLE[name]
    if instruction.opcode in FLOATING or any(isinstance(o, Special) and o.size >= 8 and is_vector(o) for o in operands):
        return system.plain("FLOAT")
    if any(isinstance(o, Special) for o in operands):
        return {"mov": system.move, "push": system.push_segment, "pop": system.pop_segment}.get(name, system.undefined)
    if instruction.locked and name not in effects.LOCKABLE:
        return system.undefined
    return LOWERINGS.get(name, system.undefined)


def is_vector(operand: Special) -> bool:
    """Whether a register belongs to a floating-point or vector unit."""
    return operand.name.startswith(("st", "mm", "xmm", "ymm", "zmm", "k"))


@lru_cache(KEPT)
def lower_block(page: bytes, following: bytes, place: int, traced: bool, most: int = PAGE_BYTES) -> Block:
    """Lower the block that starts at byte ``place`` of a 4096-byte ``page``.

    ``following`` are the first bytes of the next page, or nothing where they are not known: then an instruction that
    reaches there becomes a question for them.  No more than ``most`` instructions can retire in the block; it has no
    micro-ops if that is none.
    """
    return _Builder(page, following, place, traced, most).block()
