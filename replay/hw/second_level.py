"""Second-level TLB: set-associative, least recently used, of 4 KB and 2 MB pages (units: ``replay.hw.geometry``).

Instructions and data, and both page sizes, share entries or have their own, as the geometry says.  What stands in for
such a TLB (``replay.hw.stacks``) binds the same hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import geometry, sets
from replay.jit import inline, types_by_hook

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


def find(tlb: Any, at: Any, data: Any, unit: Any) -> Any:
    """Hook: whether ``unit`` is held for instructions (``data`` 0) or data; it is then the set's most recently used."""
    raise TypeError(f"compiled code only: {tlb} {at} {data} {unit}")


def push(tlb: Any, vcpu: Any, data: Any, unit: Any) -> Any:
    """Hook: hold ``unit``, which is not held yet, where a unit of its kind may be held."""
    raise TypeError(f"compiled code only: {tlb} {vcpu} {data} {unit}")


def drop(tlb: Any, vcpu: Any, unit: Any) -> Any:
    """Hook: forget ``unit``, for instructions and for data."""
    raise TypeError(f"compiled code only: {tlb} {vcpu} {unit}")


def flush(tlb: Any, vcpu: Any, space_of: Any, space: Any, kept: Any) -> Any:
    """Hook: forget what belongs to ``space``, or, if ``kept``, all but that; ``space_of`` is by unit."""
    raise TypeError(f"compiled code only: {tlb} {vcpu} {space_of} {space} {kept}")


_hooks: dict[str, dict[type, Callable[..., Any]]] = {}
for stub in (find, push, drop, flush):
    types_by_hook(stub, _hooks.setdefault(stub.__name__, {}))


def bind(kind: type, **hooks: Callable[..., Any]) -> None:
    """Bind a type that stands for a second level to its ``find``, ``push``, ``drop`` and ``flush``."""
    for name, hook in hooks.items():
        _hooks[name][kind] = hook


@inline
def _find(tlb, at, data, unit):
    return sets.find_in(tlb.tags, first_way(tlb, at.vcpu, data, unit), ways_of(tlb, data, unit), unit)


@inline
def _push(tlb, vcpu, data, unit):
    sets.push_in(tlb.tags, first_way(tlb, vcpu, data, unit), ways_of(tlb, data, unit), unit)


@inline
def _drop(tlb, vcpu, unit):
    for side in range(2):
        data = np.uint64(side)
        sets.drop_in(tlb.tags, first_way(tlb, vcpu, data, unit), ways_of(tlb, data, unit), unit)


@inline
def _flush(tlb, vcpu, space_of, space, kept):
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


bind(SecondLevel, find=_find, push=_push, drop=_drop, flush=_flush)


@inline
def first_way(tlb, vcpu, data, unit):
    """The first way of the set that ``unit`` falls in."""
    return vcpu * tlb.entries + np.uint64(tlb.home[data * tlb.units + unit])


@inline
def ways_of(tlb, data, unit):
    """The ways of the sets that hold units of its kind."""
    return tlb.ways[data + data + (ONE if unit >= tlb.pages else np.uint64(0))]
