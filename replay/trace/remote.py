"""Where traces and results lie: a path, or a URI of a file system that Arrow or, if installed, fsspec reaches."""

from __future__ import annotations

import difflib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from replay.errors import UserError, unknown
from replay.mapped import scratch

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs

ARROW_SCHEMES = ("file", "s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
"""What Arrow reaches by itself."""

PIECE_BYTES = 1 << 23
"""Bytes read at a time."""


def is_uri(place: str) -> bool:
    """Whether ``place`` is a URI, and no path."""
    return "://" in place


def file_name(place: str) -> str:
    """The name of the file at ``place``, a path or a URI, without what leads to it."""
    return PurePosixPath(urlsplit(place).path).name if is_uri(place) else Path(place).name


def open_system(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system that ``uri`` names, and the path there.  Raises UserError for one that nothing here reaches."""
    import pyarrow as pa
    from pyarrow import fs

    scheme = uri.partition("://")[0].lower()
    try:
        if scheme in ARROW_SCHEMES:
            system, path = fs.FileSystem.from_uri(uri)
            return system, path
        return _through_fsspec(scheme, uri)
    except (pa.ArrowException, OSError, ValueError, ImportError) as error:
        raise UserError(f"{uri}: {line(error)}; give a path, or a URI that Arrow reads, like s3://") from None


def _through_fsspec(scheme: str, uri: str) -> tuple[fs.FileSystem, str]:
    from pyarrow import fs

    try:
        import fsspec
    except ImportError:
        error = unknown("file system", scheme, ARROW_SCHEMES)
        raise UserError(f"{uri}: {error}; fsspec, which vmreplay[cluster] installs, reaches others") from None
    known = {*ARROW_SCHEMES, *fsspec.available_protocols()}
    if scheme not in known:
        near = difflib.get_close_matches(scheme, known, n=1)
        raise UserError(f"{uri}: {unknown('file system', scheme, near or ARROW_SCHEMES)}")
    system, path = fsspec.core.url_to_fs(uri)
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


def fetch(uri: str) -> pa.Buffer:
    """The bytes of the file at ``uri``, in a file without a name where they are many.  Raises UserError."""
    import pyarrow as pa
    from pyarrow import fs

    system, path = open_system(uri)
    try:
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise UserError(f"{uri}: no such file; check the name")
        if info.type != fs.FileType.File:
            raise UserError(f"{uri}: is a folder; name a .arrow trace")
        with system.open_input_stream(path) as source:
            return pa.py_buffer(_copy(source, uri, info.size))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{uri}: cannot read: {line(error)}") from None


def _copy(source: Any, uri: str, size: int) -> np.ndarray:
    made, done = scratch(np.dtype("u1"), size), 0
    while done < size:
        read = source.readinto(made[done : done + PIECE_BYTES])
        if not read:
            raise UserError(f"{uri}: ends after {done:,} of {size:,} bytes; it is being written, or damaged")
        done += read
    return made


def line(error: Any) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:200]
