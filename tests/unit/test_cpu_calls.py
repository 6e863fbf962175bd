"""What vCPUs do to each other: start, interrupt, wake and wait, on hand-assembled MIPS64 guests; the disk's part."""

from __future__ import annotations

from replay.trace.schema import Cause, Kind, Wake
from tracegen import abi

from .started import COUNTER, DONE, EXIT, SECOND, START, start, word

CALLED = 1 << 8 + abi.IPI_LINE


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


def test_announced_locks_and_barriers_are_rows(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Each announcement of synchronization is one row of its vCPU with the lock's or the barrier's number."""
    names = ("LOCK_TRY", "LOCK_ACQUIRE", "LOCK_RELEASE", "BARRIER_ARRIVE", "BARRIER_LEAVE")
    said = "\n".join(f"ori $0, $0, {abi.Announce[name]}" for name in names)
    run = record(assemble(f"{START} ori $a0, $0, 5\n ori $a1, $0, 1\n {said}\n {EXIT}"))
    assert [(1, 5)] == run.of(Kind.LOCK_TRY)
    assert [(0, 5)] == run.of(Kind.LOCK_ACQUIRE)
    assert [(0, 5)] == run.of(Kind.LOCK_RELEASE)
    assert [(0, 5), (1, 5)] == run.of(Kind.BARRIER)
