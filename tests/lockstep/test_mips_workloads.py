"""The workloads' own code under the guest's kernel against un-hooked Unicorn, on MIPS64.

Unicorn runs at error level, where it takes the addresses of programs as physical ones: its own way to look up pages
that are only mapped restores the state before each look-up, and so goes wrong in the delay slots of branches.
"""

from __future__ import annotations

import pytest
import unicorn
from unicorn import mips_const as mc

from tracegen.machine import Machine
from tracegen.mips64 import microops
from tracegen.workloads import WORKLOADS

from .stretches import ALL, Point, compare

STATUS = 0x240000E4
"""Coprocessor 1 with 32 registers, 64-bit addresses and operations, error level."""
GENERAL = {f"r{n}": (mc.UC_MIPS_REG_0 + n, n) for n in range(32) if n not in {26, 27}}
"""All but the two that belong to the kernel: name -> (Unicorn's number, ours)."""
GENERAL |= {"hi": (mc.UC_MIPS_REG_HI, microops.HI), "lo": (mc.UC_MIPS_REG_LO, microops.LO)}
FLOATS = {f"f{n}": (mc.UC_MIPS_REG_F0 + n, microops.FLOAT + n) for n in range(32)}
NAMES = GENERAL | FLOATS
FCSR, SEEN = "fcsr", 0xFE800003
"""Condition codes and rounding mode; there are no flags here."""


def registers(machine: Machine) -> dict[str, int]:
    """What a program can see of the machine's registers."""
    r = machine.core.r
    codes = sum(int(r[microops.CONDITION + n]) << (24 + n if n else 23) for n in range(8))
    found = {name: int(r[place]) for name, (_, place) in NAMES.items()}
    return found | {FCSR: codes | int(r[microops.ROUNDING])}


def after(start: Point, count: int) -> Point:
    """Where Unicorn says that a program is ``count`` instructions later."""
    uc = unicorn.Uc(unicorn.UC_ARCH_MIPS, unicorn.UC_MODE_MIPS64 | unicorn.UC_MODE_BIG_ENDIAN)
    uc.ctl_set_cpu_model(mc.UC_CPU_MIPS64_5KF)
    uc.reg_write(mc.UC_MIPS_REG_CP0_STATUS, STATUS)
    for address, content in start.memory.items():
        uc.mem_map(address, len(content))
        uc.mem_write(address, content)
    for name, (theirs, _) in NAMES.items():
        uc.reg_write(theirs, start.registers[name])
    uc.reg_write(mc.UC_MIPS_REG_FCSR, start.registers[FCSR])
    uc.emu_start(start.pc, 0, 0, count)
    memory = {address: bytes(uc.mem_read(address, len(content))) for address, content in start.memory.items()}
    found = {name: uc.reg_read(theirs) & ALL for name, (theirs, _) in NAMES.items()}
    found[FCSR] = uc.reg_read(mc.UC_MIPS_REG_FCSR) & SEEN
    return Point(uc.reg_read(mc.UC_MIPS_REG_PC), found, memory)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_user_code_matches_unicorn(workload: str) -> None:
    """Registers and all of a program's memory equal Unicorn's behind each stretch of its code."""
    compare(workload, "mips64", registers, after)
