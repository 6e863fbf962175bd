"""Our pmake beside Table 2 of Bugnion et al., SOSP 1997: where it comes out, and that every difference has a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import models
from replay import document as results
from replay.machine import load_machine
from replay.prepare import prepare
from reports.services import services_table
from reports.study import Study, study_of
from tracegen.record import record

COLUMNS = ("kernel", "tlb_write", "privileged", "calls", "kernel_tlb")
VERDICTS = {
    "DEMAND_ZERO": "yes yes yes fitted no",
    "QUICK_FAULT": "no fitted fitted small no",
    "open": "no no yes small no",
    "UTLB_MISS": "yes no no small small",
    "write": "no no yes no no",
    "read": "no no yes small no",
    "exec": "small small no no no",
}
"""Service -> verdict by column.  A change here is a change of what the model is worth: say why in the changelog."""


@pytest.fixture(scope="module")
def study() -> Study:
    """Table 2."""
    found = study_of("disco")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory, study: Study) -> dict[str, Any]:
    """The services of a recorded pmake under Disco."""
    path = record("pmake", output=tmp_path_factory.mktemp("pmake") / "pmake.arrow").path
    native, disco = models.load("native"), models.load("disco")
    document, _ = results.run(prepare(str(path)), disco, native, load_machine("flash-1997"))
    return services_table(document, study)


def published(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows that the paper has, by our name."""
    return {row["service"]: row for row in table["services"] if row["published"]}


def test_cells_come_out_as_documented(table: dict[str, Any]) -> None:
    """Each cell's verdict is the documented one."""
    found = {
        name: " ".join(row["published"]["columns"][column]["verdict"] for column in COLUMNS)
        for name, row in published(table).items()
    }

    assert VERDICTS == found


def test_the_page_shows_what_comes_out(table: dict[str, Any]) -> None:
    """docs/table2.md has our figures to the digits it prints, and marks each by its verdict."""
    page = (Path(__file__).parents[2] / "docs" / "table2.md").read_text()
    marks = {"**": "yes", "*": "fitted", "(small)": "small"}
    for name, row in published(table).items():
        (line,) = re.findall(rf"^\| {name}\b.*\\\|.*$", page, re.MULTILINE)
        for column, cell in zip(COLUMNS, re.split(r" (?<!\\)\| ", line)[1:], strict=True):
            mark, ours = re.match(r"(\**)(\S+) \\\|", cell).groups()  # type: ignore[union-attr]
            verdict = marks.get(mark or cell.rstrip(" |").rpartition(" ")[2], "no")
            digits = len(ours.partition(".")[2])

            assert verdict == row["published"]["columns"][column]["verdict"], (name, column)
            assert float(ours) == round(row["columns"][column]["added_us"], digits), (name, column)


def test_fitted_cells_are_met(table: dict[str, Any], study: Study) -> None:
    """A cell that set a price comes out within 5%: the guest really makes the events that it was divided by."""
    rows = published(table)
    for service, column in study.fitted:
        theirs = rows[service]["published"]["columns"][column]["added_us"]

        assert theirs == pytest.approx(rows[service]["columns"][column]["added_us"], rel=0.05), (service, column)


def test_every_difference_has_a_reason(table: dict[str, Any]) -> None:
    """No cell fails to come out without the study saying why."""
    silent = [
        (name, column)
        for name, row in published(table).items()
        for column, cell in row["published"]["columns"].items()
        if cell["verdict"] in ("shape", "no") and not cell["reason"]
    ]

    assert [] == silent


def test_services_run_equally_often(table: dict[str, Any]) -> None:
    """As in the paper, only UTLB_MISS occurs more often or less under the monitor."""
    differ = {row["service"] for row in table["services"] if row["invocations"] != row["native_invocations"]}

    assert differ <= {"UTLB_MISS"}


def test_components_add_up(table: dict[str, Any]) -> None:
    """Each row's columns sum to its slowdown, as the paper's do."""
    for row in table["services"]:
        assert row["slowdown"] == pytest.approx(sum(cell["ratio"] for cell in row["columns"].values()))


def test_a_fault_is_five_traps_and_two_tlb_instructions(table: dict[str, Any]) -> None:
    """A quick fault enters the monitor for exception, Status twice, EntryHi and eret, and for a probe and a write."""
    quick = published(table)["QUICK_FAULT"]["columns"]

    assert (5, 2) == pytest.approx((quick["privileged"]["events"], quick["tlb_write"]["events"]), rel=0.05)
