"""A small trace in a file, a grid over it, and a process that is killed while it sweeps."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from replay.behind import count_behind, count_noting
from replay.count import count
from replay.dataset import make_dataset
from replay.grid import Block, Grid
from replay.handmade import DIRECT_MAP, Script, handmade_meta
from replay.plan import Plan
from replay.sched.schedule import PINNED, ROUND_ROBIN
from replay.sweeping import carry_out
from replay.trace.container import TraceFile
from replay.trace.schema import COLUMNS, Kind, Segment

SIZES = tuple((12 << n,) for n in range(8))
GRID = (
    Block(("set.stlb.entries",), SIZES),
    Block(("set.tlb.tagged",), ((0,), (1,))),
    Block(("price.stlb_hit", "price.walk_reference"), ((7, 20), (9, 30))),
)


def trace_file(path: Path, architecture: str = "x86-64") -> Path:
    """A guest of two spaces, written to ``path``."""
    chance, script = random.Random(1), Script(handmade_meta(architecture=architecture))
    pages = [script.page(vpn, space) for space in (1, 2) for vpn in range(90)]
    pages += [script.page(DIRECT_MAP + frame, 0, Segment.MAPPED) for frame in range(20)]
    for _ in range(40):
        script.row(Kind.BASE_SWITCH, chance.choice((1, 2)))
        for _ in range(200):
            script.row(Kind.LOAD8, chance.choice(pages), n=3)
    table = np.array([tuple(row) for row in [*script.rows, (Kind.END, 0, 0, 0, 0)]], np.int64)
    file = TraceFile(path, script.meta)
    columns = enumerate(("kind", "ctx", "info", "page", "n"))
    file.write({name: table[:, at].astype(COLUMNS[name]) for at, name in columns})
    file.commit({"complete": True})
    return path


def grid_together(trace: Path, quanta: tuple[int, ...] = (2000, 5000)) -> Grid:
    """Two and three guests on one machine, alone on their CPUs and taking turns on one, at two prices each."""
    blocks = (
        Block(("set.schedule.cpus", "set.schedule.scheduler"), ((3, PINNED), (1, ROUND_ROBIN))),
        Block(("set.schedule.quantum",), tuple((quantum,) for quantum in quanta)),
        Block(("price.stlb_hit",), ((7,), (9,))),
    )
    return Grid("together", ((str(trace),) * 2, (str(trace),) * 3), ("ept", "shadow"), blocks=blocks)


def grid_over(trace: Path, models: tuple[str, ...] = ("ept",)) -> Grid:
    """Second-level TLBs with and without tags, at two prices each."""
    return Grid("small", (str(trace),), models, blocks=GRID)


def load_kernels(plan: Plan) -> None:
    """Compile or load what counting takes, and nothing that does not survive a fork."""
    for job in {(job.model.name, job.trace.together): job for job in plan.jobs.values()}.values():
        if job.trace.together or not job.model.split:
            count(job.trace.merged(), job.model, job.machine, job.given)
        else:
            _, stream = count_noting(job.trace.merged(), job.model, job.machine, job.given)
            count_behind(stream, job.model, job.machine, job.given)


def kill_at_random(plan: Plan, folder: str, kills: int, longest: float) -> int:
    """Sweep into ``folder`` in a process that is killed, ``kills`` times; how many ended before they were."""
    chance, early = random.Random(7), 0
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            carry_out(plan, make_dataset(folder), threads=2)
            os._exit(0)
        time.sleep(chance.uniform(0, longest))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        early += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return early


if __name__ == "__main__":
    from replay import api

    make = {"alone": grid_over, "together": grid_together}[sys.argv[4]]
    trace, folder, kills = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    planned = api.plan(make(trace))
    load_kernels(planned)
    began = time.monotonic()
    kill_at_random(planned, folder, kills, 0.4)
    print(time.monotonic() - began)
