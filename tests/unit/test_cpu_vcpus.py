"""Several vCPUs: turns, linked stores, rows and code that another one stores to, on hand-assembled MIPS64 guests."""

from __future__ import annotations

import pytest

from replay.errors import UserError
from replay.trace.schema import Kind, Wake
from tracegen import abi
from tracegen.ending import state_of
from tracegen.mips64.machine import Mips64Machine

from .started import COUNTER, DONE, EXIT, SECOND, START, start, word

ROUNDS = 300
TIMER = 1 << 15


START_ALL = f"""
  ld $t1, {abi.VCPU_COUNT}($t9)
  ori $t0, $0, 1
1:
  beq $t0, $t1, 2f
  nop
  {start("$t0")}
  b 1b
  daddiu $t0, $t0, 1
2:
"""
ATOMIC = f"""
3:
  lld $t3, {COUNTER}($t8)
  bltz $t3, 3b
  daddiu $t3, $t3, 1
  scd $t3, {COUNTER}($t8)
  beqz $t3, 3b
  nop
"""
BROKEN = f"""
  ld $t3, {COUNTER}($t8)
  b 3f
  daddiu $t3, $t3, 1
3:
  sd $t3, {COUNTER}($t8)
"""


def count_with(increment: str) -> str:
    """A guest whose vCPUs add to one counter, ROUNDS times each; the first waits for the others and ends with 7."""
    work = f"""
  lui $t8, 0x8000
  ori $s4, $0, {ROUNDS}
9:
  {increment}
  daddiu $s4, $s4, -1
  bnez $s4, 9b
  nop
8:
  lld $t3, {DONE}($t8)
  daddiu $t3, $t3, 1
  scd $t3, {DONE}($t8)
  beqz $t3, 8b
  nop
"""
    return f"""{START}{START_ALL}{work}
7:
  ld $t3, {DONE}($t8)
  bne $t3, $t1, 7b
  ori $v1, $0, 7
  {EXIT}
.org {SECOND}
{work}
  b .
  nop
"""


@pytest.mark.parametrize("vcpus", [1, 2, 8, 16])
@pytest.mark.parametrize("quantum", [64, 65, 100, 999, 5000])
def test_a_counter_under_linked_stores_is_exact_at_any_quantum(assemble, record, vcpus, quantum) -> None:  # type: ignore[no-untyped-def]
    """Every vCPU's every increment is there, wherever the turns end."""
    run = record(assemble(count_with(ATOMIC)), vcpus=vcpus, quantum=quantum, max_instructions=1_000_000)
    assert (7, vcpus * ROUNDS) == (run.result.status, word(run.machine, COUNTER))


def test_a_counter_without_them_loses_increments(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A turn that ends between load and store loses what others did meanwhile."""
    image = assemble(count_with(BROKEN))
    runs = [record(image, vcpus=4, quantum=quantum, max_instructions=1_000_000) for quantum in (64, 65, 66, 67)]
    assert [7] * 4 == [run.result.status for run in runs]
    assert 4 * ROUNDS > min(word(run.machine, COUNTER) for run in runs)


def test_the_same_machine_makes_the_same_rows(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Nothing but image, quantum and number of vCPUs decides the interleaving; without a trace it is the same."""
    image = assemble(count_with(ATOMIC))
    first, second = (record(image, vcpus=3, quantum=100) for _ in range(2))
    plain = Mips64Machine(image, memory_bytes=4 << 20, vcpus=3, quantum=100)
    assert first.rows == second.rows
    assert first.result == plain.run(max_instructions=100_000)


def test_rows_say_whose_they_are_and_count_every_instruction(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The number is in a row's context; the instructions of all rows are those that retired, tails included."""
    run = record(assemble(count_with(ATOMIC)), vcpus=3, quantum=100)
    assert {0, 1, 2} == {ctx & 15 for _, ctx, _, _, _ in run.rows}
    assert run.result.instructions == sum(n for *_, n in run.rows)
    assert Kind.END == run.rows[-1][0]


def test_vcpus_that_are_never_started_change_nothing(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A guest that waits for its timer makes the same rows on a machine of one vCPU and on one of five."""
    text = f"""{START}
  ori $t1, $0, {TIMER & 0xFFFF}
  mtc0 $t1, $12
  mfc0 $t0, $9
  addiu $t0, $t0, 5000
  mtc0 $t0, $11
  ori $t3, $0, 2000
1:
  bnez $t3, 1b
  daddiu $t3, $t3, -1
  wait
{EXIT}"""
    one, five = (record(assemble(text), vcpus=vcpus, quantum=64) for vcpus in (1, 5))
    assert one.rows == five.rows
    assert [Wake.TIMER] == [info for info, _ in one.of(Kind.IDLE)]


def test_code_that_another_vcpu_stores_to_is_lowered_again(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """vCPU 1 runs a routine, vCPU 0 overwrites it, and vCPU 1 then runs what was written."""
    text = f"""{START}
  ori $t0, $0, 1
  {start("$t0")}
  lui $t8, 0x8000
1:
  ld $t3, {COUNTER}($t8)
  beqz $t3, 1b
  lui $t2, 0x2403
  ori $t2, $t2, 7
  sw $t2, 0x2000($t8)
  sd $t2, {DONE}($t8)
  b .
  nop
.org {SECOND}
  lui $t8, 0x8000
  sd $t8, 0x2f00($t8)
  jal routine
  nop
  sd $t8, {COUNTER}($t8)
1:
  ld $t3, {DONE}($t8)
  beqz $t3, 1b
  nop
  jal routine
  nop
  {EXIT}
.org 0x2000
routine:
  addiu $v1, $0, 3
  jr $ra
  nop
"""
    run = record(assemble(text), vcpus=2)
    assert 7 == run.result.status


def test_stores_to_a_page_that_another_vcpu_made_a_table_are_entries(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """vCPU 1 stores to a page before and after vCPU 0 announces that it holds entries: the second store is one."""
    text = f"""{START}
  ori $t0, $0, 1
  {start("$t0")}
  lui $t8, 0x8000
1:
  ld $t3, {COUNTER}($t8)
  beqz $t3, 1b
  ori $a0, $0, 9
  ori $a1, $0, 0
  ori $0, $0, {abi.Announce.TABLE_ALLOC}
  sd $t3, {DONE}($t8)
  b .
  nop
.org {SECOND}
  lui $t9, 0xbf00
  lui $t8, 0x8000
  ori $s4, $0, 0x9000
  daddu $s4, $s4, $t8
  sd $t8, 0x10($s4)
  sd $t8, {COUNTER}($t8)
1:
  ld $t3, {DONE}($t8)
  beqz $t3, 1b
  ori $v1, $0, 7
  sd $0, 0x18($s4)
  {EXIT}"""
    run = record(assemble(text), vcpus=2)
    assert 7 == run.result.status
    assert [(1, 3)] == [(ctx & 15, info) for kind, ctx, info, *_ in run.rows if kind == Kind.ENTRY]


def test_the_state_of_a_guest_that_ends_badly_names_the_vcpu(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """vCPU 1 ends the run with another status than 0, and what is said of it names vCPU 1."""
    text = f"{START} ori $t0, $0, 1\n {start('$t0')} b .\n nop\n.org {SECOND}\n ori $v1, $0, 9\n {EXIT}"
    run = record(assemble(text), vcpus=2)
    state = state_of(run.machine, run.result, ())
    assert (9, 1) == (run.result.status, state.vcpu)
    assert "kernel mode, vCPU 1" in state.lines()[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"vcpus": 17}, "a machine of 17 vCPUs: give it 1 to 16"),
        ({"vcpus": 2, "quantum": 10}, "a quantum of 10 instructions: give 64 to 20000000"),
    ],
)
def test_machines_that_cannot_be_are_refused(assemble, options, told) -> None:  # type: ignore[no-untyped-def]
    """Too many vCPUs or too short a turn is an error that says what would do."""
    with pytest.raises(UserError) as error:
        Mips64Machine(assemble(f"{START} nop"), memory_bytes=1 << 20, **options)
    assert told == str(error.value)
