"""Exceptions of the MIPS64 CPU: what hardware sets, where control goes, what retires."""

from __future__ import annotations

import pytest

from replay.trace.schema import DELAY_SLOT, Arrival, Cause, Kind, Mode, Sensitive
from tracegen.abi import Service
from tracegen.mips64.state import Exc

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
HANDLER = """
.org 0x180
  dmfc0 $s0, $13
  dmfc0 $s1, $14
  dmfc0 $s2, $8
  dmtc0 $s7, $14
  eret
.org 0x400
.globl _start
_start:
  lui  $s7, %hi(done)
  addiu $s7, $s7, %lo(done)
  lui  $t8, 0x7fff
  ori  $t8, $t8, 0xffff
  daddiu $t1, $0, 1
"""
"""Keeps Cause, EPC and BadVAddr in s0-s2 and goes on at ``done`` (s7)."""
BODY = 0xFFFFFFFF80000400 + 4 * 5

FAULTS = {
    "syscall": ("syscall", Exc.SYS, 1, None),
    "break": ("break", Exc.BP, 0, None),
    "reserved": (".word 0x0000003f & 0xffffffff | 0x70000000", Exc.RI, 0, None),
    "release 2": (".word 0x7c0a1820", Exc.RI, 0, None),
    "overflow add": ("add $t0, $t8, $t1", Exc.OV, 0, None),
    "overflow addi": ("addi $t0, $t8, 1", Exc.OV, 0, None),
    "trap": ("teq $0, $0", Exc.TR, 0, None),
    "trap immediate": ("tlti $0, 5", Exc.TR, 0, None),
    "floating point": ("mtc1 $t0, $f0", Exc.CPU, 0, None),
    "unaligned load": ("lw $t0, 2($t1)", Exc.ADEL, 0, 3),
    "unaligned store": ("sd $t0, 3($t1)", Exc.ADES, 0, 4),
    "bus error": ("lui $t2, 0x9f80\n lw $t0, 0($t2)", Exc.DBE, 0, None),
    "no segment": ("daddiu $t2, $0, 1\n dsll32 $t2, $t2, 9\n lb $t0, 0($t2)", Exc.ADEL, 0, 1 << 41),
}


@pytest.mark.parametrize("name", FAULTS)
def test_exception_sets_cause_epc_and_bad_address(assemble, record, name) -> None:  # type: ignore[no-untyped-def]
    """Each cause sets ExcCode, EPC and BadVAddr as the architecture says; a faulting instruction does not retire."""
    text, code, retires, bad = FAULTS[name]
    run = record(assemble(f"{HANDLER}\n {text}\n nop\ndone: {EXIT}"))
    before = text.count("\n")
    cause, epc, address = run.machine.registers[16:19]
    assert code == cause >> 2 & 31
    assert BODY + 4 * before == epc
    assert bad is None or bad == address
    assert 5 + before + retires + 5 + 2 == run.result.instructions
    assert run.result.instructions == sum(row[4] for row in run.rows)


def test_floating_point_names_coprocessor_1(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Coprocessor Unusable carries the coprocessor's number in Cause.CE."""
    run = record(assemble(f"{HANDLER}\n ldc1 $f2, 0($t1)\n nop\ndone: {EXIT}"))
    assert 1 == run.machine.registers[16] >> 28 & 3


def test_fault_in_a_delay_slot_restarts_at_the_branch(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """EPC is the branch, Cause.BD is set, and neither the branch nor its slot has retired."""
    run = record(assemble(f"{HANDLER}\n b done\n break\n nop\ndone: {EXIT}"))
    assert 1 == run.machine.registers[16] >> 31 & 1
    assert BODY == run.machine.registers[17]
    assert 5 + 5 + 2 == run.result.instructions
    assert [(Cause.BREAKPOINT | DELAY_SLOT, 0)] == run.of(Kind.EXCEPTION)


def test_exception_with_exl_set_keeps_epc(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """An exception inside a handler goes to the general vector and leaves EPC and BD alone."""
    text = f"""
.org 0x180
  bnez $s3, second
  nop
  daddiu $s3, $0, 1
  break
second:
  dmfc0 $s1, $14
  dmtc0 $s7, $14
  eret
.org 0x400
.globl _start
_start:
  lui  $s7, %hi(done)
  addiu $s7, $s7, %lo(done)
here: syscall
done: {EXIT}"""
    run = record(assemble(text))
    assert 0xFFFFFFFF80000408 == run.machine.registers[17]
    assert [Cause.SYSCALL, Cause.BREAKPOINT] == [info & 31 for info, _ in run.of(Kind.EXCEPTION)]
    assert 1 == len(run.of(Kind.RETURN))
    assert [1] == [page for _, page in run.of(Kind.SERVICE_EXIT)]


def test_privileged_instruction_in_user_mode_is_coprocessor_unusable(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """User mode runs plain instructions from a mapped page; mfc0 there faults and is not counted as sensitive."""
    text = f"""
.org 0x180
  dmfc0 $s0, $13
  dmtc0 $s7, $14
  daddiu $t0, $0, 0
  mtc0 $t0, $12
  daddiu $t0, $0, 0
  jr $s7
  nop
.org 0x400
.globl _start
_start:
  lui  $s7, %hi(done)
  addiu $s7, $s7, %lo(done)
  daddiu $t0, $0, 0x1e
  dmtc0 $t0, $2
  daddiu $t0, $0, 0x5e
  dmtc0 $t0, $3
  dmtc0 $0, $10
  dmtc0 $0, $0
  tlbwi
  daddiu $t0, $0, user
  dmtc0 $t0, $14
  daddiu $t0, $0, 0x32
  mtc0 $t0, $12
  eret
user = 0x600
.org 0x600
  daddiu $t5, $0, 77
  mfc0 $t6, $12
done: {EXIT}"""
    run = record(assemble(text))
    assert Exc.CPU == run.machine.registers[16] >> 2 & 31
    assert 77 == run.machine.registers[13]
    assert [Mode.USER] == [info for info, _ in run.of(Kind.RETURN)]
    exception = next(row for row in run.rows if row[0] == Kind.EXCEPTION)
    assert Mode.USER == exception[1] >> 4
    assert Cause.COPROCESSOR == exception[2] & 31
    assert Service.EXCEPTION_OTHER == run.of(Kind.SERVICE_ENTER)[-1][1]


def test_row_order_of_a_system_call(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A system call gives EXCEPTION, SERVICE_ENTER, the vector's FETCH, and at the end RETURN, SERVICE_EXIT, FETCH."""
    text = f"""
.org 0x180
  dmfc0 $k0, $14
  daddiu $k0, $k0, 4
  dmtc0 $k0, $14
  eret
.org 0x400
.globl _start
_start:
  daddiu $v0, $0, 4
  syscall
  nop
done: {EXIT}"""
    run = record(assemble(text))
    kinds = (Kind.EXTRA, Kind.PAGE, Kind.SITE)
    rows = [row for row in run.rows if row[0] not in kinds]
    kernel = Mode.KERNEL << 4
    trap = Arrival.TRAP << 12
    expected = [
        (Kind.SERVICE_ENTER, kernel, 0, 1, 0),
        (Kind.FETCH, kernel, 0x400 | trap, 1, 0),
        (Kind.EXCEPTION, kernel, Cause.SYSCALL, 4, 2),
        (Kind.SERVICE_ENTER, kernel, 0, 36, 0),
        (Kind.FETCH, kernel, 0x180 | trap, 1, 0),
        (Kind.SENSITIVE, kernel, 0, 1, 0),
        (Kind.SENSITIVE, kernel, 1, 2, 2),
        (Kind.SENSITIVE, kernel, 0, 3, 1),
        (Kind.RETURN, kernel, Mode.KERNEL, 0, 1),
        (Kind.SERVICE_EXIT, kernel, 0, 1, 0),
        (Kind.FETCH, kernel, 0x408 | trap, 1, 0),
        (Kind.STORE8, kernel, 8, 2, 0),
        (Kind.END, kernel, 0, 0, 3),
    ]
    assert expected == rows
    sites = [info for kind, _, info, _, _ in run.rows if kind == Kind.SITE]
    assert [Sensitive.MFC0, Sensitive.MTC0, Sensitive.ERET] == sites
