"""Blocks of x86-64 micro-ops: any bytes give one, and only flags that someone may look at are computed."""

from __future__ import annotations

import random

import pytest

from tracegen.cpu.machine import LONGEST_BLOCK
from tracegen.x86_64.lower.block import lower_block
from tracegen.x86_64.microops import OPERATIONS, RETIRED_BITS, RETIRED_SHIFT

NAMES = {number: name for name, number in OPERATIONS.items()}
PREFIXES = (0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x64, 0x65)
RETURN = b"\xc3"


def names(code: bytes, traced: bool = False) -> list[str]:
    """The micro-ops of a page that starts with ``code``."""
    return [NAMES[word & 0xFF] for word in lower_block(code.ljust(4096, RETURN), b"", 0, traced).words]


def test_any_bytes_give_a_block() -> None:
    """Each of 10,000 opcodes with prefixes has micro-ops of two 64-bit words, wherever in or across pages it lies."""
    dice = random.Random(3)
    for number in range(10_000):
        code = bytes(dice.choice(PREFIXES) for _ in range(dice.choice((0, 0, 1, 1, 2))))
        code += bytes([0x40 | dice.randrange(16)]) if dice.random() < 0.5 else b""
        code += (b"", b"\x0f")[number >> 8 & 1] + bytes([number & 0xFF]) + dice.randbytes(12)
        inside = lower_block(code.ljust(4096, RETURN), b"", 0, True, 1)
        across = lower_block(code[:2].rjust(4096, RETURN), code[2:].ljust(16, RETURN), 4094, True, 1)
        for block in (inside, across):
            assert 0 < len(block.words) == len(block.imms)
            assert all(0 <= word < 1 << 64 for word in (*block.words, *block.imms))
            assert 1 >= block.retired


@pytest.mark.parametrize("place", [0, 1])
def test_a_page_without_a_jump_is_cut(place: int) -> None:
    """A block is short even where no instruction begins at a line's start."""
    block = lower_block(b"\0" * 4096, b"\0" * 16, place, True)

    assert [64, LONGEST_BLOCK][place] == block.retired


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("4801d8 4839c3 7402", ["ADD", "CMP_JE"]),  # add, cmp, je: nobody sees what add sets
        ("4801d8 0f1f4000 4839c3 7402", ["ADD", "CMP_JE"]),  # nor through a nop in between
        ("4801d8 488b0b 4839c3 7402", ["ADD_F64", "LD8", "CMP_JE"]),  # a load may fault and have them saved
        ("4801d8 8ed8", ["ADD_F64", "LOAD_SEGMENT", "JUMP"]),  # and so may a segment register
        ("4801d8 7402", ["ADD_F64", "JE"]),  # a jump looks at the result alone
        ("4885c0 4889d9 7c02", ["AND_F64", "ADD", "JL"]),  # or at what a test left, over a move
        ("48ffc8 7202", ["DEC_F", "J_ANY"]),  # dec leaves CF to those before it
        ("4801d8 c1e000 4839c3 7402", ["ADD", "SHL32", "CMP_JE"]),  # a shift by 0 sets nothing
    ],
)
def test_flags_are_set_where_someone_may_look_at_them(code: str, expected: list[str]) -> None:
    """Operations with _F set flags; a comparison before a jump is one micro-op with it."""
    ends = {"POP", "JUMP"}
    found = names(bytes.fromhex(code))
    assert expected == found[: len(expected)]
    assert not set(found[len(expected) :]) - ends


def test_an_undefined_instruction_across_pages_is_looked_at_again() -> None:
    """What is undefined because of bytes in the next page is so only while they are there; within a page it is."""
    across = lower_block(b"\x0f".rjust(4096, RETURN), b"\x04".ljust(16, RETURN), 4095, False)
    inside = lower_block(b"\x0f\x04".ljust(4096, RETURN), b"", 0, False)
    assert ["CROSS", "CROSS", "RAISE"] == [NAMES[word & 0xFF] for word in across.words]
    assert 0xC3C3C3C3C3C3C304 == across.imms[0]
    assert ["RAISE"] == [NAMES[word & 0xFF] for word in inside.words]


def test_a_block_of_short_instructions_is_cut_at_a_line() -> None:
    """A block retires no more than the machine reckons with, and a micro-op's count of what retired before it fits."""
    block = lower_block(b"\x90" * 4096, b"", 1, True)
    assert 127 == block.retired
    assert LONGEST_BLOCK > block.retired
    assert block.retired == block.words[-1] >> RETIRED_SHIFT & (1 << RETIRED_BITS) - 1
    assert ["LINE", "JUMP"] == [NAMES[word & 0xFF] for word in block.words]


def test_fetch_rows_are_lowered_only_where_they_are_recorded() -> None:
    """An instruction in two lines has a row for the second one, in front of what it does."""
    code = b"\x90" * 61 + bytes.fromhex("4881c278563412") + RETURN
    assert ["LINE", "ADD_F64", "POP", "JUMP"] == names(code, traced=True)
    assert ["ADD_F64", "POP", "JUMP"] == names(code)
