"""The workloads' own code under the guest's kernel against un-hooked Unicorn: stretches between two exceptions."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import unicorn
from unicorn import x86_const as xc

from replay.trace.schema import Mode
from tracegen.boot import workload_boot
from tracegen.cpu import state as S
from tracegen.machine import Machine
from tracegen.x86_64.flags import show

STRETCH = 30_000
"""Instructions compared at once, where no exception comes between."""
QUOTA = 1_190_000
"""Instructions compared of each workload that has as many: more than ten million in all."""
TRIES = 200
ANNOUNCEMENTS = 8
"""More than a stretch has: what the guest tells the recorder counts as no instruction here, and as one for Unicorn."""
WORKLOADS = "compress database-dss database-ir database-oltp engineering graph interp kv radix".split()
"""Those that run long between two exceptions."""
SMALL = {
    "engineering": {"gates": 1024, "lines": 4096},
    "graph": {"vertices": 4096},
    "kv": {"items": 4096},
}
"""Sizes of workloads that by default use more memory than there is time to compare."""
ARITHMETIC = 0x8D5
PRESENT = 1
NAMES = [getattr(xc, f"UC_X86_REG_{name}") for name in "RAX RCX RDX RBX RSP RBP RSI RDI".split()]
NAMES += [getattr(xc, f"UC_X86_REG_R{n}") for n in range(8, 16)]


class Point(NamedTuple):
    """Where a program is: address of the next instruction, registers, arithmetic flags, its pages by address."""

    pc: int
    registers: list[int]
    flags: int
    pages: dict[int, bytes]


def point(machine: Machine) -> Point:
    """Where the program that runs on ``machine`` is."""
    return Point(
        machine.pc, machine.registers, show(machine.core), {va: page(machine, frame) for va, frame in mapped(machine)}
    )


def page(machine: Machine, frame: int) -> bytes:
    """The bytes of a physical page."""
    return machine.core.ram8[frame << 9 : (frame + 1) << 9].astype(machine.WORD).tobytes()


def mapped(machine: Machine) -> Iterator[tuple[int, int]]:
    """(Address, frame) of each page that the current space's leaf tables say is present."""
    s, frames = machine.core.s, machine.core.frames
    for table in np.flatnonzero(frames[S.FRAME_TABLE :: 4] >> np.uint64(32) == s[S.SPACE]).tolist():
        word = int(frames[4 * table + S.FRAME_TABLE])
        if not word & S.TABLE_LINKED or word >> 8 & 15:
            continue
        first = int(frames[4 * table + S.FRAME_FIRST_VPN])
        entries = machine.core.ram8[table << 9 : (table + 1) << 9]
        for index in np.flatnonzero(entries & np.uint64(PRESENT)).tolist():
            frame = int(entries[index]) >> 12 & 0xFFFFFFF
            if first < 1 << 19 and frame < machine.memory_bytes >> 12:
                yield first + index << 12, frame


def after(start: Point, count: int) -> Point:
    """Where Unicorn says that the program is ``count`` instructions later."""
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    for address, content in start.pages.items():
        uc.mem_map(address, 4096)
        uc.mem_write(address, content)
    for name, value in zip(NAMES, start.registers, strict=True):
        uc.reg_write(name, value)
    uc.reg_write(xc.UC_X86_REG_EFLAGS, start.flags)
    uc.emu_start(start.pc, 0, 0, count)
    registers = [uc.reg_read(name) for name in NAMES]
    pages = {address: bytes(uc.mem_read(address, 4096)) for address in start.pages}
    return Point(uc.reg_read(xc.UC_X86_REG_RIP), registers, uc.reg_read(xc.UC_X86_REG_EFLAGS), pages)


def summary(at: Point) -> tuple[Any, ...]:
    """A point in few words."""
    pages = {hex(address): zlib.crc32(content) for address, content in at.pages.items()}
    return hex(at.pc), [hex(r) for r in at.registers], at.flags & ARITHMETIC, pages


def compare(machine: Machine, count: int) -> int:
    """Run so many instructions on both; how many were compared, none where an exception came between."""
    s = machine.core.s
    if s[S.MODE] != Mode.USER or s[S.SLOT]:
        return 0
    start, before, exceptions = point(machine), machine.instructions, machine.statistics
    machine.run(max_instructions=count)
    if machine.statistics != exceptions or s[S.SLOT]:
        return 0
    done, ours = machine.instructions - before, summary(point(machine))
    theirs = [summary(after(start, done))]
    while theirs[-1] != ours and len(theirs) < ANNOUNCEMENTS:
        theirs.append(summary(after(start, done + len(theirs))))
    assert ours in theirs, f"{done} instructions from {start.pc:#x}: {theirs[0][:3]} is not {ours[:3]}"
    return done


@pytest.mark.parametrize("workload", WORKLOADS)
def test_user_code_matches_unicorn(workload: str) -> None:
    """Registers, flags and all of a program's memory equal Unicorn's behind each stretch of its code."""
    machine, dice = workload_boot(workload, SMALL.get(workload), "x86-64").machine(), random.Random(workload)
    compared, count = 0, STRETCH
    for _ in range(TRIES):
        if compared >= QUOTA or machine.run(max_instructions=dice.randrange(1000, 300_000)).status is not None:
            break
        found = compare(machine, count)
        count = min(STRETCH, 2 * count) if found else max(500, count // 2)
        compared += found

    assert compared >= QUOTA
