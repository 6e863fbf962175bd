"""Options of the guest's kernel: words NAME=VALUE that it finds before the command line of its first program."""

from __future__ import annotations

import re
from collections.abc import Sequence

from replay.errors import UserError

CHOICES = {"kernel": ("full", "thin"), "locks": ("coarse", "fine"), "pages": ("small", "large")}
"""Option -> its values; the first is the default, and is not said."""
BALLOON = "balloon"
NAMES = (*CHOICES, BALLOON)
DEMANDS, MOST_PAGES = 32, 1 << 32


def options(**chosen: str) -> tuple[str, ...]:
    """The words for these options, in the order of ``NAMES``.  Raises UserError for a value that there is not."""
    words = []
    for name in (name for name in NAMES if name in chosen):
        value = chosen[name]
        if name == BALLOON:
            check_demands(value)
        elif value not in CHOICES[name]:
            raise UserError(f"--{name} should be {' or '.join(CHOICES[name])}, is {value!r}")
        if value != CHOICES.get(name, ("",))[0]:
            words.append(f"{name}={value}")
    return tuple(words)


def check_demands(text: str) -> None:
    """Raise UserError where ``text`` does not say what a host wants: TICK:PAGES,... by tick, or nothing."""
    found = re.fullmatch(r"\d+:\d+(,\d+:\d+)*", text)
    pairs = [(int(tick), int(pages)) for tick, _, pages in (p.partition(":") for p in text.split(","))] if found else []
    ticks = [pair[0] for pair in pairs]
    if text and not (
        pairs
        and ticks == sorted(set(ticks))
        and len(ticks) <= DEMANDS
        and max(pages for _, pages in pairs) < MOST_PAGES
    ):
        raise UserError(
            f"--balloon should be TICK:PAGES,TICK:PAGES... by rising ticks of 10 ms, at most {DEMANDS}, is {text!r};"
            " write for example --balloon 100:4096,500:0"
        )


def check(words: Sequence[str], cpu: str) -> None:
    """Raise UserError where a guest on ``cpu`` has no such options, or not together."""
    if "pages=large" not in words:
        return
    if cpu == "mips64":
        raise UserError("--pages large: the MIPS64 machine's TLB has pages of 4 KB only; use --cpu x86-64")
    if "kernel=thin" in words:
        raise UserError("--pages large: the thin guest maps page by page; use --kernel full")
