"""The page of ``replay report`` in a real browser: it opens from disk, and its sliders do what ``--price`` does."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

import models
from replay import document as results
from replay.commands import report
from replay.document import Outcome
from replay.machine import load_machine
from reports.numbers import bounds, figure, share

from .chromium import choose, complaints, move, on_paper, opened
from .conftest import guest

FIELDS = ("service", "work", "region", "counter", "count", "cycles", "low", "high")
CHOICES = [
    {},
    {"stall.other": 0.7},
    {"monitor_entry": 120, "stall.other": 1.3},
    {"tlb_write": 631.4, "cpi": 1.1, "monitor_exit": 100},
]


def figures(driver: Any) -> dict[str, Any]:
    """What the page has computed of its first run."""
    found: dict[str, Any] = driver.execute_script(
        "const { ours, bare, overhead } = Page.state.priced[0];"
        "return { rows: ours.rows, native: bare.rows, ratio: overhead, idle: ours.idle };"
    )
    return found


def lines(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Rows of a result as comparable lines."""
    return sorted(tuple(row[field] for field in FIELDS) for row in rows)


def test_the_page_opens_from_disk_without_a_word(driver: Any, page: Path) -> None:
    """The page asks no network for anything and writes nothing to the console."""
    opened(driver, page)

    asked = driver.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [] == [name for name in asked if not name.startswith("data:")]
    assert [] == complaints(driver)


@pytest.mark.parametrize("prices", CHOICES, ids=["stated", "one", "two", "three"])
def test_a_slider_does_what_the_option_does(
    driver: Any, page: Path, run_at: Callable[..., dict[str, Any]], prices: dict[str, float]
) -> None:
    """Rows, totals, idle time and bounds of the page are those of `replay run --price`, cycle for cycle."""
    opened(driver, page)
    for name, value in prices.items():
        move(driver, "flash-1997", name, value)

    found, document = figures(driver), run_at(prices)
    assert lines(document["rows"]) == lines(found["rows"])
    assert lines(document["native_rows"]) == lines(found["native"])
    assert document["idle"]["recomputed"] == found["idle"]["value"]
    total = document["total"]
    assert total["overhead"] == found["ratio"]["value"]
    bounds = (total["overhead_low"], total["overhead_high"])
    assert pytest.approx(bounds, rel=1e-12) == (found["ratio"]["low"], found["ratio"]["high"])


def test_what_follows_from_counts_is_the_run_s_own(driver: Any, tmp_path: Path) -> None:
    """Waits for memory, which follow from counts, are priced in the page as in each run's document."""
    machine, given = load_machine("flash-1997-numa"), {"memory.window": 1000}
    sides = models.load("disco"), models.load("native")
    documents = []
    for on in (1, 0):
        made = results.outcome(guest().prepared(), *sides, machine, given | {"memory.contention": on})
        results.save(str(tmp_path / f"run{on}"), made)
        documents.append(made.document)
    report.report([tmp_path / "run1", tmp_path / "run0"], tmp_path / "report.html")
    opened(driver, tmp_path / "report.html")

    shown = driver.execute_script("return Page.state.priced.map((one) => [one.ours.rows, one.bare.rows])")
    assert documents[0]["total"]["cycles"] > documents[1]["total"]["cycles"]
    for document, (ours, bare) in zip(documents, shown, strict=True):
        assert lines(document["rows"]) == lines(ours)
        assert lines(document["native_rows"]) == lines(bare)


def test_bars_are_the_rows(driver: Any, page: Path, run_at: Callable[..., dict[str, Any]]) -> None:
    """The chart that the browser shows has a bar for each mechanism, as long as its cycles at the moved price."""
    opened(driver, page)
    choose(driver, "#waits", True)
    move(driver, "flash-1997", "monitor_entry", 120)

    shown = driver.execute_script(
        "return [...Page.state.views].find(([e]) => e.dataset.chart === 'bars')[1].data('bars')"
        ".filter((one) => one.run === 'disco').map((one) => [one.mechanism, one.cycles])"
    )
    expected: dict[str, int] = {}
    for row in run_at({"monitor_entry": 120})["rows"]:
        expected[row["mechanism"]] = expected.get(row["mechanism"], 0) + row["cycles"]
    assert expected == dict(shown)


def test_reset_takes_a_price_back(driver: Any, page: Path, run_at: Callable[..., dict[str, Any]]) -> None:
    """After a reset the price has its bounds again, and every figure is the first one."""
    opened(driver, page)
    move(driver, "flash-1997", "monitor_entry", 120)
    driver.find_element("id", "reset-all").click()
    driver.execute_async_script("Page.settled().then(arguments[0])")

    assert lines(run_at({})["rows"]) == lines(figures(driver)["rows"])
    assert "" == driver.find_element("id", "moved").text


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_phone_scrolls_one_way_only(driver: Any, page: Path, width: int) -> None:
    """On narrow screens nothing is wider than the screen; wide tables scroll in themselves."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    )
    opened(driver, page)

    assert width == driver.execute_script("return document.documentElement.scrollWidth")
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_print_is_dark_on_light_without_sliders(driver: Any, page: Path) -> None:
    """Paper has neither sliders nor navigation, and is white even where the screen is dark."""
    opened(driver, page)
    driver.execute_script("document.documentElement.dataset.theme = 'dark'")
    colour = "return getComputedStyle(document.body).backgroundColor"
    assert "rgb(20, 23, 27)" == driver.execute_script(colour)
    hidden = "return [...document.querySelectorAll('aside, nav, .theme')].map((one) => getComputedStyle(one).display)"

    with on_paper(driver):
        assert ["none"] * 3 == driver.execute_script(hidden)
        assert "rgb(255, 255, 255)" == driver.execute_script(colour)


def test_everything_has_a_name_for_those_who_listen(driver: Any, page: Path) -> None:
    """Controls have labels, tables captions and headed rows, charts descriptions; totals are announced as they move."""
    opened(driver, page)

    nameless = driver.execute_script(
        "const named = (one) => one.labels?.length || one.ariaLabel || one.textContent.trim();"
        "return [...document.querySelectorAll('input, select, button')].filter((one) => !named(one)).length"
        " + [...document.querySelectorAll('table')].filter((one) => !one.caption).length"
        " + [...document.querySelectorAll('tbody tr')].filter((one) => !one.querySelector('th')).length"
        " + [...document.querySelectorAll('.chart')].filter((one) => !one.ariaLabel).length"
    )
    assert 0 == nameless
    assert "polite" == driver.find_element("id", "summary").get_attribute("aria-live")
    assert ["banner", "main", "complementary", "navigation"] == [
        driver.find_element("tag name", tag).aria_role for tag in ("header", "main", "aside", "nav")
    ]


def test_the_keyboard_reaches_and_moves_a_price(driver: Any, page: Path) -> None:
    """An arrow key on a focused slider changes the figures."""
    opened(driver, page)
    before = driver.execute_script("return Page.state.priced[0].ours.total.cycles")
    slider = driver.find_element("css selector", "input[type=range][data-price='monitor_entry']")
    driver.execute_script("arguments[0].focus()", slider)
    slider.send_keys(Keys.ARROW_RIGHT)
    driver.execute_async_script("Page.settled().then(arguments[0])")

    assert before < driver.execute_script("return Page.state.priced[0].ours.total.cycles")
    assert "monitor_entry" in driver.find_element("id", "moved").text


def test_a_page_is_small(page: Path) -> None:
    """A page of one run has less than 1.5 MB, most of it the library of charts."""
    assert 1_500_000 > page.stat().st_size


def test_figures_are_written_as_screens_write_them(driver: Any, page: Path) -> None:
    """The page rounds figures, bounds and shares as the command line does."""
    opened(driver, page)
    chance = random.Random(7)
    cases = [(0.0, 0.0, 0.0), (200.0, 200.0, 200.0), (17_234_567.0, 15.1e6, 21e6), (99_960.0, 99_000.0, 101_000.0)]
    cases.append((1_034_400.0, 318_078.0, 2_534_280.0))
    for _ in range(200):
        value = 10 ** chance.uniform(-3, 12)
        cases.append((value, value * chance.uniform(0.2, 1), value * chance.uniform(1, 3)))

    shown = driver.execute_script(
        "const { figure, bounds, share } = Numbers;"
        "return arguments[0].map((one) => [figure(...one), bounds(...one), share(one[1], one[2])])",
        cases,
    )
    assert [[figure(*one), bounds(*one), share(one[1], one[2])] for one in cases] == shown
    about = driver.execute_script("return [7, 480, 4812, 23e6, 1.26e9].map(Numbers.about)")
    assert ["7", "480", "4.8 k", "23 M", "1.3 G"] == about


def test_pages_taken_are_drawn_over_time(driver: Any, page: Path, outcome: Outcome) -> None:
    """The chart of pages has those that the document states, at the end of each interval."""
    opened(driver, page)

    shown = driver.execute_script(
        "return [...Page.state.views].find(([e]) => e.dataset.chart === 'footprint')[1].data('footprint')"
    )
    rows = outcome.document["footprint"]
    assert sorted((row["class"], row["machine"]) for row in rows) == sorted(
        (row["what"], row["machine"]) for row in shown
    )
    assert [] == complaints(driver)
