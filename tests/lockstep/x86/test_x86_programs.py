"""The x86-64 CPU against un-hooked Unicorn: same programs, same stops, same registers, flags and memory."""

from __future__ import annotations

import random
import zlib

import pytest
import unicorn
from unicorn import x86_const as xc

from tracegen.elf import read_elf
from tracegen.machine import Machine, make
from tracegen.x86_64.flags import show

INTEGERS, FLOATS = "x86_64-sse-sse2-mmx-x87+soft_float", "x86_64-mmx-x87"
PROGRAMS = [(name, INTEGERS) for name in ("sort", "arithmetic", "unaligned", "lists")] + [("floats", FLOATS)]
MEMORY = 8 << 20
KEPT = 5 * 4096
"""The pages at the end of RAM that the machine fills."""
NAMES = [xc.UC_X86_REG_RAX, xc.UC_X86_REG_RCX, xc.UC_X86_REG_RDX, xc.UC_X86_REG_RBX]
NAMES += [xc.UC_X86_REG_RSP, xc.UC_X86_REG_RBP, xc.UC_X86_REG_RSI, xc.UC_X86_REG_RDI]
NAMES += [xc.UC_X86_REG_R8 + n for n in range(8)]
LIMIT = 20_000_000
ARITHMETIC = 0x8D5


class Reference:
    """Unicorn running the same image, never hooked."""

    def __init__(self, image: bytes, machine: Machine) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.mem_map(0, MEMORY)
        self.entry, segments = read_elf(image, "x86-64")
        for segment in segments:
            self.uc.mem_write(segment.physical, segment.data)
        for name, value in zip(NAMES, machine.registers, strict=True):
            self.uc.reg_write(name, value)
        self.uc.reg_write(xc.UC_X86_REG_EFLAGS, show(machine.core))
        self.pc = self.entry

    def step(self, count: int) -> None:
        """Advance by ``count`` instructions."""
        self.uc.emu_start(self.pc, 0, 0, count)
        self.pc = self.uc.reg_read(xc.UC_X86_REG_RIP)

    def digest(self) -> int:
        """Checksum of memory below what the machine fills."""
        return zlib.crc32(bytes(self.uc.mem_read(0, MEMORY - KEPT)))

    def registers(self) -> list[int]:
        """General registers in hardware's order."""
        return [self.uc.reg_read(name) for name in NAMES]

    def flags(self) -> int:
        """The arithmetic flags."""
        return self.uc.reg_read(xc.UC_X86_REG_EFLAGS) & ARITHMETIC


def _run(image: bytes, traced: bool) -> int:
    """Compare at varying distances to the program's end; the instructions compared."""
    whole = make("x86-64", image, MEMORY)
    end = whole.run(max_instructions=LIMIT)
    assert "exit" == end.reason
    machine = make("x86-64", image, MEMORY)
    reference = Reference(image, machine)
    chance = random.Random(1)
    sink = (lambda words, counts: None) if traced else None
    done = stops = 0
    while done < end.instructions - 3000:
        machine.run(sink=sink, max_instructions=chance.choice((1, 2, 3, 10, 50, 400, 2500)))
        now = machine.instructions
        reference.step(now - done)
        done = now
        stops += 1
        assert reference.pc == machine.pc
        assert reference.registers() == machine.registers
        assert reference.flags() == show(machine.core)
        if stops % 100 == 0:
            assert reference.digest() == zlib.crc32(machine.read(0, MEMORY - KEPT))
    assert reference.digest() == zlib.crc32(machine.read(0, MEMORY - KEPT))
    return done


@pytest.mark.parametrize("traced", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize(("program", "cpu"), PROGRAMS)
def test_compiled_program_matches_unicorn(compile_program, program, cpu, traced) -> None:  # type: ignore[no-untyped-def]
    """Registers, flags, program counter and memory equal Unicorn's at each stop of at least 250,000 instructions."""
    assert _run(compile_program(program, cpu), traced) >= 250_000
