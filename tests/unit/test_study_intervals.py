"""Intervals of studies: which versions of a figure are charged, and how far each of its values moves with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reports import across, bars, values
from reports.bar_page import page
from reports.bar_screen import legend

SHORTER = {"arguments": {"keys": 10}}
FULL: dict[str, Any] = {"workload": "radix", "vcpus": 8, "arguments": {"keys": 100}}


def figure(*variations: dict[str, Any], **traces: dict[str, Any]) -> bars.Figure:
    """A figure of one bar, with these variations and traces."""
    return bars.read(
        {
            **dict.fromkeys(("name", "title", "source", "note"), "cited: nobody"),
            "bands": {"within": 1.5, "shape": 3, "negligible": 3},
            "traces": traces or {"guest": FULL},
            "bars": [{"group": "g", "title": "t", "trace": "guest", "model": "disco", "values": {"rate": 1}}],
            "values": [{"name": "rate", "title": "rate", "kind": "rate", "counters": ["near"]}],
            "variations": variations,
        }
    )


TURNS = {"title": "turns of 250", "recipe": {"quantum": 250}}
PRICE = {"title": "CPI 2", "price": {"cpi": 2}}


def test_without_variations_there_is_one_version() -> None:
    """A figure that rests on no interleaving is charged once, as it is."""
    assert [({"guest": FULL}, {})] == across.versions(figure())


def test_each_variation_is_a_version() -> None:
    """Turns change the recipe of the recording, prices what is added to a bar's; each alone."""
    found = across.versions(figure(TURNS, PRICE))

    assert [({"guest": FULL}, {}), ({"guest": {**FULL, "quantum": 250}}, {}), ({"guest": FULL}, {"cpi": 2})] == found


def test_recordings_that_vary_may_be_shorter() -> None:
    """The shorter recording is charged as it is, too, since only what varies it may tell; prices vary the full one."""
    found = across.versions(figure(TURNS, PRICE, guest={**FULL, "short": SHORTER}))
    short = {"workload": "radix", "vcpus": 8, **SHORTER}

    assert [short, {**short, "quantum": 250}] == [found[1][0]["guest"], found[2][0]["guest"]]
    assert [FULL["arguments"], FULL["arguments"]] == [found[at][0]["guest"]["arguments"] for at in (0, 3)]


def test_one_cpu_takes_no_turns() -> None:
    """The recipe of a machine with one vCPU stays what it is."""
    alone = {"workload": "radix"}

    assert [alone, alone] == [recipes["guest"] for recipes, _ in across.versions(figure(TURNS, guest=alone))]


def document(near: int) -> dict[str, Any]:
    """As much of a result document as the figure reads: one second of one CPU."""
    rows = [{"service": "USER", "counter": "near", "count": near, "cycles": 100}]
    return {"rows": rows, "total": {"seconds": 1.0, "cycles": 100}, "trace": {"vcpus": 1}}


@pytest.mark.parametrize(("varied", "expected"), [((7, 13), [97.0, 103.0]), ((12, 13), [100.0, 103.0])])
def test_a_value_moves_by_what_varying_it_adds(varied: tuple[int, int], expected: list[float]) -> None:
    """Of 10 in short recordings, 7 and 13 with other turns: 100 in the full one is 97 to 103; it is in its interval."""
    turns = {"title": "turns of 4000", "recipe": {"quantum": 4000}}
    of = figure(TURNS, turns, guest={**FULL, "short": SHORTER})
    tables = [bars.figure_table(of, [document(near)]) for near in (100, 10, *varied)]
    across.widen(tables[0], across.changes(of, tables))

    assert expected == tables[0]["bars"][0]["values"]["rate"]["across"]


def test_no_value_falls_below_zero() -> None:
    """A rate that varying lowers by more than there is of it begins at 0."""
    of = figure(PRICE)
    found, varied = (bars.figure_table(of, [document(near)]) for near in (1, 0))
    across.widen(found, [({**found, "bars": bars.figure_table(of, [document(9)])["bars"]}, varied)])

    assert [0.0, 1.0] == found["bars"][0]["values"]["rate"]["across"]


def test_no_share_is_more_than_all() -> None:
    """A share that varying raises beyond 100 per cent ends at 100; a rate does not."""
    for kind, over, most in (("share", ["near", "far"], 100.0), ("rate", [], 118.0)):
        value = {"name": "rate", "title": "rate", "kind": kind, "counters": ["near"], "over": over}
        of = replace(figure(PRICE), values=(values.read(value),))
        found, before, after = (bars.figure_table(of, [_both(near)]) for near in (98, 80, 100))
        across.widen(found, [(before, after)])

        assert most == found["bars"][0]["values"]["rate"]["across"][1]


def _both(near: int) -> dict[str, Any]:
    """A result document of 100 misses, so many of them near."""
    made = document(near)
    return made | {"rows": [*made["rows"], {"service": "USER", "counter": "far", "count": 100 - near, "cycles": 0}]}


def test_pages_tell_intervals_and_what_they_are_of() -> None:
    """Ours has its interval in brackets; the legend says what was varied."""
    of = figure(PRICE)
    tables = [bars.figure_table(of, [document(near)]) for near in (4, 6)]
    across.widen(tables[0], across.changes(of, tables))
    tables[0]["traces"]["guest"]["command"] = "tracegen run radix"

    assert "| g, t | rate | 4 [4..6] | 1 | no |" in page(tables[0]).splitlines()
    assert legend(tables[0]).endswith("In brackets: what becomes of it with CPI 2, each alone.")
