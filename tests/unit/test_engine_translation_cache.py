"""A binary translator's code cache with known answers: what is translated, where it is booked, what empties it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import INFO_FLAG_SHIFT, Arrival, Cause, Kind, Mode, Sensitive

MODEL, MACHINE = models.load("vmware"), load_machine("pentium4-2005")


def script(architecture: str = "x86-64", vcpus: int = 1) -> Script:
    """An empty trace."""
    return Script(handmade_meta(vcpus=vcpus, architecture=architecture))


def charge(made: Script, **given: Any) -> Counts:
    """Its counts under binary translation."""
    return count(made.prepared(), MODEL, MACHINE, given)


def found(made: Script, *names: str, **given: Any) -> tuple[int, ...]:
    """The totals of the counters ``names``."""
    counts = charge(made, **given)
    return tuple(counts.total(name) for name in names)


def runs(made: Script, *rows: tuple[int, int], mode: Mode = Mode.KERNEL, vcpu: int = 0) -> None:
    """Fetches from one page: (offset, instructions retired before the next)."""
    page, before = made.direct(4), 0
    for offset, instructions in rows:
        made.row(Kind.FETCH, page, offset, before, vcpu=vcpu, mode=mode)
        before = instructions
    made.sensitive(Sensitive.IRET, before, vcpu)
    made.row(Kind.RETURN, info=Mode.USER, vcpu=vcpu, mode=Mode.KERNEL)


@pytest.mark.parametrize(
    ("rows", "translated"),
    [
        ([(0, 5)], 5),  # one run
        ([(0, 5), (0, 5), (0, 5)], 5),  # a loop
        ([(0, 5), (0, 9), (0, 3)], 9),  # executed further: the rest
        ([(0, 5), (8, 3), (0, 5), (8, 3)], 8),  # overlapping runs: both
        ([(0, 0), (0, 4)], 4),  # cut off before its first instruction
        ([(60, 9)], 4),  # no further than the line, an instruction a byte
        ([(0, 5), (64, 5), (128, 5), (64, 5)], 15),  # lines
    ],
)
def test_new_instructions_are_translated_once(rows: list[tuple[int, int]], translated: int) -> None:
    """A run costs its instructions when they first execute, and nothing when they do so again."""
    made = script()
    runs(made, *rows)

    assert (translated,) == found(made, "translated_instruction")


def test_a_line_of_mips_code_has_sixteen_instructions() -> None:
    """Where instructions have four bytes, a run of a whole line is 16, and one from its last word is 1."""
    for offset, translated in ((0, 16), (32, 8), (60, 1)):
        made = script("mips64")
        runs(made, (offset, 200))

        assert (translated,) == found(made, "translated_instruction")


def test_user_code_is_not_translated() -> None:
    """Direct execution: user code runs as it is, whatever its jumps."""
    made = script()
    for arrival in Arrival:
        made.row(Kind.FETCH, made.user(3), arrival << INFO_FLAG_SHIFT, 7)

    assert (0, 0) == found(made, "translated_instruction", "indirect_lookup")


def test_returns_and_indirect_jumps_look_up() -> None:
    """Of the ways that the kernel comes to another place, two do not know where in the cache it is."""
    for arrival in Arrival:
        made = script()
        made.row(Kind.FETCH, made.direct(4), arrival << INFO_FLAG_SHIFT, mode=Mode.KERNEL)
        expected = int(arrival in (Arrival.RETURN, Arrival.INDIRECT))

        assert (expected,) == found(made, "indirect_lookup"), arrival


def test_translation_is_booked_where_the_code_ran() -> None:
    """The service that first executed a run pays for it, though the run ends in another one."""
    made = script()
    made.row(Kind.SERVICE_ENTER, 3, mode=Mode.KERNEL)
    made.row(Kind.FETCH, made.direct(4), 0, mode=Mode.KERNEL)
    made.row(Kind.SERVICE_EXIT, 0, n=6, mode=Mode.KERNEL)
    made.row(Kind.FETCH, made.direct(4), 64, mode=Mode.KERNEL)
    counts = charge(made)
    by_place = counts.by_place()[:, counts.counters.index("translated_instruction")]

    assert {"DEMAND_ZERO": 6} == {place.service: int(n) for place, n in zip(counts.places, by_place, strict=True) if n}


def test_a_store_to_kernel_code_drops_its_line() -> None:
    """Code that was written is translated again; the line beside it, data and user code are not."""
    made = script()
    runs(made, (0, 5), (64, 7))
    made.row(Kind.STORE8, made.direct(4), 40, mode=Mode.KERNEL)
    made.row(Kind.STORE8, made.direct(4), 40, mode=Mode.KERNEL)
    made.row(Kind.STORE8, made.direct(5), 40, mode=Mode.KERNEL)
    runs(made, (0, 5), (64, 7))

    assert (5 + 7 + 5, 1) == found(made, "translated_instruction", "dropped_line")


def test_a_full_cache_is_emptied() -> None:
    """A run that finds no room empties the cache, and what it held is translated again."""
    made = script()
    runs(made, (0, 40), (64, 30), (0, 40))

    assert (40 + 30,) == found(made, "translated_instruction", code_cache=70)
    assert (40 + 30 + 40,) == found(made, "translated_instruction", code_cache=69)


def test_room_that_a_dropped_line_gave_back_is_used() -> None:
    """What a store dropped is held no longer."""
    made = script()
    runs(made, (0, 40))
    made.row(Kind.STORE8, made.direct(4), 0, mode=Mode.KERNEL)
    runs(made, (64, 40), (128, 24), (64, 40))

    assert (40 + 40 + 24,) == found(made, "translated_instruction", code_cache=64)


def test_each_vcpu_translates_for_itself() -> None:
    """Two virtual CPUs have two code caches."""
    made = script(vcpus=2)
    runs(made, (0, 5))
    runs(made, (0, 5), vcpu=1)

    assert (10,) == found(made, "translated_instruction")


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 31), st.integers(0, 40)), min_size=1, max_size=60))
def test_all_fits_into_a_cache_as_large_as_all_code(rows: list[tuple[int, int]]) -> None:
    """No cache translates less than one that holds everything, which translates each run's longest once."""
    made = script()
    runs(made, *((8 * place, n) for place, n in rows))
    longest: dict[int, int] = {}
    for place, n in rows:
        longest[place] = max(longest.get(place, 0), min(n, 64 - 8 * place % 64))
    all_of_it = found(made, "translated_instruction", code_cache=1 << 20)

    assert (sum(longest.values()),) == all_of_it
    assert found(made, "translated_instruction", code_cache=64) >= all_of_it


@pytest.mark.parametrize(
    ("klass", "register", "counter"),
    [
        (Sensitive.CLI, 0, "in_cache_access"),
        (Sensitive.POPF, 0, "in_cache_access"),
        (Sensitive.SGDT, 0, "in_cache_access"),
        (Sensitive.MOV_TO_CR, 8, "in_cache_access"),
        (Sensitive.IN, 0, "in_cache_emulation"),
        (Sensitive.RDTSC, 0, "in_cache_emulation"),
        (Sensitive.MOV_TO_CR, 0, "callout"),
        (Sensitive.LGDT, 0, "callout"),
        (Sensitive.MOV_SEGMENT, 0, "callout"),
        (Sensitive.INVLPG, 0, "invlpg_callout"),
        (Sensitive.HLT, 0, "halt_callout"),
    ],
)
def test_sensitive_instructions_are_translated_by_class(klass: Sensitive, register: int, counter: str) -> None:
    """A few loads and stores, an emulation within the cache, or a callout."""
    made = script()
    made.sensitive(klass, register=register)
    counts = charge(made)

    assert {counter} == {c for c in counts.counters[4:] if counts.total(c)}


def test_user_code_runs_sensitive_instructions_directly() -> None:
    """In user mode they are what they are on bare hardware."""
    made = script()
    for klass in (Sensitive.PUSHF, Sensitive.RDTSC):
        made.sensitive(klass)
        row = made.rows.pop()
        made.rows.append((row[0], Mode.USER << 4, *row[2:]))

    assert (1, 0, 0) == found(made, "privileged", "in_cache_access", "in_cache_emulation")


def test_a_base_write_is_one_callout() -> None:
    """The instruction and the base switch that it makes are counted once."""
    made = script()
    made.base_switch(1)

    assert (1, 0) == found(made, "cr3_callout", "callout")


def test_a_return_within_the_kernel_is_a_callout() -> None:
    """Only a return to user mode resumes direct execution."""
    made = script()
    made.row(Kind.EXCEPTION, 32, Cause.INTERRUPT, mode=Mode.KERNEL)
    made.sensitive(Sensitive.IRET)
    made.row(Kind.RETURN, info=Mode.KERNEL, mode=Mode.KERNEL)

    assert (1, 1, 0) == found(made, "interrupt", "callout", "direct_resume")


def test_entering_the_monitor_flushes_nothing() -> None:
    """It lies in every address space: a page stays in the TLB over system calls, ports and callouts."""
    made = script()
    page = made.user(3)
    for _ in range(3):
        made.row(Kind.LOAD8, page)
        made.exception(Cause.SYSCALL)
        made.port(0x80)
        made.sensitive(Sensitive.LGDT)
        made.row(Kind.RETURN, info=Mode.USER, mode=Mode.KERNEL)
    walks = 2  # one that finds no shadow entry, one that finds it filled

    assert (walks, 1) == found(made, "page_walk", "hidden_fault")
