"""Hits and misses of pycachesim on small page sequences, as JSON on stdout: ``make oracles`` commits them.

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
        print(f'"counts": {json.dumps(counts)}}}' + ("," if number < len(SEQUENCES) else ""))
    print("]}")


if __name__ == "__main__":
    main()
