"""Native, with the recorder's TLB geometry and seed, takes the recorded refills one for one."""

from __future__ import annotations

import random

import pytest

import models
from models.native import recorded_refills
from replay.count import count
from replay.handmade import WINDOW, Script, handmade_meta
from replay.machine import load_machine
from replay.trace.meta import RecorderTlb
from replay.trace.schema import Arrival, Cause, Kind, Mode, Touch


class Recorder:
    """A vCPU with a random-replacement TLB that records its own refills, in plain Python."""

    def __init__(self, script: Script, vcpu: int = 0) -> None:
        tlb = script.meta.tlb
        assert tlb
        self.script, self.vcpu = script, vcpu
        self.held: list[tuple[int, int] | None] = [None] * tlb.entries
        self.wired, self.x = tlb.wired, ((tlb.seed + vcpu) * 0x9E3779B97F4A7C15 + 1) % 2**64

    def write_random(self, key: tuple[int, int]) -> None:
        self.x ^= self.x << 13 & 2**64 - 1
        self.x ^= self.x >> 7
        self.x ^= self.x << 17 & 2**64 - 1
        self.held[self.wired + (self.x >> 32) % (len(self.held) - self.wired)] = key

    def refill(self, vpn: int, space: int, touch: Touch) -> None:
        """One exception at the refill vector, cut off by a nested one if the table page is not mapped."""
        script, window = self.script, (WINDOW + vpn * 8) >> 12
        script.exception(Cause.REFILL, script.user(vpn, space), touch, self.vcpu)
        script.row(Kind.SERVICE_ENTER, 2, vcpu=self.vcpu, mode=Mode.KERNEL)
        if (space, window >> 1) in self.held:
            script.row(Kind.LOAD8, script.user(window, space), 0, 9, vcpu=self.vcpu, mode=Mode.KERNEL)
            self.write_random((space, vpn >> 1))
        else:
            script.exception(Cause.NESTED_REFILL, script.user(window, space), Touch.LOAD, self.vcpu)
            self.write_random((space, window >> 1))
        script.row(Kind.RETURN, 0, Mode.USER, 1, vcpu=self.vcpu, mode=Mode.KERNEL)
        script.row(Kind.SERVICE_EXIT, 0, vcpu=self.vcpu)

    def step(self, code: int, data: int, space: int) -> None:
        """One instruction of page ``code`` that loads from page ``data``, restarted until it gets through."""
        script = self.script
        while True:
            if (space, code >> 1) not in self.held:
                self.refill(code, space, Touch.FETCH)
                continue
            script.row(Kind.FETCH, script.user(code, space), Arrival.TRAP << 12, 1, vcpu=self.vcpu)
            if (space, data >> 1) in self.held:
                break
            self.refill(data, space, Touch.LOAD)
        script.row(Kind.LOAD8, script.user(data, space), 8, vcpu=self.vcpu)


@pytest.mark.parametrize(("entries", "wired", "vcpus"), [(4, 0, 1), (8, 3, 1), (16, 1, 1), (64, 0, 1), (16, 0, 3)])
def test_native_repeats_the_recorder(entries: int, wired: int, vcpus: int) -> None:
    """Refills and nested refills equal the trace's, each vCPU's its own, and every other geometry differs from it."""
    script = Script(handmade_meta(vcpus, RecorderTlb(entries, True, wired, "random", 5)))
    recorders, chance = [Recorder(script, vcpu) for vcpu in range(vcpus)], random.Random(entries)
    for _ in range(1500):
        chance.choice(recorders).step(
            chance.randrange(6), 0x400 + chance.randrange(1 << chance.randrange(12)) * 3, chance.randrange(1, 3)
        )
    prepared, native, machine = script.prepared(), models.load("native"), load_machine("flash-1997")
    expected = recorded_refills(prepared)

    same = count(prepared, native, machine, {"tlb.entries": entries})
    other = count(prepared, native, machine, {"tlb.entries": entries + 1})

    assert expected == {counter: same.total(counter) for counter in expected}
    assert expected["utlb_refill"] == same.invocations()["UTLB_MISS"]
    assert expected["nested_refill"] > 0
    assert expected != {counter: other.total(counter) for counter in expected}
