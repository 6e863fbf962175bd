"""Coprocessor 1 of the MIPS64 CPU as the system sees it: who may use it, and its control registers."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind
from tracegen.abi import Service
from tracegen.mips64.state import Exc

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
START = """
.set hardfloat
.org 0x180
  mfc0 $s0, $13
  dmfc0 $s1, $14
  lui $t8, 0x2000
  mtc0 $t8, $12
  eret
.org 0x400
.globl _start
_start:
"""
"""An exception keeps Cause and EPC, sets Status.CU1 and goes back to the same instruction."""
BODY = 0xFFFFFFFF80000400
USES = {
    "move": "dmtc1 $0, $f0", "load": "ldc1 $f0, 0($t1)", "store": "swc1 $f0, 0($t1)", "add": "add.d $f0, $f0, $f0",
    "condition": "movf $t0, $0, $fcc1", "multiply and add": "madd.d $f0, $f0, $f0, $f0", "control": "cfc1 $t0, $31",
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_coprocessor_1_is_unusable_until_status_says_so(assemble, record, name) -> None:  # type: ignore[no-untyped-def]
    """The first use faults with its coprocessor's number, in kernel mode, too; then it and further ones run."""
    use = USES[name]
    run = record(assemble(f"{START} lui $t1, 0x8000\n addiu $t1, $t1, 0x800\n{use}\n{use}\n{EXIT}"))
    cause, epc = run.machine.registers[16], run.machine.registers[17]
    assert (Exc.CPU, 1, BODY + 8) == (cause >> 2 & 31, cause >> 28 & 3, epc)
    assert [Cause.COPROCESSOR] == [info & 31 for info, _ in run.of(Kind.EXCEPTION)]
    assert [Service.FP_SWITCH] == [page for _, page in run.of(Kind.SERVICE_ENTER) if page != Service.BOOT]


def test_branch_on_condition_asks_and_faults_in_its_delay_slot_too(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A use in a delay slot names the branch, with Cause.BD; the branch then runs again."""
    run = record(assemble(f"{START} b 1f\n dmtc1 $t1, $f0\n break\n1: bc1f 2f\n daddiu $v1, $0, 7\n break\n2: {EXIT}"))
    cause, epc = run.machine.registers[16], run.machine.registers[17]
    assert (1, BODY) == (cause >> 31 & 1, epc)
    assert 7 == run.result.status


def test_control_register_holds_mode_conditions_and_flags_only(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Enables and causes read as zero whatever is written; FIR names an R10000, and Status.FR is always set."""
    text = f"""{START}
  daddiu $t0, $0, -1
  ctc1 $t0, $31
  cfc1 $s3, $31
  cfc1 $s4, $0
  mtc0 $0, $12
  mfc0 $s5, $12
  {EXIT}"""
    registers = record(assemble(text)).machine.registers
    assert [0xFF80007F, 0x900, 0x04000000] == [registers[n] & 0xFFFFFFFF for n in (19, 20, 21)]
