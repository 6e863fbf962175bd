"""A workload under the guest's kernel, and the stretches of its programs' code that another emulator runs again.

Between the two ends of a stretch there are no exceptions but TLB refills, which a program cannot see.  A scout, a
second machine that does the same, runs ahead and says where the stretches are.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from replay.trace.schema import CAUSE_MASK, Cause, Kind, Mode
from tracegen.boot import workload_boot
from tracegen.cpu import state as S
from tracegen.machine import Machine
from tracegen.writer import unpack

ALL = (1 << 64) - 1
STRETCH = 30_000
"""Instructions compared at once, at most."""
WINDOW, GAP = 400_000, 600_000
"""Instructions among which stretches are looked for; instructions between two windows, at most."""
CHOSEN = 4
"""Stretches of a window that are compared: the longest."""
WINDOWS = 60
WANTED = 600_000
"""Instructions compared of each workload: more than ten million in all."""
FEWER = {"gups": 400_000, "forkwait": 50, "largeram": 200_000, "pointer-chase": 150_000}
"""Of those that have less code of their own between two exceptions."""
CLEAR = 2
"""Instructions that a stretch keeps away from the return before it and the exception behind it."""
ANNOUNCEMENTS = 8
"""More than a stretch has: what the guest tells the recorder counts as no instruction here, and as one elsewhere."""
SMALL = {
    "engineering": {"gates": 1024, "lines": 4096},
    "graph": {"vertices": 4096, "searches": 20},
    "gups": {"words": 1 << 17, "updates": 500_000},
    "kv": {"items": 4096},
    "largeram": {"pages": 1024, "rounds": 60},
    "pointer-chase": {"pages": 1024, "steps": 10_000_000},
}
"""Sizes of workloads that by default use more memory than there is time to compare, or are over too soon."""
PRESENT, USER_TABLES = 1, 1 << 19
REFILLS = [Cause.REFILL, Cause.NESTED_REFILL]


class Point(NamedTuple):
    """Where a program is: address of the next instruction, registers by name, pages that lie together by address."""

    pc: int
    registers: dict[str, int]
    memory: dict[int, bytes]

    def summary(self) -> tuple[str, dict[str, str], dict[str, int]]:
        """The same in few words."""
        registers = {name: hex(value) for name, value in self.registers.items()}
        return hex(self.pc), registers, {hex(at): zlib.crc32(content) for at, content in self.memory.items()}


Run = Callable[[Point, int], Point]
"""Where the other emulator says that a program is, so many instructions behind a point."""


class Subject:
    """A machine on which a workload runs, and what its rows said of the latest run."""

    def __init__(self, workload: str, cpu: str) -> None:
        self.machine: Machine = workload_boot(workload, SMALL.get(workload), cpu).machine()
        self.rows: dict[str, np.ndarray] = {}

    def run_to(self, instructions: int) -> bool:
        """Run until so many instructions have retired since power-on, about; false at the guest's end."""
        kept: list[dict[str, np.ndarray]] = []
        count = instructions - self.machine.instructions
        end = self.machine.run(lambda words, counts: kept.append(unpack(words.copy(), counts.copy())), max(count, 1))
        self.rows = {name: np.concatenate([rows[name] for rows in kept]) for name in kept[0]}
        return end.status is None

    def user(self) -> int:
        """Instructions of programs in the latest run."""
        return int(self.rows["n"][self.rows["ctx"] >> 4 == Mode.USER].sum())

    def interruptions(self) -> np.ndarray:
        """Rows of exceptions that are no refills."""
        cause = self.rows["info"] & CAUSE_MASK
        return np.flatnonzero((self.rows["kind"] == Kind.EXCEPTION) & ~np.isin(cause, REFILLS))

    def stretches(self) -> list[tuple[int, int]]:
        """(First, last) of the instructions since power-on of each stretch in the latest run, the longest first."""
        retired = np.cumsum(self.rows["n"], dtype=np.int64)
        retired += self.machine.instructions - retired[-1]
        users = np.flatnonzero((self.rows["kind"] == Kind.RETURN) & (self.rows["info"] == Mode.USER))
        if self.rows["ctx"][0] >> 4 == Mode.USER:
            users = np.insert(users, 0, 0)
        ends = np.append(self.interruptions(), len(retired) - 1)
        before = np.searchsorted(users, np.insert(ends[:-1], 0, 0))
        found = [
            (int(retired[users[first]]) + CLEAR, int(retired[end]) - CLEAR)
            for end, first, behind in zip(ends, before, np.searchsorted(users, ends), strict=True)
            if first < behind
        ]
        return sorted(found, key=lambda ends: ends[0] - ends[1])

    def in_program(self) -> bool:
        """Whether the program runs, at a place where it can be compared."""
        s = self.machine.core.s
        return bool(s[S.MODE] == Mode.USER and not s[S.SLOT])

    def memory(self) -> dict[int, bytes]:
        """The pages of the current space that are present, those that lie together as one, by address."""
        pages = dict(sorted(self._mapped()))
        if not pages:
            return {}
        at = np.array(list(pages), np.uint64)
        words = self.machine.core.ram8.reshape(-1, 512)[list(pages.values())].astype(self.machine.WORD)
        cuts = np.flatnonzero(np.diff(at) != 4096) + 1
        starts = [0, *cuts.tolist()]
        return {
            int(at[start]): words[start:end].tobytes()
            for start, end in zip(starts, [*starts[1:], len(pages)], strict=True)
        }

    def _mapped(self) -> Iterator[tuple[int, int]]:
        """(Address, frame) of each page that the current space's leaf tables say is present."""
        s, frames = self.machine.core.s, self.machine.core.frames
        for table in np.flatnonzero(frames[S.FRAME_TABLE :: 4] >> np.uint64(32) == s[S.SPACE]).tolist():
            word = int(frames[4 * table + S.FRAME_TABLE])
            if not word & S.TABLE_LINKED or word >> 8 & 15:
                continue
            first = int(frames[4 * table + S.FRAME_FIRST_VPN])
            entries = self.machine.core.ram8[table << 9 : (table + 1) << 9]
            for index in np.flatnonzero(entries & np.uint64(PRESENT)).tolist():
                frame = int(entries[index]) >> 12 & 0xFFFFFFF
                if first < USER_TABLES and frame < self.machine.memory_bytes >> 12:
                    yield first + index << 12, frame


Registers = Callable[[Machine], dict[str, int]]


def compare(workload: str, cpu: str, registers: Registers, run: Run) -> None:
    """Compare stretches of a workload until as many instructions as are wanted of it were."""
    scout, subject, dice, done = Subject(workload, cpu), Subject(workload, cpu), random.Random(workload), 0
    wanted = FEWER.get(workload, WANTED)
    for _ in range(WINDOWS):
        at = scout.machine.instructions + dice.randrange(GAP)
        if done >= wanted or not (scout.run_to(at) and scout.run_to(at + WINDOW)):
            break
        for first, last in sorted(scout.stretches()[:CHOSEN]):
            done += _compare(subject, first, min(last, first + STRETCH), registers, run)
    assert done >= wanted


def _compare(subject: Subject, first: int, last: int, registers: Registers, run: Run) -> int:
    """Run a stretch on both; how many instructions were compared, none where an exception came between."""
    subject.run_to(first)
    while not subject.in_program():  # a refill may come at once
        if subject.machine.instructions >= last:
            return 0
        subject.run_to(subject.machine.instructions + 2)
    start = Point(subject.machine.pc, registers(subject.machine), subject.memory())
    subject.run_to(last)
    if subject.interruptions().size or not subject.in_program():
        return 0
    ours = Point(subject.machine.pc, registers(subject.machine), subject.memory())
    expected = [run(start, subject.user()).summary()]
    while expected[-1] != ours.summary() and len(expected) < ANNOUNCEMENTS:
        expected.append(run(start, subject.user() + len(expected)).summary())
    assert ours.summary() in expected, f"{subject.user()} instructions from {start.pc:#x}: {expected[0][:2]}"
    return subject.user()
