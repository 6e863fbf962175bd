"""Prepare: pages become pairs, definitions become side tables, and no index can leave its array."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay import mapped, prepared_cache
from replay.columns import Columns
from replay.errors import UserError
from replay.jit import cache_folder
from replay.prepare import STORED, from_rows, prepare
from replay.trace.meta import TraceMeta
from replay.trace.schema import Kind, Segment

from .conftest import extra, page_rows

Rows = list[tuple[int, ...]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a cache folder of its own for prepared traces."""
    monkeypatch.setenv("VMREPLAY_CACHE", str(tmp_path / "cache"))


def test_two_halves_of_a_pair_share_it(rows: Rows, meta: TraceMeta) -> None:
    """Prepared ids of an even page and its odd buddy differ in the lowest bit alone."""
    accesses = from_rows(rows, meta).columns
    load, store = (int(p) for k, p in zip(accesses.kind, accesses.page, strict=True) if k in (Kind.LOAD8, Kind.STORE4))

    assert load == store | 1
    assert store & 1 == 0


def test_side_tables_say_where_a_page_lies(rows: Rows, meta: TraceMeta) -> None:
    """Space, page number, segment and the fixed frame of unmapped pages are found by prepared id."""
    prepared = from_rows(rows, meta)
    fetch, load = int(prepared.columns.page[0]), int(prepared.columns.page[2])

    assert (0xFFFFFFFF80001, 0, Segment.UNMAPPED, 1 + 1) == (
        prepared.pages.vpn[fetch],
        prepared.pages.space[fetch],
        prepared.pages.segment[fetch],
        prepared.pages.frame[fetch],
    )
    assert (0x401, 3, Segment.MAPPED, 0) == (
        prepared.pages.vpn[load],
        prepared.pages.space[load],
        prepared.pages.segment[load],
        prepared.pages.frame[load],
    )


def test_unmapped_pages_of_both_kinds_of_segments_have_their_frames(meta: TraceMeta) -> None:
    """A page in xkphys lies at its low 40 bits, one in kseg0 at its low 29."""
    low, high = 0xFFFFFFFF9F001, 0xA800000041234
    rows = [
        *page_rows(1, low, 0, Segment.UNMAPPED),
        (Kind.LOAD8, 0x20, 0, 1, 0),
        *page_rows(2, high, 0, Segment.UNMAPPED),
        (Kind.LOAD8, 0x20, 0, 2, 1),
        (Kind.END, 0, 0, 0, 0),
    ]
    pages = from_rows(rows, meta).pages

    frames = dict(zip(pages.vpn.tolist(), pages.frame.tolist(), strict=True))
    assert [0x1F001 + 1, 0x41234 + 1] == [frames[low], frames[high]]


def test_the_linear_table_page_of_a_pair_is_known(rows: Rows, meta: TraceMeta) -> None:
    """The pair that holds a page's entries is where the window rule puts it, though no row ever touched it."""
    prepared = from_rows(rows, meta)
    load = int(prepared.columns.page[2])
    table = int(prepared.pages.table[load >> 1])

    assert (0xFFFFFFFFC0000000 + 0x401 * 8) >> 12 & ~1 == prepared.pages.vpn[table * 2]
    assert prepared.pages.space[table * 2] == 3
    assert prepared.pages.table[table] == 0


def test_definitions_leave_the_columns_and_sites_are_kept(rows: Rows, meta: TraceMeta) -> None:
    """Only accesses and events remain, in order; a sensitive instruction is found by its site."""
    prepared = from_rows(rows, meta)

    assert [Kind.FETCH, Kind.SENSITIVE, Kind.LOAD8, Kind.STORE4, Kind.END] == list(prepared.columns.kind)
    assert [0, 4, 0, 2, 1] == list(prepared.columns.n)
    assert (1, 12, 0xFFFFFFFF80001010) == tuple(int(column[1]) for column in prepared.sites)


def test_payload_rows_stay_before_their_event(meta: TraceMeta, rows: Rows) -> None:
    """EXTRA rows of events that stay are kept; those of definitions go with them."""
    more = [*rows[:-1], extra(5), extra(6), extra(7), (Kind.ENTRY, 0, 9, 2, 0), rows[-1]]
    prepared = from_rows(more, meta)

    assert [Kind.EXTRA] * 3 + [Kind.ENTRY, Kind.END] == list(prepared.columns.kind[-5:])
    assert prepared.columns.page[-2] == prepared.columns.page[2]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((Kind.LOAD8, 0, 0, 4, 0), "page id used before"),
        ((Kind.LOAD8, 0, 0, 0, 0), "page id used before"),
        ((Kind.LOAD8, 1, 0, 1, 0), "vCPU beyond"),
        ((Kind.LOAD8, 0x30, 0, 1, 0), "unknown mode"),
        ((12, 0, 0, 1, 0), "unknown access kind"),
        ((Kind.SENSITIVE, 0, 0, 2, 0), "site id used before"),
        ((Kind.FREED, 0, 0, 1 << 14, 0), "frame beyond the metadata's memory_bytes"),
        ((Kind.ZEROED, 0, 0, 2**32 - 1, 0), "frame beyond the metadata's memory_bytes"),
        ((Kind.SERVICE_ENTER, 0, 0, 1, 0), "service id not in"),
        ((Kind.PAGE, 0, 0, 4, 0), "without its EXTRA"),
        ((Kind.PAGE, 0, 0, 9, 0), "out of order"),
        ((Kind.EXCEPTION, 0, 1 << 5, 77, 0), "page id used before"),
        ((Kind.TLB_PROBE, 0, 0, 77, 0), "page id used before"),
    ],
)
def test_a_hostile_row_is_named(rows: Rows, meta: TraceMeta, row: tuple[int, ...], message: str) -> None:
    """A row whose number would index outside a table is refused with its place in the file."""
    with pytest.raises(UserError, match=f"rows: row {len(rows) - 1}: .*{message}"):
        from_rows([*rows[:-1], row, rows[-1]], meta)


def test_a_second_prepare_reads_the_cache(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """Preparing again gives equal arrays, memory-mapped, and --no-cache neither reads nor writes them."""
    path = str(write(rows, meta, "cached.arrow"))
    first = prepare(path, use_cache=False)
    assert prepared_cache.load(first.digest) is None
    prepare(path)
    again = prepare(path)

    assert prepared_cache.load(first.digest) is not None
    for before, after in zip((*first.columns, *first.pages), (*again.columns, *again.pages), strict=True):
        assert (before == after).all()
        assert not after.flags.writeable


def entry_of(digest: str) -> Path:
    """The folder of the one entry of the cache."""
    (entry,) = [e for e in (cache_folder() / "prepared").iterdir() if e.name.startswith(digest)]
    return entry


def flip(path: Path) -> None:
    """Flip a bit of the last byte: it is data, not header."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x40
    path.write_bytes(data)


def as_floats(path: Path) -> None:
    """Replace an array by one of the same length and another type."""
    np.save(path, np.load(path).astype(np.float64))


DAMAGE = {
    "a bit": lambda entry: flip(entry / "page.npy"),
    "cut short": lambda entry: os.truncate(entry / "page.npy", (entry / "page.npy").stat().st_size - 4),
    "emptied": lambda entry: os.truncate(entry / "segment.npy", 0),
    "another type": lambda entry: as_floats(entry / "page.npy"),
    "missing": lambda entry: (entry / "table.npy").unlink(),
    "no array": lambda entry: (entry / "n.npy").write_bytes(b"PK\x03\x04" * 9),
    "no checksums": lambda entry: (entry / "checksums.json").unlink(),
    "senseless checksums": lambda entry: (entry / "checksums.json").write_text("[1]"),
    "fewer arrays": lambda entry: (entry / "checksums.json").write_text("{}"),
    "a folder": lambda entry: [(entry / "n.npy").unlink(), (entry / "n.npy").mkdir()],
}
"""What may happen to an entry of the cache -> how."""


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_entry_is_made_anew(write: Callable[..., Path], rows: Rows, meta: TraceMeta, damage: str) -> None:
    """Whatever happened to a cached file, it is never used: preparing gives the right arrays and mends the cache."""
    path = str(write(rows, meta, "cached.arrow"))
    first = prepare(path, use_cache=False)
    prepare(path)
    DAMAGE[damage](entry_of(first.digest))

    assert prepared_cache.load(first.digest) is None
    again = prepare(path)
    mended = prepared_cache.load(first.digest)

    assert mended is not None
    for name, before in (first.columns._asdict() | first.pages._asdict()).items():
        after = (again.columns._asdict() | again.pages._asdict())[name]
        assert before.tolist() == after.tolist() == mended[name].tolist()


@pytest.mark.parametrize("after", [0, 1, 7, len(STORED) - len(Columns._fields) - 1])
def test_an_interrupt_while_preparing_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path], rows: Rows, meta: TraceMeta, after: int
) -> None:
    """Ctrl-C after any number of arrays is passed on, leaves no file in the cache, and the next time it works."""
    path, saved, save = str(write(rows, meta, "cached.arrow")), [], np.save

    def interrupted(file: Path, array: np.ndarray, **options: Any) -> None:
        if len(saved) == after:
            raise KeyboardInterrupt
        saved.append(file)
        save(file, array, **options)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(path)

    assert [] == list((cache_folder() / "prepared").iterdir())
    assert prepared_cache.load(prepare(path).digest) is not None


def test_an_interrupt_while_decoding_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path], rows: Rows, meta: TraceMeta
) -> None:
    """Ctrl-C between two batches is passed on and leaves no file in the cache."""

    def interrupted(_done: int, _rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(str(write(rows, meta, "cached.arrow")), progress=interrupted)

    assert [] == list((cache_folder() / "prepared").iterdir())


def test_what_a_killed_process_left_is_removed(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """A half-made entry that no process holds goes when the next one is made; one that a process holds stays."""
    path = str(write(rows, meta, "cached.arrow"))
    left = cache_folder() / "prepared" / f"{prepared_cache.ASIDE}left"
    left.mkdir(parents=True)
    (left / "page.npy").write_bytes(bytes(100))
    with prepared_cache.draft("another", 1) as held:
        held.column("page", np.dtype("u4"), 5)
        prepare(path)
        names = sorted(entry.name for entry in (cache_folder() / "prepared").iterdir())

    assert [True, False] == [name.startswith(prepared_cache.ASIDE) for name in names]
    assert not left.exists()


def no_room(*_: Any) -> None:
    """What a full disk says."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_nothing_and_prepares(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path], rows: Rows, meta: TraceMeta
) -> None:
    """Where the cache has no room the trace is prepared without it, and nothing is left there."""
    path = str(write(rows, meta, "cached.arrow"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", no_room)
        full = prepare(path)

    assert [] == list((cache_folder() / "prepared").iterdir())
    assert [column.tolist() for column in prepare(path).columns] == [column.tolist() for column in full.columns]


def test_no_room_for_columns_anywhere_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large array that no folder has room for names the folder and what to do."""
    monkeypatch.setattr(os, "posix_fallocate", no_room)
    monkeypatch.setattr(mapped, "IN_MEMORY", 0)

    with pytest.raises(UserError, match=r"^/.*: no 40 bytes for 10 rows: .*; name a folder with room in TMPDIR$"):
        mapped.scratch(np.dtype("u4"), 10)


def test_a_sliding_array_forgets_whole_stretches() -> None:
    """What lies before the last whole stretch reads as 0, all else as it was written; cleared, all does."""
    stretch = mapped.SLIDE_BYTES // 4
    slide = mapped.Sliding(np.dtype("u4"), 3 * stretch)
    slide.array[:] = 7
    slide.forget(stretch + 5)
    before = slide.array[[0, stretch - 1, stretch, 3 * stretch - 1]].tolist()
    slide.clear()

    assert [0, 0, 7, 7] == before
    assert 0 == slide.array.max()


def test_no_addresses_for_a_sliding_array_are_one_line() -> None:
    """An array longer than any address space is refused with its size."""
    with pytest.raises(UserError, match=r"^no 4,611,686,018,427,387,904 bytes of address space for .* `ulimit -v`$"):
        mapped.Sliding(np.dtype("u1"), 1 << 62)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 17])
def test_batches_of_any_length_prepare_alike(
    write: Callable[..., Path], rows: Rows, meta: TraceMeta, batch: int
) -> None:
    """Where batches end changes nothing, be it between payload and the definition or the event that it belongs to."""
    more = [*rows[:-1], extra(5), extra(6), extra(7), (Kind.ENTRY, 0, 9, 2, 0), rows[-1]]
    whole = from_rows(more, meta)
    found = prepare(str(write(more, meta, f"{batch}.arrow", batch)), use_cache=False)

    assert [c.tolist() for c in whole.columns] == [c.tolist() for c in found.columns]
    assert [c.tolist() for c in (*whole.pages, *whole.sites)] == [c.tolist() for c in (*found.pages, *found.sites)]


def test_the_cache_makes_room(
    monkeypatch: pytest.MonkeyPatch, write: Callable[..., Path], rows: Rows, meta: TraceMeta
) -> None:
    """Beyond its cap the cache drops the entry longest unused."""
    monkeypatch.setattr(prepared_cache, "CAP_BYTES", 1)
    digests = [prepare(str(write(rows, dataclasses.replace(meta, seed=s), f"{s}.arrow"))).digest for s in (1, 2)]

    assert prepared_cache.load(digests[0]) is None
    assert prepared_cache.load(digests[1]) is not None


def test_pages_of_a_pair_lie_in_one_segment(meta: TraceMeta) -> None:
    """The half of a pair that nothing touched is taken to lie in its buddy's segment."""
    rows = [*page_rows(1, 0xFFFFFFFFBF000, 0, Segment.DEVICE), (Kind.STORE1, 0x20, 0, 1, 1), (Kind.END, 0, 0, 0, 0)]
    prepared = from_rows(rows, meta)
    page = int(prepared.columns.page[0])

    assert [Segment.DEVICE] * 2 == list(prepared.pages.segment[page : page + 2])
