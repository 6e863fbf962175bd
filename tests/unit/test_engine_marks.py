"""Regions that a workload marks: what is booked to them, how they nest, and that telling them apart changes nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest

import models
from replay import document as results
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.marks import split
from replay.places import named
from replay.trace.meta import TraceMeta
from replay.trace.schema import Kind
from reports.marks import marks_table

UTLB_MISS, DEMAND_ZERO, WRITE = 2, 3, 34
THREADS, MARKS = 5, 3


def meta(vcpus: int = 1) -> TraceMeta:
    """Metadata that names two marks of three."""
    made = handmade_meta(vcpus)
    return type(made)(**{**vars(made), "marks": ((1, "outer"), (2, "inner"))})


def charge(script: Script, model: str = "native") -> Counts:
    """The counts of ``script`` by regions under a model."""
    return count(split(script.prepared()), models.load(model), load_machine("flash-1997"))


def by_region(counts: Counts, counter: str = "instructions") -> dict[str, int]:
    """Region -> how often ``counter`` ticked there."""
    found: dict[str, int] = {}
    column = counts.by_place()[:, counts.counters.index(counter)].tolist()
    for place, n in zip(counts.places, column, strict=True):
        name = counts.regions[place.region].name
        found[name] = found.get(name, 0) + n
    return {name: n for name, n in found.items() if n}


def test_a_row_belongs_to_the_innermost_region() -> None:
    """Regions nest, an inner one that is left open ends with the outer one, and an end without a begin is nothing."""
    script = Script(meta())
    script.row(Kind.MARK_END, 2, n=1)
    script.row(Kind.MARK_BEGIN, 1, n=2)
    script.row(Kind.MARK_BEGIN, 2, n=4)
    script.row(Kind.MARK_END, 2, n=8)
    script.row(Kind.MARK_BEGIN, 3, n=16)
    script.row(Kind.MARK_END, 1, n=32)
    script.row(Kind.END, n=64)
    counts = charge(script)

    assert {"": 3 + 64, "outer": 4 + 16, "outer > inner": 8, "outer > mark 3": 32} == by_region(counts)
    assert [("outer", 1), ("outer > inner", 1), ("outer > mark 3", 1)] == [
        (region.name, region.begun) for region in counts.regions[1:]
    ]


def test_a_region_is_its_thread_s() -> None:
    """Other threads are not in a region but those made within it, and it goes on with its thread on another vCPU."""
    script = Script(meta(vcpus=2))
    script.row(Kind.MARK_BEGIN, 1)
    script.row(Kind.THREAD_SPACE, 7, 1, n=1)
    script.row(Kind.THREAD_SWITCH, 8, 0, n=2)
    script.row(Kind.SERVICE_EXIT, 0)
    script.row(Kind.THREAD_SWITCH, 7, 8, n=4)
    script.row(Kind.SERVICE_EXIT, 0)
    script.row(Kind.MARK_BEGIN, 2, n=8)
    script.row(Kind.MARK_END, 1, n=16)
    script.row(Kind.END, n=32)
    script.row(Kind.THREAD_SWITCH, 0, 9, n=64, vcpu=1)
    script.row(Kind.SERVICE_EXIT, 0, vcpu=1)
    script.row(Kind.END, n=100, vcpu=1)

    assert {"": 4 + 32 + 64, "outer": 1 + 2 + 8 + 100, "outer > inner": 16} == by_region(charge(script))


def test_misses_are_booked_to_the_refill_service_of_their_region() -> None:
    """A TLB miss within a region is the refill service's there, and outside it the refill service's outside."""
    script = Script(meta())
    script.row(Kind.LOAD8, script.user(10))  # the handler misses for the page table as well, and starts again
    script.row(Kind.MARK_BEGIN, 1)
    for vpn in (20, 30, 40):
        script.row(Kind.LOAD8, script.user(vpn))
    counts = charge(script)
    column = counts.by_place()[:, counts.counters.index("utlb_refill")].tolist()
    where = [(p.service, counts.regions[p.region].name) for p, n in zip(counts.places, column, strict=True) if n]

    assert {"": 2, "outer": 3} == by_region(counts, "utlb_refill")
    assert [("UTLB_MISS", ""), ("UTLB_MISS", "outer")] == where


class Guest:
    """A guest with threads on two vCPUs that writes rows and keeps its own account of what each instruction is in."""

    def __init__(self, seed: int) -> None:
        self.chance, self.script = random.Random(seed), Script(meta(vcpus=2))
        self.running = [0, 1]
        self.open: dict[int, tuple[int, ...]] = dict.fromkeys(range(THREADS), ())
        self.service = dict.fromkeys(range(THREADS), 0)
        self.truth: dict[tuple[tuple[int, ...], int], int] = {}
        self.script.row(Kind.THREAD_SWITCH, 1, 0, vcpu=1)
        self.script.row(Kind.SERVICE_EXIT, 0, vcpu=1)

    def step(self) -> None:
        """One row of a kind chosen at random, with what retired before it."""
        vcpu, n = self.chance.randrange(2), self.chance.randrange(20)
        thread = self.running[vcpu]
        key = (self.open[thread], self.service[thread])
        self.truth[key] = self.truth.get(key, 0) + n
        self.chance.choice([self.begin, self.end, self.enter, self.leave, self.switch])(vcpu, thread, n)

    def begin(self, vcpu: int, thread: int, n: int) -> None:
        mark = 1 + self.chance.randrange(MARKS)
        if len(self.open[thread]) < 3:
            self.open[thread] += (mark,)
            self.script.row(Kind.MARK_BEGIN, mark, n=n, vcpu=vcpu)
        else:
            self.end(vcpu, thread, n)

    def end(self, vcpu: int, thread: int, n: int) -> None:
        mark, marks = 1 + self.chance.randrange(MARKS), self.open[thread]
        if mark in marks:
            self.open[thread] = marks[: len(marks) - 1 - marks[::-1].index(mark)]
        self.script.row(Kind.MARK_END, mark, n=n, vcpu=vcpu)

    def enter(self, vcpu: int, thread: int, n: int) -> None:
        if self.service[thread] == 0:
            self.service[thread] = WRITE
            self.script.row(Kind.SERVICE_ENTER, WRITE, n=n, vcpu=vcpu)
        else:
            self.leave(vcpu, thread, n)

    def leave(self, vcpu: int, thread: int, n: int) -> None:
        self.service[thread] = 0
        self.script.row(Kind.SERVICE_EXIT, 0, n=n, vcpu=vcpu)

    def switch(self, vcpu: int, thread: int, n: int) -> None:
        after = self.chance.choice([t for t in range(THREADS) if t not in self.running])
        self.running[vcpu] = after
        self.script.row(Kind.THREAD_SWITCH, after, thread, n=n, vcpu=vcpu)
        self.script.row(Kind.SERVICE_EXIT, self.service[after], vcpu=vcpu)


@pytest.mark.parametrize("seed", range(20))
def test_instructions_by_region_and_service_equal_the_guest_s_account(seed: int) -> None:
    """Over marks, services and threads that move between vCPUs, each instruction is where the guest says it was."""
    guest = Guest(seed)
    for _ in range(500):
        guest.step()
    counts = charge(guest.script)
    names = {1: "outer", 2: "inner", 3: "mark 3", 0: "USER", WRITE: "write"}
    truth = {
        (" > ".join(names[mark] for mark in marks), names[service]): n
        for (marks, service), n in guest.truth.items()
        if n
    }
    column = counts.by_place()[:, counts.counters.index("instructions")].tolist()
    found = {
        (counts.regions[place.region].name, place.service): n
        for place, n in zip(counts.places, column, strict=True)
        if n
    }

    assert truth == found


@pytest.mark.parametrize("model", ["native", "disco"])
def test_regions_add_up_to_the_whole(model: str) -> None:
    """What all regions and the rest were counted is, place by place and counter by counter, what the whole was."""
    guest = Guest(99)
    for step in range(400):
        guest.step()
        guest.script.row(Kind.LOAD8, guest.script.user(step * 7 % 150), vcpu=step % 2)
    whole = guest.script.prepared()
    counts = count(whole, models.load(model), load_machine("flash-1997"))
    told = charge(guest.script, model)
    places = [(place.service, place.work) for place in named(whole.places, whole.meta)]
    summed = np.zeros_like(counts.n)
    for at, place in enumerate(told.places):
        summed[:, places.index((place.service, place.work))] += told.n[:, at]

    assert (counts.n == summed).all()
    assert counts.total("references") == 400


def test_the_table_of_marks_holds_what_lies_within() -> None:
    """A mark's row has its regions' number and their cycles with those of marks inside, each by one region."""
    script = Script(meta())
    for _ in range(2):
        script.row(Kind.MARK_BEGIN, 1)
        script.row(Kind.MARK_BEGIN, 2, n=100)
        script.row(Kind.MARK_END, 2, n=50)
        script.row(Kind.MARK_END, 1, n=10)
    native = models.load("native")
    document, _ = results.run(split(script.prepared()), native, native, load_machine("flash-1997"))
    outer, inner = marks_table(document)["marks"]
    cycles = {row["region"]: row["cycles"] for row in document["rows"]}

    assert ("outer", 2, cycles["outer"] + cycles["outer > inner"]) == (outer["mark"], outer["regions"], outer["cycles"])
    assert ("inner", 2, cycles["outer > inner"]) == (inner["mark"], inner["regions"], inner["cycles"])
    assert 50 == inner["mechanisms"]["direct execution"]["events"]
    assert 1.0 == outer["slowdown"]
