"""pmake in the guest: a parallel build of many short processes, whose program plays what it should."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

from replay.trace.schema import Kind
from tracegen import abi, build, filesystem
from tracegen.machine import make
from tracegen.workloads import find
from tracegen.writer import unpack

FILES = build.GUEST / build.FILES
SOURCES = sorted(path.name for path in FILES.glob("*.c"))
LINKS = 7  # six parts, and the program of them


class Run(NamedTuple):
    """How a run ended, how often each kind of row came, and what is on the disk after it."""

    status: int | None
    console: str
    instructions: int
    rows: Counter[int]
    files: dict[str, bytes]


def boot(cpu: str, jobs: int, disk_bytes: int = abi.DISK_BYTES) -> Run:
    """Run the workload on a CPU with so many jobs, on a disk of that size."""
    return run_line(cpu, find("pmake").command_line({"jobs": jobs}), disk_bytes)


@cache
def run_line(cpu: str, line: str, disk_bytes: int = abi.DISK_BYTES, vcpus: int = 1) -> Run:
    """Run a command line of the guest on a CPU, with a disk of that size."""
    image, rows = build.image(cpu), Counter[int]()

    def sink(words: np.ndarray, counts: np.ndarray) -> None:
        rows.update(dict(enumerate(np.bincount(unpack(words, counts)["kind"]).tolist())))

    disk = filesystem.fit(image.disk, disk_bytes)
    machine = make(cpu, image.data, arguments=line.split(), disk=disk, vcpus=vcpus)
    result = machine.run(sink=sink)
    assert "exit" == result.reason
    files = filesystem.read(machine.disk_image())
    return Run(result.status, result.console.decode(), result.instructions, rows, files)


@pytest.fixture(scope="module", params=build.CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    """Each CPU that there is a guest for."""
    return str(request.param)


@pytest.fixture(scope="module")
def run(cpu: str) -> Run:
    """The workload as it runs by default."""
    return boot(cpu, 2)


def test_program_is_built_and_right(run: Run) -> None:
    """Every source is compiled once, the parts are linked, and the program's output is what it should be."""
    commands = run.console.splitlines()

    assert (0, f"pmake: check is made: {len(SOURCES) + LINKS + 2} commands") == (run.status, commands[-1])
    assert SOURCES == sorted(line.split()[1] for line in commands if line.startswith("cc "))
    assert LINKS == sum(line.startswith("ld ") for line in commands)
    assert ["interp othello > played.txt", "cmp played.txt expected.txt"] == commands[-3:-1]


def test_built_files_are_on_the_disk(run: Run) -> None:
    """After the run the disk holds the objects, the program and the output, equal to what was expected."""
    assert {name[:-1] + "o" for name in SOURCES} | {"othello", "played.txt"} <= set(run.files)
    assert (FILES / "expected.txt").read_bytes() == run.files["played.txt"]


def test_work_is_many_short_processes(run: Run) -> None:
    """Each command is a process with one space before exec and one after; 50 million instructions or more retire."""
    commands = len(SOURCES) + LINKS + 2

    assert run.rows[Kind.THREAD_SPACE] >= 2 * commands
    assert run.instructions >= 50_000_000
    assert commands >= 45


def test_jobs_change_the_order_only(cpu: str, run: Run) -> None:
    """With one job at a time the same commands run, and leave the same files."""
    alone = boot(cpu, 1)

    assert sorted(alone.console.splitlines()) == sorted(run.console.splitlines())
    assert alone.files == run.files


def test_each_cpu_builds_the_same_files() -> None:
    """Objects, program and output are the same bytes on each CPU: their format is nobody's order of bytes."""
    programs = set(build.programs())
    built = [{name: file for name, file in boot(on, 2).files.items() if name not in programs} for on in build.CPUS]

    assert built[0] == built[1]


def test_full_disk_ends_the_build(cpu: str) -> None:
    """On a disk without room for the objects the build says for what, ends with NO_SPACE and leaves no piece."""
    room = -(-len(build.image(cpu).disk) // abi.PAGE_BYTES) + 8
    full = boot(cpu, 1, room * abi.PAGE_BYTES)
    lines = full.console.splitlines()
    command = next(line for line in lines if line.startswith("pmake: '")).split("'")[1].split()

    assert (abi.Status.NO_SPACE, f"cc: no space on the disk for {command[2]}") == (full.status, lines[-2])
    assert command[2] not in full.files


def test_builds_side_by_side_make_what_one_makes(cpu: str, run: Run) -> None:
    """Each of three builds on two CPUs compiles its own copy of the sources to what a build alone makes of them."""
    many = run_line(cpu, find("pmakes").command_line({"trees": 3}), vcpus=2)
    parts = [many.files[f"tree{tree}/game.part"] for tree in range(3)]

    assert (0, "pmakes: 3 builds of 1 parts, 0 wrong") == (many.status, many.console.splitlines()[-1])
    assert [run.files["game.part"]] * 3 == parts
    assert run.files["board.c"] == many.files["tree2/board.c"]
