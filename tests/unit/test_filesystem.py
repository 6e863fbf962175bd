"""The guest's file system from outside: what is put on a disk is read back, in the same bytes each time."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.errors import UserError
from tracegen import abi, filesystem

BLOCK = abi.PAGE_BYTES
NAMES = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=abi.FS_NAME_BYTES - 1)
CONTENTS = st.builds(
    lambda size, seed: random.Random(seed).randbytes(size),
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK, 10 * BLOCK + 1, 12 * BLOCK])
    | st.integers(0, 50000),
    st.integers(0, 9),
)
PATHS = st.lists(NAMES.map(lambda name: name.strip(".") or "x"), min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, CONTENTS, max_size=12).filter(
    lambda files: not any(other.startswith(path + "/") for path in files for other in files)
)
ORDERS = st.sampled_from(sorted(filesystem.LAYOUTS))


def make(files: dict[str, bytes]) -> bytes:
    """A disk of the big-endian guest."""
    return filesystem.make(files, "big")


@settings(max_examples=60, deadline=None)
@given(FILES, ORDERS)
def test_files_come_back_as_they_were(files: dict[str, bytes], order: filesystem.Order) -> None:
    """Every name and byte is read back, in either order of bytes, with further block numbers and without."""
    assert files == filesystem.read(filesystem.make(files, order))


@settings(max_examples=30, deadline=None)
@given(FILES)
def test_the_same_files_make_the_same_disk(files: dict[str, bytes]) -> None:
    """The order in which files are given changes no byte."""
    assert make(files) == make(dict(reversed(files.items())))


@settings(max_examples=30, deadline=None)
@given(FILES, ORDERS)
def test_each_block_in_use_belongs_to_one_file(files: dict[str, bytes], order: filesystem.Order) -> None:
    """The bitmap marks the fixed part and each file's blocks, no block has two owners, and all others are free."""
    disk = filesystem.make(files, order)
    number_of = filesystem.LAYOUTS[order].number
    owned = list(range(abi.FS_DATA))
    for number in range(filesystem.inode(disk, 0).bytes // abi.FS_INODE_BYTES):
        inode = filesystem.inode(disk, number)
        further = disk[inode.indirect * BLOCK :][:BLOCK] if inode.indirect else b""
        owned += [n for n in (*inode.direct, inode.indirect, *(n for (n,) in number_of.iter_unpack(further))) if n]
    bitmap = disk[abi.FS_BITMAP * BLOCK : (abi.FS_BITMAP + abi.FS_BITMAP_BLOCKS) * BLOCK]
    marked = [8 * at + bit for at, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]

    assert list(range(len(disk) // BLOCK)) == marked == sorted(owned)


def test_numbers_are_in_the_order_of_the_cpu() -> None:
    """A little-endian disk begins with the magic number's low byte, and has an inode's fields so, too."""
    disk = filesystem.make({"a": bytes(0x1234)}, "little")
    table = disk[filesystem.inode(disk, 0).direct[0] * BLOCK :]

    assert b"yalpermv" == disk[:8]
    assert b"\x34\x12" + bytes(6) == table[2 * abi.FS_INODE_BYTES :][:8]


def test_the_largest_file_fits_and_no_larger_one() -> None:
    """A file may have as many blocks as an inode and one block of further numbers can name."""
    largest = bytes(abi.FS_FILE_BYTES)
    with pytest.raises(UserError) as error:
        make({"huge": largest + b"x"})

    assert {"huge": largest} == filesystem.read(make({"huge": largest}))
    assert "file 'huge' has 4235265 bytes, a file of the guest at most 4235264" == str(error.value)


@pytest.mark.parametrize("name", ["", "x" * abi.FS_NAME_BYTES, "é", "a b", "a\0b"])
@pytest.mark.parametrize("path", ["{}", "folder/{}", "{}/file"])
def test_wrong_names_are_refused(path: str, name: str) -> None:
    """A name is 1 to 27 ASCII characters without a space, since command lines are cut there; a path is made of such."""
    with pytest.raises(UserError) as error:
        make({path.format(name): b""})

    assert f"no file of the guest can be called {name!r}: use 1 to 27 ASCII characters, no space" == str(error.value)


def test_too_many_files_are_refused() -> None:
    """There is an inode for each file, one for the directory, and none that is 0; no table has more."""
    files = {f"f{i}": b"" for i in range(abi.FS_INODES - 1)}
    with pytest.raises(UserError) as error:
        make(files)

    assert "66175 files are too many for the disk: keep 66174 or fewer" == str(error.value)


def test_ten_thousand_names_lie_in_blocks_that_their_hashes_tell() -> None:
    """A directory has a power of two of blocks, each name where the kernel looks for it, none of them full."""
    files = {f"f{i}": b"" for i in range(10_000)}
    disk = make(files)
    blocks = filesystem.inode(disk, abi.FS_ROOT).bytes // BLOCK
    entries = list(filesystem.LAYOUTS["big"].entry.iter_unpack(filesystem.content(disk, abi.FS_ROOT)))
    per_block = BLOCK // abi.FS_ENTRY_BYTES
    found = {(text.rstrip(b"\0").decode(), at // per_block) for at, (number, text) in enumerate(entries) if number}

    assert 0 == blocks & (blocks - 1)
    assert {(name, filesystem.hash_of(name) % blocks) for name in (*files, "..")} == found
    assert all(any(not number for number, _ in entries[b * per_block :][:per_block]) for b in range(blocks))
    assert files == filesystem.read(disk)


@pytest.mark.parametrize("size", [1 << 20, 64 << 20])
def test_a_larger_disk_has_an_inode_for_each_free_block(size: int) -> None:
    """The table grows with the disk, by blocks that the bitmap marks, and reads back."""
    disk = make({"a": b"content", "b/c": bytes(50_000)})
    larger = filesystem.fit(disk, size)
    free = size // BLOCK - sum(byte.bit_count() for byte in larger[abi.FS_BITMAP * BLOCK : abi.FS_DATA * BLOCK])
    more = (filesystem.inode(larger, 0).bytes - filesystem.inode(disk, 0).bytes) // abi.FS_INODE_BYTES

    assert abs(free - more) <= BLOCK // abi.FS_INODE_BYTES + 1
    assert filesystem.read(disk) == filesystem.read(larger)
    assert bytes(abi.FS_INODE_BYTES) == larger[filesystem.inode(larger, 0).direct[1] * BLOCK :][: abi.FS_INODE_BYTES]


def test_a_larger_disk_has_the_same_files() -> None:
    """Free blocks behind the last one change nothing that is there."""
    disk = make({"a": b"content"})
    larger = filesystem.fit(disk, 1 << 20)

    assert 1 << 20 == len(larger)
    assert {"a": b"content"} == filesystem.read(larger)


@pytest.mark.parametrize("size", [0, 12 * BLOCK - BLOCK, 12 * BLOCK + 1, abi.FS_BLOCKS * BLOCK + BLOCK])
def test_a_disk_that_cannot_be_is_refused(size: int) -> None:
    """A disk holds its files, is made of whole blocks, and has no more of them than the bitmap has bits."""
    disk = make({"a": b"content"})
    with pytest.raises(UserError) as error:
        filesystem.fit(disk, size)

    least = 12 * BLOCK
    expected = f"a disk of {size} bytes: give a multiple of 4096 from {least}, its files, to 1073741824"
    assert expected == str(error.value)


@pytest.mark.parametrize("disk", [b"", bytes(1 << 20)])
def test_what_is_no_disk_is_refused(disk: bytes) -> None:
    """Bytes that do not begin as a disk of the guest are not read as one."""
    with pytest.raises(UserError, match=r"^no disk of the guest"):
        filesystem.read(disk)
