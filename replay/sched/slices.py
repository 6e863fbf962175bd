"""Virtual CPUs that share the CPU with one whose trace is charged alone: of the others only the switches are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay.records import Parameter
from replay.watch import NEVER

PARAMETERS = (
    Parameter(
        "vcpus_per_cpu", 1, "count", 1, 64, "assumed", "virtual CPUs that share the CPU; the TLB is flushed if > 1"
    ),
    Parameter(
        "quantum", 4_000_000, "instructions", 1000, 2**40, "assumed", "between VCPU switches; 10 ms at 400 MHz, CPI 1"
    ),
)


def quantum(settings: Mapping[str, Any]) -> int:
    """Instructions between VCPU switches."""
    return settings["quantum"] if settings["vcpus_per_cpu"] > 1 else int(NEVER)
