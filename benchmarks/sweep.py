"""Sweeps: prices on one count, geometries behind one first level, one pass over many, threads, what planning takes."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import models
from benchmarks.result import Result
from replay.behind import count_behind, count_noting
from replay.count import count
from replay.dataset import make_dataset
from replay.depths import count_over
from replay.entrants import Entrant
from replay.grid import Block, Grid
from replay.machine import load_machine
from replay.plan import Contestant, make_plan
from replay.prepare import Prepared, prepare
from replay.reprice import PricePoints, reprice
from replay.sweeping import carry_out
from replay.traced import Traced
from tracegen.record import record

ROUNDS = 5
POINTS = 10_000
MOVED = ("interrupt_delivery", "vm_exit", "walk_reference")
"""Prices in which they differ."""
SIZES = [{"stlb.entries": 12 << n} for n in range(16)]
"""Second-level TLBs of twelve ways."""
SHAPES = [{"stlb.entries": ways << n, "stlb.ways": ways} for n in range(3, 11) for ways in (1, 2, 3, 4, 6, 8, 12, 16)]
"""Second-level TLBs of eight numbers of sets and eight of ways."""


def results(trace: Path | None = None) -> list[Result]:
    """Medians of ROUNDS runs on x86-64 pmake, or on ``trace``; what is compared runs in turns."""
    with tempfile.TemporaryDirectory() as folder:
        if trace is None:
            trace = record("pmake", cpu="x86-64", output=Path(folder) / "pmake.arrow").path
        prepared = prepare(str(trace), use_cache=False)
        return [_prices(prepared), *_behind(prepared), *_one_pass(prepared), *_threads(prepared, Path(folder))]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _prices(prepared: Prepared) -> Result:
    """Points that differ in three prices, idle time recomputed at each, both sides, with bounds."""
    model, machine = models.load("ept"), load_machine("skylake-2017")
    bare = models.load(model.baseline)
    ours, beside = ((count(prepared, one, machine), one) for one in (model, bare))
    names = tuple(name for name in MOVED if name in machine.prices)
    chance = np.random.default_rng(1)
    values = chance.uniform(0.5, 2, (POINTS, len(names))) * [machine.prices[name].value for name in names]
    points = PricePoints(names, values)
    reprice(ours, beside, machine, PricePoints(names, values[:1]))
    took = statistics.median(_seconds(lambda: reprice(ours, beside, machine, points)) for _ in range(ROUNDS))
    return Result(f"{POINTS:,} price points on one count", took, "s", most=0.2)


def _behind(prepared: Prepared) -> list[Result]:
    """Point-records a second of a sweep of second-level TLBs, the count that notes the misses included."""
    found = []
    for name in ("native-walk", "ept"):
        model, machine = models.load(name), load_machine("skylake-2017")

        def separate(model: Any = model, machine: Any = machine) -> None:
            for given in SIZES:
                count(prepared, model, machine, given)

        def shared(model: Any = model, machine: Any = machine) -> None:
            _, stream = count_noting(prepared, model, machine, SIZES[0])
            for given in SIZES[1:]:
                count_behind(stream, model, machine, given)

        shared()
        work = len(SIZES) * prepared.columns.kind.size / 1e9
        times = [(_seconds(shared), _seconds(separate)) for _ in range(ROUNDS)]
        reuse, alone = (work / statistics.median(side) for side in zip(*times, strict=True))
        what = f"{len(SIZES)} second-level TLBs, {name}"
        found.append(Result(what, reuse, "G point-records/s", "separate replays", alone, least=5.0))
    return found


def _one_pass(prepared: Prepared) -> list[Result]:
    """Point-records a second of a grid of sets and ways, by depths; of separate replays, some of its points' are."""
    found = []
    for name in ("native-walk", "ept"):
        model, machine = models.load(name), load_machine("skylake-2017")

        def grid(model: Any = model, machine: Any = machine) -> None:
            _, stream = count_noting(prepared, model, machine, SHAPES[0])
            for given in SHAPES[1:]:
                count_over(stream, 16, model, machine, given)

        def separate(model: Any = model, machine: Any = machine) -> None:
            for given in SHAPES[::8]:
                count(prepared, model, machine, given)

        grid()
        rows = prepared.columns.kind.size / 1e9
        times = [(_seconds(grid) / len(SHAPES), _seconds(separate) / len(SHAPES[::8])) for _ in range(ROUNDS)]
        once, alone = (rows / statistics.median(side) for side in zip(*times, strict=True))
        what = f"{len(SHAPES)} second-level TLBs in one pass, {name}"
        found.append(Result(what, once, "G point-records/s", "separate replays", alone, least=20.0))
    return found


def _threads(prepared: Prepared, folder: Path) -> list[Result]:
    """Full replays of a whole sweep, files included, on two processors and on one; what of it is not counting.

    On one processor what is not counting takes its time; beside a single thread that counts it would hide on another.
    What two processes reach that only count, each on its own processor, is as much as the hardware gives.
    """
    model, machine = models.load("ept"), load_machine("skylake-2017")
    entrant = Entrant(model, models.load(model.baseline), machine)
    sizes = Block(("set.dtlb.entries",), tuple((16 * n,) for n in range(1, 51)))
    grid = Grid("threads", (), (), blocks=(sizes,))
    everywhere, made = os.sched_getaffinity(0), 0
    two = sorted(everywhere)[:2]

    def sweep(cpus: list[int]) -> Swept:
        nonlocal made
        made += 1
        plan = make_plan(grid, [Contestant(Traced("pmake", (prepared,)), entrant)])
        data = make_dataset(str(folder / f"out{made}"))
        os.sched_setaffinity(0, cpus)
        try:
            before = time.thread_time(), time.process_time()
            took = _seconds(lambda: carry_out(plan, data, threads=len(cpus)))
            own, whole = time.thread_time() - before[0], time.process_time() - before[1]
        finally:
            os.sched_setaffinity(0, everywhere)
        return Swept(took, own / whole)

    work = partial(_counting, prepared, entrant, _given(sizes))
    times = [(sweep(two), sweep(two[:1]), _at_once(work, two), _at_once(work, two[:1])) for _ in range(ROUNDS)]
    both, one, counting, alone = zip(*times, strict=True)
    seconds = [statistics.median(run.seconds for run in side) for side in (both, one)]
    counts = 2 * len(sizes.rows)
    ceiling = 2 / statistics.median(counting), 1 / statistics.median(alone)
    return [
        Result(
            f"{counts} full replays on two processors, sweeps/s", 1 / seconds[0], "1/s", "on one", 1 / seconds[1], 1.9
        ),
        Result(f"{counts} counts in each of two processes", ceiling[0], "1/s", "one process", ceiling[1]),
        Result("of a sweep of full replays, not counting", statistics.median(run.beside for run in one), "", most=0.05),
    ]


class Swept(NamedTuple):
    """A sweep as it went."""

    seconds: float
    beside: float
    """Part of the processor time that the thread took that does not count: plans, files and prices."""


def _at_once(work: Callable[[], float], cpus: list[int]) -> float:
    """The longest that ``work`` takes in processes at the same time, each on a processor of its own."""
    context = multiprocessing.get_context("fork")
    found = context.SimpleQueue()

    def measure(cpu: int) -> None:
        os.sched_setaffinity(0, [cpu])
        found.put(work())

    workers = [context.Process(target=measure, args=(cpu,)) for cpu in cpus]
    for worker in workers:
        worker.start()
    longest: float = max(found.get() for _ in workers)
    for worker in workers:
        worker.join()
    return longest


def _counting(prepared: Prepared, entrant: Entrant, points: list[dict[str, Any]]) -> float:
    """Seconds that the counts of a sweep take by themselves."""
    return sum(
        _seconds(partial(count, prepared, model, entrant.machine, given))
        for given in points
        for model in (entrant.model, entrant.bare)
    )


def _given(block: Block) -> list[dict[str, Any]]:
    return [{block.names[0].removeprefix("set."): value} for (value,) in block.rows]
