"""`replay run --by service` on the installed wheel: the table of services, on screen and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def services_of(installed: Any, trace: Path, model: str) -> dict[str, Any]:
    """The document of a charge split by service."""
    done = installed.run("replay", "run", str(trace), "--model", model, "--by", "service", "--json")
    assert (0, "") == (done.returncode, done.stderr)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("model", ["native", "disco"])
def test_components_add_up_to_the_slowdown(installed: Any, small_trace: Path, model: str) -> None:
    """Each service's columns sum to its slowdown, which times its bare cycles is what the document charges it."""
    document = services_of(installed, small_trace, model)
    table = document["services_table"]

    def cycles(side: str, service: str) -> int:
        return sum(r["cycles"] for r in document[side] if r["service"] == service and r["mechanism"] != "idle")

    compared = [row for row in table["services"] if row["invocations"] == row["native_invocations"] and row["slowdown"]]
    assert compared
    for row in compared:
        assert table["columns"] == list(row["columns"])
        assert sum(cell["ratio"] for cell in row["columns"].values()) == pytest.approx(row["slowdown"])
        ours, bare = (cycles(side, row["service"]) for side in ("rows", "native_rows"))
        assert ours == pytest.approx(row["slowdown"] * bare)


def test_disco_stands_beside_the_paper(installed: Any, small_trace: Path) -> None:
    """Disco's columns are Table 2's, and a service that the paper lists carries its figures and verdicts."""
    table = services_of(installed, small_trace, "disco")["services_table"]

    assert ["kernel", "tlb_write", "privileged", "calls", "kernel_tlb"] == table["columns"][:5]
    published = {row["service"]: row["published"] for row in table["services"] if row["published"]}
    assert 0.47 == published["DEMAND_ZERO"]["columns"]["calls"]["ratio"]
    verdicts = {cell["verdict"] for row in published.values() for cell in row["columns"].values()}
    assert verdicts <= {"yes", "small", "shape", "no", "fitted", "none"}


@pytest.mark.parametrize("columns", ["80", "100", ""])
def test_the_screen_fits(installed: Any, small_trace: Path, columns: str) -> None:
    """The table fits a terminal of 80 and of 100 columns, and a pipe, without colour or a cut name."""
    width = {"COLUMNS": columns} if columns else {}
    done = installed.run("replay", "run", str(small_trace), "--model", "disco", "--by", "service", **width)

    assert (0, "") == (done.returncode, done.stderr)
    assert max(map(len, done.stdout.splitlines())) <= int(columns or 100)
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout
    lines = done.stdout.splitlines()
    ours = next(n for n, line in enumerate(lines) if line.startswith("DEMAND_ZERO"))
    assert lines[ours + 1].split()[:2] == ["paper's", "30%"]
