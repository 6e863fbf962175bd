"""The screen of ``replay explain MODEL --trace``: rows, what each ticked and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rich.table

from replay.shell import table
from reports.charge import WIDE, Screen

Document = Mapping[str, Any]


def explanation_screen(document: Document, width: int) -> Screen:
    """What the document of ``replay.explain.explain`` says: label and rules, then row by row, then the sum."""
    trace = document["trace"]
    heading = (
        f"{trace['workload']} on a {trace['architecture']} guest, under {document['model']} on {document['machine']}"
    )
    settings = ", ".join(f"{name} = {value}" for name, value in document["settings"].items())
    rules = "".join(f"\n  {rule}" for rule in document["rules"])
    label = f"{document['fidelity']}, by these rules:{rules}" if rules else document["fidelity"]
    screen: Screen = [f"{heading}\n{settings}".rstrip(), f"This pair of model and trace is {label}"]
    if document["rows"]:
        screen += [_rows(document, wide=width >= WIDE), _totals(document)]
        screen += ["Cycles of one row; what costs nothing is counted all the same. Waits are as recorded."]
    return screen


def _rows(document: Document, *, wide: bool) -> rich.table.Table:
    context = ["service", "reaction"] if wide else []
    made = table(">row", *context, "what happened", "counted", ">cycles")
    for row in document["rows"]:
        counted = ", ".join(f"{tick['n']} {tick['counter']}" for tick in row["ticks"])
        happened = row["event"] + (" (its service is replaced)" if row["replaced"] else "")
        cells = [row["service"], row["reaction"]] if wide else []
        made.add_row(str(row["row"]), *cells, happened, counted, _cycles(row["cycles"]))
    return made


def _totals(document: Document) -> rich.table.Table:
    made = table("counter", ">in all", ">cycles")
    for total in document["totals"]:
        made.add_row(total["counter"], f"{total['n']:,}", _cycles(total["cycles"]))
    return made


def _cycles(cycles: float) -> str:
    return f"{cycles:,.4g}" if 0 < cycles < 1e4 else f"{cycles:,.0f}"
