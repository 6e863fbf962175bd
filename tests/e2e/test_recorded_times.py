"""Charged as it was recorded, a recording gives its own times and invocations back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import models
from models.native import recorded_refills
from replay.count import Counts, count
from replay.machine import Machine, load_machine
from replay.prepare import Prepared, prepare
from replay.price import price
from replay.trace.schema import CAUSE_MASK, Cause, Kind
from tracegen import abi
from tracegen.record import record

LINE = 16
"""Instructions of a line: as many at most are not in a REQUEST row yet, which carries none."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A small recording whose programs come from the disk."""
    path: Path = tmp_path_factory.mktemp("recorded") / "radix.arrow"
    return prepare(str(record("radix", {"keys": 500}, output=path).path), use_cache=False)


@pytest.fixture(scope="module")
def as_recorded(recorded: Prepared) -> tuple[Machine, Counts]:
    """The recording machine: each instruction takes a unit of device time, and nothing else does."""
    machine = load_machine("flash-1997")
    clock = machine.parameters["clock"].given(recorded.meta.instructions_per_second / 1e6)
    prices = {name: cost.given(1 if name == "cpi" else 0) for name, cost in machine.prices.items()}
    machine = dataclasses.replace(machine, parameters=machine.parameters | {"clock": clock}, prices=prices)
    assert recorded.meta.tlb is not None
    return machine, count(recorded, models.load("native"), machine, {"tlb.entries": recorded.meta.tlb.entries})


def test_idle_time_comes_back(recorded: Prepared, as_recorded: tuple[Machine, Counts]) -> None:
    """Idle time recomputed at the recording's speed is the recorded one, to a line's instructions for each request."""
    machine, counts = as_recorded
    requests = int(np.count_nonzero(recorded.columns.kind == Kind.REQUEST))

    idle = price(counts, models.load("native"), machine)["idle"]

    assert "" == idle["as_recorded"]
    assert idle["recorded"] > 0 < requests
    assert 0 <= idle["recorded"] - idle["recomputed"] <= LINE * requests


def test_invocations_come_back(recorded: Prepared, as_recorded: tuple[Machine, Counts]) -> None:
    """Each system call was invoked as often as it was called, and the refill service as often as hardware missed."""
    columns, invocations = recorded.columns, as_recorded[1].invocations()
    called = (columns.kind == Kind.EXCEPTION) & (columns.info & CAUSE_MASK == Cause.SYSCALL)
    numbers = columns.page[called].tolist()

    assert invocations["UTLB_MISS"] == recorded_refills(recorded)["utlb_refill"]
    assert {c.name.lower(): numbers.count(c) for c in abi.Syscall} == {
        c.name.lower(): invocations[c.name.lower()] for c in abi.Syscall
    }
