"""Sweeps over virtual machines together on one machine: each point is what `replay run` gives for these traces."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import models
import replay
from replay import api, cli, shell, sweeping
from replay.dataset import make_dataset, open_dataset
from replay.entrants import Entrant
from replay.errors import UserError
from replay.grid import Block, Grid, read_grid
from replay.machine import load_machine
from replay.plan import BEHIND, FULL, NOTING, STACKED, Contestant, make_plan, paths
from replay.prepare import Prepared
from replay.sched.charge import charge
from replay.sched.consolidate import consolidate
from replay.sched.schedule import ROUND_ROBIN, schedule_of
from replay.traced import KEPT_MERGED, Merged, Traced

from .sweeping import grid_together, trace_file
from .test_sched_consolidation import guest
from .test_sweep_prices import guest_by_chance

CPUS, SCHEDULER, QUANTUM = "set.schedule.cpus", "set.schedule.scheduler", "set.schedule.quantum"
TURNS = {CPUS: 2, SCHEDULER: ROUND_ROBIN, QUANTUM: 20_000}
"""A schedule by which VMs of at most two vCPUs share CPUs."""

WAITING = {"set.memory.contention": 1, "set.memory.window": 1000}
"""Requests wait for the memory that VMs share."""


@pytest.fixture(scope="module")
def swept(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep."""
    folder = tmp_path_factory.mktemp("swept") / "out"
    replay.sweep(grid_together(trace), folder)
    return folder


def scheduled(point: dict[str, Any]) -> dict[str, Any]:
    """What `replay run` is given for the schedule of ``point``."""
    names = {"cpus": CPUS, "scheduler": SCHEDULER, "quantum": QUANTUM}
    return {name: point[column] for name, column in names.items() if point[column] is not None}


def test_every_point_is_what_a_run_of_several_traces_gives(trace: Path, swept: Path) -> None:
    """Totals of each point, its document and its counts are those of ``run`` with the same VMs, schedule and prices."""
    data = open_dataset(str(swept))
    points = data.points().to_dicts()

    assert 2 * 2 * (1 + 2) * 2 == len(points)
    assert ["trace", "model", "machine", CPUS, SCHEDULER, QUANTUM, "price.stlb_hit"] == data.axes
    for point in points[::3]:
        vms = [str(trace)] * {"2 x small": 2, "3 x small": 3}[point["trace"]]
        alone = replay.run(vms, point["model"], price={"stlb_hit": point["price.stlb_hit"]}, **scheduled(point))
        assert alone.document["total"] == {key: point[key] for key in alone.document["total"]}
        assert alone.document == data.document(point["point"])
        assert np.array_equal(alone.counts.n, data.counts(point["run"]).n)
        assert np.array_equal(alone.counts.timeline.ticks, data.counts(point["run"]).timeline.ticks)
        assert alone.document["trace"]["digest"] == point["trace_digest"]


def swept_by_chance(
    vms: tuple[Prepared, ...], entrant: Entrant, given: dict[str, Any], paid: tuple[str, ...], folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Points at settings ``given`` and prices by chance, and the document that a run gives for each."""
    chance = random.Random(len(given))
    values = [[round(chance.uniform(0, 3) * entrant.machine.prices[name].value, 1) for name in paid] for _ in range(4)]
    blocks = (
        *(Block((name,), ((value,),)) for name, value in given.items()),
        Block(tuple(f"price.{name}" for name in paid), tuple(map(tuple, values))),
    )
    plan = make_plan(Grid("chance", (), (), blocks=blocks, interval=4000), [Contestant(Traced("vms", vms), entrant)])
    data = make_dataset(str(folder))
    assert [] == sweeping.carry_out(plan, data)

    settings = {name.removeprefix("set."): value for name, value in given.items()}
    schedule = schedule_of(settings)
    own = {name: value for name, value in settings.items() if not name.startswith("schedule.")}
    c = consolidate(vms, schedule, ["vm"] * len(vms))
    documents = [
        charge(c, entrant, own, dict(zip(paid, row, strict=True)), None, plan.grid.interval).document for row in values
    ]
    points = open_dataset(str(folder)).points().to_dicts()
    again = open_dataset(str(folder))
    assert documents == [again.document(point["point"]) for point in points]
    return points, documents


@pytest.mark.parametrize(
    ("name", "machine", "given"),
    [
        ("disco", "flash-1997", {}),
        ("disco", "flash-1997", TURNS),
        ("disco", "flash-1997", {"set.disks": "same"}),
        ("disco", "flash-1997-numa", WAITING),
        ("disco", "flash-1997-numa", WAITING | TURNS),
        ("ept", "skylake-2017", {"set.tlb.vm_tagged": 1}),
        ("ept", "skylake-2017", TURNS),
        ("native", "flash-1997-numa", WAITING),
    ],
)
def test_guests_by_chance_cost_what_runs_say(tmp_path: Path, name: str, machine: str, given: dict[str, Any]) -> None:
    """Each point's totals and document are a run's, with idle time, waits for memory, footprints and intervals."""
    guests = guest_by_chance(1, 2).prepared(), guest(2), guest_by_chance(3, 1).prepared()
    vms = tuple(vm._replace(digest=f"guest {k}") for k, vm in enumerate(guests))
    entrant = Entrant(models.load(name), models.load(models.load(name).baseline), load_machine(machine))
    paid = tuple(sorted(random.Random(name).sample(sorted(entrant.machine.prices), 4)))

    points, documents = swept_by_chance(vms, entrant, given, paid, tmp_path / "out")

    assert 4 == len(points)
    for point, document in zip(points, documents, strict=True):
        assert document["total"] == {key: point[key] for key in document["total"]}
        assert (document["idle"]["recomputed"], document["idle"]["native"]) == (point["idle"], point["native_idle"])
        assert document["trace"]["digest"] == point["trace_digest"]
        assert ("footprint" in document) == (name == "disco")


def test_rows_add_up_to_points(swept: Path) -> None:
    """The rows of all VMs by mechanism and counter add up to the cycles of their point, and of its bare machines."""
    data = open_dataset(str(swept))
    sums: dict[tuple[str, str], int] = {}
    for row in data.rows().to_dicts():
        sums[row["point"], row["side"]] = sums.get((row["point"], row["side"]), 0) + row["cycles"]

    points = data.points().to_dicts()
    assert [p["cycles"] for p in points] == [sums[p["point"], "model"] for p in points]
    assert [p["native"] for p in points] == [sums[p["point"], "bare"] for p in points]


def test_each_machine_s_figures_are_kept(swept: Path, trace: Path, tmp_path: Path) -> None:
    """The table of VMs has each VM's total as the document of its point does; points of one trace are not in it."""
    data = open_dataset(str(swept))
    points = data.points()["point"].to_list()
    alone = replay.sweep(Grid("alone", (str(trace),), ("ept",)), tmp_path / "alone")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in data.vms().to_dicts():
        found.setdefault(row["point"], []).append(row)

    assert set(points) == set(found)
    for point in points[::4]:
        vms = data.document(point)["vms"]
        totals = [
            {"vm": vm["vm"], "first_cpu": vm["cpus"][0], "idle": vm["idle"]["recomputed"]} | vm["total"] for vm in vms
        ]
        assert totals == [{key: row[key] for key in totals[0]} for row in found[point]]
    assert 0 == alone.vms().height


def test_nothing_is_counted_twice(trace: Path, swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other prices take no count, another quantum one for each group and model that takes turns by it."""
    grid, counted = grid_together(trace), []
    dearer = Grid("dearer", grid.traces, grid.models, blocks=(*grid.blocks[:2], Block(("price.stlb_hit",), ((80,),))))
    count = sweeping.count
    monkeypatch.setattr(sweeping, "count", lambda *about: counted.append(about) or count(*about))

    replay.sweep(grid, swept)
    replay.sweep(dearer, swept)
    assert [] == counted
    replay.sweep(grid_together(trace, (2000, 5000, 7000)), swept)

    assert 2 * 2 == len(counted)


def test_bare_machines_are_counted_alone_and_once(trace: Path) -> None:
    """The bare machines of all groups of one trace are one count, which a sweep of the trace alone shares."""
    grid = grid_together(trace)
    plan = api.plan(Grid("all", (*grid.traces, str(trace)), ("ept",), blocks=grid.blocks))
    bare = {job.run for group in plan.groups for job in group.bare}
    alone = next(group for group in plan.groups if not group.contestant.trace.together)
    ways = [path.way for path in paths(plan.jobs.values()).values()]

    assert {alone.bare[0].run} == bare
    assert {} == alone.stated
    assert {FULL: 2 * 3 + 2} == {way: ways.count(way) for way in ways}


@pytest.mark.parametrize("schedule", [{}, {SCHEDULER: ROUND_ROBIN, CPUS: 1, QUANTUM: 3000}], ids=["pinned", "turns"])
def test_every_way_gives_what_runs_give(trace: Path, tmp_path: Path, schedule: dict[str, Any]) -> None:
    """Counts of VMs together over the first-level misses noted, and by one pass over these, are those of runs."""
    shapes = [(4 * ways, ways) for ways in (1, 2, 3, 5, 8)] + [(8, 1), (96, 12), (8 << 5, 8)]
    blocks = (
        *(Block((name,), ((value,),)) for name, value in schedule.items()),
        Block(("set.tlb.vm_tagged",), ((1,),)),
        Block(("set.stlb.entries", "set.stlb.ways"), tuple(shapes)),
    )
    grid = Grid("ways", ((str(trace),) * 2,), ("ept",), blocks=blocks)
    ways = Counter(path.way for path in paths(api.plan(grid).jobs.values()).values())
    given = {name.removeprefix("set.schedule."): value for name, value in schedule.items()}

    data = replay.sweep(grid, tmp_path / "out")

    assert {NOTING: 2, STACKED: 2 * 4, BEHIND: 2 * 3} == ways
    walks = set()
    for point, (entries, ways_of_set) in zip(data.points().to_dicts(), shapes, strict=True):
        about = {"stlb.entries": entries, "stlb.ways": ways_of_set, "tlb.vm_tagged": 1}
        alone = replay.run([str(trace)] * 2, "ept", set=about, **given)
        assert alone.document == data.document(point["point"])
        assert np.array_equal(alone.counts.n, data.counts(point["run"]).n)
        walks.add(alone.counts.total("page_walk"))
    assert len(walks) > 3


def test_traces_are_merged_once_for_all_models(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many models and schedules there are, VMs are merged once for each schedule."""
    merged, made = Traced.merged, list[str]()
    monkeypatch.setattr(Traced, "merged", lambda self: made.append(self.digest) or merged(self))
    quanta = Block((SCHEDULER, CPUS, QUANTUM), tuple((ROUND_ROBIN, 1, 1000 * n) for n in range(1, 6)))

    replay.sweep(Grid("quanta", ((str(trace),) * 2,), ("ept", "shadow", "xen"), blocks=(quanta,)), tmp_path, threads=1)

    assert 5 == len(made) == len(set(made))


def test_merged_traces_are_made_once_and_not_kept_all() -> None:
    """Of the schedules of a plan only the last few merged traces are held; one trace is not merged at all."""
    vms, merged = (guest(1, rows=20), guest(2, rows=20)), Merged()
    traces = [Traced("vms", vms).under({"schedule.cpus": cpus})[0] for cpus in range(2, 6)]
    first = merged.of(traces[0])

    assert first is merged.of(traces[0])
    others = [merged.of(trace) for trace in traces[1 : 1 + KEPT_MERGED]]
    assert others[-1] is merged.of(traces[KEPT_MERGED])
    assert first is not merged.of(traces[0])
    assert vms[0] is merged.of(Traced("one", vms[:1]))


def test_what_is_known_before_merging_is_what_merging_gives() -> None:
    """Digest, metadata and synthesis rule of VMs under a schedule are those of their merged trace."""
    vms = (guest(1, 2, rows=50), guest(2, rows=50)._replace(synthesized="first-touch: by hand"))
    for stated in ({}, {"schedule.cpus": 2, "schedule.scheduler": ROUND_ROBIN, "schedule.quantum": 9000}):
        trace, _ = Traced("vms", vms).under(stated)
        found = trace.merged()
        assert (found.digest, found.meta, found.synthesized) == (trace.digest, trace.meta, trace.synthesized)


def test_impossible_schedules_are_left_out_and_said(trace: Path, tmp_path: Path) -> None:
    """Points that no schedule can have are left out with reason and number, once; where none is left, that is said."""
    cpus, scheduler = Block((CPUS,), ((1,), (2,))), Block((SCHEDULER,), (("pinned",), (ROUND_ROBIN,)))
    prices, quanta = Block(("price.vm_exit",), ((1,), (2,))), Block((QUANTUM,), ((2000,), (3000,)))
    group = ((str(trace),) * 2,)
    grid = Grid("some", group, ("ept", "native"), blocks=(cpus, scheduler, quanta, prices))

    data = replay.sweep(grid, tmp_path / "out")

    assert (1 + 2 + 1 + 1 + 1) * 2 == data.points().height
    assert 0 == data.missing
    assert [2, 2, 2, 2] == [one["points"] for one in data.left_out]
    crowded, bare = dict.fromkeys(one["reason"] for one in data.left_out)
    assert "2 x small: the virtual machines have 2 vCPUs in all and the machine 1 CPUs; give it more, " in crowded
    assert "2 x small: native-walk has no monitor, and a bare machine runs one guest; give each CPUs of its own" == bare
    with pytest.raises(UserError, match="2 x small: the virtual machines have 2 vCPUs in all and the machine 1 CPUs"):
        api.plan(Grid("none", group, ("ept",), blocks=(Block((CPUS,), ((1,),)),)))


@pytest.mark.parametrize(
    ("alone", "block", "words"),
    [
        (False, Block((CPUS,), ((0,),)), "parameter schedule.cpus = 0 is out of range; it takes 1 to 16 count"),
        (False, Block((SCHEDULER,), (("lottery",),)), "unknown value of parameter schedule.scheduler 'lottery'"),
        (False, Block((QUANTUM, SCHEDULER), ((999, ROUND_ROBIN),)), "schedule.quantum = 999 is out of range"),
        (False, Block((QUANTUM,), ((5000,),)), "nobody takes turns; .*: --set schedule.scheduler=round-robin"),
        (False, Block((QUANTUM, SCHEDULER), ((5000, ROUND_ROBIN),)), "round-robin, and fewer schedule.cpus than vCPUs"),
        (
            False,
            Block(("set.schedule.cpu",), ((2,),)),
            "unknown parameter 'schedule.cpu'; did you mean 'schedule.cpus'",
        ),
        (True, Block((CPUS,), ((2,),)), "schedule.cpus is of virtual machines together on one machine, .*--together"),
    ],
)
def test_schedules_that_make_no_sense_are_refused(trace: Path, block: Block, alone: bool, words: str) -> None:
    """Values out of range, a quantum without turns and a schedule of nobody are refused before anything is counted."""
    traces = (str(trace),) if alone else ((str(trace),) * 2,)

    with pytest.raises(UserError, match=words):
        api.plan(Grid("wrong", traces, ("ept",), blocks=(block,)))


def test_unlike_guests_are_refused(trace: Path, tmp_path: Path) -> None:
    """Traces that no machine can run together are refused by their names."""
    other = trace_file(tmp_path / "mips.arrow", "mips64")

    with pytest.raises(UserError, match=r"mips.arrow: architecture is mips64, that of .*small.arrow x86-64; "):
        api.plan(Grid("unlike", ((str(trace), str(other)),), ("ept",)))


def test_a_file_states_groups(tmp_path: Path) -> None:
    """A list within the list of traces is a group, each trace beside the file; one may be in it twice."""
    path = tmp_path / "g.toml"
    path.write_text('traces = ["a.arrow", ["a.arrow", "a.arrow", "s3://b/c.arrow"]]\nmodels = ["ept"]\n')

    assert (f"{tmp_path}/a.arrow", (f"{tmp_path}/a.arrow",) * 2 + ("s3://b/c.arrow",)) == read_grid(str(path)).traces


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('traces = [["a.arrow"]]', r"traces: the one trace .*a.arrow as virtual machines together; give two or more"),
        ("traces = [[]]", "traces: no trace as virtual machines together; give two or more"),
        ('traces = [["a", 1]]', r"traces should be a list of names, or of lists of them, holds \['a', 1\]"),
        ('traces = [["a", "b"], ["a", "b"]]', "traces names one twice; name each once"),
    ],
)
def test_groups_that_make_no_sense_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """A group of less than two, of other things than names, or stated twice is refused."""
    path = tmp_path / "g.toml"
    path.write_text(text)

    with pytest.raises(UserError, match=words):
        read_grid(str(path))


def command(*arguments: object) -> int:
    """The exit code of `replay` with these arguments."""
    return shell.run(cli.app, "replay", [str(argument) for argument in arguments])


def test_traces_together_on_the_command_line(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--together` makes one group of the traces, whose counts `--plan` says, and refuses a single one."""
    options = ("--together", "--model", "ept", "--set", "schedule.cpus=1,2", "--set", "schedule.scheduler=round-robin")
    planned = command("sweep", trace, trace, *options, "--plan", "--json")
    document = json.loads(capsys.readouterr().out)
    done = command("sweep", trace, trace, *options, "-o", tmp_path / "out", "--json")
    points = json.loads(capsys.readouterr().out)
    refused = command("sweep", trace, *options, "--plan")

    assert [0, 0, shell.MISUSED] == [planned, done, refused]
    assert {FULL: 3} == document["ways"]
    assert [("2 x small", 1), ("2 x small", 2)] == [(point["trace"], point[CPUS]) for point in points]
    assert "--together: the one trace" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--cpus", "1", "--scheduler", "round-robin", "--quantum", "3000"]])
def test_a_comparison_of_several_traces_is_kept(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """`compare -o` of several traces keeps the documents that it prints without, as a sweep, and whom it leaves out."""
    asked = ("compare", trace, trace, "--machine", "skylake-2017", *options, "--json")
    codes = [command(*asked)]
    printed = json.loads(capsys.readouterr().out)
    codes.append(command(*asked, "-o", tmp_path / "out"))
    kept = json.loads(capsys.readouterr().out)
    by_model = [{document["model"]: document for document in one["models"]} for one in (printed, kept)]

    assert [0, 0] == codes
    assert by_model[0] == by_model[1]
    assert {one["model"] for one in printed["left_out"]} == {one["model"] for one in kept["left_out"]}
    assert len(by_model[0]) == open_dataset(str(tmp_path / "out")).points().height


def test_a_report_shows_groups(swept: Path, trace: Path, tmp_path: Path) -> None:
    """A page of a sweep over groups has their bare machines' spending summed, and few points whole with each VM."""
    from replay.commands.report_input import read

    few = tmp_path / "few"
    replay.sweep(Grid("few", ((str(trace),) * 2,), ("ept",)), few)
    sweep, (result,) = read([swept]).sweep, read([few]).results
    point = open_dataset(str(few)).points().to_dicts()[0]

    assert sweep is not None
    two, three = (next(p for p in sweep.points if p["trace"] == f"{n} x small" and p["model"] == "ept") for n in (2, 3))
    once = {part: {name: n / 2 for name, n in spent.items()} for part, spent in sweep.spent[two["bare"]].items()}
    assert {part: {name: 3 * n for name, n in spent.items()} for part, spent in once.items()} == sweep.spent[
        three["bare"]
    ]
    assert 2 == len(result.document["vms"])
    assert point["cycles"] == result.document["total"]["cycles"]
    assert {0, 1} == set(result.counts["vm"])
