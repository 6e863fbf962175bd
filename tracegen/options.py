"""Options of the guest's kernel: words NAME=VALUE that it finds before the command line of its first program."""

from __future__ import annotations

from collections.abc import Sequence

from replay.errors import UserError

CHOICES = {"kernel": ("full", "thin"), "locks": ("coarse", "fine"), "pages": ("small", "large")}
"""Option -> its values; the first is the default, and is not said."""


def options(**chosen: str) -> tuple[str, ...]:
    """The words for these options, in the order of ``CHOICES``.  Raises UserError for a value that there is not."""
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise UserError(f"--{name} should be {' or '.join(CHOICES[name])}, is {value!r}")
    return tuple(f"{name}={chosen[name]}" for name in CHOICES if chosen.get(name, CHOICES[name][0]) != CHOICES[name][0])


def check(words: Sequence[str], cpu: str) -> None:
    """Raise UserError where a guest on ``cpu`` has no such options, or not together."""
    if "pages=large" not in words:
        return
    if cpu == "mips64":
        raise UserError("--pages large: the MIPS64 machine's TLB has pages of 4 KB only; use --cpu x86-64")
    if "kernel=thin" in words:
        raise UserError("--pages large: the thin guest maps page by page; use --kernel full")
