"""Exits of a guest with shadow page tables, with known answers, and how they follow a changing working set."""

from __future__ import annotations

import random
from typing import Any

import pytest

import models
from replay.count import count
from replay.handmade import Script
from replay.price import price
from replay.trace.schema import Cause, Kind, Mode, Sensitive, Touch

from .shadowed import MACHINE, MODEL, OLD, USED, charge, found, load, script, write

NATIVE = models.load("native-walk")


@pytest.mark.parametrize(("tagged", "walks"), [(0, 4), (1, 2)])
def test_an_exit_empties_an_untagged_tlb(tagged: int, walks: int) -> None:
    """A page is walked for once more after any exit, unless entries keep their virtual machine."""
    made = script()
    load(made, 3, 3)
    for _ in range(2):
        made.port(0x80)
        load(made, 3, 3)

    assert (walks, 2) == found(made, "page_walk", "io_exit", tlb_vm_tagged=tagged)


CLASSES = [
    (Sensitive.IN, 0, "io_exit"),
    (Sensitive.HLT, 0, "halt_exit"),
    (Sensitive.WRMSR, 0x80, "msr_exit"),
    (Sensitive.MOV_TO_CR, 0, "cr_exit"),
    (Sensitive.MOV_TO_CR, 4, "cr_exit"),
    (Sensitive.MOV_TO_CR, 8, "privileged"),
    (Sensitive.MOV_FROM_CR, 3, "cr_exit"),
    (Sensitive.MOV_FROM_CR, 2, "privileged"),
    (Sensitive.CLI, 0, "privileged"),
    (Sensitive.SWAPGS, 0, "privileged"),
    (Sensitive.IRET, 0, "exception_return"),
]


@pytest.mark.parametrize(("klass", "register", "counter"), CLASSES)
def test_instructions_exit_by_class_and_register(klass: Sensitive, register: int, counter: str) -> None:
    """Each privileged instruction ticks one counter: that of its exit, or of what runs without one."""
    made = script()
    made.sensitive(klass, register=register)
    counts = charge(made)
    ticked = [name for name in counts.counters[4:] if counts.total(name)]

    assert [counter] == ticked


def test_a_write_of_cr3_exits_once() -> None:
    """The instruction and the base switch that it makes are one exit."""
    made = script()
    made.base_switch(1)

    assert (1, 0, 0) == found(made, "cr3_exit", "cr_exit", "privileged")


def test_system_calls_and_other_exceptions_do_not_exit() -> None:
    """They are delivered by hardware: a translation held before is held after."""
    made = script()
    load(made, 3)
    made.exception(Cause.SYSCALL)
    made.exception(Cause.DIVIDE)
    load(made, 3)

    assert (2, 1, 1) == found(made, "page_walk", "system_call", "other_exception")


def test_a_mips_probe_is_an_invlpg_only_after_a_change() -> None:
    """On a MIPS trace a TLB probe exits where the kernel changed a valid entry, not where it added one."""
    made = Script()
    load(made, 3)
    for old in (0, OLD):
        made.entry(made.user(3), 9, bits=USED, old=old)
        made.row(Kind.TLB_PROBE, made.user(3), 1, mode=Mode.KERNEL)
    made.row(Kind.TLB_PROBE, made.user(3), 1, mode=Mode.KERNEL)

    assert (1,) == found(made, "invlpg_exit")


def working_set(pages: int, moves: int, passes: int) -> Script:
    """A process that works on some pages pass after pass, and then on others: mapped on demand, unmapped when done."""
    made = script()
    made.base_switch(1)
    for move in range(moves):
        mine = range(move * pages, (move + 1) * pages)
        for vpn in mine:
            made.exception(Cause.NOT_PRESENT, made.user(vpn), Touch.STORE)
            write(made, vpn, old=0)
        for _ in range(passes):
            for vpn in mine:
                made.row(Kind.STORE8, made.user(vpn), n=250)
        for vpn in mine:
            write(made, vpn, bits=0)
            made.invalidate(made.user(vpn))
    return made


def overhead(made: Script, **given: Any) -> float:
    """Cycles under shadow paging over cycles on the bare machine."""
    prepared = made.prepared()
    bare = count(prepared, NATIVE, MACHINE, {"dtlb.entries": 64})
    total = price(charge(made, **given), MODEL, MACHINE, native=(bare, NATIVE))["total"]
    return float(total["cycles"]) / float(total["native"])


def test_shadow_paging_is_cheap_while_the_working_set_is_stable() -> None:
    """References to one working set cost within 5% of bare hardware; as many to a moving one several times as much."""
    stable, moving = working_set(48, 1, 4000), working_set(48, 400, 10)

    assert overhead(stable) < 1.05
    assert overhead(moving) > 3


def test_exits_follow_the_changes_not_the_references() -> None:
    """Twice the passes over a working set add no exit, twice the moves double them.

    Stores that map the first working set come before anything was filled through the table: they are free.
    """
    exits = ("true_fault", "hidden_fault", "traced_store", "invlpg_exit")
    once, longer, oftener = (found(working_set(8, *n), *exits) for n in ((5, 10), (5, 20), (10, 10)))

    assert once == longer == (40, 40, 80 - 8, 40)
    assert oftener == (80, 80, 160 - 8, 80)


def test_counting_in_pieces_changes_nothing() -> None:
    """A trace counted in intervals of any length gives the counts of one piece."""
    choose, made = random.Random(1), working_set(8, 12, 3)
    prepared, whole = made.prepared(), charge(made)

    for interval in (choose.randrange(1, 5000) for _ in range(4)):
        apart = count(prepared, MODEL, MACHINE, interval=interval)
        assert whole.n.tolist() == apart.n.tolist()
