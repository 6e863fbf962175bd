"""Counting elsewhere: jobs as tasks of a Dask cluster, whose workers open the traces by the same paths.

Jobs behind one first level go together, for their worker to count over what the first of them notes.  A worker that
dies costs what it was counting, which another one counts again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from replay.behind import count_noting
from replay.count import Counts, count
from replay.depths import count_over
from replay.errors import UserError
from replay.machine import Machine
from replay.model import Model
from replay.plan import FULL, Job, Path
from replay.prepare import Prepared, prepare
from replay.sched.consolidate import consolidate
from replay.sched.schedule import Schedule
from replay.synthesize import synthesize

ANSWER_SECONDS = 10
"""A scheduler that has not answered by then is not there."""

RETRIES = 5
"""Times that a job is counted again whose worker died."""

AHEAD = 2
"""Jobs in the hands of each of a cluster's threads."""

CHAIN = 64
"""Jobs that a worker counts over what it noted: a full replay among so many costs little, and others have work too."""

KEPT_TRACES = 2
"""Traces that a worker holds open."""


Found = Counts | str
"""What came of a job: its counts, or why it cannot be."""


class Crew(NamedTuple):
    """Who counts: where jobs go, and how many at a time."""

    executor: Executor
    size: int


class Task(NamedTuple):
    """A job as it is sent."""

    traces: tuple[str, ...]
    schedule: Schedule
    rule: str
    digest: str
    model: Model
    machine: Machine
    given: Mapping[str, Any]
    interval: int
    path: Path


def task_of(job: Job, path: Path) -> Task:
    """``job`` as it is sent."""
    trace = job.trace
    about = job.model, job.machine, dict(job.given), job.interval, path
    return Task(trace.paths, trace.schedule, trace.rule, trace.digest, *about)


def chains_of(leader: Job, followers: Sequence[Job]) -> Iterator[list[Job]]:
    """The jobs behind one first level, in lists for one worker each."""
    jobs = [leader, *followers]
    for first in range(0, len(jobs), CHAIN):
        yield jobs[first : first + CHAIN]


def count_apart(tasks: Sequence[Task]) -> list[Found]:
    """What comes of ``tasks`` in a worker: the first that can be notes what the others are counted over.

    Raises UserError if the trace at their path is another one there.
    """
    first = tasks[0]
    prepared = _prepared(first.traces, first.schedule, first.rule)
    if prepared.digest != first.digest:
        where = ", ".join(first.traces)
        raise UserError(f"{where}: another trace on the worker than here; give a path that both see")
    stream, found = None, list[Found]()
    for task in tasks:
        about = task.model, task.machine, task.given
        try:
            if stream is not None:
                one = count_over(stream, task.path.ways, *about)
            elif task.path.way == FULL:
                one = count(prepared, *about, None, task.interval)
            else:
                one, stream = count_noting(prepared, *about, None, task.interval)
        except UserError as error:
            found.append(str(error))
        else:
            found.append(one)
    return found


@lru_cache(KEPT_TRACES)
def _prepared(paths: tuple[str, ...], schedule: Schedule, rule: str) -> Prepared:
    """The trace, or VMs together under ``schedule``."""
    vms = [prepare(path) for path in paths]
    return consolidate([synthesize(vm, rule) for vm in vms] if rule else vms, schedule, paths).prepared


@contextmanager
def crew_at(address: str) -> Iterator[Crew]:
    """The workers of the Dask cluster whose scheduler is at ``address``.  Raises UserError if it is not there."""
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise UserError("--cluster needs Dask distributed; install vmreplay[cluster]") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())[:100] or "no answer"
        raise UserError(f"cluster {address}: {why}; start one with `dask scheduler` and give its address") from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise UserError(f"cluster {address}: has no workers; start some with `dask worker {address}`")
        try:
            yield Crew(client.get_executor(pure=False, retries=RETRIES), AHEAD * threads)
        except (KilledWorker, CommClosedError) as error:
            why = " ".join(str(error).split())[:100]
            raise UserError(f"cluster {address}: {why}; what was finished is kept") from None
