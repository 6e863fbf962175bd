"""Idle time equals what a slow walk over the device rows gives, in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import takewhile
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from replay.count import count, settle
from replay.idle import NO_REQUESTS
from replay.machine import load_machine
from replay.model import Model
from replay.price import charge
from replay.primitives import primitives
from replay.trace.schema import ServiceClass

from .test_models_equal_twins import RELAXED, chosen, geometry, make_trace, op, software

SEND, RECEIVE, REQUEST, COMPLETE, PACKET, IDLE = 62, 63, 72, 73, 78, 79


def busy(model: Model, spent: dict[tuple[str, str], int], prices: dict[str, Fraction]) -> Fraction:
    """Device-time units that a vCPU was busy for, from all that it counted."""
    return sum(
        (
            n * sum(Fraction(times) * prices[name] for name, times in model.costs[c].names(ServiceClass[k]).items())
            for (k, c), n in spent.items()
            if c != "idle"
        ),
        Fraction(0),
    )


def next_device(moments: list[Any], cpu: int) -> int | None:
    """The kind of the next row of a device, or of a wait, on ``cpu``."""
    return next((m[1] for m in moments if m[0] == cpu and m[1] in (REQUEST, COMPLETE, PACKET, IDLE)), None)


def slow_wait(model: Model, moments: list[Any], prices: dict[str, Fraction]) -> Fraction:
    """Walk the moments: each vCPU's clock is what it was busy for and what it waited."""
    waited = {moment[0]: Fraction(0) for moment in moments}
    open_requests: list[dict[str, Any]] = []
    sent: dict[int, Fraction] = {}
    for place, (cpu, kind, wake, page, payload, recorded, spent) in enumerate(moments):
        now = waited[cpu] + busy(model, spent, prices) / prices["device_unit"]
        later = [m[1] for m in moments[place + 1 :] if m[1] in (REQUEST, COMPLETE) and m[3] == page]
        if kind == REQUEST and later[:1] == [COMPLETE]:
            open_requests.append({"id": page, "made": now, "recorded": recorded})
        elif kind == COMPLETE:
            mine = [r for r in open_requests if r["id"] == page]
            open_requests = [r for r in open_requests if r["id"] != page]
            until = mine[0]["made"] + payload[0] if mine else now
            waited[cpu] += max(Fraction(0), until - now)
        elif kind == SEND:
            sent[page] = now
        elif kind == IDLE and (wake != 1 or next_device(moments[place + 1 :], cpu) == PACKET):
            until = now + page
            calls = (m for m in moments[place + 1 :] if m[0] == cpu and m[1] != PACKET)
            following = takewhile(lambda m: m[1] == RECEIVE, calls)
            call = min((m[3] for m in following), default=None) if wake == 2 else None
            if call in sent:
                until = sent.pop(call)
            elif open_requests:
                oldest = open_requests[0]
                until = oldest["made"] + recorded - oldest["recorded"]
            waited[cpu] += max(Fraction(0), until - now)
    return sum(waited.values(), Fraction(0))


@pytest.mark.parametrize("name", ["disco", "ept", "native", "native-walk", "npt"])
@RELAXED
@given(ops=st.lists(op, min_size=1, max_size=80), repeat=st.integers(1, 3), hardware=geometry, monitor=software)
def test_idle_equals_the_slow_walk(
    name: str, naive: SimpleNamespace, ops: Any, repeat: int, hardware: Any, monitor: Any
) -> None:
    """At every bound of the prices the idle time is the twin's, to the unit, whatever the order of device rows."""
    prepared, model = make_trace(ops, repeat), models.load(name)
    machine = load_machine(model.machine["mips64"])
    given_settings = chosen(name, hardware, monitor)
    twin = naive.models[name](prepared, settle(model, machine, prepared.meta, given_settings))
    twin.run()
    prices = primitives(machine, prepared.meta)
    counts = count(prepared, model, machine, given_settings)

    found = charge(counts, model, prices).idle

    if counts.timeline.moments.reason:
        assert NO_REQUESTS == counts.timeline.moments.reason
        assert {counts.total("idle")} == set(found)
    else:
        for field, actual in zip(("value", "low", "high"), found[:3], strict=True):
            exact = slow_wait(model, twin.moments, {n: Fraction(getattr(r, field)) for n, r in prices.items()})
            assert abs(exact - actual) <= Fraction(51, 100)
