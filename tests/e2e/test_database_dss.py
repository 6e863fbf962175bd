"""database-dss in the guest: its queries find what plain sums over the same rows do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tracegen import build

from .chance import Chance, digest

Boot = Callable[..., Any]
DAYS, YEAR, NATIONS, BRANDS, TOP = 2406, 365, 25, 25, 10


class Item(NamedTuple):
    """A line of an order, with what the order and its customer say of it."""

    order: int
    date: int
    segment: int
    nation: int
    brand: int
    quantity: int
    cents: int
    discount: int
    shipped: int
    group: int

    @property
    def charged(self) -> int:
        """Hundredths of cents that are paid."""
        return self.cents * (100 - self.discount)


def pair(seed: int, first: int, second: int) -> tuple[int, int]:
    """The two properties of a customer, or of a part."""
    chance = Chance(seed)
    return chance.below(first), chance.below(second)


def key(index: int) -> int:
    """Of the row with this number: eight keys of 32 are used."""
    return index // 8 * 32 + index % 8


def items(orders: int) -> Iterator[Item]:
    """Every item of the database."""
    for index in range(orders):
        chance = Chance(3_000_000 + index)
        segment, nation = pair(1_000_000 + chance.below(orders // 10 + 1), 5, NATIONS)
        date, count = chance.below(DAYS), 1 + chance.below(7)
        for _ in range(count):
            brand, _size = pair(2_000_000 + chance.below(orders * 2 // 15 + 1), BRANDS, 50)
            quantity = 1 + chance.below(50)
            cents, discount = quantity * (90_000 + chance.below(110_000)), chance.below(11)
            shipped, flag, status = date + 1 + chance.below(121), chance.below(3), chance.below(2)
            group = flag * 2 + status
            yield Item(key(index), date, segment, nation, brand, quantity, cents, discount, shipped, group)


def answers(of: list[Item], number: int) -> Iterator[int]:
    """The numbers that a round finds, in the guest's order."""
    chance = Chance(number)
    date, segment, discount = 600 + chance.below(DAYS - 1200), chance.below(5), 2 + chance.below(8)
    for group in range(6):
        early = [i for i in of if i.group == group and i.shipped <= date]
        yield from (len(early), sum(i.quantity for i in early), sum(i.charged for i in early))
    within = [i for i in of if date <= i.shipped < date + YEAR and abs(i.discount - discount) <= 1 and i.quantity < 24]
    yield sum(i.cents * i.discount for i in within)
    revenue = Counter[int]()
    for i in of:
        if i.date < date < i.shipped and i.segment == segment:
            revenue[i.order] += i.charged
    best = sorted(revenue.items(), key=lambda found: (-found[1], found[0]))[:TOP]
    for row in best + [(0, 0)] * (TOP - len(best)):
        yield from row
    for nation in range(NATIONS):
        yield sum(i.charged for i in of if i.nation == nation and date <= i.date < date + YEAR)
    for brand in range(BRANDS):
        yield sum(i.quantity for i in of if i.brand == brand and i.shipped > date)


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize(("orders", "rounds", "frames"), [(1, 1, 8), (800, 4, 8), (800, 2, 100)])
def test_queries_find_the_independent_answers(boot_on: Boot, cpu: str, orders: int, rounds: int, frames: int) -> None:
    """Whether or not the pool holds the tables, each round's answers are those of plain sums over all items."""
    run = boot_on(cpu, f"database-dss {orders} {rounds} {frames}")
    made = list(items(orders))
    found = digest(number for turn in range(rounds) for number in answers(made, turn))

    assert (
        f"database-dss: {orders} orders, {len(made)} items, {rounds} rounds, digest {found:#x}, 0 wrong\n"
        == run.console
    )
    assert 0 == run.status
