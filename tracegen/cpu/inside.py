"""A machine looked at from outside, and why one ends that has not come to its exit."""

from __future__ import annotations

from tracegen.cpu import state as S
from tracegen.cpu.state import Core, Power, Stop

ENDS = {
    Stop.STUCK: (
        "the guest takes exceptions for ever without executing an instruction at pc {pc:#x}",
        "mend the guest's exception vectors",
    ),
    Stop.WAITS_FOREVER: (
        "the guest waits with its interrupts masked before pc {pc:#x}: nothing can wake it",
        "let the guest unmask its timer before it waits",
    ),
    Stop.SHUTDOWN: (
        "the CPU shut down: a fault while it delivered a double fault, at pc {pc:#x}",
        "mend the guest's exception handlers and their stacks",
    ),
}
"""Why a run ends, and what to do about it."""


def ends(stop: Stop, pc: int) -> tuple[str, str]:
    """(Reason, remedy) of a run that ended at ``pc`` like this."""
    reason, remedy = ENDS[stop]
    return reason.format(pc=pc), remedy


class Inside:
    """What is to be seen of any machine."""

    core: Core
    vcpus: int

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on, by all vCPUs."""
        return int(self.core.s[S.COUNT] + self.core.s[S.OTHERS])

    @property
    def pc(self) -> int:
        """Address of the next instruction of the vCPU that runs."""
        return int(self.core.s[S.PC])

    @property
    def statistics(self) -> dict[str, int]:
        """Counts kept by the machine itself, recorded or not, of all vCPUs."""
        return {name.lower(): self._sum(getattr(S, name)) for name in ("EXCEPTIONS", "INTERRUPTS", "IDLE_UNITS")}

    def bases(self) -> list[int]:
        """Where the words of each vCPU begin in ``Core.s``."""
        bases = [S.PARKED + vcpu * S.PARKED_WORDS for vcpu in range(self.vcpus)]
        bases[int(self.core.s[S.VCPU])] = 0
        return bases

    def ready_at(self) -> int:
        """Time at which the machine, all of whose vCPUs came to the horizon or wait, goes on; NEVER if it does not."""
        return min((self._ready_at(base) for base in self.bases()), default=S.NEVER)

    def _ready_at(self, base: int) -> int:
        s = self.core.s
        state, now = Power(int(s[base + S.STATE])), int(s[base + S.COUNT] + s[base + S.IDLE_UNITS])
        if state is Power.RUNS:
            return now
        called = int(s[base + S.UNHEARD_SINCE]) if s[base + S.UNHEARD] else S.NEVER
        return S.NEVER if state is Power.OFF else max(now, min(int(s[base + S.WAKE_AT]), called))

    def set_horizon(self, time: int) -> None:
        """Let the machine run up to a time: see ``Machine.steps``."""
        s = self.core.s
        s[S.HORIZON] = time
        s[S.TURN_END] = min(int(s[S.TURN_END]), time)

    def service(self, base: int) -> int:
        """The service that is open there."""
        depth = int(self.core.s[base + S.DEPTH])
        return int(self.core.s[base + S.STACK + depth - 1]) & 0xFFFFFFFF if depth else 0

    def _sum(self, place: int) -> int:
        return sum(int(self.core.s[base + place]) for base in self.bases())
