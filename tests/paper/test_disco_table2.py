"""Prices derived from Table 2 of Bugnion et al., SOSP 1997, follow from it by the arithmetic in their notes."""

from __future__ import annotations

import pytest

from replay.machine import load_prices

CYCLES_PER_US = 400
AVERAGE_US = {"DEMAND_ZERO": 21, "QUICK_FAULT": 5, "open": 42, "UTLB_MISS": 0.035, "write": 12, "read": 23}
TLB_WRITE = {"DEMAND_ZERO": 0.21, "QUICK_FAULT": 0.80, "open": 0.08, "UTLB_MISS": 1.22, "write": 0.24, "read": 0.13}
PRIVILEGED = {"DEMAND_ZERO": 0.16, "QUICK_FAULT": 0.56, "open": 0.06, "write": 0.21, "read": 0.09}
MONITOR_CALL = {"DEMAND_ZERO": 0.47}
KERNEL_TLB = {"QUICK_FAULT": 0.53}
PRICES = load_prices("flash-1997")


def cycles(column: dict[str, float], service: str) -> float:
    """Cycles per invocation that ``service`` spends in ``column``."""
    return column[service] * AVERAGE_US[service] * CYCLES_PER_US


def trap(field: str) -> float:
    """One emulated privileged instruction, all in, by its ``field`` (value, low or high)."""
    names = ("monitor_entry", "privileged_emulation", "monitor_exit")
    return sum(getattr(PRICES[name], field) for name in names)


def test_privileged_emulation_follows_from_the_table() -> None:
    """A trap costs a fifth of QUICK_FAULT's 2.80 us; at least an eighth of read's, at most a third of DEMAND_ZERO's."""
    assert 224 == trap("value") == pytest.approx(cycles(PRIVILEGED, "QUICK_FAULT") / 5)
    assert 104 == trap("low") == pytest.approx(cycles(PRIVILEGED, "read") / 8, rel=0.01)
    assert 448 == trap("high") == pytest.approx(cycles(PRIVILEGED, "DEMAND_ZERO") / 3)


def test_a_redelivered_exception_costs_a_trap() -> None:
    """The exception is one of the five traps: to re-deliver it costs what it costs to emulate an instruction."""
    emulation, redelivery = (
        (record.low, record.value, record.high)
        for record in (PRICES["privileged_emulation"], PRICES["exception_redelivery"])
    )

    assert emulation == redelivery


def test_tlb_write_follows_from_the_table() -> None:
    """A TLB instruction costs half of QUICK_FAULT's 4 us, at least a quarter of write's 2.88, at most DEMAND_ZERO's."""
    record, around = PRICES["tlb_write"], PRICES["monitor_entry"].value + PRICES["monitor_exit"].value

    assert cycles(TLB_WRITE, "QUICK_FAULT") / 2 == pytest.approx(record.value + around)
    assert record.low + around == pytest.approx(cycles(TLB_WRITE, "write") / 4, rel=0.01)
    assert record.high + around == pytest.approx(cycles(TLB_WRITE, "DEMAND_ZERO"), rel=0.01)


def test_second_level_hit_follows_from_the_table() -> None:
    """A second-level hit costs UTLB_MISS's TLB write emulation, at most the whole service on Disco."""
    record = PRICES["l2tlb_hit"]

    assert record.value == pytest.approx(cycles(TLB_WRITE, "UTLB_MISS"), abs=0.1)
    assert record.high == pytest.approx(0.035 * (0.07 + 1.22 + 0.05 + 0.02) * CYCLES_PER_US, abs=0.1)


def test_page_zero_follows_from_the_table() -> None:
    """A zeroed page with entry and exit costs DEMAND_ZERO's monitor calls; bounds are the table's rounding."""
    record = PRICES["page_zero"]
    around = {
        f: sum(getattr(PRICES[n], f) for n in ("monitor_entry", "monitor_exit")) for f in ("value", "low", "high")
    }

    assert record.value + around["value"] == pytest.approx(cycles(MONITOR_CALL, "DEMAND_ZERO"), abs=1)
    assert record.low + around["high"] == pytest.approx(20.5 * 0.465 * CYCLES_PER_US, abs=1)
    assert record.high + around["low"] == pytest.approx(21.5 * 0.475 * CYCLES_PER_US, abs=1)


def test_kernel_tlb_fault_follows_from_the_table() -> None:
    """A kernel TLB fault costs a tenth of what QUICK_FAULT spends on them, bounded by a twentieth and a fifth."""
    record, column = PRICES["kernel_tlb_fault"], cycles(KERNEL_TLB, "QUICK_FAULT")

    assert [column / 20, column / 10, column / 5] == pytest.approx([record.low, record.value, record.high])


def test_exception_entry_follows_from_the_table() -> None:
    """UTLB_MISS's 14 cycles on IRIX less a handler of 9 instructions, between handlers of 14 and 7."""
    record, whole = PRICES["exception_entry"], AVERAGE_US["UTLB_MISS"] * CYCLES_PER_US

    assert [whole - 14, whole - 9, whole - 7] == pytest.approx([record.low, record.value, record.high])
