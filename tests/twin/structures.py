"""Slow TLBs of both levels and a pmap, in lists, dictionaries and sets, sharing no code with the kernels."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

MASK = 2**64 - 1


class NaiveTlb:
    """One vCPU's TLB: a list of entries, and the order of their use as a list of indices."""

    def __init__(self, entries: int, wired: int, lru: bool, seed: int) -> None:
        self.held: list[int] = [0] * entries
        self.wired, self.lru = wired, lru
        self.used: list[int] = []  # least recently used first
        self.x = (seed * 0x9E3779B97F4A7C15 + 1) & MASK or 1

    def has(self, pair: int) -> bool:
        return pair in self.held

    def look(self, pair: int) -> bool:
        if self.has(pair):
            self._use(self.held.index(pair))
        return self.has(pair)

    def _use(self, index: int) -> None:
        self._forget(index)
        self.used.append(index)

    def _forget(self, index: int) -> None:
        self.used = [i for i in self.used if i != index]

    def clear(self, index: int) -> None:
        self.held[index] = 0
        self._forget(index)

    def drop(self, pair: int) -> None:
        if pair in self.held:
            self.clear(self.held.index(pair))

    def put(self, index: int, pair: int) -> None:
        self.drop(pair)
        self.held[index] = pair
        self._use(index)

    def insert(self, pair: int) -> None:
        if self.lru:
            free = [i for i in range(self.wired, len(self.held)) if i not in self.used]
            index = free[0] if free else next(i for i in self.used if i >= self.wired)
        else:
            self.x ^= self.x << 13 & MASK
            self.x ^= self.x >> 7
            self.x ^= self.x << 17 & MASK
            index = self.wired + (self.x >> 32) % (len(self.held) - self.wired)
        self.put(index, pair)


class NaiveL2:
    """One vCPU's second-level TLB: a dictionary of lists, most recently used first."""

    def __init__(self, entries: int, ways: int) -> None:
        self.sets, self.ways = entries // ways, ways
        self.held: dict[int, list[tuple[int, Any]]] = defaultdict(list)

    def home(self, key: tuple[int, int]) -> list[tuple[int, Any]]:
        space, vpn = key
        return self.held[(vpn // 2 + space * 0x9E3779B1) % self.sets]

    def look(self, pair: int, key: tuple[int, int]) -> bool:
        ways = self.home(key)
        if (pair, key) not in ways:
            return False
        ways.remove((pair, key))
        ways.insert(0, (pair, key))
        return True

    def insert(self, pair: int, key: tuple[int, int]) -> None:
        if not self.look(pair, key):
            ways = self.home(key)
            ways.insert(0, (pair, key))
            del ways[self.ways :]

    def drop(self, pair: int, key: tuple[int, int]) -> None:
        ways = self.home(key)
        if (pair, key) in ways:
            ways.remove((pair, key))

    def drop_space(self, space: int | None) -> None:
        for ways in self.held.values():
            ways[:] = [(pair, key) for pair, key in ways if space not in (None, key[0])]


class NaivePmap:
    """Frame -> machine page, and frame -> the set of pages that map it."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.machine: dict[int, int] = {}
        self.given = 0
        self.backmaps: dict[int, set[int]] = defaultdict(set)

    def use(self, frame: int) -> bool:
        if frame >= self.frames or frame in self.machine:
            return False
        self.machine[frame] = self.given
        self.given += 1
        return True

    def map_page(self, page: int, frame: int | None) -> bool:
        for pages in self.backmaps.values():
            pages.discard(page)
        if frame is None or frame >= self.frames:
            return False
        self.backmaps[frame].add(page)
        return self.use(frame)
