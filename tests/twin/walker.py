"""The slow twin of hardware that walks page tables: TLBs and walk caches as lists of addresses, least recent first."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from replay.prepare import Prepared

Key = tuple[str, int, int]
"""What an entry stands for: its kind, its space, and the number of its page or region there."""


class Ways:
    """A set-associative structure: sets as lists of keys, least recently used first."""

    def __init__(self, entries: int, ways: int) -> None:
        self.ways = min(entries, ways)
        self.count = entries // self.ways if self.ways else 1
        self.held: dict[int, list[Key]] = defaultdict(list)

    def home(self, key: Key) -> list[Key]:
        return self.held[key[2] % self.count]

    def look(self, key: Key) -> bool:
        found = key in self.home(key)
        if found:
            self.home(key).remove(key)
            self.home(key).append(key)
        return found

    def put(self, key: Key) -> None:
        if self.ways and not self.look(key):
            if len(self.home(key)) == self.ways:
                del self.home(key)[0]
            self.home(key).append(key)

    def drop(self, unwanted: Any) -> None:
        """Forget every key that ``unwanted`` says so of."""
        for home in self.held.values():
            home[:] = [key for key in home if not unwanted(key)]

    @property
    def keys(self) -> set[Key]:
        return {key for home in self.held.values() for key in home}


class Caches:
    """The walk caches of one dimension: spans of 2 MB, 1 GB and 512 GB."""

    def __init__(self, prefix: str, settings: dict[str, Any]) -> None:
        self.levels = [
            Ways(settings[f"{prefix}.{level}_entries"], settings[f"{prefix}.{level}_ways"])
            for level in ("leaf", "middle", "upper")
        ]

    @staticmethod
    def way(space: int, page: int) -> list[Key]:
        return [("region", space, page >> 9 * level) for level in (1, 2, 3)]

    def walk(self, space: int, page: int, large: bool) -> list[int]:
        """Tables that a walk reads, the root's number 3 first and that of 4 KB pages 0 last."""
        keys = self.way(space, page)
        levels = range(1 if large else 0, 3)
        found = next((level for level in levels if self.levels[level].look(keys[level])), 3)
        for level in levels:
            if level < found:
                self.levels[level].put(keys[level])
        return list(range(found, -1 if not large else 0, -1))

    def forget(self, space: int, page: int) -> None:
        for level, key in zip(self.levels, self.way(space, page), strict=True):
            level.drop(lambda held, key=key: held == key)

    def clear(self) -> None:
        for level in self.levels:
            level.drop(lambda _: True)


class Walker:
    """One vCPU's TLBs and walk caches."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.first = [self._groups(side, side + "large_", True) for side in ("itlb.", "dtlb.")]
        apart = settings["stlb.large_entries"] > 0
        data = self._groups("stlb.", "stlb.large_", bool(settings["stlb.large"]) and not apart)
        code = [self._ways("stlb.code_"), None] if settings["stlb.code_entries"] else data
        self.second = [code, data]
        self.caches = Caches("pwc", settings)
        self.current = 0

    def _ways(self, name: str) -> Ways:
        return Ways(self.settings[name + "entries"], self.settings[name + "ways"])

    def _groups(self, small: str, large: str, shared: bool) -> list[Ways | None]:
        ways = self._ways(small)
        if self.settings[large + "entries"]:
            return [ways, self._ways(large)]
        return [ways, ways if shared else None]

    def groups(self) -> set[Ways]:
        return {group for pair in (*self.first, *self.second) for group in pair if group}

    @staticmethod
    def units(space: int, page: int) -> tuple[Key, Key]:
        return ("page", space, page), ("large", space, page >> 9)

    def hit(self, side: int, space: int, page: int) -> bool:
        small, large = self.units(space, page)
        return any(group.look(key) for group, key in zip(self.first[side], (small, large), strict=True) if group)

    def serve(self, side: int, space: int, page: int, large: bool) -> bool:
        """Whether the second level holds it; it is then in the first."""
        group, key = self.second[side][large], self.units(space, page)[large]
        found = group is not None and group.look(key)
        if found:
            self.fill_first(side, space, page, large)
        return found

    def fill(self, side: int, space: int, page: int, large: bool) -> None:
        group = self.second[side][large]
        if group:
            group.put(self.units(space, page)[large])
        self.fill_first(side, space, page, large)

    def fill_first(self, side: int, space: int, page: int, large: bool) -> None:
        """Of a 2 MB page, entries for pages within it go."""
        group = self.first[side][large]
        assert group is not None
        group.put(self.units(space, page)[large])
        if large:
            small = self.first[side][0]
            assert small is not None
            small.drop(lambda key: key[0] == "page" and key[1] == space and key[2] >> 9 == page >> 9)

    def drop(self, space: int, page: int) -> None:
        for group in self.groups():
            group.drop(lambda key: key in self.units(space, page))

    def flush(self, unwanted: Any) -> None:
        """Forget translations of spaces that ``unwanted`` says so of, and the walk caches."""
        for group in self.groups():
            group.drop(lambda key: unwanted(key[1]))
        self.caches.clear()

    def switch(self, space: int) -> None:
        if not self.settings["tlb.tagged"]:
            self.flush(lambda held: held != 0)
        elif space == self.current:
            self.flush(lambda held: held == space)
        self.current = space

    def state(self, prepared: Prepared) -> list[Any]:
        """Pages resident for code and data, units in the second level, and regions in each walk cache."""
        pages = prepared.pages
        at = list(zip(pages.space.tolist(), pages.vpn.tolist(), pages.segment.tolist(), strict=True))[2:]
        first = [
            {
                (s, v)
                for s, v, segment in at
                if segment != 3 and any(k in g.keys for g in pair if g for k in self.units(s, v))
            }
            for pair in self.first
        ]
        second = {key for pair in self.second for group in pair if group for key in group.keys}
        return [first, second, [level.keys for level in self.caches.levels]]


def held_by(paging: Any, prepared: Prepared, vcpu: int) -> list[Any]:
    """The same of a kernel's structures."""
    pages, tags = prepared.pages, paging.second.tags.reshape(prepared.meta.vcpus, -1)[vcpu]
    slots = paging.first.slot.reshape(2, prepared.meta.vcpus, -1)[:, vcpu]
    space, vpn = pages.space.tolist(), pages.vpn.tolist()
    first = [{(space[p], vpn[p]) for p in slots[side].nonzero()[0]} for side in (0, 1)]
    second = set()
    for unit in tags[tags > 0].tolist():
        page = unit if unit < len(vpn) else int(paging.first.begin[unit - len(vpn)])
        second.add(("page", space[page], vpn[page]) if unit < len(vpn) else ("large", space[page], vpn[page] >> 9))
    regions = paging.caches.regions.reshape(3, -1)
    walked: list[set[Any]] = [set(), set(), set()]
    for key in paging.caches.tags.reshape(prepared.meta.vcpus, -1)[vcpu].tolist():
        level = next((n for n in range(3) if key in regions[n, 2:]), None)
        if level is not None:
            page = int(np.flatnonzero(regions[level] == key)[0])
            walked[level].add(("region", space[page], vpn[page] >> 9 * (level + 1)))
    return [first, second, walked]
