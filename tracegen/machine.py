"""A machine of any architecture, chosen by its CPU's name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from replay.errors import unknown
from tracegen.cpu.machine import Machine, RunResult

__all__ = ["CPUS", "Machine", "RunResult", "make"]

_MACHINES = {"mips64": "tracegen.mips64.machine:Mips64Machine", "x86-64": "tracegen.x86_64.machine:X86Machine"}

CPUS = tuple(_MACHINES)
"""Names of the CPUs there are."""


def make(cpu: str, image: bytes, *arguments: Any, **options: Any) -> Machine:
    """A machine with a CPU of that name; the rest is ``Machine``'s.

    Raises UserError for an unknown name, and what the machine's constructor raises.
    """
    if cpu not in _MACHINES:
        raise unknown("CPU", cpu, CPUS)
    module, _, name = _MACHINES[cpu].partition(":")
    machine: Machine = getattr(import_module(module), name)(image, *arguments, **options)
    return machine
