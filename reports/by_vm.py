"""Several virtual machines on one machine: what each costs by itself."""

from __future__ import annotations

import rich.table

from replay.shell import table
from reports.breakdown import Document, is_bare
from reports.numbers import bounds, figure


def by_vm(document: Document) -> list[rich.table.Table]:
    """One line per virtual machine, beside a bare machine of its own; nothing for a single one."""
    if "vms" not in document:
        return []
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
