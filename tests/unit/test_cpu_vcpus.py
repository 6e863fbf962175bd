"""Several vCPUs: turns, linked stores, interrupts between them, waiting and time, on hand-assembled MIPS64 guests."""

from __future__ import annotations

import pytest

from replay.errors import UserError
from replay.trace.schema import Cause, Kind, Wake
from tracegen import abi
from tracegen.ending import state_of
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
ROUNDS = 300
CALLED = 1 << 8 + abi.IPI_LINE
TIMER = 1 << 15


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


def word(machine: Mips64Machine, physical: int) -> int:
    """Eight bytes of guest memory."""
    return int.from_bytes(machine.read(physical, 8), "big")


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


def test_a_started_vcpu_finds_its_registers_and_the_time(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Argument, number and stack pointer are where the interface says; its clock goes on from its starter's."""
    text = f"""{START}
  ori $t0, $0, 2
  {start("$t0")}
  mfc0 $s0, $9
  lui $t8, 0x8000
1:
  ld $t3, {DONE}($t8)
  beqz $t3, 1b
  ori $v1, $0, 7
  {EXIT}
.org {SECOND}
  mfc0 $s0, $9
  lui $t9, 0xbf00
  ld $s1, {abi.VCPU_NUMBER}($t9)
  lui $t8, 0x8000
  sd $s0, 0x100($t8)
  sd $s1, 0x108($t8)
  sd $sp, 0x110($t8)
  sd $a0, 0x118($t8)
  sd $a1, 0x120($t8)
  sd $s1, {DONE}($t8)
  b .
  nop
"""
    run = record(assemble(text), vcpus=3)
    clock, *found = (word(run.machine, 0x100 + 8 * i) for i in range(5))
    assert [2, 0xFFFFFFFF80010000, 77, 2] == found
    assert [9 // 2, 10 // 2] == [clock, run.machine.registers[16]]  # Count: every second of the instructions so far
    assert [(2, 1)] == run.of(Kind.IPI_SEND)
    assert [(0, 1)] == run.of(Kind.IPI_RECEIVE)
    assert [(Wake.IPI, 9)] == run.of(Kind.IDLE)  # instructions before the one that starts it
    assert [(0, abi.Service.BOOT)] * 2 == run.of(Kind.SERVICE_ENTER)


CALLS = f"""
.org 0x180
  sd $s1, {DONE}($t8)
  b .
  nop
{START}
  ori $t0, $0, 1
  {start("$t0")}
  lui $t8, 0x8000
  ori $t3, $0, 4000
1:
  bnez $t3, 1b
  daddiu $t3, $t3, -1
  sd $t0, {abi.IPI_SEND}($t9)
1:
  ld $v1, {DONE}($t8)
  beqz $v1, 1b
  nop
  {EXIT}
.org {SECOND}
  lui $t9, 0xbf00
  lui $t8, 0x8000
  ori $t1, $0, {CALLED}
  mtc0 $t1, $12
  wait
  ld $s1, {abi.IPI_PENDING}($t9)
  mfc0 $s2, $13
  daddiu $s1, $s1, 6
  %s
"""


def test_an_interrupt_ends_a_wait_at_the_sender_s_time(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The target slept from its time to the sender's; it reads who called, and its line is down once it says so."""
    done = f"""
  ori $t2, $0, 1
  sd $t2, {abi.IPI_ACKNOWLEDGE}($t9)
  ld $t3, {abi.IPI_PENDING}($t9)
  daddu $s1, $s1, $t3
  mfc0 $s3, $13
  sd $s2, 0x100($t8)
  sd $s3, 0x108($t8)
  sd $s1, {DONE}($t8)
  b .
  nop
"""
    run = record(assemble(CALLS % done), vcpus=2, quantum=1000)
    assert 7 == run.result.status
    assert [CALLED, 0] == [word(run.machine, at) & CALLED for at in (0x100, 0x108)]
    assert [(1, 1), (1, 2)] == run.of(Kind.IPI_SEND)
    assert [(0, 1), (0, 2)] == run.of(Kind.IPI_RECEIVE)
    assert [Wake.IPI] * 2 == [info for info, _ in run.of(Kind.IDLE)]
    sent = 2 + 8 + 2 + 2 * 4001  # instructions before the store that calls
    slept = run.of(Kind.IDLE)[1][1]
    started = run.of(Kind.IDLE)[0][1]
    assert sent == started + 5 + slept


def test_an_unmasked_interrupt_of_another_vcpu_is_an_exception(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """With interrupts enabled the vCPU goes to the general vector, and the service of such interrupts opens."""
    done = f"ori $t1, $0, {CALLED | 1}\n mtc0 $t1, $12\n b .\n nop\n"
    run = record(assemble(CALLS % done), vcpus=2)
    assert 7 == run.result.status
    assert [(Cause.INTERRUPT, abi.IPI_LINE)] == run.of(Kind.EXCEPTION)
    assert abi.Service.IPI in [service for _, service in run.of(Kind.SERVICE_ENTER)]


def test_all_that_wait_for_ever_end_the_run(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Two vCPUs wait with nothing that could wake either: the run says so."""
    text = f"{START} ori $t0, $0, 1\n {start('$t0')} wait\n b .\n nop\n.org {SECOND}\n wait\n b .\n nop\n"
    run = record(assemble(text), vcpus=2)
    assert "nothing can wake it" in run.result.reason


def test_the_disk_interrupts_the_first_vcpu_whoever_asked(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """vCPU 1 asks and vCPU 0, which waits, has the line; its acknowledgement by vCPU 1 takes it down."""
    line = 1 << 8 + abi.DISK_LINE
    text = f"""{START}
  ori $t0, $0, 1
  {start("$t0")}
  lui $t8, 0x8000
  ori $t1, $0, {line}
  mtc0 $t1, $12
  wait
  mfc0 $s0, $13
  sd $t1, {DONE}($t8)
1:
  ld $t3, {COUNTER}($t8)
  beqz $t3, 1b
  nop
  mfc0 $s1, $13
  ori $v1, $0, 7
  {EXIT}
.org {SECOND}
  lui $t9, 0xbf00
  lui $t8, 0x8000
  ori $t2, $0, 9
  sd $0, {abi.DISK_BLOCK}($t9)
  sd $t2, {abi.DISK_FRAME}($t9)
  ori $t2, $0, {abi.Disk.READ}
  sd $t2, {abi.DISK_COMMAND}($t9)
1:
  ld $t3, {DONE}($t8)
  beqz $t3, 1b
  nop
  sd $0, {abi.DISK_ACKNOWLEDGE}($t9)
  sd $t3, {COUNTER}($t8)
  b .
  nop
"""
    block = bytes(range(256)) * 16
    run = record(assemble(text), vcpus=2, disk=block * 2, max_instructions=10_000_000)
    assert 7 == run.result.status
    assert [line, 0] == [run.machine.registers[place] & line for place in (16, 17)]
    assert block == run.machine.read(9 << 12, 4096)
    asked, completed = (
        next(ctx & 15 for k, ctx, *_ in run.rows if k == kind) for kind in (Kind.REQUEST, Kind.COMPLETE)
    )
    assert (1, 0) == (asked, completed)
    assert Wake.DEVICE in [info for info, _ in run.of(Kind.IDLE)]


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


def test_announced_locks_and_barriers_are_rows(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Each announcement of synchronization is one row of its vCPU with the lock's or the barrier's number."""
    names = ("LOCK_TRY", "LOCK_ACQUIRE", "LOCK_RELEASE", "BARRIER_ARRIVE", "BARRIER_LEAVE")
    said = "\n".join(f"ori $0, $0, {abi.Announce[name]}" for name in names)
    run = record(assemble(f"{START} ori $a0, $0, 5\n ori $a1, $0, 1\n {said}\n {EXIT}"))
    assert [(1, 5)] == run.of(Kind.LOCK_TRY)
    assert [(0, 5)] == run.of(Kind.LOCK_ACQUIRE)
    assert [(0, 5)] == run.of(Kind.LOCK_RELEASE)
    assert [(0, 5), (1, 5)] == run.of(Kind.BARRIER)


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
