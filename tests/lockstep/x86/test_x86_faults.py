"""Instructions that raise an exception instead of doing anything: what they divide, or what they are."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from tracegen.machine import make
from tracegen.x86_64 import state as S
from tracegen.x86_64.places import FLAG_A

CODE, TABLES, HANDLERS, STACK = 0x100000, 0x200000, 0x201000, 0x300000
DIVIDE, UNDEFINED = 0, 6
FLAGS = 0x8D5
CASES = 200
IMAGE = (
    struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, CODE, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    + struct.pack("<IIQQQQQQ", 1, 7, 0, CODE, CODE, 120, 120, 4096)
)  # fmt: skip
CODE_SEGMENT = 0x00209A0000000000
EXIT = bytes((0xE7, 0xF4))
"""out %eax, $0xf4"""


@pytest.fixture(scope="module")
def machine() -> Any:
    """A machine that ends the run in one place for each vector."""
    made = make("x86-64", IMAGE, 8 << 20)
    gates = b""
    for vector in range(32):
        handler = HANDLERS + 16 * vector
        gates += struct.pack("<HHHHII", handler & 0xFFFF, 8, 0x8E00, handler >> 16, 0, 0)
        made.write(handler, EXIT)
    made.write(TABLES, gates)
    made.write(TABLES + 512, struct.pack("<QQ", 0, CODE_SEGMENT))
    s = made.core.s
    s[S.IDT_BASE], s[S.IDT_LIMIT], s[S.GDT_BASE], s[S.GDT_LIMIT] = TABLES, 511, TABLES + 512, 15
    return made


def fault(machine: Any, code: bytes, registers: list[int], flags: int) -> tuple[int, int, int, list[int]]:
    """(vector, address of the instruction, flags, registers) that ``code`` at CODE ends with."""
    machine.write(CODE, code.ljust(64, b"\xf4"))
    machine.forget_code()
    machine.core.r[:16] = registers
    machine.core.r[FLAG_A - 1 : FLAG_A + 1] = 3, flags
    machine.restart(CODE)
    machine.run(max_instructions=10)
    frame = struct.unpack("<5Q", machine.read(machine.registers[4], 40))
    kept = [*machine.registers[:4], frame[3], *machine.registers[5:]]
    return (machine.pc - HANDLERS) // 16, frame[0], frame[2] & FLAGS, kept


def divisions(signed: bool) -> Iterator[tuple[int, int, int, int]]:
    """(bytes, high, low, divisor) whose quotient does not fit."""
    dice = random.Random(signed)
    for number in range(CASES):
        size = (1, 2, 4, 8)[number % 4]
        bits = 8 * size
        divisor = dice.getrandbits(bits) >> dice.randrange(bits)
        if number % 8 < 4 or divisor == 0:
            yield size, dice.getrandbits(bits), dice.getrandbits(bits), 0
            continue
        if signed:
            divisor = dice.randrange(1, 1 << bits - 2)
            total = divisor * dice.randrange((1 << bits - 1) + 1, 1 << bits) * dice.choice((1, -1))
            divisor *= dice.choice((1, -1))
            if number % 16 == 5:
                total, divisor = -(1 << bits - 1), -1
        else:
            total = divisor << bits | dice.getrandbits(bits)
        yield size, total >> bits & (1 << bits) - 1, total & (1 << bits) - 1, divisor & (1 << bits) - 1


@pytest.mark.parametrize("signed", [False, True], ids=["div", "idiv"])
def test_quotients_that_do_not_fit_raise_the_divide_error(machine, signed) -> None:  # type: ignore[no-untyped-def]
    """In each of 200 cases the exception names the division, and flags and registers are as they were before it."""
    dice = random.Random(7)
    for size, high, low, divisor in divisions(signed):
        registers = [dice.getrandbits(64) for _ in range(16)]
        registers[4] = STACK
        keep = (1 << 64) - (1 << 8 * size)
        registers[3] = registers[3] & keep & (1 << 64) - 1 | divisor
        if size == 1:
            registers[0] = registers[0] & ~0xFFFF | high << 8 | low
        else:
            registers[0], registers[2] = registers[0] & keep | low, registers[2] & keep | high
        prefix = {1: b"", 2: b"\x66", 4: b"", 8: b"\x48"}[size]
        opcode = bytes((0xF6 if size == 1 else 0xF7, 0xFB if signed else 0xF3))
        flags = dice.getrandbits(12) & FLAGS
        assert (DIVIDE, CODE, flags, registers) == fault(machine, prefix + opcode, registers, flags)


UNDEFINED_CODES = {
    "ud2": "0f0b", "ud1": "0fb9c1", "ud0": "0fffc1", "push es": "06", "aaa": "37", "daa": "27", "bound": "6200",
    "salc": "d6", "into": "ce", "les": "c400", "far call": "9a0000000000", "far jump": "ea0000000000",
    "pusha": "60", "lock on a register": "f001d8", "lock on a load": "f08b00", "lock mov": "f08900",
    "lea of a register": "8dc0", "popcnt": "f30fb8c1", "movbe": "0f38f000", "rdrand": "0fc7f0", "rdseed": "0fc7f8",
    "stac": "0f01cb", "clac": "0f01ca", "monitor": "0f01c8", "mwait": "0f01c9", "vmcall": "0f01c1", "vmrun": "0f01d8",
    "invpcid": "660f388200", "insb": "6c", "outsb": "6e", "xsave": "0fae20", "xgetbv": "0f01d0", "rdfsbase": "f30faec0",
    "nested enter": "c8100001", "cmpxchg16b": "480fc708", "short string": "67f3a4", "bextr": "c4e278f7c1",
    "mov to cs": "8ec8",
}  # fmt: skip


@pytest.mark.parametrize("name", UNDEFINED_CODES)
def test_what_the_cpu_lacks_is_undefined(machine, name) -> None:  # type: ignore[no-untyped-def]
    """The exception is that of an undefined opcode, at the instruction, with flags and registers as before."""
    registers = [0x200800 + 16 * n for n in range(16)]
    registers[4] = STACK
    code = bytes.fromhex(UNDEFINED_CODES[name])
    assert (UNDEFINED, CODE, 0x55, registers) == fault(machine, code, registers, 0x55)
