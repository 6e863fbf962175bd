"""Charges altered traces to every model, for ``test_hostile_traces``, in a process that may die of it.

Each line of stdin is a batch, a JSON list of traces; a trace is a list of changes to the rows of a small valid one.
Each line of stdout is a JSON list: what became of each trace.  Traces take turns in which architecture they are of and
which of the models they are charged to, a third at a time.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import cycle

import models
from replay import document as results
from replay.errors import UserError
from replay.handmade import SERVICES, Script, handmade_meta
from replay.machine import Machine, load_machine
from replay.prepare import from_rows
from replay.trace.meta import TraceMeta
from replay.trace.schema import COLUMNS, EVENT_FIRST, FRAME_KINDS, PAGE_ID_KINDS, Cause, Kind, Sensitive, Touch

ORDER = ("kind", "ctx", "info", "page", "n")
LIMITS = [int(1 << 8 * COLUMNS[name].itemsize) for name in ORDER]
PARTS = 3
"""In how many parts the models are divided."""

METAS = [handmade_meta(vcpus=2, architecture=architecture) for architecture in models.ARCHITECTURES]
STRUCTURE = (Kind.EXTRA, Kind.PAGE, Kind.SITE, Kind.END)


@cache
def machine(name: str) -> Machine:
    """The machine called ``name``."""
    return load_machine(name)


def valid(meta: TraceMeta) -> Script:
    """A small trace with every kind of row, cause, service and class of page in it, on two vCPUs."""
    script = Script(meta)
    pages = [script.user(vpn, space) for space in (1, 2) for vpn in (4, 5, 600, 4096)]
    pages += [script.kernel(3), script.device(), script.page(0xFFFFFFFFC0000, 1)]
    for turn, kind in enumerate(k for k in Kind if k not in STRUCTURE):
        vcpu, page = turn % 2, pages[turn % len(pages)]
        if kind < EVENT_FIRST or kind in PAGE_ID_KINDS:
            script.row(kind, page, turn, turn, vcpu=vcpu, payload=(turn << 12 | 1,) * (turn % 4) if kind > 15 else ())
        elif kind in (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT):
            for service in SERVICES:
                script.row(kind, service.id, 0, 1, vcpu=vcpu)
                script.row(Kind.LOAD8, page, 0, 2, vcpu=vcpu)
        elif kind == Kind.SENSITIVE:
            for klass in Sensitive:
                script.sensitive(klass, vcpu=vcpu)
        elif kind == Kind.EXCEPTION:
            for cause in Cause:
                script.exception(cause, page, Touch(cause % 4), vcpu)
        else:
            script.row(
                kind, turn if kind in FRAME_KINDS else turn % 7, turn, 1, vcpu=vcpu, payload=(turn,) * (turn % 5)
            )
        script.row(Kind.STORE4, pages[-1 - turn % 9], 0, 3, vcpu=vcpu)
    return script


def altered(rows: list[tuple[int, ...]], changes: list[tuple[str, int, int, int]]) -> list[tuple[int, ...]]:
    """``rows`` after each change (what, where, column, value), in order; places and values wrap around."""
    rows = list(rows)
    for what, where, column, value in changes:
        at = where % len(rows)
        if what == "delete":
            del rows[at : at + 1 + value % 3]
            rows = rows or [(Kind.END, 0, 0, 0, 0)]
        elif what == "repeat":
            rows.insert(at, rows[value % len(rows)])
        else:
            row = list(rows[at])
            row[column] = value % LIMITS[column]
            rows[at] = tuple(row)
    return rows


def outcome(rows: list[tuple[int, ...]], meta: TraceMeta, names: list[str]) -> str:
    """``result``, ``refused`` by an error of one line, or an error no user should see."""
    try:
        prepared = from_rows(rows, meta)
        for name in names:
            model = models.load(name)
            document, _ = results.run(prepared, model, model, machine(model.machine[meta.architecture]))
            json.dumps(document, allow_nan=False)
    except UserError as error:
        return "refused" if "\n" not in str(error) else f"more than one line: {error}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
        return f"{type(error).__name__}: {error}"
    return "result"


def main() -> None:
    """Answer batches until stdin ends."""
    traces = [(valid(meta).rows, meta) for meta in METAS]
    names = list(models.BUILT_IN)
    turns = cycle([(rows, meta, names[part::PARTS]) for part in range(PARTS) for rows, meta in traces])
    for line in sys.stdin:
        answers = []
        for changes, (rows, meta, some) in zip(json.loads(line), turns, strict=False):
            answers.append(outcome(altered(rows, changes), meta, some))
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
