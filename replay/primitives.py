"""Primitives: what a machine's price set says, in cycles.  Reading results takes this and none of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.errors import unknown
from replay.machine import Machine
from replay.records import Record, parse_price
from replay.trace.meta import TraceMeta

DEVICE_UNIT = "device_unit"
"""The primitive that follows from trace and machine: how many cycles one unit of the trace's device time lasts."""

Prices = dict[str, Record]
"""Primitive -> its price in cycles."""


def primitives(machine: Machine, meta: TraceMeta, given: Mapping[str, Any] | None = None) -> Prices:
    """The machine's prices in cycles, those in ``given`` (in the price set's unit) replaced.  Raises UserError."""
    prices = {name: machine.cycles(record) for name, record in stated(machine, given).items()}
    unit = machine.clock_hz / meta.instructions_per_second
    note = f"clock over the trace's {meta.instructions_per_second} {meta.device_time_unit}s a second"
    prices[DEVICE_UNIT] = Record(DEVICE_UNIT, unit, "cycles", unit, unit, "derived: the trace, section metadata", note)
    return prices


def stated(machine: Machine, given: Mapping[str, Any] | None = None) -> Prices:
    """The machine's prices in their own units, those in ``given`` replaced.  Raises UserError."""
    records = dict(machine.prices)
    for name, value in (given or {}).items():
        if name not in records:
            raise unknown("price", name, records, "replay machines")
        records[name] = records[name].given(parse_price(records[name], value))
    return records
