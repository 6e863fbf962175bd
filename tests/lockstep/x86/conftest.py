"""Runs generated instructions on the x86-64 machine and on un-hooked Unicorn."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import unicorn

from tracegen.elf import read_elf
from tracegen.machine import Machine, make

PROGRAMS = Path(__file__).parent.parent / "programs"
MEMORY, INPUT, OUTPUT, DATA, DATA_BYTES = 16 << 20, 0x800000, 0x900000, 0xA00000, 1 << 17
CASES, CELL = 200, 512
"""Cases of a form, and bytes of data that each has for itself."""
REGISTERS = "rax rcx rdx rbx rbp rsi rdi r8 r9 r10 r11 r12 r13 r14".split()
ARITHMETIC, DIRECTION = 0x8D5, 0x400
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, (1 << 63) - 1, 1 << 63)
EDGES += ((1 << 64) - 1, (1 << 64) - 2, 0xFFFFFFFF80000000, 31, 32, 33, 63, 64)
SUFFIXES = {1: "b", 2: "w", 4: "l", 8: "q"}


class Case(NamedTuple):
    """One case: text for the assembler, and which flags the architecture defines behind it."""

    text: str
    registers: dict[str, int]
    flags: int
    defined: int


def name_of(register: str, size: int) -> str:
    """The assembler's name of a register's low ``size`` bytes."""
    if register[1:].isdigit():
        return register + {8: "", 4: "d", 2: "w", 1: "b"}[size]
    short = register[1:]
    low = short[0] + "l" if short[1] == "x" else short + "l"
    return {8: register, 4: "e" + short, 2: short, 1: low}[size]


class Dice(random.Random):
    """Operands of one case, number ``index``; what registers must hold for its addresses is kept."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.index, self.fixed, self.plain, self.reserved = 0, dict[str, int](), False, frozenset[str]()

    def begin(self, index: int) -> None:
        """The next case.  A plain one uses no register that takes a REX prefix, so that %ah may be used."""
        self.index, self.fixed, self.plain, self.reserved = index, {}, index % 5 == 4, frozenset()

    def value(self) -> int:
        """64 bits, often an edge value, often a number of few bits."""
        return self.choice(EDGES) if self.random() < 0.4 else self.getrandbits(64) >> self.choice((0, 0, 20, 33, 50))

    def size(self, *sizes: int) -> int:
        """An operand size; all come in turn."""
        return sizes[self.index // 2 % len(sizes)]

    def register(self, size: int, *names: str) -> str:
        """A general register, in one of five 8-bit cases a high byte."""
        if size == 1 and self.plain:
            return "%" + self.choice("al cl dl bl ah ch dh bh".split())
        pool = names or (REGISTERS[:7] if self.plain else REGISTERS)
        return "%" + name_of(self.choice(pool), size)

    @staticmethod
    def part(register: str, size: int) -> str:
        """The assembler's name of a register's low ``size`` bytes."""
        return name_of(register, size)

    def free(self, *taken: str) -> str:
        """The name of a register that no address needs yet."""
        pool = REGISTERS[3:7] if self.plain else REGISTERS[3:]
        return self.choice([r for r in pool if r not in self.reserved | {*self.fixed, *taken}])

    def memory(self, fixed: bool = True) -> str:
        """An address of this case's data in one of all forms; now and then it crosses into another page."""
        at = DATA + CELL * self.index + self.randrange(64, 440)
        if self.index % 8 == 0 and self.index:
            at = DATA + CELL * self.index - self.randrange(1, 8)
        kind = self.randrange(6) if fixed else self.randrange(2)
        if kind == 5:
            return f"{at:#x}"
        if kind == 4:
            return f"data_area+{at - DATA}(%rip)"
        base, disp = self.free(), self.choice((0, 8, -8, 127, -128, 0x1234, -0x12345))
        segment, offset = self.choice((("", 0), ("", 0), ("%fs:", 0x1000), ("%gs:", 0x2000)))
        index = self.free(base)
        scaled = self.randrange(-4, 5) if kind in (1, 2) else 0
        scale = self.choice((1, 2, 4, 8))
        self.fixed[base] = (at - disp - offset - scaled * scale) & (1 << 64) - 1
        if kind not in (1, 2):
            return f"{segment}{disp}(%{base})"
        self.fixed[index] = scaled & (1 << 64) - 1
        return f"{segment}{disp}(%{base},%{index},{scale})"

    def place(self, size: int) -> str:
        """A register or memory."""
        return self.memory() if self.random() < 0.5 else self.register(size)

    def number(self, size: int) -> str:
        """An immediate operand."""
        bits = min(8 * size, 32)
        value = self.value() & (1 << bits) - 1
        return f"${value - (1 << bits) if size == 8 and value >> 31 else value}"

    def case(self, text: str, defined: int = ARITHMETIC, **registers: int) -> Case:
        """A case of these lines; half of them are followed by something that sets all flags anew."""
        values = {name: self.value() for name in REGISTERS} | registers | self.fixed
        if self.random() < 0.4:
            text, defined = f"{text}\n test %r13,%r13", ARITHMETIC & ~0x10
        return Case(text, values, self.getrandbits(12) & ARITHMETIC, defined)


Form = Callable[[Dice], Case]


def assemble(forms: dict[str, Form], folder: Path) -> tuple[bytes, dict[str, list[Case]], dict[str, int]]:
    """(image, cases by form, address of each form's table of code addresses)."""
    made: dict[str, list[Case]] = {}
    lines = ['.include "operands_x86_64.S"', ".text"]
    for form, generate in forms.items():
        dice = Dice(form)
        made[form] = []
        for index in range(CASES):
            dice.begin(index)
            made[form].append(generate(dice))
            # Some cases straddle the end of a page.
            lines += [f".balign 4096\n .skip 4096-{dice.randrange(1, 9)}"] if index % 50 == 7 else []
            lines += [f"{form}_{index}: {made[form][-1].text}", " ret"]
    lines.append(".section .rodata\n .balign 8")
    for form in forms:
        lines += [f"table_{form}:", *(f" .quad {form}_{index}" for index in range(CASES))]
    script = folder / "operands.ld"
    script.write_text(
        "SECTIONS { . = 0x100000; .text : { *(.text*) } . = ALIGN(4096);"
        f" .data : {{ tables = .; *(.rodata*) *(.data*) }} data_area = {DATA:#x}; }}"
    )
    source, output = folder / "operands.S", folder / "operands"
    source.write_text("\n".join(lines) + "\n")
    target = "-target x86_64-freestanding -mcpu=x86_64 -nostdlib -static -Wl,-e,_start -Wl,--no-gc-sections".split()
    command = [sys.executable, "-m", "ziglang", "cc", *target, f"-I{PROGRAMS}", f"-Wl,-T,{script}", source]
    done = subprocess.run([*command, "-o", output], check=False, capture_output=True, text=True)
    assert "" == done.stderr[:2000]
    image = output.read_bytes()
    last = read_elf(image, "x86-64").segments[-1].physical
    return image, made, {form: last + 8 * CASES * place for place, form in enumerate(forms)}


class Bench:
    """The machine and Unicorn, with all forms' code in memory."""

    def __init__(self, forms: dict[str, Form], folder: Path) -> None:
        self.image, self.made, self.tables = assemble(forms, folder)
        self.machine: Machine = make("x86-64", self.image, MEMORY)
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.mem_map(0, MEMORY)
        self.entry, segments = read_elf(self.image, "x86-64")
        for segment in segments:
            self.uc.mem_write(segment.physical, segment.data)
        self.end = 0

    def inputs(self, form: str) -> bytes:
        """The table of inputs, and an address of 0 behind it."""
        rows = b""
        codes = struct.unpack(f"<{CASES}Q", self.machine.read(self.tables[form], 8 * CASES))
        for case, code in zip(self.made[form], codes, strict=True):
            rows += struct.pack("<16Q", *(case.registers[name] for name in REGISTERS), case.flags | 2, code)
        return rows + bytes(128)

    def run(self, form: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]], bool]:
        """(expected, actual, whether memory is the same): text, registers and defined flags of each case."""
        table, data = self.inputs(form), random.Random(form).randbytes(DATA_BYTES)
        machine, uc = self.machine, self.uc
        for address, content in ((INPUT, table), (OUTPUT, bytes(128 * CASES)), (DATA, data)):
            machine.write(address, content)
            uc.mem_write(address, content)
        machine.restart(self.entry)
        end = machine.run(max_instructions=4_000_000)
        assert "exit" == end.reason
        uc.emu_start(self.entry, machine.pc)
        theirs, ours = bytes(uc.mem_read(OUTPUT, 128 * CASES)), machine.read(OUTPUT, 128 * CASES)
        same = bytes(uc.mem_read(DATA, DATA_BYTES)) == machine.read(DATA, DATA_BYTES)
        return self.rows(form, theirs), self.rows(form, ours), same

    def rows(self, form: str, table: bytes) -> list[tuple[Any, ...]]:
        """(text, flags, registers) of each case."""
        words = np.frombuffer(table, "<u8").reshape(CASES, 16)
        return [
            (case.text, hex(int(row[14]) & (case.defined | DIRECTION)), *(hex(int(v)) for v in (*row[:14], row[15])))
            for case, row in zip(self.made[form], words, strict=True)
        ]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Form]], Bench]:
    """A function: the forms of a test module -> their bench, made once."""
    made: dict[int, Bench] = {}

    def get(forms: dict[str, Form]) -> Bench:
        if id(forms) not in made:
            made[id(forms)] = Bench(forms, tmp_path_factory.mktemp("operands"))
        return made[id(forms)]

    return get
