"""A guest that does not end well: its state, its console, and interrupts of its run."""

from __future__ import annotations

import signal
import threading

import pytest

from tracegen import abi
from tracegen.console import KEPT, Console, escape, shorten
from tracegen.ending import GuestState, command_line, nearest, state_of
from tracegen.interrupts import Interrupts
from tracegen.mips64.machine import Mips64Machine
from tracegen.symbols import Symbol

START = """
.org 0x400
.globl _start
_start:
"""
SYMBOLS = (
    Symbol("cc:main", 0x400000),
    Symbol("ld:main", 0x400000),
    Symbol("ld:write", 0x400100),
    Symbol("vectors", abi.KSEG0),
    Symbol("start", abi.KSEG0 + 0x400),
)


def state(run) -> GuestState:  # type: ignore[no-untyped-def]
    """The state that a run ended in."""
    return state_of(run.machine, run.result, SYMBOLS)


def test_state_names_place_process_and_crossing(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A guest that faults and then loops: its pc, command line, last exception with address, and last lines."""
    text = f"""
.org 0x180
here: b here
  nop
{START}
  ori $a0, $0, 7
  lui $a1, %hi(name)
  addiu $a1, $a1, %lo(name)
  ori $0, $0, {abi.Announce.THREAD_NAME}
  ori $a1, $0, 7
  ori $a0, $0, 0
  ori $0, $0, {abi.Announce.THREAD_SWITCH}
  lui $t9, 0xbf00
  ori $t0, $0, 0x41
  sb  $t0, 0($t9)
  ori $t0, $0, 0x1b
  sb  $t0, 0($t9)
bad: lw $t0, 0x7ab1($0)
name: .asciz "ld -o a"
"""
    shown = state(record(assemble(text), max_instructions=101))

    assert ("(vectors+0x180)", "kernel", 7, "ld -o a") == (shown.place, shown.mode, shown.thread, shown.command)
    assert shown.crossing is not None
    assert ("ADDRESS_ERROR", "0x7ab1") == (shown.crossing.cause, shown.crossing.address)
    assert "(start+0x30)" == shown.crossing.place
    assert ("A\\x1b",) == shown.console
    assert "allow more with --max-instructions" == shown.remedy
    assert [
        "pc:       0xffffffff80000180 (vectors+0x180), kernel mode",
        "process:  thread 7, ld -o a",
        "crossing: last exception ADDRESS_ERROR at 0xffffffff80000430 (start+0x30), address 0x7ab1",
        "console:  A\\x1b",
    ] == shown.lines()


def test_state_without_a_past(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A guest that has taken no exception and named no process says so."""
    shown = state(record(assemble(f"{START} b .\n nop\n"), max_instructions=10))

    assert shown.crossing is None
    assert "process:  thread 0, no command line (the guest's kernel itself)" in shown.lines()


def test_a_crossing_names_the_process_that_took_it(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Where another process runs at the end, the last exception is told with its own process and program."""
    text = f"""
.org 0x180
  ori $a0, $0, 7
  ori $a1, $0, 0
  ori $0, $0, {abi.Announce.THREAD_SWITCH}
  b .
  nop
{START}
  ori $a0, $0, 7
  lui $a1, %hi(name)
  addiu $a1, $a1, %lo(name)
  ori $0, $0, {abi.Announce.THREAD_NAME}
  ori $a0, $0, 0
  ori $a1, $0, 7
  ori $0, $0, {abi.Announce.THREAD_SWITCH}
  syscall
name: .asciz "ld -o a"
"""
    (line,) = [x for x in state(record(assemble(text), max_instructions=101)).lines() if x.startswith("crossing")]

    assert line.endswith("(start+0x1c), by thread 7, ld -o a")


def test_a_crossing_without_an_address_shows_none(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A breakpoint is about no address, and one in a delay slot is where the slot is."""
    shown = state(record(assemble(f".org 0x180\n b .\n nop\n{START} b .\n break\n"), max_instructions=10))

    assert shown.crossing is not None
    found = (shown.crossing.cause, shown.crossing.place, shown.crossing.address)
    assert ("BREAKPOINT", "(start+0x4)", None) == found


@pytest.mark.parametrize(
    ("address", "program", "expected"),
    [
        (0x400104, "ld", "(ld:write+0x4)"),
        (0x400104, "cc", "(cc:main+0x104)"),
        (0x400104, "sh", "(no symbol)"),
        (0x3FFFFF, "cc", "(no symbol)"),
        (abi.KSEG0 + 0x3FF, "cc", "(vectors+0x3ff)"),
    ],
)
def test_a_place_is_named_by_the_program_that_runs(address, program, expected) -> None:  # type: ignore[no-untyped-def]
    """User addresses take the symbols of the running program, kernel addresses the kernel's."""
    assert expected == nearest(SYMBOLS, address, program)


@pytest.mark.parametrize("at", ["0x8fff", "0x803f"])
def test_a_command_line_may_lie_anywhere(assemble, record, at) -> None:  # type: ignore[no-untyped-def]
    """A name beyond memory, or one without an end before the end of memory, is read as far as there is memory."""
    text = f"{START} lui $a1, {at}\n ori $a1, $a1, 0xfffe\n or $a0, $0, $0\n ori $0, $0, {abi.Announce.THREAD_NAME}\n"
    run = record(assemble(f"{text} ori $t0, $0, 0x6161\n lui $t1, 0x8040\n sh $t0, -2($t1)\n b .\n nop\n"), 50)

    assert ("aa" if at == "0x803f" else "") == command_line(run.machine, 0)
    assert "" == command_line(run.machine, 5000)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (abi.Status.NO_MEMORY, "the guest ran out of memory; give it more with --memory"),
        (abi.Status.NO_SPACE, "the guest's disk is full; give it a larger one with --disk"),
        (1, ""),
    ],
)
def test_exit_statuses_have_remedies(assemble, record, status, expected) -> None:  # type: ignore[no-untyped-def]
    """A status that the kernel gives says what to do; a program's own says nothing."""
    run = record(assemble(f"{START} lui $t9, 0xbf00\n ori $t0, $0, {int(status)}\n sd $t0, 8($t9)\n"))

    assert (int(status), expected) == (run.result.status, state(run).remedy)


def test_a_console_without_end_is_kept_by_its_ends() -> None:
    """However much is printed, at most three pieces stay, and the gap is counted."""
    console = Console()
    console.add(b"first" + bytes(KEPT - 5))
    for _ in range(100):
        console.add(bytes(KEPT // 8) + b"12345")
    console.add(b"last")
    text = console.text()
    total = KEPT + 100 * (KEPT // 8 + 5) + 4

    assert text.startswith(b"first\0")
    assert text.endswith(b"12345last")
    assert f"\n[{total - 2 * KEPT} bytes of the guest's output dropped]\n".encode() == text[KEPT:-KEPT]


def test_a_short_console_is_kept_whole() -> None:
    """What fits is given back as it came."""
    console = Console()
    console.add(b"ab")
    console.add(bytes(2 * KEPT - 2))

    assert b"ab" + bytes(2 * KEPT - 2) == console.text()


def test_a_guest_that_prints_for_ever_does_not_eat_memory(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A guest's million characters become the first and the last ones."""
    text = f"{START} lui $t9, 0xbf00\nagain: ori $t0, $0, 0x61\n sb $t0, 0($t9)\n b again\n nop\n"
    console = record(assemble(text), max_instructions=1_000_001).result.console

    assert 2 * KEPT + len("\n[118928 bytes of the guest's output dropped]\n") == len(console)
    assert b"\n[118928 bytes of the guest's output dropped]\n" in console


def test_what_a_terminal_would_obey_is_escaped() -> None:
    """Control characters and bytes beyond ASCII show as numbers, long lines are cut."""
    assert "a\tb\n\\x1b[2J\\x00\\xff\\x7f" == escape(b"a\tb\n\x1b[2J\0\xff\x7f")
    assert ["short", "x" * 200 + "... (800 more)"] == shorten(["short", "x" * 1000])


@pytest.mark.parametrize(
    ("sent", "expected"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")], ids=["ctrl-c", "kill"]
)
def test_a_signal_ends_the_run(sent, expected) -> None:  # type: ignore[no-untyped-def]
    """From the first poll on a signal only says why to end; a second one acts as ever, and so does one afterwards."""
    before = signal.getsignal(sent)
    with Interrupts() as interrupts:
        assert before == signal.getsignal(sent)
        assert "" == interrupts.reason()
        signal.raise_signal(sent)
        assert (expected, sent) == (interrupts.reason(), interrupts.signal)
        assert before == signal.getsignal(sent)
    assert before == signal.getsignal(sent)


def test_a_run_outside_the_main_thread_catches_nothing() -> None:
    """Python allows signal handlers in the main thread alone; elsewhere a run just goes on."""
    found: list[str] = []
    with Interrupts() as interrupts:
        thread = threading.Thread(target=lambda: found.append(interrupts.reason()))
        thread.start()
        thread.join()

    assert [""] == found


def test_an_interrupted_run_is_marked_incomplete(assemble) -> None:  # type: ignore[no-untyped-def]
    """A run that is told to end does so at its next step, with what it has and an END row that says cut short."""
    machine = Mips64Machine(assemble(f"{START} b .\n nop\n"), memory_bytes=1 << 20)
    words: list[int] = []
    result = machine.run(lambda w, n: words.extend(w.tolist()), interrupted=lambda: "enough")

    assert (None, "enough") == (result.status, result.reason)
    assert 1 == words[-1] >> 16 & 0xFFFF


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Under nohup, or in a shell's background, a hangup or Ctrl-C that the process ignores does not end the run."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            interrupts.reason()
            signal.raise_signal(signal.SIGHUP)
            assert "" == interrupts.reason()
        assert signal.SIG_IGN == signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
