"""Each arithmetic instruction against un-hooked Unicorn on generated operands."""

from __future__ import annotations

import random
import struct

import pytest
import unicorn
from unicorn import mips_const as mc

from tracegen.machine import Machine

ALL = (1 << 64) - 1
CODE = 0xFFFFFFFF80100000
CASES = 64
EDGES = (0, 1, 2, 7, 31, 32, 63, 0x7FFFFFFF, 0xFFFFFFFF80000000, ALL, ALL - 1, 1 << 63, (1 << 63) - 1, 0x55AA55AA)

REGISTER = {  # name -> function field of SPECIAL; takes 64-bit operands
    "daddu": 0x2D, "dsubu": 0x2F, "and": 0x24, "or": 0x25, "xor": 0x26, "nor": 0x27, "slt": 0x2A, "sltu": 0x2B,
    "movz": 0x0A, "movn": 0x0B, "dsllv": 0x14, "dsrlv": 0x16, "dsrav": 0x17,
}  # fmt: skip
NARROW = {"addu": 0x21, "subu": 0x23, "sllv": 0x04, "srlv": 0x06, "srav": 0x07}
"""Their operands are sign-extended 32-bit values: anything else is unpredictable by the architecture."""
SHIFT = {"sll": 0x00, "srl": 0x02, "sra": 0x03}
WIDE_SHIFT = {"dsll": 0x38, "dsrl": 0x3A, "dsra": 0x3B, "dsll32": 0x3C, "dsrl32": 0x3E, "dsra32": 0x3F}
PRODUCT = {"dmult": 0x1C, "dmultu": 0x1D, "ddiv": 0x1E, "ddivu": 0x1F}
NARROW_PRODUCT = {"mult": 0x18, "multu": 0x19, "div": 0x1A, "divu": 0x1B}
IMMEDIATE = {"daddiu": 0x19, "slti": 0x0A, "sltiu": 0x0B, "andi": 0x0C, "ori": 0x0D, "xori": 0x0E, "lui": 0x0F}
NARROW_IMMEDIATE = {"addiu": 0x09}
LOADS = {
    "lb": 0x20, "lbu": 0x24, "lh": 0x21, "lhu": 0x25, "lw": 0x23, "lwu": 0x27, "ld": 0x37,
    "lwl": 0x22, "lwr": 0x26, "ldl": 0x1A, "ldr": 0x1B,
}  # fmt: skip
STORES = {"sb": 0x28, "sh": 0x29, "sw": 0x2B, "sd": 0x3F, "swl": 0x2A, "swr": 0x2E, "sdl": 0x2C, "sdr": 0x2D}
WIDTH = {"lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8, "sh": 2, "sw": 4, "sd": 8}
GROUPS = (
    *((REGISTER, "register"), (NARROW, "register"), (SHIFT, "shift"), (WIDE_SHIFT, "shift"), (PRODUCT, "product")),
    *((NARROW_PRODUCT, "product"), (IMMEDIATE, "immediate"), (NARROW_IMMEDIATE, "immediate")),
    *((LOADS, "memory"), (STORES, "memory")),
)
NAMES = {name: (code, form) for table, form in GROUPS for name, code in table.items()}
SIGN_EXTENDED = {*NARROW, *NARROW_PRODUCT, *NARROW_IMMEDIATE, *SHIFT}
RS, RT, RD = 8, 9, 10


def _word(name: str, chance: random.Random) -> int:
    code, form = NAMES[name]
    if form == "register":
        return RS << 21 | RT << 16 | RD << 11 | code
    if form == "shift":
        return RT << 16 | RD << 11 | chance.randrange(32) << 6 | code
    if form == "product":
        return RS << 21 | RT << 16 | code
    if form == "memory":
        offset = chance.randrange(-32, 32) // WIDTH.get(name, 1) * WIDTH.get(name, 1)
        return code << 26 | 11 << 21 | RT << 16 | offset & 0xFFFF
    return (
        code << 26
        | (0 if name == "lui" else RS) << 21
        | RD << 16
        | chance.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, chance.getrandbits(16)))
    )


def _operand(chance: random.Random, narrow: bool) -> int:
    value = chance.choice(EDGES) if chance.random() < 0.4 else chance.getrandbits(64) >> chance.choice((0, 0, 20, 40))
    return ((value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000) & ALL if narrow else value


@pytest.fixture(scope="module")
def machine(compile_program) -> Machine:  # type: ignore[no-untyped-def]
    """One machine whose code is replaced for every case."""
    return Machine(compile_program("sort", "mips4"), 8 << 20)


@pytest.mark.parametrize("name", NAMES)
def test_instruction_matches_unicorn_on_generated_operands(machine, name) -> None:  # type: ignore[no-untyped-def]
    """Destination, HI, LO and memory are Unicorn's for 64 operand pairs, edge values among them."""
    chance = random.Random(name)
    words = [_word(name, chance) for _ in range(CASES)]
    data = chance.randbytes(128)
    for index in range(CASES):
        pc = CODE + 4 * index
        machine.write(0x200000, data)
        registers = [0] * 34
        registers[RS], registers[RT], registers[RD] = (_operand(chance, name in SIGN_EXTENDED) for _ in range(3))
        registers[11] = 0xFFFFFFFF80200040
        registers[32], registers[33] = 5, 6
        # One instruction, then a branch to itself: a run of one instruction ends at the branch after it.
        code = struct.pack(">3I", words[index], 0x1000FFFF, 0)
        machine.forget_code()
        machine.write(pc & 0x1FFFFFFF, code)
        machine.core.r[:34] = registers
        machine.restart(pc)
        machine.run(max_instructions=3)
        uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
        uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
        uc.mem_map(0, 8 << 20)
        uc.mem_write(pc & 0x1FFFFFFF, code)
        uc.mem_write(0x200000, data)
        uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, 0xE0)
        names = [mc.UC_MIPS_REG_0 + n for n in range(32)] + [mc.UC_MIPS_REG_HI, mc.UC_MIPS_REG_LO]
        for register, value in zip(names, registers, strict=True):
            uc.reg_write(register, value)
        uc.emu_start(pc, pc + 4, 0, 1)
        assert [uc.reg_read(register) & ALL for register in names] == machine.registers
        assert bytes(uc.mem_read(0x200000, 128)) == machine.read(0x200000, 128)
