"""The page of a sweep in a real browser: its points cost what the sweep says, and follow the sliders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.commands import report
from replay.dataset import open_dataset

from .chromium import choose, complaints, move, on_paper, opened


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
    choose(driver, "#sweep-x", "set.tlb.entries")
    choose(driver, "#sweep-series", "price.monitor_entry")
    assert {"42", "120"} == {row["series"] for row in shown(driver, "curves")}

    choose(driver, "#sweep-x", "price.monitor_entry")
    choose(driver, "#sweep-series", "set.tlb.entries")
    assert {"8", "16", "32", "64"} == {row["series"] for row in shown(driver, "curves")}
    choose(driver, "#sweep-series", "")
    assert {""} == {row["series"] for row in shown(driver, "curves")}


def shown(driver: Any, chart: str) -> list[dict[str, Any]]:
    """The data of one of the page's charts."""
    found: list[dict[str, Any]] = driver.execute_script(
        "return [...Page.state.views].find(([e]) => e.dataset.chart === arguments[0])[1].data(arguments[0])", chart
    )
    return found


def test_bounds_are_the_sweep_s_until_a_price_is_moved(driver: Any, page: Path, swept: Path) -> None:
    """A curve's band has the bounds of the sweep; a price that is moved is exact, so that the band gets narrower."""
    opened(driver, page)
    choose(driver, "#sweep-waits", True)
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
    choose(driver, "#sweep-x", "set.tlb.entries")
    choose(driver, "#sweep-series", "price.monitor_entry")
    choose(driver, '[data-filter="1"] select', "0")
    for waits in (True, False):
        choose(driver, "#sweep-waits", waits)
        chosen = {row["point"]: row["overhead"] for row in shown(driver, "curves") if row["series"] == "42"}
        bars: dict[str, float] = {}
        for row in shown(driver, "stack"):
            bars[row["point"]] = bars.get(row["point"], 0) + row["share"]
        assert chosen == pytest.approx(bars, rel=1e-4)
        assert waits == ("idle" in {row["mechanism"] for row in shown(driver, "stack")})
    assert [] == complaints(driver)


def test_without_idle_time_points_are_as_busy_as_runs(driver: Any, page: Path, swept: Path) -> None:
    """What a point says without idle time is the ratio of the cycles of both sides that are not idle."""
    opened(driver, page)

    data = open_dataset(str(swept))
    expected = []
    for row in data.points().to_dicts():
        document = data.document(row["point"])
        sides = [[one for one in document[side] if one["counter"] != "idle"] for side in ("rows", "native_rows")]
        expected.append(sum(one["cycles"] for one in sides[0]) / sum(one["cycles"] for one in sides[1]))
    found = [point["busy"] for point in points(driver)]
    assert expected == pytest.approx([one["overhead"] for one in found], rel=1e-9)
    assert [] == [one for one in found if not one["low"] <= one["overhead"] <= one["high"]]


def test_the_first_view_is_what_moves(driver: Any, page: Path) -> None:
    """A sweep opens along the axis that moves most, without idle time where bare hardware does little else."""
    opened(driver, page)

    assert "price.monitor_entry" == driver.find_element("id", "sweep-x").get_property("value")
    assert "set.tlb.entries" == driver.find_element("id", "sweep-series").get_property("value")
    assert not driver.find_element("id", "sweep-waits").is_selected()
    ends = [row["overhead"] for row in shown(driver, "curves") if row["series"] == "64"]
    assert 2 == len(ends)
    assert ends[0] < ends[1]


@pytest.mark.parametrize(
    ("rows", "along", "series", "curve"),
    [
        ([["a", 1], ["a", 2], ["b", 1], ["b", 2]], 0, 1, ["a", 2]),
        ([["a", None], ["b", 1], ["b", 2], ["b", 9]], 1, 0, ["b", 1]),
        ([["a", 1], ["b", 2], ["c", 9]], 1, 0, None),
    ],
    ids=["names that move most", "numbers that move something", "no two that differ in one"],
)
def test_views_follow_the_data(
    driver: Any, page: Path, rows: list[list[Any]], along: int, series: int, curve: list[Any] | None
) -> None:
    """The first view is along numbers that move something, or what moves most; its curve is the one that moves most."""
    ratios = {"a": {1: 1.0, 2: 0.99, None: 1.0}, "b": {1: 3.0, 2: 3.0, 9: 5.0}, "c": {9: 5.0}}
    opened(driver, page)
    found = driver.execute_script(
        """
        const [rows, ratios] = arguments;
        const values = (at) => [...new Set(rows.map((row) => row[at]))];
        const axes = [0, 1].map((at) => ({ at, isNumbers: at === 1, values: values(at) }));
        const view = Views.first(rows.map((row, at) => ({ point: { at: row }, at })), axes, (at) => ratios[at]);
        return [view.x.at, view.series.at, view.curve && view.curve.at];
        """,
        rows,
        [ratios[name][number] for name, number in rows],
    )
    assert [along, series, curve] == found


CUT = """
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1;
const box = (one) => one.getBoundingClientRect();
const found = [];
for (const chart of document.querySelectorAll(".chart")) {
  const svg = chart.querySelector("svg");
  if (!inside(box(svg), box(document.querySelector("main")))) found.push(`${chart.dataset.chart} is too wide`);
  for (const text of svg.querySelectorAll("text")) {
    if (text.textContent.includes("…") || !inside(box(text), box(svg))) found.push(text.textContent);
  }
}
for (const text of document.querySelectorAll("caption span")) {
  if (!inside(box(text), box(document.querySelector("main")))) found.push(text.textContent);
}
return found;
"""


@pytest.mark.parametrize("width", [360, 414, 1280])
def test_nothing_of_a_chart_is_cut(driver: Any, page: Path, width: int) -> None:
    """On phones and screens, what charts, their legends and tables' captions say is within the page, and whole."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    )
    opened(driver, page)
    named = driver.execute_script(CUT)
    choose(driver, "#sweep-x", "set.tlb.entries")
    choose(driver, "#sweep-waits", True)

    assert [] == named + driver.execute_script(CUT)
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_paper_charts_are_no_wider_than_text(driver: Any, page: Path) -> None:
    """Paper is narrower than a screen, and a chart that was drawn for a screen gets as narrow."""
    opened(driver, page)
    size = {"width": 720, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    with on_paper(driver):
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

        assert [] == driver.execute_script(CUT)
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_curve_s_mark_is_in_the_legend(driver: Any, page: Path) -> None:
    """Curves are told apart by shape, too, and the one legend has each curve once, with its shape and colour."""
    opened(driver, page)
    symbols = driver.execute_script(
        "return [...document.querySelectorAll('[data-chart=curves] .role-legend-symbol path')]"
        ".map((one) => [one.getAttribute('d'), one.getAttribute('fill')])"
    )

    assert [4, 4, 4] == [len(symbols), len({shape for shape, _ in symbols}), len({colour for _, colour in symbols})]


def test_what_cannot_be_drawn_is_said(driver: Any, page: Path) -> None:
    """With any value of another axis there are several points at one place: no bars are stacked on each other then."""
    opened(driver, page)
    choose(driver, "#sweep-series", "")
    choose(driver, '[data-filter="0"] select', "")

    states = dict(
        driver.execute_script(
            "return [...document.querySelectorAll('[data-chart]')]"
            ".map((one) => [one.dataset.chart, one.offsetParent === null])"
        )
    )
    assert [False, True, True] == [states[kind] for kind in ("curves", "stack", "heat")]
    assert "Bars by mechanism need" in driver.find_element("id", "sweep-left-out").text
    assert 8 == len(shown(driver, "curves"))
