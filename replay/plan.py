"""Plans: which counts the points of a grid follow from, and what of it has to be done.

Points that differ in prices alone share a count; points whose model takes none of what differs share everything.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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
from replay.prepare import Prepared
from replay.records import Record, parse_price
from replay.reprice import PricePoints

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


class Traced(NamedTuple):
    """A trace of a sweep and what tables call it."""

    label: str
    prepared: Prepared
    path: str = ""
    """Where others open it."""
    rule: str = ""
    """What was synthesized by, '' for nothing."""


class Contestant(NamedTuple):
    """What is charged: a trace to a model on a machine, beside its bare machine."""

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
    bare: Job
    stated: Mapping[str, Any]
    """Parameters as the grid states them."""
    points: PricePoints
    digests: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What a grid takes."""

    grid: Grid
    groups: tuple[Group, ...]
    jobs: dict[str, Job]
    """By run."""
    left_out: tuple[Mapping[str, str], ...]
    """Models that a trace cannot be charged to, each with the reason."""

    @property
    def digests(self) -> list[str]:
        """Of all points, in the grid's order."""
        return [point for group in self.groups for point in group.digests]


def make_plan(grid: Grid, contestants: Sequence[Contestant], left_out: Iterable[Mapping[str, str]] = ()) -> Plan:
    """The plan of ``grid`` for ``contestants``.  Raises UserError for what none of them takes, or takes so."""
    names = [name for block in grid.blocks for name in block.names]
    takers = {name for contestant in contestants for name in _parameters(contestant.entrant, names)}
    refuse_untaken("parameter", dict.fromkeys(_of(SET, names)), takers)
    refuse_untaken(
        "price", dict.fromkeys(_of(PRICE, names)), {n for c in contestants for n in c.entrant.machine.prices}
    )
    _refuse_mixed_units(_of(PRICE, names), contestants)
    groups: list[Group] = []
    jobs: dict[str, Job] = {}
    seen: set[str] = set()
    for contestant in contestants:
        for group in _groups(grid, contestant, jobs):
            fresh = np.array([at for at, point in enumerate(group.digests) if point not in seen], np.int64)
            if fresh.size:
                groups.append(_only(group, fresh))
                seen.update(group.digests)
            if len(jobs) > MOST_RUNS:
                raise UserError(f"the grid takes more than {MOST_RUNS:,} counts; take fewer values of parameters")
    return Plan(grid, tuple(groups), jobs, tuple(left_out))


def _only(group: Group, lanes: np.ndarray) -> Group:
    """``group`` with some of its lanes, each point once."""
    found = {group.digests[lane]: int(lane) for lane in reversed(lanes.tolist())}
    kept = sorted(found.values())
    points = PricePoints(group.points.names, group.points.values[kept])
    return Group(
        group.contestant, group.ours, group.bare, group.stated, points, tuple(group.digests[lane] for lane in kept)
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


def _groups(grid: Grid, contestant: Contestant, jobs: dict[str, Job]) -> Iterator[Group]:
    """The points of one contestant: a group for each choice of parameters, and of prices that come with one."""
    trace, entrant = contestant
    names = _parameters(entrant, [name for block in grid.blocks for name in block.names])
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
        ours, bare = (
            _job(trace, model, entrant.machine, stated, grid.interval, jobs) for model in (entrant.model, entrant.bare)
        )
        yield Group(
            contestant, ours, bare, stated, points, _digests(ours.run, bare.run, machine, trace.label, stated, points)
        )


def _parameters(entrant: Entrant, names: Iterable[str]) -> set[str]:
    """Parameters that either model takes on its machine, where a grid states those called ``names``."""
    about = {CACHES: 0} if SET + CACHES in names else {}
    sides = (on_machine(model, entrant.machine, about) for model in (entrant.model, entrant.bare))
    return {parameter.name for model in sides for parameter in model.parameters}


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
    settings = settle(model, machine, trace.prepared.meta, given)
    run = run_digest(trace.prepared, model.name, settings, interval)
    return jobs.setdefault(run, Job(run, trace, model, machine, given, settings, interval))


def paths(jobs: Iterable[Job]) -> dict[str, Path]:
    """By run: the way that each of ``jobs``, none of them counted yet, is to be counted."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        key = first_level_key(on_machine(job.model, job.machine, job.given), job.settings)
        groups.setdefault((job.run,) if key is None else (job.trace.prepared.digest, *key), []).append(job)
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


def run_digest(prepared: Prepared, model: str, settings: Settings, interval: int) -> str:
    """The name of a count: all that it follows from, the engine's and the models' sources among it."""
    return digest(["run", prepared.digest, prepared.synthesized, model, settings, interval, _engine()])


@cache
def _engine() -> str:
    return sources.digest("replay.count")


def _digests(
    ours: str, bare: str, machine: str, label: str, stated: Mapping[str, Any], points: PricePoints
) -> tuple[str, ...]:
    """The name of each point: all that it follows from, and what it is called by."""
    pricing = sources.digest("replay.reprice")
    base = hashlib.sha256(digest(["point", ours, bare, machine, label, stated, points.names, pricing]).encode())
    found = []
    for lane in points.values:
        one = base.copy()
        one.update(lane.tobytes())
        found.append(one.hexdigest()[:32])
    return tuple(found)
