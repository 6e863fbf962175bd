"""Coprocessor 1 against un-hooked Unicorn on generated operands, in all rounding modes.

Each case loads eight floating-point registers from memory, runs a few instructions and stores all eight, so that
only memory and general registers have to be compared.  Flags, causes and enables of FCSR are left out: the machine
raises no floating-point exception and records none.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
import unicorn
from unicorn import mips_const as mc

from tracegen.mips64 import state as M
from tracegen.mips64.lower import floats
from tracegen.mips64.machine import Mips64Machine

from .x86.float_numbers import double, integer, single

CASES = 200
ALL = (1 << 64) - 1
KSEG0 = 0xFFFFFFFF80000000
MEMORY, CODE, DATA = 8 << 20, 0x100000, 0x200000
CELL, ROW = 0x100, 0x100
"""Bytes between two cases' code and data."""
STATUS = 0x240000E0
"""CU1, FR, and 64-bit addresses in every mode."""
HERE, NOP = 0x1000FFFF, 0
BASE, MODE, RESULT, OTHER = 16, 17, 18, 19
REGISTERS = 8
S, D, W, L = 16, 17, 20, 21
FCC = 0xFE800000
"""The condition codes in FCSR."""


class Dice(random.Random):
    """Generated operands."""

    def number(self, kind: int) -> int:
        """A register's content for an operand of a format."""
        return {S: single, D: double, W: integer, L: integer}[kind](self)

    def register(self) -> int:
        return self.randrange(REGISTERS)


Form = Callable[[Dice], list[int]]


def cop1(kind: int, function: int, *, two: bool) -> Form:
    """op.fmt fd, fs or op.fmt fd, fs, ft."""
    return lambda dice: [
        0x11 << 26
        | kind << 21
        | (dice.register() if two else 0) << 16
        | dice.register() << 11
        | dice.register() << 6
        | function
    ]


def compare(kind: int, conditions: int) -> Form:
    """c.cond.fmt on any condition code, and what a branch, movt, movf and mov.d with movt.d, movf.d make of it."""

    def form(dice: Dice) -> list[int]:
        code, sense = dice.randrange(8), dice.getrandbits(1)
        test = cop1(kind, 0x30 | conditions, two=True)(dice)[0] & ~0x7C0 | code << 8
        branch = 0x11 << 26 | 8 << 21 | code << 18 | dice.getrandbits(1) << 17 | sense << 16 | 2
        general = BASE << 21 | code << 18 | sense << 16 | RESULT << 11 | 1
        move = 0x11 << 26 | dice.choice((S, D)) << 21 | code << 18 | sense << 16
        move |= dice.register() << 11 | dice.register() << 6 | 0x11
        return [
            test,
            branch,
            0x64000000 | OTHER << 21 | OTHER << 16 | 1,
            0x64000000 | OTHER << 21 | OTHER << 16 | 2,
            general,
            move,
        ]

    return form


def move_if(kind: int, function: int) -> Form:
    """movz.fmt movn.fmt by a general register that is zero or not."""
    return lambda dice: [
        0x11 << 26 | kind << 21 | dice.choice((0, BASE)) << 16 | dice.register() << 11 | dice.register() << 6 | function
    ]


def multiply_add(function: int) -> Form:
    """madd msub nmadd nmsub."""
    return lambda dice: [
        0x13 << 26
        | dice.register() << 21
        | dice.register() << 16
        | dice.register() << 11
        | dice.register() << 6
        | function
    ]


def access(opcode: int) -> Form:
    """lwc1 ldc1 swc1 sdc1 within the row of the case."""
    return lambda dice: [
        opcode << 26 | BASE << 21 | dice.register() << 16 | 8 * dice.randrange(16) + 4 * (not opcode & 4)
    ]


def indexed(function: int) -> Form:
    """lwxc1 ldxc1 swxc1 sdxc1: the index is RESULT."""
    return lambda dice: [
        0x13 << 26 | BASE << 21 | RESULT << 16 | dice.register() << (11 if function & 8 else 6) | function
    ]


def transfer(*numbers: int) -> Form:
    """mtc1, dmtc1 of BASE, then mfc1, dmfc1 into OTHER."""

    def form(dice: Dice) -> list[int]:
        into, back = numbers
        register = dice.register()
        return [
            0x11 << 26 | into << 21 | MODE << 16 | register << 11,
            0x11 << 26 | back << 21 | OTHER << 16 | register << 11,
        ]

    return form


LETTERS = {S: "s", D: "d", W: "w", L: "l"}
FORMS: dict[str, tuple[int, Form]] = {}
"""Name -> the format of its operands, and itself."""
for _kind in (S, D):
    _s = LETTERS[_kind]
    for _n, _name in enumerate(("add", "sub", "mul", "div")):
        FORMS[f"{_name}.{_s}"] = _kind, cop1(_kind, _n, two=True)
    for _n, _name in enumerate(("sqrt", "abs", "mov", "neg")):
        FORMS[f"{_name}.{_s}"] = _kind, cop1(_kind, 4 + _n, two=False)
    for _n, _name in enumerate(("round", "trunc", "ceil", "floor")):
        FORMS[f"{_name}.l.{_s}"] = _kind, cop1(_kind, 8 + _n, two=False)
        FORMS[f"{_name}.w.{_s}"] = _kind, cop1(_kind, 12 + _n, two=False)
    FORMS[f"cvt.w.{_s}"] = _kind, cop1(_kind, 0x24, two=False)
    FORMS[f"cvt.l.{_s}"] = _kind, cop1(_kind, 0x25, two=False)
    FORMS[f"recip.{_s}"] = _kind, cop1(_kind, 0x15, two=False)
    FORMS[f"rsqrt.{_s}"] = _kind, cop1(_kind, 0x16, two=False)
    FORMS[f"movz.{_s}"] = _kind, move_if(_kind, 0x12)
    FORMS[f"movn.{_s}"] = _kind, move_if(_kind, 0x13)
    for _n, _name in enumerate("f un eq ueq olt ult ole ule sf ngle seq ngl lt nge le ngt".split()):
        FORMS[f"c.{_name}.{_s}"] = _kind, compare(_kind, _n)
    for _n, _name in enumerate(("madd", "msub", "nmadd", "nmsub")):
        FORMS[f"{_name}.{_s}"] = _kind, multiply_add(0x20 | _n << 3 | _kind - S)
for _kind in (D, W, L):
    FORMS[f"cvt.s.{LETTERS[_kind]}"] = _kind, cop1(_kind, 0x20, two=False)
for _kind in (S, W, L):
    FORMS[f"cvt.d.{LETTERS[_kind]}"] = _kind, cop1(_kind, 0x21, two=False)
FORMS |= {
    "lwc1": (D, access(0x31)), "ldc1": (D, access(0x35)), "swc1": (D, access(0x39)), "sdc1": (D, access(0x3D)),
    "lwxc1": (D, indexed(0)), "ldxc1": (D, indexed(1)), "swxc1": (D, indexed(8)), "sdxc1": (D, indexed(9)),
    "mtc1 mfc1": (D, transfer(4, 0)), "dmtc1 dmfc1": (D, transfer(5, 1)), "mtc1 dmfc1": (D, transfer(4, 1)),
}  # fmt: skip


def code_of(words: list[int]) -> list[int]:
    """A case: registers and FCSR from memory, its words, registers to memory, FCSR to RESULT."""
    load = [0x35 << 26 | BASE << 21 | n << 16 | 8 * n for n in range(REGISTERS)]
    store = [0x3D << 26 | BASE << 21 | n << 16 | 0x80 + 8 * n for n in range(REGISTERS)]
    fcsr = 31 << 11 | 0x11 << 26
    return [*load, fcsr | 6 << 21 | MODE << 16, *words, *store, fcsr | 2 << 21 | RESULT << 16, HERE, NOP]


def data_of(dice: Dice, kind: int) -> bytes:
    return struct.pack(">32Q", *(dice.number(kind) for _ in range(32)))


class Case:
    """One case's code, data and general registers."""

    def __init__(self, name: str, index: int, dice: Dice) -> None:
        kind, form = FORMS[name]
        self.words = code_of(form(dice))
        self.data = data_of(dice, kind)
        self.at, self.row = CODE + CELL * index, DATA + ROW * index
        codes = dice.getrandbits(32) & FCC
        self.registers = {BASE: KSEG0 + self.row, MODE: codes | index % 4, RESULT: 8 * dice.randrange(16), OTHER: 7}
        if self.registers[MODE] >> 31:
            self.registers[MODE] |= ALL << 32 & ALL


def reference() -> unicorn.Uc:
    """Unicorn's CPU with coprocessor 1."""
    uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
    uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KF)
    uc.mem_map(0, MEMORY)
    uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, STATUS)
    return uc


@pytest.fixture(scope="module")
def machine(compile_program) -> Mips64Machine:  # type: ignore[no-untyped-def]
    """One machine whose code is replaced for every form."""
    return Mips64Machine(compile_program("sort", "mips4"), MEMORY)


def outcome(registers: list[int], memory: bytes) -> tuple[list[int], list[str]]:
    """General registers, FCSR's flags apart, and the row of memory."""
    registers[2] &= 0xFF800003
    return registers, [f"{word:016x}" for (word,) in struct.iter_unpack(">Q", memory)]


@pytest.mark.parametrize("name", FORMS)
def test_instruction_matches_unicorn_in_all_rounding_modes(machine, name) -> None:  # type: ignore[no-untyped-def]
    """Registers and memory are Unicorn's, to the bit, after each of 200 cases with NaNs, infinities and denormals."""
    dice, uc = Dice(name), reference()
    cases = [Case(name, index, dice) for index in range(CASES)]
    for case in cases:
        code = struct.pack(f">{len(case.words)}I", *case.words)
        for write in (uc.mem_write, machine.write):
            write(case.at, code)
            write(case.row, case.data)
    machine.forget_code()
    for case in cases:
        for number, value in case.registers.items():
            uc.reg_write(mc.UC_MIPS_REG_0 + number, value)
            machine.core.r[number] = value
        end = KSEG0 + case.at + 4 * (len(case.words) - 2)
        uc.emu_start(KSEG0 + case.at, end)
        machine.core.s[M.STATUS] = STATUS
        machine.restart(KSEG0 + case.at)
        machine.run(max_instructions=40)
        theirs = outcome(
            [uc.reg_read(mc.UC_MIPS_REG_0 + n) & ALL for n in case.registers], bytes(uc.mem_read(case.row, ROW))
        )
        ours = outcome([int(machine.core.r[n]) for n in case.registers], machine.read(case.row, ROW))
        assert (theirs, end) == (ours, machine.pc)


def test_every_function_has_cases() -> None:
    """The forms hold each (format, function) that the lowering knows."""
    known = {(kind, function) for kind, function in floats.FUNCTIONS}
    dice = Dice(0)
    made = {word for _, form in FORMS.values() for word in form(dice)}
    seen = {(word >> 21 & 31, word & 0x3F) for word in made if word >> 26 == 0x11 and word >> 25 & 1}
    assert known == seen & known
