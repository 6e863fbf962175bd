"""Idle time recomputed: what a guest waits for a disk depends on how fast it gets there, the disk's time does not."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy as np
import pytest

import models
from replay import idle
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import Machine, load_machine
from replay.price import price
from replay.trace.schema import REQUEST_WRITE, Kind, Wake

CLOCK = 200.0
MODELS = sorted(models.BUILT_IN)


class DiskGuest:
    """A guest at the recording's speed, one instruction in a unit of device time, and a disk that it waits for."""

    def __init__(self) -> None:
        self.script = Script()
        self.page = self.script.kernel(5)
        self.now = self.waited = self.requests = 0
        self.due: list[tuple[int, int, int]] = []  # when, request, units that it takes

    def work(self, instructions: int) -> None:
        """Retire instructions; requests that are done meanwhile interrupt."""
        for _ in range(instructions):
            self.script.row(Kind.LOAD8, self.page, n=1)
            self.now += 1
            self.complete()

    def complete(self) -> None:
        while self.due and min(self.due)[0] <= self.now:
            done = min(self.due)
            self.due.remove(done)
            self.script.row(Kind.COMPLETE, done[1], payload=(done[2],))
            self.script.row(Kind.INTERRUPT, done[1], 2)

    def request(self, units: int) -> None:
        """Ask the disk for something that takes so long."""
        self.requests += 1
        self.script.row(Kind.REQUEST, self.requests, REQUEST_WRITE, payload=(7, 4096, 1, 0))
        self.due.append((self.now + units, self.requests, units))

    def rest(self, timer: int) -> None:
        """Wait for the disk or so long for the timer, whichever is first."""
        first = min(self.due)[0] - self.now if self.due else timer + 1
        units, wake = (first, Wake.DEVICE) if first <= timer else (timer, Wake.TIMER)
        self.script.row(Kind.IDLE, units, wake, payload=(timer,))
        self.now += units
        self.waited += units
        self.complete()

    def listen(self, units: int) -> None:
        """Wait for a packet that comes so late."""
        self.script.row(Kind.IDLE, units, Wake.DEVICE, payload=(units,))
        self.now += units
        self.waited += units
        self.script.row(Kind.PACKET_RECEIVED, 1, 64, payload=(0, 64 << 16))
        self.complete()


def guest_by_chance(seed: int) -> DiskGuest:
    """Work, requests that overlap and rests, in any order."""
    chance, guest = random.Random(seed), DiskGuest()
    for _ in range(60):
        act = chance.randrange(4)
        if act == 0:
            guest.request(chance.randrange(1, 400))
        elif act == 1:
            guest.rest(chance.randrange(1, 300))
        else:
            guest.work(chance.randrange(1, 60))
    while guest.due:
        guest.rest(10_000)
    guest.work(3)
    return guest


def free_machine(name: str = "native") -> Machine:
    """The machine of a model, at the recording's clock; nothing costs anything there but an instruction one cycle."""
    machine = load_machine(models.load(name).machine["mips64"])
    clock = machine.parameters["clock"].given(CLOCK)
    prices = {name: record.given(1 if name == "cpi" else 0) for name, record in machine.prices.items()}
    return dataclasses.replace(machine, parameters=machine.parameters | {"clock": clock}, prices=prices)


def charge(script: Script, name: str, machine: Machine, **prices: float) -> dict[str, Any]:
    """The document of ``script`` under the model ``name``."""
    prepared, model = script.prepared(), models.load(name)
    native = models.load(model.baseline)
    counts = count(prepared, model, machine)
    bare = counts if name == native.name else count(prepared, native, machine)
    return price(counts, model, machine, prices, (bare, native))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", MODELS)
def test_at_the_recording_s_speed_idle_is_as_recorded(name: str, seed: int) -> None:
    """A monitor that costs nothing, at the recording's own speed, waits exactly as long as the recording did."""
    guest = guest_by_chance(seed)

    document = charge(guest.script, name, free_machine(name))

    assert guest.waited > 0
    assert guest.waited == document["idle"]["recorded"] == document["idle"]["recomputed"]
    assert guest.now == document["total"]["cycles"]


@pytest.mark.parametrize("name", MODELS)
def test_waits_for_packets_are_as_long_as_recorded(name: str) -> None:
    """What a guest waits for another machine counts beside what it waits for its disk, and alone."""
    for requests in (0, 3):
        guest = DiskGuest()
        for _ in range(requests):
            guest.request(90)
            guest.work(5)
            guest.rest(1000)
        guest.listen(700)
        guest.work(4)

        document = charge(guest.script, name, free_machine(name))

        assert guest.waited == 700 + requests * 85
        assert guest.waited == document["idle"]["recorded"] == document["idle"]["recomputed"]


@pytest.mark.parametrize("seed", range(6))
def test_slower_guests_wait_less_and_end_later(seed: int) -> None:
    """The dearer a cycle of work, the less is waited in all, and the later the run ends."""
    guest, machine = guest_by_chance(seed), free_machine()
    documents = [charge(guest.script, "native", machine, cpi=cpi) for cpi in (0, 0.5, 1, 1.5, 3, 10)]

    waited = [document["idle"]["recomputed"] for document in documents]
    cycles = [document["total"]["cycles"] for document in documents]

    assert waited == sorted(waited, reverse=True)
    assert cycles == sorted(cycles)
    assert waited[0] > waited[-1]


@pytest.mark.parametrize("seed", range(6))
def test_a_monitor_s_work_hides_in_the_wait_for_the_disk(seed: int) -> None:
    """Disco, slower than bare hardware, never waits longer in all, and adds no more cycles than it spends."""
    guest = guest_by_chance(seed)
    for entry in (100, 1000, 20_000):
        document = charge(guest.script, "disco", load_machine("flash-1997"), monitor_entry=entry)
        busy = {
            side: sum(row["cycles"] for row in document[side] if row["counter"] != "idle")
            for side in ("rows", "native_rows")
        }
        added = document["total"]["cycles"] - document["total"]["native"]

        assert document["idle"]["recomputed"] <= document["idle"]["native"]
        assert 0 <= added <= busy["rows"] - busy["native_rows"] + 1


def known_script() -> Script:
    """Request after 100 instructions, due 5,000 units later; 200 more instructions; wait; 50 instructions."""
    guest = DiskGuest()
    guest.work(100)
    guest.request(5000)
    guest.work(200)
    guest.rest(9000)
    guest.work(50)
    guest.rest(700)
    return guest.script


@pytest.mark.parametrize(
    ("cpi", "waited"),
    [(0, 5000 + 700), (1, 4800 + 700), (2.5, 4500 + 700), (25, 700), (100, 700)],
)
def test_known_waits(cpi: float, waited: int) -> None:
    """What the request still lacks when the work is done is waited; the sleep that follows is as recorded."""
    document = charge(known_script(), "native", free_machine(), cpi=cpi)

    assert waited == document["idle"]["recomputed"]
    assert round(350 * cpi) + waited == document["total"]["cycles"]
    (row,) = [row for row in document["rows"] if row["counter"] == "idle"]
    assert (waited, "IDLE", row["count"] * row["price"]) == (row["count"], row["service"], row["cycles"])


def test_a_sleep_ends_by_the_oldest_request() -> None:
    """A timer that ends a wait after 400 units of the first request does so however late the second was made."""
    guest = DiskGuest()
    guest.request(1000)
    guest.work(100)
    guest.request(1000)
    guest.rest(300)
    guest.work(2000)

    assert 200 == charge(guest.script, "native", free_machine(), cpi=2)["idle"]["recomputed"]


def test_a_faster_guest_waits_longer() -> None:
    """At twice the clock a guest is there sooner: the disk's 5,000 units are as many cycles more."""
    machine = free_machine()
    fast = dataclasses.replace(
        machine, parameters=machine.parameters | {"clock": machine.parameters["clock"].given(400)}
    )
    document = charge(known_script(), "native", fast)

    assert 5000 - 100 + 700 == document["idle"]["recomputed"]
    assert 350 + 2 * (4900 + 700) == document["total"]["cycles"]


def test_requests_without_an_end_wait_for_nothing() -> None:
    """A request that the trace never completes does not turn a sleep into a wait for it."""
    guest = DiskGuest()
    guest.work(10)
    guest.request(10_000)
    guest.rest(300)

    assert 300 == charge(guest.script, "native", free_machine())["idle"]["recomputed"]


def test_each_virtual_cpu_has_its_own_clock() -> None:
    """Work of one vCPU brings another's request no nearer."""
    script = Script(handmade_meta(vcpus=2))
    page = script.kernel(5)
    script.row(Kind.REQUEST, 1, 0, payload=(7, 4096, 1, 0), vcpu=1)
    for _ in range(10):
        script.row(Kind.LOAD8, page, n=100, vcpu=0)
        script.row(Kind.LOAD8, page, n=7, vcpu=1)
    script.row(Kind.IDLE, 430, Wake.DEVICE, vcpu=1)
    script.row(Kind.COMPLETE, 1, payload=(500,), vcpu=1)

    assert 500 - 70 == charge(script, "native", free_machine())["idle"]["recomputed"]


@pytest.mark.parametrize(("cpi", "waited"), [(0.5, 100 - 20), (1, 200 - 40), (10, 2000 - 400)])
def test_a_wait_for_another_vcpu_ends_when_that_one_calls(cpi: float, waited: int) -> None:
    """Of two calls that are received together the first ends the wait: the dearer the caller's work, the longer."""
    script = Script(handmade_meta(vcpus=3))
    page = script.kernel(5)
    script.row(Kind.LOAD8, page, n=40, vcpu=1)
    script.row(Kind.LOAD8, page, n=200, vcpu=0)
    script.row(Kind.IPI_SEND, 1, 1, vcpu=0)
    script.row(Kind.LOAD8, page, n=250, vcpu=2)
    script.row(Kind.IPI_SEND, 2, 1, vcpu=2)
    script.row(Kind.IPI_SEND, 3, 2, vcpu=0)
    script.row(Kind.IDLE, 160, Wake.IPI, vcpu=1)
    script.row(Kind.IPI_RECEIVE, 2, 2, vcpu=1)
    script.row(Kind.IPI_RECEIVE, 1, 0, vcpu=1)
    script.row(Kind.IPI_RECEIVE, 3, 0, vcpu=2)

    assert waited == charge(script, "native", free_machine(), cpi=cpi)["idle"]["recomputed"]


def test_latencies_have_48_bits() -> None:
    """A request that takes longer than 32 bits say is waited for to its end."""
    guest = DiskGuest()
    guest.request(1 << 40)
    guest.now += 1 << 40
    guest.complete()

    assert 1 << 40 == charge(guest.script, "native", free_machine())["idle"]["recomputed"]


def script_without(what: str) -> Script:
    """A trace that lacks latencies, or the requests that it waits for."""
    script = Script()
    script.row(Kind.REQUEST if what == "latencies" else Kind.MARK_BEGIN, 1)
    script.row(Kind.IDLE, 77, Wake.DEVICE)
    script.row(Kind.COMPLETE if what == "latencies" else Kind.MARK_END, 1)
    return script


@pytest.mark.parametrize(
    ("what", "reason"), [("latencies", idle.NO_LATENCY), ("requests", idle.NO_REQUESTS), ("room", idle.TOO_MANY)]
)
def test_otherwise_idle_is_as_recorded_and_said_so(what: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a trace does not allow it nothing is recomputed, the document says why, and the sums still hold."""
    if what == "room":
        monkeypatch.setattr(idle, "MOST_MOMENTS", 3)
    script = known_script() if what == "room" else script_without(what)
    recorded = 4800 + 700 if what == "room" else 77
    document = charge(script, "disco", load_machine("flash-1997"))

    assert {recorded} == {document["idle"][side] for side in ("recorded", "recomputed", "native")}
    assert reason == document["idle"]["as_recorded"]
    assert document["total"]["cycles"] == sum(row["cycles"] for row in document["rows"])


def test_pieces_do_not_change_the_timeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither chunks nor intervals of any length change places, counts or what lies between two device rows."""
    prepared, machine = guest_by_chance(3).script.prepared(), load_machine("flash-1997")
    whole = count(prepared, models.load("disco"), machine)
    for rows in (1, 7, 100):
        monkeypatch.setattr("replay.count.STEP_ROWS", rows)
        found: Counts = count(prepared, models.load("disco"), machine, interval=rows * 3)

        assert np.array_equal(whole.timeline.ticks, found.timeline.ticks)
        assert np.array_equal(whole.n, found.n)
    assert whole.timeline.ticks.shape[0] == whole.timeline.moments.row.size > 40


@pytest.mark.parametrize("seed", range(4))
def test_bounds_hold_whatever_the_prices(seed: int) -> None:
    """Total, idle time and overhead of any prices within their bounds lie within the bounds that were printed."""
    guest, machine, chance = guest_by_chance(seed), load_machine("flash-1997"), random.Random(seed)
    stated = charge(guest.script, "disco", machine)
    total, waited = stated["total"], stated["idle"]
    assert total["overhead_low"] < total["overhead"] < total["overhead_high"]
    for _ in range(25):
        corner = lambda r: chance.choice((r.low, r.high))  # noqa: E731 - one of four ways to pick
        pick = chance.choice([lambda r: r.low, lambda r: r.high, lambda r: chance.uniform(r.low, r.high), corner])
        document = charge(guest.script, "disco", machine, **{n: pick(r) for n, r in machine.prices.items()})
        slack = len(document["rows"])

        assert total["low"] - slack <= document["total"]["cycles"] <= total["high"] + slack
        assert waited["low"] <= document["idle"]["recomputed"] <= waited["high"]
        assert total["overhead_low"] * 0.999 <= document["total"]["overhead"] <= total["overhead_high"] * 1.001


def test_bounds_hold_where_one_vcpu_waits_for_another() -> None:
    """Idle time and overhead stay within their bounds when the work before a request and beside it differ in price."""
    script = Script(handmade_meta(vcpus=2))
    device, page, machine = script.device(), script.kernel(5), load_machine("flash-1997")
    for _ in range(400):
        script.row(Kind.LOAD4, device, n=1, vcpu=0)
    script.row(Kind.REQUEST, 1, 0, payload=(7, 4096, 1, 0), vcpu=0)
    for _ in range(20_000):
        script.row(Kind.LOAD8, page, n=20, vcpu=1)
    script.row(Kind.IDLE, 10, Wake.DEVICE, vcpu=1)
    script.row(Kind.COMPLETE, 1, payload=(100,), vcpu=1)
    stated = charge(script, "disco", machine)
    dear = {name: machine.prices[name].high for name in ("device_emulation", "monitor_entry", "monitor_exit")}
    cheap = {name: machine.prices[name].low for name in ("cpi", "stall.other")}

    found = charge(script, "disco", machine, **dear, **cheap)

    assert found["idle"]["recomputed"] > 200_000
    assert stated["idle"]["low"] <= found["idle"]["recomputed"] <= stated["idle"]["high"]
    assert stated["total"]["overhead_low"] <= found["total"]["overhead"] <= stated["total"]["overhead_high"]


def test_a_run_that_waits_anyway_has_equal_bounds() -> None:
    """Where the disk alone decides when the run ends, no price moves the end, and rounding does not either.

    That takes requests which cost nothing to make.
    """
    guest = DiskGuest()
    for _ in range(20):
        guest.request(100_000)
        guest.work(7)
        guest.rest(200_000)
    free = dict.fromkeys(("monitor_entry", "monitor_exit", "device_request", "dma_translation"), 0.0)
    total = charge(guest.script, "disco", load_machine("flash-1997"), **free)["total"]

    assert total["low"] <= total["cycles"] <= total["high"]
    assert total["high"] - total["low"] <= 100
    assert 20 * 100_000 * 2 == pytest.approx(total["cycles"], abs=100)
