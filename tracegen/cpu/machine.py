"""A machine: vCPUs, memory, console, disk, network card and a recorder, run from Python in bounded steps.

What an architecture adds stands in its own folder: ``tracegen.mips64.machine``, ``tracegen.x86_64.machine``.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

import numpy as np

from replay.errors import UserError
from replay.trace.meta import MAX_VCPUS
from replay.trace.schema import Arrival, Kind, Mode
from tracegen import abi
from tracegen.console import Console
from tracegen.cpu import state as S
from tracegen.cpu.architecture import Architecture
from tracegen.cpu.block import LONGEST_BLOCK
from tracegen.cpu.buffers import Buffers, Sink
from tracegen.cpu.card import Card
from tracegen.cpu.drive import Drive
from tracegen.cpu.inside import ENDS, Inside, ends
from tracegen.cpu.opening import Opening
from tracegen.cpu.state import Power, Stop, clear_micro_tlbs, clear_write_tags
from tracegen.elf import read_elf
from tracegen.switch import Switch

STEP = 20_000_000
"""Instructions between two returns to Python: 0.1 s at most, so that Ctrl-C works."""
QUANTUM = 1_000
"""Instructions of a turn where several vCPUs run, about: 5 microseconds of the guest's time."""
LEAST_QUANTUM = 64
"""A shorter turn could be over between a linked load and the store that belongs to it, for ever."""
PAGE = abi.PAGE_BYTES
MASK64 = (1 << 64) - 1
QUIET = (Stop.LOWER, Stop.DISK, Stop.NET)
"""Stops so frequent that the console is not looked at each time."""
OFF = "switched off with the others"
"""Why a machine's run ended that was to go on as long as others of its session."""
MARK = "mark"
"""Why a run ended that was to go to a mark."""


class RunResult(NamedTuple):
    """How a run ended."""

    status: int | None  # what the guest stored to the exit register; None if it did not
    instructions: int  # retired
    console: bytes
    reason: str  # "exit", or why the run ended without one
    remedy: str = ""  # what to do about that

    @property
    def whole(self) -> bool:
        """Whether the guest did its work."""
        return self.status == 0 or self.reason == OFF


class Machine(Inside, Architecture):
    """One guest on vCPUs of one kind.

    ``image`` is an ELF file's bytes; ``arguments`` reach the guest as one string in the last page of RAM, whose
    physical address is in the first argument register at entry, with the size of RAM in the second; ``seed`` chooses
    what hardware chooses at random; ``disk`` is what the disk holds at first, empty for a machine without one, and
    ``base_image`` the id of that; the network card is ``station`` of ``switch``, by default one of its own.  Of
    several ``vcpus`` the guest finds all but the first off; they run in turns of about ``quantum`` instructions: see
    ``tracegen.cpu.turns``.  Raises UserError if the image or the disk does not fit, or there are no such machines.
    """

    def __init__(
        self,
        image: bytes,
        memory_bytes: int = abi.MEMORY_BYTES,
        seed: int = 1,
        arguments: tuple[str, ...] | list[str] = (),
        on_console: Callable[[bytes], None] | None = None,
        disk: bytes | bytearray = b"",
        vcpus: int = 1,
        quantum: int = QUANTUM,
        switch: Switch | None = None,
        station: int = 1,
        base_image: int = 0,
    ) -> None:
        least = (self.KEPT_PAGES + 1) * PAGE
        if memory_bytes % PAGE or not least <= memory_bytes <= self.MOST_MEMORY:
            raise UserError(
                f"memory of {memory_bytes} bytes: give a multiple of {PAGE} from {least} to {self.MOST_MEMORY}"
                f" ({self.MOST_MEMORY >> 20}M)"
            )
        if not 1 <= vcpus <= MAX_VCPUS:
            raise UserError(f"a machine of {vcpus} vCPUs: give it 1 to {MAX_VCPUS}")
        if not LEAST_QUANTUM <= quantum <= STEP:
            raise UserError(f"a quantum of {quantum} instructions: give {LEAST_QUANTUM} to {STEP}")
        self.memory_bytes, self.vcpus, self.quantum = memory_bytes, vcpus, quantum
        self.core, self.views = self._new_core()
        # Guest memory is held as 64-bit words of the host: a big-endian guest's bytes lie the other way round in them.
        self._flip = 7 if self.WORD[0] == ">" else 0
        self._console = Console()
        self._on_console = on_console
        self._ops_used = 1
        self._coded: set[int] = set()
        self._traced = False
        self._opening: Callable[[Buffers], None] | None = None
        self._end = MASK64
        self._load(image)
        self._power_on()
        for vcpu in reversed(range(vcpus)):
            self._reset_vcpu(vcpu, seed)
        self._start(arguments)
        self.drive = Drive(self, disk, base_image)
        self.card = Card(self, switch or Switch(), station)

    # -- memory ----------------------------------------------------------------------------------------------------

    def write(self, physical: int, data: bytes) -> None:
        """Put bytes into guest memory (over code that has run: call ``forget_code`` too)."""
        places = np.arange(physical, physical + len(data)) ^ self._flip
        self.views.ram1[places] = np.frombuffer(data, np.uint8)

    def read(self, physical: int, size: int) -> bytes:
        """Bytes of guest memory."""
        return bytes(self.views.ram1[np.arange(physical, physical + size) ^ self._flip])

    def _page(self, frame: int) -> bytes:
        """The bytes of a physical page."""
        return self.core.ram8[frame << 9 : (frame + 1) << 9].astype(self.WORD).tobytes()

    def _load(self, image: bytes) -> None:
        self._entry, segments = read_elf(image, self.CPU)
        for segment in segments:
            if segment.physical + segment.size > self.memory_bytes - self.KEPT_PAGES * PAGE:
                need = segment.physical + segment.size + self.KEPT_PAGES * PAGE
                raise UserError(f"guest image needs {need} bytes of memory, the machine has {self.memory_bytes}")
            self.write(segment.physical, segment.data)

    def disk_image(self) -> bytes:
        """What the disk holds now."""
        return self.drive.image()

    def printed(self) -> bytes:
        """What the guest printed so far, as far as it is kept."""
        return self._console.text()

    def print_again(self, text: bytes) -> None:
        """Note what the guest printed before, when its state comes from elsewhere."""
        self._console.add(text)

    def _reset_vcpu(self, vcpu: int, seed: int) -> None:
        """Leave in ``Core`` what a vCPU owns at power-on; all but the first are parked, off."""
        s, r = self.core.s, self.core.r
        s[: S.VCPU_WORDS] = r[:] = 0
        s[S.VCPU_BITS], s[S.STATE] = vcpu << 8, Power.RUNS if vcpu == 0 else Power.OFF
        s[S.MODE], s[S.SPACE], s[S.ARRIVE] = Mode.KERNEL, S.UNANNOUNCED_SPACE, Arrival.TRAP
        s[S.WAKE_AT] = s[S.DEVICE_AT] = S.NEVER
        self._reset(seed + vcpu)
        base = S.PARKED + vcpu * S.PARKED_WORDS
        s[base : base + S.VCPU_WORDS] = s[: S.VCPU_WORDS]
        s[base + S.VCPU_WORDS : base + S.PARKED_WORDS] = r

    def _start(self, arguments: tuple[str, ...] | list[str]) -> None:
        s, r = self.core.s, self.core.r
        text = " ".join(arguments).encode() + b"\0"
        if len(text) > PAGE:
            raise UserError(f"the guest's arguments take {len(text)} bytes; at most {PAGE} fit")
        self.write(self.memory_bytes - PAGE, text)
        first, second = self.ARGUMENTS
        r[first], r[second] = self.memory_bytes - PAGE, self.memory_bytes
        s[S.PC] = self._entry
        s[S.MEMORY_BYTES], s[S.ROW_LIMIT] = self.memory_bytes, S.ROWS
        s[S.NEXT_PAGE] = s[S.NEXT_SITE] = 1
        s[S.VCPUS], s[S.QUANTUM] = self.vcpus, self.quantum
        s[S.TURN_END] = self.quantum if self.vcpus > 1 else S.NEVER
        s[S.HORIZON] = S.NEVER
        self.core.ram8[self.memory_bytes + abi.VCPU_COUNT >> 3] = self.vcpus

    # -- running ---------------------------------------------------------------------------------------------------

    def run(
        self,
        sink: Sink | None = None,
        max_instructions: int | None = None,
        progress: Callable[[int], None] | None = None,
        interrupted: Callable[[], str] | None = None,
        to_mark: int | None = None,
    ) -> RunResult:
        """Run until the guest stores to the exit register, ``max_instructions`` more have retired, or it cannot go on.

        MIPS: a branch and its delay slot retire together; where only one more instruction may, they do not.
        With a ``sink`` the run is recorded, from power-on, or after ``open_window`` from here, to the END row; with
        ``to_mark`` it ends with reason MARK behind the code in which that mark begins.  ``progress`` is told the
        instructions retired so far after each step, ``interrupted`` says after each why to end the run, or nothing.
        Raises UserError if the guest needs something that this machine does not have.
        """
        steps = self.steps(sink, max_instructions, progress, interrupted, to_mark)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: RunResult = end.value
                return result

    def steps(
        self,
        sink: Sink | None = None,
        max_instructions: int | None = None,
        progress: Callable[[int], None] | None = None,
        interrupted: Callable[[], str] | None = None,
        to_mark: int | None = None,
    ) -> Generator[None, str, RunResult]:
        """``run`` in steps: each time that the machine has come to ``HORIZON`` it yields, and goes on from there.

        What is sent to it then, if anything, is why the run is to end.
        """
        s = self.core.s
        self._set_traced(sink is not None)
        loop = self._load_loop(self._traced)
        self._end = MASK64 if max_instructions is None else self.instructions + max_instructions
        buffers = Buffers(self.core, sink)
        s[S.MARK_WANTED] = 0 if to_mark is None else to_mark + 1
        if self._opening is not None:
            self._opening(buffers)
            self._opening = None
        self._begin_stretch()
        end: tuple[str, str] | None = None
        while end is None:
            loop(buffers.held, self.views)
            stop = Stop(int(s[S.STATUS_CODE]))
            end = self._attend(stop, buffers)
            if progress:
                progress(self.instructions)
            if interrupted and end is None and (why := interrupted()):
                end = why, "run it again"
            if stop is Stop.HORIZON and end is None and (why := (yield)):
                end = why, ""
        if self._near_end():
            self.forget_code()
        reason, remedy = end
        self._drain_console()
        status = int(s[S.EXIT_VALUE]) if reason == "exit" else None
        result = RunResult(status, self.instructions, self._console.text(), reason, remedy)
        buffers.finish(complete=result.whole)
        self._check_after_run()
        return result

    def open_window(self, mark: int | None = None) -> None:
        """Let the next run's trace begin with the state that it goes on from; ``mark`` has just begun, if given."""
        self._opening = lambda buffers: Opening(self, buffers).write(mark)

    def restart(self, pc: int) -> None:
        """Go on from ``pc`` after the guest's exit, with memory, registers and lowered code as they are."""
        s = self.core.s
        s[S.PC], s[S.ARRIVE], s[S.SLOT], s[S.STATE] = pc, Arrival.TRAP, 0, Power.RUNS

    def _near_end(self) -> bool:
        return self._end - self.instructions <= LONGEST_BLOCK

    def _begin_stretch(self) -> None:
        """Choose when the loop returns; close to the end after every block, lowered then no longer than is left."""
        if self._near_end():
            self.forget_code()
            self.core.s[S.BUDGET] = self.instructions + 1
        else:
            self.core.s[S.BUDGET] = min(self._end - LONGEST_BLOCK, self.instructions + STEP)

    def _attend(self, stop: Stop, buffers: Buffers) -> tuple[str, str] | None:
        """Do what the loop stopped for; (reason, remedy) if the run is to end."""
        s = self.core.s
        if s[S.IDS_USED] > S.IDS_LIMIT:
            raise UserError(f"the guest used more than {S.IDS_LIMIT} virtual pages; use a smaller workload")
        if s[S.NET_RUNG] or stop is Stop.NET:
            self.card.serve(buffers)
        if stop is Stop.LOWER:
            if not self._lower(int(s[S.LOWER_AT])):
                return self._limit_reached()
        elif stop is Stop.ROWS_FULL:
            buffers.flush()
        elif stop is Stop.DISK:
            self.drive.transfer()
        elif stop is Stop.EXIT:
            return "exit", ""
        elif stop in ENDS:
            return ends(stop, int(s[S.PC]))
        elif stop is Stop.BUDGET:
            if s[S.MARK_WANTED] == S.MARK_REACHED:
                return MARK, ""
            if self.instructions >= self._end:
                return self._limit_reached()
            self._begin_stretch()
        if stop not in QUIET:
            self._drain_console()
        return None

    def _limit_reached(self) -> tuple[str, str]:
        return f"{self.instructions} instructions ran without the guest's exit", "allow more with --max-instructions"

    def _set_traced(self, traced: bool) -> None:
        s = self.core.s
        if traced != self._traced:
            self.forget_code()
            self._traced = traced
            clear_micro_tlbs(self.views.tags)
        s[S.RECORDING] = traced
        if not self.instructions:
            s[S.STACK], s[S.DEPTH] = abi.Service.BOOT, 1
        if traced and not self.instructions:
            mode = int(Mode.KERNEL) << 12
            self.core.rows[0] = int(Kind.SERVICE_ENTER) | mode | int(abi.Service.BOOT) << 32
            s[S.POSITION] = 1
        elif traced:
            for base in self.bases():
                s[base + S.LAST] = s[base + S.COUNT]

    def _drain_console(self) -> None:
        s = self.core.s
        length = int(s[S.CONSOLE_LENGTH])
        if length:
            data = s[S.CONSOLE : S.CONSOLE + length].astype(np.uint8).tobytes()
            s[S.CONSOLE_LENGTH] = 0
            self._console.add(data)
            if self._on_console:
                self._on_console(data)

    # -- lowered code ----------------------------------------------------------------------------------------------

    def _lower(self, physical: int) -> bool:
        """Lower the block at a physical address; False if not one instruction of it fits before the end of the run."""
        block = self._block_at(physical, self._end - self.instructions)
        if not block.words:
            return False
        if self._ops_used + len(block.words) > S.OPS_LIMIT:
            self.forget_code()
        at = self._ops_used
        self._ops_used = end = at + len(block.words)
        self.views.ops[at:end] = block.words
        self.views.imms[at:end] = block.imms
        self._mark_code(self._enter(physical, at), block.lines)
        return True

    def _mark_code(self, frame: int, lines: int) -> None:
        """Note that code was lowered from ``lines`` of a physical page: stores there must be seen."""
        core = self.core
        before = int(core.frames[4 * frame + S.FRAME_CODE_LINES])
        core.frames[4 * frame + S.FRAME_CODE_LINES] = before | lines
        if not before:
            self._coded.add(frame)
            clear_write_tags(self.views.tags)

    def forget_code(self) -> None:
        """Drop all lowered code, as after memory was written from outside."""
        for frame in self._coded:
            self.forget_page(frame)
        self._coded.clear()
        self._ops_used = 1
