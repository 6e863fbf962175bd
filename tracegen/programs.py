"""Programs of the user's own: C files compiled for the guest, and put on its disk beside the programs that it has."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.errors import UserError, remedy, unknown
from tracegen import abi, build, filesystem, symbols
from tracegen.elf import KINDS, cpu_of, read_elf

LINKED = {"main", "start", "sys_exit"}
"""Symbols of every program that is linked with the guest's library."""
FIRST_PAGE = 0x400000
"""Below lies no part of a program."""


@dataclass(frozen=True)
class Program:
    """An ELF file for the guest: the name that it gets on the guest's disk, its bytes, and its CPU."""

    name: str
    elf: bytes
    cpu: str


def is_path(word: str) -> bool:
    """Whether ``word`` names a program's file, not a workload."""
    return word.endswith(".elf") or os.sep in word


def compile_program(sources: Sequence[Path], output: Path, cpu: str) -> str:
    """Compile C sources for the guest on ``cpu`` and write the program to ``output``; gives the compiler's warnings.

    Raises UserError, and build.CompilationError with all that the compiler said; ``output`` is written whole or not at
    all.
    """
    if cpu not in build.CPUS:
        raise unknown("CPU", cpu, build.CPUS)
    for path in sources:
        if path.suffix != ".c":
            raise UserError(f"{path}: is no C source by its name; name files that end in .c")
        _read(path)
    elf, said = build.compile_program(cpu, sources)
    check(str(output), elf)
    try:
        build.replace(output, elf)
    except OSError as error:
        raise UserError(f"{output}: cannot write: {remedy(error)}") from None
    return said


def load_program(path: Path, cpu: str | None) -> Program:
    """The program in the file at ``path``, which has to be for ``cpu`` if one is given.

    Raises UserError for a file that is not there or no program of the guest.
    """
    elf = _read(path)
    found = check(str(path), elf)
    if cpu not in (None, found):
        raise UserError(f"{path}: is a program for {found}, not {cpu}; leave --cpu out, or build it with --cpu {cpu}")
    return Program(path.stem if path.suffix == ".elf" else path.name, elf, found)


def check(name: str, elf: bytes) -> str:
    """The CPU of a program that the guest can run.  Raises UserError, speaking of ``name``, for anything else."""
    made = "build it from its sources with `tracegen build`"
    cpu = cpu_of(elf)
    if cpu is None:
        raise UserError(f"{name}: is no ELF file of a CPU of ours ({', '.join(KINDS)}); {made}")
    if len(elf) > abi.FS_FILE_BYTES:
        raise UserError(
            f"{name}: has {len(elf)} bytes, a file of the guest at most {abi.FS_FILE_BYTES};"
            " make large tables when the program runs"
        )
    try:
        segments = read_elf(elf, cpu).segments
        known = {s.name for s in symbols.read(elf)}
    except (UserError, struct.error, IndexError, ValueError):
        raise UserError(f"{name}: is an ELF file cut short; {made} again") from None
    outside = [s for s in segments if not FIRST_PAGE <= s.physical <= s.physical + s.size <= abi.USER_TOP]
    if outside or not known >= LINKED:
        raise UserError(f"{name}: is an ELF file, but not linked with the guest's library; {made}")
    return cpu


def with_program(image: build.Image, program: Program) -> build.Image:
    """``image`` with the program on its disk.  Raises UserError where a file there has its name."""
    files = filesystem.read(image.disk)
    if program.name in files:
        raise UserError(
            f"the guest's disk has a file called {program.name!r} already; give your program's file another name"
        )
    disk = filesystem.make({**files, program.name: program.elf}, build.TARGETS[program.cpu].order)
    return build.Image(image.data, disk)


def command_line(program: Program, words: Sequence[str]) -> str:
    """The guest's boot argument string that runs the program.  Raises UserError for words that it cannot hold."""
    for word in words:
        if not word or not word.isascii() or not word.isprintable() or " " in word:
            raise UserError(f"argument {word!r} is none of a guest's program: use printable ASCII without spaces")
    return " ".join([program.name, *words])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {remedy(error)}") from None
