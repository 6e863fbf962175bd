"""What to tell about a guest that did not end well: where it was, what it ran, how it got there, what helps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from replay.trace.schema import Cause, Mode
from tracegen import abi
from tracegen.console import escape, shorten
from tracegen.cpu import state as S
from tracegen.machine import Machine, RunResult
from tracegen.symbols import Symbol

CONSOLE_LINES = 5
"""Of the console's end, how many are shown."""
COMMAND_BYTES = 256
"""A command line's text is read up to here."""

REMEDIES: dict[int, str] = {
    abi.Status.USAGE: "the guest knows no such program, or its program refused the arguments",
    abi.Status.ILLEGAL: "the program ran an instruction that traps, that this CPU lacks or that user mode may not use",
    abi.Status.PANIC: "the guest's kernel could not go on; its last lines say why",
    abi.Status.NO_MEMORY: "the guest ran out of memory; give it more with --memory",
    abi.Status.NO_SPACE: "the guest's disk is full; give it a larger one with --disk",
    abi.Status.FAULT: "the program used an address that it does not own",
    abi.Status.KILLED: "another process of the guest ended it",
}
"""Exit status -> what it means and what to do."""


@dataclass(frozen=True)
class Crossing:
    """The last exception taken: its cause, where it was taken, the address it was about, if any, and by which thread.

    Addresses are hexadecimal text: JSON's numbers are not made for 64 bits.
    """

    cause: str
    pc: str
    place: str
    address: str | None
    thread: int
    command: str


@dataclass(frozen=True)
class GuestState:
    """Where a guest was when its run ended; ``place`` names the nearest symbol, ``command`` the process's program.

    ``vcpu`` is the one that ran last, None where there is one only.
    """

    pc: str
    place: str
    mode: str
    thread: int
    command: str
    crossing: Crossing | None
    console: tuple[str, ...]
    remedy: str
    vcpu: int | None = None

    def lines(self) -> list[str]:
        """A few lines to read."""
        found = [
            ("pc", f"{self.pc} {self.place}, {self.mode} mode" + ("" if self.vcpu is None else f", vCPU {self.vcpu}")),
            ("process", _process(self.thread, self.command)),
        ]
        if self.crossing:
            c = self.crossing
            address = "" if c.address is None else f", address {c.address}"
            by = "" if c.thread == self.thread else f", by {_process(c.thread, c.command)}"
            found.append(("crossing", f"last exception {c.cause} at {c.pc} {c.place}{address}{by}"))
        found += [("console", line) for line in self.console]
        return [f"{name + ':':<10}{text}" for name, text in found]


def _process(thread: int, command: str) -> str:
    kernel = " (the guest's kernel itself)" if thread == 0 else ""
    return f"thread {thread}, {command or 'no command line' + kernel}"


def state_of(machine: Machine, result: RunResult, symbols: Sequence[Symbol]) -> GuestState:
    """The state of a machine whose run has ended; ``symbols`` by address, a program's named ``program:symbol``."""
    s = machine.core.s
    thread = int(s[S.THREAD])
    command = command_line(machine, thread)
    crossing = None
    if s[S.LAST_CAUSE]:
        at = int(s[S.LAST_PC])
        address = f"{int(s[S.LAST_ADDRESS]):#x}" if s[S.LAST_HAS_ADDRESS] else None
        taker = int(s[S.LAST_THREAD])
        ran = command_line(machine, taker)
        place = nearest(symbols, at, _program(ran))
        crossing = Crossing(Cause(int(s[S.LAST_CAUSE]) - 1).name, f"{at:#x}", place, address, taker, ran)
    return GuestState(
        f"{machine.pc:#x}",
        nearest(symbols, machine.pc, _program(command)),
        Mode(int(s[S.MODE])).name.lower(),
        thread,
        command,
        crossing,
        tuple(shorten(escape(result.console).splitlines()[-CONSOLE_LINES:])),
        remedy(result),
        int(s[S.VCPU]) if machine.vcpus > 1 else None,
    )


def _program(command: str) -> str:
    return command.split(maxsplit=1)[0] if command.strip() else ""


def command_line(machine: Machine, thread: int) -> str:
    """What the guest said that ``thread`` runs; empty if it said nothing, or where no memory is."""
    at = int(machine.core.s[S.THREAD_NAMES + thread]) if thread < S.THREADS else 0
    if not 0 < at < machine.memory_bytes:
        return ""
    text = machine.read(at, min(COMMAND_BYTES, machine.memory_bytes - at))
    return escape(text.split(b"\0")[0]).replace("\n", " ")


def nearest(symbols: Sequence[Symbol], address: int, program: str) -> str:
    """``(symbol+0x10)``: the last symbol up to ``address``, of the kernel or, for a user address, of ``program``."""
    kernel = address >= abi.KSEG0
    known = [s for s in symbols if (s.address >= abi.KSEG0) == kernel and (kernel or s.name.startswith(f"{program}:"))]
    place = bisect_right(known, address, key=lambda s: s.address)
    if place == 0:
        return "(no symbol)"
    symbol = known[place - 1]
    return f"({symbol.name}+{address - symbol.address:#x})"


def remedy(result: RunResult) -> str:
    """What to do about a run that ended like this; empty where the guest's own words must do."""
    return result.remedy if result.status is None else REMEDIES.get(result.status, "")


def why(result: RunResult) -> str:
    """Why the run ended, for the trace: ``exit`` where the guest did its work."""
    if not result.status:
        return result.reason
    meaning = remedy(result)
    return f"its workload failed with status {result.status}" + (f"; {meaning}" if meaning else "")
