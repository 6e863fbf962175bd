"""How large a trace is on disk, for each workload at its default size."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.result import Result
from tracegen.record import record

MOST_BYTES = {"pmake": 1.0, "radix": 1.0}
"""Workload -> bytes per row not to exceed; hostile-locality traces are reported, not bounded."""


def results() -> list[Result]:
    """Bytes per row of a recording of each workload, all events included."""
    with tempfile.TemporaryDirectory() as folder:
        return [_result(name, Path(folder)) for name in ("pmake", "radix", "usertests", "gups")]


def _result(name: str, folder: Path) -> Result:
    summary = record(name, output=folder / f"{name}.arrow")
    label = f"trace of {name}, {summary.rows / 1e6:.1f} M rows"
    return Result(label, summary.bytes / summary.rows, "bytes/row", most=MOST_BYTES.get(name))
