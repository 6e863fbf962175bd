"""Classic full virtualization with known answers: what traps, what should have, and what stays in the TLB."""

from __future__ import annotations

import pytest

import models
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import Cause, Kind, Mode, Sensitive

MODEL, MACHINE = models.load("trap-emulate"), load_machine("pentium4-2005")


def script() -> Script:
    """An empty x86-64 trace."""
    return Script(handmade_meta(architecture="x86-64"))


def charge(made: Script) -> Counts:
    """Its counts."""
    return count(made.prepared(), MODEL, MACHINE)


def ticked(made: Script) -> dict[str, int]:
    """The model's own counters that are not 0."""
    counts = charge(made)
    return {name: counts.total(name) for name in counts.counters[4:] if counts.total(name)}


@pytest.mark.parametrize(
    ("klass", "register", "expected"),
    [
        (Sensitive.CLI, 0, {"other_emulation": 1}),
        (Sensitive.MOV_TO_CR, 0, {"other_emulation": 1}),
        (Sensitive.MOV_TO_CR, 3, {}),
        (Sensitive.INVLPG, 0, {"invlpg_emulation": 1}),
        (Sensitive.IRET, 0, {"eret_emulation": 1}),
        (Sensitive.SYSRET, 0, {"eret_emulation": 1}),
        (Sensitive.HLT, 0, {"wait_emulation": 1}),
        (Sensitive.OUT, 0, {"programmed_io": 1}),
        (Sensitive.POPF, 0, {"missed_sensitive": 1}),
        (Sensitive.SGDT, 0, {"missed_sensitive": 1}),
        (Sensitive.LAR, 0, {"missed_sensitive": 1}),
        (Sensitive.INT_N, 0, {}),
    ],
)
def test_kernel_instructions_trap_or_are_missed(klass: Sensitive, register: int, expected: dict[str, int]) -> None:
    """In the kernel each instruction is emulated as its class, or runs with a wrong result and is counted as missed."""
    made = script()
    made.sensitive(klass, register=register)

    assert expected == ticked(made)


@pytest.mark.parametrize(("klass", "missed"), [(Sensitive.POPF, {}), (Sensitive.SGDT, {"missed_sensitive": 1})])
def test_programs_are_wrong_about_system_tables_only(klass: Sensitive, missed: dict[str, int]) -> None:
    """In user mode popf does what it does on bare hardware; sgdt tells the monitor's table there too."""
    made = script()
    made.sensitive(klass)
    kind, _, info, page, n = made.rows.pop()
    made.row(Kind(kind), page, info, n, mode=Mode.USER)

    assert missed == ticked(made)


def test_every_exception_enters_the_monitor() -> None:
    """Interrupts, system calls and other exceptions are re-delivered, each by its counter."""
    made = script()
    for cause in (Cause.INTERRUPT, Cause.SYSCALL, Cause.DIVIDE, Cause.NOT_PRESENT):
        made.exception(cause)

    assert {"interrupt": 1, "system_call": 1, "other_exception": 1, "true_fault": 1} == ticked(made)


def test_the_monitor_keeps_the_tlb() -> None:
    """Entering the monitor empties nothing: two pages are walked for twice each, at their hidden faults alone."""
    made = script()
    pages = [made.user(vpn) for vpn in (3, 4)]
    for _ in range(5):
        for page in pages:
            made.row(Kind.LOAD8, page)
            made.port(0x80)
            made.exception(Cause.SYSCALL)

    assert (2, 4) == (charge(made).total("hidden_fault"), charge(made).total("page_walk"))


def test_a_mips_guest_misses_nothing() -> None:
    """MIPS has no sensitive instruction that does not trap: each of its classes is emulated."""
    made = Script()
    for klass in (s for s in Sensitive if s <= Sensitive.CACHE):
        made.sensitive(klass)

    assert {"other_emulation": 7, "eret_emulation": 1, "wait_emulation": 1} == ticked(made)
