"""Symbol tables of 64-bit ELF files in either order of bytes: names for the addresses in a trace."""

from __future__ import annotations

import struct
from typing import NamedTuple

MAGIC = b"\x7fELF"
SECTION = "IIQQQQIIQQ"  # name, type, flags, address, offset, size, link, info, align, entry size
SYMBOL = "IBBHQQ"  # name, info, other, section, value, size
ORDERS = {1: "<", 2: ">"}
SYMTAB, NOBITS = 2, 8
NOTYPE, OBJECT, FUNC = 0, 1, 2
ABSOLUTE = 0xFFF1


class Symbol(NamedTuple):
    """A named address."""

    name: str
    address: int


def read(elf: bytes) -> tuple[Symbol, ...]:
    """Functions, objects and labels that ``elf`` defines, by address."""
    sections = _sections(elf)
    found = set[Symbol]()
    for table in (row for row in sections if row.kind == SYMTAB):
        names = sections[table.link].offset
        symbols = struct.iter_unpack(_order(elf) + SYMBOL, elf[table.offset : table.offset + table.size])
        for name, info, _, section, value, _ in symbols:
            text = elf[names + name : elf.index(b"\0", names + name)].decode()
            if text and section not in {0, ABSOLUTE} and info & 15 in {NOTYPE, OBJECT, FUNC}:
                found.add(Symbol(text, value))
    return tuple(sorted(found, key=lambda s: (s.address, s.name)))


def contents(elf: bytes, symbol: str, size: int) -> bytes:
    """``size`` bytes from a symbol on, as the file holds them.  Raises KeyError where ``elf`` lacks it."""
    start = {s.name: s.address for s in read(elf)}[symbol]
    for row in _sections(elf):
        if row.kind != NOBITS and row.address <= start < row.address + row.size:
            return elf[row.offset + start - row.address :][:size]
    raise KeyError(symbol)


class _Section(NamedTuple):
    kind: int
    address: int
    offset: int
    size: int
    link: int


def _order(elf: bytes) -> str:
    """The order of the file's bytes, as struct has it."""
    return ORDERS[elf[5]]


def _sections(elf: bytes) -> list[_Section]:
    (start,) = struct.unpack_from(_order(elf) + "Q", elf, 40)
    (count,) = struct.unpack_from(_order(elf) + "H", elf, 60)
    section = struct.Struct(_order(elf) + SECTION)
    rows = [section.unpack_from(elf, start + i * section.size) for i in range(count)]
    return [_Section(row[1], row[3], row[4], row[5], row[6]) for row in rows]
