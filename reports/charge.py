"""The screen of ``replay run``: what a guest would have cost, by mechanism and by service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import rich.console
import rich.table
from rich.padding import Padding

from replay.shell import table
from reports import breakdown, idle
from reports.breakdown import Document, Part
from reports.by_vm import by_vm
from reports.memory import memory
from reports.numbers import bounds, figure, share

WIDE = 100
"""Columns from which a table shows the bounds of each line."""

INDENTED = (0, 0, 0, 2)
"""A counter below its mechanism, all lines of its name."""

TOP = 3
"""Mechanisms named in a line of text."""


Screen = list[rich.console.RenderableType]
"""Parts from top to bottom, to be set off by empty lines."""


def run_screen(document: Document, width: int) -> Screen:
    """One model's charge to a trace: cycles by mechanism, totals beside bare hardware, cycles by service."""
    return [
        heading(document),
        *unfinished(document),
        *label(document),
        _mechanisms(document, wide=width >= WIDE),
        _totals(document),
        *by_vm(document, wide=width >= WIDE),
        *idle.beside_bare(document),
        *memory(document),
        _services(document),
        "TLB misses are booked to the refill service, other work to whom it is done for.",
        f"What each counter counts, and why it costs that: replay explain {document['model']}",
        *footer(document),
    ]


def trace_words(document: Document) -> str:
    """Which recorded guest a document is about."""
    trace = document["trace"]
    return f"{trace['workload']} {' '.join(trace['arguments'])}".rstrip() + f" on a {trace['architecture']} guest"


def heading(document: Document) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in document["settings"].items())
    return f"{trace_words(document)}, charged to {document['model']} on {document['machine']}\n{settings}".rstrip()


def unfinished(document: Document) -> list[str]:
    """A warning where the recorded guest did not do all its work, or where not all is recorded."""
    why, rule = (document["trace"].get(what) for what in ("unfinished", "synthesized"))
    said = [f"This trace is incomplete, and so are its costs: {why}."] if why else []
    return said + ([f"What the trace lacks is synthesized by the rule {rule}."] if rule else [])


def label(document: Document) -> list[str]:
    """What the pair of model and trace is, where it is not what the system was, and whether the guest would run."""
    architecture, model = document["trace"]["architecture"], document["model"]
    said = []
    if document["fidelity"] != "faithful":
        rules = "".join(f"\n  {rule}" for rule in document["rules"])
        said.append(f"{document['fidelity']}: {model} on a {architecture} trace, by these rules:{rules}")
    return said + incorrect(document)


def incorrect(document: Document) -> list[str]:
    """A warning where sensitive instructions did not trap that had to."""
    missed, model = document["incorrect"], document["model"]
    if not missed:
        return []
    what = f"{missed['count']:,} sensitive instructions of this guest do not trap ({missed['counter']})"
    return [f"INCORRECT: under {model}, {what}, so it does not run; the figures are what the rest costs."]


def _mechanisms(document: Document, *, wide: bool) -> rich.table.Table:
    limits = [">bounds"] if wide else []
    made = table("mechanism", ">count", ">cycles each", "source", ">cycles", ">share", *limits)
    whole = document["total"]["cycles"]
    for group in breakdown.by_mechanism(document):
        single = len(group.lines) == 1 and group.lines[0].name == group.name
        if not single:
            made.add_row(group.name, "", "", "", *_amount(group, whole, wide=wide), style="bold")
        for line in group.lines:
            name = line.name if single else Padding(line.name, INDENTED)
            made.add_row(name, f"{line.count:,}", f"{line.price:,.4g}", line.mark, *_amount(line, whole, wide=wide))
    return made


def _amount(part: Part, whole: int, *, wide: bool) -> list[str]:
    cells = [figure(part.cycles, part.low, part.high), share(part.cycles, whole)]
    return [*cells, bounds(part.cycles, part.low, part.high)] if wide else cells


def _totals(document: Document) -> rich.table.Table:
    total = document["total"]
    made = table("", ">cycles", ">seconds", "bounds")
    made.add_row(
        f"total under {document['model']}",
        figure(total["cycles"], total["low"], total["high"]),
        _seconds(total["seconds"], total),
        bounds(total["cycles"], total["low"], total["high"]),
        style="bold",
    )
    if not breakdown.is_bare(document):
        made.add_row(
            "on bare hardware", figure(total["native"], *_native(total)), _seconds(total["native_seconds"], total)
        )
        limits = bounds(total["overhead"], total["overhead_low"], total["overhead_high"])
        made.add_row("overhead, times", _overhead(total), "", limits, style="bold")
    return made


def _native(total: Mapping[str, Any]) -> tuple[float, float]:
    """Bare hardware rests on the same prices, so it is shown as finely as the total is."""
    scale = total["native"] / total["cycles"] if total["cycles"] else 1.0
    return total["low"] * scale, total["high"] * scale


def _seconds(seconds: float, total: Mapping[str, Any]) -> str:
    scale = seconds / total["cycles"] if total["cycles"] else 0.0
    return figure(seconds, total["low"] * scale, total["high"] * scale)


def _overhead(total: Mapping[str, Any]) -> str:
    return figure(total["overhead"], total["overhead_low"], total["overhead_high"])


def _services(document: Document) -> rich.table.Table:
    made = table("service", ">cycles", ">share", "of which")
    for service, parts in breakdown.by_service(document):
        cycles = figure(service.cycles, service.low, service.high)
        made.add_row(
            service.name, cycles, share(service.cycles, document["total"]["cycles"]), _top(parts, service.cycles)
        )
    return made


def _top(parts: Sequence[Part], whole: int) -> str:
    return ", ".join(f"{part.name} {share(part.cycles, whole)}" for part in parts[:TOP])


def footer(document: Document) -> Screen:
    """What a reader has to know before believing the figures: each value that nobody published."""
    records = breakdown.assumptions([document]).get(document["machine"])
    if not records:
        return []
    made = table("assumed", ">value", "unit", ">bounds", "why")
    for record in records:
        limits = f"{record['low']:g} to {record['high']:g}"
        made.add_row(record["name"], f"{record['value']:g}", record["unit"], limits, _first_sentence(record["note"]))
    clock = ", the clock in a --machine file" if any(record["name"] == "clock" for record in records) else ""
    how = f"change a price with --price NAME=VALUE{clock}"
    return [f"Nobody published these; {how}. All values and sources: replay machines {document['machine']}", made]


def _first_sentence(note: str) -> str:
    return re.split(r"(?<=\.) (?=[A-Z])", note, maxsplit=1)[0]
