"""Options of the guest's kernel: words NAME=VALUE that it finds before the command line of its first program."""

from __future__ import annotations

from replay.errors import UserError

CHOICES = {"kernel": ("full", "thin"), "locks": ("coarse", "fine"), "pages": ("small", "large")}
"""Option -> its values; the first is the default, and is not said."""


def options(**chosen: str) -> tuple[str, ...]:
    """The words for these options, in the order of ``CHOICES``.  Raises UserError for a value that there is not."""
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise UserError(f"--{name} should be {' or '.join(CHOICES[name])}, is {value!r}")
    return tuple(f"{name}={chosen[name]}" for name in CHOICES if chosen.get(name, CHOICES[name][0]) != CHOICES[name][0])
