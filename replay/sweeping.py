"""Sweeps: carry a plan out into a dataset, each count once, and go on where another sweep left off."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Protocol

from replay.behind import Stream, count_noting
from replay.cluster import Crew, Found, Task, chains_of, count_apart, task_of
from replay.count import Counts, count
from replay.dataset import Dataset
from replay.depths import count_over
from replay.entrants import Crowd, at_once
from replay.errors import UserError
from replay.memory.parameters import on_machine
from replay.plan import FULL, NOTING, Group, Job, Path, Plan, paths
from replay.point_tables import point_table, row_table, vm_table
from replay.sched.charge import counted_of
from replay.sched.lanes import reprice_together
from replay.tariff import Tariff, tariff_of
from replay.traced import Merged

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
        "traces": sorted({group.contestant.trace.digest for group in plan.groups}),
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
    return group.only([at for at, point in enumerate(group.digests) if point not in there])


class _Work:
    """Counts that are missing, and groups that wait for them."""

    def __init__(self, plan: Plan, data: Dataset, groups: list[Group], watcher: Watcher | None) -> None:
        self.plan, self.data, self.watcher = plan, data, watcher
        self.failed: list[Group] = []
        self.reasons: list[dict[str, Any]] = []
        self._waiting: dict[str, list[Group]] = {}  # by run
        self._uses = Counter(run for group in groups for run in group.runs)
        for group in groups:
            for run in group.runs:
                self._waiting.setdefault(run, []).append(group)
        self._held: dict[str, Counts] = {}
        self._broken: dict[str, str] = {}
        self._ready = {run for run in self._waiting if data.has_run(run)}
        self._groups = groups
        self._paths: dict[str, Path] = {}
        self._followers: dict[str, list[Job]] = {}
        self._streams: dict[str, Stream] = {}
        self._merged = Merged()
        self._users: Counter[str] = Counter()  # of a stream, by the run that noted it
        self._done: list[tuple[pl.DataFrame, pl.DataFrame]] = []  # points, and their rows
        self._vms: list[pl.DataFrame] = []  # of points of several VMs, each of these
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
        first = _by_trace([job for job in missing if self._paths[job.run].after == job.run])
        if crew:
            chains = deque(chain for job in first for chain in chains_of(job, self._followers.pop(job.run, [])))
            submit = crew.executor.submit
            self._count_all(lambda jobs: submit(count_apart, self._tasks(jobs)), chains, crew.size, elsewhere=True)
            return
        if threads is None:
            threads = min(at_once(job.trace.vms, [job.model]) for job in missing)
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
        rows = job.trace.rows
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
        path, about = self._paths[job.run], (job.model, job.machine, job.given)
        try:
            prepared = self._merged.of(job.trace)
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
        self.data.add_run(job.run, found, _tariff(job), job.model.parameters, job.trace.members)

    def _price(self, group: Group) -> None:
        """Price ``group`` if its counts are there."""
        runs = group.runs
        if not self._ready.issuperset(runs):
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
        bare = [self._counts(job) for job in group.bare if job is not group.ours]
        counted = counted_of(group.contestant.trace.members, self._counts(group.ours), bare)
        about = _tariff(group.ours), _tariff(group.bare[0]), group.contestant.entrant.machine
        for first in range(0, group.points.size, FLUSH_POINTS):
            part = group.only(range(group.points.size)[first : first + FLUSH_POINTS])
            found, each = reprice_together(counted, *about, part.points)
            self._vms += [vm_table(part, each)] if counted.members else []
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
        done, vms = self._done, self._vms
        self._done, self._vms, self._flushed = [], [], time.monotonic()
        if done:
            import polars as pl

            points, rows = zip(*done, strict=True)
            self.data.add_points(
                pl.concat(points, how="diagonal_relaxed"), pl.concat(rows), pl.concat(vms) if vms else None
            )

    def _machine(self, group: Group) -> str:
        """The digest of a group's machine, which is kept."""
        machine = group.contestant.entrant.machine
        if id(machine) not in self._machines:
            self._machines[id(machine)] = self.data.add_machine(machine)
        return self._machines[id(machine)]


def _by_trace(jobs: list[Job]) -> list[Job]:
    """``jobs`` in their order, those of one trace after the first of these: VMs are merged once for all."""
    first = {job.trace.digest: at for at, job in reversed(list(enumerate(jobs)))}
    return sorted(jobs, key=lambda job: first[job.trace.digest])


def _tariff(job: Job) -> Tariff:
    return tariff_of(on_machine(job.model, job.machine, job.settings))


def reasons(left_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """What was left out and why, a line for each reason."""
    found: Counter[str] = Counter()
    models = []
    for one in left_out:
        if "points" in one:
            found[one["reason"]] += one["points"]
        else:
            models.append(f"{one['model']} left out: {one['reason']}")
    return [*(f"{points:,} points left out: {reason}" for reason, points in found.items()), *models]
