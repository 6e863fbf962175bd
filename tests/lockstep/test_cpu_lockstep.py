"""The CPU against un-hooked Unicorn: same programs, same stops, same registers and memory."""

from __future__ import annotations

import random
import zlib

import pytest
import unicorn
from unicorn import mips_const as mc

from tracegen.elf import read_elf
from tracegen.mips64.machine import Mips64Machine

PROGRAMS = [(name, cpu) for name in ("sort", "arithmetic", "unaligned", "lists") for cpu in ("mips3", "mips4")]
PROGRAMS.append(("floats", "mips4-float"))
MEMORY = 8 << 20
STATUS_KERNEL_64 = 0x000000E0
NAMES = [mc.UC_MIPS_REG_0 + n for n in range(32)] + [mc.UC_MIPS_REG_HI, mc.UC_MIPS_REG_LO]
ALL = (1 << 64) - 1
LIMIT = 20_000_000


class Reference:
    """Unicorn's 64-bit CPU running the same image; never hooked, because its MIPS hooks corrupt execution."""

    def __init__(self, image: bytes, machine: Mips64Machine) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
        self.uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KF)
        self.uc.mem_map(0, MEMORY)
        self.entry, segments = read_elf(image)
        for segment in segments:
            self.uc.mem_write(segment.physical, segment.data)
        self.uc.mem_write(MEMORY - 4096, machine.read(MEMORY - 4096, 4096))
        self.uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, STATUS_KERNEL_64)
        for name, value in zip(NAMES, machine.registers, strict=True):
            self.uc.reg_write(name, value)
        self.pc = self.entry

    def step(self, count: int) -> None:
        """Advance by ``count`` instructions."""
        self.uc.emu_start(self.pc, 0, 0, count)
        self.pc = self.uc.reg_read(mc.UC_MIPS_REG_PC) & ALL

    def digest(self) -> int:
        """Checksum of all memory."""
        return zlib.crc32(bytes(self.uc.mem_read(0, MEMORY)))

    def registers(self) -> list[int]:
        """General registers, HI and LO."""
        return [self.uc.reg_read(name) & ALL for name in NAMES]


def _run(image: bytes, traced: bool) -> int:
    """Compare at varying distances to the program's end; the instructions compared."""
    whole = Mips64Machine(image, MEMORY)
    end = whole.run(max_instructions=LIMIT)
    assert "exit" == end.reason
    machine = Mips64Machine(image, MEMORY)
    reference = Reference(image, machine)
    chance = random.Random(1)
    sink = (lambda words, counts: None) if traced else None
    done = stops = 0
    while done < end.instructions - 3000:
        machine.run(sink=sink, max_instructions=chance.choice((2, 2, 3, 10, 50, 400, 2500)))
        now = machine.instructions
        reference.step(now - done)
        done = now
        stops += 1
        assert reference.pc == machine.pc
        assert reference.registers() == machine.registers
        if stops % 100 == 0:
            assert reference.digest() == zlib.crc32(machine.read(0, MEMORY))
    assert reference.digest() == zlib.crc32(machine.read(0, MEMORY))
    return done


@pytest.mark.parametrize("traced", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize(("program", "cpu"), PROGRAMS)
def test_compiled_program_matches_unicorn(compile_program, program, cpu, traced) -> None:  # type: ignore[no-untyped-def]
    """Every register, the program counter and memory equal Unicorn's at each stop of at least 300,000 instructions."""
    assert _run(compile_program(program, cpu), traced) >= 300_000
