"""Xen with known answers: queue and flush points, pinning, crossings of both ABIs, what a switch leaves in the TLB."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models
from replay.count import Counts, count
from replay.handmade import LARGE_PAGE, Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import ENTRY_VALID, Cause, Kind, Mode, Sensitive, Touch

MODEL, MACHINE = models.load("xen"), load_machine("xeon-2003")
TABLE = 70


def script() -> Script:
    """An empty x86-64 trace."""
    return Script(handmade_meta(vcpus=2, architecture="x86-64"))


def charge(made: Script, **given: Any) -> Counts:
    """Its counts under Xen."""
    return count(made.prepared(), MODEL, MACHINE, given)


def found(made: Script, *names: str, **given: Any) -> tuple[int, ...]:
    """The totals of the counters ``names``."""
    counts = charge(made, **given)
    return tuple(counts.total(name) for name in names)


def table(made: Script, frame: int = TABLE, space: int = 1) -> None:
    """A leaf table is allocated and linked into ``space``."""
    made.row(Kind.TABLE_ALLOC, frame, mode=Mode.KERNEL)
    made.row(Kind.TABLE_LINK, frame, mode=Mode.KERNEL, payload=(0, space))


def back_to_user(made: Script, vcpu: int = 0) -> None:
    """The kernel returns to user mode."""
    made.sensitive(Sensitive.IRET, vcpu=vcpu)
    made.row(Kind.RETURN, info=Mode.USER, vcpu=vcpu, mode=Mode.KERNEL)


FLUSHES = {"invalidate": 1, "base": 1, "return": 0}
"""Flush point -> commands that it queues itself."""


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 9),
    runs=st.lists(st.tuples(st.integers(0, 30), st.sampled_from(sorted(FLUSHES)), st.integers(0, 1)), max_size=12),
)
def test_hypercalls_are_the_sum_over_flush_points(size: int, runs: list[tuple[int, str, int]]) -> None:
    """Between two flush points of a vCPU, n queued updates and commands take ceil(n / queue) hypercalls."""
    made, expected = script(), 0
    page = made.user(3)
    for updates, kind, vcpu in runs:
        for _ in range(updates):
            made.entry(page, 9, vcpu=vcpu)
        if kind == "invalidate":
            made.invalidate(page, vcpu)
        elif kind == "base":
            made.base_switch(1, vcpu)
        else:
            back_to_user(made, vcpu)
        expected += -(-(updates + FLUSHES[kind]) // size)

    assert (expected,) == found(made, "update_hypercall", queue=size)


def test_a_full_queue_is_handed_over() -> None:
    """The 2048th update makes a hypercall by itself, one before it none."""
    for updates, hypercalls in ((2047, 0), (2048, 1), (4096, 2)):
        made = script()
        for _ in range(updates):
            made.entry(made.user(3), 9)

        assert (hypercalls, updates) == found(made, "update_hypercall", "entry_validation")


def test_each_vcpu_has_a_queue() -> None:
    """One vCPU's return to user mode leaves the other's updates queued."""
    made = script()
    made.entry(made.user(3), 9, vcpu=0)
    made.entry(made.user(4), 9, vcpu=1)
    back_to_user(made, 0)

    assert (1,) == found(made, "update_hypercall")


def test_a_page_fault_enters_the_monitor_twice() -> None:
    """Once to be delivered to the guest, once to have the new entry installed."""
    made = script()
    page = made.user(3)
    made.exception(Cause.NOT_PRESENT, page, Touch.LOAD)
    made.entry(page, 9)
    back_to_user(made)
    made.row(Kind.LOAD8, page)

    assert (1, 1, 1, 0) == found(made, "fault", "update_hypercall", "entry_validation", "pending_fault")


def test_an_access_to_a_queued_page_flushes() -> None:
    """The kernel touches a page whose update waits: it faults, the queue is flushed, the next access is no such."""
    made = script()
    page = made.user(3)
    made.entry(page, 9)
    made.row(Kind.LOAD8, made.direct(1), mode=Mode.KERNEL)
    made.row(Kind.LOAD8, page, mode=Mode.KERNEL)
    back_to_user(made)
    made.invalidate(page)
    made.row(Kind.LOAD8, page)

    assert (1, 2) == found(made, "pending_fault", "update_hypercall")


def test_an_update_that_was_handed_over_full_is_not_waited_for() -> None:
    """With a queue of one, nothing is ever pending."""
    made = script()
    made.entry(made.user(3), 9)
    made.row(Kind.LOAD8, made.user(3), mode=Mode.KERNEL)

    assert (0, 1) == found(made, "pending_fault", "update_hypercall", queue=1)


def pinned(policy: str) -> tuple[int, ...]:
    """Pins, entries validated with them and by themselves; the table is filled before and after its base switch."""
    made = script()
    made.row(Kind.TABLE_ALLOC, TABLE, mode=Mode.KERNEL)
    made.entry(made.user(1), 9, table=TABLE)
    made.row(Kind.TABLE_LINK, TABLE, mode=Mode.KERNEL, payload=(0, 1))
    made.entry(made.user(2), 9, table=TABLE)
    made.entry(made.user(3), 9, table=TABLE, bits=0)
    made.base_switch(1)
    made.entry(made.user(4), 9, table=TABLE)
    return found(made, "table_pin", "pinned_entry", "entry_validation", pin=policy)


def test_a_table_is_pinned_when_it_is_linked() -> None:
    """What it held then is validated at once, later stores one by one; its kernel mapping is one update."""
    assert (1, 1, 1 + 3) == pinned("link")


def test_a_table_is_pinned_when_its_space_is_first_used() -> None:
    """Stores to it are free until its space becomes current; the two valid entries are validated then."""
    assert (1, 2, 1 + 1) == pinned("switch")


def test_only_the_space_that_becomes_current_is_pinned() -> None:
    """A base switch pins every table of its space that waits, and no other space's."""
    made = script()
    for frame, space in ((70, 1), (71, 2), (72, 1), (73, 2)):
        table(made, frame, space)
    made.base_switch(1)

    assert (2,) == found(made, "table_pin", pin="switch")


def test_a_freed_table_is_unpinned() -> None:
    """A pinned table that is freed is unpinned and its valid entries released; one never pinned costs nothing."""
    made = script()
    table(made)
    for vpn in range(5):
        made.entry(made.user(vpn), 9, table=TABLE)
    made.entry(made.user(0), 9, table=TABLE, old=9 << 12 | ENTRY_VALID, bits=0)
    made.row(Kind.TABLE_FREE, TABLE, mode=Mode.KERNEL)
    made.row(Kind.TABLE_FREE, TABLE, mode=Mode.KERNEL)

    assert (1, 4) == found(made, "table_unpin", "unpinned_entry")
    assert (0, 0) == found(made, "table_unpin", "unpinned_entry", pin="switch")


def test_a_table_that_is_freed_before_its_space_is_used_is_not_pinned() -> None:
    """Freed while it waits, and allocated anew: only the frame's last life is pinned."""
    made = script()
    table(made)
    made.row(Kind.TABLE_FREE, TABLE, mode=Mode.KERNEL)
    table(made, space=2)
    made.base_switch(1)
    made.base_switch(2)

    assert (1, 2) == found(made, "table_pin", "base_switch", pin="switch")


def system_call() -> Script:
    """A system call that touches a user and a kernel page before, in and after it."""
    made = script()
    user, kernel = made.user(3), made.direct(5)
    made.row(Kind.LOAD8, user)
    for _ in range(3):
        made.exception(Cause.SYSCALL)
        made.row(Kind.LOAD8, kernel, mode=Mode.KERNEL)
        made.row(Kind.LOAD8, user, mode=Mode.KERNEL)
        back_to_user(made)
    return made


def test_the_fast_handler_bypasses_the_monitor() -> None:
    """A system call of the 32-bit ABI makes no hypercall and loses no TLB entry."""
    names = ("system_call", "bounced_system_call", "iret_hypercall", "root_switch", "update_hypercall", "page_walk")

    assert (3, 0, 0, 0, 0, 2) == found(system_call(), *names)


def test_system_calls_of_the_later_abi_bounce() -> None:
    """Each enters the monitor and returns by a hypercall; both change the root, after which kernel pages miss."""
    names = ("system_call", "bounced_system_call", "iret_hypercall", "root_switch", "update_hypercall", "page_walk")

    assert (0, 3, 3, 6, 0, 1 + 3) == found(system_call(), *names, abi="x86-64")


def test_exceptions_within_the_kernel_change_no_root() -> None:
    """An interrupt of the kernel finds the kernel's root loaded, and so does the return to it."""
    made = script()
    made.row(Kind.EXCEPTION, 32, Cause.INTERRUPT, mode=Mode.KERNEL)
    made.row(Kind.RETURN, info=Mode.KERNEL, mode=Mode.KERNEL)

    assert (1, 0, 0) == found(made, "interrupt", "root_switch", "iret_hypercall", abi="x86-64")


def test_a_base_switch_empties_the_tlb() -> None:
    """Kernel pages miss again too: the monitor lets a guest have no global pages; bare hardware keeps them."""
    made = script()
    for _ in range(3):
        made.row(Kind.LOAD8, made.direct(1), mode=Mode.KERNEL)
        made.row(Kind.LOAD8, made.user(1), mode=Mode.KERNEL)
        made.base_switch(1)
    native = count(made.prepared(), models.load("native-walk"), MACHINE)

    assert (6, 3) == found(made, "page_walk", "base_switch")
    assert 1 + 3 == native.total("page_walk")


def test_large_pages_count_as_small_ones() -> None:
    """A guest of Xen has no 2 MB entries: each 4 KB of a region misses by itself."""
    made = script()
    made.entry(made.direct(0), 0, level=1, bits=ENTRY_VALID | LARGE_PAGE)
    for frame in range(8):
        made.row(Kind.LOAD8, made.direct(frame), mode=Mode.KERNEL)

    assert (8,) == found(made, "page_walk")


@pytest.mark.parametrize(
    ("klass", "register", "counter"),
    [
        (Sensitive.CLI, 0, "virtual_mask"),
        (Sensitive.POPF, 0, "virtual_mask"),
        (Sensitive.MOV_FROM_CR, 2, "virtual_register"),
        (Sensitive.MOV_TO_CR, 0, "register_hypercall"),
        (Sensitive.LGDT, 0, "register_hypercall"),
        (Sensitive.WRMSR, 0x100, "register_hypercall"),
        (Sensitive.HLT, 0, "block_hypercall"),
        (Sensitive.RDTSC, 0, "privileged"),
    ],
)
def test_sensitive_instructions_have_counterparts(klass: Sensitive, register: int, counter: str) -> None:
    """The kernel masks interrupts and reads registers in the shared page, asks the monitor, or just runs."""
    made = script()
    made.sensitive(klass, register=register)
    counts = charge(made)
    ticked = {c for c in counts.counters if counts.total(c)} - {"instructions", "kernel_instructions"}

    assert {counter} == ticked


def test_a_base_write_is_counted_once() -> None:
    """A write of CR3 is the base switch that the next row tells of, and no hypercall besides."""
    made = script()
    made.base_switch(1)

    assert (1, 1, 0) == found(made, "base_switch", "update_hypercall", "register_hypercall")


def test_requests_notify_and_ports_do_not() -> None:
    """A request is one notification; what its driver does through ports is done in rings."""
    made = script()
    for _ in range(4):
        made.port(0x1F0, write=True)
    made.row(Kind.REQUEST, 1, mode=Mode.KERNEL, payload=(0, 4096, 5))

    assert (1, 4) == found(made, "request_notification", "ring_access")


def test_a_double_fault_is_delivered_apart() -> None:
    """A fault while another exception is being delivered is counted as what it is."""
    made = script()
    made.exception(Cause.MACHINE_CHECK)

    assert (1, 0) == found(made, "double_fault", "other_exception")


@settings(max_examples=40, deadline=None)
@given(runs=st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=10))
def test_a_larger_queue_never_takes_more_hypercalls(runs: list[tuple[int, bool]]) -> None:
    """Whatever the updates and flush points, hypercalls do not rise with the size of the queue."""
    made = script()
    for updates, invalidated in runs:
        for _ in range(updates):
            made.entry(made.user(3), 9)
        if invalidated:
            made.invalidate(made.user(3))
        else:
            back_to_user(made)
    taken = [found(made, "update_hypercall", queue=size)[0] for size in (1, 2, 3, 8, 64)]

    assert sorted(taken, reverse=True) == taken
