"""Studies: figures of bars as data, ours beside the published heights, and a verdict on each by the stated bands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import models
from replay.commands.study_traces import command
from reports import bars, study, values
from reports.bar_chart import chart
from reports.bar_page import page
from reports.bar_screen import bars_screen
from reports.catalogue import BARS, SERVICES, catalogue
from reports.study_index import index
from reports.verdicts import FITTED, NO, SHAPE, SMALL, YES, compared

BANDS = {"within": 1.5, "shape": 3, "negligible": 3}
DIRECT = "direct execution"


def row(service: str, mechanism: str, counter: str, cycles: int) -> dict[str, Any]:
    """A row of a result document."""
    return {
        "service": service,
        "mechanism": mechanism,
        "counter": counter,
        "cycles": cycles,
        "low": cycles // 2,
        "high": 2 * cycles,
    }


def document(*rows: dict[str, Any]) -> dict[str, Any]:
    """As much of a result document as a figure reads."""
    return {"rows": list(rows), "total": {"seconds": 1.0, "cycles": 100}, "trace": {"vcpus": 1}}


@pytest.fixture
def figure() -> bars.Figure:
    """Two bars of one workload: user and rest, what happens while booting left out."""
    return bars.read(
        {
            "name": "figure",
            "title": "A figure",
            "source": "cited: nobody",
            "note": "None.",
            "without": ["BOOT"],
            "bands": BANDS,
            "traces": {"guest": {"workload": "radix", "command": "tracegen run radix"}},
            "segments": [
                {"name": "user", "title": "user", "services": ["USER"], "mechanisms": [DIRECT]},
                {"name": "rest", "title": "all else"},
            ],
            "reasons": {"rest": "for all"},
            "bars": [
                {
                    "group": "g",
                    "title": "bare",
                    "trace": "guest",
                    "model": "native",
                    "published": {"user": 90, "rest": 10},
                },
                {
                    "group": "g",
                    "title": "monitor",
                    "trace": "guest",
                    "model": "disco",
                    "published": {"user": 90, "rest": 40},
                    "printed": 131,
                    "reasons": {"total": "of its own"},
                },
            ],
        }
    )


@pytest.fixture
def table(figure: bars.Figure) -> dict[str, Any]:
    """80 + 20 cycles on bare hardware, 80 + 60 below the monitor, and a thousand of booting that nobody counts."""
    boot = row("BOOT", DIRECT, "instructions", 1000)
    bare = document(boot, row("USER", DIRECT, "instructions", 80), row("fork", DIRECT, "instructions", 20))
    traps = row("USER", "exceptions", "fault", 60)
    return bars.figure_table(figure, [bare, document(boot, row("USER", DIRECT, "instructions", 80), traps)])


def test_the_first_bar_of_a_group_is_a_hundred(table: dict[str, Any]) -> None:
    """Heights are on the scale of the group's first bar, without the services that the figure leaves out."""
    heights = [{name: value["ours"] for name, value in bar["segments"].items()} for bar in table["bars"]]
    assert [{"user": 80.0, "rest": 20.0}, {"user": 80.0, "rest": 60.0}] == heights
    assert [100.0, 140.0] == [bar["total"]["ours"] for bar in table["bars"]]


def test_bounds_move_the_prices_of_the_segment(table: dict[str, Any]) -> None:
    """A height's bounds are its rows' at their cheapest and dearest, on the same scale."""
    rest = table["bars"][1]["segments"]["rest"]
    assert (30.0, 120.0) == (rest["low"], rest["high"])


def test_a_total_is_judged_by_what_it_adds(table: dict[str, Any]) -> None:
    """140 against a printed 131 is 40 added against 31: within the factor; the scale itself says nothing."""
    assert [SMALL, YES] == [bar["total"]["verdict"] for bar in table["bars"]]
    assert 131 == table["bars"][1]["total"]["published"]


@pytest.mark.parametrize(
    ("ours", "published", "verdict"),
    [
        (15, 10, YES),
        (10, 15, YES),
        (16, 10, SHAPE),
        (30, 10, SHAPE),
        (31, 10, NO),
        (2.9, 0, SMALL),
        (4, 0, NO),
        (-8, 8, NO),
    ],
)
def test_verdicts_follow_the_bands(ours: float, published: float, verdict: str) -> None:
    """Within a factor either way round it comes out, or its shape does; below the least both say nothing."""
    assert verdict == compared(ours, published, BANDS)


def test_reasons_are_given_where_it_does_not_come_out(table: dict[str, Any]) -> None:
    """A height that is reproduced needs no reason; another has the bar's own, or the figure's."""
    bare, monitor = table["bars"]
    assert ["", "for all"] == [bare["segments"][name]["reason"] for name in ("user", "rest")]
    assert (YES, "") == (monitor["total"]["verdict"], monitor["total"]["reason"])
    assert {YES: 4, SHAPE: 1, NO: 0, SMALL: 0} == table["verdicts"]


def test_a_row_that_no_segment_takes_is_refused(figure: bars.Figure) -> None:
    """Nothing is left out of a bar silently."""
    few = bars.read({**vars(figure), "segments": [{"name": "user", "services": ["USER"]}], "bars": []})
    with pytest.raises(LookupError, match="no segment takes direct execution of fork"):
        few.segment_of("native", row("fork", DIRECT, "instructions", 1))


def test_the_screen_says_every_height_and_why(table: dict[str, Any]) -> None:
    """Ours, the paper's, the verdict, then the reasons of those that differ and the commands that record the guests."""
    text = [part for part in bars_screen(table) if isinstance(part, str)]
    assert "Where it does not come out, and why:\ng on bare, all else: for all" in text
    time = "The machine's time that a bar stands for: 1 s on bare, 1.4 s on monitor."
    assert f"Our guests:\nguest: tracegen run radix. {time}" in text


def test_the_page_says_what_the_screen_says(table: dict[str, Any]) -> None:
    """Markdown: ours and the paper's with the verdict in a cell, reasons, and the commands."""
    lines = page(table).splitlines()
    assert "| g, monitor | 80.0 / 90.0 yes | 60.0 / 40.0 yes | 140.0 / 131.0 yes |" in lines
    assert "- g on bare, all else: for all" in lines
    assert "- guest: `tracegen run radix`. The machine's time" == lines[-1].partition(" that")[0]


def test_the_chart_holds_ours_and_the_papers(table: dict[str, Any]) -> None:
    """Each height is drawn twice, stacked in the order of the segments."""
    (drawn,) = chart(table).to_dict()["datasets"].values()
    assert [80.0, 20.0, 90, 10, 80.0, 60.0, 90, 40] == [value["height"] for value in drawn]
    assert ["user", "all else"] * 4 == [value["segment"] for value in drawn]


DOCUMENT: dict[str, Any] = {
    "rows": [
        {"service": "USER", "counter": "near", "count": 30, "cycles": 300},
        {"service": "open", "counter": "far", "count": 10, "cycles": 1700},
        {"service": "BOOT", "counter": "far", "count": 1000, "cycles": 1},
    ],
    "total": {"seconds": 4.0, "cycles": 8000},
    "trace": {"vcpus": 2},
}


@pytest.mark.parametrize(
    ("kind", "counters", "over", "expected"),
    [
        ("share", ["near"], ["near", "far"], 75.0),
        ("rate", ["far"], [], 20.0),
        ("time", ["far"], [], 85_000.0),
        ("time", ["never"], [], None),
    ],
)
def test_values_are_shares_rates_and_times(kind: str, counters: list[str], over: list[str], expected: float) -> None:
    """30 of 40; 10 in half a second of two CPUs; 170 cycles at 2,000 a second; what never happens takes no time."""
    value = values.read({"name": "v", "title": "V", "kind": kind, "counters": counters, "over": over})
    assert expected == value.of(DOCUMENT, ("BOOT",))


def test_a_value_of_another_kind_is_refused() -> None:
    """A study's file cannot ask for what nobody computes."""
    with pytest.raises(ValueError, match="v: a value is a share, a rate, a time or saved, not 'mean'"):
        values.read({"name": "v", "title": "V", "kind": "mean", "counters": []})


def test_values_stand_beside_the_papers(figure: bars.Figure) -> None:
    """A bar's figures are judged by their factor, and told with the reason of those that differ."""
    share = values.Value("user", "% of user", "share", ("instructions",), ("instructions", "fault"))
    bar = replace(figure.bars[0], values={"user": 10}, reasons={"user": "twice"})
    ticks = [row("USER", DIRECT, "instructions", 80) | {"count": 1}, row("fork", DIRECT, "fault", 20) | {"count": 4}]
    table = bars.figure_table(replace(figure, values=(share,), bars=(bar,)), [document(*ticks)])
    assert {"ours": 20.0, "published": 10, "verdict": SHAPE, "reason": "twice"} == table["bars"][0]["values"]["user"]
    assert 2 == table["verdicts"][SHAPE]
    assert "g on bare, % of user: twice" in [part for part in bars_screen(table) if isinstance(part, str)][3]


def test_one_page_carries_all_studies(table: dict[str, Any]) -> None:
    """A line a study with how its values came out and where its page is, and one of their sums."""
    lines = index([table, table | {"study": "disco-table2", "title": "Services"}]).splitlines()

    assert "| study | reproduced | shape only | not | small |" in lines
    assert "| [A figure](figure.md) | 4 | 1 | 0 | 0 |" in lines
    assert "| [Services](../table2.md) | 4 | 1 | 0 | 0 |" in lines
    assert "| all | 8 | 2 | 0 | 0 |" in lines


def test_every_study_that_is_shipped_is_whole() -> None:
    """Studies are of a known kind; their models, workloads, segments and sources exist, and each bar is judged."""
    from tracegen.workloads import find

    for document in catalogue().values():
        assert document["source"].startswith("cited: ")
        if document["kind"] == SERVICES:
            assert document["model"] in models.entries()
            assert study.read(document).services
            continue
        assert BARS == document["kind"]
        figure = bars.read(document)
        assert {"within", "shape", "negligible"} == set(figure.bands)
        for bar in figure.bars:
            assert bar.model in models.entries()
            assert set(figure.titles) == set(bar.published)
            assert bar.published or bar.values
            assert find(figure.traces[bar.trace]["workload"])


def test_a_table_of_values_has_no_bars(figure: bars.Figure) -> None:
    """Without segments nothing is drawn or judged but values; what set a price is fitted, and left out of the tally."""
    document_of_moves = DOCUMENT | {"rows": DOCUMENT["rows"][:2]}
    given = {"name": "rate", "title": "nears a second", "kind": "rate", "counters": ["near"]}
    time = {"name": "time", "title": "us of a near", "kind": "time", "counters": ["near"], "fitted": True}
    bar = {"group": "g", "title": "monitor", "trace": "guest", "model": "disco", "values": {"rate": 6, "time": 5000}}
    without = {**vars(figure), "segments": [], "values": [given, time], "bars": [bar], "reasons": {"rate": "fewer"}}
    table = bars.figure_table(bars.read(without), [document_of_moves])

    assert {"rate": (60.0, NO), "time": (5000.0, FITTED)} == {
        name: (value["ours"], value["verdict"]) for name, value in table["bars"][0]["values"].items()
    }
    assert {YES: 0, SHAPE: 0, NO: 1, SMALL: 0} == table["verdicts"]
    assert "| g, monitor | us of a near | 5000 | 5000 | fitted |" in page(table)
    assert ".svg" not in page(table)
    assert 1 == sum(not isinstance(part, str) for part in bars_screen(table))


def test_footprints_are_judged_in_megabytes(figure: bars.Figure) -> None:
    """The pages at the end, a bar for what is seen and one for what is there, with no bar as the scale."""
    early, late = ({"interval": at, "vm": 0, "class": "text", "virtual": 512, "machine": 256 * at} for at in (0, 1))
    found = {"footprint": [early, late, late | {"vm": None, "class": "monitor", "virtual": 64, "machine": 64}]}
    shape = {"trace": "guest", "model": "disco", "published": {"text": 1, "monitor": 1}}
    pair = [{**shape, "group": "g", "title": side, "side": side, "vms": 2} for side in ("virtual", "machine")]
    pair[1]["values"] = {"saved": 50, "saved_text": 50}
    of = {
        "heights": bars.FOOTPRINT,
        "bands": BANDS | {"negligible": 0.5},
        "segments": [{"name": name, "title": name, "classes": [name]} for name in ("text", "monitor")],
        "values": [
            {"name": "saved", "title": "%", "kind": "saved"},
            {"name": "saved_text", "title": "% of text", "kind": "saved", "classes": ["text"]},
        ],
        "bars": pair,
    }
    table = bars.figure_table(bars.read({**vars(figure), **of}), [found, found])

    assert [(2.0, 0.25, 2.25), (1.0, 0.25, 1.25)] == [
        (*(value["ours"] for value in bar["segments"].values()), bar["total"]["ours"]) for bar in table["bars"]
    ]
    assert [100 * 256 / 576, 50.0] == [value["ours"] for value in table["bars"][1]["values"].values()]
    assert {YES: 4, SHAPE: 2, NO: 2, SMALL: 0} == table["verdicts"]


def test_what_is_declared_shape_only_is_never_reproduced(figure: bars.Figure) -> None:
    """A height within the factor is told with its reason where the study said beforehand that only its shape counts."""
    bare = document(row("USER", DIRECT, "instructions", 90), row("fork", DIRECT, "instructions", 10))
    table = bars.figure_table(replace(figure, shape_only=("rest",), bars=figure.bars[:1]), [bare])

    verdicts = {name: (value["verdict"], value["reason"]) for name, value in table["bars"][0]["segments"].items()}
    assert {"user": (YES, ""), "rest": (SHAPE, "for all")} == verdicts


def test_what_a_short_window_says_is_not_reproduced(figure: bars.Figure) -> None:
    """Below the least time of the machine that a study asks for, what comes out is shape only, and says why."""
    found = document(row("USER", DIRECT, "instructions", 90), row("fork", DIRECT, "instructions", 10))
    share = values.Value("user", "% of user", "share", ("instructions",), ("instructions",))
    bar = replace(figure.bars[0], values={"user": 100})
    ticks = found | {"rows": [one | {"count": 1} for one in found["rows"]]}
    long, short = (
        bars.figure_table(replace(figure, values=(share,), bars=(bar,), least_seconds=least), [ticks])
        for least in (1.0, 1.5)
    )

    assert [YES] * 3 == [one["verdict"] for one in _all_values(long["bars"][0])]
    assert [(SHAPE, "It is of 1 s, and 1.5 are asked for.")] * 3 == [
        (one["verdict"], one["reason"]) for one in _all_values(short["bars"][0])
    ]
    assert "What a bar of less than 1.5 s of the machine's time says is not called reproduced." in page(short)


def _all_values(bar: dict[str, Any]) -> list[dict[str, Any]]:
    return [*bar["segments"].values(), *bar["values"].values()]


def test_pages_that_move_are_watched_for_seconds() -> None:
    """Figure 8 and Table 3 are of two seconds of the machine's time at least, as their rates are of a steady state."""
    assert [2, 2] == [catalogue()[name]["least_seconds"] for name in ("disco-fig8", "disco-table3")]


def test_recipes_say_which_kernel_runs() -> None:
    """A recipe's kernel is an option of the command line that records the guest."""
    recipe = {"workload": "radix", "arguments": {"threads": 8}, "vcpus": 8, "kernel": "thin"}

    assert "tracegen run radix threads=8 --vcpus 8 --kernel thin" == command(recipe)
