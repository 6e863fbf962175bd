"""The file around the rows: one Arrow IPC file, closed by a zero-row batch that makes damage visible.

Arrow has no checksums.  The closing batch's custom metadata lists offset, length and digest of every stretch of the
file as written (the first stretch also holds the magic and the schema), so a reader can tell a whole trace from a
truncated or altered one before it believes a byte.  The batches are then read as an Arrow *stream* from the verified
stretches alone; the file's footer serves only to find the closing batch.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from replay.errors import UserError, remedy
from replay.trace.meta import TraceMeta, parse, refuse_other_major
from replay.trace.remote import fetch, is_uri
from replay.trace.schema import CLOSING_KEY, COLUMNS, METADATA_KEY

COMPRESSION_LEVEL = 1
"""A higher one makes traces a fifth smaller at best, and takes a core longer than the guest takes the other."""
SPARE_CORES = len(os.sched_getaffinity(0)) > 2
"""Whether columns are compressed side by side: on two cores that would take the guest's from it."""
ARROW_MAGIC = b"ARROW1\0\0"
MOST_ROWS = 1 << 48
REMEDY = "record or import the trace again"


def arrow_schema(meta: TraceMeta) -> pa.Schema:
    """The Arrow schema of a trace with this metadata."""
    columns = [pa.field(name, pa.from_numpy_dtype(dtype), nullable=False) for name, dtype in COLUMNS.items()]
    return pa.schema(columns, metadata={METADATA_KEY: meta.to_json()})


def _digest(data: Any) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Closing:
    """What the closing batch says: the stretches written, and facts known only at the end."""

    stretches: tuple[tuple[int, int, str], ...]
    rows: int
    summary: dict[str, Any]

    @property
    def digest(self) -> str:
        """The trace's identity: equal exactly when the written bytes are equal."""
        return _digest(json.dumps(self.stretches).encode())

    def to_json(self) -> bytes:
        """The document with its own digest, so that damage to the closing batch shows too."""
        body = {"stretches": self.stretches, "rows": self.rows, "summary": self.summary}
        text = json.dumps(body, sort_keys=True, separators=(",", ":"))
        return json.dumps({"body": text, "check": _digest(text.encode())}).encode()


def _parse_closing(raw: bytes) -> Closing:
    document = json.loads(raw)
    if _digest(document["body"].encode()) != document["check"]:
        raise ValueError("closing batch damaged")
    body = json.loads(document["body"])
    stretches = tuple((int(o), int(n), str(d)) for o, n, d in body["stretches"])
    summary = dict(body["summary"])
    summary["kinds"] = {str(int(k)): int(v) for k, v in dict(summary.get("kinds", {})).items()}
    rows = body["rows"]
    if type(rows) is not int or not 0 <= rows <= MOST_ROWS or not 0 <= _retired(summary):
        raise ValueError("closing batch makes no sense")
    return Closing(stretches, rows, summary)


def unfinished(summary: dict[str, Any]) -> str:
    """Why the recorded guest did not finish, as one printable line; empty where it did."""
    if summary.get("complete", False):
        return ""
    reason = summary.get("reason")
    return reason if isinstance(reason, str) and reason and reason.isprintable() else "no reason given"


def _retired(summary: dict[str, Any]) -> int:
    """Instructions that the summary gives, 0 if it gives none."""
    value = summary.get("instructions", 0)
    return value if type(value) is int else -1


class _Tap:
    """A write-only file object that digests each stretch as it goes out."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.offset = file, 0
        self.start, self.hash = 0, hashlib.blake2b(digest_size=16)

    def write(self, data: Any) -> int:
        self.file.write(data)
        self.hash.update(data)
        self.offset += len(data)
        return len(data)

    def cut(self) -> tuple[int, int, str]:
        """End the stretch: its offset, length and digest."""
        stretch = (self.start, self.offset - self.start, self.hash.hexdigest())
        self.start, self.hash = self.offset, hashlib.blake2b(digest_size=16)
        return stretch

    def tell(self) -> int:
        return self.offset

    def flush(self) -> None:
        self.file.flush()

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def name_disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing ``path`` into one line that names it and the remedy."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot write: {remedy(error)}") from None


class TraceFile:
    """Writes one trace beside its final name and renames it there when closed whole; else leaves nothing behind."""

    def __init__(self, path: Path, meta: TraceMeta) -> None:
        self.path = path
        self.partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
        self.schema = arrow_schema(meta)
        self.stretches: list[tuple[int, int, str]] = []
        self.rows = 0
        with name_disk_errors(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if path.exists() and not path.is_file():  # a rename would put a file in a device's or a pipe's place
                raise UserError(f"{path}: is a device or a pipe, not a file; name a file")
            self.file = open(self.partial, "wb")  # noqa: SIM115 - closed in commit or abandon
        self.tap = _Tap(self.file)
        codec = pa.Codec("zstd", compression_level=COMPRESSION_LEVEL)
        options = pa.ipc.IpcWriteOptions(compression=codec, use_threads=SPARE_CORES)
        self.writer = pa.ipc.new_file(self.tap, self.schema, options=options)

    def write(self, columns: dict[str, Any]) -> None:
        """Append one batch: column name -> 1-D array, all of equal length, types as COLUMNS."""
        arrays = [pa.array(columns[name], type=self.schema.field(name).type) for name in COLUMNS]
        with name_disk_errors(self.path):
            self.writer.write_batch(pa.record_batch(arrays, schema=self.schema))
        self.stretches.append(self.tap.cut())
        self.rows += len(arrays[0])

    def commit(self, summary: dict[str, Any]) -> Closing:
        """Write the closing batch and the footer, then rename into place.  ``summary`` is JSON-able."""
        closing = Closing(tuple(self.stretches), self.rows, summary)
        empty = pa.record_batch([pa.array([], f.type) for f in self.schema], schema=self.schema)
        with name_disk_errors(self.path):
            self.writer.write_batch(empty, custom_metadata={CLOSING_KEY: closing.to_json()})
            self.writer.close()
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            os.replace(self.partial, self.path)
        return closing

    def abandon(self) -> None:
        """Drop what was written; safe to call twice, and after ``commit``."""
        with contextlib.suppress(OSError):
            self.file.close()
        self.partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class OpenTrace:
    """A trace whose every stretch has been verified."""

    path: str
    """Or the URI."""
    meta: TraceMeta
    closing: Closing
    buffer: pa.Buffer

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The row batches in order, columns of COLUMNS only (a newer minor schema may hold more)."""
        last = self.closing.stretches[-1]
        body = self.buffer.slice(len(ARROW_MAGIC), last[0] + last[1] - len(ARROW_MAGIC))
        with pa.ipc.open_stream(pa.BufferReader(body)) as stream:
            for batch in stream:
                batch.validate()
                yield batch.select(list(COLUMNS))


def open_trace(path: str | os.PathLike[str]) -> OpenTrace:
    """Map the file at ``path``, or fetch the one at a URI, and verify every checksum and the version.

    Raises UserError in one line.
    """
    place = os.fspath(path)
    buffer = _bytes_at(place)
    if buffer.size == 0:
        raise UserError(f"{place}: is empty, not a trace; {REMEDY}")
    if buffer[: len(ARROW_MAGIC)].to_pybytes() != ARROW_MAGIC:
        raise UserError(f"{place}: not an Arrow file, so not a trace; record one with `tracegen run`")
    closing, raw = _closing(place, buffer)
    _verify(place, buffer, closing)
    meta = parse(raw, place)
    _check_columns(place, buffer)
    return OpenTrace(place, meta, closing, buffer)


def _bytes_at(path: str) -> pa.Buffer:
    if is_uri(path):
        return fetch(path)
    try:
        if os.path.isdir(path):
            raise UserError(f"{path}: is a folder; name a .arrow trace")
        if os.path.getsize(path) == 0:
            return pa.py_buffer(b"")
        with pa.memory_map(path) as source:
            return source.read_buffer()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; record one with `tracegen run radix -o {path}`") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {remedy(error)}") from None


def _closing(path: str, buffer: pa.Buffer) -> tuple[Closing, bytes]:
    try:
        reader = pa.ipc.open_file(pa.BufferReader(buffer))
    except (pa.ArrowException, OSError):
        raise UserError(f"{path}: truncated or damaged: the Arrow footer is missing or broken; {REMEDY}") from None
    raw = (reader.schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise UserError(
            f"{path}: an Arrow file, but not a vmreplay trace (no {METADATA_KEY.decode()!r} metadata);"
            " record one with `tracegen run`"
        )
    refuse_other_major(raw, path)
    try:
        last = reader.get_batch_with_custom_metadata(reader.num_record_batches - 1)
        return _parse_closing(last.custom_metadata[CLOSING_KEY]), _head_metadata(buffer)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, IndexError, UnicodeDecodeError):
        raise UserError(f"{path}: truncated or damaged: no whole closing batch; {REMEDY}") from None


def _head_metadata(buffer: pa.Buffer) -> bytes:
    """The metadata as written at the head of the file, which the checksums cover (the footer's copy is not covered)."""
    with pa.ipc.open_stream(pa.BufferReader(buffer.slice(len(ARROW_MAGIC)))) as stream:
        return bytes(stream.schema.metadata[METADATA_KEY])


def _verify(path: str, buffer: pa.Buffer, closing: Closing) -> None:
    expected = 0
    for number, (offset, length, digest) in enumerate(closing.stretches):
        if offset != expected or length <= 0 or offset + length > buffer.size:
            raise UserError(f"{path}: damaged: batch {number} is not where the closing batch says; {REMEDY}")
        if _digest(buffer.slice(offset, length)) != digest:
            raise UserError(f"{path}: damaged: checksum of batch {number} does not match; {REMEDY}")
        expected = offset + length
    if not closing.stretches or not closing.rows:
        raise UserError(f"{path}: holds no rows; {REMEDY}")


def _check_columns(path: str, buffer: pa.Buffer) -> None:
    with pa.ipc.open_stream(pa.BufferReader(buffer.slice(len(ARROW_MAGIC)))) as stream:
        found = {f.name: f.type for f in stream.schema}
    for name, dtype in COLUMNS.items():
        if found.get(name) != pa.from_numpy_dtype(dtype):
            raise UserError(f"{path}: column {name!r} should be {dtype!s}, is {found.get(name)}; {REMEDY}")
