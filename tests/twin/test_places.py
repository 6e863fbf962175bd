"""Places equal what a slow kernel in Python, which knows what it does and for whom, says of itself."""

from __future__ import annotations

import random

import pytest

from replay.handmade import Script, handmade_meta
from replay.places import named
from replay.trace.schema import Cause, Kind, Mode

WORK = {10: "PAGE_ZERO", 13: "TABLE_UPDATE", 15: "DISK"}
NAMES = {0: "USER", 2: "UTLB_MISS", 3: "DEMAND_ZERO", 8: "DEVICE_INTERRUPT", 9: "IDLE", 34: "write"} | WORK


class Task:
    """A guest thread: what it has open, outermost first, as (service id, opened by an exception, place)."""

    def __init__(self, begun: tuple[int, str, str] | None = None) -> None:
        self.open = [(begun[0], False, begun[1:])] if begun else []

    @property
    def place(self) -> tuple[str, str]:
        return self.open[-1][2] if self.open else ("USER", "")


class Kernel:
    """Runs tasks at random and writes both the rows that a recorder would and the place after each crossing."""

    def __init__(self, seed: int) -> None:
        self.chance, self.script = random.Random(seed), Script(handmade_meta())
        self.tasks = {0: Task()}
        self.now = 0
        self.truth: list[tuple[str, str]] = []

    @property
    def task(self) -> Task:
        return self.tasks[self.now]

    def emit(self, kind: Kind, page: int = 0, info: int = 0) -> None:
        self.script.row(kind, page, info, mode=Mode.KERNEL)

    def leave(self) -> None:
        """The row that says what is current again."""
        self.emit(Kind.SERVICE_EXIT, self.task.open[-1][0] if self.task.open else 0)
        self.truth.append(self.task.place)

    def enter(self, service: int, by_exception: bool) -> None:
        owner = self.task.place[0]
        mine = service not in WORK or owner in ("USER", "IDLE", WORK[service])
        self.task.open.append((service, by_exception, (NAMES[service], "") if mine else (owner, WORK[service])))
        self.emit(Kind.SERVICE_ENTER, service)
        self.truth.append(self.task.place)

    def close_exception(self) -> None:
        while self.task.open and not self.task.open.pop()[1]:
            pass

    def step(self) -> None:
        for _ in range(self.chance.randrange(3)):
            self.emit(Kind.MARK_BEGIN)
        acts = (self.exception, self.announce, self.exit, self.back, self.switch, self.spawn, self.refill)
        self.chance.choices(acts, (1, 2, 1, 1, 1, 1, 1))[0]()

    def exception(self) -> None:
        self.emit(Kind.EXCEPTION, info=self.chance.choice([Cause.SYSCALL, Cause.INTERRUPT, Cause.NOT_PRESENT]))
        self.enter(self.chance.choice([34, 8, 3]), True)

    def announce(self) -> None:
        if len(self.task.open) < 20:
            self.emit(Kind.MARK_BEGIN)  # else it would seem to be opened by the exception before
            self.enter(self.chance.choice([9, *WORK]), False)

    def exit(self) -> None:
        if self.task.open and not self.task.open[-1][1]:
            self.task.open.pop()
            self.emit(Kind.MARK_END)
            self.leave()

    def refill(self) -> None:
        """A refill that is cut off by another one, which returns for both."""
        self.emit(Kind.EXCEPTION, info=Cause.REFILL)
        self.enter(2, True)
        if self.chance.random() < 0.5:
            self.emit(Kind.EXCEPTION, info=Cause.NESTED_REFILL)
            self.close_exception()
            self.enter(2, True)
        self.back()

    def back(self) -> None:
        to_user = self.chance.random() < 0.3
        self.emit(Kind.RETURN, info=Mode.USER if to_user else Mode.KERNEL)
        if to_user:
            self.task.open.clear()
        else:
            self.close_exception()
        self.leave()

    def spawn(self) -> None:
        if len(self.tasks) < 6:
            new = len(self.tasks)
            self.emit(Kind.THREAD_SPACE, new, 1)
            inner = self.task.open[-1][0] if self.task.open else 0
            self.tasks[new] = Task((inner, *self.task.place))

    def switch(self) -> None:
        after = self.chance.choice([t for t in self.tasks if t != self.now] or [self.now])
        self.emit(Kind.THREAD_SWITCH, after, self.now)
        self.now = after
        self.leave()


@pytest.mark.parametrize("seed", range(60))
def test_places_equal_the_kernel_s_own_account(seed: int) -> None:
    """Across exceptions, returns, nested refills, switches and new threads, each crossing leads where it did."""
    kernel = Kernel(seed)
    for _ in range(400):
        kernel.step()
    prepared = kernel.script.prepared()
    places = named(prepared.places, prepared.meta)
    crossings = (prepared.columns.kind == Kind.SERVICE_ENTER) | (prepared.columns.kind == Kind.SERVICE_EXIT)

    actual = [(places[p].service, places[p].work) for p in prepared.columns.page[crossings].tolist()]

    assert kernel.truth == actual
    assert {work for _, work in actual} >= set(WORK.values())
