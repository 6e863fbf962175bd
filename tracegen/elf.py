"""Loading a guest image: the loadable segments of a 64-bit ELF file."""

from __future__ import annotations

import struct
from typing import NamedTuple

from replay.errors import UserError

HEADER, PROGRAM = "16sHHIQQQIHHHHHH", "IIQQQQQQ"
"""The file's header and a program header, as struct has them, without the order of bytes."""
_LOAD = 1
_PHYSICAL = 0x1FFFFFFF
_KSEG0 = 0xFFFFFFFF80000000


class Kind(NamedTuple):
    """ELF files of one CPU."""

    name: str
    magic: bytes
    order: str  # of its bytes, as struct has it
    machine: int


KINDS = {
    "mips64": Kind("big-endian ELF file", b"\x7fELF\x02\x02", ">", 8),
    "x86-64": Kind("little-endian ELF file", b"\x7fELF\x02\x01", "<", 62),
}
"""CPU -> its files."""


class Segment(NamedTuple):
    """One piece of the image: where it goes in physical memory, its bytes, and its size with the zeroes after them."""

    physical: int
    data: bytes
    size: int


class Image(NamedTuple):
    """What the loader needs of an ELF file."""

    entry: int
    segments: tuple[Segment, ...]


def cpu_of(elf: bytes) -> str | None:
    """The CPU that an ELF file says it is for; None where it is no ELF file, or that of another CPU."""
    for cpu, kind in KINDS.items():
        if elf[:6] == kind.magic and elf[18:20] == struct.pack(kind.order + "H", kind.machine):
            return cpu
    return None


def _physical(address: int, cpu: str) -> int:
    return address & _PHYSICAL if cpu == "mips64" and address >= _KSEG0 else address


def read_elf(image: bytes, cpu: str = "mips64") -> Image:
    """The entry point and loadable segments of an ELF image for a CPU.

    Raises UserError if it is no executable of that CPU or is cut short.
    """
    kind = KINDS[cpu]
    header_form, program_form = struct.Struct(kind.order + HEADER), struct.Struct(kind.order + PROGRAM)
    if image[:6] != kind.magic or len(image) < header_form.size:
        raise UserError(f"guest image is no 64-bit {kind.name}; build it with `tracegen build`")
    header = header_form.unpack_from(image)
    machine, entry, table, entry_size, number = header[2], header[4], header[5], header[9], header[10]
    if machine != kind.machine:
        raise UserError(
            f"guest image is for ELF machine {machine}, not {cpu} ({kind.machine}); build it with `tracegen build`"
        )
    segments = []
    for index in range(number):
        place = table + index * entry_size
        if place + program_form.size > len(image):
            raise UserError("guest image is cut short in its program headers; build it again")
        kind_of, _, offset, _, physical, in_file, size, _ = program_form.unpack_from(image, place)
        if kind_of != _LOAD:
            continue
        if offset + in_file > len(image):
            raise UserError("guest image is cut short in a segment; build it again")
        segments.append(Segment(_physical(physical, cpu), image[offset : offset + in_file], size))
    return Image(entry, tuple(segments))
