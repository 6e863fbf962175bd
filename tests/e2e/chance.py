"""What the guest's workloads share, once more: numbers by chance, and digests."""

from __future__ import annotations

from collections.abc import Iterable

WORD = (1 << 64) - 1
DIGEST = 0xCBF29CE484222325


class Chance:
    """The guest's numbers by chance: xorshift64*."""

    def __init__(self, seed: int) -> None:
        self.state = (seed + 1) * 0x9E3779B97F4A7C15 & WORD

    def word(self) -> int:
        """The next 64 bits."""
        self.state ^= self.state >> 12
        self.state = (self.state ^ self.state << 25) & WORD
        self.state ^= self.state >> 27
        return self.state * 0x2545F4914F6CDD1D & WORD

    def below(self, limit: int) -> int:
        """One of ``limit`` numbers."""
        return (self.word() >> 32) * limit >> 32


def digest(values: Iterable[int], of: int = DIGEST) -> int:
    """Of 64-bit numbers in their order."""
    for value in values:
        of = ((of << 5 | of >> 59) & WORD ^ value) * 0x100000001B3 & WORD
    return of
