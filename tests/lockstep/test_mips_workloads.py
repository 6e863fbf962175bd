"""The workloads' own code under the guest's kernel against un-hooked Unicorn, on MIPS64: stretches without its say.

Between the two ends of a stretch there are no exceptions but TLB refills, which a program cannot see.  Of Unicorn a
number of instructions is not asked: where the delay slot of a branch touches a page that Unicorn has to look up, it
counts the branch again, may run past where it was to stop, and at times runs the first instruction behind the branch
twice.  So it is told an address to stop at; and of the workloads that run long without floating point graph, interp
and database-oltp are left out, whose delay slots touch so many pages that it gets lost in most stretches.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import unicorn
from unicorn import mips_const as mc

from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode
from tracegen.boot import workload_boot
from tracegen.cpu import state as S
from tracegen.machine import Machine
from tracegen.writer import unpack

STRETCH = 30_000
"""Instructions compared at once, where no other exception comes between."""
QUOTA = 1_700_000
"""Instructions compared of each workload: more than ten million in all."""
TRIES = 4000
ENDS, FURTHER = 6, 37
"""Ends of a stretch that are tried, and instructions between them."""
LOST = 20
"""Of so many stretches Unicorn may lose one."""
WORKLOADS = "compress database-dss database-ir engineering kv radix".split()
SMALL = {
    "engineering": {"gates": 1024, "lines": 4096},
    "kv": {"items": 4096},
}
"""Sizes of workloads that by default use more memory than there is time to compare."""
ALL = (1 << 64) - 1
STATUS_KERNEL_64 = 0x000000E0
PRESENT = 1
REFILLS = {Cause.REFILL, Cause.NESTED_REFILL}
BRANCHES = {1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 23}
"""Primary opcodes of MIPS64 that have a delay slot; and SPECIAL has jr and jalr."""


NAMES = [mc.UC_MIPS_REG_0 + n for n in range(32) if n not in {26, 27}] + [mc.UC_MIPS_REG_HI, mc.UC_MIPS_REG_LO]
"""All but the two that belong to the kernel."""


class Point(NamedTuple):
    """Where a program is: address of the next instruction, registers, its pages by address."""

    pc: int
    registers: list[int]
    pages: dict[int, bytes]


class Subject:
    """A machine on which a workload runs, and what its rows said of the latest run."""

    def __init__(self, workload: str) -> None:
        self.machine: Machine = workload_boot(workload, SMALL.get(workload)).machine()
        self.user = self.exceptions = 0

    def run(self, count: int) -> bool:
        """Run so many instructions, and on to one that is no branch; false at the guest's end."""
        self.user = self.exceptions = 0
        goes_on = self.machine.run(self._keep, max_instructions=count).status is None
        while goes_on and self.in_program() and self._is_at_branch():
            goes_on = self.machine.run(self._keep, max_instructions=2).status is None
        return goes_on

    def _is_at_branch(self) -> bool:
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
        registers = self.machine.registers
        pages = {va: self._page(frame) for va, frame in self._mapped()}
        return Point(self.machine.pc, registers[:26] + registers[28:], pages)

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
    """Unicorn at a program's point."""

    def __init__(self, start: Point) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
        self.uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KC)
        self.uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        self.uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, STATUS_KERNEL_64)
        for address, content in start.pages.items():
            self.uc.mem_map(address, 4096)
            self.uc.mem_write(address, content)
        for name, value in zip(NAMES, start.registers, strict=True):
            self.uc.reg_write(name, value)
        self.pc = start.pc

    def go(self, until: int) -> None:
        """Advance to an address, where no branch is: its own program counter may say one instruction less."""
        self.uc.ctl_remove_cache(until, until + 4)  # it stops where it did when it translated what is there
        self.uc.emu_start(self.pc, until)
        self.pc = until

    def is_at(self, end: Point) -> bool:
        """Whether all is as ``end`` says; memory is looked at last."""
        if [self.uc.reg_read(name) & ALL for name in NAMES] != end.registers:
            return False
        return all(bytes(self.uc.mem_read(at, 4096)) == content for at, content in end.pages.items())

    def reaches(self, end: Point, most: int) -> bool:
        """Whether it gets to ``end``, and is at its address ``most`` times at most."""
        try:
            for _ in range(most):
                if self.pc != end.pc:
                    self.go(end.pc)
                if self.is_at(end):
                    return True
                self.go(self.pc + 4)
        except unicorn.UcError:  # it ran past where it was to stop
            pass
        return False


def compare(subject: Subject, count: int) -> tuple[int, bool]:
    """Run so many instructions on both: how many were compared, and whether Unicorn got lost.

    Where Unicorn ran past the end another one a little further on has to do: what lies before
    it is compared all the same.  It is lost where no end does, or an exception came before one did.
    """
    if not subject.in_program():
        return 0, False
    start, user = subject.point(), 0
    for attempt in range(ENDS):
        subject.run(count if attempt == 0 else FURTHER)
        user += subject.user
        if subject.exceptions or not subject.in_program():
            return 0, attempt > 0
        end = subject.point()
        if Reference(start).reaches(end, user):
            return user, False
    return 0, True


@pytest.mark.parametrize("workload", WORKLOADS)
def test_user_code_matches_unicorn(workload: str) -> None:
    """Registers and all of a program's memory equal Unicorn's behind each stretch of its code."""
    subject, dice = Subject(workload), random.Random(workload)
    compared, count, lost, stretches = 0, STRETCH, 0, 0
    for _ in range(TRIES):
        if compared >= QUOTA or not subject.run(dice.randrange(1000, 300_000)):
            break
        found, is_lost = compare(subject, count)
        lost, stretches = lost + is_lost, stretches + (found > 0)
        count = min(STRETCH, 2 * count) if found else max(500, count // 2)
        compared += found

    assert compared >= QUOTA
    assert lost * LOST <= stretches
