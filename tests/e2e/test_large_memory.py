"""A guest of x86-64 with more memory than one table of large pages maps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from replay.prepare import prepare
from replay.trace.schema import Kind
from tracegen.record import record

GIGABYTE, LARGE = 1 << 30, 2 << 20


def stored(memory_bytes: int, folder: Path) -> Counter[int]:
    """How often the guest linked a table and stored an entry, on a machine with so much memory."""
    done = record("radix", {"keys": 4096}, cpu="x86-64", output=folder / "t.arrow", memory_bytes=memory_bytes)
    assert 0 == done.status
    kinds = prepare(str(done.path), use_cache=False).columns.kind
    return Counter({kind: int((kinds == kind).sum()) for kind in (Kind.TABLE_LINK, Kind.ENTRY)})


@pytest.mark.parametrize("more", [1, 511])
def test_memory_beyond_a_gigabyte_is_mapped_by_a_table_of_its_own(more: int, tmp_path: Path) -> None:
    """The kernel links one table more, and stores an entry for it and for each 2 MB that it maps."""
    found = stored(GIGABYTE + more * LARGE, tmp_path)
    found.subtract(stored(GIGABYTE, tmp_path))

    assert {Kind.TABLE_LINK: 1, Kind.ENTRY: more + 1} == dict(found)
