"""Facts of a guest: entries of its kernel by kind, its calls, and what the kernel does outside TLB refills."""

from __future__ import annotations

from replay.facts import facts
from replay.handmade import Script, handmade_meta
from replay.trace.schema import Cause, Kind, Mode, Sensitive, Touch

UTLB_MISS, DEMAND_ZERO, DEVICE_INTERRUPT, WRITE = 2, 3, 8, 34


def enter(script: Script, cause: Cause, service: int, vcpu: int = 0) -> None:
    """An exception that opens ``service``."""
    script.row(Kind.EXCEPTION, info=cause, n=1, vcpu=vcpu)
    script.row(Kind.SERVICE_ENTER, service, vcpu=vcpu, mode=Mode.KERNEL)


def leave(script: Script, vcpu: int = 0) -> None:
    """The return to USER, by a privileged instruction."""
    script.sensitive(Sensitive.ERET, n=0, vcpu=vcpu)
    script.row(Kind.RETURN, info=Mode.USER, vcpu=vcpu, mode=Mode.KERNEL)
    script.row(Kind.SERVICE_EXIT, 0, vcpu=vcpu)


def test_entries_are_told_by_kind_and_calls_by_name() -> None:
    """Calls, interrupts and faults are entries of the kernel; what the recorder's TLB missed is none."""
    script = Script()
    for cause, service in (
        (Cause.SYSCALL, WRITE),
        (Cause.SYSCALL, WRITE),
        (Cause.INTERRUPT, DEVICE_INTERRUPT),
        (Cause.NOT_PRESENT, DEMAND_ZERO),
        (Cause.REFILL, UTLB_MISS),
        (Cause.STALE, UTLB_MISS),
    ):
        enter(script, cause, service)
        leave(script)
    found = facts(script.prepared())

    assert (6, 4) == (found["instructions"], found["entries"])
    assert {"calls": 2, "interrupts": 1, "faults": 1} == found["by_kind"]
    assert {"write": 2} == found["calls"]
    assert 4 == found["privileged"]


def test_what_a_refill_does_is_left_out() -> None:
    """TLB writes of the kernel's services count, those of refill handlers do not; stores to tables all do."""
    script = Script()
    page = script.user(5)
    for cause, service in ((Cause.REFILL, UTLB_MISS), (Cause.NOT_PRESENT, DEMAND_ZERO)):
        script.row(Kind.EXCEPTION, page, cause | Touch.LOAD << 5)
        script.row(Kind.SERVICE_ENTER, service, mode=Mode.KERNEL)
        script.row(Kind.TLB_WRITE, page, mode=Mode.KERNEL, payload=(0, 0))
        script.row(Kind.INVALIDATE_PAGE, page, mode=Mode.KERNEL)
        script.row(Kind.ENTRY, page, mode=Mode.KERNEL, payload=(0, 1, 2))
        leave(script)
    found = facts(script.prepared())

    assert (1, 1, 1, 2) == tuple(found[what] for what in ("entries", "tlb_writes", "invalidations", "table_stores"))


def test_each_vcpu_is_where_it_is() -> None:
    """A row belongs to the service of its own vCPU, whatever another one does."""
    script = Script(handmade_meta(vcpus=2))
    enter(script, Cause.REFILL, UTLB_MISS, vcpu=0)
    enter(script, Cause.SYSCALL, WRITE, vcpu=1)
    leave(script, vcpu=0)
    leave(script, vcpu=1)
    found = facts(script.prepared())

    assert ({"write": 1}, 1, 1) == (found["calls"], found["entries"], found["privileged"])
