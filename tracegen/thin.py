"""The thin guest: a kernel without files and processes, and one program in memory behind it, which it maps and runs."""

from __future__ import annotations

import struct

from tracegen import abi, build, filesystem
from tracegen.elf import HEADER, KINDS, PROGRAM, read_elf

OPTION = "kernel=thin"
"""The word that says so before a command line."""
LOAD, READABLE = 1, 4
HEADER_BYTES, PROGRAM_BYTES = struct.calcsize(">" + HEADER), struct.calcsize(">" + PROGRAM)
TABLE, COUNT = 5, 10
"""Of an ELF header: where its program headers are, and how many."""


def image(full: build.Image, cpu: str, program: str) -> build.Image:
    """The thin kernel with a program of ``full``'s disk behind it.

    That program alone is on the disk, for those who want its marks and symbols; the guest does not read it.
    Raises UserError where the kernel cannot be built.
    """
    elf = filesystem.read(full.disk)[program]
    kernel = build.image(cpu, "thin").data
    return build.Image(attach(kernel, loaded(elf, cpu), cpu), filesystem.make({program: elf}, build.TARGETS[cpu].order))


def loaded(elf: bytes, cpu: str) -> bytes:
    """A program up to the end of what is loaded of it: what lies behind in memory are zeroes."""
    ends = [p[2] + p[5] for p in _programs(elf, KINDS[cpu].order) if p[0] == LOAD]
    return elf[: max(ends)]


def attach(kernel: bytes, module: bytes, cpu: str) -> bytes:
    """``kernel`` with one more segment to load: ``module``, from the first page behind the kernel on."""
    order = KINDS[cpu].order
    at = max(s.physical + s.size for s in read_elf(kernel, cpu).segments)
    at = -(-at // abi.PAGE_BYTES) * abi.PAGE_BYTES
    body = kernel + module
    added = (LOAD, READABLE, len(kernel), at, at, len(module), len(module), abi.PAGE_BYTES)
    programs = [*_programs(kernel, order), added]
    header = list(struct.unpack_from(order + HEADER, kernel))
    header[TABLE], header[COUNT] = len(body), len(programs)
    table = b"".join(struct.pack(order + PROGRAM, *program) for program in programs)
    return struct.pack(order + HEADER, *header) + body[HEADER_BYTES:] + table


def _programs(elf: bytes, order: str) -> list[tuple[int, ...]]:
    header = struct.unpack_from(order + HEADER, elf)
    places = range(header[TABLE], header[TABLE] + header[COUNT] * PROGRAM_BYTES, PROGRAM_BYTES)
    return [struct.unpack_from(order + PROGRAM, elf, place) for place in places]
