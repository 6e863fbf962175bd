"""What a kernel patched for its monitor does: registers in memory, pages asked for and given back."""

from __future__ import annotations

import pytest

import models
from replay.count import count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import ENTRY_VALID, Kind, Sensitive

COUNT, ENTRY_HI, COMPARE, STATUS, CAUSE, EPC, LL_ADDR = 9, 10, 11, 12, 13, 14, 17
INDEX, RANDOM, ENTRY_LO0, ENTRY_LO1, CONTEXT = 0, 1, 2, 3, 4
FRAME = 21


def totals(script: Script, model: str = "disco", hal: int = 1) -> dict[str, int]:
    """Each counter's total under ``model``; zeros left out."""
    given = {"hal": hal} if model == "disco" else {}
    counts = count(script.prepared(), models.load(model), load_machine("flash-1997"), given)
    return {name: counts.total(name) for name in counts.counters if counts.total(name)}


@pytest.mark.parametrize("register", [INDEX, ENTRY_LO0, CONTEXT, ENTRY_HI, STATUS, CAUSE, EPC])
def test_registers_are_read_from_memory(register: int) -> None:
    """A read of a register that only guest and monitor change is a load; without the HAL it traps."""
    script = Script()
    script.sensitive(Sensitive.MFC0, 0, register=register)

    assert {"hal_access": 1} == totals(script)
    assert {"mfc0_emulation": 1} == totals(script, hal=0)


@pytest.mark.parametrize("register", [COUNT, RANDOM, LL_ADDR])
def test_registers_that_run_by_themselves_trap(register: int) -> None:
    """No page of memory holds a register that changes without an instruction that traps."""
    script = Script()
    script.sensitive(Sensitive.MFC0, 0, register=register)

    assert {"mfc0_emulation": 1} == totals(script)


@pytest.mark.parametrize(
    ("register", "counter"),
    [(r, "hal_access") for r in (INDEX, ENTRY_LO0, ENTRY_LO1, CONTEXT, EPC)]
    + [(r, "mtc0_emulation") for r in (COUNT, ENTRY_HI, COMPARE, STATUS, CAUSE)],
)
def test_writes_with_an_effect_trap(register: int, counter: str) -> None:
    """A write that something uses before the next trap has to reach the monitor; any other is a store."""
    script = Script()
    script.sensitive(Sensitive.MTC0, 0, register=register)

    assert {counter: 1} == totals(script)
    assert {"mtc0_emulation": 1} == totals(script, hal=0)


@pytest.mark.parametrize("hal", [0, 1])
def test_a_forwarded_handler_is_patched_too(hal: int) -> None:
    """The refill template's register accesses follow the HAL; its TLB write and its eret trap either way."""
    script = Script()
    script.row(Kind.LOAD8, script.user(0x7FFFF))

    found = totals(script, hal=hal)

    assert found["nested_forwarded"] == 1
    handlers = {"mfc0_emulation": 4, "mtc0_emulation": 4} if hal == 0 else {"hal_access": 8}
    assert handlers == {k: v for k, v in found.items() if k in ("mfc0_emulation", "mtc0_emulation", "hal_access")}
    assert (2, 2) == (found["tlb_write_emulation"], found["eret_emulation"])


def use_frame(script: Script) -> None:
    """The kernel loads from a frame through its unmapped segment."""
    script.row(Kind.LOAD8, script.kernel(FRAME))


def test_a_freed_page_is_allocated_again() -> None:
    """The machine page goes, and the kernel's mapping of its pair: the next use faults and allocates one page."""
    script = Script()
    use_frame(script)
    use_frame(script)
    before = totals(script)
    script.row(Kind.FREED, FRAME)
    use_frame(script)
    use_frame(script)

    after = totals(script)

    assert {"references": 2, "kernel_tlb_fault": 1, "page_allocation": 2} == before
    assert {"references": 4, "kernel_tlb_fault": 2, "page_allocation": 3, "freed_page_call": 1} == after


def test_a_zeroed_page_needs_no_allocation() -> None:
    """The call that zeroes a freed page holds its allocation: the next mapping finds a machine page."""
    script = Script()
    use_frame(script)
    script.row(Kind.FREED, FRAME)
    script.row(Kind.SERVICE_ENTER, 10)
    script.row(Kind.ZEROED, FRAME)
    script.row(Kind.SERVICE_EXIT, 0)
    use_frame(script)

    found = totals(script)

    assert {"kernel_tlb_fault": 2, "page_allocation": 2, "freed_page_call": 1, "zeroed_page_call": 1} == {
        name: n for name, n in found.items() if name not in ("references", "invocations")
    }


def test_freeing_what_was_not_mapped_changes_nothing() -> None:
    """A frame without a machine page, one freed twice and the last of memory are calls that take nothing away."""
    script = Script()
    use_frame(script)
    for frame in (FRAME + 2, FRAME + 2, (script.meta.memory_bytes >> 12) - 1):
        script.row(Kind.FREED, frame)
    use_frame(script)

    assert {"references": 2, "kernel_tlb_fault": 1, "page_allocation": 2, "freed_page_call": 3} == totals(script)


def test_bare_hardware_ignores_freed_pages() -> None:
    """Native counts nothing for a freed page."""
    script = Script()
    script.row(Kind.ENTRY, script.user(1), payload=(0, FRAME << 12 | ENTRY_VALID, 5))
    script.row(Kind.FREED, FRAME)

    assert {} == totals(script, "native")


def test_a_freed_page_leaves_every_vcpu_s_tlb() -> None:
    """Whoever frees a page, each virtual CPU that had it mapped faults at its next use."""
    script = Script(handmade_meta(vcpus=2))
    page = script.kernel(FRAME)
    for _ in range(2):
        for vcpu in (0, 1):
            script.row(Kind.LOAD8, page, vcpu=vcpu)
        script.row(Kind.FREED, FRAME)

    assert 4 == totals(script)["kernel_tlb_fault"]


def test_a_probe_that_finds_nothing_empties_the_second_level() -> None:
    """The guest changed an entry that its TLB lacks: the next use is forwarded, not served from the old copy."""
    script = Script()
    page = script.user(1)
    script.row(Kind.LOAD8, page)
    script.row(Kind.TLB_PROBE, page, 0)
    script.row(Kind.LOAD8, page)

    assert 0 == totals(script).get("l2tlb_hit", 0)
