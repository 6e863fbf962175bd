"""Several virtual machines on one machine: what each costs by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rich.table

from replay.shell import table
from reports.breakdown import Document, is_bare
from reports.numbers import bounds, figure

BESIDE = (">on bare hardware", ">overhead", "bounds", ">busy")
"""Columns of a virtual machine beside a bare machine."""


def by_vm(document: Document, *, wide: bool) -> list[rich.table.Table]:
    """What each virtual machine costs, then what memory all of them take; nothing for a single one."""
    return [*_cycles(document, wide=wide), *_footprint(document)] if "vms" in document else []


def _footprint(document: Document) -> list[rich.table.Table]:
    """Pages at the end by what they hold: taken for theirs by the VMs, and machine pages behind them."""
    rows = document.get("footprint", [])
    last = [row for row in rows if row["interval"] == rows[-1]["interval"]]
    if not last:
        return []
    made = table("pages at the end", ">virtual", ">machine")
    for name in dict.fromkeys(row["class"] for row in last):
        mine = [row for row in last if row["class"] == name]
        made.add_row(name, *(f"{sum(row[side] for row in mine):,}" for side in ("virtual", "machine")))
    made.add_row("all", *(f"{sum(row[side] for row in last):,}" for side in ("virtual", "machine")), style="bold")
    return [made]


def _cycles(document: Document, *, wide: bool) -> list[rich.table.Table]:
    """One line per virtual machine, beside a bare machine of its own, whose cycles are shown where there is room."""
    kept = slice(len(BESIDE) if is_bare(document) else 0 if wide else 1, None)
    made = table(">VM", "workload", "CPUs", ">cycles", *BESIDE[kept])
    for vm in document["vms"]:
        made.add_row(*_who(vm), _taken(vm), *_beside(vm)[kept])
    return [made]


def compared(documents: Sequence[Document]) -> list[Any]:
    """For each virtual machine a table of what it costs under each model; nothing for a single one."""
    virtual = [document for document in documents if "vms" in document and not is_bare(document)]
    parts: list[Any] = []
    for which, vm in enumerate(virtual[0]["vms"] if virtual else ()):
        number, workload, cpus = _who(vm)
        made = table("model", ">cycles", *BESIDE)
        for document in virtual:
            mine = document["vms"][which]
            made.add_row(document["model"], _taken(mine), *_beside(mine))
        parts += [f"VM {number}, {workload}, on CPU{'s' * ('-' in cpus)} {cpus}:", made]
    return parts


def _who(vm: Mapping[str, Any]) -> list[str]:
    """A virtual machine: its number, what it does, and its CPUs."""
    trace, cpus = vm["trace"], vm["cpus"]
    lanes = str(cpus[0]) if len(cpus) == 1 else f"{cpus[0]}-{cpus[-1]}"
    return [str(vm["vm"]), " ".join([trace["workload"], *trace["arguments"]]), lanes]


def _taken(vm: Mapping[str, Any]) -> str:
    return figure(vm["total"]["cycles"], vm["total"]["low"], vm["total"]["high"])


def _beside(vm: Mapping[str, Any]) -> list[str]:
    total, busy = vm["total"], vm["busy"]
    scale = total["native"] / total["cycles"] if total["cycles"] else 1.0
    ratio = total["overhead"], total["overhead_low"], total["overhead_high"]
    return [
        figure(total["native"], total["low"] * scale, total["high"] * scale),
        figure(*ratio),
        bounds(*ratio),
        figure(busy["overhead"], busy["overhead_low"], busy["overhead_high"]),
    ]
