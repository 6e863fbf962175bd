"""Sweeps: carry a plan out into a dataset, each count once, and go on where another sweep left off."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from replay.behind import Stream, count_noting
from replay.cluster import Crew, Found, Task, chains_of, count_apart, task_of
from replay.count import Counts, count
from replay.dataset import PRICE, SET, Dataset
from replay.depths import count_over
from replay.entrants import Crowd, at_once
from replay.errors import UserError
from replay.memory.parameters import on_machine
from replay.model import IDLE
from replay.plan import FULL, NOTING, Group, Job, Path, Plan, paths
from replay.reprice import PricePoints, Repriced, Side, reprice
from replay.tariff import Tariff, tariff_of

if TYPE_CHECKING:
    import polars as pl

FLUSH_SECONDS = 5.0
"""Finished points are kept at least this often; what a kill takes is priced again from the counts."""

BEHIND_SHARE = 8
"""A count of the misses noted takes about so many times less work than a full one, as progress has it."""

FLUSH_POINTS = 20_000
"""Points in a part, and priced at once."""


class Watcher(Protocol):
    """Who wants to know how far a sweep is."""

    def begin(self, points: int, there: int) -> None:
        """A sweep of so many points begins, of which so many are there already."""

    def counting(self, rows: int, total: int) -> None:
        """So many rows of traces are counted, of so many in all."""

    def finished(self, points: int) -> None:
        """So many more points are finished."""


def carry_out(
    plan: Plan,
    data: Dataset,
    watcher: Watcher | None = None,
    threads: int | None = None,
    crew: Crew | None = None,
) -> list[dict[str, Any]]:
    """Do what ``plan`` asks for and ``data`` lacks.  Returns what was left out: {points, reason}.

    A point whose hardware cannot be (ways that do not divide) is left out.  Raises UserError where nothing is left, or
    files cannot be written; what was finished stays, and the same call goes on from there.  ``threads`` of this process
    count, or a ``crew`` elsewhere does.
    """
    data.add_grid(grid_document(plan, plan.digests))
    there = data.finished()
    groups = [group for group in (_unfinished(group, there) for group in plan.groups) if group.digests]
    work = _Work(plan, data, groups, watcher)
    if watcher:
        watcher.begin(len(plan.digests), len(plan.digests) - sum(len(group.digests) for group in groups))
    try:
        work.run(threads, crew)
    finally:
        work.flush()
    lost = {point for group in work.failed for point in group.digests}
    if lost:
        data.add_grid(grid_document(plan, [point for point in plan.digests if point not in lost], work.reasons))
    if lost and len(lost) == len(plan.digests):
        raise UserError(work.reasons[0]["reason"])
    return work.reasons


def grid_document(plan: Plan, points: list[str], left_out: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What a dataset keeps of a plan's grid: its ``points``, and of what was ``left_out`` how much and why."""
    grid = plan.grid
    contestants = list(dict.fromkeys(_names(group) for group in plan.groups))
    varied = [name for at, name in enumerate(("trace", "model", "machine")) if len({c[at] for c in contestants}) > 1]
    if len({c[2:] for c in contestants}) > len({c[2] for c in contestants}):  # else machines tell them apart
        varied.append("price_set")
    blocks = [{"names": list(block.names), "rows": [list(row) for row in block.rows]} for block in grid.blocks]
    stated = {
        "contestants": [list(contestant) for contestant in contestants],
        "traces": sorted({group.contestant.trace.prepared.digest for group in plan.groups}),
        "blocks": blocks,
        "interval": grid.interval,
        "synthesize": grid.synthesize,
    }
    axes = [*varied, *(name for block in grid.blocks if len(block.rows) > 1 for name in block.names)]
    return {
        "name": grid.name,
        "stated": stated,
        "axes": axes,
        "points": points,
        "runs": len(plan.jobs),
        "left_out": [dict(one) for one in (*plan.left_out, *left_out)],
    }


def _names(group: Group) -> tuple[str, str, str, str]:
    """What is charged, as tables call it: trace, model, machine and price set."""
    trace, entrant = group.contestant
    return trace.label, group.ours.model.name, entrant.machine.name, entrant.machine.price_set


def _unfinished(group: Group, there: set[str]) -> Group:
    """``group`` without the points that are there."""
    kept = [at for at, point in enumerate(group.digests) if point not in there]
    points = PricePoints(group.points.names, group.points.values[kept])
    return Group(
        group.contestant, group.ours, group.bare, group.stated, points, tuple(group.digests[at] for at in kept)
    )


class _Work:
    """Counts that are missing, and groups that wait for them."""

    def __init__(self, plan: Plan, data: Dataset, groups: list[Group], watcher: Watcher | None) -> None:
        self.plan, self.data, self.watcher = plan, data, watcher
        self.failed: list[Group] = []
        self.reasons: list[dict[str, Any]] = []
        self._waiting: dict[str, list[Group]] = {}  # by run
        self._uses = Counter(run for group in groups for run in {group.ours.run, group.bare.run})
        for group in groups:
            for run in {group.ours.run, group.bare.run}:
                self._waiting.setdefault(run, []).append(group)
        self._held: dict[str, Counts] = {}
        self._broken: dict[str, str] = {}
        self._ready = {run for run in self._waiting if data.has_run(run)}
        self._groups = groups
        self._paths: dict[str, Path] = {}
        self._followers: dict[str, list[Job]] = {}
        self._streams: dict[str, Stream] = {}
        self._users: Counter[str] = Counter()  # of a stream, by the run that noted it
        self._done: list[tuple[pl.DataFrame, pl.DataFrame]] = []  # points, and their rows
        self._flushed = time.monotonic()
        self._machines: dict[int, str] = {}  # by identity, which lasts as long as the plan

    def run(self, threads: int | None, crew: Crew | None) -> None:
        """Count what is missing, and price each group as soon as its counts are there."""
        missing = [self.plan.jobs[run] for run in self._waiting if run not in self._ready]
        self._paths = paths(missing)
        self._crowd = Crowd(self.watcher.counting if self.watcher else None, sum(map(self._rows, missing)))
        for group in self._groups:
            self._price(group)
        if not missing:
            return
        for job in missing:
            if self._paths[job.run].after != job.run:
                self._followers.setdefault(self._paths[job.run].after, []).append(job)
        first = [job for job in missing if self._paths[job.run].after == job.run]
        if crew:
            chains = deque(chain for job in first for chain in chains_of(job, self._followers.pop(job.run, [])))
            submit = crew.executor.submit
            self._count_all(lambda jobs: submit(count_apart, self._tasks(jobs)), chains, crew.size, elsewhere=True)
            return
        if threads is None:
            threads = min(at_once(job.trace.prepared, [job.model]) for job in missing)
        with ThreadPoolExecutor(threads) as pool:
            try:
                self._count_all(
                    lambda jobs: pool.submit(self._count, *jobs), deque([job] for job in first), threads + 1
                )
            except BaseException:
                self._crowd.stop()  # the others end at their next step
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _tasks(self, jobs: list[Job]) -> list[Task]:
        return [task_of(job, self._paths[job.run]) for job in jobs]

    def _rows(self, job: Job) -> int:
        """Rows that it takes to count ``job``, or about as much work."""
        rows = int(job.trace.prepared.columns.kind.size)
        return rows if self._paths[job.run].after == job.run else rows // BEHIND_SHARE

    def _count_all(
        self,
        submit: Callable[[list[Job]], Future[list[Found]]],
        missing: deque[list[Job]],
        most: int,
        *,
        elsewhere: bool = False,
    ) -> None:
        """Let jobs that are counted together be counted, so many lists of them at a time."""
        running: dict[Future[list[Found]], list[Job]] = {}
        while missing or running:
            while missing and len(running) < most:
                jobs = missing.popleft()
                running[submit(jobs)] = jobs
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                for job, found in zip(running.pop(future), future.result(), strict=True):
                    if isinstance(found, str):  # hardware that cannot be, as the model says when it is made
                        self._broken[job.run] = found
                    else:
                        self._held[job.run] = found
                        if elsewhere:  # a thread here has written its own: this one would keep others waiting
                            self._write(job, found)
                    self._ready.add(job.run)
                    missing.extendleft([one] for one in self._next(job))
                    for group in self._waiting[job.run]:
                        self._price(group)

    def _next(self, job: Job) -> list[Job]:
        """The counts that can be made now that ``job`` is done; if it could not be, another one notes the misses."""
        followers = self._followers.pop(job.run, [])
        if job.run in self._broken and followers:
            leader, *rest = followers
            self._paths[leader.run] = Path(NOTING, leader.run)
            self._paths |= {one.run: self._paths[one.run]._replace(after=leader.run) for one in rest}
            self._followers[leader.run] = rest
            return [leader]
        leader_run = self._paths[job.run].after
        if leader_run != job.run:
            self._users[leader_run] -= 1
            if not self._users[leader_run]:
                self._streams.pop(leader_run, None)
        self._users[job.run] = len(followers)
        return followers

    def _count(self, job: Job) -> list[Found]:
        prepared, path = job.trace.prepared, self._paths[job.run]
        about = job.model, job.machine, job.given
        try:
            if path.way == NOTING:
                found, self._streams[job.run] = count_noting(prepared, *about, self._crowd.member(), job.interval)
            elif path.way == FULL:
                found = count(prepared, *about, self._crowd.member(), job.interval)
            else:
                found = count_over(self._streams[path.after], path.ways, *about)
                self._crowd.advance(self._rows(job))
        except UserError as error:
            return [str(error)]
        self._write(job, found)
        return [found]

    def _write(self, job: Job, found: Counts) -> None:
        self.data.add_run(job.run, found, _tariff(job), job.model.parameters)

    def _price(self, group: Group) -> None:
        """Price ``group`` if its counts are there."""
        runs = {group.ours.run, group.bare.run}
        if not runs <= self._ready:
            return
        broken = [self._broken[run] for run in runs if run in self._broken]
        if broken:
            self.failed.append(group)
            self.reasons.append({"points": len(group.digests), "reason": broken[0]})
        else:
            self._price_all(group)
        for run in runs:
            self._uses[run] -= 1
            if not self._uses[run]:
                self._held.pop(run, None)

    def _price_all(self, group: Group) -> None:
        ours, bare = ((self._counts(job), _tariff(job)) for job in (group.ours, group.bare))
        for first in range(0, group.points.size, FLUSH_POINTS):
            lanes = slice(first, first + FLUSH_POINTS)
            points = PricePoints(group.points.names, group.points.values[lanes])
            part = Group(group.contestant, group.ours, group.bare, group.stated, points, group.digests[lanes])
            found = reprice(ours, bare, group.contestant.entrant.machine, points)
            self._done.append((point_table(part, found, self._machine(part)), row_table(part, found)))
            pending = sum(done.height for done, _ in self._done)
            if pending >= FLUSH_POINTS or time.monotonic() - self._flushed > FLUSH_SECONDS:
                self.flush()
        if self.watcher:
            self.watcher.finished(len(group.digests))

    def _counts(self, job: Job) -> Counts:
        if job.run not in self._held:
            self._held[job.run] = self.data.counts(job.run)
        return self._held[job.run]

    def flush(self) -> None:
        """Keep the points that are finished."""
        done, self._done, self._flushed = self._done, [], time.monotonic()
        if done:
            import polars as pl

            points, rows = zip(*done, strict=True)
            self.data.add_points(pl.concat(points, how="diagonal_relaxed"), pl.concat(rows))

    def _machine(self, group: Group) -> str:
        """The digest of a group's machine, which is kept."""
        machine = group.contestant.entrant.machine
        if id(machine) not in self._machines:
            self._machines[id(machine)] = self.data.add_machine(machine)
        return self._machines[id(machine)]


def _tariff(job: Job) -> Tariff:
    return tariff_of(on_machine(job.model, job.machine, job.settings))


def point_table(group: Group, found: Repriced, machine: str) -> pl.DataFrame:
    """One row for each point of ``group``, whose machine's digest is ``machine``."""
    import polars as pl

    prepared, entrant = group.contestant.trace.prepared, group.contestant.entrant
    alike: Mapping[str, Any] = {
        "run": group.ours.run,
        "bare": group.bare.run,
        "trace": group.contestant.trace.label,
        "trace_digest": prepared.digest,
        "workload": prepared.meta.workload,
        "architecture": prepared.meta.architecture,
        "vcpus": prepared.meta.vcpus,
        "model": group.ours.model.name,
        "baseline": group.bare.model.name,
        "machine": entrant.machine.name,
        "machine_digest": machine,
        "price_set": entrant.machine.price_set,
        "synthesized": prepared.synthesized,
        "fidelity": group.ours.model.fidelity[prepared.meta.architecture],
        **{SET + name: value for name, value in group.stated.items()},
    }
    prices = {PRICE + name: group.points.values[:, at] for at, name in enumerate(group.points.names)}
    return pl.DataFrame({"point": list(group.digests), **alike, **prices, **found.totals})


def row_table(group: Group, found: Repriced) -> pl.DataFrame:
    """One row for each point of ``group``, side, mechanism and counter."""
    import polars as pl

    sides = zip(("model", "bare"), (group.ours.model, group.bare.model), (found.ours, found.bare), strict=True)
    return pl.concat([_side_table(group.digests, name, model.mechanism, side) for name, model, side in sides])


def _side_table(points: tuple[str, ...], name: str, mechanism: Any, side: Side) -> pl.DataFrame:
    import polars as pl

    lanes, counters = len(points), len(side.counters)
    ticks = np.repeat(side.counts[:, None], lanes, axis=1)
    if IDLE in side.counters:
        ticks[side.counters.index(IDLE)] = side.idle[0]
    value, low, high = (side.cycles[at].reshape(-1) for at in range(3))
    lane, counter = np.tile(np.arange(lanes), counters), np.repeat(np.arange(counters), lanes)
    return pl.DataFrame(
        {
            "point": pl.Series(points)[lane],
            "side": pl.Series([name])[np.zeros_like(lane)],
            "mechanism": pl.Series([mechanism(c) for c in side.counters], dtype=pl.String)[counter],
            "counter": pl.Series(side.counters, dtype=pl.String)[counter],
            "count": ticks.reshape(-1),
            "cycles": value,
            "low": low,
            "high": high,
        }
    )


def reasons(left_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was left out and why, a line for each reason."""
    found: Counter[str] = Counter()
    for one in left_out:
        found[one["reason"]] += one["points"]
    return [f"{points:,} points left out: {reason}" for reason, points in found.items()]
