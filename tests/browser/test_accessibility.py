"""Pages for everyone: headings in order, names that are told apart, text that stands out from what is behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from replay.commands import report

from .chromium import opened

LEAST_CONTRAST = 4.5
"""Of text, by the Web Content Accessibility Guidelines 2.2, level AA, criterion 1.4.3."""

FAINT = """
const channels = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
const behind = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour.length === 3) return colour;
  }
  return [255, 255, 255];
};
const contrast = (one) => {
  const [a, b] = [channels(getComputedStyle(one).color), behind(one)].map(light);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
const told = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
return [...document.body.querySelectorAll("*")]
  .filter((one) => one.offsetParent !== null && told(one) && !one.disabled && !one.closest("svg, script"))
  .filter((one) => contrast(one) < arguments[0]).map((one) => one.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module", params=["run", "sweep"])
def shown(request: pytest.FixtureRequest) -> Path:
    """The page of a run, and of a sweep."""
    if request.param == "run":
        found: Path = request.getfixturevalue("page")
        return found
    folder: Path = request.getfixturevalue("swept")
    report.report([folder], folder.parent / "accessible.html")
    return folder.parent / "accessible.html"


def test_headings_go_down_one_level_at_a_time(driver: Any, shown: Path) -> None:
    """A page has one heading of the first level, and none is more than one level below the one before."""
    opened(driver, shown)
    levels = driver.execute_script(
        "return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map((one) => Number(one.tagName[1]))"
    )

    assert 1 == levels.count(1)
    assert [] == [(a, b) for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]


def test_no_two_things_have_one_name(driver: Any, shown: Path) -> None:
    """Ids are unique, what refers to one finds it, and regions to go to have names of their own."""
    opened(driver, shown)
    ids = driver.execute_script("return [...document.querySelectorAll('[id]')].map((one) => one.id)")
    references = driver.execute_script(
        "const of = (name) => [...document.querySelectorAll(`[${name}]`)].map((one) => one.getAttribute(name));"
        "return [...of('for'), ...of('aria-labelledby'), ...of('aria-describedby')]"
        ".concat(of('href').filter((one) => one.startsWith('#')).map((one) => one.slice(1)))"
    )
    regions = driver.execute_script(
        "return [...document.querySelectorAll('[role=region]')].map((one) => one.ariaLabel)"
    )

    assert [] == [name for name in set(ids) if ids.count(name) > 1]
    assert [] == [name for name in references if name not in ids]
    assert [] == [name for name in regions if not name or regions.count(name) > 1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out(driver: Any, shown: Path, theme: str) -> None:
    """All text that is in sight has enough contrast with what is behind it, light or dark."""
    opened(driver, shown)
    driver.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)

    assert [] == driver.execute_script(FAINT, LEAST_CONTRAST)
