"""Set-associative, least-recently-used structures of numbered keys: second-level TLBs, walk caches, nested TLBs.

A set is a run of ways in an array of tags, most recently used first, 0 for an empty way.  Which set a key belongs to
is looked up by key, so that any number of sets will do and a structure may be indexed by whatever its designers chose.
A structure without ways is off: it holds nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replay.errors import UserError
from replay.jit import inline

ONE = np.uint64(1)


class Sets(NamedTuple):
    """One such structure for each vCPU."""

    tags: np.ndarray  # u32[vcpus * entries]: keys
    home: np.ndarray  # u32 by key: first way of its set, in the first vCPU's run
    entries: np.uint64
    ways: np.uint64


def number_of_sets(name: str, entries: int, ways: int) -> int:
    """Sets of ``ways`` in a structure of ``entries``; UserError naming the parameters ``name`` if that is no number."""
    ways = min(ways, entries)
    if ways and entries % ways:
        raise UserError(f"{name}ways = {ways} does not divide {name}entries = {entries}; choose a divisor")
    return entries // ways if ways else 1


def homes(address: np.ndarray, sets: int, ways: int) -> np.ndarray:
    """By key: first way of the set that its ``address`` (u64) chooses, by its remainder; u32."""
    first: np.ndarray = (address % np.uint64(sets)).astype(np.uint32) * np.uint32(ways)
    return first


def make_sets(name: str, vcpus: int, address: np.ndarray, entries: int, ways: int) -> Sets:
    """Empty structures whose keys number ``address`` (u64 by key).

    ``ways`` beyond ``entries`` make it fully associative.  Raises UserError, naming the parameters ``name``, for ways
    that do not divide the entries.
    """
    sets, ways = number_of_sets(name, entries, ways), min(ways, entries)
    return Sets(np.zeros(vcpus * entries, np.uint32), homes(address, sets, ways), np.uint64(entries), np.uint64(ways))


@inline
def find(sets, vcpu, key):
    """Whether ``key`` is held; it is then the most recently used of its set."""
    return find_in(sets.tags, vcpu * sets.entries + np.uint64(sets.home[key]), sets.ways, key)


@inline
def insert(sets, vcpu, key):
    """Hold ``key`` as the most recently used of its set, in place of the least recently used if the set is full."""
    insert_in(sets.tags, vcpu * sets.entries + np.uint64(sets.home[key]), sets.ways, key)


@inline
def push(sets, vcpu, key):
    """As ``insert``, of a key that is not held."""
    push_in(sets.tags, vcpu * sets.entries + np.uint64(sets.home[key]), sets.ways, key)


@inline
def drop(sets, vcpu, key):
    """Forget ``key``."""
    drop_in(sets.tags, vcpu * sets.entries + np.uint64(sets.home[key]), sets.ways, key)


@inline
def flush(sets, vcpu):
    """Forget everything of ``vcpu``."""
    for entry in range(sets.entries):
        sets.tags[vcpu * sets.entries + np.uint64(entry)] = 0


@inline
def flush_space(sets, vcpu, space_of, shift, space):
    """Forget what belongs to ``space``; ``space_of`` is by key shifted left."""
    for count in range(sets.entries):
        entry = vcpu * sets.entries + (sets.entries - ONE - np.uint64(count))
        key = np.uint64(sets.tags[entry])
        if key != 0 and space_of[key << shift] == space:
            close(sets.tags, vcpu * sets.entries + np.uint64(sets.home[key]), sets.ways, entry)


# -- one set: ``ways`` tags from ``first`` ----------------------------------------------------------------------------


@inline
def find_in(tags, first, ways, key):
    """Whether the set holds ``key``, then as its most recently used."""
    for way in range(ways):
        if tags[first + np.uint64(way)] == key:
            to_front(tags, first, np.uint64(way), key)
            return True
    return False


@inline
def insert_in(tags, first, ways, key):
    """Hold ``key`` as the most recently used of the set."""
    if not find_in(tags, first, ways, key):
        push_in(tags, first, ways, key)


@inline
def push_in(tags, first, ways, key):
    """As ``insert_in``, of a key that the set does not hold."""
    if ways != 0:
        to_front(tags, first, ways - ONE, key)


@inline
def drop_in(tags, first, ways, key):
    """Forget ``key``; later ways move up, so that only the last ones of a set are empty."""
    if find_in(tags, first, ways, key):
        close(tags, first, ways, first)


@inline
def close(tags, first, ways, entry):
    """Move the ways behind ``entry`` up over it."""
    last = first + ways - ONE
    for way in range(entry, last):
        tags[np.uint64(way)] = tags[np.uint64(way) + ONE]
    tags[last] = 0


@inline
def to_front(tags, first, way, key):
    """Put ``key`` in front; what lies before ``way`` moves on by one, and over what is there."""
    for step in range(way):
        to = first + way - np.uint64(step)
        tags[to] = tags[to - ONE]
    tags[first] = key
