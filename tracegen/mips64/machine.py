"""A MIPS64 machine: one R10000-like CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from replay.errors import UserError
from tracegen import abi
from tracegen.abi_net import NET_LINE
from tracegen.cpu import state as S
from tracegen.cpu.block import Block
from tracegen.cpu.machine import MASK64, PAGE, Machine
from tracegen.cpu.state import Core, Views, new_core
from tracegen.interpreter import load_loop
from tracegen.mips64 import opening
from tracegen.mips64 import state as M
from tracegen.mips64.lower.block import lower_block, lower_slot

SEED_MIX = 0x9E3779B97F4A7C15
PRID_R10000 = 0x0900
CONFIG_CACHED = 3
STATUS_FR = 1 << 26
"""Coprocessor 1 has 32 registers of 64 bits: this CPU has no other way, and the bit is always set."""
A0, A1 = 4, 5


class Mips64Machine(Machine):
    """See ``Machine``; the seed chooses TLB victims."""

    CPU: ClassVar[str] = "mips64"
    WORD: ClassVar[str] = ">u8"
    MOST_MEMORY: ClassVar[int] = 2 << 30
    KEPT_PAGES: ClassVar[int] = 1
    ARGUMENTS: ClassVar[tuple[int, int]] = (A0, A1)

    def _new_core(self) -> tuple[Core, Views]:
        return new_core(self.memory_bytes, 2 * self.memory_bytes // PAGE, PAGE // 4, self.vcpus)

    def _load_loop(self, traced: bool) -> Callable[[Any, Any], None]:
        return load_loop("mips64", traced)

    def _power_on(self) -> None:
        if self.memory_bytes - PAGE == abi.DEVICE_BASE:
            raise UserError(f"memory of {self.memory_bytes} bytes ends with the page of the devices: give a page less")
        self.core.s[S.DISK_VECTOR], self.core.s[S.NET_VECTOR] = abi.DISK_LINE, NET_LINE

    def _reset(self, seed: int) -> None:
        s = self.core.s
        s[S.CONTEXT] = 1 << 11
        s[S.TIMER_AT] = 1 << 33
        s[M.PRID], s[M.CONFIG], s[M.STATUS] = PRID_R10000, CONFIG_CACHED, STATUS_FR
        s[M.RANDOM_STATE] = (seed * SEED_MIX + 1) & MASK64 or 1
        s[M.SPACE_OF : M.SPACE_OF + 256] = S.UNANNOUNCED_SPACE + np.arange(256, dtype=np.uint64)
        # The pairs of the empty TLB are distinct and lie where no address can match them.
        s[M.TLB_HI : M.TLB_HI + M.TLB_ENTRIES] = (1 << 62) + (
            np.arange(M.TLB_ENTRIES, dtype=np.uint64) << np.uint64(44)
        )

    def _check_after_run(self) -> None:
        value = int(self.core.s[M.WRITTEN_PAGE_MASK])
        if value:
            raise UserError(f"the guest wrote {value:#x} to CP0 PageMask; this machine has 4 KiB pages only: keep it 0")

    # -- lowered code ----------------------------------------------------------------------------------------------

    def _block_at(self, physical: int, left: int) -> Block:
        place, wide = (physical & PAGE - 1) >> 2, physical < self.memory_bytes
        page = self._page(physical % self.memory_bytes >> 12)
        if self.core.s[S.SLOT]:
            return lower_slot(page, wide)
        block = lower_block(page, place, self._traced, wide)
        return lower_block(page, place, self._traced, wide, left) if block.retired + 2 > left else block

    def _enter(self, physical: int, at: int) -> int:
        if self.core.s[S.SLOT]:
            self.core.frames[4 * (physical >> 12) + M.FRAME_SLOT_BLOCK] = at
        else:
            self.core.entries[physical >> 2] = at
        return physical % self.memory_bytes >> 12

    def forget_page(self, frame: int) -> None:
        self.core.frames[4 * frame + S.FRAME_CODE_LINES] = 0
        for page in (frame, frame + (self.memory_bytes >> 12)):
            self.core.entries[page << 10 : (page + 1) << 10] = 0
            self.core.frames[4 * page + M.FRAME_SLOT_BLOCK] = 0

    # -- a trace that begins here ----------------------------------------------------------------------------------

    def tell_tables(self, core: Core, first: int) -> int:
        return int(opening.tell_tables(core, first))

    def tell_tlb(self, core: Core, base: int) -> None:
        opening.tell_tlb(core, base)

    def asid(self, base: int) -> int:
        return int(self.core.s[base + M.ENTRY_HI]) & 0xFF

    def generator_seed(self) -> int:
        state = int(self.core.s[M.RANDOM_STATE])
        return (state - 1) * pow(SEED_MIX, -1, 1 << 64) & MASK64

    # -- looking inside --------------------------------------------------------------------------------------------

    @property
    def registers(self) -> list[int]:
        """General registers 0-31, then HI and LO."""
        return [int(v) for v in self.core.r[:34]]

    def cp0(self, place: int) -> int:
        """A CP0 register by its name in ``tracegen.mips64.state`` (not Count and Random, which are computed)."""
        return int(self.core.s[place])

    def tlb(self) -> list[tuple[int, int, int]]:
        """(EntryHi with the global bit at bit 12, EntryLo0, EntryLo1) of each TLB entry."""
        s = self.core.s
        return [tuple(int(s[base + i]) for base in (M.TLB_HI, M.TLB_LO0, M.TLB_LO1)) for i in range(M.TLB_ENTRIES)]  # type: ignore[misc]

    @property
    def statistics(self) -> dict[str, int]:
        """Counts kept by the machine itself, recorded or not."""
        refills = {name.lower(): self._sum(getattr(M, name)) for name in ("UTLB_REFILLS", "NESTED_REFILLS")}
        return refills | super().statistics
