"""The streaming writer: rows packed by a recorder come out as columns, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replay.errors import UserError
from replay.trace.container import open_trace
from replay.trace.meta import TraceMeta
from replay.trace.schema import COLUMNS, PACK_SHIFT
from tracegen.cpu.buffers import AHEAD
from tracegen.writer import TraceWriter, unpack


@pytest.fixture
def words() -> np.ndarray:
    """Random packed rows."""
    return np.random.default_rng(3).integers(0, 1 << 63, 5000, np.uint64)


def test_unpacking_splits_a_word_into_its_columns(words: np.ndarray) -> None:
    """Each column is its bit field of the packed word; n comes from the array beside it."""
    counts = np.arange(words.size, dtype=np.uint8)
    columns = unpack(words, counts)

    for name, shift in PACK_SHIFT.items():
        mask = (1 << COLUMNS[name].itemsize * 8) - 1
        assert [int(word) >> shift & mask for word in words] == columns[name].tolist()
    assert counts.tolist() == columns["n"].tolist()


def test_buffers_in_turn_are_written_in_order(words: np.ndarray, meta: TraceMeta, tmp_path: Path) -> None:
    """A recorder may refill a buffer once AHEAD others have been handed over, and no row is lost or changed."""
    path = tmp_path / "t.arrow"
    buffers = [np.empty(500, np.uint64) for _ in range(AHEAD + 1)]
    counts = np.ones(500, np.uint8)
    with TraceWriter(path, meta) as writer:
        for number, start in enumerate(range(0, words.size, 500)):
            buffer = buffers[number % len(buffers)]
            buffer[:] = words[start : start + 500]
            writer.write(buffer, counts)
        closing = writer.commit({"complete": True})
    pages = np.concatenate([batch.column("page").to_numpy() for batch in open_trace(path).batches()])

    assert (words >> np.uint64(32)).tolist() == pages.tolist()
    assert (words.size, words.size) == (closing.rows, closing.summary["instructions"])


def test_leaving_without_commit_leaves_nothing(words: np.ndarray, meta: TraceMeta, tmp_path: Path) -> None:
    """An interrupt in the middle of a recording removes what was written so far."""

    def interrupted() -> None:
        with TraceWriter(tmp_path / "t.arrow", meta) as writer:
            writer.write(words, np.zeros(words.size, np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [] == list(tmp_path.iterdir())


def test_a_full_disk_stops_the_recording(words: np.ndarray, meta: TraceMeta, tmp_path: Path) -> None:
    """A write that fails beside the guest comes up AHEAD calls later, as one line that names the file."""
    counts = np.zeros(words.size, np.uint8)
    with TraceWriter(tmp_path / "t.arrow", meta) as writer:
        writer.file.file.close()
        with open("/dev/full", "wb", buffering=0) as writer.file.tap.file:
            for _ in range(AHEAD):
                writer.write(words, counts)
            with pytest.raises(UserError, match=r"t\.arrow: cannot write: no space left"):
                writer.write(words, counts)
