"""The workloads' own code under the guest's kernel against un-hooked Unicorn: stretches without the kernel's say.

Between the two ends of a stretch there are no exceptions but TLB refills, which a program cannot see.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import unicorn
from unicorn import mips_const as mc
from unicorn import x86_const as xc

from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode
from tracegen.boot import workload_boot
from tracegen.cpu import state as S
from tracegen.machine import CPUS, Machine
from tracegen.writer import unpack
from tracegen.x86_64.flags import show

STRETCH = 30_000
"""Instructions compared at once, where no other exception comes between."""
QUOTA = 1_190_000
"""Instructions compared of each workload that has as many: more than ten million in all on each CPU."""
TRIES = 400
WORKLOADS = "compress database-dss database-ir database-oltp engineering graph interp kv radix".split()
"""Those that run long without floating point."""
SMALL = {
    "engineering": {"gates": 1024, "lines": 4096},
    "graph": {"vertices": 4096},
    "kv": {"items": 4096},
}
"""Sizes of workloads that by default use more memory than there is time to compare."""
ALL = (1 << 64) - 1
STATUS_KERNEL_64 = 0x000000E0
ARITHMETIC = 0x8D5
PRESENT = 1
REFILLS = {Cause.REFILL, Cause.NESTED_REFILL}
BRANCHES = {1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23}
"""Primary opcodes of MIPS64 that have a delay slot; and SPECIAL has jr and jalr."""


class Cpu(NamedTuple):
    """What Unicorn calls the registers compared: all but the two that belong to the kernel."""

    registers: list[int]
    pc: int


NAMES = {
    "mips64": Cpu(
        [mc.UC_MIPS_REG_0 + n for n in range(32) if n not in {26, 27}] + [mc.UC_MIPS_REG_HI, mc.UC_MIPS_REG_LO],
        mc.UC_MIPS_REG_PC,
    ),
    "x86-64": Cpu(
        [getattr(xc, f"UC_X86_REG_{name}") for name in "RAX RCX RDX RBX RSP RBP RSI RDI".split()]
        + [getattr(xc, f"UC_X86_REG_R{n}") for n in range(8, 16)],
        xc.UC_X86_REG_RIP,
    ),
}


class Point(NamedTuple):
    """Where a program is: address of the next instruction, registers, arithmetic flags, its pages by address."""

    pc: int
    registers: list[int]
    flags: int
    pages: dict[int, bytes]


class Subject:
    """A machine on which a workload runs, and what its rows said of the latest run."""

    def __init__(self, workload: str, cpu: str) -> None:
        self.machine: Machine = workload_boot(workload, SMALL.get(workload), cpu).machine()
        self.user = self.exceptions = 0

    def run(self, count: int) -> bool:
        """Run so many instructions, and on MIPS64 on to one that is no branch; false at the guest's end."""
        self.user = self.exceptions = 0
        goes_on = self.machine.run(self._keep, max_instructions=count).status is None
        while goes_on and self.in_program() and self._is_at_branch():
            goes_on = self.machine.run(self._keep, max_instructions=2).status is None
        return goes_on

    def _is_at_branch(self) -> bool:
        if self.machine.CPU != "mips64":
            return False
        at = self.machine.pc
        (frame,) = (frame for va, frame in self._mapped() if va == at & -4096)
        word = int.from_bytes(self.machine.read(frame << 12 | at & 4095, 4), "big")
        return word >> 26 in BRANCHES or (word >> 26 == 0 and word & 0x3E == 8)

    def _keep(self, words: np.ndarray, counts: np.ndarray) -> None:
        """Count a program's instructions, and what stopped it other than refills."""
        rows = unpack(words, counts)
        self.user += int(rows["n"][rows["ctx"] >> 4 == Mode.USER].sum())
        causes = rows["info"][rows["kind"] == Kind.EXCEPTION] & CAUSE_MASK
        self.exceptions += sum(cause not in REFILLS for cause in causes.tolist())

    def in_program(self) -> bool:
        """Whether the program runs, at a place where it can be compared."""
        s = self.machine.core.s
        return bool(s[S.MODE] == Mode.USER and not s[S.SLOT])

    def point(self) -> Point:
        """Where the program is."""
        machine, registers, flags = self.machine, self.machine.registers, 0
        if machine.CPU == "mips64":
            registers = registers[:26] + registers[28:]
        else:
            flags = show(machine.core) & ARITHMETIC
        pages = {va: self._page(frame) for va, frame in self._mapped()}
        return Point(machine.pc, registers, flags, pages)

    def _page(self, frame: int) -> bytes:
        return self.machine.core.ram8[frame << 9 : (frame + 1) << 9].astype(self.machine.WORD).tobytes()

    def _mapped(self) -> Iterator[tuple[int, int]]:
        """(Address, frame) of each page that the current space's leaf tables say is present."""
        s, frames = self.machine.core.s, self.machine.core.frames
        for table in np.flatnonzero(frames[S.FRAME_TABLE :: 4] >> np.uint64(32) == s[S.SPACE]).tolist():
            word = int(frames[4 * table + S.FRAME_TABLE])
            if not word & S.TABLE_LINKED or word >> 8 & 15:
                continue
            first = int(frames[4 * table + S.FRAME_FIRST_VPN])
            entries = self.machine.core.ram8[table << 9 : (table + 1) << 9]
            for index in np.flatnonzero(entries & np.uint64(PRESENT)).tolist():
                frame = int(entries[index]) >> 12 & 0xFFFFFFF
                if first < 1 << 19 and frame < self.machine.memory_bytes >> 12:
                    yield first + index << 12, frame


class Reference:
    """Unicorn at a program's point.

    It is told where to stop, not after how many instructions.  It counts what the guest tells the recorder, which
    retires nothing here; and on MIPS64 a branch again whose delay slot touches a page that Unicorn has to look up, and
    it is lost where its count ends in a delay slot.
    """

    def __init__(self, cpu: str, start: Point) -> None:
        self.names, self.is_mips = NAMES[cpu], cpu == "mips64"
        if self.is_mips:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
            self.uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
            self.uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
            self.uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, STATUS_KERNEL_64)
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
            self.uc.reg_write(xc.UC_X86_REG_EFLAGS, start.flags)
        self.pages = list(start.pages)
        for address, content in start.pages.items():
            self.uc.mem_map(address, 4096)
            self.uc.mem_write(address, content)
        for name, value in zip(self.names.registers, start.registers, strict=True):
            self.uc.reg_write(name, value)
        self.pc = start.pc

    def go(self, until: int, count: int) -> None:
        """Advance to an address, or by ``count`` instructions if that is not 0."""
        self.uc.emu_start(self.pc, until, 0, count)
        # On MIPS64 its program counter may be one instruction behind where it was to stop.
        self.pc = self.uc.reg_read(self.names.pc) & ALL if count else until

    def step(self) -> None:
        """Advance by one instruction, on MIPS64 no branch."""
        if self.is_mips:
            self.go(self.pc + 4, 0)
        else:
            self.go(0, 1)

    def is_at(self, end: Point) -> bool:
        """Whether it is where ``end`` says; memory is looked at last."""
        registers = [self.uc.reg_read(name) & ALL for name in self.names.registers]
        flags = 0 if self.is_mips else self.uc.reg_read(xc.UC_X86_REG_EFLAGS) & ARITHMETIC
        if (self.pc, registers, flags) != (end.pc, end.registers, end.flags):
            return False
        return all(bytes(self.uc.mem_read(at, 4096)) == end.pages[at] for at in self.pages)

    def reaches(self, end: Point, most: int) -> bool:
        """Whether it gets to ``end``, and is at its address ``most`` times at most."""
        for _ in range(most):
            if self.pc != end.pc:
                self.go(end.pc, 0)
            if self.is_at(end):
                return True
            self.step()
        return False


def compare(subject: Subject, count: int) -> int:
    """Run so many instructions on both; how many were compared, none where an exception came between."""
    if not subject.in_program():
        return 0
    start = subject.point()
    subject.run(count)
    if subject.exceptions or not subject.in_program():
        return 0
    end, cpu = subject.point(), subject.machine.CPU
    reached = Reference(cpu, start).reaches(end, subject.user)
    assert reached, f"{subject.user} instructions from {start.pc:#x} to {end.pc:#x}"
    return subject.user


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_user_code_matches_unicorn(workload: str, cpu: str) -> None:
    """Registers, flags and all of a program's memory equal Unicorn's behind each stretch of its code."""
    subject, dice = Subject(workload, cpu), random.Random(workload)
    compared, count = 0, STRETCH
    for _ in range(TRIES):
        if compared >= QUOTA or not subject.run(dice.randrange(1000, 300_000)):
            break
        found = compare(subject, count)
        count = min(STRETCH, 2 * count) if found else max(500, count // 2)
        compared += found

    assert compared >= QUOTA
