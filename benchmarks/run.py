"""Run benchmarks and print one table: ``python -m benchmarks.run [NAME ...]``; all of them without a name."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence

import benchmarks
from benchmarks.result import Result
from replay import shell
from replay.errors import unknown


def names() -> list[str]:
    """The modules of this folder that measure something."""
    return [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name not in {"run", "result"}]


def main(wanted: Sequence[str]) -> None:
    """Measure ``wanted`` (all if empty) and print what came out beside what was to be reached."""
    for name in wanted:
        if name not in names():
            raise unknown("benchmark", name, names())
    table = shell.table("what", ">ours", "", ">peer's", "peer", ">ratio", ">bound", "met")
    for name in wanted or names():
        shell.say(f"measuring {name}")
        measured: list[Result] = importlib.import_module(f"benchmarks.{name}").measure()
        for result in measured:
            table.add_row(*_cells(result))
    shell.show(table)


def _cells(r: Result) -> tuple[str, ...]:
    bound = f"≥ {r.least:g}" if r.least is not None else f"≤ {r.most:g}" if r.most is not None else ""
    ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
    peer = "" if r.peer_value is None else f"{r.peer_value:.3g}"
    return (r.what, f"{r.value:.3g}", r.unit, peer, r.peer, ratio, bound, {None: "", True: "yes", False: "no"}[r.met])


if __name__ == "__main__":
    main(sys.argv[1:])
