"""MIPS64 guests that start other vCPUs: what their tests share."""

from __future__ import annotations

from tracegen import abi
from tracegen.mips64.machine import Mips64Machine

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
SECOND = 0x800
"""Where all but the first vCPU begin."""
COUNTER, DONE = 0x7000, 0x7040
START = """
.org 0x400
.globl _start
_start:
  lui $t9, 0xbf00
"""


def start(target: str) -> str:
    """Assembly that starts the vCPU whose number is in a register, with 77 as its argument."""
    return f"""
  lui $t2, 0x8000
  ori $t2, $t2, {SECOND}
  sd  $t2, {abi.START_ENTRY}($t9)
  lui $t2, 0x8001
  sd  $t2, {abi.START_STACK}($t9)
  ori $t2, $0, 77
  sd  $t2, {abi.START_ARGUMENT}($t9)
  sd  {target}, {abi.START_VCPU}($t9)
"""


def word(machine: Mips64Machine, physical: int) -> int:
    """Eight bytes of guest memory."""
    return int.from_bytes(machine.read(physical, 8), "big")
