"""Walks in one and in two dimensions read exactly as many entries as the papers and manuals say."""

from __future__ import annotations

from typing import Any

import pytest

import models
from replay.count import Counts, count
from replay.handmade import DIRECT_MAP, LARGE_PAGE, Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import ENTRY_VALID, Cause, Kind, Sensitive, Touch

OFF = {f"{caches}.{level}_entries": 0 for caches in ("pwc", "nested") for level in ("leaf", "middle", "upper")} | {
    "nested.tlb_entries": 0
}
"""No walk caches and no nested TLB."""

TINY = {
    "itlb.entries": 1,
    "itlb.ways": 1,
    "dtlb.entries": 1,
    "dtlb.ways": 1,
    "dtlb.large_entries": 0,
    "stlb.entries": 0,
}
"""A TLB of one entry: any other page misses."""


def x86() -> Script:
    """An empty trace of x86-64."""
    return Script(handmade_meta(architecture="x86-64"))


def charge(name: str, script: Script, **given: Any) -> Counts:
    """The counts of ``script`` under ``name`` on the machine of 2017; two underscores stand for a parameter's dot."""
    model = models.load(name)
    known = {p.name for p in model.parameters}
    chosen = {key.replace("__", "."): value for key, value in given.items()}
    return count(
        script.prepared(), model, load_machine("skylake-2017"), {k: v for k, v in chosen.items() if k in known}
    )


def two_pages(large: bool) -> Script:
    """Loads of two pages in turn, 512 GB apart; the guest maps them by 2 MB entries if ``large``."""
    script = x86()
    first, second = script.user(5), script.user(1 << 27 | 5)
    for page, frame, table in ((first, 0x800, 20), (second, 0xA00, 21)):
        script.entry(page, frame, level=int(large), table=table, bits=ENTRY_VALID | (LARGE_PAGE if large else 0))
    for _ in range(10):
        script.row(Kind.LOAD8, first)
        script.row(Kind.LOAD8, second)
    return script


@pytest.mark.parametrize(("large", "references"), [(False, 4), (True, 3)])
def test_a_walk_reads_an_entry_of_each_level(large: bool, references: int) -> None:
    """Without walk caches: four entries lead to a page of 4 KB and three to one of 2 MB."""
    counts = charge("native-walk", two_pages(large), **OFF, **TINY)

    assert 20 == counts.total("page_walk")
    assert 20 * references == counts.total("walk_reference")


@pytest.mark.parametrize(("large", "page", "references"), [
    (False, "4KB", 24), (False, "2MB", 19), (True, "4KB", 19), (True, "2MB", 15),
])  # fmt: skip
def test_a_walk_in_two_dimensions_reads_an_entry_for_each_pair_of_levels(
    large: bool, page: str, references: int
) -> None:
    """Without caches (g + 1)(h + 1) - 1 entries: 24 for 4 and 4 levels, 19 for 4 and 3 either way, 15 for 3 and 3."""
    counts = charge("ept", two_pages(large), nested__page=page, **OFF, **TINY)

    g, h = 4 - large, 3 if page == "2MB" else 4
    assert references == (g + 1) * (h + 1) - 1
    assert 20 == counts.total("page_walk")
    assert 20 * g == counts.total("walk_reference")
    assert 20 * references == counts.total("walk_reference") + counts.total("nested_walk_reference")


@pytest.mark.parametrize(("caches", "references"), [
    ({}, 4), ({"upper": 2}, 3), ({"middle": 2}, 2), ({"leaf": 2}, 1), ({"leaf": 2, "middle": 2, "upper": 2}, 1),
])  # fmt: skip
def test_a_walk_cache_skips_the_levels_above_it(caches: dict[str, int], references: int) -> None:
    """With room for both pages' entries, all walks but each page's first start below the deepest level that is kept."""
    given = OFF | {f"pwc.{level}_entries": entries for level, entries in caches.items()}

    counts = charge("native-walk", two_pages(False), **given, **TINY)

    assert 2 * 4 + 18 * references == counts.total("walk_reference")


def test_a_walk_cache_that_is_too_small_skips_nothing() -> None:
    """One entry a level for two pages in turn, 512 GB apart: all walks are whole."""
    given = OFF | {f"pwc.{level}_entries": 1 for level in ("leaf", "middle", "upper")}

    assert 20 * 4 == charge("native-walk", two_pages(False), **given, **TINY).total("walk_reference")


def test_walk_caches_hold_machine_addresses_of_guest_tables() -> None:
    """Guest walk caches alone: after its first walk a page takes one guest entry, and a nested walk for itself."""
    given = OFF | {"pwc.leaf_entries": 2}

    counts = charge("ept", two_pages(False), nested__page="4KB", **given, **TINY)

    assert 2 * 24 + 18 * (1 + 4) == counts.total("walk_reference") + counts.total("nested_walk_reference")


def test_the_nested_tlb_leaves_the_guest_s_entries_to_read() -> None:
    """With room for all frames of both walks, later walks read the guest's four entries and nothing nested."""
    counts = charge("ept", two_pages(False), nested__page="4KB", **(OFF | {"nested.tlb_entries": 64}), **TINY)

    frames = 5 + 4  # root, three tables and a page; the second walk starts at the same root
    assert 20 * 4 == counts.total("walk_reference")
    assert frames * 4 == counts.total("nested_walk_reference")
    assert 20 * 5 - frames == counts.total("nested_tlb_hit")


def test_nested_walk_caches_skip_upper_nested_levels() -> None:
    """All frames within one nested leaf table: after the first translation each one reads one nested entry."""
    given = OFF | {"nested.leaf_entries": 4}
    script = x86()
    page = script.user(5)
    for level in range(3):
        script.entry(page, 9, level=level, table=20 + level)
    script.row(Kind.TABLE_LINK, 30, 3, payload=(0, 1))
    script.base_switch(1)
    script.row(Kind.LOAD8, page)

    counts = charge("ept", script, nested__page="4KB", **given)

    assert (4, 4 + 4 * 1) == (counts.total("walk_reference"), counts.total("nested_walk_reference"))


@pytest.mark.parametrize(("page", "violations"), [("4KB", 6), ("2MB", 2)])
def test_each_frame_is_mapped_once(page: str, violations: int) -> None:
    """A first touch exits, whether of a table or of a page; 2 MB at a time if the monitor maps so."""
    script = x86()
    first, second = script.user(5), script.user(6)
    for level in range(3):
        script.entry(first, 9, level=level, table=20 + level)
    script.entry(second, 600, table=20)
    script.row(Kind.TABLE_LINK, 30, 3, payload=(0, 1))
    script.base_switch(1)
    for _ in range(3):
        script.row(Kind.LOAD8, first)
        script.row(Kind.STORE8, second)

    assert violations == charge("ept", script, nested__page=page, **OFF).total("ept_violation")


def test_the_tlb_holds_the_smaller_of_both_sizes() -> None:
    """Two pages of a guest's 2 MB page: one walk if the nested page is as large, else a walk each."""
    script = x86()
    first, second = script.user(5), script.user(300)
    script.entry(first, 0x800, level=1, bits=ENTRY_VALID | LARGE_PAGE)
    script.row(Kind.LOAD8, first)
    script.row(Kind.LOAD8, second)

    walks = [charge("ept", script, nested__page=page).total("page_walk") for page in ("2MB", "4KB")]

    assert [1, 2] == walks


def test_no_exit_for_a_guest_s_own_translations() -> None:
    """Faults, INVLPG and CR3 writes exit nowhere; a port, a wait and an interrupt do, each once."""
    script = x86()
    page = script.user(5)
    script.row(Kind.LOAD8, page)
    script.exception(Cause.NOT_PRESENT, page, Touch.STORE)
    script.invalidate(page)
    script.base_switch(1)
    script.port(0x3F8, write=True)
    script.sensitive(Sensitive.HLT)
    script.exception(Cause.INTERRUPT)
    counts = charge("ept", script)

    exits = {c: counts.total(c) for c in counts.counters if c.endswith("_exit") and counts.total(c)}

    assert {"io_exit": 1, "halt_exit": 1, "interrupt_exit": 1} == exits
    assert 1 == counts.total("fault")


@pytest.mark.parametrize(("tagged", "walks"), [(1, 1), (0, 2)])
def test_exits_empty_an_untagged_tlb(tagged: int, walks: int) -> None:
    """A page is walked for again after an exit only if TLB entries do not keep their virtual machine."""
    script = x86()
    script.row(Kind.LOAD8, script.user(5))
    script.port(0x3F8)
    script.row(Kind.LOAD8, script.user(5))

    assert walks == charge("ept", script, tlb__vm_tagged=tagged).total("page_walk")


def test_global_pages_survive_a_base_switch() -> None:
    """After CR3 is written a user page is walked for again and a kernel page is not; with tags neither is."""
    script = x86()
    user, kernel = script.user(5), script.page(DIRECT_MAP + 9)
    for page in (user, kernel):
        script.row(Kind.LOAD8, page)
    script.base_switch(2)
    script.base_switch(1)
    for page in (user, kernel):
        script.row(Kind.LOAD8, page)

    assert [3, 2] == [charge("native-walk", script, tlb__tagged=tag).total("page_walk") for tag in (0, 1)]


def test_code_and_data_have_first_levels_of_their_own() -> None:
    """The load of a page that was fetched from misses the first level and hits the second."""
    script = x86()
    script.row(Kind.FETCH, script.user(5))
    script.row(Kind.LOAD8, script.user(5))
    counts = charge("native-walk", script)

    assert (1, 1) == (counts.total("page_walk"), counts.total("stlb_hit"))


def test_a_page_of_2_mb_takes_one_entry() -> None:
    """All pages of a region that one entry maps are walked for once."""
    script = x86()
    script.entry(script.user(512), 0x800, level=1, bits=ENTRY_VALID | LARGE_PAGE)
    for vpn in range(512, 1024):
        script.row(Kind.LOAD8, script.user(vpn))

    assert 1 == charge("native-walk", script).total("page_walk")


@pytest.mark.parametrize(
    ("name", "machine", "exits"),
    [("npt", "opteron-2008", 1), ("ept", "sandybridge-2011", 1), ("ept", "skylake-2017", 0)],
)
def test_the_end_of_an_interrupt_exits_on_older_machines(name: str, machine: str, exits: int) -> None:
    """A write of the local controller's EOI register exits where the machine does not virtualize the controller."""
    script = x86()
    script.sensitive(Sensitive.WRMSR, register=0x80B)

    assert exits == count(script.prepared(), models.load(name), load_machine(machine)).total("msr_exit")


@pytest.mark.parametrize("name", ["native-walk", "ept", "agile", "shadow", "xen"])
def test_a_page_fault_walks_once_on_every_machine(name: str) -> None:
    """A fault on a page that the TLB holds without the right to write walks the tables once, whatever the monitor."""
    held, faulted = x86(), x86()
    for script in (held, faulted):
        script.row(Kind.LOAD8, script.user(5))
    faulted.exception(Cause.COPY_ON_WRITE, faulted.user(5), Touch.STORE)

    assert 1 == charge(name, faulted).total("page_walk") - charge(name, held).total("page_walk")
