"""Shadow page tables with known answers: fills, accessed and dirty bits, policies, spaces, upper tables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.handmade import LARGE_PAGE, Script
from replay.trace.schema import Cause, Kind, Mode, Touch

from .shadowed import NEW, SEEN, USED, charge, found, load, script, store, write


def test_first_reference_is_a_hidden_fault() -> None:
    """The first reference to a mapped page fills its shadow entry from four guest entries; later ones do nothing."""
    made = script()
    load(made, 5, 5, 5)

    assert (1, 0, 4) == found(made, "hidden_fault", "true_fault", "guest_walk_reference")


def test_a_true_fault_exits_three_times() -> None:
    """A page fault that the guest mends costs its own exit, the traced store, and a hidden fault to fill the entry."""
    made = script()
    load(made, 5)
    made.exception(Cause.NOT_PRESENT, made.user(6), Touch.LOAD)
    write(made, 6, old=0)
    load(made, 6)

    assert (1, 1, 2) == found(made, "true_fault", "traced_store", "hidden_fault")


def test_dirty_bits_are_emulated() -> None:
    """An entry not marked dirty is filled read-only: the first store is a second hidden fault, the next one is free."""
    made = script()
    write(made, 5, bits=SEEN)
    load(made, 5)
    store(made, 5, 5)

    assert (1, 1) == found(made, "hidden_fault", "dirty_fault")


def test_a_first_store_marks_accessed_and_dirty_at_once() -> None:
    """A store to an entry that is neither needs one hidden fault; so does any reference to one that is both."""
    fresh, used = script(), script()
    write(fresh, 5, bits=NEW)
    store(fresh, 5, 5)
    write(used, 5, bits=USED)
    load(used, 5)
    store(used, 5)

    assert (1, 0) == found(fresh, "hidden_fault", "dirty_fault") == found(used, "hidden_fault", "dirty_fault")


def test_dirty_survives_a_discarded_shadow() -> None:
    """The guest's own entry holds the bit: what was dirty before its shadow was discarded is filled writable."""
    made = script()
    for space in (1, 2, 1):
        made.base_switch(space)
        write(made, 5, bits=SEEN, space=space) if space == 2 else store(made, 5, space=space)

    assert (2, 0) == found(made, "hidden_fault", "dirty_fault", shadow_spaces=1)


def test_a_cleared_accessed_bit_is_set_by_a_hidden_fault() -> None:
    """A guest that clears accessed bits to find cold pages takes a hidden fault for each that it uses again."""
    made = script()
    load(made, 5)
    write(made, 5, bits=NEW)
    load(made, 5)

    assert (2, 0) == found(made, "hidden_fault", "shadow_update")


def test_a_valid_accessed_entry_is_filled_by_its_store() -> None:
    """Emulating the store of an entry that is valid and accessed fills the shadow: no hidden fault follows."""
    made = script()
    load(made, 5)
    write(made, 6, bits=USED, old=0)
    store(made, 6)

    assert (1, 1, 1) == found(made, "hidden_fault", "traced_store", "shadow_update")


def test_a_table_that_nothing_was_filled_through_is_free() -> None:
    """Building a new address space costs nothing until it is used; then every store exits."""
    made = script()
    for vpn in range(10):
        write(made, vpn, old=0)
    load(made, 3)
    for vpn in range(10):
        write(made, vpn)

    assert (10, 0) == found(made, "traced_store", "unsync_store")


@pytest.mark.parametrize(("policy", "exits"), [("trace", (6, 0)), ("unsync", (0, 1)), ("adaptive", (2, 1))])
def test_policies_differ_in_which_stores_exit(policy: str, exits: tuple[int, int]) -> None:
    """Of six stores to one table: all are emulated; the first makes it unsynchronized; the third in a row does."""
    made = script()
    load(made, 3)
    for vpn in range(6):
        write(made, vpn)

    assert exits == found(made, "traced_store", "unsync_store", shadow_policy=policy)


def test_a_fill_breaks_a_row_of_stores() -> None:
    """Under adaptive, stores with a fill through the table in between are not in a row."""
    made = script()
    load(made, 3)
    for vpn in range(6):
        write(made, vpn, bits=NEW)
        load(made, vpn)

    assert (6, 0) == found(made, "traced_store", "unsync_store", shadow_policy="adaptive")


def test_a_base_switch_synchronizes_the_new_space() -> None:
    """The 512 entries of each of its unsynchronized tables are compared, old ones follow, and it is traced again."""
    made = script()
    made.base_switch(1)
    load(made, 3, 4)
    write(made, 3, bits=0)
    write(made, 4, bits=USED)
    made.base_switch(1)
    write(made, 5)

    counters = ("entry_compared", "shadow_update", "unsync_store")
    assert (512, 1, 2) == found(made, *counters, shadow_policy="unsync")


def test_another_space_stays_unsynchronized() -> None:
    """Loading the base of another space compares nothing of this one's."""
    made = script()
    load(made, 3)
    write(made, 3)
    made.base_switch(2)

    assert (0,) == found(made, "entry_compared", shadow_policy="unsync")


def test_invlpg_compares_one_entry() -> None:
    """An entry of an unsynchronized table is compared and follows; one of a traced table has followed already."""
    made = script()
    load(made, 3)
    write(made, 3, bits=USED)
    made.invalidate(made.user(3))

    assert (1, 1, 1) == found(made, "entry_compared", "shadow_update", "invlpg_exit", shadow_policy="unsync")
    assert (0, 1, 1) == found(made, "entry_compared", "shadow_update", "invlpg_exit", shadow_policy="trace")


def test_unsynchronized_entries_may_be_old() -> None:
    """Until it is synchronized a changed entry is used as a TLB would use it: no fault."""
    made = script()
    load(made, 3)
    write(made, 3, bits=0)
    load(made, 3)

    assert (1,) == found(made, "hidden_fault", shadow_policy="unsync")


def rounds(spaces: int, times: int) -> Script:
    """A turn for each of some address spaces with one page each, and the kernel's page, again and again."""
    made = script()
    for turn in range(times * spaces):
        made.base_switch(1 + turn % spaces)
        load(made, 7, space=1 + turn % spaces)
        made.row(Kind.LOAD8, made.direct(3), mode=Mode.KERNEL)
    return made


def test_a_cache_that_holds_all_spaces_faults_once_each() -> None:
    """Four spaces in turn under a cache of four: a hidden fault each, one for the kernel's half, nothing discarded."""
    assert (5, 0) == found(rounds(4, 6), "hidden_fault", "space_discarded", shadow_spaces=4)


def test_a_cache_of_one_is_discarded_at_every_switch() -> None:
    """So is, by least recent use, one a single space too small; the kernel's half is never discarded."""
    for spaces in (1, 3):
        assert (25, 24 - spaces) == found(rounds(4, 6), "hidden_fault", "space_discarded", shadow_spaces=spaces)


def test_a_table_that_a_large_page_replaced_maps_nothing() -> None:
    """Freeing the leaf table in whose place a 2 MB entry was stored leaves what that entry maps as it is."""
    made = script()
    write(made, 5, bits=USED, old=0)
    write(made, 0, bits=LARGE_PAGE | USED, old=0, level=1)
    made.row(Kind.TABLE_FREE, 30, mode=Mode.KERNEL)
    load(made, 5, 6)

    assert (1, 1) == found(made, "hidden_fault", "shadow_prefetch", shadow_prefetch=1)


def test_a_space_given_back_makes_room() -> None:
    """The shadow tables of a space that the guest destroyed take no room: nothing is discarded for the next one's."""
    made = script()
    for space in (1, 2, 3):
        made.base_switch(space)
        load(made, 7, space=space)
        made.base_switch(0)
        made.row(Kind.SPACE_DESTROY, space, mode=Mode.KERNEL)

    assert (3, 0) == found(made, "hidden_fault", "space_discarded", shadow_spaces=1)


@settings(max_examples=30, deadline=None)
@given(turns=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=60))
def test_more_spaces_never_fault_more(turns: list[tuple[int, int]]) -> None:
    """Least recent use has the inclusion property: a larger cache of spaces takes no more hidden faults."""
    made = script()
    for space, vpn in turns:
        made.base_switch(space)
        load(made, vpn, space=space)
    faults = [charge(made, shadow_spaces=n).total("hidden_fault") for n in (1, 2, 3, 6)]

    assert sorted(faults, reverse=True) == faults


def test_prefetch_fills_accessed_entries_behind() -> None:
    """Of the next four entries of the table, those valid and accessed are filled and fault no more."""
    made = script()
    for vpn in (5, 6, 7, 9, 12):
        write(made, vpn, bits=NEW if vpn == 7 else USED, old=0)
    load(made, 5, 6, 7, 9, 12)

    assert (5, 0) == found(made, "hidden_fault", "shadow_prefetch")
    assert (3, 2) == found(made, "hidden_fault", "shadow_prefetch", shadow_prefetch=4)


def test_an_upper_entry_takes_what_is_below_along() -> None:
    """Clearing the entry of a 2 MB region drops that region's shadow and no other's; the store itself exits."""
    made = script()
    load(made, 3, 600)
    write(made, 3, bits=0, level=1)
    load(made, 3, 600)

    assert (3, 1) == found(made, "hidden_fault", "traced_store")


def test_upper_tables_are_always_traced() -> None:
    """Every store to a table above the leaves exits, whatever the policy."""
    for policy in ("trace", "unsync", "adaptive"):
        made = script()
        load(made, 3)
        for vpn in (512, 1024, 1536, 2048):
            write(made, vpn, old=0, level=1)

        assert (4, 0) == found(made, "traced_store", "unsync_store", shadow_policy=policy)


def test_roots_are_known_by_their_frame() -> None:
    """A store to the root of a space that is in use exits, one to the root of a space being built does not."""
    made = script()
    for space, frame in ((1, 40), (2, 41)):
        made.row(Kind.TABLE_LINK, frame, 3, mode=Mode.KERNEL, payload=(0, space))
        made.user(3, space)
    made.base_switch(1)
    load(made, 3)
    for frame in (40, 41):
        made.entry(made.direct(0), 50, level=3, table=frame)

    assert (1,) == found(made, "traced_store")


def test_a_table_given_back_is_forgotten() -> None:
    """Its shadow entries go with it, and stores to its frame are free until it is used again."""
    made = script()
    load(made, 3)
    write(made, 4, old=0)
    made.row(Kind.TABLE_FREE, 30, mode=Mode.KERNEL)
    write(made, 3, old=0)
    load(made, 3)

    assert (2, 1) == found(made, "hidden_fault", "traced_store")


def test_a_large_guest_page_is_shadowed_by_small_ones() -> None:
    """Each page of a 2 MB mapping faults by itself, after three guest entries instead of four."""
    made = script()
    write(made, 0, bits=USED | LARGE_PAGE, old=0, level=1)
    load(made, 0, 1, 2)

    assert (3, 9) == found(made, "hidden_fault", "guest_walk_reference")
