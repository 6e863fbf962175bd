"""Hand-made x86-64 traces, and what shadow paging counts of them."""

from __future__ import annotations

from typing import Any

import models
from replay.count import Counts, count
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.trace.schema import (
    ENTRY_DIRTY,
    ENTRY_FRAME_SHIFT,
    ENTRY_PRESENT,
    ENTRY_REFERENCED,
    ENTRY_VALID,
    ENTRY_WRITE,
    Kind,
)

MODEL, MACHINE = models.load("shadow"), load_machine("pentium4-2005")
NEW = ENTRY_VALID | ENTRY_PRESENT | ENTRY_WRITE
SEEN, USED = NEW | ENTRY_REFERENCED, NEW | ENTRY_REFERENCED | ENTRY_DIRTY
OLD = 7 << ENTRY_FRAME_SHIFT | USED


def script(vcpus: int = 1) -> Script:
    """An empty x86-64 trace."""
    return Script(handmade_meta(vcpus=vcpus, architecture="x86-64"))


def charge(made: Script, **given: Any) -> Counts:
    """Its counts under shadow paging; parameters are named with ``_`` for ``.``."""
    return count(made.prepared(), MODEL, MACHINE, {name.replace("_", ".", 1): value for name, value in given.items()})


def found(made: Script, *names: str, **given: Any) -> tuple[int, ...]:
    """The totals of the counters ``names``."""
    counts = charge(made, **given)
    return tuple(counts.total(name) for name in names)


def load(made: Script, *vpns: int, space: int = 1) -> None:
    """Load from user pages."""
    for vpn in vpns:
        made.row(Kind.LOAD8, made.user(vpn, space))


def store(made: Script, *vpns: int, space: int = 1) -> None:
    """Store to user pages."""
    for vpn in vpns:
        made.row(Kind.STORE8, made.user(vpn, space))


def write(made: Script, vpn: int, bits: int = NEW, old: int = OLD, space: int = 1, level: int = 0) -> None:
    """The guest stores an entry."""
    made.entry(made.user(vpn, space), 9, bits=bits, old=old, level=level, table=30 + level)
