"""A MIPS64 machine: one R10000-like CPU, memory, console and a recorder, run from Python in bounded steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from replay.errors import UserError
from replay.trace.schema import Arrival, Kind, Mode
from tracegen import abi
from tracegen import disk as drive
from tracegen.console import Console
from tracegen.cpu import state as S
from tracegen.cpu.state import Core, Stop, clear_micro_tlbs, clear_write_tags, new_core
from tracegen.elf import read_elf
from tracegen.interpreter import load_loop
from tracegen.mips64.lower.block import lower_block, lower_slot

Sink = Callable[[np.ndarray, np.ndarray], None]
"""Takes (words u64, counts u8) of each filled chunk.  Two buffers alternate: a sink may read a chunk until its *next*
call returns, so it can hand a chunk to a thread and wait for that thread in its next call."""

ROWS = 1 << 20
"""Rows in a chunk, about."""
LONGEST_BLOCK = 128
"""No lowered block retires more instructions."""
STEP = 20_000_000
"""Instructions between two returns to Python: 0.1 s at most, so that Ctrl-C works."""
PAGE = abi.PAGE_BYTES
SEED_MIX = 0x9E3779B97F4A7C15
MASK64 = (1 << 64) - 1
PRID_R10000 = 0x0900
CONFIG_CACHED = 3
A0, A1 = 4, 5
UNANNOUNCED_SPACE = 1 << 16
"""Spaces of ASIDs that no announcement has named: this plus the ASID."""


class RunResult(NamedTuple):
    """How a run ended."""

    status: int | None  # what the guest stored to the exit register; None if it did not
    instructions: int  # retired
    console: bytes
    reason: str  # "exit", or why the run ended without one
    remedy: str = ""  # what to do about that


class Machine:
    """One guest on one CPU.

    ``image`` is an ELF file's bytes; ``arguments`` reach the guest as one string in the last page of RAM, whose
    physical address is in a0 at entry; ``seed`` chooses TLB victims; ``disk`` is what the disk holds at first, empty
    for a machine without one.  Raises UserError if the image or the disk does not fit.
    """

    def __init__(
        self,
        image: bytes,
        memory_bytes: int = abi.MEMORY_BYTES,
        seed: int = 1,
        arguments: tuple[str, ...] | list[str] = (),
        on_console: Callable[[bytes], None] | None = None,
        disk: bytes | bytearray = b"",
    ) -> None:
        if memory_bytes % PAGE or not 2 * PAGE <= memory_bytes <= abi.DEVICE_BASE:
            raise UserError(
                f"memory of {memory_bytes} bytes: give a multiple of {PAGE} from {2 * PAGE} to {abi.DEVICE_BASE}"
                f" ({abi.DEVICE_BASE >> 20}M)"
            )
        self.memory_bytes = memory_bytes
        self.core, self.views = new_core(memory_bytes, ROWS)
        self._console = Console()
        self._on_console = on_console
        self._ops_used = 1
        self._coded: set[int] = set()
        self._traced = False
        self._end = MASK64
        self._load(image)
        self._reset(seed, arguments)
        self._insert(disk)

    # -- memory ----------------------------------------------------------------------------------------------------

    def write(self, physical: int, data: bytes) -> None:
        """Put bytes into guest memory (over code that has run: call ``forget_code`` too)."""
        places = np.arange(physical, physical + len(data)) ^ 7
        self.views.ram1[places] = np.frombuffer(data, np.uint8)

    def read(self, physical: int, size: int) -> bytes:
        """Bytes of guest memory."""
        return bytes(self.views.ram1[np.arange(physical, physical + size) ^ 7])

    def _load(self, image: bytes) -> None:
        self._entry, segments = read_elf(image)
        for segment in segments:
            if segment.physical + segment.size > self.memory_bytes - PAGE:
                need = segment.physical + segment.size + PAGE
                raise UserError(f"guest image needs {need} bytes of memory, the machine has {self.memory_bytes}")
            self.write(segment.physical, segment.data)

    def _insert(self, disk: bytes | bytearray) -> None:
        if len(disk) % PAGE or len(disk) > drive.BLOCKS * PAGE:
            raise UserError(f"a disk of {len(disk)} bytes: give a multiple of {PAGE}, at most {drive.BLOCKS * PAGE}")
        self._disk = np.frombuffer(disk, ">u8").astype(np.uint64)
        self.core.s[S.DISK_BLOCKS], self.core.s[S.DISK_AT] = len(disk) // PAGE, S.NEVER
        self.core.ram8[self.memory_bytes + abi.DISK_BLOCKS >> 3] = len(disk) // PAGE

    def disk_image(self) -> bytes:
        """What the disk holds now."""
        return self._disk.astype(">u8").tobytes()

    def _reset(self, seed: int, arguments: tuple[str, ...] | list[str]) -> None:
        s, r = self.core.s, self.core.r
        text = " ".join(arguments).encode() + b"\0"
        if len(text) > PAGE:
            raise UserError(f"the guest's arguments take {len(text)} bytes; at most {PAGE} fit")
        self.write(self.memory_bytes - PAGE, text)
        r[A0], r[A1] = self.memory_bytes - PAGE, self.memory_bytes
        s[S.PC], s[S.ARRIVE] = self._entry, Arrival.TRAP
        s[S.MODE], s[S.CONTEXT] = Mode.KERNEL, 1 << 11
        s[S.MEMORY_BYTES], s[S.ROW_LIMIT] = self.memory_bytes, ROWS
        s[S.NEXT_PAGE] = s[S.NEXT_SITE] = 1
        s[S.TIMER_AT] = 1 << 33
        s[S.PRID], s[S.CONFIG] = PRID_R10000, CONFIG_CACHED
        s[S.RANDOM_STATE] = (seed * SEED_MIX + 1) & MASK64 or 1
        s[S.SPACE_OF : S.SPACE_OF + 256] = UNANNOUNCED_SPACE + np.arange(256, dtype=np.uint64)
        s[S.SPACE] = UNANNOUNCED_SPACE
        # The pairs of the empty TLB are distinct and lie where no address can match them.
        s[S.TLB_HI : S.TLB_HI + S.TLB_ENTRIES] = (1 << 62) + (
            np.arange(S.TLB_ENTRIES, dtype=np.uint64) << np.uint64(44)
        )

    # -- running ---------------------------------------------------------------------------------------------------

    def run(
        self,
        sink: Sink | None = None,
        max_instructions: int | None = None,
        progress: Callable[[int], None] | None = None,
        interrupted: Callable[[], str] | None = None,
    ) -> RunResult:
        """Run until the guest stores to the exit register, ``max_instructions`` more have retired, or it cannot go on.

        A branch and its delay slot retire together: where only one more instruction may, they do not.
        With a ``sink`` the run is recorded, from power-on to the END row.  ``progress`` is told the instructions
        retired so far after each step, ``interrupted`` says after each why to end the run, or nothing.  Raises
        UserError if the guest needs something that this machine does not have.
        """
        s = self.core.s
        self._set_traced(sink is not None)
        loop = load_loop(self._traced)
        self._end = MASK64 if max_instructions is None else int(s[S.COUNT]) + max_instructions
        buffers = _Buffers(self.core, sink)
        self._begin_stretch()
        end: tuple[str, str] | None = None
        while end is None:
            s[S.LIMIT] = 0
            loop(buffers.core, self.views)
            end = self._attend(Stop(int(s[S.STATUS_CODE])), buffers)
            if progress:
                progress(int(s[S.COUNT]))
            if interrupted and end is None and (why := interrupted()):
                end = why, "run it again"
        if self._near_end():
            self.forget_code()
        reason, remedy = end
        self._drain_console()
        buffers.finish(complete=reason == "exit" and not s[S.EXIT_VALUE])
        if s[S.WRITTEN_PAGE_MASK]:
            value = int(s[S.WRITTEN_PAGE_MASK])
            raise UserError(f"the guest wrote {value:#x} to CP0 PageMask; this machine has 4 KiB pages only: keep it 0")
        status = int(s[S.EXIT_VALUE]) if reason == "exit" else None
        return RunResult(status, int(s[S.COUNT]), self._console.text(), reason, remedy)

    def restart(self, pc: int) -> None:
        """Go on from ``pc`` after the guest's exit, with memory, registers and lowered code as they are."""
        self.core.s[S.PC], self.core.s[S.ARRIVE], self.core.s[S.SLOT] = pc, Arrival.TRAP, 0

    def _near_end(self) -> bool:
        return self._end - self.instructions <= LONGEST_BLOCK

    def _begin_stretch(self) -> None:
        """Choose when the loop returns; close to the end after every block, lowered then no longer than is left."""
        if self._near_end():
            self.forget_code()
            self.core.s[S.BUDGET_END] = self.instructions + 1
        else:
            self.core.s[S.BUDGET_END] = min(self._end - LONGEST_BLOCK, self.instructions + STEP)

    def _attend(self, stop: Stop, buffers: _Buffers) -> tuple[str, str] | None:
        """Do what the loop stopped for; (reason, remedy) if the run is to end."""
        s = self.core.s
        if stop is Stop.LOWER:
            if not self._lower(int(s[S.LOWER_AT]), bool(s[S.SLOT])):
                return self._limit_reached()
        elif stop is Stop.ROWS_FULL:
            buffers.flush()
        elif stop is Stop.DISK:
            self._transfer()
        elif stop is Stop.EXIT:
            return "exit", ""
        elif stop is Stop.STUCK:
            return (
                f"the guest takes exceptions for ever without executing an instruction at pc {int(s[S.PC]):#x}",
                "mend the guest's exception vectors",
            )
        elif stop is Stop.WAITS_FOREVER:
            return (
                f"the guest waits with its interrupts masked before pc {int(s[S.PC]):#x}: nothing can wake it",
                "let the guest unmask its timer before it waits",
            )
        elif stop is Stop.BUDGET:
            if self.instructions >= self._end:
                return self._limit_reached()
            self._begin_stretch()
        if stop not in (Stop.LOWER, Stop.DISK):
            self._drain_console()
        if s[S.IDS_USED] > S.IDS_LIMIT:
            raise UserError(f"the guest used more than {S.IDS_LIMIT} virtual pages; use a smaller workload")
        return None

    def _limit_reached(self) -> tuple[str, str]:
        return f"{self.instructions} instructions ran without the guest's exit", "allow more with --max-instructions"

    def _set_traced(self, traced: bool) -> None:
        s = self.core.s
        if traced != self._traced:
            self.forget_code()
            self._traced = traced
            clear_micro_tlbs(self.core.tags)
        s[S.RECORDING] = traced
        if traced and not s[S.COUNT]:
            s[S.STACK], s[S.DEPTH] = abi.Service.BOOT, 1
            mode = int(Mode.KERNEL) << 12
            self.core.rows[0] = int(Kind.SERVICE_ENTER) | mode | int(abi.Service.BOOT) << 32
            s[S.POSITION] = 1
        elif traced:
            s[S.LAST] = s[S.COUNT]

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

    def _lower(self, physical: int, slot: bool) -> bool:
        """Lower the block at a physical address; False if not one instruction of it fits before the end of the run."""
        place, wide = (physical & PAGE - 1) >> 2, physical < self.memory_bytes
        frame = physical % self.memory_bytes >> 12
        page = self.core.ram8[frame << 9 : (frame + 1) << 9].byteswap().tobytes()
        block = lower_slot(page, wide) if slot else lower_block(page, place, self._traced, wide)
        left = self._end - self.instructions
        if not slot and block.retired + 2 > left:
            block = lower_block(page, place, self._traced, wide, left)
        if not block.words:
            return False
        if self._ops_used + len(block.words) > S.OPS_LIMIT:
            self.forget_code()
        core, at = self.core, self._ops_used
        self._ops_used = end = at + len(block.words)
        self.views.ops[at:end] = block.words
        self.views.imms[at:end] = block.imms
        if slot:
            core.frames[4 * (physical >> 12) + S.FRAME_SLOT_BLOCK] = at
        else:
            core.entries[physical >> 2] = at
        lines = int(core.frames[4 * frame + S.FRAME_CODE_LINES])
        core.frames[4 * frame + S.FRAME_CODE_LINES] = lines | block.lines
        if not lines:
            self._coded.add(frame)
            clear_write_tags(core.tags)
        return True

    def _transfer(self) -> None:
        """Move the block of the disk's finished request by DMA, if it did not fail."""
        s, ram = self.core.s, self.core.ram8
        if ram[self.memory_bytes + abi.DISK_STATUS >> 3] != abi.Disk.DONE:
            return
        frame, block = int(s[S.REQUEST_FRAME]) << 9, int(s[S.REQUEST_BLOCK]) << 9
        if s[S.REQUEST_COMMAND] == abi.Disk.READ:
            ram[frame : frame + 512] = self._disk[block : block + 512]
            self._forget_page(frame >> 9)
        else:
            self._disk[block : block + 512] = ram[frame : frame + 512]

    def _forget_page(self, frame: int) -> None:
        self.core.frames[4 * frame + S.FRAME_CODE_LINES] = 0
        for page in (frame, frame + (self.memory_bytes >> 12)):
            self.core.entries[page << 10 : (page + 1) << 10] = 0
            self.core.frames[4 * page + S.FRAME_SLOT_BLOCK] = 0

    def forget_code(self) -> None:
        """Drop all lowered code, as after memory was written from outside."""
        for frame in self._coded:
            self._forget_page(frame)
        self._coded.clear()
        self._ops_used = 1

    # -- looking inside --------------------------------------------------------------------------------------------

    @property
    def registers(self) -> list[int]:
        """General registers 0-31, then HI and LO."""
        return [int(v) for v in self.core.r[:34]]

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on."""
        return int(self.core.s[S.COUNT])

    @property
    def pc(self) -> int:
        """Address of the next instruction."""
        return int(self.core.s[S.PC])

    def cp0(self, place: int) -> int:
        """A CP0 register by its name in ``tracegen.cpu.state`` (not Count and Random, which are computed)."""
        return int(self.core.s[place])

    def tlb(self) -> list[tuple[int, int, int]]:
        """(EntryHi with the global bit at bit 12, EntryLo0, EntryLo1) of each TLB entry."""
        s = self.core.s
        return [tuple(int(s[base + i]) for base in (S.TLB_HI, S.TLB_LO0, S.TLB_LO1)) for i in range(S.TLB_ENTRIES)]  # type: ignore[misc]

    @property
    def statistics(self) -> dict[str, int]:
        """Counts kept by the machine itself, recorded or not."""
        names = ("UTLB_REFILLS", "NESTED_REFILLS", "EXCEPTIONS", "INTERRUPTS", "IDLE_UNITS")
        return {name.lower(): int(self.core.s[getattr(S, name)]) for name in names}


class _Buffers:
    """The two row buffers of a recorded run, and the way to the sink."""

    def __init__(self, core: Core, sink: Sink | None) -> None:
        self.core, self._sink = core, sink
        if sink:
            self._other = (np.zeros_like(core.rows), np.zeros_like(core.counts))

    def flush(self) -> None:
        """Give the filled rows to the sink and go on in the other buffer."""
        s = self.core.s
        filled = int(s[S.POSITION])
        s[S.POSITION] = 0
        if self._sink is None or not filled:
            return
        rows, counts = self.core.rows, self.core.counts
        self.core = self.core._replace(rows=self._other[0], counts=self._other[1])
        self._other = (rows, counts)
        self._sink(rows[:filled], counts[:filled])
        # The loop writes n only where it is not 0, so a buffer starts out all zeroes.
        self.core.counts[:] = 0

    def finish(self, complete: bool) -> None:
        """Append the END row and give the last rows to the sink."""
        if self._sink is None:
            return
        s = self.core.s
        at = int(s[S.POSITION])
        self.core.rows[at] = int(Kind.END) | int(s[S.MODE]) << 12 | (not complete) << 16
        self.core.counts[at] = int(s[S.COUNT] - s[S.LAST])
        s[S.POSITION], s[S.LAST] = at + 1, s[S.COUNT]
        self.flush()
