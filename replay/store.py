"""A folder of results, wherever it lies: files appear whole or not at all.

Local files are written aside and renamed, so that neither a kill nor a full disk leaves half of one.  Other places
are named by a URI (``s3://bucket/folder``) and reached through Arrow; an object store shows an object when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from replay.errors import UserError, remedy

ASIDE = ".part"
"""How the name of a file ends that is being written."""

ABANDONED_SECONDS = 3600.0
"""A file aside that is older belongs to a process that was killed."""


class Store(Protocol):
    """Files by name, with slashes, in one folder; every method raises UserError where the folder fails it."""

    where: str

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file, whole."""

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in ``folder``, '' for the whole; none if it is not there."""


def open_store(where: str) -> Store:
    """The folder at a path or URI.  Raises UserError for a URI that nothing reads."""
    return _Remote(where) if "://" in where else _Local(where)


class _Local:
    """A folder of this machine's file system."""

    def __init__(self, where: str) -> None:
        self.where = where

    def read(self, name: str) -> bytes | None:
        try:
            return Path(self.where, name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UserError(f"{self.where}/{name}: {remedy(error)}") from None

    def write(self, name: str, data: bytes) -> None:
        target = Path(self.where, name)
        try:
            number, aside = _make_aside(target)
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(data)
                Path(aside).chmod(0o644)
                os.replace(aside, target)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(aside)
        except OSError as error:
            raise UserError(f"{self.where}/{name}: {remedy(error)}; what was finished before is kept") from None

    def names(self, folder: str) -> list[str]:
        found = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for entry in Path(self.where, folder).iterdir():
                if entry.name.endswith(ASIDE):
                    _remove_abandoned(entry)
                else:
                    found.append(entry.name)
        return sorted(found)


def _make_aside(target: Path) -> tuple[int, str]:
    """A new file beside ``target``, open, and its path; folders on the way are made where there are none yet."""
    about: Any = {"prefix": f".{target.name}-", "suffix": ASIDE, "dir": target.parent}
    try:
        return tempfile.mkstemp(**about)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkstemp(**about)


def _remove_abandoned(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            path.unlink()


class _Remote:
    """A folder that Arrow reaches by a URI."""

    def __init__(self, where: str) -> None:
        from replay.trace import remote

        self.where, self._line = where, remote.line
        self._system, self._root = remote.open_system(where)

    def read(self, name: str) -> bytes | None:
        try:
            with self._system.open_input_stream(f"{self._root}/{name}") as stream:
                data: bytes = stream.read()
                return data
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UserError(f"{self.where}/{name}: {self._line(error)}") from None

    def write(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        try:
            self._system.create_dir(path.rpartition("/")[0], recursive=True)
            with self._system.open_output_stream(path) as stream:
                stream.write(data)
        except OSError as error:
            raise UserError(f"{self.where}/{name}: {self._line(error)}; what was finished before is kept") from None

    def names(self, folder: str) -> list[str]:
        from pyarrow import fs

        try:
            selector = fs.FileSelector(f"{self._root}/{folder}".rstrip("/"), allow_not_found=True)
            return sorted(info.base_name for info in self._system.get_file_info(selector))
        except OSError as error:
            raise UserError(f"{self.where}/{folder}: {self._line(error)}") from None
