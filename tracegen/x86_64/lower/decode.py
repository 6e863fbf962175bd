"""Instructions as the lowering sees them: capstone's, with operands by hardware number."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import capstone
from capstone import x86 as cs

LONGEST = 15
"""Bytes of the longest instruction."""
CHUNK = 8 * LONGEST
"""Bytes decoded at once: capstone decodes all it is given."""

_disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
_disassembler.detail = True

WIDE = "rax rcx rdx rbx rsp rbp rsi rdi".split()
SEGMENTS = "es cs ss ds fs gs".split()


class Register(NamedTuple):
    """A general register, or part of one: ``high`` for ah, ch, dh, bh."""

    number: int
    size: int
    high: bool = False


class Immediate(NamedTuple):
    """A number, sign-extended."""

    value: int
    size: int


class Memory(NamedTuple):
    """A memory operand: registers by number, None for none; ``base`` is "rip" for the next instruction."""

    base: int | str | None
    indexed: int | None  # the register that is scaled
    scale: int  # log2
    displacement: int
    segment: str  # "fs", "gs" or none that counts
    size: int
    short: bool  # addresses of 32 bits


class Special(NamedTuple):
    """A segment, control, debug or floating-point register."""

    name: str
    size: int


Operand = Register | Immediate | Memory | Special


class Instruction(NamedTuple):
    """A decoded instruction."""

    name: str
    place: int  # byte offset in its page
    size: int
    operands: tuple[Operand, ...]
    locked: bool
    repeat: int  # 0, or the prefix: 0xF3, 0xF2
    wide: bool  # REX.W
    short: bool  # operand-size prefix
    opcode: int  # its first byte

    @property
    def end(self) -> int:
        """Place of the byte behind it."""
        return self.place + self.size

    @property
    def has_memory(self) -> bool:
        """Whether an operand is in memory (of no-operations and address arithmetic, too)."""
        return any(isinstance(o, Memory) for o in self.operands)


GROUP_5, FAR = 0xFF, {3: "lcall", 5: "ljmp"}
"""The opcode of indirect jumps and calls, and which of them are far: capstone calls some of those near."""


def _general() -> dict[str, Register]:
    found = {name: Register(n, 8) for n, name in enumerate(WIDE)}
    found |= {f"e{name[1:]}": Register(n, 4) for n, name in enumerate(WIDE)}
    found |= {name[1:]: Register(n, 2) for n, name in enumerate(WIDE)}
    found |= {name: Register(n, 1) for n, name in enumerate("al cl dl bl spl bpl sil dil".split())}
    found |= {name: Register(n, 1, high=True) for n, name in enumerate("ah ch dh bh".split())}
    for n in range(8, 16):
        found |= {f"r{n}{suffix}": Register(n, size) for suffix, size in (("", 8), ("d", 4), ("w", 2), ("b", 1))}
    return found


GENERAL = _general()


@cache
def _name(register: int) -> str:
    return str(_disassembler.reg_name(register) or "")


def _number(register: int) -> int | str | None:
    name = _name(register)
    if name in ("rip", "eip"):
        return "rip"
    found = GENERAL.get(name)
    return None if found is None else found.number


def _signed(value: int) -> int:
    return (value & (1 << 64) - 1 ^ 1 << 63) - (1 << 63)


def _memory(operand: cs.X86Op, address_size: int) -> Memory:
    m = operand.mem
    index = _number(m.index) if m.index else None
    base = _number(m.base) if m.base else None
    segment = _name(m.segment) if m.segment else ""
    scale = m.scale.bit_length() - 1
    disp = _signed(m.disp)
    return Memory(base, index, scale, disp, segment, operand.size, address_size == 4)  # type: ignore[arg-type]


def _operand(operand: cs.X86Op, address_size: int) -> Operand:
    if operand.type == cs.X86_OP_MEM:
        return _memory(operand, address_size)
    if operand.type == cs.X86_OP_IMM:
        return Immediate(_signed(operand.imm), operand.size)
    name = _name(operand.reg)
    return GENERAL.get(name) or Special(name, operand.size)


def _instruction(found: capstone.CsInsn) -> Instruction:
    prefix = tuple(found.prefix)
    operands = tuple(_operand(o, found.addr_size) for o in found.operands)
    opcode = found.opcode[0]
    name = FAR.get(found.modrm >> 3 & 7, "") if opcode == GROUP_5 else ""
    name = name or found.mnemonic.split()[-1]
    wide, short = bool(found.rex & 8), 0x66 in prefix
    repeat = prefix[0] if prefix[0] in (0xF2, 0xF3) else 0
    return Instruction(name, found.address, found.size, operands, prefix[0] == 0xF0, repeat, wide, short, opcode)


def decode(code: bytes, place: int) -> list[Instruction]:
    """The instructions of ``code``, which lies at ``place`` of its page; none if the first is none."""
    return [_instruction(found) for found in _disassembler.disasm(code, place)]
