"""Traces made by hand, for tests of the file format and of prepare."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from replay.trace.container import TraceFile
from replay.trace.meta import Handler, RecorderTlb, Refill, Service, TraceMeta
from replay.trace.schema import COLUMNS, Kind, Segment, ServiceClass
from tracegen import abi_header, build
from tracegen.machine import RunResult
from tracegen.mips64.machine import Mips64Machine

from .sweeping import trace_file

ROW = ("kind", "ctx", "info", "page", "n")


def extra(value: int) -> tuple[int, int, int, int, int]:
    """The EXTRA row that carries 48 bits."""
    return (Kind.EXTRA, 0, value >> 32 & 0xFFFF, value & 0xFFFFFFFF, 0)


def page_rows(page: int, vpn: int, space: int, segment: Segment) -> list[tuple[int, ...]]:
    """The rows that define a page id."""
    return [extra(vpn), extra(vpn >> 48 | space << 4), (Kind.PAGE, 0, segment, page, 0)]


def site_rows(site: int, klass: int, pc: int, register: int) -> list[tuple[int, ...]]:
    """The rows that define a sensitive instruction's site."""
    return [extra(pc), extra(pc >> 48 | register << 16), (Kind.SITE, 0, klass, site, 0)]


@pytest.fixture
def meta() -> TraceMeta:
    """Metadata of a small MIPS64 recording."""
    return TraceMeta(
        architecture="mips64",
        vcpus=1,
        memory_bytes=1 << 26,
        instructions_per_second=200_000_000,
        workload="by hand",
        arguments=("4",),
        seed=7,
        tlb=RecorderTlb(64, True, 1, "random", 7),
        services=(Service(0, "USER", ServiceClass.OTHER), Service(2, "UTLB_MISS", ServiceClass.REFILL)),
        symbols=(("start", 0xFFFFFFFF80001000),),
        refill=Refill(
            window=0xFFFFFFFFC0000000,
            entry_bytes=8,
            pc=0xFFFFFFFF80000080,
            nested_pc=0xFFFFFFFF80000180,
            full=Handler(9, 1, {"MFC0": 1, "TLBWR": 1, "ERET": 1}),
            aborted=Handler(1, 1, {"MFC0": 1}),
            nested=Handler(12, 1, {"TLBWR": 1, "ERET": 1}),
        ),
    )


@pytest.fixture
def rows() -> list[tuple[int, ...]]:
    """Two user pages of one pair, a kernel page and one trapped instruction, then END."""
    return [
        *page_rows(1, 0xFFFFFFFF80001, 0, Segment.UNMAPPED),
        (Kind.FETCH, 0x20, 0x5000, 1, 0),
        *site_rows(1, 1, 0xFFFFFFFF80001010, 12),
        (Kind.SENSITIVE, 0x20, 1, 1, 4),
        *page_rows(2, 0x401, 3, Segment.MAPPED),
        (Kind.LOAD8, 0, 0x123, 2, 0),
        *page_rows(3, 0x400, 3, Segment.MAPPED),
        (Kind.STORE4, 0, 0x010, 3, 2),
        (Kind.END, 0, 0, 0, 1),
    ]


@pytest.fixture
def columns() -> Callable[[list[tuple[int, ...]]], dict[str, np.ndarray]]:
    """Turns rows into file columns."""

    def convert(rows: list[tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {name: np.array([row[ROW.index(name)] for row in rows], COLUMNS[name]) for name in COLUMNS}

    return convert


@pytest.fixture
def write(tmp_path: Path, columns: Callable[..., dict[str, np.ndarray]]) -> Callable[..., Path]:
    """Writes rows to a trace file, a batch for every ``batch`` rows."""

    def make(rows: list[tuple[int, ...]], meta: TraceMeta, name: str = "t.arrow", batch: int = 8) -> Path:
        path = tmp_path / name
        file = TraceFile(path, meta)
        for start in range(0, len(rows), batch):
            file.write(columns(rows[start : start + batch]))
        file.commit({"complete": True, "status": 0})
        return path

    return make


LINKER_SCRIPT = """SECTIONS {
  . = 0xffffffff80000000;
  .text : { *(.vectors) *(.text*) *(.data*) }
  /DISCARD/ : { *(.reginfo) *(.MIPS.*) *(.comment) *(.pdr) *(.gnu.attributes) }
}"""
ASSEMBLER = (
    "-target mips64-freestanding -mcpu=mips4 -mno-abicalls -msoft-float -G0 -g0 -fno-pic -fno-pie -nostdlib -static "
    "-Wl,--no-gc-sections -Wl,-e,_start"
).split()


@pytest.fixture(scope="session")
def assemble(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """A function from MIPS64 assembly (vectors first, at kseg0's start) to the bytes of an ELF image."""
    folder = tmp_path_factory.mktemp("guests")
    (folder / "flat.ld").write_text(LINKER_SCRIPT)

    def build(text: str) -> bytes:
        source, output = folder / "guest.S", folder / "guest"
        source.write_text(f'.set noreorder\n.set noat\n.section .vectors, "ax"\n{text}\n')
        script = f"-Wl,-T,{folder / 'flat.ld'}"
        command = [sys.executable, "-m", "ziglang", "cc", *ASSEMBLER, script, str(source), "-o", str(output)]
        subprocess.run(command, check=True, capture_output=True)
        return output.read_bytes()

    return build


class Recorded(NamedTuple):
    """A guest that ran with a trace."""

    machine: Mips64Machine
    result: RunResult
    rows: list[tuple[int, int, int, int, int]]  # kind, ctx, info, page, n

    def of(self, kind: Kind) -> list[tuple[int, int]]:
        """(info, page) of the rows of one kind."""
        return [(info, page) for k, _, info, page, _ in self.rows if k == kind]


@pytest.fixture(scope="session")
def record() -> Callable[..., Recorded]:
    """A function that runs an image with a trace: (image, max_instructions=..., a machine's options) -> Recorded."""

    def run(image: bytes, max_instructions: int = 100_000, **options: Any) -> Recorded:
        machine = Mips64Machine(image, memory_bytes=4 << 20, **options)
        rows: list[tuple[int, int, int, int, int]] = []

        def sink(words: np.ndarray, counts: np.ndarray) -> None:
            for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                rows.append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

        return Recorded(machine, machine.run(sink=sink, max_instructions=max_instructions), rows)

    return run


POSIX = Path(__file__).parent / "posix"
NATIVE = "-O1 -g0 -std=c23 -fwrapv -funsigned-char -fno-builtin -fno-sanitize=all".split()
"""How guest programs, and programs for the guest's compiler, are compiled for the host: its overflow and characters."""
CALLED = ("-ffunction-sections", "-Wl,--gc-sections")
"""Functions that nobody calls are left out, and with them the system calls that a host lacks."""


@pytest.fixture(scope="session")
def native() -> Callable[..., None]:
    """Compiles C sources with the host's compiler into a program."""

    def compile_to(output: Path, sources: list[Path], *flags: str) -> None:
        command = [sys.executable, "-m", "ziglang", "cc", *NATIVE, *flags, *map(str, sources), "-o", str(output)]
        subprocess.run(command, check=True, capture_output=True)

    return compile_to


@pytest.fixture(scope="session")
def run_tool(
    tmp_path_factory: pytest.TempPathFactory, native: Callable[..., None]
) -> Callable[[str, Path], subprocess.CompletedProcess[str]]:
    """Runs a command line such as ``cc a.c a.o`` in a folder: the guest's programs of a build, on the host."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "abi.h").write_text(abi_header.header("mips64"))
    native(folder / "calls.o", [POSIX / "calls.c"], "-c")
    user = ("user/lib", "lib", build.TOOLS)
    headers = [f"-I{path}" for path in (folder, POSIX, *(build.GUEST / name for name in (*user, "include")))]
    for program in sorted(build.SHARED[build.TOOLS]):
        sources = [path for name in (*user, f"user/{program}") for path in (build.GUEST / name).glob("*.c")]
        native(folder / program, [*sorted(sources), folder / "calls.o"], "-Dmain=guest_main", *CALLED, *headers)

    def run(line: str, where: Path) -> subprocess.CompletedProcess[str]:
        program, *words = line.split()
        environment = {"GUEST_PROGRAMS": str(folder)}
        command = [str(folder / program), *words]
        return subprocess.run(
            command, cwd=where, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small trace."""
    return trace_file(tmp_path_factory.mktemp("sweep") / "small.arrow")
