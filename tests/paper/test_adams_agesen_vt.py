"""The nanobenchmarks of Adams and Agesen, ASPLOS 2006, appendix, as hand-made traces under shadow paging.

Four of them set prices and have to come out.  Those that do not exit have to cost next to nothing; the band, a
twentieth of an exit and entry, was stated before it was first run, as was the one for what the fitted prices predict.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import models
from replay.count import count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine, load_prices
from replay.price import price
from replay.trace.schema import (
    ENTRY_DIRTY,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_REFERENCED,
    ENTRY_VALID,
    ENTRY_WRITE,
    Cause,
    Kind,
    Mode,
    Sensitive,
    Touch,
)

NATIVE = {"syscall": 242, "in": 3209, "cr8write": 150, "call/ret": 11, "pgfault": 1093, "divzero": 889}
NATIVE |= {"ptemod unchanged": 1, "ptemod P->NP": 4, "ptemod NP->P": 5}
VT = {"syscall": 246, "in": 15826, "cr8write": 177, "call/ret": 11, "pgfault": 11242, "divzero": 1014}
VT |= {"ptemod unchanged": 12733, "ptemod P->NP": 9154, "ptemod NP->P": 17020}
FITTED = ("in", "pgfault", "ptemod P->NP", "ptemod NP->P")
"""They set device_emulation, event_injection, trace_write and shadow_fill."""
WITHOUT_EXIT = ("syscall", "cr8write", "call/ret", "divzero")
BAND = 0.25
MISFITS = {"ptemod unchanged": 1.34}
"""Predicted outside the band -> ours over theirs.  Storing an entry unchanged costs less than filling a new one."""

SHADOW, BARE, MACHINE = models.load("shadow"), models.load("native-walk"), load_machine("pentium4-2005")
USED = ENTRY_VALID | ENTRY_PRESENT | ENTRY_WRITE | ENTRY_REFERENCED | ENTRY_DIRTY
PRESENT = 9 << ENTRY_FRAME_SHIFT | USED
TIMES = 50


class Bench(Script):
    """A loop in a program or in the kernel, with the code and data that it touches."""

    def __init__(self) -> None:
        super().__init__(handmade_meta(architecture="x86-64"))
        self.row(Kind.LOAD8, self.user(7))  # the table of the entries that ptemod stores is in use

    def fetch(self, page: int, mode: Mode = Mode.USER) -> None:
        """Run some instructions of a page."""
        self.row(Kind.FETCH, page, n=2, mode=mode)

    def handle(self) -> None:
        """The guest's handler runs and returns."""
        self.fetch(self.direct(1), Mode.KERNEL)
        self.row(Kind.STORE8, self.direct(2), mode=Mode.KERNEL)
        self.sensitive(Sensitive.IRET)

    def set_entry(self, new: int, old: int) -> None:
        """Store an entry for a page that nobody uses, in a table that is in use."""
        self.fetch(self.direct(1), Mode.KERNEL)
        self.row(Kind.STORE8, self.direct(3), mode=Mode.KERNEL)
        self.entry(self.user(8), new >> ENTRY_FRAME_SHIFT, bits=new & 0xFFF, old=old)


def syscall(made: Bench) -> None:
    made.fetch(made.user(1))
    made.exception(Cause.SYSCALL)
    made.fetch(made.direct(1), Mode.KERNEL)
    made.sensitive(Sensitive.SYSRET)


def port_in(made: Bench) -> None:
    made.fetch(made.direct(1), Mode.KERNEL)
    made.port(0x80)


def cr8write(made: Bench) -> None:
    made.fetch(made.direct(1), Mode.KERNEL)
    made.sensitive(Sensitive.MOV_TO_CR, register=8)


def call_ret(made: Bench) -> None:
    made.fetch(made.user(1))


def page_fault(made: Bench) -> None:
    made.fetch(made.user(1))
    made.exception(Cause.PROTECTION, made.user(9), Touch.LOAD)
    made.handle()


def divide_by_zero(made: Bench) -> None:
    made.fetch(made.user(1))
    made.exception(Cause.DIVIDE)
    made.handle()


def unchanged(made: Bench) -> None:
    made.set_entry(PRESENT, PRESENT)


def to_not_present(made: Bench) -> None:
    made.set_entry(PRESENT & ~ENTRY_VALID, PRESENT)


def to_present(made: Bench) -> None:
    made.set_entry(PRESENT, PRESENT & ~ENTRY_VALID)


OPERATIONS: dict[str, Callable[[Bench], None]] = {
    "syscall": syscall,
    "in": port_in,
    "cr8write": cr8write,
    "call/ret": call_ret,
    "pgfault": page_fault,
    "divzero": divide_by_zero,
    "ptemod unchanged": unchanged,
    "ptemod P->NP": to_not_present,
    "ptemod NP->P": to_present,
}


def cycles(operation: str, times: int) -> int:
    """What so many turns cost under shadow paging beyond bare hardware."""
    made = Bench()
    for _ in range(times):
        OPERATIONS[operation](made)
    prepared = made.prepared()
    total = price(count(prepared, SHADOW, MACHINE), SHADOW, MACHINE, native=(count(prepared, BARE, MACHINE), BARE))[
        "total"
    ]
    added: int = total["cycles"] - total["native"]
    return added


def added(operation: str) -> float:
    """Cycles that one turn costs beyond bare hardware, in the steady state."""
    return (cycles(operation, 2 * TIMES) - cycles(operation, TIMES)) / TIMES


def published(operation: str) -> int:
    """The same in the paper."""
    return VT[operation] - NATIVE[operation]


@pytest.mark.parametrize("operation", FITTED)
def test_fitted_operations_come_out(operation: str) -> None:
    """A nanobenchmark that set a price takes the published time, within 1%."""
    assert published(operation) == pytest.approx(added(operation), rel=0.01)


@pytest.mark.parametrize("operation", WITHOUT_EXIT)
def test_what_does_not_exit_costs_next_to_nothing(operation: str) -> None:
    """System calls, writes of CR8, calls and division by zero cost less than a twentieth of an exit and entry more."""
    band = load_prices("pentium4-2005")["vm_exit"].value / 20

    assert published(operation) == pytest.approx(added(operation), abs=band)


def test_predictions_come_out_or_are_named() -> None:
    """What no price was fitted to lies within the band, or is among the misfits with the factor that it is off by."""
    predicted = [name for name in OPERATIONS if name not in (*FITTED, *WITHOUT_EXIT)]
    ratios = {name: added(name) / published(name) for name in predicted}

    assert MISFITS == {name: round(ratio, 2) for name, ratio in ratios.items() if abs(ratio - 1) > BAND}


def test_whole_exits_follow_from_the_tables() -> None:
    """Exit and entry on a page fault are rows of Table 1 on both machines; ten accesses to the structure join them."""
    published_cycles = {"pentium4-2005": (1931 + 2409, 178), "core2-2006": (1186 + 937, 52)}
    for name, expected in published_cycles.items():
        prices = load_prices(name)

        assert expected == (prices["vm_exit"].value, prices["vmcs_access"].value)
        assert dict(SHADOW.costs["traced_store"].terms)["vmcs_access"] == 10
