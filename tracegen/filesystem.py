"""The guest's file system, from outside: a disk made of files, and the files read back.

Directories whose names are found by hash; inodes with direct block numbers and one block of further ones, in a table
that is a file itself; a bitmap.  Block 0 identifies the disk and has the table's inode, then come bitmap and what
belongs to files; ``tracegen/abi.py`` has the numbers, and the kernel's ``inode.c`` and ``directory.c`` the same in C.
All numbers are in the order of the guest's CPU; block 0 tells which.  The same files give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal, NamedTuple

from replay.errors import UserError
from tracegen import abi

BLOCK = abi.PAGE_BYTES
Order = Literal["big", "little"]


class Layout:
    """The structures on a disk in one order of bytes: block 0's magic number, an inode, an entry, a block number."""

    def __init__(self, order: Order) -> None:
        sign = ">" if order == "big" else "<"
        self.magic = abi.FS_MAGIC.to_bytes(8, order)
        self.inode = struct.Struct(f"{sign}QQHHI{abi.FS_DIRECT}I")
        self.entry = struct.Struct(f"{sign}I{abi.FS_NAME_BYTES}s")
        self.number = struct.Struct(f"{sign}I")


LAYOUTS = {"big": Layout("big"), "little": Layout("little")}


class Inode(NamedTuple):
    """A file's bytes, when it was modified (ns since boot), its names, whether it is a directory, and its blocks."""

    bytes: int
    modified: int
    links: int
    directory: int
    indirect: int
    direct: tuple[int, ...]


PER_BLOCK = BLOCK // abi.FS_INODE_BYTES
"""Inodes in a block of the table."""
MOST_ENTRIES = BLOCK // abi.FS_ENTRY_BYTES * 3 // 4
"""Names that ``make`` puts into a block of a directory: there is room for more."""


def make(files: Mapping[str, bytes], order: Order) -> bytes:
    """The smallest disk that holds ``files`` (path -> content), in whole blocks.  Raises UserError."""
    layout = LAYOUTS[order]
    for part in (part for path in files for part in path.split("/")):
        _name(part)
    folders = sorted({path[:at] for path in files for at, letter in enumerate(path) if letter == "/"})
    paths = ["", *sorted([*folders, *files])]
    if len(paths) > abi.FS_INODES - 1:
        raise UserError(f"{len(paths) - 1} files are too many for the disk: keep {abi.FS_INODES - 2} or fewer")
    numbers = {path: abi.FS_ROOT + i for i, path in enumerate(paths)}
    disk = bytearray(abi.FS_DATA * BLOCK)
    disk[: len(layout.magic)] = layout.magic
    table = bytearray(-(-(len(paths) + 1) // PER_BLOCK) * BLOCK)
    for path, number in numbers.items():
        directory = path not in files
        content = _directory(path, numbers, layout) if directory else files[path]
        if len(content) > abi.FS_FILE_BYTES:
            raise UserError(f"file {path!r} has {len(content)} bytes, a file of the guest at most {abi.FS_FILE_BYTES}")
        blocks = _append(disk, content, layout.number)
        layout.inode.pack_into(table, number * abi.FS_INODE_BYTES, len(content), 0, 1, directory, *blocks)
    layout.inode.pack_into(disk, abi.FS_TABLE_AT, len(table), 0, 1, 0, *_append(disk, bytes(table), layout.number))
    _mark(disk, 0)
    return bytes(disk)


def fit(disk: bytes, size: int) -> bytes:
    """``disk`` with free blocks behind its own, ``size`` bytes in all, and an inode more for each free block.

    Raises UserError where that cannot be.
    """
    least, most = len(disk), abi.FS_BLOCKS * BLOCK
    if not least <= size <= most or size % BLOCK:
        raise UserError(f"a disk of {size} bytes: give a multiple of {BLOCK} from {least}, its files, to {most}")
    layout, table = _layout(disk), inode(disk, 0)
    numbers = _blocks(disk, table)
    added = min((size - least) // BLOCK // (PER_BLOCK + 1), abi.FS_DIRECT + abi.FS_INDIRECT - len(numbers))
    if not added:
        return disk.ljust(size, b"\0")
    larger = bytearray(disk)
    numbers += _extend(larger, bytes(added * BLOCK))
    further = b"".join(layout.number.pack(n) for n in numbers[abi.FS_DIRECT :])
    indirect = table.indirect or (_extend(larger, bytes(BLOCK))[0] if further else 0)
    larger[indirect * BLOCK : indirect * BLOCK + len(further)] = further
    direct = (*numbers[: abi.FS_DIRECT], *[0] * (abi.FS_DIRECT - len(numbers)))
    layout.inode.pack_into(larger, abi.FS_TABLE_AT, table.bytes + added * BLOCK, 0, 1, 0, indirect, *direct)
    _mark(larger, least // BLOCK)
    return bytes(larger).ljust(size, b"\0")


def read(disk: bytes) -> dict[str, bytes]:
    """Every file of a disk by path.  Raises UserError where it is none."""
    layout = _layout(disk)

    def below(prefix: str, number: int) -> dict[str, bytes]:
        found = dict[str, bytes]()
        for entry, text in layout.entry.iter_unpack(content(disk, number)):
            name = text.split(b"\0")[0].decode()
            if entry and name != PARENT:
                is_directory = inode(disk, entry).directory
                found |= below(f"{prefix}{name}/", entry) if is_directory else {prefix + name: content(disk, entry)}
        return found

    return below("", abi.FS_ROOT)


def content(disk: bytes, number: int) -> bytes:
    """The bytes of the file with this inode; blocks that it never wrote are zeroes."""
    file = inode(disk, number)
    return b"".join(disk[n * BLOCK :][:BLOCK] if n else bytes(BLOCK) for n in _blocks(disk, file))[: file.bytes]


def inode(disk: bytes, number: int) -> Inode:
    """One inode of the table; number 0 is the table's own."""
    layout, place = _layout(disk), abi.FS_TABLE_AT
    if number:
        block = _blocks(disk, inode(disk, 0))[number // PER_BLOCK]
        place = block * BLOCK + number % PER_BLOCK * abi.FS_INODE_BYTES
    size, modified, links, directory, indirect, *direct = layout.inode.unpack_from(disk, place)
    return Inode(size, modified, links, directory, indirect, tuple(direct))


def hash_of(name: str) -> int:
    """What tells the block of a directory that has a name."""
    value = 2166136261
    for letter in name.encode():
        value = (value ^ letter) * 16777619 & 0xFFFFFFFF
    return value ^ value >> 16


PARENT = ".."


def _directory(path: str, numbers: Mapping[str, int], layout: Layout) -> bytes:
    """The content of a directory: what is right below ``path``, and the one above."""
    prefix = path + "/" if path else ""
    below = (other for other in numbers if other and other.startswith(prefix) and "/" not in other[len(prefix) :])
    entries = {PARENT: numbers[path.rpartition("/")[0]]} | {other[len(prefix) :]: numbers[other] for other in below}
    count, blocks = 1, list[list[bytes]]()
    while not blocks or max(map(len, blocks)) > MOST_ENTRIES:
        blocks = [[] for _ in range(count)]
        for name, number in entries.items():
            blocks[hash_of(name) % count].append(layout.entry.pack(number, _name(name)))
        count *= 2
    return b"".join(b"".join(block).ljust(BLOCK, b"\0") for block in blocks)


def _layout(disk: bytes) -> Layout:
    """The layout of a disk, by its first bytes."""
    for layout in LAYOUTS.values():
        if disk.startswith(layout.magic) and len(disk) >= abi.FS_DATA * BLOCK:
            return layout
    raise UserError("no disk of the guest: it does not begin as one; make one from files")


def _blocks(disk: bytes, file: Inode) -> list[int]:
    """The numbers of a file's blocks."""
    numbers = [*file.direct]
    if file.indirect:
        numbers += [n for (n,) in _layout(disk).number.iter_unpack(disk[file.indirect * BLOCK :][:BLOCK])]
    return numbers[: -(-file.bytes // BLOCK)]


def _mark(disk: bytearray, first: int) -> None:
    """The bitmap says of all blocks from ``first`` on that they are in use."""
    for block in range(first, len(disk) // BLOCK):
        disk[abi.FS_BITMAP * BLOCK + block // 8] |= 1 << block % 8


def _name(name: str) -> bytes:
    encoded = name.encode()
    if not 0 < len(encoded) < abi.FS_NAME_BYTES or not encoded.isascii() or b"\0" in encoded or b" " in encoded:
        raise UserError(
            f"no file of the guest can be called {name!r}: use 1 to {abi.FS_NAME_BYTES - 1} ASCII characters, no space"
        )
    return encoded


def _extend(disk: bytearray, content: bytes) -> list[int]:
    """Put ``content`` into blocks at the end of ``disk``; their numbers."""
    first = len(disk) // BLOCK
    disk.extend(content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0"))
    return [*range(first, len(disk) // BLOCK)]


def _append(disk: bytearray, content: bytes, number: struct.Struct) -> list[int]:
    """Put a file's blocks at the end of ``disk``: the block of further numbers (0 for none), then the direct ones."""
    numbers = _extend(disk, content)
    further = b"".join(number.pack(n) for n in numbers[abi.FS_DIRECT :])
    direct = numbers[: abi.FS_DIRECT]
    return [_extend(disk, further)[0] if further else 0, *direct, *[0] * (abi.FS_DIRECT - len(direct))]
