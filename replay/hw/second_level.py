"""Second-level TLB: set-associative, least recently used, of 4 KB and 2 MB pages (units: ``replay.hw.geometry``).

Instructions and data, and both page sizes, share entries or have their own, as the geometry says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import geometry, sets
from replay.jit import inline

ONE = np.uint64(1)


class SecondLevel(NamedTuple):
    """The second-level TLBs of all vCPUs."""

    tags: np.ndarray  # u32[vcpus * entries]: units
    home: np.ndarray  # u32[2 * units]: first way of a unit's set, for instructions then for data
    ways: np.ndarray  # u64[4]: by [data, large]; 0: not held
    begins: np.ndarray  # u8[entries]: 1 at the first way of a set
    entries: np.uint64  # of a vCPU
    pages: np.uint64
    units: np.uint64


def make_second_level(vcpus: int, units: geometry.Units, settings: Mapping[str, Any]) -> SecondLevel:
    """Empty TLBs with the geometry in ``settings``; raises UserError for ways that do not divide."""
    level = geometry.second_level(units, settings)
    return SecondLevel(
        tags=np.zeros(vcpus * level.entries, np.uint32),
        home=level.home,
        ways=level.ways,
        begins=level.begins,
        entries=np.uint64(level.entries),
        pages=np.uint64(units.pages),
        units=np.uint64(units.address.size),
    )


@inline
def find(tlb, vcpu, data, unit):
    """Whether the TLB holds ``unit`` for instructions (``data`` 0) or data; it is then the set's most recently used."""
    return sets.find_in(tlb.tags, _first(tlb, vcpu, data, unit), _ways(tlb, data, unit), unit)


@inline
def push(tlb, vcpu, data, unit):
    """Hold ``unit``, which it does not hold yet, where a unit of its kind may be held."""
    sets.push_in(tlb.tags, _first(tlb, vcpu, data, unit), _ways(tlb, data, unit), unit)


@inline
def drop(tlb, vcpu, unit):
    """Forget ``unit``, for instructions and for data."""
    for side in range(2):
        data = np.uint64(side)
        sets.drop_in(tlb.tags, _first(tlb, vcpu, data, unit), _ways(tlb, data, unit), unit)


@inline
def flush(tlb, vcpu, space_of, space, kept):
    """Forget what belongs to ``space``, or, if ``kept``, all but that; ``space_of`` is by unit."""
    out = np.uint64(0)
    for index in range(tlb.entries):
        entry = vcpu * tlb.entries + np.uint64(index)
        if tlb.begins[np.uint64(index)] != 0:
            out = entry
        unit = np.uint64(tlb.tags[entry])
        tlb.tags[entry] = 0
        if unit != 0 and (space_of[unit] == space) == kept:
            tlb.tags[out] = unit
            out += ONE


@inline
def _first(tlb, vcpu, data, unit):
    return vcpu * tlb.entries + np.uint64(tlb.home[data * tlb.units + unit])


@inline
def _ways(tlb, data, unit):
    return tlb.ways[data + data + (ONE if unit >= tlb.pages else np.uint64(0))]
