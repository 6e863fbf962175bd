"""The trace file: what was written is what is read, and damage is refused in one line."""

from __future__ import annotations

import dataclasses
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
import rich.console

from replay.errors import UserError
from replay.info import describe
from replay.prepare import prepare
from replay.trace.container import TraceFile, open_trace
from replay.trace.meta import Network, TraceMeta, parse
from replay.trace.schema import COLUMNS, METADATA_KEY, SCHEMA_MAJOR, SCHEMA_MINOR
from reports.trace import screen

Rows = list[tuple[int, ...]]


def read(path: Path) -> dict[str, list[int]]:
    """Every row of a trace as column lists."""
    batches = list(open_trace(path).batches())
    return {name: [v for batch in batches for v in batch.column(name).to_pylist()] for name in COLUMNS}


def test_rows_and_metadata_come_back_as_written(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """A trace read back holds the same metadata and the same rows in the same order, across batches."""
    path = write(rows, meta, batch=3)

    assert meta == open_trace(path).meta
    assert [row[0] for row in rows] == read(path)["kind"]
    assert [row[3] for row in rows] == read(path)["page"]


def test_the_same_rows_give_the_same_bytes(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """Nothing but rows and metadata enters the file: not its name, not the time."""
    assert write(rows, meta, "a.arrow").read_bytes() == write(rows, meta, "b.arrow").read_bytes()


def test_polars_reads_a_trace_without_our_code(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """polars opens the file as it is and sees every row."""
    assert len(rows) == pl.read_ipc(write(rows, meta)).height


def test_a_truncated_trace_is_refused_at_every_length(
    write: Callable[..., Path], rows: Rows, meta: TraceMeta, tmp_path: Path
) -> None:
    """However much of the end is missing, opening it is one line that names the file."""
    whole = write(rows, meta).read_bytes()
    cut = tmp_path / "cut.arrow"
    for length in range(0, len(whole), 37):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut\.arrow") as caught:
            open_trace(cut)
        assert "\n" not in str(caught.value)


def test_a_flipped_bit_is_refused_or_harmless(
    write: Callable[..., Path], rows: Rows, meta: TraceMeta, tmp_path: Path
) -> None:
    """A single flipped bit anywhere either is refused or changes no row and no metadata."""
    path = write(rows, meta)
    whole, truth = path.read_bytes(), (read(path), meta)
    bent = tmp_path / "bent.arrow"
    refused = 0
    for position in random.Random(5).sample(range(len(whole) * 8), 600):
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << position % 8
        bent.write_bytes(damaged)
        try:
            seen = (read(bent), open_trace(bent).meta)
        except UserError:
            refused += 1
        else:
            assert truth == seen
    assert refused > 300


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\x7fELF" * 99, "not an Arrow file"), (b"ARROW1\0\0" + bytes(99), "truncated or damaged")],
)
def test_what_is_no_trace_is_named_so(tmp_path: Path, content: bytes, message: str) -> None:
    """Empty, foreign and headless files each get their own line."""
    path = tmp_path / "x.arrow"
    path.write_bytes(content)

    with pytest.raises(UserError, match=message):
        open_trace(path)


def test_a_foreign_arrow_file_is_refused(tmp_path: Path) -> None:
    """An Arrow file that somebody else wrote is told apart from a damaged trace."""
    path = tmp_path / "x.arrow"
    pl.DataFrame({"a": [1]}).write_ipc(path)

    with pytest.raises(UserError, match=r"not a vmreplay trace.*tracegen run"):
        open_trace(path)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    """A path that is not there, or is a folder, says so and how to get a trace."""
    with pytest.raises(UserError, match="no such file; record one"):
        open_trace(tmp_path / "none.arrow")
    with pytest.raises(UserError, match="is a folder"):
        open_trace(tmp_path)


def rewrite(path: Path, out: Path, version: str, column: str | None = None) -> None:
    """Write the trace again as another schema version, with one more column if asked."""
    source = open_trace(path)
    document = json.loads(source.meta.to_json())
    document["schema_version"] = version
    document["a_field_of_the_future"] = 1
    file = TraceFile(out, source.meta)
    schema = file.schema.with_metadata({METADATA_KEY: json.dumps(document).encode()})
    if column:
        schema = schema.append(pa.field(column, pa.uint8(), nullable=False))
    file.schema = schema
    file.writer = pa.ipc.new_file(file.tap, schema)
    for batch in source.batches():
        more = [pa.array([0] * batch.num_rows, pa.uint8())] if column else []
        file.writer.write_batch(pa.record_batch([*batch.columns, *more], schema=schema))
        file.stretches.append(file.tap.cut())
        file.rows += batch.num_rows
    file.commit({"complete": True})


def test_the_next_minor_schema_still_reads(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """A file with a higher minor version and a column we do not know gives the same rows."""
    path = write(rows, meta)
    newer = path.with_name("newer.arrow")
    rewrite(path, newer, f"{SCHEMA_MAJOR}.{SCHEMA_MINOR + 1}", column="future")

    assert read(path) == read(newer)
    assert (prepare(str(path)).columns.page == prepare(str(newer)).columns.page).all()


def test_the_next_major_schema_is_refused(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """A file of a later major version names both versions and the remedy."""
    path = write(rows, meta)
    newer = path.with_name("newer.arrow")
    rewrite(path, newer, f"{SCHEMA_MAJOR + 1}.0")

    with pytest.raises(UserError, match=r"schema \d+\.0 is not readable .* upgrade vmreplay"):
        open_trace(newer)


def test_an_abandoned_trace_leaves_nothing(tmp_path: Path, meta: TraceMeta, rows: Rows, columns: Callable) -> None:
    """Until commit there is no file under the final name, and abandoning removes the one beside it."""
    file = TraceFile(tmp_path / "t.arrow", meta)
    file.write(columns(rows))

    assert not (tmp_path / "t.arrow").exists()
    file.abandon()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("target", "message"), [("none/t.arrow", "create the folder"), (".", "name a file")])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, meta: TraceMeta, target: str, message: str) -> None:
    """A missing folder or a folder in place of a file is one line with the remedy."""
    with pytest.raises(UserError, match=message):
        TraceFile(tmp_path / target, meta)


def test_a_full_disk_is_one_line(meta: TraceMeta, tmp_path: Path, rows: Rows, columns: Callable) -> None:
    """When the device has no room left the error names the file and says to free space."""
    file = TraceFile(tmp_path / "t.arrow", meta)
    file.file.close()
    file.tap.file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 - closed by abandon below
    with pytest.raises(UserError, match=r"t\.arrow: cannot write: no space left on the device; free some"):
        file.write(columns(rows))
    file.tap.file.close()
    file.abandon()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("vcpus", 99),
        ("memory_bytes", -1),
        ("services", [[1, "x", "OTHER"]]),
        ("services", [[0, "x", "NO_SUCH_CLASS"]]),
        ("services", [[0, "\x1b[2J", "OTHER"]]),
        ("symbols", [["\x1b[2J", 1]]),
        ("symbols", [["main", 1 << 64]]),
        ("refill", {"window": -1}),
        ("tlb", {"pair": True, "entries": 0}),
        ("workload", 5),
        ("arguments", [1]),
        ("base_image", 1 << 48),
        ("network", []),
        (
            "network",
            {"session": "s", "vm": 2, "vms": 2, "latency": 1, "bandwidth": 1, "drop_every": 0, "drop_share": 0},
        ),
        (
            "network",
            {"session": "s", "vm": 0, "vms": 1, "latency": 0, "bandwidth": 1, "drop_every": 0, "drop_share": 0},
        ),
    ],
)
def test_hostile_metadata_names_the_field(meta: TraceMeta, field: str, value: object) -> None:
    """Metadata of a wrong type or range is refused by field name, whatever wrote it."""
    from replay.trace.meta import parse

    document = json.loads(meta.to_json())
    document[field] = value
    with pytest.raises(UserError, match=f"metadata field {field}"):
        parse(json.dumps(document).encode(), "t.arrow")


def test_metadata_survives_its_json(meta: TraceMeta) -> None:
    """Parsing what was written gives equal metadata, with and without the optional parts."""
    from replay.trace.meta import parse

    bare = dataclasses.replace(meta, tlb=None, refill=None)

    assert meta == parse(meta.to_json(), "t")
    assert bare == parse(bare.to_json(), "t")


def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path, meta: TraceMeta) -> None:
    """A trace takes a file's place, never that of a device or a pipe, which renaming would destroy."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="name a file"):
        TraceFile(pipe, meta)

    assert pipe.is_fifo()
    assert [pipe] == list(tmp_path.iterdir())


@pytest.mark.parametrize(("rows", "instructions"), [(0, 5), (-1, 5), (1 << 63, 5), (2, "many"), (2, 1e300), (2, -1)])
def test_a_closing_batch_that_makes_no_sense_is_refused(
    tmp_path: Path, meta: TraceMeta, rows: int, instructions: object
) -> None:
    """Checksums only say that the file is as it was written: what it says about itself is checked too."""
    file = TraceFile(tmp_path / "t.arrow", meta)
    file.rows = rows
    file.commit({"instructions": instructions})
    with pytest.raises(UserError, match=r"t\.arrow"):
        open_trace(file.path)


def test_a_trace_without_rows_is_refused(tmp_path: Path, meta: TraceMeta) -> None:
    """A batch of no rows is no recording."""
    file = TraceFile(tmp_path / "t.arrow", meta)
    file.write({name: [] for name in COLUMNS})
    file.commit({})
    with pytest.raises(UserError, match="holds no rows"):
        open_trace(file.path)


def test_marks_come_back_by_name(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """The names of marks are read as written; a trace of an older minor version has none; an id twice is refused."""
    named = dataclasses.replace(meta, marks=((1, "null call"), (7, "fork")))
    assert named.marks == open_trace(write(rows, named)).meta.marks
    document = json.loads(meta.to_json())
    del document["marks"]
    assert () == parse(json.dumps(document | {"schema_version": "1.1"}).encode(), "old").marks
    for marks in ([[1, "a"], [1, "b"]], [[1]], [[-1, "a"]], {"1": "a"}):
        with pytest.raises(UserError, match="metadata field marks should be a list of"):
            parse(json.dumps(document | {"marks": marks}).encode(), "bad")


def test_the_network_comes_back(write: Callable[..., Path], rows: Rows, meta: TraceMeta) -> None:
    """Session, number and link are read as written, and shown; a trace of an older minor version has none."""
    network = Network("5e55", 1, 2, 10_000, 10**9, 0, 250)
    path = write(rows, dataclasses.replace(meta, network=network, base_image=77))
    console = rich.console.Console(width=120)
    with console.capture() as captured:
        for part in screen(describe(str(path))):
            console.print(part)

    assert (network, 77) == (open_trace(path).meta.network, open_trace(path).meta.base_image)
    assert "machine 1 of the 2 of session 5e55" in captured.get()
    document = json.loads(meta.to_json())
    del document["network"], document["base_image"]
    older = parse(json.dumps(document | {"schema_version": "1.2"}).encode(), "old")
    assert (None, 0) == (older.network, older.base_image)
