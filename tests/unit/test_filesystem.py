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
FILES = st.dictionaries(NAMES, CONTENTS, max_size=12)
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
    for number in range(abi.FS_ROOT, abi.FS_ROOT + 1 + len(files)):
        inode = filesystem.inode(disk, number)
        further = disk[inode.indirect * BLOCK :][:BLOCK] if inode.indirect else b""
        owned += [n for n in (*inode.direct, inode.indirect, *(n for (n,) in number_of.iter_unpack(further))) if n]
    bitmap = disk[abi.FS_BITMAP * BLOCK : (abi.FS_BITMAP + abi.FS_BITMAP_BLOCKS) * BLOCK]
    marked = [8 * at + bit for at, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]

    assert list(range(len(disk) // BLOCK)) == marked == sorted(owned)


def test_numbers_are_in_the_order_of_the_cpu() -> None:
    """A little-endian disk begins with the magic number's low byte, and has an inode's fields so, too."""
    disk = filesystem.make({"a": bytes(0x1234)}, "little")
    inode = disk[abi.FS_TABLE * BLOCK + 2 * abi.FS_INODE_BYTES :][: abi.FS_INODE_BYTES]

    assert b"yalpermv" == disk[:8]
    assert b"\x34\x12" + bytes(6) == inode[:8]


def test_the_largest_file_fits_and_no_larger_one() -> None:
    """A file may have as many blocks as an inode and one block of further numbers can name."""
    largest = bytes(abi.FS_FILE_BYTES)
    with pytest.raises(UserError) as error:
        make({"huge": largest + b"x"})

    assert {"huge": largest} == filesystem.read(make({"huge": largest}))
    assert "file 'huge' has 4235265 bytes, a file of the guest at most 4235264" == str(error.value)


@pytest.mark.parametrize("name", ["", "x" * abi.FS_NAME_BYTES, "é", "a b", "a\0b"])
def test_wrong_names_are_refused(name: str) -> None:
    """A name is 1 to 27 ASCII characters without a space, since command lines are cut there."""
    with pytest.raises(UserError) as error:
        make({name: b""})

    assert f"no file of the guest can be called {name!r}: use 1 to 27 ASCII characters, no space" == str(error.value)


def test_too_many_files_are_refused() -> None:
    """There is an inode for each file, one for the directory, and none that is 0."""
    files = {f"f{i}": b"" for i in range(abi.FS_INODES - 2)}
    with pytest.raises(UserError) as error:
        make(files | {"another": b""})

    assert files == filesystem.read(make(files))
    assert "511 files are too many for the disk: keep 510 or fewer" == str(error.value)


def test_a_larger_disk_has_the_same_files() -> None:
    """Free blocks behind the last one change nothing that is there."""
    disk = make({"a": b"content"})
    larger = filesystem.fit(disk, 1 << 20)

    assert 1 << 20 == len(larger)
    assert {"a": b"content"} == filesystem.read(larger)


@pytest.mark.parametrize("size", [0, 22 * BLOCK - BLOCK, 22 * BLOCK + 1, abi.FS_BLOCKS * BLOCK + BLOCK])
def test_a_disk_that_cannot_be_is_refused(size: int) -> None:
    """A disk holds its files, is made of whole blocks, and has no more of them than the bitmap has bits."""
    disk = make({"a": b"content"})
    with pytest.raises(UserError) as error:
        filesystem.fit(disk, size)

    least = 22 * BLOCK
    expected = f"a disk of {size} bytes: give a multiple of 4096 from {least}, its files, to 1073741824"
    assert expected == str(error.value)


@pytest.mark.parametrize("disk", [b"", bytes(1 << 20)])
def test_what_is_no_disk_is_refused(disk: bytes) -> None:
    """Bytes that do not begin as a disk of the guest are not read as one."""
    with pytest.raises(UserError, match=r"^no disk of the guest"):
        filesystem.read(disk)
