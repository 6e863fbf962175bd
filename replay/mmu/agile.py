"""Agile walks: shadow tables down to a switch level, the guest's own and nested ones below.

The shadow entry at the switch level holds where in the machine the guest's next table lies.  From there on the walk
reads the guest's entries, and a nested walk translates the frame of each further table and of the page at its end.
With k of four levels below the switch and no caches that is 4 + 4k references: 8, 12, 16, 20.  None below is shadow
paging, 4; all four and the root as well is nested paging, 24 (Gandhi et al., ISCA 2016, section 3).

What lies below the switch level is the guest's: no store to those tables exits, nor a page fault, nor INVLPG.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import paging, walk_caches
from replay.jit import inline
from replay.memory import hooks
from replay.mmu import frames, nested, shadow, shadow_sync
from replay.mmu.nested import Nested, Walk
from replay.mmu.shadow import Shadow
from replay.prepare import Prepared
from replay.records import Parameter
from replay.trace.schema import Kind

SWITCH_LEVEL = Parameter(
    "agile.switch_level",
    1,
    "count",
    1,
    4,
    "assumed",
    "levels of the guest's tables, leaves first, that are nested",
)
PARAMETERS = (*nested.PARAMETERS, shadow.SPACES, SWITCH_LEVEL)
"""Parameters of a model with agile walks."""

ALWAYS_TRACED = {"shadow.policy": "trace", "shadow.threshold": 2, "shadow.prefetch": 0}
"""Upper tables change seldom: a store to one that is shadowed is emulated."""

ONE = np.uint64(1)


class Agile(NamedTuple):
    """The shadow of the upper levels, and the nested tables for the lower ones."""

    upper: Shadow
    lower: Nested


def make_agile(prepared: Prepared, settings: Mapping[str, Any], counts: np.ndarray, first: int) -> Agile:
    """A VM before its first row; ``first`` is the number of the model's counter ``hidden_fault``."""
    lower = nested.make_nested(prepared, settings)
    upper = shadow.make_shadow(
        prepared,
        {**settings, **ALWAYS_TRACED},
        counts,
        first,
        flush_on_entry=not settings["tlb.vm_tagged"],
        level=settings["agile.switch_level"],
        hardware=lower.paging,
    )
    return Agile(upper, lower)


@inline
def walk(a, at, page):
    """A walk for ``page``, whose upper levels the shadow has; one that finds no page ends before it."""
    page, n = np.uint64(page), a.lower
    large = frames.is_large(n.frames, page)
    references = walk_caches.walk(n.paging.caches, at.vcpu, page, large)
    first = np.uint64(references) + large - ONE  # level of the first table that is read
    upper, lower = np.uint64(a.upper.level), large + ONE
    known = (upper if upper > lower else lower) - ONE  # from this level up the machine's place is known
    nested_references = hits = violations = np.int64(0)
    for number in range(references if nested.is_absent(at) else references + 1):
        level = first - np.uint64(number)
        if number < references:
            if level >= known:
                hooks.read_shadow(at.memory, at, page, level)
            else:
                hooks.read_table(at.memory, at, page, level)
            if level >= known or (number == 0 and first != frames.ROOT):
                continue  # a shadow table, or one that a shadow entry or a walk cache leads to
            frame = frames.frame_of_table(n.frames, at.vcpu, page, level)
        else:
            frame = np.uint64(n.frames.page[page])
        read, missing = nested.translate(n, at, frame)
        hits += read == 0
        nested_references += read
        violations += missing
    return Walk(references, nested_references, hits, violations)


@inline
def lacks(a, page):
    """Whether the shadow has no entry at the switch level that leads to ``page``."""
    return a.upper.entry[np.uint64(page)] == 0


@inline
def follow(a, at, row):
    """Follow an event of the guest that changes its tables or what TLBs may hold."""
    frames.follow(a.lower.frames, at.vcpu, row)
    if row.kind == Kind.ENTRY and row.page != 0:
        page = np.uint64(row.page)
        paging.set_large(a.lower.paging, page, a.lower.large != 0 and frames.is_large(a.lower.frames, page) != 0)
    shadow_sync.change(a.upper, at, row)
