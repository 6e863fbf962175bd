"""Fixtures: a guest made by hand that waits for a disk, its results on disk, and a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import models
from replay import api
from replay import document as results
from replay.commands import report
from replay.document import Outcome
from replay.handmade import Script
from replay.machine import load_machine
from replay.price import price
from replay.trace.schema import REQUEST_WRITE, Cause, Kind, Sensitive, Wake

from . import chromium

MACHINE = "flash-1997"
GRID = """
traces = ["hand.arrow"]
models = ["disco"]

[set]
"tlb.entries" = [8, 16, 32, 64]

[price]
monitor_entry = [42, 120]
"""


def guest() -> Script:
    """Work in user mode and in the kernel, traps, and a disk that the guest waits for three times."""
    script = Script()
    for request in range(1, 4):
        for at in range(40):
            script.row(Kind.LOAD8, script.user(4 + at % 9), n=7 + at)
        script.exception(Cause.SYSCALL)
        script.sensitive(Sensitive.MTC0)
        script.row(Kind.REQUEST, request, REQUEST_WRITE, payload=(7, 4096, 1, 0))
        script.row(Kind.LOAD8, script.kernel(5), n=200)
        script.row(Kind.IDLE, 9_000, Wake.DEVICE, payload=(90_000,))
        script.row(Kind.COMPLETE, request, payload=(9_200,))
        script.row(Kind.INTERRUPT, request, 2)
        script.sensitive(Sensitive.ERET)
    script.row(Kind.IDLE, 500, Wake.TIMER, payload=(500,))
    return script


@pytest.fixture(scope="session")
def outcome() -> Outcome:
    """What ``guest`` costs under Disco, by intervals."""
    prepared, machine = guest().prepared(), load_machine(MACHINE)
    return results.outcome(prepared, models.load("disco"), models.load("native"), machine, interval=1000)


@pytest.fixture(scope="session")
def run_at(outcome: Outcome) -> Callable[[dict[str, float]], dict[str, Any]]:
    """The document that ``replay run`` makes of the same counts at prices that the user states."""
    disco, native = models.load("disco"), models.load("native")

    def at(given: dict[str, float]) -> dict[str, Any]:
        return price(outcome.counts, disco, load_machine(MACHINE), given, (outcome.bare, native))

    return at


@pytest.fixture(scope="session")
def page(outcome: Outcome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that ``replay report`` makes of that run's folder."""
    folder = tmp_path_factory.mktemp("results")
    results.save(str(folder / "out"), outcome)
    report.report([folder / "out"], folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of 8 points of that guest, over a parameter and a price."""
    folder = tmp_path_factory.mktemp("sweep")
    guest().save(folder / "hand.arrow")
    grid = folder / "grid.toml"
    grid.write_text(GRID)
    api.sweep(grid, folder / "out")
    return folder / "out"


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser without network; Debian's chromium and chromedriver must be installed."""
    with chromium.browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver
