"""Plans: which counts the points of a grid follow from, and what of it has to be done.

Points that differ in prices alone share a count; points whose model takes none of what differs share everything.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from replay import sources
from replay.behind import first_level_key
from replay.count import Settings, settle
from replay.dataset import PRICE, SET, digest, machine_document
from replay.depths import shape_of
from replay.entrants import Entrant, refuse_untaken, taken
from replay.errors import UserError
from replay.grid import Block, Grid
from replay.machine import Machine
from replay.memory.parameters import CACHES, on_machine
from replay.model import Model
from replay.records import Record, parse_price
from replay.reprice import PricePoints
from replay.sched import charge as consolidated
from replay.sched import schedule as scheduling
from replay.traced import Traced

MOST_RUNS = 100_000
"""Counts of a sweep; each is a file or three."""


LEAST_SHARING = 3
"""Counts that share a first-level TLB from which it pays to note what that lacks, and likewise to find depths."""

FULL, NOTING, BEHIND = "full replay", "full replay, noting first-level misses", "replay of the misses noted"
STACKED = "one pass over the misses noted, for all second-level TLBs of as many sets"
"""Ways to count."""


class Path(NamedTuple):
    """How a run is counted: in which way, and after which run, which is itself if that is nobody's business."""

    way: str
    after: str
    ways: int = 0
    """The most ways that one pass is for."""


class Contestant(NamedTuple):
    """What is charged: a trace, or VMs together, to a model on a machine, beside its bare machine."""

    trace: Traced
    entrant: Entrant


@dataclass(frozen=True)
class Job:
    """One count."""

    run: str
    trace: Traced
    model: Model
    machine: Machine
    given: Mapping[str, Any]
    settings: Settings
    interval: int


@dataclass(frozen=True)
class Group:
    """Points that share a count and a machine, and differ in prices."""

    contestant: Contestant
    ours: Job
    bare: tuple[Job, ...]
    """Of each VM alone; where the model is a bare machine itself, ``ours``."""
    stated: Mapping[str, Any]
    """Parameters as the grid states them."""
    points: PricePoints
    digests: tuple[str, ...]

    @property
    def runs(self) -> list[str]:
        """Counts that it is priced from, each once."""
        return list(dict.fromkeys(job.run for job in (self.ours, *self.bare)))

    def only(self, lanes: Sequence[int]) -> Group:
        """Some of its points."""
        points = PricePoints(self.points.names, self.points.values[list(lanes)])
        return replace(self, points=points, digests=tuple(self.digests[lane] for lane in lanes))


@dataclass(frozen=True)
class Plan:
    """What a grid takes."""

    grid: Grid
    groups: tuple[Group, ...]
    jobs: dict[str, Job]
    """By run."""
    left_out: tuple[Mapping[str, Any], ...]
    """Models that a trace cannot be charged to, and how many points no schedule can have, each with the reason."""

    @property
    def digests(self) -> list[str]:
        """Of all points, in the grid's order."""
        return [point for group in self.groups for point in group.digests]


def make_plan(grid: Grid, contestants: Sequence[Contestant], left_out: Iterable[Mapping[str, str]] = ()) -> Plan:
    """The plan of ``grid`` for ``contestants``.  Raises UserError for what none of them takes, or takes so."""
    names = [name for block in grid.blocks for name in block.names]
    _refuse_unscheduled(names, contestants)
    takers = {name for contestant in contestants for name in _parameters(contestant, names)}
    refuse_untaken("parameter", dict.fromkeys(_of(SET, names)), takers)
    refuse_untaken(
        "price", dict.fromkeys(_of(PRICE, names)), {n for c in contestants for n in c.entrant.machine.prices}
    )
    _refuse_mixed_units(_of(PRICE, names), contestants)
    groups: list[Group] = []
    jobs: dict[str, Job] = {}
    seen: set[str] = set()
    impossible: dict[str, dict[str, Any]] = {}
    for contestant in contestants:
        for group in _groups(grid, contestant, jobs, impossible):
            fresh = [at for at, point in enumerate(group.digests) if point not in seen]
            if fresh:
                groups.append(group.only(_each_once(group, fresh)))
                seen.update(group.digests)
            if len(jobs) > MOST_RUNS:
                raise UserError(f"the grid takes more than {MOST_RUNS:,} counts; take fewer values of parameters")
    if impossible and not groups:
        raise UserError(next(iter(impossible.values()))["reason"])
    _refuse_idle_quantum(names, groups)
    return Plan(grid, tuple(groups), jobs, (*left_out, *impossible.values()))


def _each_once(group: Group, lanes: Sequence[int]) -> list[int]:
    """``lanes`` of ``group`` without those that repeat a point."""
    return sorted({group.digests[lane]: lane for lane in reversed(lanes)}.values())


def _refuse_unscheduled(names: Sequence[str], contestants: Sequence[Contestant]) -> None:
    """A schedule is of VMs that share a machine."""
    found = [parameter.name for parameter in scheduling.PARAMETERS if SET + parameter.name in names]
    if found and not any(contestant.trace.together for contestant in contestants):
        raise UserError(
            f"{found[0]} is of virtual machines together on one machine, which the grid has none of; "
            'give a group of traces, as traces = [["a.arrow", "b.arrow"]], or --together'
        )


def _refuse_idle_quantum(names: Sequence[str], groups: Sequence[Group]) -> None:
    """A quantum that no point has would be taken for one that changes nothing."""
    if SET + scheduling.QUANTUM in names and not any(scheduling.QUANTUM in group.stated for group in groups):
        raise UserError(
            f"{scheduling.QUANTUM} says how long a turn is, and nobody takes turns; let virtual machines share CPUs: "
            f"--set {scheduling.SCHEDULER}={scheduling.ROUND_ROBIN}, and fewer {scheduling.CPUS} than vCPUs"
        )


def _of(kind: str, names: Iterable[str]) -> list[str]:
    return [name.removeprefix(kind) for name in names if name.startswith(kind)]


def _refuse_mixed_units(names: Sequence[str], contestants: Sequence[Contestant]) -> None:
    """A number is in the price set's unit: price sets must agree about it."""
    for name in names:
        units = {
            c.entrant.machine.prices[name].unit: c.entrant.machine
            for c in contestants
            if name in c.entrant.machine.prices
        }
        if len(units) > 1:
            told = " and ".join(f"{unit} in price set {machine.price_set}" for unit, machine in units.items())
            raise UserError(f"price {name} is in {told}; sweep it on machines of one unit")


def _groups(
    grid: Grid, contestant: Contestant, jobs: dict[str, Job], impossible: dict[str, dict[str, Any]]
) -> Iterator[Group]:
    """The points of one contestant: a group for each choice of parameters, and of prices that come with one.

    Those that no schedule can have are put into ``impossible``, {model, points, reason} by what they are.
    """
    entrant = contestant.entrant
    names = _parameters(contestant, [name for block in grid.blocks for name in block.names])
    kept = [_taken_of(block, names, entrant.machine.prices) for block in grid.blocks]
    kept = [block for block in kept if block.names]
    priced = [block for block in kept if all(name.startswith(PRICE) for name in block.names)]
    others = [block for block in kept if block not in priced]
    price_names, table = _product(priced, entrant.machine)
    machine = digest(machine_document(entrant.machine))
    for rows in itertools.product(*(block.rows for block in others)):
        chosen = {
            name: value
            for block, row in zip(others, rows, strict=True)
            for name, value in zip(block.names, row, strict=True)
        }
        stated = {name.removeprefix(SET): value for name, value in chosen.items() if name.startswith(SET)}
        paid = {name.removeprefix(PRICE): value for name, value in chosen.items() if name.startswith(PRICE)}
        points = _with(price_names, table, paid, entrant.machine)
        trace, stated = contestant.trace.under(stated)
        why = trace.unfit(entrant.model)
        if why:
            what = digest([trace.label, entrant.model.name, machine, stated, paid])
            told = {"model": entrant.model.name, "points": points.size, "reason": f"{trace.label}: {why}"}
            impossible[what] = told
            continue
        ours = _job(trace, entrant.model, entrant.machine, stated, grid.interval, jobs)
        bare = (ours,) if consolidated.is_bare(entrant) else _bare_jobs(trace, entrant, stated, grid.interval, jobs)
        names_of_runs = ours.run, [job.run for job in bare]
        point_names = _digests(*names_of_runs, machine, trace.label, stated, points)
        yield Group(Contestant(trace, entrant), ours, bare, stated, points, point_names)


def _bare_jobs(
    trace: Traced, entrant: Entrant, stated: Mapping[str, Any], interval: int, jobs: dict[str, Job]
) -> tuple[Job, ...]:
    """The count of each VM alone on a bare machine."""
    return tuple(_job(one, entrant.bare, entrant.machine, stated, interval, jobs) for one in trace.alone())


def _parameters(contestant: Contestant, names: Iterable[str]) -> set[str]:
    """Parameters that either model takes on its machine, or VMs' schedule, where a grid states ``names``."""
    entrant = contestant.entrant
    about = {CACHES: 0} if SET + CACHES in names else {}
    sides = (on_machine(model, entrant.machine, about) for model in (entrant.model, entrant.bare))
    found = {parameter.name for model in sides for parameter in model.parameters}
    return found | ({parameter.name for parameter in scheduling.PARAMETERS} if contestant.trace.together else set())


def _taken_of(block: Block, parameters: Iterable[str], prices: Mapping[str, Record]) -> Block:
    """Of ``block`` what a contestant takes, rows that are then alike once."""
    known = {*(SET + name for name in parameters), *(PRICE + name for name in prices)}
    at = [i for i, name in enumerate(block.names) if name in known]
    rows = dict.fromkeys(tuple(row[i] for i in at) for row in block.rows)
    return Block(tuple(block.names[i] for i in at), tuple(rows))


def _product(blocks: Sequence[Block], machine: Machine) -> tuple[tuple[str, ...], np.ndarray]:
    """Every combination of blocks of prices: their names, and values [combination, name]."""
    table = np.zeros((1, 0))
    names: tuple[str, ...] = ()
    for block in blocks:
        short = _of(PRICE, block.names)
        rows = np.array([[_price(machine, name, v) for name, v in zip(short, row, strict=True)] for row in block.rows])
        table = np.hstack([np.repeat(table, len(rows), axis=0), np.tile(rows, (len(table), 1))])
        names = (*names, *short)
    return names, table


def _with(names: tuple[str, ...], table: np.ndarray, paid: Mapping[str, Any], machine: Machine) -> PricePoints:
    """The points of ``table`` with prices that are the same in all; names ascend."""
    more = [_price(machine, name, value) for name, value in paid.items()]
    table = np.hstack([table, np.tile(np.array(more).reshape(1, -1), (len(table), 1))])
    order = sorted(range(len(names) + len(paid)), key=[*names, *paid].__getitem__)
    return PricePoints(tuple([*names, *paid][at] for at in order), np.ascontiguousarray(table[:, order]))


def _price(machine: Machine, name: str, value: Any) -> float:
    """A price as a grid states it, a number or a text with its unit."""
    record = machine.prices[name]
    if isinstance(value, str):
        number, _, unit = value.partition(" ")
        if unit and unit != record.unit:
            raise UserError(
                f"price {name} = {value!r}: price set {machine.price_set} has it in {record.unit}; give it so"
            )
        value = number
    return parse_price(record, value)


def _job(
    trace: Traced, model: Model, machine: Machine, stated: Mapping[str, Any], interval: int, jobs: dict[str, Job]
) -> Job:
    model = on_machine(model, machine, {name: value for name, value in stated.items() if name == CACHES})
    given = taken(stated, model)
    settings = settle(model, machine, trace.meta, given)
    run = run_digest(trace, model.name, settings, interval)
    return jobs.setdefault(run, Job(run, trace, model, machine, given, settings, interval))


def paths(jobs: Iterable[Job]) -> dict[str, Path]:
    """By run: the way that each of ``jobs``, none of them counted yet, is to be counted."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        key = first_level_key(on_machine(job.model, job.machine, job.given), job.settings)
        groups.setdefault((job.run,) if key is None else (job.trace.digest, *key), []).append(job)
    found = dict[str, Path]()
    for members in groups.values():
        if len(members) >= LEAST_SHARING:
            leader, *others = members
            found |= {leader.run: Path(NOTING, leader.run)} | _behind(leader, others)
        else:
            found |= {job.run: Path(FULL, job.run) for job in members}
    return found


def _behind(leader: Job, others: Iterable[Job]) -> dict[str, Path]:
    """By run: how each of ``others`` is counted over what ``leader`` noted."""
    found, grids = dict[str, Path](), dict[Any, dict[str, int]]()
    for job in others:
        found[job.run] = Path(BEHIND, leader.run)
        shape = shape_of(on_machine(job.model, job.machine, job.given), job.settings)
        if shape:
            grids.setdefault(shape._replace(ways=0), {})[job.run] = shape.ways
    for ways in grids.values():
        if len(ways) >= LEAST_SHARING:
            found |= dict.fromkeys(ways, Path(STACKED, leader.run, max(ways.values())))
    return found


def run_digest(trace: Traced, model: str, settings: Settings, interval: int) -> str:
    """The name of a count: all that it follows from, the engine's and the models' sources among it."""
    makers = ("replay.count", "replay.sched.consolidate") if trace.together else ("replay.count",)
    made = [sources.digest(module) for module in makers]
    return digest(["run", trace.digest, trace.synthesized, model, settings, interval, *made])


def _digests(
    ours: str, bare: Sequence[str], machine: str, label: str, stated: Mapping[str, Any], points: PricePoints
) -> tuple[str, ...]:
    """The name of each point: all that it follows from, and what it is called by."""
    pricing = sources.digest("replay.sched.lanes")
    base = hashlib.sha256(digest(["point", ours, list(bare), machine, label, stated, points.names, pricing]).encode())
    found = []
    for lane in points.values:
        one = base.copy()
        one.update(lane.tobytes())
        found.append(one.hexdigest()[:32])
    return tuple(found)
