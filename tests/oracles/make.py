"""Hits and misses of pycachesim on small page sequences, as JSON on stdout: ``make oracles`` commits them.

The numbers stand for pages in a TLB, and for lines in caches.  Where the two levels of caches are compared, they are
such that ours agree with pycachesim's, which does not let the first level lose what the second does: either each line
of the first is the most recently used of its set in the second as well, as with one way below a multiple of the sets,
or the second holds everything.  A store that hits leaves the order of its set as it was in pycachesim, and a changed
line that the first level evicts is a store to the second: stores are compared in one level of one way.  It has no
several CPUs, and no separate cache for instructions.

This runs in an environment of its own that holds pycachesim and nothing of the project, so it imports nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version

import cachesim

PAGE_BYTES = 4096
GEOMETRIES = ((1, 1), (1, 8), (1, 63), (1, 64), (1, 200), (64, 1), (32, 2), (16, 4), (128, 1), (25, 8))
"""(sets, ways) of the caches."""

LEVELS = (
    *(((4, 1), (4, 2)), ((8, 1), (16, 1)), ((16, 1), (32, 4)), ((1, 1), (1, 8)), ((8, 1), (8, 3))),
    *(((sets, ways), (1, 1024)) for sets, ways in ((1, 2), (4, 2), (16, 1), (8, 3), (4, 5), (2, 16))),
)
"""(sets, ways) of both levels of caches, for loads."""
WRITTEN = ((1, 1), (4, 1), (16, 1), (32, 1), (128, 1))
"""(sets, ways) of one level, for loads and stores."""


def numbers(seed: int, count: int) -> Iterator[int]:
    """Pseudo-random numbers below 2**23, from a linear congruence."""
    x = seed
    for _ in range(count):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x >> 8


SEQUENCES = {
    "uniform over 300": [x % 300 for x in numbers(1, 2000)],
    "nine in ten from 20": [x % 20 if x >> 12 & 15 < 14 else x % 500 for x in numbers(2, 2000)],
    "sweeps over 65": [k % 65 for k in range(1300)],
    "strides of 16": [k * 16 % 1009 for k in range(2000)],
    "forth and back over 90": [min(k % 178, 178 - k % 178) for k in range(1500)],
}
"""Name -> numbers of the pages (or pairs of pages) that a program touches, in order."""


def is_store(number: int) -> bool:
    """Whether a sequence's reference of this ``number`` is a store, where it has stores."""
    return number % 3 == 1


def two_levels(lines: list[int], first: tuple[int, int], second: tuple[int, int]) -> dict[str, object]:
    """Misses of both levels under loads of ``lines``."""
    memory, below = cachesim.MainMemory(), cachesim.Cache("second", *second, PAGE_BYTES, "LRU")
    memory.load_to(below)
    memory.store_from(below)
    above = cachesim.Cache("first", *first, PAGE_BYTES, "LRU", store_to=below, load_from=below)
    simulator = cachesim.CacheSimulator(above, memory)
    for line in lines:
        simulator.load(line * PAGE_BYTES, length=1)
    misses = [cache.stats()["MISS_count"] for cache in (above, below)]
    return {"first": first, "second": second, "misses": misses}


def written(lines: list[int], sets: int, ways: int) -> dict[str, int]:
    """Misses, and changed lines that went to memory, of a write-back cache that stores allocate in."""
    cache, memory = cachesim.Cache("cache", sets, ways, PAGE_BYTES, "LRU"), cachesim.MainMemory()
    memory.load_to(cache)
    memory.store_from(cache)
    simulator = cachesim.CacheSimulator(cache, memory)
    for number, line in enumerate(lines):
        (simulator.store if is_store(number) else simulator.load)(line * PAGE_BYTES, length=1)
    counted = cache.stats()
    return {"sets": sets, "ways": ways, "misses": counted["MISS_count"], "written": counted["EVICT_count"]}


def simulate(lines: list[int], sets: int, ways: int) -> dict[str, int]:
    """Hits and misses of ``lines`` in an LRU cache of ``sets`` times ``ways``; line k belongs to set k % sets."""
    cache, memory = cachesim.Cache("TLB", sets, ways, PAGE_BYTES, "LRU"), cachesim.MainMemory()
    memory.load_to(cache)
    memory.store_from(cache)
    simulator = cachesim.CacheSimulator(cache, memory)
    for line in lines:
        simulator.load(line * PAGE_BYTES, length=1)
    counted = cache.stats()
    return {"sets": sets, "ways": ways, "hits": counted["HIT_count"], "misses": counted["MISS_count"]}


def main() -> None:
    """Print the document: a line for each sequence, one for its counts."""
    print(f'{{"made by": "pycachesim {version("pycachesim")}", "sequences": [')
    for number, (name, lines) in enumerate(SEQUENCES.items(), 1):
        counts = [simulate(lines, sets, ways) for sets, ways in GEOMETRIES]
        print(f'{{"name": {json.dumps(name)},\n"lines": {json.dumps(lines, separators=(",", ":"))},')
        print(f'"counts": {json.dumps(counts)},')
        print(f'"levels": {json.dumps([two_levels(lines, *both) for both in LEVELS])},')
        print(
            f'"written": {json.dumps([written(lines, *one) for one in WRITTEN])}}}'
            + ("," if number < len(SEQUENCES) else "")
        )
    print("]}")


if __name__ == "__main__":
    main()
