"""Second-level TLBs of any associativity at once: stacks in place of sets, which tell how deep each unit lies.

A set of ``w`` ways holds what the first ``w`` places of its stack hold (Mattson, Gecsei, Slutz, Traiger, "Evaluation
techniques for storage hierarchies", 1970), if what is forgotten leaves a hole in its place: of two sets with more and
with less ways both have an empty way then, or neither ever held the unit.  The next unit that comes from below a hole,
or from outside, fills the first one on its way, as it fills an empty way; what lies below stays where it is.  A unit
that comes from below leaves its own place as a hole, since more ways than that had no need of the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import second_level
from replay.hw.second_level import SecondLevel, first_way, ways_of
from replay.hw.sets import to_front
from replay.jit import by_reference, inline

HELD, NOWHERE = np.uint32(0), np.uint32(2**32 - 1)
"""Depths of what entries of their own kind hold at any associativity, and of what no way holds."""

HOLE = np.uint32(2**32 - 1)
"""A tag; 0 is below all that a stack holds."""

ONE = np.uint64(1)


@by_reference
class Stacks(NamedTuple):
    """The stacks of all vCPUs, most recently used first, and what was looked for."""

    tags: np.ndarray  # as those of a second level with as many ways as are asked about
    home: np.ndarray
    ways: np.ndarray
    begins: np.ndarray
    entries: np.uint64
    pages: np.uint64
    units: np.uint64
    graded: np.ndarray  # u8[4] by [data, large]: 1 for the kinds of units whose depth is told
    used: np.ndarray  # u64[1]: lookups
    now: np.ndarray  # u64 by lookup: the row, as ``At.now``
    depth: np.ndarray  # u32 by lookup: 1 for the most recently used, HELD or NOWHERE


def make_stacks(level: SecondLevel, settings: Mapping[str, Any], lookups: int) -> Stacks:
    """Empty stacks in place of ``level``, the empty second level of ``settings``, for so many lookups."""
    shared = int(settings["stlb.large"] == 1 and settings["stlb.large_entries"] == 0)
    code = int(settings["stlb.code_entries"] == 0)
    return Stacks(
        **level._asdict(),
        graded=np.array([code, code * shared, 1, shared], np.uint8),
        used=np.zeros(1, np.uint64),
        now=np.empty(lookups, np.uint64),
        depth=np.empty(lookups, np.uint32),
    )


@inline
def _find(stacks, at, data, unit):
    first, ways = first_way(stacks, at.vcpu, data, unit), ways_of(stacks, data, unit)
    place = _place(stacks.tags, first, ways, unit)
    lookup = stacks.used[0]
    stacks.used[0] = lookup + ONE
    stacks.now[lookup] = at.now
    kind = data + data + (ONE if unit >= stacks.pages else np.uint64(0))
    if place == ways:
        stacks.depth[lookup] = NOWHERE
        return False
    stacks.depth[lookup] = np.uint32(place + ONE) if stacks.graded[kind] != 0 else HELD
    hole = _gap(stacks.tags, first, place)
    to_front(stacks.tags, first, hole, unit)
    if hole != place:
        stacks.tags[first + place] = HOLE
    return True


@inline
def _push(stacks, vcpu, data, unit):
    first, ways = first_way(stacks, vcpu, data, unit), ways_of(stacks, data, unit)
    if ways != 0:
        to_front(stacks.tags, first, _gap(stacks.tags, first, ways - ONE), unit)


@inline
def _drop(stacks, vcpu, unit):
    for side in range(2):
        data = np.uint64(side)
        first, ways = first_way(stacks, vcpu, data, unit), ways_of(stacks, data, unit)
        place = _place(stacks.tags, first, ways, unit)
        if place != ways:
            stacks.tags[first + place] = HOLE


@inline
def _flush(stacks, vcpu, space_of, space, kept):
    lowest = True  # nothing below in the same stack
    for count in range(stacks.entries):
        index = stacks.entries - ONE - np.uint64(count)
        entry = vcpu * stacks.entries + index
        unit = np.uint64(stacks.tags[entry])
        if unit == 0 or unit == HOLE or (space_of[unit] == space) != kept:
            stacks.tags[entry] = 0 if lowest else HOLE
        else:
            lowest = False
        if stacks.begins[index] != 0:
            lowest = True


second_level.bind(Stacks, find=_find, push=_push, drop=_drop, flush=_flush)


@inline
def _place(tags, first, ways, unit):
    """Where in the stack ``unit`` lies; ``ways`` if nowhere."""
    place = np.uint64(0)
    while place < ways and tags[first + place] != unit:
        place = ways if tags[first + place] == 0 else place + ONE
    return place


@inline
def _gap(tags, first, last):
    """The first place without a unit above ``last``, or that."""
    place = np.uint64(0)
    while place < last and tags[first + place] != 0 and tags[first + place] != HOLE:
        place += ONE
    return place
