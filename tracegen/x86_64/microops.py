"""Micro-ops of x86-64: how one is packed, which registers it may name, and the number of each operation.

A micro-op is two 64-bit words: the packed fields below, and an immediate.  The operations themselves, each with the
text of what it does, stand in the tables of ``tracegen.x86_64.ops``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tracegen.cpu import float_ops
from tracegen.x86_64 import places
from tracegen.x86_64.ops import alu, branch, floats, memory, rare

# -- bit position of each field of the packed word
D_SHIFT, A_SHIFT, B_SHIFT = 8, 16, 24
"""Destination and source registers, 8 bits each above the 8 bits of the operation."""
OFFSET_SHIFT, OFFSET_BITS = 32, 12
"""The guest instruction's place in its page, in bytes."""
RETIRED_SHIFT, RETIRED_BITS = 44, 8
"""Instructions of this block that have retired before this micro-op; a branch counts itself."""
SCALE_SHIFT = 52
"""Memory and LEA: register b is shifted left by these two bits."""
KIND_SHIFT, SPAN_SHIFT = 54, 58
"""Memory: the row's kind, 4 bits; bytes less one, 3 bits."""
STYLE_SHIFT, ARRIVAL_SHIFT, ARRIVAL_MASK = 52, 54, 7
"""Branch: a Style; how fetching reaches the target, a ``schema.Arrival``, or STAY."""
NARROW_SHIFT = 58
"""Arithmetic that sets flags: 64 less the operand's bits."""
LENGTH_SHIFT = 60
"""Rare operations: bytes of the guest instruction."""

STAY = 7
"""Instead of an Arrival: control goes on in the line where it is, so that no FETCH row is due."""

CLASSES: tuple[tuple[str, Mapping[str, str | tuple[str, str]]], ...] = (
    ("alu", alu.TABLE | floats.REGISTERS),
    ("load", memory.LOADS),
    ("store", memory.STORES),
    ("compare", branch.COMPARE),
    ("branch", branch.TABLE),
    ("test", branch.TEST),
    ("modify", memory.MODIFY),
    ("line", branch.LINE),
    ("double", float_ops.DOUBLES),
    ("single", float_ops.SINGLES),
    ("usable", floats.USABLE),
    ("rare", rare.TABLE | floats.RARE),
    ("system", rare.SYSTEM),
)
"""(class, table) in the order of the loop's tests: an operation's class is known from its number alone."""

OPERATIONS = {name: number for number, name in enumerate(name for _, table in CLASSES for name in table)}


class MicroOp(NamedTuple):
    """One micro-op before packing; ``imm`` may have either sign, ``fields`` is what stands above the fixed fields."""

    op: str
    d: int = places.SINK
    a: int = places.ZERO
    b: int = places.ZERO
    imm: int = 0
    fields: int = 0

    def pack(self, offset: int, retired: int) -> tuple[int, int]:
        """The two words of this micro-op of the instruction at byte ``offset`` of its page."""
        word = OPERATIONS[self.op] | self.d << D_SHIFT | self.a << A_SHIFT | self.b << B_SHIFT
        word |= offset << OFFSET_SHIFT | retired << RETIRED_SHIFT
        return word | self.fields, self.imm & (1 << 64) - 1
