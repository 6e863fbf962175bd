"""Run benchmarks and print one table: ``python -m benchmarks.run [NAME ...]``; all of them without a name.

A benchmark is a module of this folder with a function ``results() -> list[Result]``.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

import benchmarks
from benchmarks.result import Result
from replay import shell
from replay.errors import UserError, unknown


def modules() -> dict[str, ModuleType]:
    """The benchmarks of this folder by name."""
    found = {m.name: importlib.import_module(f"benchmarks.{m.name}") for m in pkgutil.iter_modules(benchmarks.__path__)}
    return {name: module for name, module in found.items() if hasattr(module, "results")}


def main(wanted: Sequence[str]) -> int:
    """Measure ``wanted`` (all if empty), print figures beside what was to be reached, and return the exit code."""
    known = modules()
    for name in wanted:
        if name not in known:
            raise unknown("benchmark", name, known)
    table = shell.table("what", ">ours", "", ">peer's", "peer", ">ratio", ">bound", "met")
    missed = 0
    for name in wanted or known:
        shell.say(f"measuring {name}")
        measured: list[Result] = known[name].results()
        missed += sum(result.met is False for result in measured)
        for result in measured:
            table.add_row(*_cells(result))
    shell.show(table)
    return 1 if missed else 0


def _cells(r: Result) -> tuple[str, ...]:
    bound = f"≥ {r.least:g}" if r.least is not None else f"≤ {r.most:g}" if r.most is not None else ""
    ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
    peer = "" if r.peer_value is None else f"{r.peer_value:.3g}"
    return (r.what, f"{r.value:.3g}", r.unit, peer, r.peer, ratio, bound, {None: "", True: "yes", False: "no"}[r.met])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"error: {error}")
