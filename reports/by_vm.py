"""Several virtual machines on one machine: what each costs by itself."""

from __future__ import annotations

import rich.table

from replay.shell import table
from reports.breakdown import Document, is_bare
from reports.numbers import bounds, figure


def by_vm(document: Document) -> list[rich.table.Table]:
    """What each virtual machine costs, then what memory all of them take; nothing for a single one."""
    return [*_cycles(document), *_footprint(document)] if "vms" in document else []


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


def _cycles(document: Document) -> list[rich.table.Table]:
    """One line per virtual machine, beside a bare machine of its own."""
    beside = [] if is_bare(document) else [">on bare hardware", ">overhead", "bounds", ">busy"]
    made = table(">VM", "workload", "CPUs", ">cycles", *beside)
    for vm in document["vms"]:
        total, trace, cpus = vm["total"], vm["trace"], vm["cpus"]
        scale = total["native"] / total["cycles"] if total["cycles"] else 1.0
        ratio = [
            figure(total["native"], total["low"] * scale, total["high"] * scale),
            figure(total["overhead"], total["overhead_low"], total["overhead_high"]),
            bounds(total["overhead"], total["overhead_low"], total["overhead_high"]),
            figure(vm["busy"]["overhead"], vm["busy"]["overhead_low"], vm["busy"]["overhead_high"]),
        ]
        made.add_row(
            str(vm["vm"]),
            " ".join([trace["workload"], *trace["arguments"]]),
            str(cpus[0]) if len(cpus) == 1 else f"{cpus[0]}-{cpus[-1]}",
            figure(total["cycles"], total["low"], total["high"]),
            *(ratio if beside else []),
        )
    return [made]
