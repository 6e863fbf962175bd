"""Figures keep to their bounds, and the processors of a result document add up."""

from __future__ import annotations

from typing import Any

import pytest

from reports import breakdown
from reports.numbers import bounds, figure, share, size
from reports.sweep import sweep_screen


@pytest.mark.parametrize(
    ("value", "low", "high", "text", "limits"),
    [
        (17_234_567, 15.1e6, 21e6, "17.2 M", "15.1 M to 21.0 M"),
        (17_234_567, 17_234_567, 17_234_567, "17.23 M", ""),
        (1.157, 1.05, 1.31, "1.16", "1.05 to 1.31"),
        (1.157, 0.6, 2.2, "1.2", "0.6 to 2.2"),
        (25.3, 0, 100, "30", "0 to 100"),
        (0.004, 0.004, 0.004, "0.004", ""),
        (200, 200, 200, "200", ""),
        (0, 0, 0, "0", ""),
        (99_960, 99_000, 101_000, "100.0 k", "99.0 k to 101.0 k"),
    ],
)
def test_figures_show_what_their_bounds_justify(value: float, low: float, high: float, text: str, limits: str) -> None:
    """A figure keeps one or two uncertain digits, at most four in all, and its bounds have the same place."""
    assert (text, limits) == (figure(value, low, high), bounds(value, low, high))


@pytest.mark.parametrize(("part", "text"), [(0, "0%"), (1, "<1%"), (10, "1%"), (1000, "100%")])
def test_shares_never_round_something_to_nothing(part: int, text: str) -> None:
    """What is there shows as less than one per cent, not as none."""
    assert text == share(part, 1000)


def test_sizes_are_binary() -> None:
    """Bytes are shown in units of 1024."""
    assert ["64 MiB", "1.5 KiB", "10 bytes"] == [size(64 << 20), size(1536), size(10)]


def row(service: str, mechanism: str, counter: str, count: int, price: float) -> dict[str, Any]:
    """A row of a result document with bounds of half and twice its cycles."""
    cycles = round(count * price)
    return {
        "service": service,
        "work": "",
        "mechanism": mechanism,
        "counter": counter,
        "count": count,
        "price": price,
        "unit": "cycles",
        "source": "derived: Somebody, Table 2",
        "cycles": cycles,
        "low": cycles // 2,
        "high": cycles * 2,
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """What a model with two mechanisms charged to two services."""
    rows = [
        row("USER", "direct execution", "instructions", 1000, 1),
        row("USER", "TLB", "hit", 20, 17),
        row("BOOT", "direct execution", "instructions", 500, 1),
        row("BOOT", "TLB", "hit", 2, 17),
        row("BOOT", "TLB", "miss", 1, 900),
    ]
    return {"rows": rows, "machine": "slow", "assumptions": [{"name": "b", "high": 2}, {"name": "a", "high": 1}]}


def test_mechanisms_sum_services(document: dict[str, Any]) -> None:
    """Each mechanism holds its counters over all services and their cycles; dearest come first."""
    native, tlb = breakdown.by_mechanism(document)

    assert ("direct execution", 1500, 1) == (native.name, native.cycles, len(native.lines))
    assert [("miss", 1, 900), ("hit", 22, 374)] == [(line.name, line.count, line.cycles) for line in tlb.lines]
    assert (637, 2548) == (tlb.low, tlb.high)
    assert "derived" == tlb.lines[0].mark


def test_services_are_sorted_by_cycles(document: dict[str, Any]) -> None:
    """The dearest service comes first, and so does its dearest mechanism."""
    found = [
        (service.name, service.cycles, [p.name for p in parts]) for service, parts in breakdown.by_service(document)
    ]

    assert [("BOOT", 1434, ["TLB", "direct execution"]), ("USER", 1340, ["direct execution", "TLB"])] == found


def test_what_a_model_adds_is_beyond_bare_hardware(document: dict[str, Any]) -> None:
    """Each mechanism counts with the cycles that it takes more than on bare hardware, or fewer, most added first."""
    document["native_rows"] = [
        row("USER", "direct execution", "instructions", 1600, 1),
        row("USER", "TLB", "miss", 100, 1),
        row("USER", "refill", "refill", 3, 10),
    ]

    found = [(part.name, part.cycles, part.low, part.high, len(part.lines)) for part in breakdown.differences(document)]

    assert [
        ("TLB", 1174, 587, 2348, 2),
        ("refill", -30, -15, -60, 0),
        ("direct execution", -100, -50, -200, 1),
    ] == found


def test_assumptions_are_listed_once(document: dict[str, Any]) -> None:
    """An assumption that several documents on a machine share is listed once, by name; one of 0 to 0 is not."""
    document["assumptions"].append({"name": "none", "high": 0})
    found = breakdown.assumptions([document, document, {**document, "machine": "fast"}])

    assert {"slow": ["a", "b"], "fast": ["a", "b"]} == {
        machine: [record["name"] for record in records] for machine, records in found.items()
    }


def test_a_long_sweep_is_cut_where_dots_say_so() -> None:
    """Of many points a narrow screen has the first 20, dots, and the last 20; no machine where each model has one."""
    points = [
        {"trace_digest": "t", "trace": "t", "model": model, "machine": f"machine of {model}", "price.x": x}
        | {"overhead": 1.0, "overhead_low": 1.0, "overhead_high": 1.0}
        for model in ("xen", "agile")
        for x in range(30)
    ]
    shown, hidden = sweep_screen(points, ["model", "machine", "price.x"], 80)

    cells = {str(column.header): list(column.cells) for column in shown.columns}
    assert ["trace", "model", "x", "overhead", "bounds"] == list(cells)
    assert ["xen"] * 20 + ["…"] + ["agile"] * 20 == cells["model"]
    assert [*map(str, range(20)), "…", *map(str, range(10, 30))] == cells["x"]
    assert "40 of 60 points; all are in the folder." == hidden
