"""A block: a run of the guest's instructions lowered together."""

from __future__ import annotations

from typing import NamedTuple

LONGEST_BLOCK = 128
"""No lowered block retires more instructions."""


class Block(NamedTuple):
    """A lowered block."""

    words: list[int]  # packed micro-ops
    imms: list[int]
    lines: int  # bit set of the page's 64-byte lines that it was lowered from
    retired: int  # instructions that retire in it at most (MIPS: its last branch and slot left out)
