"""A real Chromium without a window, for pages that open from disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
PATIENCE = 20


def found(*names: str) -> str:
    """The path of the first of these programs that there is; fails the test otherwise."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise AssertionError(f"no {names[0]} here: install Debian's packages chromium and chromium-driver")


@contextmanager
def browser(profile: Path, width: int = 1300, height: int = 900) -> Iterator[Any]:
    """A driver of a browser without network, its profile in the folder ``profile``."""
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(found("chromedriver")))
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {
                "offline": True,
                "latency": 0,
                "downloadThroughput": 0,
                "uploadThroughput": 0,
            },
        )
        yield driver
    finally:
        driver.quit()


@contextmanager
def on_paper(driver: Any) -> Iterator[None]:
    """The page as it is printed."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def opened(driver: Any, page: Path) -> Any:
    """``driver`` with ``page`` open and ready."""
    driver.get(page.as_uri())
    ready = "return document.documentElement.dataset.ready === 'yes'"
    WebDriverWait(driver, PATIENCE).until(lambda d: d.execute_script(ready))
    return driver


def move(driver: Any, machine: str, price: str, value: float) -> None:
    """Let the slider of a price say ``value``, as a hand would, and wait for what follows."""
    driver.execute_async_script(
        """
        const [machine, price, value, done] = arguments;
        const slider = document.querySelector(`input[type=range][data-machine="${machine}"][data-price="${price}"]`);
        slider.value = value;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        Page.settled().then(done);
        """,
        machine,
        price,
        value,
    )


def choose(driver: Any, control: str, value: str | bool) -> None:
    """Let a control, by its selector, say ``value``, a box be checked or not, and wait for what follows."""
    driver.execute_async_script(
        """
        const [selector, value, done] = arguments;
        const control = document.querySelector(selector);
        control[typeof value === "boolean" ? "checked" : "value"] = value;
        control.dispatchEvent(new Event("change", { bubbles: true }));
        Page.settled().then(done);
        """,
        control,
        value,
    )


def complaints(driver: Any) -> list[str]:
    """What the page has written to the browser's console."""
    return [entry["message"] for entry in driver.get_log("browser")]
