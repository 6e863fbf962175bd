"""Agile paging with known answers: references by switch level, what exits above the switch, what does not below."""

from __future__ import annotations

from typing import Any

import pytest

import models
from replay.count import count
from replay.handmade import LARGE_PAGE, Script
from replay.machine import load_machine
from replay.trace.schema import Cause, Kind, Touch

from .shadowed import USED, load, script, write

MODEL, MACHINE = models.load("agile"), load_machine("sandybridge-2011")
CACHES_OFF = {"nested.page": "4KB", "nested.tlb_entries": 0} | {
    f"{dimension}.{level}_entries": 0 for dimension in ("pwc", "nested") for level in ("leaf", "middle", "upper")
}


def found(made: Script, *names: str, level: int = 1, **given: Any) -> tuple[int, ...]:
    """The totals of the counters ``names`` with so many levels nested."""
    counts = count(made.prepared(), MODEL, MACHINE, {"agile.switch_level": level, **given})
    return tuple(counts.total(name) for name in names)


def walk_twice(made: Script) -> Script:
    """A page is walked for when nothing is missing any more: after a flush, once."""
    load(made, 5)
    made.row(Kind.INVALIDATE_ALL)
    load(made, 5)
    return made


@pytest.mark.parametrize(("level", "references"), [(1, 8), (2, 12), (3, 16), (4, 20)])
def test_references_follow_the_switch_level(level: int, references: int) -> None:
    """With all caches off a walk of four levels reads 4 entries and 4 more for each nested level."""
    made = walk_twice(script())
    each = sum(found(made, "walk_reference", "nested_walk_reference", level=level, **CACHES_OFF))

    assert 2 * references == each


@pytest.mark.parametrize(("level", "references"), [(1, 7), (2, 7), (3, 11), (4, 15)])
def test_a_large_entry_is_nested_at_any_level(level: int, references: int) -> None:
    """A guest's 2 MB entry ends the walk one level sooner, and the page behind it is always translated."""
    made = script()
    write(made, 5, bits=USED | LARGE_PAGE, old=0, level=1)
    each = sum(found(walk_twice(made), "walk_reference", "nested_walk_reference", level=level, **CACHES_OFF))

    assert 2 * references == each


def test_what_lies_below_the_switch_does_not_exit() -> None:
    """Leaf entries, page faults, dirty bits and INVLPG are the guest's; a 2 MB region is one hidden fault."""
    made = script()
    load(made, *range(20))
    for vpn in range(20):
        write(made, vpn)
        made.invalidate(made.user(vpn))
        made.exception(Cause.NOT_PRESENT, made.user(vpn), Touch.STORE)
        made.row(Kind.STORE8, made.user(vpn))

    assert (1, 0, 0, 20, 20) == found(made, "hidden_fault", "dirty_fault", "traced_store", "fault", "invalidation")


def test_upper_tables_are_traced() -> None:
    """A store to an upper entry that is shadowed exits and drops what hung below it."""
    made = script()
    load(made, 5, 600)
    write(made, 5, bits=0, level=1)
    load(made, 5, 600)

    assert (3, 1) == found(made, "hidden_fault", "traced_store")
    assert (1, 0) == found(made, "hidden_fault", "traced_store", level=2)


@pytest.mark.parametrize(("level", "faults"), [(1, 4), (2, 3), (3, 2), (4, 1)])
def test_one_hidden_fault_fills_what_lies_below_the_switch(level: int, faults: int) -> None:
    """Pages in four 2 MB regions, three 1 GB regions, two 512 GB regions of one space."""
    made = script()
    load(made, 0, 512, 1 << 18, 1 << 27)

    assert (faults,) == found(made, "hidden_fault", level=level)


def test_base_switches_exit_and_spaces_are_discarded() -> None:
    """As under shadow paging, a write of CR3 exits, and too small a cache of spaces forgets their upper levels."""
    made = script()
    for space in (1, 2, 1, 2):
        made.base_switch(space)
        load(made, 5, space=space)

    assert (4, 2, 0) == found(made, "cr3_exit", "hidden_fault", "space_discarded")
    assert (4, 4, 3) == found(made, "cr3_exit", "hidden_fault", "space_discarded", **{"shadow.spaces": 1})
