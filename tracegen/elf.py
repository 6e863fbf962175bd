"""Loading a guest image: the loadable segments of a big-endian 64-bit MIPS ELF file."""

from __future__ import annotations

import struct
from typing import NamedTuple

from replay.errors import UserError

_HEADER = struct.Struct(">16sHHIQQQIHHHHHH")
_PROGRAM = struct.Struct(">IIQQQQQQ")
_MAGIC_64_BIG = b"\x7fELF\x02\x02"
_MIPS, _LOAD = 8, 1
_PHYSICAL = 0x1FFFFFFF
_KSEG0 = 0xFFFFFFFF80000000


class Segment(NamedTuple):
    """One piece of the image: where it goes in physical memory, its bytes, and its size with the zeroes after them."""

    physical: int
    data: bytes
    size: int


class Image(NamedTuple):
    """What the loader needs of an ELF file."""

    entry: int
    segments: tuple[Segment, ...]


def _physical(address: int) -> int:
    return address & _PHYSICAL if address >= _KSEG0 else address


def read_elf(image: bytes) -> Image:
    """The entry point and loadable segments of an ELF image.

    Raises UserError if it is no big-endian MIPS64 executable or is cut short.
    """
    if image[:6] != _MAGIC_64_BIG or len(image) < _HEADER.size:
        raise UserError("guest image is no 64-bit big-endian ELF file; build it with `tracegen build`")
    header = _HEADER.unpack_from(image)
    machine, entry, table, entry_size, number = header[2], header[4], header[5], header[9], header[10]
    if machine != _MIPS:
        raise UserError(f"guest image is for ELF machine {machine}, not MIPS ({_MIPS}); build it with `tracegen build`")
    segments = []
    for index in range(number):
        place = table + index * entry_size
        if place + _PROGRAM.size > len(image):
            raise UserError("guest image is cut short in its program headers; build it again")
        kind, _, offset, _, physical, in_file, size, _ = _PROGRAM.unpack_from(image, place)
        if kind != _LOAD:
            continue
        if offset + in_file > len(image):
            raise UserError("guest image is cut short in a segment; build it again")
        segments.append(Segment(_physical(physical), image[offset : offset + in_file], size))
    return Image(entry, tuple(segments))
