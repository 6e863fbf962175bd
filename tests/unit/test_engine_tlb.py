"""The first-level TLB does what its manual and the theory of replacement say."""

from __future__ import annotations

from typing import Any

import pytest

import models
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.meta import RecorderTlb
from replay.trace.schema import TLB_RANDOM, Cause, Kind, Touch

LRU = {"tlb.replacement": "lru"}


def native(script: Script, **given: Any) -> Counts:
    """The counts of ``script`` on bare hardware."""
    return count(script.prepared(), models.load("native"), load_machine("flash-1997"), given)


def sweep(pairs: int, rounds: int) -> Script:
    """References to ``pairs`` page pairs that need no page table, again and again, in order."""
    script = Script()
    for _ in range(rounds):
        for pair in range(pairs):
            script.row(Kind.LOAD8, script.page(2 * pair, 0))
    return script


def test_cyclic_sweep_over_more_pairs_than_entries_misses_each_time() -> None:
    """65 pairs in a 64-entry LRU TLB: every one of the 650 references misses."""
    assert 650 == native(sweep(65, 10), **LRU).total("utlb_refill")


def test_cyclic_sweep_that_fits_misses_once_a_pair() -> None:
    """64 pairs in a 64-entry LRU TLB miss on first use only."""
    assert 64 == native(sweep(64, 10), **LRU).total("utlb_refill")


def test_an_entry_maps_both_pages_of_a_pair() -> None:
    """The odd page of a pair hits after its even page was loaded."""
    script = Script()
    script.row(Kind.LOAD8, script.page(6, 0))
    script.row(Kind.LOAD8, script.page(7, 0))

    assert 1 == native(script).total("utlb_refill")


def test_refill_nests_once_for_each_table_page() -> None:
    """First touch of a user page: an aborted refill, the nested refill of its table page, and the full refill."""
    script = Script()
    script.row(Kind.LOAD8, script.user(0))
    script.row(Kind.LOAD8, script.user(2))

    counts = native(script)

    assert (2 + 1, 1) == (counts.total("utlb_refill"), counts.total("nested_refill"))
    assert (1 + 14) + 9 + 9 == counts.total("refill_instruction")


def test_a_recorded_refill_is_one_entry_to_the_vector() -> None:
    """A refill exception in the trace stands for one entry; its restart comes as rows of its own."""
    script = Script()
    page = script.user(0)
    script.exception(Cause.REFILL, page, Touch.LOAD)

    counts = native(script)

    assert (1, 1) == (counts.total("utlb_refill"), counts.total("nested_refill"))


def test_a_faulting_access_looks_its_page_up() -> None:
    """A page fault's access emits no row, yet its page was looked up and refilled."""
    script = Script()
    script.exception(Cause.NOT_PRESENT, script.page(4, 0), Touch.STORE)
    script.row(Kind.STORE8, script.page(4, 0))

    assert 1 == native(script).total("utlb_refill")


def test_random_replacement_is_the_recorder_s() -> None:
    """Entries are wired + (x >> 32) % (entries - wired), x a 64-bit xorshift from seed * 0x9E3779B97F4A7C15 + 1."""
    script = Script(handmade_meta(tlb=RecorderTlb(4, True, 1, "random", 3)))
    pairs = [k * 7 % 6 for k in range(200)]
    for pair in pairs:
        script.row(Kind.LOAD8, script.page(2 * pair, 0))
    x, held, misses = (3 * 0x9E3779B97F4A7C15 + 1) % 2**64, [None] * 4, 0
    for pair in pairs:
        if pair not in held:
            misses += 1
            x ^= x << 13 & 2**64 - 1
            x ^= x >> 7
            x ^= x << 17 & 2**64 - 1
            held[1 + (x >> 32) % 3] = pair

    assert misses == native(script, **{"tlb.entries": 4}).total("utlb_refill")


def test_wired_entries_stay() -> None:
    """An entry written below the wired limit survives any number of refills."""
    script = Script()
    kept = script.page(1000, 0)
    script.row(Kind.TLB_WRITE, kept, 0, payload=(1, 1))
    for pair in range(40):
        script.row(Kind.LOAD8, script.page(2 * pair, 0))
    script.row(Kind.LOAD8, kept)

    assert 40 == native(script, **{"tlb.entries": 8, "tlb.wired": 1}).total("utlb_refill")


def test_clearing_a_probed_entry_drops_its_pair() -> None:
    """Probe, then write an unmapped address to the entry found: the pair misses afterwards."""
    script = Script()
    page = script.page(8, 0)
    script.row(Kind.LOAD8, page)
    script.row(Kind.TLB_PROBE, page, 1)
    script.row(Kind.TLB_WRITE, script.kernel(0), 5)
    script.row(Kind.LOAD8, page)

    assert 2 == native(script).total("utlb_refill")


def test_a_guest_s_own_random_write_loads_the_pair() -> None:
    """A random TLB write outside the refill handler makes its pair present."""
    script = Script()
    script.row(Kind.TLB_WRITE, script.page(8, 0), TLB_RANDOM, payload=(1, 1))
    script.row(Kind.LOAD8, script.page(8, 0))

    assert 0 == native(script).total("utlb_refill")


def test_unmapped_segments_bypass_the_tlb() -> None:
    """Kernel references through kseg0 never miss on bare hardware, device registers are counted each time."""
    script = Script()
    for frame in range(500):
        script.row(Kind.LOAD8, script.kernel(frame))
    script.row(Kind.STORE8, script.device())
    script.row(Kind.STORE8, script.device())

    counts = native(script)

    assert (0, 2) == (counts.total("utlb_refill"), counts.total("device_access"))


def test_a_tlb_needs_an_entry_to_replace() -> None:
    """Wiring every entry is refused."""
    with pytest.raises(UserError, match="wire fewer entries"):
        native(sweep(1, 1), **{"tlb.entries": 4, "tlb.wired": 4})
