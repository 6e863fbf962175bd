"""The screen of ``replay compare``: every model's charge to one trace, each beside its own bare machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import rich.table

from replay.shell import table
from reports import breakdown, idle
from reports.breakdown import Difference, Document, is_bare
from reports.by_vm import compared
from reports.charge import TOP, WIDE, Screen, incorrect, trace_words, unfinished
from reports.numbers import bounds, figure, share

WIDEST = 130
"""Columns from which the table of models names what each adds most."""

IDLE = "idle"
"""The mechanism of waiting, which has a line of its own."""

LEAST = 0.005
"""Mechanisms that add or save a smaller part of bare hardware's cycles are left to ``--json``."""

BUSY = "Overhead is cycles over those of bare hardware; busy is the same without idle time, and so are all shares."

LABELS = (
    "faithful: the system on the architecture it was made for; ported: its mechanism on another architecture;"
    " hypothetical: neither was ever built. The rules of those that are not faithful: replay explain MODEL."
)


def compare_screen(documents: Sequence[Document], left_out: Sequence[Mapping[str, str]], width: int) -> Screen:
    """Models by machine, each virtual machine, what models add by mechanism, and all that a reader has to know."""
    documents = sorted(documents, key=_machine)
    return [
        f"{trace_words(documents[0])}: the same recording under each model.",
        *unfinished(documents[0]),
        _models(documents, width),
        BUSY,
        *compared(documents),
        *(line for document in documents for line in incorrect(document)),
        *_mechanisms(documents, wide=width >= WIDE),
        *idle.lines(documents, [f"under {document['model']}" for document in documents]),
        *_left_out(left_out),
        LABELS,
        *_assumptions(documents),
    ]


def _models(documents: Sequence[Document], width: int) -> rich.table.Table:
    """Overhead by model, those of one machine, which follow each other, below the machine without a monitor."""
    absolute = [">cycles", ">seconds"] if width >= WIDE else []
    most = ["what it adds most"] if width >= WIDEST else []
    made = table("machine and model", "label", *absolute, ">overhead", "bounds", ">busy", *most)
    labels = {document["model"]: document["fidelity"] for document in documents}
    for (_, machine, bare), group in groupby(documents, key=_machine):
        members = list(group)
        made.add_row(*_bare_row(machine, bare, labels.get(bare, ""), members[0], width), style="bold")
        for document in members:
            if not is_bare(document):
                made.add_row(*_row(document, width))
    return made


def _machine(document: Document) -> tuple[str, str, str]:
    """Machines in the order of the years that they are named after, and which bare machine is meant."""
    machine = document["machine"]
    return machine.rpartition("-")[2], machine, document["baseline"]


def _bare_row(machine: str, bare: str, label: str, model: Document, width: int) -> list[str]:
    """The bare machine; it rests on the same prices as a model of it, so it is shown as finely."""
    total = model["total"]
    scale = total["native"] / total["cycles"] if total["cycles"] else 1.0
    cells = _absolute(total, total["native"], total["native_seconds"], scale) if width >= WIDE else []
    return [f"{machine}, {bare}", label, *cells, "1", "", "1", *(["bare hardware"] if width >= WIDEST else [])]


def _row(document: Document, width: int) -> list[str]:
    total = document["total"]
    cells = _absolute(total, total["cycles"], total["seconds"], 1.0) if width >= WIDE else []
    overhead = _overhead(total)
    limits = bounds(total["overhead"], total["overhead_low"], total["overhead_high"])
    verdict = [overhead, limits] if not document["incorrect"] else ["INCORRECT", overhead]
    most = [_adds_most(document)] if width >= WIDEST else []
    return [f"  {document['model']}", document["fidelity"], *cells, *verdict, _overhead(document["busy"]), *most]


def _adds_most(document: Document) -> str:
    added = [part for part in breakdown.differences(document) if part.cycles > 0][:TOP]
    return ", ".join(f"{part.name} {share(part.cycles, document['busy']['native'])}" for part in added)


def _overhead(ratio: Mapping[str, Any]) -> str:
    return figure(ratio["overhead"], ratio["overhead_low"], ratio["overhead_high"])


def _absolute(total: Mapping[str, Any], cycles: int, seconds: float, scale: float) -> list[str]:
    """Cycles and seconds as finely as the bounds of ``total``, times ``scale``, allow."""
    low, high = total["low"] * scale, total["high"] * scale
    second = seconds / cycles if cycles else 0.0
    return [figure(cycles, low, high), figure(seconds, low * second, high * second)]


def _mechanisms(documents: Sequence[Document], *, wide: bool) -> Screen:
    """What each model adds to its bare machine or saves of it, with the counts behind the cycles."""
    made = table("model", "mechanism", "counted", ">cycles more", ">share")
    for document in documents:
        name = document["model"]
        for part in breakdown.differences(document) if not is_bare(document) else ():
            of_busy = part.cycles / document["busy"]["native"] if document["busy"]["native"] else 0.0
            if abs(of_busy) >= LEAST and part.name != IDLE:
                made.add_row(name, part.name, _counted(part, wide=wide), _more(part), f"{of_busy:+.1%}")
                name = ""
    if not made.row_count:
        return []
    return [f"By mechanism, what is beyond bare hardware, from {LEAST:.1%} of its busy cycles up:", made]


def _counted(part: Difference, *, wide: bool) -> str:
    """The dearest counters of ``part`` with how often they ticked."""
    lines = [line for line in part.lines if line.cycles][: TOP if wide else 1]
    return ", ".join(f"{line.count:,} {line.name}" for line in lines)


def _more(part: Difference) -> str:
    size = figure(abs(part.cycles), abs(part.low), abs(part.high))
    return f"-{size}" if part.cycles < 0 else size


def _left_out(left_out: Sequence[Mapping[str, str]]) -> list[str]:
    return [f"Left out: {one['reason']}." for one in left_out]


def _assumptions(documents: Sequence[Document]) -> Screen:
    """The values that nobody published, by machine, with their bounds."""
    found = breakdown.assumptions(documents)
    if not found:
        return []
    made = table("assumed on", "value and bounds")
    for machine, records in found.items():
        made.add_row(machine, ", ".join(map(_assumed, records)))
    return ["Nobody published these values; why each: replay machines MACHINE. Prices are in cycles if not said.", made]


def _assumed(record: Mapping[str, Any]) -> str:
    unit = "" if record["unit"] == "cycles" else f" {record['unit']}"
    return f"{record['name']} {record['value']:g}{unit} ({record['low']:g} to {record['high']:g})"
