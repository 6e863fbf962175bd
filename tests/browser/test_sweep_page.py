"""The page of a sweep in a real browser: its points cost what the sweep says, and follow the sliders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.commands import report
from replay.dataset import open_dataset

from .chromium import complaints, move, opened


@pytest.fixture(scope="module")
def page(swept: Path) -> Path:
    """The page of the sweep."""
    report.report([swept], swept.parent / "sweep.html")
    return swept.parent / "sweep.html"


def points(driver: Any) -> list[dict[str, float]]:
    """What the page has computed of each point."""
    found: list[dict[str, float]] = driver.execute_script("return Page.state.points")
    return found


def test_points_cost_what_the_sweep_says(driver: Any, page: Path, swept: Path) -> None:
    """At the stated prices each point has the cycles of the sweep."""
    opened(driver, page)

    rows = open_dataset(str(swept)).points().to_dicts()
    found = points(driver)
    assert [row["cycles"] for row in rows] == pytest.approx([point["cycles"] for point in found], rel=1e-12)
    assert [row["native"] for row in rows] == pytest.approx([point["native"] for point in found], rel=1e-12)
    assert [] == complaints(driver)


def test_a_price_that_is_an_axis_has_no_slider_and_others_move(driver: Any, page: Path) -> None:
    """Prices that points state are theirs; another one's slider moves every point."""
    opened(driver, page)
    before = points(driver)
    assert [] == driver.find_elements("css selector", "[data-price=monitor_entry]")
    move(driver, "flash-1997", "monitor_exit", 100)

    assert all(new["cycles"] > old["cycles"] for new, old in zip(points(driver), before, strict=True))


def test_curves_follow_the_choice_of_axes(driver: Any, page: Path) -> None:
    """The chart has a curve for each value of the second axis; with axes exchanged, for each of the first."""
    opened(driver, page)
    shown = "return [...Page.state.views].find(([e]) => e.dataset.chart === 'curves')[1].data('curves')"
    assert {"42", "120"} == {row["series"] for row in driver.execute_script(shown)}

    driver.execute_async_script(
        "const x = document.getElementById('sweep-x');"
        "x.value = 'price.monitor_entry'; x.dispatchEvent(new Event('change')); Page.settled().then(arguments[0]);"
    )
    assert {"8", "16", "32", "64"} == {row["series"] for row in driver.execute_script(shown)}


def shown(driver: Any, chart: str) -> list[dict[str, Any]]:
    """The data of one of the page's charts."""
    found: list[dict[str, Any]] = driver.execute_script(
        "return [...Page.state.views].find(([e]) => e.dataset.chart === arguments[0])[1].data(arguments[0])", chart
    )
    return found


def test_bounds_are_the_sweep_s_until_a_price_is_moved(driver: Any, page: Path, swept: Path) -> None:
    """A curve's band has the bounds of the sweep; a price that is moved is exact, so that the band gets narrower."""
    opened(driver, page)
    rows = open_dataset(str(swept)).points().to_dicts()
    expected = {(row["overhead_low"], row["overhead_high"]) for row in rows}
    before = shown(driver, "curves")
    assert expected == {(row["low"], row["high"]) for row in before}
    move(driver, "flash-1997", "stall.other", 1.0)
    move(driver, "flash-1997", "tlb_write", 632)

    widths = [sum(row["high"] - row["low"] for row in rows) for rows in (before, shown(driver, "curves"))]
    assert widths[0] > widths[1] > 0
    assert [] == [row for row in shown(driver, "curves") if not row["low"] <= row["overhead"] <= row["high"]]


def test_bars_of_a_sweep_add_up_to_its_curve(driver: Any, page: Path) -> None:
    """The mechanisms of each point are as long together as its overhead, and without idle time shorter."""
    opened(driver, page)
    chosen = {row["point"]: row["overhead"] for row in shown(driver, "curves") if row["series"] == "42"}
    driver.execute_async_script(
        "const one = document.querySelector('[data-filter=\"1\"] select');"
        "one.value = '0'; one.dispatchEvent(new Event('change')); Page.settled().then(arguments[0]);"
    )
    bars: dict[str, float] = {}
    for row in shown(driver, "stack"):
        bars[row["point"]] = bars.get(row["point"], 0) + row["share"]
    assert chosen == pytest.approx(bars)
    driver.execute_async_script("document.getElementById('sweep-waits').click(); Page.settled().then(arguments[0]);")

    assert "idle" not in {row["mechanism"] for row in shown(driver, "stack")}
    assert [] == complaints(driver)
