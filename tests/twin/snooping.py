"""A slow twin of ``replay.hw.caches``: every cache keeps the state of its own lines, and asks all others on a bus.

It also carries what memory holds, as the number of the store that wrote it, so that a stale copy would be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Lru:
    """Sets of lines, each with a value, least recently used first."""

    def __init__(self, size: int, ways: int, line: int) -> None:
        self.line, self.ways, self.count = line, ways, size // ways // line
        self.sets: list[dict[int, Any]] = [{} for _ in range(self.count)]

    def holds(self, address: int) -> bool:
        """Whether the line of ``address`` is there."""
        number = address // self.line
        return number in self.sets[number % self.count]

    def use(self, address: int) -> None:
        """Make the line of ``address`` the most recently used."""
        number = address // self.line
        chosen = self.sets[number % self.count]
        chosen[number] = chosen.pop(number)

    def add(self, address: int, value: Any = None) -> tuple[int, Any] | None:
        """Hold the line of ``address``; what had to go, its first address and value."""
        number = address // self.line
        chosen = self.sets[number % self.count]
        gone = None
        if len(chosen) == self.ways:
            victim = next(iter(chosen))
            gone = victim * self.line, chosen.pop(victim)
        chosen[number] = value
        return gone

    def remove(self, first: int, size: int) -> None:
        """Drop all lines within ``size`` bytes from ``first``."""
        for address in range(first, first + size, self.line):
            number = address // self.line
            self.sets[number % self.count].pop(number, None)


class Copy:
    """A second-level line: its state, one of M, E and S, and the store that wrote each byte since, as it knows."""

    def __init__(self, state: str, content: dict[int, int]) -> None:
        self.state, self.content = state, content


class Bus:
    """CPUs with their caches on one bus to one memory."""

    def __init__(self, cpus: int, settings: Mapping[str, int]) -> None:
        def level(name: str) -> list[Lru]:
            return [Lru(*(settings[f"{name}.{field}"] for field in ("bytes", "ways", "line"))) for _ in range(cpus)]

        self.code, self.data, self.second = level("l1i"), level("l1d"), level("l2")
        self.line = settings["l2.line"]
        self.memory: dict[int, dict[int, int]] = {}
        self.stores = 0

    def copies(self, address: int, but: int) -> list[tuple[int, Copy]]:
        """Who else holds the line of ``address``."""
        number = address // self.line
        found = ((cpu, cache.sets[number % cache.count].get(number)) for cpu, cache in enumerate(self.second))
        return [(cpu, copy) for cpu, copy in found if copy is not None and cpu != but]

    def own(self, cpu: int, address: int) -> Copy:
        """The copy that ``cpu`` holds."""
        number = address // self.line
        copy: Copy = self.second[cpu].sets[number % self.second[cpu].count][number]
        return copy

    def lose(self, cpu: int, first: int) -> None:
        """``cpu`` drops a line from all levels."""
        for level in (self.code, self.data, self.second):
            level[cpu].remove(first, self.line)

    def fill(self, cpu: int, address: int, copy: Copy) -> bool:
        """Hold a line in the second level; whether the victim was written back."""
        gone = self.second[cpu].add(address, copy)
        if gone is None:
            return False
        first, victim = gone
        self.lose(cpu, first)
        if victim.state == "M":
            self.memory[first // self.line] = victim.content
        return bool(victim.state == "M")

    def read(self, cpu: int, address: int, first: list[Lru] | None) -> tuple[str, ...]:
        """A fetch, load or walk: what it took."""
        if first is not None and first[cpu].holds(address):
            first[cpu].use(address)
            return ()
        if self.second[cpu].holds(address):
            self.second[cpu].use(address)
            took: tuple[str, ...] = ("L2_HIT",)
        else:
            took = ("MEMORY", *self._read_miss(cpu, address))
        if first is not None:
            first[cpu].add(address)
        return took

    def _read_miss(self, cpu: int, address: int) -> set[str]:
        took = set()
        others = self.copies(address, cpu)
        for _, copy in others:
            if copy.state == "M":
                self.memory[address // self.line] = dict(copy.content)
                took |= {"DIRTY_ELSEWHERE", "WROTE_BACK"}
            copy.state = "S"
        content = dict(self.memory.get(address // self.line, {}))
        if self.fill(cpu, address, Copy("S" if others else "E", content)):
            took.add("WROTE_BACK")
        return took

    def write(self, cpu: int, address: int) -> tuple[tuple[str, ...], int]:
        """A store: what it took, and how many others lost the line."""
        took: set[str] = set()
        near, held = self.data[cpu].holds(address), self.second[cpu].holds(address)
        others = self.copies(address, cpu)
        if held and not near:
            took.add("L2_HIT")
        if held and self.own(cpu, address).state == "S":
            took.add("UPGRADE")
        if not held:
            took |= {"MEMORY"} | self._write_miss(cpu, address, others)
        lost = [other for other, _ in others]
        for other in lost:
            self.lose(other, address // self.line * self.line)
        (self.data if near else self.second)[cpu].use(address)
        if not near:
            self.data[cpu].add(address)
        copy = self.own(cpu, address)
        copy.state = "M"
        self.stores += 1
        copy.content[address] = self.stores
        return tuple(took), len(lost)

    def _write_miss(self, cpu: int, address: int, others: list[tuple[int, Copy]]) -> set[str]:
        modified = [copy for _, copy in others if copy.state == "M"]
        content = modified[0].content if modified else self.memory.get(address // self.line, {})
        took = {"DIRTY_ELSEWHERE"} if modified else set()
        if self.fill(cpu, address, Copy("E", dict(content))):
            took.add("WROTE_BACK")
        return took

    def seen(self, cpu: int, address: int) -> int:
        """The store whose value ``cpu`` would read at ``address``, in its caches; 0 where nobody wrote."""
        return self.own(cpu, address).content.get(address, 0)

    def purge(self, first: int, size: int) -> int:
        """Take a page out of all caches: lines written back."""
        written = 0
        for address in range(first, first + size, self.line):
            for cpu, copy in self.copies(address, -1):
                if copy.state == "M":
                    written += 1
                    self.memory[address // self.line] = copy.content
                self.lose(cpu, address)
        return written
