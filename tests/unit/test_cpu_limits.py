"""A run's limit on instructions: exact, and without effect on the guest."""

from __future__ import annotations

import random

import pytest

from replay.trace.schema import Kind
from tracegen.mips64.machine import Mips64Machine

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
START = """
.org 0x400
.globl _start
_start:
"""


@pytest.mark.parametrize("limit", [*range(1, 12), 150, 301])
def test_no_more_instructions_retire_than_allowed(assemble, record, limit) -> None:  # type: ignore[no-untyped-def]
    """A run ends at its limit, or one short of it before a branch; its rows are those of a longer run up to there."""
    text = f"""{START} daddiu $t0, $0, 500
  lui  $t1, 0x8002
loop: sd $t0, 0($t1)
  daddiu $t0, $t0, -1
  mfc0 $t2, $12
  bnez $t0, loop
  nop
{EXIT}"""
    image = assemble(text)
    short, long = record(image, max_instructions=limit), record(image, max_instructions=1000)
    at_branch = limit > 2 and (limit - 2) % 5 == 4

    assert limit - at_branch == short.result.instructions == sum(row[4] for row in short.rows)
    assert [row[:4] for row in long.rows[: len(short.rows) - 1]] == [row[:4] for row in short.rows[:-1]]
    assert (Kind.END, 1) == (short.rows[-1][0], short.rows[-1][2])


def test_a_run_can_be_cut_anywhere_and_go_on(assemble) -> None:  # type: ignore[no-untyped-def]
    """Stops at any distance change nothing about where the guest ends up."""
    text = (
        f"{START} daddiu $t0, $0, 300\nloop: daddu $v1, $v1, $t0\n daddiu $t0, $t0, -1\n bnez $t0, loop\n nop\n{EXIT}"
    )
    image = assemble(text)
    whole, cut = Mips64Machine(image, memory_bytes=1 << 20), Mips64Machine(image, memory_bytes=1 << 20)
    chance = random.Random(3)
    while cut.run(max_instructions=chance.choice((2, 3, 5, 130))).reason != "exit":
        pass

    assert whole.run().instructions == cut.instructions
    assert whole.registers == cut.registers
