"""The count kernel against the same algorithm in C, on recorded traces, all events included.

All walk the same arrays in the same process, ROUNDS times each in turn, and the run fails if any count differs.  C
is built with -O3 -march=native by the pinned ziglang, and by gcc where there is one.
"""

from __future__ import annotations

import ctypes
import functools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import models
from benchmarks.result import Result
from replay.count import make_engine, settle
from replay.errors import UserError
from replay.kernel import count_rows
from replay.machine import Machine, load_machine
from replay.memory.cached import Cached
from replay.memory.parameters import on_machine
from replay.model import Model
from replay.prepare import Prepared, prepare
from tracegen.record import record

HERE = Path(__file__).resolve().parent
ROUNDS = 5
TRACES = (("pmake", "mips64"), ("radix", "mips64"), ("gups", "mips64"), ("pmake", "x86-64"))
"""Workloads and the CPUs that they are recorded on."""
LEAST = {"pmake": 0.9, "radix": 0.9}
"""Workload -> speed over C's that the kernel is to reach; hostile-locality traces are reported, not bounded."""
CACHED = ("flash-1997", "flash-1997-numa")
"""The same machine, without caches and with them."""
CACHED_LEAST = 250.0
"""Million rows a second that a model with caches is to make of an operating system's trace, of one vCPU."""
CACHED_VCPUS = 8
"""vCPUs of a trace that is counted with caches, too; its figures are reported, not bounded."""
WALKERS = ("ept", "native-walk", "shadow")
"""Twins whose hardware walks page tables: those that an x86-64 trace is counted under."""

WITH_CACHES = ("native",)
"""Twins that know of memory with caches, too."""
TABLE_REFERENCE = "table_reference"
"""A counter of every model on a machine with caches."""

Run = Callable[[], tuple[float, np.ndarray]]


def compilers() -> dict[str, list[str]]:
    """C compilers to compare with, by name, as commands; the first one is bounded against."""
    found = {"ziglang": [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all"]}
    return found | ({"gcc": ["gcc"]} if shutil.which("gcc") else {})


def build(model: Model, compiler: list[str], target: Path) -> Any:
    """The C twin of ``model`` as a loaded library's function; a counter is ``C_`` and its name there."""
    numbers = [f"-DC_{counter}={n}" for n, counter in enumerate(model.counters)]
    flags = ["-O3", "-march=native", "-shared", "-fPIC", "-w", *numbers]
    if TABLE_REFERENCE in model.counters:
        flags.append("-DCACHES")
    subprocess.run([*compiler, *flags, str(HERE / "c" / f"{model.name}.c"), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target)).count_rows


def fields(value: Any) -> Iterator[int]:
    """Addresses and numbers in a nested NamedTuple, in order: the C structure of the same name."""
    if isinstance(value, np.ndarray):
        yield value.ctypes.data
    elif isinstance(value, tuple):
        for part in value:
            yield from fields(part)
    else:
        yield int(value)


def struct(value: Any, *more: int) -> Any:
    """A C structure of 8-byte fields."""
    words = [*fields(value), *more]
    return (ctypes.c_uint64 * len(words))(*words)


def lengths(name: str, state: Any) -> tuple[int, ...]:
    """Lengths of arrays that the C structure of a model's state ends with."""
    if name == "disco":
        return state.pmap.machine.size, state.handlers.ticks.shape[1], state.probed.size, state.drivers.own.size
    if name == "shadow":
        guest = state.mmu.guest
        return guest.spaces.size, state.mmu.current.size, guest.table_of.size
    return (state.mmu.frames.spaces.size,) if name == "ept" else ()


def model_on(name: str, architecture: str, machine: str = "") -> tuple[Model, Machine]:
    """Model ``name`` as it is on ``machine``, and that; by default on the one that it has for ``architecture``."""
    hardware = load_machine(machine or models.load(name).machine[architecture])
    return on_machine(models.load(name), hardware, {}), hardware


def twins(name: str, prepared: Prepared, functions: dict[str, Any], machine: str = "") -> dict[str, Run]:
    """Ways to count by name, numba's first: each makes a fresh state, walks the trace, returns (seconds, counts)."""
    model, hardware = model_on(name, prepared.meta.architecture, machine)
    settings = settle(model, hardware, prepared.meta, {})
    rows = prepared.columns.kind.size

    def fresh() -> tuple[Any, Any]:
        engine = make_engine(prepared, model, settings)
        return model.state(prepared, settings, engine.counts), engine

    def compiled() -> tuple[float, np.ndarray]:
        state, engine = fresh()
        start = time.perf_counter()
        count_rows(state, engine, prepared.columns, 0, rows)
        return time.perf_counter() - start, engine.counts

    def in_c(function: Any) -> tuple[float, np.ndarray]:
        state, engine = fresh()
        own = engine._replace(watch=())  # C notes nothing at device rows
        arguments = struct(state, *lengths(name, state)), struct(own, *spaces(own)), struct(prepared.columns)
        start = time.perf_counter()
        function(*arguments, ctypes.c_uint64(0), ctypes.c_uint64(rows))
        return time.perf_counter() - start, engine.counts

    return {"numba": compiled} | {c: functools.partial(in_c, function) for c, function in functions.items()}


def spaces(engine: Any) -> tuple[int, ...]:
    """Length of the array of spaces that the C structure of memory with caches ends with."""
    return (engine.memory.frames.spaces.size,) if isinstance(engine.memory, Cached) else ()


def unread(counts: np.ndarray, model: Model) -> np.ndarray:
    """Counts without the counter that nobody reads."""
    return counts.reshape(-1, len(model.counters) + 1)[:, :-1]


def measure(name: str, prepared: Prepared, functions: dict[str, Any], machine: str = "") -> dict[str, float]:
    """Median rows per second of each way to count."""
    ways = twins(name, prepared, functions, machine)
    model, _ = model_on(name, prepared.meta.architecture, machine)
    counts = {way: unread(run()[1], model) for way, run in ways.items()}
    for way, found in counts.items():
        if not np.array_equal(counts["numba"], found):
            raise UserError(f"{name}: the kernel and its C twin built by {way} count differently")
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            seconds[way].append(run()[0])
    return {way: prepared.columns.kind.size / statistics.median(found) for way, found in seconds.items()}


def against_c(workload: str, cpu: str, prepared: Prepared, folder: Path) -> Iterator[Result]:
    """Rows per second of each model that has a C twin, beside each C compiler's; ziglang's is bounded against."""
    for name in WALKERS if cpu == "x86-64" else sorted(path.stem for path in (HERE / "c").glob("*.c")):
        for machine in ("", CACHED[1]) if name in WITH_CACHES else ("",):
            model, _ = model_on(name, prepared.meta.architecture, machine)
            what = f"count {workload} on {cpu} under {name}" + (" with caches" if machine else "")
            functions = {c: build(model, how, folder / f"{name}{machine}-{c}.so") for c, how in compilers().items()}
            speed = measure(name, prepared, functions, machine)
            for compiler in functions:
                least = LEAST.get(workload) if compiler == "ziglang" else None
                yield Result(what, speed["numba"] / 1e6, "M rows/s", f"C -O3, {compiler}", speed[compiler] / 1e6, least)


def against_hardware(workload: str, cpu: str, prepared: Prepared) -> Iterator[Result]:
    """Rows per second of each model beside those of the bare machine that it is compared with."""
    names = [name for name in sorted(models.BUILT_IN) if cpu in models.load(name).fidelity]
    speed = {name: measure(name, prepared, {})["numba"] for name in names}
    for name in names:
        peer = models.load(name).baseline
        if peer != name:
            what = f"count {workload} on {cpu} under {name}"
            yield Result(what, speed[name] / 1e6, "M rows/s", peer, speed[peer] / 1e6)


def against_flat(workload: str, cpu: str, prepared: Prepared) -> Iterator[Result]:
    """Rows per second with caches: by themselves, bounded for one vCPU, and beside the same model without."""
    vcpus = prepared.meta.vcpus
    for name in ("native", "disco"):
        seconds: dict[str, list[float]] = {machine: [] for machine in CACHED}
        ways = {machine: twins(name, prepared, {}, machine)["numba"] for machine in CACHED}
        for _ in range(ROUNDS + 1):
            for machine, run in ways.items():
                seconds[machine].append(run()[0])
        flat, cached = (
            prepared.columns.kind.size / statistics.median(seconds[machine][1:]) / 1e6 for machine in CACHED
        )
        what = f"count {workload} on {cpu}, {vcpus} vCPU, under {name} with caches"
        yield Result(what, cached, "M rows/s", least=CACHED_LEAST if vcpus == 1 else None)
        yield Result(what, cached, "M rows/s", "without caches", flat)


def results() -> list[Result]:
    """Rows per second of models on each trace, beside C's and, on the x86-64 one, beside the bare machine's."""
    found: list[Result] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for workload, cpu in TRACES:
            trace = record(workload, cpu=cpu, output=folder / f"{workload}-{cpu}.arrow").path
            prepared = prepare(str(trace), use_cache=False)
            found += against_c(workload, cpu, prepared, folder)
            if workload == "pmake":
                found += against_flat(workload, cpu, prepared)
            if (workload, cpu) == ("pmake", "mips64"):
                eight = record(workload, cpu=cpu, vcpus=CACHED_VCPUS, output=folder / "eight.arrow").path
                found += against_flat(workload, cpu, prepare(str(eight), use_cache=False))
            if cpu == "x86-64":
                found += against_hardware(workload, cpu, prepared)
    return found
