"""The workloads' own code under the guest's kernel against un-hooked Unicorn, on x86-64."""

from __future__ import annotations

import pytest
import unicorn
from unicorn import x86_const as xc

from tracegen.machine import Machine
from tracegen.workloads import WORKLOADS
from tracegen.x86_64 import places
from tracegen.x86_64.flags import show

from .stretches import Point, compare

GENERAL = [f"R{name}" for name in "AX CX DX BX SP BP SI DI".split()] + [f"R{n}" for n in range(8, 16)]
VECTORS = [f"XMM{n}" for n in range(16)]
FLAGS, ARITHMETIC = "EFLAGS", 0x8D5
MXCSR, MODE = "MXCSR", 0x6000
"""The rounding mode; there are no flags here."""


def registers(machine: Machine) -> dict[str, int]:
    """What a program can see of the machine's registers."""
    r = [int(value) for value in machine.core.r]
    found = {name: r[place] for place, name in enumerate(GENERAL)}
    found |= {name: r[places.XMM_HIGH + n] << 64 | r[places.XMM + n] for n, name in enumerate(VECTORS)}
    return found | {FLAGS: show(machine.core) & ARITHMETIC, MXCSR: r[places.MXCSR] & MODE}


def number(name: str) -> int:
    """Unicorn's number of a register."""
    return int(getattr(xc, f"UC_X86_REG_{name}"))


def after(start: Point, count: int) -> Point:
    """Where Unicorn says that a program is ``count`` instructions later."""
    uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    for address, content in start.memory.items():
        uc.mem_map(address, len(content))
        uc.mem_write(address, content)
    for name, value in start.registers.items():
        uc.reg_write(number(name), value | 0x1F80 if name == MXCSR else value)
    uc.emu_start(start.pc, 0, 0, count)
    memory = {address: bytes(uc.mem_read(address, len(content))) for address, content in start.memory.items()}
    found = {name: uc.reg_read(number(name)) for name in start.registers}
    found[FLAGS], found[MXCSR] = found[FLAGS] & ARITHMETIC, found[MXCSR] & MODE
    return Point(uc.reg_read(xc.UC_X86_REG_RIP), found, memory)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_user_code_matches_unicorn(workload: str) -> None:
    """Registers, flags and all of a program's memory equal Unicorn's behind each stretch of its code."""
    compare(workload, "x86-64", registers, after)
