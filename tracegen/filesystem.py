"""The guest's file system, from outside: a disk made of files, and the files read back.

One flat directory; inodes with direct block numbers and one block of further ones; a bitmap.  Block 0 identifies the
disk, then come bitmap, inodes and what belongs to files; ``tracegen/abi.py`` has the numbers, and the kernel's
``inode.c`` the same structures in C.  All numbers are in the order of the
guest's CPU; block 0 tells which.  The same files give the same bytes.
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
        self.inode = struct.Struct(f"{sign}QQII{abi.FS_DIRECT}I")
        self.entry = struct.Struct(f"{sign}I{abi.FS_NAME_BYTES}s")
        self.number = struct.Struct(f"{sign}I")


LAYOUTS = {"big": Layout("big"), "little": Layout("little")}


class Inode(NamedTuple):
    """A file's size, when it was modified (ns since boot), the names it has, and where its blocks are."""

    bytes: int
    modified: int
    links: int
    indirect: int
    direct: tuple[int, ...]


def make(files: Mapping[str, bytes], order: Order) -> bytes:
    """The smallest disk that holds ``files`` (name -> content), in whole blocks.  Raises UserError."""
    layout = LAYOUTS[order]
    names = sorted(files)
    if len(names) > abi.FS_INODES - 2:
        raise UserError(f"{len(names)} files are too many for the disk: keep {abi.FS_INODES - 2} or fewer")
    entries = [layout.entry.pack(abi.FS_ROOT + 1 + i, _name(name)) for i, name in enumerate(names)]
    root = b"".join(entries).ljust(abi.FS_INODES * layout.entry.size, b"\0")
    disk = bytearray(abi.FS_DATA * BLOCK)
    disk[: len(layout.magic)] = layout.magic
    for number, (name, content) in enumerate([("", root), *((name, files[name]) for name in names)], abi.FS_ROOT):
        if len(content) > abi.FS_FILE_BYTES:
            raise UserError(f"file {name!r} has {len(content)} bytes, a file of the guest at most {abi.FS_FILE_BYTES}")
        layout.inode.pack_into(disk, _place(number), len(content), 0, 1, *_append(disk, content, layout.number))
    blocks = len(disk) // BLOCK
    for block in range(blocks):
        disk[abi.FS_BITMAP * BLOCK + block // 8] |= 1 << block % 8
    return fit(bytes(disk), len(disk))


def fit(disk: bytes, size: int) -> bytes:
    """``disk`` with free blocks behind its own, ``size`` bytes in all.  Raises UserError where that cannot be."""
    least, most = len(disk), abi.FS_BLOCKS * BLOCK
    if not least <= size <= most or size % BLOCK:
        raise UserError(f"a disk of {size} bytes: give a multiple of {BLOCK} from {least}, its files, to {most}")
    return disk.ljust(size, b"\0")


def read(disk: bytes) -> dict[str, bytes]:
    """Every file of a disk by name.  Raises UserError where it is none."""
    entries = _layout(disk).entry.iter_unpack(content(disk, abi.FS_ROOT))
    return {name.split(b"\0")[0].decode(): content(disk, number) for number, name in entries if number}


def content(disk: bytes, number: int) -> bytes:
    """The bytes of the file with this inode; blocks that it never wrote are zeroes."""
    file = inode(disk, number)
    numbers = [*file.direct]
    if file.indirect:
        numbers += [n for (n,) in _layout(disk).number.iter_unpack(disk[file.indirect * BLOCK :][:BLOCK])]
    blocks = [disk[n * BLOCK :][:BLOCK] if n else bytes(BLOCK) for n in numbers[: -(-file.bytes // BLOCK)]]
    return b"".join(blocks)[: file.bytes]


def inode(disk: bytes, number: int) -> Inode:
    """One inode of the table."""
    size, modified, links, indirect, *direct = _layout(disk).inode.unpack_from(disk, _place(number))
    return Inode(size, modified, links, indirect, tuple(direct))


def _layout(disk: bytes) -> Layout:
    """The layout of a disk, by its first bytes."""
    for layout in LAYOUTS.values():
        if disk.startswith(layout.magic) and len(disk) >= abi.FS_DATA * BLOCK:
            return layout
    raise UserError("no disk of the guest: it does not begin as one; make one from files")


def _place(number: int) -> int:
    """Where the inode with this number is, in bytes."""
    return abi.FS_TABLE * BLOCK + number * abi.FS_INODE_BYTES


def _name(name: str) -> bytes:
    encoded = name.encode()
    if not 0 < len(encoded) < abi.FS_NAME_BYTES or not encoded.isascii() or b"\0" in encoded or b" " in encoded:
        raise UserError(
            f"no file of the guest can be called {name!r}: use 1 to {abi.FS_NAME_BYTES - 1} ASCII characters, no space"
        )
    return encoded


def _append(disk: bytearray, content: bytes, number: struct.Struct) -> list[int]:
    """Put a file's blocks at the end of ``disk``: the block of further numbers (0 for none), then the direct ones."""

    def add(block: bytes) -> int:
        disk.extend(block.ljust(BLOCK, b"\0"))
        return len(disk) // BLOCK - 1

    numbers = [add(content[at : at + BLOCK]) for at in range(0, len(content), BLOCK)]
    further = b"".join(number.pack(n) for n in numbers[abi.FS_DIRECT :])
    direct = numbers[: abi.FS_DIRECT]
    return [add(further) if further else 0, *direct, *[0] * (abi.FS_DIRECT - len(direct))]
