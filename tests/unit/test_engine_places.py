"""What is booked where: services, work within them, exceptions and refills, and how often each was invoked."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import models
from replay import document as results
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.places import DEPTH
from replay.trace.schema import FOUND_TO_BE, Cause, Kind, ServiceClass, Touch

UTLB_MISS, DEMAND_ZERO, DEVICE_INTERRUPT, IDLE, PAGE_ZERO, TABLE_UPDATE, DISK, WRITE = 2, 3, 8, 9, 10, 13, 15, 34
MODELS = sorted(models.BUILT_IN)


def charge(script: Script, name: str = "native") -> Counts:
    """The counts of ``script`` under the model ``name``."""
    return count(script.prepared(), models.load(name), load_machine("flash-1997"))


def ticks(counts: Counts, counter: str) -> dict[tuple[str, str], int]:
    """(service, work) -> how often ``counter`` ticked there."""
    column = counts.by_place()[:, counts.counters.index(counter)].tolist()
    return {(place.service, place.work): n for place, n in zip(counts.places, column, strict=True) if n}


def enter(script: Script, *services: int) -> None:
    """Enter each service within the one before, the first at once."""
    for step, service in enumerate(services):
        script.row(Kind.SERVICE_ENTER, service, n=min(step, 1))


@pytest.mark.parametrize(
    ("services", "place"),
    [
        ((DEMAND_ZERO, PAGE_ZERO), ("DEMAND_ZERO", "PAGE_ZERO")),
        ((DEMAND_ZERO, TABLE_UPDATE, PAGE_ZERO), ("DEMAND_ZERO", "PAGE_ZERO")),
        ((DEMAND_ZERO, DEVICE_INTERRUPT, DISK), ("DEVICE_INTERRUPT", "DISK")),
        ((DEMAND_ZERO, PAGE_ZERO, DEVICE_INTERRUPT), ("DEVICE_INTERRUPT", "")),
        ((TABLE_UPDATE,), ("TABLE_UPDATE", "")),
        ((TABLE_UPDATE, PAGE_ZERO), ("TABLE_UPDATE", "PAGE_ZERO")),
        ((IDLE, DISK), ("DISK", "")),
    ],
)
def test_work_is_booked_to_whom_it_is_done_for(services: tuple[int, ...], place: tuple[str, str]) -> None:
    """Work within a service belongs to that one; in USER or while idle it is on its own; no other service is work."""
    script = Script()
    enter(script, *services)
    script.row(Kind.MARK_BEGIN, n=100)
    counts = charge(script)

    running = {key for key, n in ticks(counts, "instructions").items() if n >= 100}

    assert {place} == running


def test_a_service_named_late_is_booked_to_that_name_from_its_beginning() -> None:
    """What an exception opened, with the work done in it, is the service that it turns out to be; others stay."""
    script = Script()
    for found in (False, True):
        script.exception(Cause.NOT_PRESENT, script.user(1), Touch.LOAD)
        enter(script, DEMAND_ZERO)
        script.row(Kind.SERVICE_ENTER, TABLE_UPDATE, n=10)
        script.row(Kind.SERVICE_EXIT, DEMAND_ZERO, n=1)
        if found:
            script.row(Kind.SERVICE_ENTER, WRITE, FOUND_TO_BE, n=100)
        script.row(Kind.RETURN, n=3)
        script.row(Kind.SERVICE_EXIT, 0)
    counts = charge(script)

    instructions = {
        ("DEMAND_ZERO", ""): 13,
        ("DEMAND_ZERO", "TABLE_UPDATE"): 1,
        ("write", ""): 113,
        ("write", "TABLE_UPDATE"): 1,
    }
    assert instructions == ticks(counts, "instructions")
    assert (1, 1) == (counts.invocations()["DEMAND_ZERO"], counts.invocations()["write"])
    assert {("DEMAND_ZERO", ""): 1, ("write", ""): 1} == ticks(counts, "fault")


def test_a_service_named_late_is_its_own_vcpu_s() -> None:
    """A service that turns out to be another one changes nothing about the same service on another vCPU."""
    script = Script(handmade_meta(vcpus=2))
    for vcpu in (0, 1):
        script.row(Kind.SERVICE_ENTER, DEMAND_ZERO, vcpu=vcpu)
    script.row(Kind.SERVICE_ENTER, WRITE, FOUND_TO_BE, vcpu=1)
    for vcpu in (0, 1):
        script.row(Kind.MARK_BEGIN, n=10 + vcpu, vcpu=vcpu)
    counts = charge(script)

    assert {("DEMAND_ZERO", ""): 10, ("write", ""): 11} == ticks(counts, "instructions")


def test_work_done_goes_back_to_its_owner() -> None:
    """After the work, and after a refill that interrupted it, rows are booked where they were before."""
    script = Script()
    enter(script, DEMAND_ZERO, TABLE_UPDATE)
    script.exception(Cause.REFILL, script.user(1), Touch.LOAD)
    enter(script, UTLB_MISS)
    script.row(Kind.RETURN)
    script.row(Kind.SERVICE_EXIT, TABLE_UPDATE)
    script.row(Kind.MARK_BEGIN, n=10)
    script.row(Kind.SERVICE_EXIT, DEMAND_ZERO)
    script.row(Kind.MARK_BEGIN, n=20)

    found = ticks(charge(script), "instructions")

    assert {("DEMAND_ZERO", ""): 1 + 20, ("DEMAND_ZERO", "TABLE_UPDATE"): 10} == found


@pytest.mark.parametrize("name", MODELS)
def test_an_exception_is_booked_to_what_it_opens(name: str) -> None:
    """The service that an exception opens holds the exception; what retired before stays with what it interrupted."""
    script = Script()
    script.row(Kind.EXCEPTION, script.user(0), Cause.NOT_PRESENT | Touch.STORE << 5, n=7)
    enter(script, DEMAND_ZERO)
    script.exception(Cause.SYSCALL)
    counts = charge(script, name)

    fault = "true_fault" if "true_fault" in counts.counters else "fault"  # shadow tables have hidden ones besides
    assert {("DEMAND_ZERO", ""): 1} == ticks(counts, fault)
    assert {("DEMAND_ZERO", ""): 1} == ticks(counts, "system_call")
    assert 7 == ticks(counts, "instructions")["USER", ""]


@pytest.mark.parametrize("name", ["native", "disco"])
def test_misses_of_the_model_are_invocations_of_the_refill_service(name: str) -> None:
    """Each miss that software refills is one invocation there, recorded refills are none, all its costs lie there."""
    script = Script()
    enter(script, DEMAND_ZERO)
    for vpn in range(0, 200, 2):
        script.row(Kind.LOAD8, script.user(vpn))
        enter(script, UTLB_MISS)
        script.row(Kind.SERVICE_EXIT, DEMAND_ZERO)
    counts = charge(script, name)
    misses = {"native": ("utlb_refill",), "disco": ("l2tlb_hit", "refill_forwarded", "nested_forwarded")}[name]

    assert {("UTLB_MISS", "")} == set().union(*(ticks(counts, counter) for counter in misses))
    assert 100 <= counts.invocations()["UTLB_MISS"] <= sum(counts.total(counter) for counter in misses)
    assert 1 == counts.invocations()["DEMAND_ZERO"]


def test_invocations_are_entries_not_returns() -> None:
    """A service that goes on after another, or after a thread switch, was invoked once."""
    script = Script()
    enter(script, DEMAND_ZERO, PAGE_ZERO)
    script.row(Kind.SERVICE_EXIT, DEMAND_ZERO)
    script.row(Kind.THREAD_SWITCH, 2, 1)
    script.row(Kind.SERVICE_EXIT, 0)
    enter(script, DEMAND_ZERO)
    script.row(Kind.THREAD_SWITCH, 1, 2)
    script.row(Kind.SERVICE_EXIT, DEMAND_ZERO)
    enter(script, PAGE_ZERO)

    found = ticks(charge(script), "invocations")

    assert {("DEMAND_ZERO", ""): 2, ("DEMAND_ZERO", "PAGE_ZERO"): 2} == found


@pytest.mark.parametrize("name", MODELS)
def test_entries_of_replaced_work_are_counted(name: str) -> None:
    """Zeroing that a monitor does instead of the guest was asked for as often as on bare hardware."""
    script = Script()
    enter(script, DEMAND_ZERO, PAGE_ZERO)
    script.row(Kind.MARK_BEGIN, n=50)

    assert 1 == ticks(charge(script, name), "invocations")["DEMAND_ZERO", "PAGE_ZERO"]


def test_services_nested_beyond_all_bounds_change_no_index() -> None:
    """A trace that opens services without end, or leaves what it never entered, is still counted."""
    script = Script()
    for _ in range(3 * DEPTH):
        enter(script, DEMAND_ZERO, TABLE_UPDATE)
    for service in (DEVICE_INTERRUPT, IDLE, 0, 0):
        script.row(Kind.SERVICE_EXIT, service, n=1)
    script.row(Kind.THREAD_SWITCH, 0xFFFFFFFF, 0xFFFF)
    script.row(Kind.SERVICE_EXIT, PAGE_ZERO)

    assert 3 * DEPTH + 4 == charge(script).total("instructions")


def test_a_trace_without_a_refill_service_is_refused() -> None:
    """A model that books its misses to the refill service says so when the trace has none."""
    prepared = Script().prepared()
    services = tuple(s for s in prepared.meta.services if s.klass != ServiceClass.REFILL)
    changed = prepared._replace(meta=dataclasses.replace(prepared.meta, services=services))

    with pytest.raises(UserError, match="needs the trace's refill service"):
        count(changed, models.load("native"), load_machine("flash-1997"))


def test_documents_hold_both_sides_by_service() -> None:
    """Rows name work, services add up to the total on both sides, and invocations take no cycles."""
    script = Script()
    enter(script, DEMAND_ZERO, PAGE_ZERO)
    script.row(Kind.ZEROED, 5, n=200)
    script.row(Kind.SERVICE_EXIT, DEMAND_ZERO, n=10)
    native = models.load("native")
    document, _ = results.run(script.prepared(), models.load("disco"), native, load_machine("flash-1997"))

    (found,) = [line for line in document["services"] if line["service"] == "DEMAND_ZERO"]

    assert (1, 1) == (found["invocations"], found["native_invocations"])
    assert {"PAGE_ZERO", ""} == {row["work"] for row in document["rows"] if row["service"] == "DEMAND_ZERO"}
    for side, rows, total in (("", "rows", "cycles"), ("native_", "native_rows", "native")):
        cycles: Any = [line[f"{side}cycles"] for line in document["services"]]
        assert document["total"][total] == sum(cycles) == sum(row["cycles"] for row in document[rows])
        assert "invocations" not in {row["counter"] for row in document[rows]}
