"""Several machines at once, joined by the switch: they run in steps of time no longer than the link's latency.

A packet that one sends within a step cannot arrive before the step's end, so until then the machines need nothing of
each other: they run one after the other, and what happens does not depend on the order.  A step begins when the first
machine goes on; one that waits beyond its end is not disturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from tracegen.boot import Boot
from tracegen.cpu import state as S
from tracegen.cpu.buffers import Sink
from tracegen.cpu.machine import OFF, Machine, RunResult
from tracegen.switch import Link, Switch

DEADLOCK = "every machine of its session waits, and no packet is under way"


@dataclass(frozen=True)
class Vm:
    """A machine of a session.  One in the ``background`` is switched off when all others have ended."""

    boot: Boot
    background: bool = False


class Member:
    """A machine while its session runs; ``result`` is there when it has ended."""

    def __init__(self, vm: Vm, number: int, switch: Switch) -> None:
        self.vm, self.number, self.switch = vm, number, switch
        self.machine: Machine = vm.boot.machine(switch, number + 1)
        self.steps: Generator[None, str, RunResult] | None = None
        self.result: RunResult | None = None

    def ended(self) -> RunResult:
        """How it ended."""
        assert self.result is not None
        return self.result

    def start(
        self,
        sink: Sink | None,
        most: int | None,
        progress: Callable[[int], None] | None,
        interrupted: Callable[[], str] | None,
    ) -> None:
        """Switch the machine on; it executes nothing yet."""
        self.machine.set_horizon(0)
        self.steps = self.machine.steps(sink, most, progress, interrupted)
        next(self.steps)

    def advance(self, horizon: int, why: str = "") -> None:
        """Run up to a time, or to the guest's end; with ``why`` end here instead."""
        assert self.steps is not None
        self.machine.set_horizon(horizon)
        try:
            self.steps.send(why)
        except StopIteration as end:
            self.result = end.value
            self.switch.leave(self.number + 1)

    def ready_at(self) -> int:
        """When it goes on by itself: NEVER if it does not."""
        return self.machine.ready_at()


class Session:
    """Machines that run together over one ``link``: ``members`` in the order of their stations."""

    def __init__(self, vms: Sequence[Vm], link: Link) -> None:
        self.switch = Switch(link, len(vms))
        self.members = [Member(vm, number, self.switch) for number, vm in enumerate(vms)]

    def run(self) -> None:
        """Run all machines that were started until all have ended."""
        while running := [member for member in self.members if member.result is None]:
            why = self._end(running)
            start = min(member.ready_at() for member in running)
            if start == S.NEVER and not why:
                why = DEADLOCK
            for member in running:
                if why:
                    member.advance(S.NEVER, why)
                elif member.ready_at() < start + self.switch.link.latency:
                    member.advance(start + self.switch.link.latency)
            for member in running:
                if member.result is None:
                    member.machine.card.plan()

    def _end(self, running: Sequence[Member]) -> str:
        """Why the machines that still run are to end, or nothing."""
        for member in self.members:
            if member.result is not None and not member.result.whole:
                return f"vm{member.number} of its session {_ending(member.result)}"
        return OFF if all(member.vm.background for member in running) else ""


def _ending(result: RunResult) -> str:
    return f"failed with status {result.status}" if result.status else f"stopped ({result.reason})"
