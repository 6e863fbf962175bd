"""Numbers to calculate with: edges of both formats, and numbers near 1, near each other, or of any size."""

from __future__ import annotations

import random
import struct

INFINITY = float("inf")
HALVES = [n + 0.5 for n in (-4, -3, -2, -1, 0, 1, 2, 3)]
LIMITS = [
    2.0**31,
    2.0**31 - 0.5,
    -(2.0**31),
    -(2.0**31) - 0.75,
    2.0**63,
    -(2.0**63),
    2.0**62,
    2.0**52 + 0.5,
    4294967297.5,
]
PLAIN = [0.0, -0.0, 1.0, -1.0, 2.0, 3.0, 0.1, -0.1, 1e10, INFINITY, -INFINITY, *HALVES, *LIMITS]
SMALL_DOUBLES = [5e-324, -2.2e-308, 2.2250738585072014e-308, 1.7976931348623157e308, 3.4e38, 1e-45, 7e-46]
SMALL_SINGLES = [1e-45, -1.1e-38, 1.1754943508222875e-38, 3.4028234663852886e38]
INTEGERS = [0, 1, (1 << 64) - 1, 1 << 31, (1 << 31) - 1, 1 << 63, (1 << 63) - 1, (1 << 53) + 1, (1 << 24) + 1]
INTEGERS += [0xFFFFFFFF80000000]


def words_of(kind: str, numbers: list[float]) -> list[int]:
    """The bits of numbers in struct's format ``kind``, "d" or "f"."""
    return [int.from_bytes(struct.pack(f">{kind}", n)) for n in numbers]


DOUBLES = words_of("d", [*PLAIN, *SMALL_DOUBLES])
SINGLES = words_of("f", [*PLAIN, *SMALL_SINGLES])
DOUBLE_NANS = [0x7FF7FFFFFFFFFFFF, 0x7FF4000000000000, 0xFFF7FFFFFFFF0000, 0x7FFFFFFFFFFFFFFF, 0x7FF8000000000000]
SINGLE_NANS = [0x7FBFFFFF, 0x7FA00000, 0xFFBFFF00, 0x7FFFFFFF, 0x7FC00000]
"""Quiet ones and signalling ones by either rule."""


def near(dice: random.Random, bias: int, fraction: int) -> int:
    """The bits of a number, more often than not of a size near 1, now and then with few bits set."""
    size = dice.choice((dice.randrange(-3, 4), dice.randrange(-40, 70), dice.randrange(-bias, bias + 1)))
    sign = dice.getrandbits(1) << (63 if fraction == 52 else 31)
    return sign | bias + size << fraction | dice.getrandbits(fraction) & dice.choice((-1, -1 << fraction - 3))


def double(dice: random.Random, nans: bool = True) -> int:
    """The bits of a double."""
    edges = DOUBLES + DOUBLE_NANS if nans else DOUBLES
    return dice.choice(edges) if dice.random() < 0.5 else near(dice, 1023, 52)


def single(dice: random.Random, nans: bool = True) -> int:
    """The bits of a single, below 32 bits of anything."""
    edges = SINGLES + SINGLE_NANS if nans else SINGLES
    return dice.getrandbits(32) << 32 | (dice.choice(edges) if dice.random() < 0.5 else near(dice, 127, 23))


def integer(dice: random.Random) -> int:
    """64 bits of an integer."""
    return dice.choice(INTEGERS) if dice.random() < 0.4 else dice.getrandbits(64) >> dice.choice((0, 11, 33, 40))
