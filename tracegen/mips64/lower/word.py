"""An instruction word, and the micro-ops that any table of lowerings needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tracegen.mips64.microops import SINK, MicroOp
from tracegen.mips64.state import Exc


class Word(NamedTuple):
    """The fixed fields of an instruction word."""

    raw: int

    @property
    def rs(self) -> int:
        """Bits 25-21."""
        return self.raw >> 21 & 31

    @property
    def rt(self) -> int:
        """Bits 20-16."""
        return self.raw >> 16 & 31

    @property
    def rd(self) -> int:
        """Bits 15-11."""
        return self.raw >> 11 & 31

    @property
    def sa(self) -> int:
        """Bits 10-6, the shift amount."""
        return self.raw >> 6 & 31

    @property
    def simm(self) -> int:
        """The 16-bit immediate, sign-extended."""
        return (self.raw & 0xFFFF) - ((self.raw & 0x8000) << 1)

    @property
    def uimm(self) -> int:
        """The 16-bit immediate, zero-extended."""
        return self.raw & 0xFFFF


Lowering = Callable[[Word], list[MicroOp]]
"""The micro-ops of a word."""


def to_general(register: int) -> int:
    """Where a general register is written: nothing reaches register 0."""
    return register or SINK


def raising(code: Exc, unit: int = 0) -> list[MicroOp]:
    """The micro-op of an instruction that does nothing but raise an exception."""
    return [MicroOp("RAISE", SINK, 0, unit, code)]


def reserved() -> list[MicroOp]:
    """The micro-op of a word that this CPU does not know."""
    return raising(Exc.RI)
