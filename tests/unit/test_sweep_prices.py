"""Many prices at once give what one at a time does, to the last cycle."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import models
from replay.count import Counts, count
from replay.errors import UserError
from replay.handmade import Script, handmade_meta
from replay.idle import steps_of, wait
from replay.machine import load_machine
from replay.price import price
from replay.reprice import PricePoints, reprice
from replay.tariff import of_document, tariff_of, to_document
from replay.trace.schema import REQUEST_WRITE, Cause, Kind, Touch, Wake
from replay.uncertainty import sensitivity
from replay.waiting import LANES, add_rounded, make_lanes, wait_lanes


def guest_by_chance(seed: int, vcpus: int) -> Script:
    """Work, faults, requests and rests on each vCPU, in any order."""
    chance, script = random.Random(seed), Script(handmade_meta(vcpus=vcpus))
    pages = [script.user(n) for n in range(40)]
    waiting: list[tuple[int, int]] = []
    for number in range(1, 160):
        vcpu = chance.randrange(vcpus)
        act = chance.randrange(5)
        if act == 0:
            script.row(Kind.REQUEST, number, REQUEST_WRITE, vcpu=vcpu, payload=(7, 4096, 1, 0))
            waiting.append((number, vcpu))
        elif act == 1 and waiting:
            done, where = waiting.pop(chance.randrange(len(waiting)))
            script.row(Kind.IDLE, chance.randrange(1, 900), Wake.DEVICE, vcpu=where, payload=(9999,))
            script.row(Kind.COMPLETE, done, vcpu=where, payload=(chance.randrange(1, 2000),))
        elif act == 2:
            script.row(Kind.IDLE, chance.randrange(1, 900), Wake.TIMER, vcpu=vcpu, payload=(900,))
        elif act == 3:
            script.exception(Cause.NOT_PRESENT, chance.choice(pages), Touch.LOAD, vcpu)
        else:
            for _ in range(chance.randrange(1, 30)):
                script.row(Kind.LOAD8, chance.choice(pages), n=chance.randrange(1, 9), vcpu=vcpu)
    return script


def sides(name: str, seed: int, vcpus: int) -> tuple[Any, Any, Any]:
    """A model's counts of a guest by chance with its tariff, bare hardware's, and the machine."""
    prepared, model = guest_by_chance(seed, vcpus).prepared(), models.load(name)
    bare, machine = models.load(model.baseline), load_machine(model.machine["mips64"])
    charged: list[tuple[Counts, Any]] = [(count(prepared, m, machine), tariff_of(m)) for m in (model, bare)]
    return charged[0], charged[1], machine


@pytest.mark.parametrize("vcpus", [1, 3])
@pytest.mark.parametrize("name", ["disco", "ept", "native"])
def test_every_lane_is_what_one_run_gives(name: str, vcpus: int) -> None:
    """Totals with bounds, idle time and cycles by counter are those of ``price`` at each choice of prices."""
    chance = random.Random(name)
    ours, bare, machine = sides(name, vcpus, vcpus)
    names = tuple(sorted(chance.sample(sorted(machine.prices), 6)))
    values = [[round(chance.uniform(0, 3) * machine.prices[n].value, 1) for n in names] for _ in range(LANES + 7)]
    points = PricePoints(names, np.array(values))

    found = reprice(ours, bare, machine, points)

    for lane in range(0, points.size, 5):
        document = price(*ours, machine, points.given(lane), bare)
        by_counter: dict[str, int] = {}
        for row in document["rows"]:
            by_counter[row["counter"]] = by_counter.get(row["counter"], 0) + row["cycles"]
        assert document["total"] == {key: found.totals[key][lane] for key in document["total"]}
        assert document["idle"]["recomputed"] == found.totals["idle"][lane]
        assert document["idle"]["native"] == found.totals["native_idle"][lane]
        assert by_counter == dict(zip(found.ours.counters, found.ours.cycles[0, :, lane].tolist(), strict=True))


def test_lanes_wait_as_one_does() -> None:
    """The compiled loop over many lanes gives the very floats of the loop over one."""
    counts = sides("native", 5, 2)[0][0]
    moments, chance = counts.timeline.moments, np.random.default_rng(1)
    steps, lanes = steps_of(moments), LANES + 3
    fixed, amounts, prices = (
        chance.random(moments.row.size),
        chance.random((moments.row.size, 2)),
        chance.random((2, lanes)),
    )
    idle = np.zeros(lanes)
    for first in range(0, lanes, LANES):
        end = min(lanes, first + LANES)
        wait_lanes(*steps[:4], fixed, amounts, prices, 0.3, *make_lanes(2, steps.slots), idle, first, end)

    alone = [
        wait(steps, ((fixed + amounts[:, 0] * prices[0, lane]) + amounts[:, 1] * prices[1, lane]) / 0.3)
        for lane in range(lanes)
    ]

    assert alone == idle.tolist()
    assert max(alone) > 0


def test_products_are_rounded_exactly() -> None:
    """Sums of rounded products are those of exact fractions, halves and what a float takes for halves included."""
    chance = random.Random(3)
    costs = [0.5, 1.5, 2.5, 0.1, 1 / 3, 12.125, 0.7, *(n / 2 + chance.uniform(-1, 1) * 1e-16 for n in range(1, 200))]
    n = np.array([[chance.randrange(1 << bits)] for bits in range(1, 36)])
    total = np.zeros(len(costs), np.int64)

    large = add_rounded(n, np.array(costs), total)

    assert 0 == large
    assert [sum(round(int(k) * Fraction(cost)) for k in n[:, 0]) for cost in costs] == total.tolist()


def test_sums_that_do_not_fit_are_refused() -> None:
    """A price that makes more cycles than 64 bits hold is refused, not wrapped around."""
    ours, bare, machine = sides("disco", 2, 1)

    with pytest.raises(UserError, match="more cycles than a sweep can add up"):
        reprice(ours, bare, machine, PricePoints(("cpi",), np.array([[1e15]])))


@pytest.mark.parametrize("name", sorted(models.BUILT_IN))
def test_tariffs_survive_being_written(name: str) -> None:
    """What is kept of a model is read back equal, and prices counts as the model does."""
    tariff = tariff_of(models.load(name))

    assert tariff == of_document(to_document(tariff))
    assert models.load(name).priced == tariff.priced


def test_the_dearest_uncertainty_comes_first() -> None:
    """Prices come by their total index; one alone at its bounds gives what a run at that price does."""
    ours, bare, machine = sides("disco", 4, 1)
    document = sensitivity(ours, bare, machine, samples=64)
    totals = [line["total_order"] for line in document["prices"]]
    line = document["prices"][0]
    alone = [
        price(*ours, machine, {line["price"]: line[bound]}, bare)["total"]["overhead"] for bound in ("low", "high")
    ]

    assert sorted(totals, reverse=True) == totals
    assert alone == [line["overhead_at_low"], line["overhead_at_high"]]
    assert document["sampled"]["low"] <= document["sampled"]["median"] <= document["sampled"]["high"]
    assert price(*ours, machine, {}, bare)["total"]["overhead"] == document["overhead"]


def test_exact_prices_leave_nothing_to_attribute() -> None:
    """Where the user states every price, there is no uncertainty to speak of, and that is said."""
    ours, bare, machine = sides("disco", 4, 1)

    with pytest.raises(UserError, match="nothing can be attributed"):
        sensitivity(ours, bare, machine, {name: record.value for name, record in machine.prices.items()})
    with pytest.raises(UserError, match="samples = 100 is no power of two"):
        sensitivity(ours, bare, machine, samples=100)
