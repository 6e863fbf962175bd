"""Counting elsewhere: jobs as tasks of a Dask cluster, whose workers open the traces by the same paths.

A worker that dies costs what it was counting, which another one counts again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from replay.count import Counts, count
from replay.errors import UserError
from replay.machine import Machine
from replay.model import Model
from replay.plan import Job
from replay.prepare import Prepared, prepare
from replay.synthesize import synthesize

ANSWER_SECONDS = 10
"""A scheduler that has not answered by then is not there."""

RETRIES = 5
"""Times that a job is counted again whose worker died."""

AHEAD = 2
"""Jobs in the hands of each of a cluster's threads."""

KEPT_TRACES = 2
"""Traces that a worker holds open."""


class Crew(NamedTuple):
    """Who counts: where jobs go, and how many at a time."""

    executor: Executor
    size: int


class Task(NamedTuple):
    """A job as it is sent."""

    trace: str
    rule: str
    digest: str
    model: Model
    machine: Machine
    given: Mapping[str, Any]
    interval: int


def task_of(job: Job) -> Task:
    """``job`` as it is sent."""
    trace = job.trace
    return Task(trace.path, trace.rule, trace.prepared.digest, job.model, job.machine, dict(job.given), job.interval)


def count_apart(task: Task) -> Counts:
    """The counts of ``task``, in a worker.  Raises UserError if the trace at its path is another one there."""
    prepared = _prepared(task.trace, task.rule)
    if prepared.digest != task.digest:
        raise UserError(f"{task.trace}: another trace on the worker than here; give a path that both see")
    return count(prepared, task.model, task.machine, task.given, None, task.interval)


@lru_cache(KEPT_TRACES)
def _prepared(path: str, rule: str) -> Prepared:
    found = prepare(path)
    return synthesize(found, rule) if rule else found


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
