"""Every instruction against un-hooked Unicorn on generated operands, and its faults against the architecture's words.

Each case is a few instructions at a place of its own that end in a branch to itself.  Unicorn does not deliver MIPS
exceptions, so what traps, overflows or is misaligned is told by a table here and judged by what hardware sets.
"""

from __future__ import annotations

import itertools
import operator
import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import capstone
import pytest
import unicorn
from unicorn import mips_const as mc

from tracegen.mips64 import state as M
from tracegen.mips64.lower.mips64 import MNEMONICS, PLAIN, Word
from tracegen.mips64.machine import Mips64Machine
from tracegen.mips64.ops.system import PRIVILEGED
from tracegen.mips64.state import Exc

CASES = 200
ALL = (1 << 64) - 1
KSEG0 = 0xFFFFFFFF80000000
MEMORY, CODE, DATA, DATA_BYTES, VECTOR = 8 << 20, 0x100000, 0x200000, 128, 0x180
CELL, FIRST = 0x100, 0x4C
"""Bytes between two cases, and where the first instruction of most cases lies in its own."""
POOL = range(8, 16)
COUNTER, PASSED, TAKEN, BASE, LINK = 20, 21, 22, 23, 31
HERE, NOP = 0x1000FFFF, 0
EDGES = (0, 1, 2, 7, 31, 32, 63, 0x7FFFFFFF, KSEG0, ALL, ALL - 1, 1 << 63, (1 << 63) - 1, 0x55AA55AA)
NAMES = [mc.UC_MIPS_REG_0 + n for n in range(32)] + [mc.UC_MIPS_REG_HI, mc.UC_MIPS_REG_LO]


class Case(NamedTuple):
    """Instructions, where they start and end, the state before them, and how the one in question faults, if it does."""

    words: list[int]
    registers: list[int]
    first: int = 0  # index of the word that runs first
    subject: int = 0  # index of the instruction in question
    fault: tuple[Exc, int | None] | None = None  # with BadVAddr


Form = Callable[[int, "Dice"], Case]


class Dice(random.Random):
    """Generated operands of one case: ``at`` is the address of its first instruction, ``index`` its number."""

    index, at = 0, 0

    def operand(self) -> int:
        """64 bits, often an edge value."""
        return self.choice(EDGES) if self.random() < 0.4 else self.getrandbits(64) >> self.choice((0, 0, 20, 40))

    def registers(self, narrow: bool) -> list[int]:
        """All registers; narrow ones are sign-extended, for what else is unpredictable by the architecture."""
        values = [0] + [signed(v, 32) & ALL if narrow else v for v in (self.operand() for _ in range(33))]
        if self.random() < 0.3:
            values[POOL[0]] = values[POOL[1]]
        values[BASE] = KSEG0 + DATA + 64
        return values

    def short(self) -> int:
        """A 16-bit immediate, often an edge value."""
        return self.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, self.getrandbits(16)))

    def source(self) -> int:
        return self.choice(POOL)

    def destination(self) -> int:
        return self.choice((0, *POOL))


def signed(value: int, bits: int) -> int:
    """The low bits as a signed number."""
    return (value & (1 << bits) - 1 ^ 1 << bits - 1) - (1 << bits - 1)


def pack(opcode: int, rs: int, rt: int, low: int) -> int:
    return opcode << 26 | rs << 21 | rt << 16 | low & 0xFFFF


# -- forms: (code, dice) -> a case ------------------------------------------------------------------------------------


def register(narrow: bool, rs: int | None = None, rt: int | None = None) -> Form:
    """Three registers; ``rs`` and ``rt`` may be fixed, as in aliases."""

    def form(code: int, dice: Dice) -> Case:
        a, b = dice.source() if rs is None else rs, dice.source() if rt is None else rt
        values = dice.registers(narrow)
        word = pack(0, a, b, dice.destination() << 11 | code)
        return Case([word], values, fault=overflow(code, values[a], values[b]))

    return form


def overflow(code: int, x: int, y: int) -> tuple[Exc, int | None] | None:
    """Whether add, sub, dadd, dsub overflow."""
    if code not in (0x20, 0x22, 0x2C, 0x2E):
        return None
    bits = 32 if code < 0x2C else 64
    total = signed(x, bits) - signed(y, bits) if code & 2 else signed(x, bits) + signed(y, bits)
    return None if total == signed(total, bits) else (Exc.OV, None)


def shift(narrow: bool) -> Form:
    def form(code: int, dice: Dice) -> Case:
        low = dice.destination() << 11 | dice.randrange(32) << 6 | code
        return Case([pack(0, 0, dice.source(), low)], dice.registers(narrow))

    return form


def product(narrow: bool) -> Form:
    return lambda code, dice: Case([pack(0, dice.source(), dice.source(), code)], dice.registers(narrow))


def immediate(narrow: bool) -> Form:
    def form(code: int, dice: Dice) -> Case:
        a, low, values = 0 if code == 0x0F else dice.source(), dice.short(), dice.registers(narrow)
        add = {0x08: 0x20, 0x18: 0x2C}.get(code, 0)
        fault = overflow(add, values[a], signed(low, 16))
        return Case([pack(code, a, dice.destination(), low)], values, fault=fault)

    return form


def move(_: int, dice: Dice) -> Case:
    """capstone has one name for or, addu and daddu with register 0."""
    return register(narrow=True, rt=0)((0x25, 0x21, 0x2D)[dice.index % 3], dice)


def from_product(code: int, dice: Dice) -> Case:
    return Case([dice.destination() << 11 | code], dice.registers(narrow=False))


def to_product(code: int, dice: Dice) -> Case:
    return Case([dice.source() << 21 | code], dice.registers(narrow=False))


def fixed(code: int, dice: Dice) -> Case:
    return Case([code], dice.registers(narrow=False))


def hint(code: int, dice: Dice) -> Case:
    return Case([pack(code, dice.source(), dice.randrange(32), dice.short())], dice.registers(narrow=False))


def call(exception: Exc) -> Form:
    """syscall, break: any code in the word."""
    return lambda code, dice: Case(
        [dice.getrandbits(20) << 6 | code], dice.registers(narrow=False), fault=(exception, None)
    )


def trap(condition: Callable[[int, int], bool], bits: int = 0) -> Form:
    """Conditional trap; ``bits`` 64 compares signed numbers.  Codes below 16 take an immediate."""

    def form(code: int, dice: Dice) -> Case:
        a, b, low, values = dice.source(), dice.source(), dice.short(), dice.registers(narrow=False)
        if code < 16 and dice.random() < 0.3:
            values[a] = signed(low, 16) & ALL
        x, y = values[a], signed(low, 16) & ALL if code < 16 else values[b]
        taken = condition(signed(x, 64), signed(y, 64)) if bits else condition(x, y)
        word = pack(1, a, code, low) if code < 16 else pack(0, a, b, dice.getrandbits(10) << 6 | code)
        return Case([word], values, fault=(Exc.TR, None) if taken else None)

    return form


def memory(width: int = 1) -> Form:
    """A load or store; all 8 places in a doubleword come in turn, and those that are misaligned fault."""

    def form(code: int, dice: Dice) -> Case:
        values, offset = dice.registers(narrow=False), dice.randrange(-40, 41)
        address = KSEG0 + DATA + 64 + 8 * dice.randrange(-4, 4) + dice.index % 8
        values[BASE] = address - offset
        error = Exc.ADES if code in STORES else Exc.ADEL
        target = dice.source() if code in STORES else dice.choice((0, BASE, *POOL))
        return Case([pack(code, BASE, target, offset)], values, fault=(error, address) if address % width else None)

    return form


def conditional(width: int, linked: int) -> Form:
    """sc, scd: with a link, or elsewhere after another one has used the link up (Unicorn lets it serve one place)."""

    def form(code: int, dice: Dice) -> Case:
        case = memory(width)(code, dice)
        if case.fault:
            return case
        store = case.words[0]
        words = [pack(linked, BASE, COUNTER, store), store]
        if dice.random() < 0.5:
            words = [words[0], pack(code, BASE, PASSED, store), pack(code, BASE, store >> 16 & 31, store + 16)]
        return case._replace(words=words, subject=len(words) - 1)

    return form


def flow(write: Callable[[int, int, int, Dice], int], wants: str = "") -> Form:
    """A branch or jump forwards or backwards over counted paths, with a delay slot that may touch its operands."""

    def form(code: int, dice: Dice) -> Case:
        values, a, b = dice.registers(narrow=False), dice.source(), dice.source()
        back = dice.random() < 0.5
        at, target = (3, 0) if back else (0, 5)
        address = dice.at + 4 * (target - at)
        if wants == "register":
            values[a] = address
        distance = target - at - 1 if not wants else address >> 2 & 0x3FFFFFF
        slots = (
            NOP, pack(0x19, a, a, 1), pack(0x19, b, b, 0xFFFF), pack(0x37, BASE, a, 8), pack(0x3F, BASE, b, 16),
            pack(0, LINK, 0, COUNTER << 11 | 0x25), pack(0x19, COUNTER, COUNTER, 5),
        )  # fmt: skip
        branch = [write(code, a, b, dice) | (distance & 0xFFFF if not wants else 0), dice.choice(slots)]
        if wants == "target":
            branch[0] = code << 26 | distance
        passed, taken = pack(0x19, PASSED, PASSED, 1), pack(0x19, TAKEN, TAKEN, 1)
        leave = [pack(4, 0, 0, 4 if back else 2), NOP]
        words = [taken, *leave, *branch, passed] if back else [*branch, passed, *leave, taken]
        return Case(words, values, first=at, subject=at)

    return form


def jump_register(code: int, a: int, _: int, dice: Dice) -> int:
    return pack(0, a, 0, (dice.choice([r for r in (LINK, *POOL) if r != a]) << 11 if code == 9 else 0) | code)


def table(form: Form, **codes: int) -> dict[str, tuple[Form, int]]:
    return {name.rstrip("_"): (form, code) for name, code in codes.items()}


TABLE: dict[str, tuple[Form, int]] = {
    **table(register(narrow=False), daddu=0x2D, dsubu=0x2F, and_=0x24, or_=0x25, xor=0x26, nor=0x27, slt=0x2A),
    **table(register(narrow=False), sltu=0x2B, movz=0x0A, movn=0x0B, dsllv=0x14, dsrlv=0x16, dsrav=0x17),
    **table(register(narrow=False), dadd=0x2C, dsub=0x2E),
    **table(register(narrow=True), addu=0x21, subu=0x23, sllv=0x04, srlv=0x06, srav=0x07, add=0x20, sub=0x22),
    **table(register(narrow=True, rs=0), neg=0x22, negu=0x23),
    **table(register(narrow=False, rt=0), not_=0x27),
    **table(move, move=0),
    **table(shift(narrow=True), sll=0x00, srl=0x02, sra=0x03),
    **table(shift(narrow=False), dsll=0x38, dsrl=0x3A, dsra=0x3B, dsll32=0x3C, dsrl32=0x3E, dsra32=0x3F),
    **table(product(narrow=False), dmult=0x1C, dmultu=0x1D, ddiv=0x1E, ddivu=0x1F),
    **table(product(narrow=True), mult=0x18, multu=0x19, div=0x1A, divu=0x1B),
    **table(from_product, mfhi=0x10, mflo=0x12),
    **table(to_product, mthi=0x11, mtlo=0x13),
    **table(immediate(narrow=False), daddiu=0x19, slti=0x0A, sltiu=0x0B, andi=0x0C, ori=0x0D, xori=0x0E, lui=0x0F),
    **table(immediate(narrow=False), daddi=0x18),
    **table(immediate(narrow=True), addi=0x08, addiu=0x09),
    **table(fixed, nop=0, ssnop=0x40, ehb=0xC0, pause=0x140, sync=0x0F),
    **table(hint, pref=0x33),
    **table(call(Exc.SYS), syscall=0x0C),
    **table(call(Exc.BP), break_=0x0D),
    **table(trap(operator.eq), teq=0x34, teqi=0x0C),
    **table(trap(operator.ne), tne=0x36, tnei=0x0E),
    **table(trap(operator.ge, 64), tge=0x30, tgei=0x08),
    **table(trap(operator.ge), tgeu=0x31, tgeiu=0x09),
    **table(trap(operator.lt, 64), tlt=0x32, tlti=0x0A),
    **table(trap(operator.lt), tltu=0x33, tltiu=0x0B),
    **table(memory(), lb=0x20, lbu=0x24, lwl=0x22, lwr=0x26, ldl=0x1A, ldr=0x1B),
    **table(memory(), sb=0x28, swl=0x2A, swr=0x2E, sdl=0x2C, sdr=0x2D),
    **table(memory(2), lh=0x21, lhu=0x25, sh=0x29),
    **table(memory(4), lw=0x23, lwu=0x27, sw=0x2B, ll=0x30),
    **table(memory(8), ld=0x37, sd=0x3F, lld=0x34),
    **table(conditional(4, 0x30), sc=0x38),
    **table(conditional(8, 0x34), scd=0x3C),
    **table(flow(lambda code, a, b, _: pack(code, a, b, 0)), beq=0x04, bne=0x05, beql=0x14, bnel=0x15),
    **table(flow(lambda code, a, *_: pack(code, a, 0, 0)), beqz=0x04, bnez=0x05, blez=0x06, bgtz=0x07),
    **table(flow(lambda code, a, *_: pack(code, a, 0, 0)), blezl=0x16, bgtzl=0x17),
    **table(flow(lambda code, a, *_: pack(1, a, code, 0)), bltz=0x00, bgez=0x01, bltzl=0x02, bgezl=0x03),
    **table(flow(lambda code, a, *_: pack(1, a, code, 0)), bltzal=0x10, bgezal=0x11, bltzall=0x12, bgezall=0x13),
    **table(flow(lambda code, *_: pack(4, 0, 0, 0)), b=0),
    **table(flow(lambda code, *_: pack(1, 0, 0x11, 0)), bal=0),
    **table(flow(lambda code, *_: 0, "target"), j=0x02, jal=0x03),
    **table(flow(jump_register, "register"), jr=0x08, jalr=0x09),
}
STORES = {0x28, 0x29, 0x2B, 0x3F, 0x2A, 0x2E, 0x2C, 0x2D, 0x38, 0x3C}
ALWAYS_FAULT = {"syscall", "break"}
CAN_FAULT = [
    *sorted(ALWAYS_FAULT), *"add sub neg dadd dsub addi daddi lh lhu sh lw lwu sw ll sc ld sd lld scd".split(),
    *(name for name in TABLE if name[0] == "t"),
]  # fmt: skip


def cases(name: str, faulting: bool) -> Iterator[tuple[int, Case]]:
    """The instruction's cases that do or do not fault, with the address of the first instruction of each.

    Every 16th case starts in the last word of a page, so that a branch there has its delay slot on the next one.
    """
    form, code = TABLE[name]
    dice = Dice(name)
    for place in range(CASES):
        dice.at = KSEG0 + CODE + (CELL * (place + 1) - 4 if place % 16 == 15 else CELL * place + FIRST)
        for _ in itertools.count():
            dice.index += 1
            case = form(code, dice)
            if (case.fault is not None) == faulting:
                break
        yield dice.at, case


class Bench:
    """Our machine with the cases' code in memory."""

    def __init__(self, machine: Mips64Machine, made: list[tuple[int, Case]], data: bytes) -> None:
        self.machine, self.data, self.made = machine, data, made
        self.code = bytearray(CELL * (CASES + 1))
        for at, case in made:
            start = at - KSEG0 - CODE - 4 * case.first
            words = (*case.words, HERE, NOP)
            struct.pack_into(f">{len(words)}I", self.code, start, *words)
        machine.forget_code()
        machine.write(CODE, bytes(self.code))
        machine.write(VECTOR, struct.pack(">2I", HERE, NOP))

    def run(self, at: int, case: Case) -> list[int]:
        """Registers after the case; control then stays where it ended."""
        machine = self.machine
        machine.write(DATA, self.data)
        machine.core.r[:34] = case.registers
        machine.core.s[[M.STATUS, M.CAUSE, M.EPC, M.BAD_VADDR]] = 0
        machine.restart(at)
        machine.run(max_instructions=24)
        return machine.registers


@pytest.fixture(scope="module")
def machine(compile_program) -> Mips64Machine:  # type: ignore[no-untyped-def]
    """One machine whose code is replaced for every instruction."""
    return Mips64Machine(compile_program("sort", "mips4"), MEMORY)


def mnemonic(word: int) -> str:
    """capstone's name of one word."""
    decoder = capstone.Cs(capstone.CS_ARCH_MIPS, capstone.CS_MODE_MIPS64 | capstone.CS_MODE_BIG_ENDIAN)
    return next(decoder.disasm_lite(struct.pack(">I", word), 0))[2]


def test_every_instruction_has_cases() -> None:
    """The table holds each mnemonic that the lowering accepts, coprocessor 0's apart."""
    privileged = {name for name, lowering in PLAIN.items() if lowering(Word(0))[0].op in PRIVILEGED}
    assert MNEMONICS - privileged == set(TABLE)


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ALWAYS_FAULT])
def test_instruction_matches_unicorn_on_generated_operands(machine, name) -> None:  # type: ignore[no-untyped-def]
    """All registers, HI, LO, the program counter and memory are Unicorn's after each of 200 cases, edges among them."""
    made = list(cases(name, faulting=False))
    data = Dice(name).randbytes(DATA_BYTES)
    bench = Bench(machine, made, data)
    uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
    uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
    uc.mem_map(0, MEMORY)
    uc.mem_write(CODE, bytes(bench.code))
    uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, 0xE0)
    for at, case in made:
        assert name == mnemonic(case.words[case.subject])
        end = at + 4 * (len(case.words) - case.first)
        uc.mem_write(DATA, data)
        for unicorn_name, value in zip(NAMES, case.registers, strict=True):
            uc.reg_write(unicorn_name, value)
        uc.emu_start(at, end)
        assert [uc.reg_read(unicorn_name) & ALL for unicorn_name in NAMES] == bench.run(at, case)
        assert end == machine.pc
        assert bytes(uc.mem_read(DATA, DATA_BYTES)) == machine.read(DATA, DATA_BYTES)


@pytest.mark.parametrize("name", CAN_FAULT)
def test_faulting_operands_raise_the_architectures_exception(machine, name) -> None:  # type: ignore[no-untyped-def]
    """In each of 200 cases ExcCode, EPC, BadVAddr are what the operands call for, and registers and memory are kept."""
    made = []
    for place, (at, case) in enumerate(cases(name, faulting=True)):
        in_slot = place % 4 == 0
        made.append((at, case._replace(words=[pack(4, 0, 0, 1), *case.words], subject=1) if in_slot else case))
    data = Dice(name).randbytes(DATA_BYTES)
    bench = Bench(machine, made, data)
    for at, case in made:
        assert name == mnemonic(case.words[case.subject])
        assert case.registers == bench.run(at, case)
        assert data == machine.read(DATA, DATA_BYTES)
        cause = machine.cp0(M.CAUSE)
        code, bad = case.fault
        assert (code, case.subject, 0) == (cause >> 2 & 31, cause >> 31, cause >> 28 & 3)
        assert (KSEG0 + VECTOR, at, bad or 0) == (machine.pc, machine.cp0(M.EPC), machine.cp0(M.BAD_VADDR))
