"""Micro-ops: how one is packed, which registers it may name, and the number of each operation.

A micro-op is two 64-bit words: the packed fields below, and an immediate.  The operations themselves, each with the
text of what it does, stand in the tables of ``tracegen.mips64.ops``; ``tracegen.generate`` turns them into one loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tracegen.cpu import float_ops
from tracegen.mips64.ops import alu, branch, floats, memory, system

# -- bit position of each field of the packed word
D_SHIFT, A_SHIFT, B_SHIFT = 8, 16, 24
"""Destination and source registers, 8 bits each above the 8 bits of the operation."""
OFFSET_SHIFT, OFFSET_BITS = 32, 10
"""The guest instruction's place in its page, in 4-byte words: makes EPC."""
SLOT_SHIFT = 42
"""Set on micro-ops of a delay slot: EPC is then the branch before it, with Cause.BD."""
RETIRED_SHIFT, RETIRED_BITS = 43, 12
"""Instructions of this block that have retired before this micro-op; a branch counts itself and its delay slot."""
EXTRA_SHIFT, EXTRA_MASK = 55, 7
"""Memory: the address bits that must be zero.  Branch: a Style."""
ARRIVAL_SHIFT, ARRIVAL_MASK = 58, 7
"""Branch: how fetching reaches the target, a ``schema.Arrival``, or STAY."""

STAY = 7
"""Instead of an Arrival: control goes on in the line where it is, so that no FETCH row is due."""

# -- registers: 0-31 are the guest's
HI, LO = 32, 33
TEMPORARY = (34, 35)
TARGET, TARGET_ARRIVAL = 36, 37
"""Where a branch goes whose delay slot lies on the next page."""
SINK = 38
"""Takes what the guest writes to register 0."""
FLOAT = 64
"""Coprocessor 1's register 0; the other 31 follow."""
CONDITION = 96
"""Its condition code 0, which is 0 or 1; seven more follow."""
ROUNDING, FCSR_KEPT = 104, 105
"""What else FCSR holds: the rounding mode, and bits that only hold what is written."""
FLOAT_TEMPORARY = 106
"""And one more."""

CLASSES: tuple[tuple[str, Mapping[str, str | tuple[str, str]]], ...] = (
    ("alu", alu.TABLE | floats.REGISTERS),
    ("load", memory.LOADS),
    ("store", memory.STORES),
    ("branch", branch.TABLE),
    ("line", branch.LINE),
    ("double", float_ops.DOUBLES),
    ("single", float_ops.SINGLES),
    ("usable", floats.USABLE),
    ("partial", memory.PARTIAL),
    ("system", system.TABLE | floats.RARE),
    ("privileged", system.PRIVILEGED),
)
"""(class, table) in the order of the loop's tests: an operation's class is known from its number alone."""

OPERATIONS = {name: number for number, name in enumerate(name for _, table in CLASSES for name in table)}


class MicroOp(NamedTuple):
    """One micro-op before packing; ``imm`` may have either sign."""

    op: str
    d: int = SINK
    a: int = 0
    b: int = 0
    imm: int = 0
    extra: int = 0
    arrival: int = 0

    def pack(self, offset: int, slot: bool, retired: int) -> tuple[int, int]:
        """The two words of this micro-op of the instruction at word ``offset`` of its page."""
        fields = OPERATIONS[self.op] | self.d << D_SHIFT | self.a << A_SHIFT | self.b << B_SHIFT
        fields |= offset << OFFSET_SHIFT | slot << SLOT_SHIFT | retired << RETIRED_SHIFT
        return fields | self.extra << EXTRA_SHIFT | self.arrival << ARRIVAL_SHIFT, self.imm & (1 << 64) - 1
