"""Errors a user can act on: one line that names the thing, the field and the remedy."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable

REMEDIES = {
    errno.ENOSPC: "no space left on the device; free some, or name another folder",
    errno.EDQUOT: "the disk quota is used up; free some space, or name another folder",
    errno.EFBIG: "the file would be larger than the limit allows; raise it with `ulimit -f`, or record less",
    errno.EACCES: "permission denied; change its permissions, or name another place",
    errno.EPERM: "operation not permitted; name another place",
    errno.EROFS: "the file system is read-only; name another folder",
    errno.ENOENT: "no such file or folder; check the name, or create the folder",
    errno.ENOTDIR: "part of the path is a file, not a folder; check the name",
    errno.EISDIR: "is a folder; name a file",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EMFILE: "too many open files; raise the limit with `ulimit -n`",
}
"""What is wrong, and what to do: the errors of the system that a user can put right."""


class UserError(Exception):
    """A mistake outside the program: bad input, a wrong name, a full disk.

    The message is one line, complete in itself; the command line prints it and exits non-zero.
    """


def unknown(what: str, name: str, choices: Iterable[str], see: str = "") -> UserError:
    """The error for a name that is not among ``choices``, with the nearest one suggested.

    ``what`` is the kind of thing ("model"), ``see`` a command that lists the choices.
    """
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return UserError(f"unknown {what} {name!r}{hint}" + (f" (see `{see}`)" if see else ""))


def remedy(error: OSError) -> str:
    """What is wrong and what to do about it, without the file's name."""
    return REMEDIES.get(error.errno or 0) or error.strerror or str(error)
