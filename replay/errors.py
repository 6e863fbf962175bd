"""Errors a user can act on: one line that names the thing, the field and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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
