"""Memory in a page: requests by node, moves of pages and pages taken, from counts."""

from __future__ import annotations

from typing import Any

from reports.memory_view import OTHER, OWN, memory_view
from reports.result import Result


def result(cells: list[tuple[int, int, str, int]], footprint: list[dict[str, Any]] | None = None) -> Result:
    """A run with counts of (CPU, interval, counter, n) on nodes of two CPUs."""
    columns = dict(zip(("vcpu", "interval", "counter", "n"), map(list, zip(*cells, strict=True)), strict=True))
    settings = {"memory.cpus_per_node": 2}
    return Result({"settings": settings, "interval": 1_000_000, "footprint": footprint or []}, counts=columns)


def test_requests_are_booked_to_the_node_that_asks() -> None:
    """Each node has the misses and upgrades of its CPUs, by whether it served them; other counters are none."""
    cells = [(0, 0, "local_miss", 5), (1, 0, "remote_miss", 2), (1, 0, "l2_hit", 9), (3, 0, "remote_upgrade", 4)]

    assert {
        "nodes": [
            {"node": "node 0", "served": OTHER, "requests": 2},
            {"node": "node 0", "served": OWN, "requests": 5},
            {"node": "node 1", "served": OTHER, "requests": 4},
        ]
    } == memory_view(result(cells))


def test_moves_over_time_have_their_empty_intervals() -> None:
    """An interval in which no page moved shows none, and what never happened is not shown."""
    cells = [(0, 0, "migration", 3), (0, 2, "migration", 1)]

    assert {
        "moves": [
            {"at": 0.0, "what": "migrations", "n": 3},
            {"at": 1.0, "what": "migrations", "n": 0},
            {"at": 2.0, "what": "migrations", "n": 1},
        ]
    } == memory_view(result(cells))


def test_pages_taken_are_those_at_the_end_of_each_point() -> None:
    """Of intervals that are put together the last one says how many pages are taken, all machines together."""
    cells = [(0, at, "instructions", 1) for at in range(480)]
    rows = [
        {"interval": at, "vm": vm, "class": "user", "virtual": at + 1, "machine": at}
        for at in range(480)
        for vm in (0, 1)
    ]

    found = memory_view(result(cells, rows))["footprint"]
    assert 240 == len(found)
    assert [
        {"at": 0.0, "what": "user", "machine": 2, "virtual": 4},
        {"at": 2.0, "what": "user", "machine": 6, "virtual": 8},
    ] == found[:2]


def test_a_machine_without_caches_shows_nothing() -> None:
    """Without requests to memory, moves of pages and footprints there is no chart."""
    assert {} == memory_view(result([(0, 0, "instructions", 5)]))
