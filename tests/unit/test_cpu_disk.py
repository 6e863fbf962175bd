"""The disk: latency, DMA, the interrupt line and the rows of a request, on hand-assembled guests."""

from __future__ import annotations

import math

import pytest

from replay.errors import UserError
from replay.trace.schema import REQUEST_WRITE, Cause, Kind, Wake
from tracegen import abi
from tracegen import disk as drive
from tracegen.mips64.machine import Mips64Machine

BLOCK = abi.PAGE_BYTES
CODE_BLOCK = 200
"""On the second cylinder."""
EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
START = """
.org 0x400
.globl _start
_start:
  lui $t9, 0xbf00
"""
WAITING = 1 << 8 + abi.DISK_LINE
READ, WRITE = abi.Disk.READ, abi.Disk.WRITE
FIRST_READ = drive.ROTATION // 2 + drive.TRANSFER
"""Units of a first request on the first cylinder."""


def ask(command: int, block: int, frame: int) -> str:
    """Assembly that starts a request; 7 instructions, the last one starts it."""
    return f"""
  ori $t0, $0, {block}
  sd  $t0, {abi.DISK_BLOCK}($t9)
  ori $t0, $0, {frame}
  sd  $t0, {abi.DISK_FRAME}($t9)
  ori $t0, $0, {command}
  nop
  sd  $t0, {abi.DISK_COMMAND}($t9)
"""


def unmask(enabled: bool = False) -> str:
    """Assembly that lets the disk's line end a wait, and with ``enabled`` interrupt."""
    return f"ori $t1, $0, {WAITING | enabled}\n mtc0 $t1, $12\n"


def finish(command: int, block: int, frame: int, state: str = "$s0") -> str:
    """Assembly that starts a request, waits for its end, reads the state and acknowledges it."""
    return f"""{ask(command, block, frame)} wait
  b . + 8
  nop
  ld {state}, {abi.DISK_STATUS}($t9)
  sd $0, {abi.DISK_ACKNOWLEDGE}($t9)
"""


def payloads(run, kind: Kind) -> list[list[int]]:  # type: ignore[no-untyped-def]
    """The EXTRA payloads of each row of a kind."""
    found: list[list[int]] = []
    extras: list[int] = []
    for k, _, info, page, _ in run.rows:
        if k == Kind.EXTRA:
            extras.append(info << 32 | page)
            continue
        if k == kind:
            found.append(extras)
        extras = []
    return found


def disk_of(**blocks: bytes) -> bytes:
    """A disk of 300 blocks that starts with its own numbers."""
    content = bytearray(300 * BLOCK)
    for block in range(300):
        content[block * BLOCK] = block & 0xFF
    for name, data in blocks.items():
        at = int(name.removeprefix("at")) * BLOCK
        content[at : at + len(data)] = data
    return bytes(content)


@pytest.mark.parametrize(
    ("block", "following", "expected"),
    [
        (0, 0, FIRST_READ),
        (0, 1, FIRST_READ),
        (1, 1, drive.TRANSFER),
        (170, 1, FIRST_READ),
        (171, 1, FIRST_READ + (3240 + 400) * 200),
        (0, 171 * 4 + 1, FIRST_READ + (3240 + 800) * 200),
        (171 * 382, 0, FIRST_READ + 3240 * 200 + math.isqrt(80_000**2 * 382)),
        (171 * 383, 0, FIRST_READ + (8000 + 8 * 383) * 200),
        (171 * 1961, 0, FIRST_READ + (8000 + 8 * 1961) * 200),
    ],
)
def test_latency_is_seek_half_a_rotation_and_transfer(block, following, expected) -> None:  # type: ignore[no-untyped-def]
    """The published seek curve by distance in cylinders, then half a rotation; the next block only passes the head."""
    assert expected == drive.latency.py_func(block, following)


def test_a_rotation_is_that_of_4002_a_minute() -> None:
    """In units of 5 ns; a block of 8 sectors takes an eighth of nine parts of it, and the drive holds 1.3 GB."""
    assert 2_998_500 == drive.ROTATION
    assert 2_998_500 // 9 == drive.TRANSFER
    assert 335_502 == drive.BLOCKS


def test_a_read_fills_the_page_and_says_so(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """REQUEST at the command, IDLE to the end, COMPLETE with its units, FILLED, INTERRUPT; then the data are there."""
    text = f"{START}{unmask()}{finish(READ, 7, 0x30)} lui $t2, 0x8003\n lbu $s1, 0($t2)\n mfc0 $s2, $13\n{EXIT}"
    run = record(assemble(text), disk=disk_of())
    kinds = (Kind.REQUEST, Kind.IDLE, Kind.COMPLETE, Kind.FILLED, Kind.INTERRUPT)

    assert list(kinds) == [row[0] for row in run.rows if row[0] in kinds]
    assert [(0, 1)] == run.of(Kind.REQUEST)
    assert [[7, BLOCK, 0x30, 0]] == payloads(run, Kind.REQUEST)
    assert [(Wake.DEVICE, FIRST_READ - 2)] == run.of(Kind.IDLE)
    assert [(0, 1)] == run.of(Kind.COMPLETE)
    assert [[FIRST_READ]] == payloads(run, Kind.COMPLETE)
    assert [(0, 0x30)] == run.of(Kind.FILLED)
    assert [[7]] == payloads(run, Kind.FILLED)
    assert [(abi.DISK_LINE, 1)] == run.of(Kind.INTERRUPT)
    assert [abi.Disk.DONE, 7, 0] == run.machine.registers[16:19]
    assert run.result.instructions == sum(row[4] for row in run.rows)


def test_idle_tells_the_distance_to_the_timer_too(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The EXTRA of an IDLE row that the disk ended is the time to the timer's match, and the match comes on time."""
    deadline = 2_000_000
    text = f"""{START} lui $t0, {deadline >> 16}
  ori $t0, $t0, {deadline & 0xFFFF}
  mtc0 $t0, $11
  ori $t1, $0, {WAITING | 0x8000}
  mtc0 $t1, $12
{finish(READ, 7, 0x30)} wait
  mfc0 $s1, $9
  mfc0 $s2, $13
{EXIT}"""
    run = record(assemble(text), disk=disk_of())
    before = 1 + 5 + 7 + 1

    assert [Wake.DEVICE, Wake.TIMER] == [wake for wake, _ in run.of(Kind.IDLE)]
    assert [2 * deadline - before] == payloads(run, Kind.IDLE)[0]
    assert deadline == run.machine.registers[17]
    assert 0x8000 == run.machine.registers[18] & 0xFF00


def test_a_timer_that_is_first_ends_the_wait(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The disk's request stays under way, and a second wait lasts for what is left of it."""
    text = f"""{START} daddiu $t0, $0, 1000
  mtc0 $t0, $11
  ori $t1, $0, {WAITING | 0x8000}
  mtc0 $t1, $12
{ask(READ, 7, 0x30)} wait
  ld $s0, {abi.DISK_STATUS}($t9)
  mtc0 $0, $11
  wait
  b . + 8
  nop
  ld $s1, {abi.DISK_STATUS}($t9)
{EXIT}"""
    run = record(assemble(text), disk=disk_of())
    (first, units), (second, rest) = run.of(Kind.IDLE)

    assert [Wake.TIMER, Wake.DEVICE] == [first, second]
    assert [abi.Disk.BUSY, abi.Disk.DONE] == run.machine.registers[16:18]
    assert FIRST_READ == units + rest + 1 + 4


def test_a_wait_without_a_request_does_not_wait_for_the_disk(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """With only the disk's line unmasked, nothing ends a wait unless a request is under way; nor does a masked line."""
    nothing = record(assemble(f"{START}{unmask()} wait\n{EXIT}"), disk=disk_of())
    masked = record(assemble(f"{START}{ask(READ, 7, 0x30)} wait\n{EXIT}"), disk=disk_of())

    assert "nothing can wake it" in nothing.result.reason
    assert "nothing can wake it" in masked.result.reason


def test_a_write_reaches_the_disk(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The page goes out as it is when the request ends, the row says that it is a write, and no page is filled."""
    text = f"""{START}{unmask()} lui $t2, 0x8003
  ori $t3, $0, 0xabcd
  sh  $t3, 6($t2)
{ask(WRITE, 250, 0x30)} sh $t3, 8($t2)
  wait
  b . + 8
  nop
  ld  $s0, {abi.DISK_STATUS}($t9)
{EXIT}"""
    run = record(assemble(text), disk=disk_of())
    written = bytes(6) + b"\xab\xcd\xab\xcd" + bytes(BLOCK - 10)

    assert abi.Disk.DONE == run.machine.registers[16]
    assert written == run.machine.disk_image()[250 * BLOCK : 251 * BLOCK]
    assert disk_of()[: 250 * BLOCK] == run.machine.disk_image()[: 250 * BLOCK]
    assert [(REQUEST_WRITE, 1)] == run.of(Kind.REQUEST)
    assert [[250, BLOCK, 0x30, 0]] == payloads(run, Kind.REQUEST)
    assert [] == run.of(Kind.FILLED)


def test_requests_in_a_row_stream(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The block after the last one costs a transfer; one before it costs half a rotation more."""
    text = "".join([START, unmask(), *(finish(READ, block, 0x30) for block in (7, 8, 9, 8)), EXIT])
    run = record(assemble(text), disk=disk_of())

    assert [[FIRST_READ], [drive.TRANSFER], [drive.TRANSFER], [FIRST_READ]] == payloads(run, Kind.COMPLETE)
    assert [1, 2, 3, 4] == [request for _, request in run.of(Kind.REQUEST)]


HANDLER = f"""
.org 0x180
  mfc0 $s0, $13
  ld   $s1, {abi.DISK_STATUS}($t9)
  sd   $0, {abi.DISK_ACKNOWLEDGE}($t9)
  mfc0 $s2, $13
  ld   $s3, {abi.DISK_STATUS}($t9)
  daddiu $s4, $s4, 1
  eret
"""


def test_the_interrupt_is_taken_once_and_acknowledged(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A spinning guest is interrupted at the first branch after the latency, on the disk's line, and acknowledges."""
    text = f"""{HANDLER}{START}{unmask(enabled=True)}{ask(READ, 7, 0x30)}
spin: beqz $s4, spin
  nop
{EXIT}"""
    run = record(assemble(text), max_instructions=5_000_000, disk=disk_of())

    assert [(Cause.INTERRUPT, abi.DISK_LINE)] == run.of(Kind.EXCEPTION)
    assert (0, abi.Service.DEVICE_INTERRUPT) in run.of(Kind.SERVICE_ENTER)
    assert [WAITING, abi.Disk.DONE, 0, abi.Disk.IDLE, 1] == [
        value & 0xFF00 if register in (16, 18) else value
        for register, value in enumerate(run.machine.registers[16:21], 16)
    ]
    # The request starts when 9 instructions have retired; from the tenth on, two a turn.
    turns = -(-(9 + FIRST_READ - 10) // 2)
    assert 10 + 2 * turns + 7 + 2 + 2 == run.result.instructions


@pytest.mark.parametrize(
    ("command", "block", "frame"), [(READ, 300, 0x30), (WRITE, 7, 0x400), (3, 7, 0x30), (0, 7, 0x30), (7, 0, 0)]
)
def test_what_the_disk_cannot_do_fails_at_once(assemble, record, command, block, frame) -> None:  # type: ignore[no-untyped-def]
    """No such block, memory page or command: FAILED, the line is up, and no request was made."""
    text = f"{START}{ask(command, block, frame)} ld $s0, {abi.DISK_STATUS}($t9)\n mfc0 $s1, $13\n{EXIT}"
    run = record(assemble(text), disk=disk_of())

    assert abi.Disk.FAILED == run.machine.registers[16]
    assert WAITING == run.machine.registers[17] & 0xFF00
    assert [(abi.DISK_LINE, 0)] == run.of(Kind.INTERRUPT)
    assert [] == run.of(Kind.REQUEST) + run.of(Kind.COMPLETE)


def test_a_command_while_busy_fails_and_harms_nothing(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The first request goes on, and is the one that completes."""
    text = f"""{START}{unmask()}{ask(READ, 7, 0x30)}{ask(READ, 8, 0x31)}
  ld $s0, {abi.DISK_STATUS}($t9)
  sd $0, {abi.DISK_ACKNOWLEDGE}($t9)
  ld $s1, {abi.DISK_STATUS}($t9)
  wait
  b . + 8
  nop
  ld $s2, {abi.DISK_STATUS}($t9)
{EXIT}"""
    run = record(assemble(text), disk=disk_of())

    assert [abi.Disk.FAILED, abi.Disk.BUSY, abi.Disk.DONE] == run.machine.registers[16:19]
    assert [(0, 0x30)] == run.of(Kind.FILLED)
    assert [0, 1] == [request for _, request in run.of(Kind.INTERRUPT)]


def test_nothing_is_read_into_a_page_table(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A read into a page that holds page-table entries when it ends fails there, and leaves the page as it is."""
    table = f"ori $a0, $0, 0x30\n ori $a1, $0, 0\n ori $0, $0, {abi.Announce.TABLE_ALLOC}\n"
    text = f"{START}{unmask()}{table}{finish(READ, 7, 0x30)}{finish(WRITE, 9, 0x30, '$s1')}{EXIT}"
    run = record(assemble(text), disk=disk_of())

    assert [abi.Disk.FAILED, abi.Disk.DONE] == run.machine.registers[16:18]
    assert bytes(BLOCK) == run.machine.read(0x30000, BLOCK)
    assert [] == run.of(Kind.FILLED)
    assert [1, 2] == [request for _, request in run.of(Kind.COMPLETE)]
    assert bytes(BLOCK) == run.machine.disk_image()[9 * BLOCK : 10 * BLOCK]


def test_code_that_dma_overwrites_is_lowered_again(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A function that has run is replaced from disk, called again, and does what the new bytes say."""
    add = (0x66B50001, 0x66B50064)  # daddiu $s5, $s5, 1 and 100
    code = [(0x03E00008).to_bytes(4, "big") + word.to_bytes(4, "big") for word in add]
    call = " lui $t3, 0x8003\n jalr $t3\n nop\n"
    text = "".join([START, unmask(), *(finish(READ, block, 0x30) + call for block in (100, 100, CODE_BLOCK)), EXIT])
    run = record(assemble(text), disk=disk_of(at100=code[0], at200=code[1]))

    assert 102 == run.machine.registers[21]


def test_a_machine_without_a_disk_says_so(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """DISK_BLOCKS reads 0 and every command fails; with a disk it reads the size."""
    text = f"{START} ld $s1, {abi.DISK_BLOCKS}($t9)\n{ask(READ, 0, 0x30)} ld $s0, {abi.DISK_STATUS}($t9)\n{EXIT}"
    without, with_one = record(assemble(text)), record(assemble(text), disk=disk_of())

    assert [abi.Disk.FAILED, 0] == without.machine.registers[16:18]
    assert [abi.Disk.BUSY, 300] == with_one.machine.registers[16:18]


@pytest.mark.parametrize("size", [100, BLOCK + 1, (drive.BLOCKS + 1) * BLOCK])
def test_a_disk_of_another_size_is_refused(assemble, size) -> None:  # type: ignore[no-untyped-def]
    """A disk is made of whole blocks, as many as the drive holds at most."""
    with pytest.raises(UserError, match="give a multiple of 4096, at most 1374216192"):
        Mips64Machine(assemble(f"{START}{EXIT}"), disk=bytes(size))


def test_recording_does_not_change_what_the_disk_does(assemble) -> None:  # type: ignore[no-untyped-def]
    """With and without a trace: the same instructions, registers, memory and disk, request by request."""
    reads = "".join(finish(READ, block, 0x30) + finish(WRITE, 299 - block, 0x30) for block in (3, 200, 90, 91))
    text = f"{HANDLER}{START}{unmask(enabled=True)}{reads}{EXIT}"
    plain, traced = (Mips64Machine(assemble(text), memory_bytes=4 << 20, disk=disk_of()) for _ in range(2))

    assert plain.run(max_instructions=100_000) == traced.run(sink=lambda w, n: None, max_instructions=100_000)
    assert plain.registers == traced.registers
    assert plain.disk_image() == traced.disk_image()
    assert 8 == plain.registers[20]


def test_announcements_of_freed_pages_and_thread_names(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """FREED gives a row with its frame; THREAD_NAME gives none."""
    freed = f"ori $a0, $0, 0x123\n ori $0, $0, {abi.Announce.FREED}\n"
    name = f"ori $a0, $0, 3\n lui $a1, 0x8002\n ori $0, $0, {abi.Announce.THREAD_NAME}\n"
    run = record(assemble(f"{START}{freed}{name}{EXIT}"))

    assert [(0, 0x123)] == run.of(Kind.FREED)
    assert 1 + 3 + 2 == run.result.instructions
