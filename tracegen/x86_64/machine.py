"""An x86-64 machine: one CPU in long mode, its devices at ports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tracegen.abi_x86_64 import BOOT_TABLES, KERNEL_BASE, VECTOR_DISK, VECTOR_NET, Pte
from tracegen.cpu.block import Block
from tracegen.cpu.machine import PAGE, Machine
from tracegen.interpreter import load_loop
from tracegen.x86_64 import opening
from tracegen.x86_64 import state as S
from tracegen.x86_64.flags import EXPLICIT
from tracegen.x86_64.lower.block import lower_block
from tracegen.x86_64.places import FLAG_KIND, MXCSR, RDI, RSI, RSP
from tracegen.x86_64.state import Core, Views, new_core

KERNEL_CODE = 0x08
"""CS at the first instruction; there is no descriptor table yet that it could name."""
CR0_AT_BOOT = 1 << 31 | 1 << 4 | 1
"""Paging, the extension type that is always set, protection."""
CR4_AT_BOOT = 1 << 5
"""Physical addresses of more than 32 bits."""
EFER_AT_BOOT = 1 << 10 | 1 << 8
"""Long mode, enabled and active."""
MXCSR_AT_BOOT = 0x1F80
"""Rounding to nearest, every exception masked."""
LARGE_PAGE = 2 << 20
DIRECTORY = 512 * LARGE_PAGE
"""Memory that one table of large pages maps."""


class X86Machine(Machine):
    """See ``Machine``; nothing is left to chance, so the seed has no effect."""

    CPU: ClassVar[str] = "x86-64"
    WORD: ClassVar[str] = "<u8"
    MOST_MEMORY: ClassVar[int] = 2 * DIRECTORY - LARGE_PAGE  # the kernel has it at the end of all addresses
    KEPT_PAGES: ClassVar[int] = 1 + BOOT_TABLES
    ARGUMENTS: ClassVar[tuple[int, int]] = (RDI, RSI)

    def _new_core(self) -> tuple[Core, Views]:
        return new_core(self.memory_bytes, self.memory_bytes // PAGE, PAGE, self.vcpus)

    def _load_loop(self, traced: bool) -> Callable[[Any, Any], None]:
        return load_loop(self.CPU, traced)

    def _power_on(self) -> None:
        self.core.s[S.DISK_VECTOR], self.core.s[S.NET_VECTOR] = VECTOR_DISK, VECTOR_NET
        self._write_boot_tables(self._boot_tables_at())

    def _reset(self, seed: int) -> None:  # noqa: ARG002 - a MIPS has random replacement
        s, r = self.core.s, self.core.r
        tables = self._boot_tables_at()
        s[S.CR0], s[S.CR3], s[S.CR4], s[S.EFER] = CR0_AT_BOOT, tables, CR4_AT_BOOT, EFER_AT_BOOT
        s[S.SPACE] = S.UNANNOUNCED_SPACE + tables // PAGE
        s[S.SEGMENTS + 1] = KERNEL_CODE
        s[S.CONTEXT] = 1 << 11
        s[S.TIMER_AT] = S.NEVER
        r[FLAG_KIND], r[MXCSR], r[RSP] = EXPLICIT, MXCSR_AT_BOOT, tables

    def _more_tables(self) -> int:
        """Tables at the start beside those that map the first GB."""
        return (self.memory_bytes - 1) // DIRECTORY

    def _boot_tables_at(self) -> int:
        return self.memory_bytes - (self.KEPT_PAGES + self._more_tables()) * PAGE

    def _write_boot_tables(self, at: int) -> None:
        """Root, two tables that the root's first and last entry name, and those of 2 MB pages that both share."""
        tables = BOOT_TABLES + self._more_tables()
        words = self.core.ram8[at >> 3 : (at >> 3) + 512 * tables].reshape(tables, 512)
        flags = Pte.PRESENT | Pte.WRITABLE
        (root, low, high), pages = words[:3], words[3:]
        root[0], root[511] = at + PAGE | flags, at + 2 * PAGE | flags
        for number in range(len(pages)):
            low[number] = high[(KERNEL_BASE >> 30 & 511) + number] = at + (3 + number) * PAGE | flags
        pages[:] = np.arange(pages.size, dtype=np.uint64).reshape(pages.shape) * LARGE_PAGE + (flags | Pte.LARGE)

    # -- lowered code ----------------------------------------------------------------------------------------------

    def _block_at(self, physical: int, left: int) -> Block:
        next_page = int(self.core.s[S.LOWER_NEXT])
        following = self.read(next_page & ~(PAGE - 1), 16) if next_page else b""
        page, place = self._page(physical >> 12), physical & PAGE - 1
        block = lower_block(page, following, place, self._traced)
        return block if block.retired <= left else lower_block(page, following, place, self._traced, left)

    def _enter(self, physical: int, at: int) -> int:
        self.core.entries[physical] = at
        return physical >> 12

    def forget_page(self, frame: int) -> None:
        self.core.frames[4 * frame + S.FRAME_CODE_LINES] = 0
        self.core.entries[frame << 12 : (frame + 1) << 12] = 0

    # -- a trace that begins here ----------------------------------------------------------------------------------

    def tell_tables(self, core: Core, first: int) -> int:
        return int(opening.tell_tables(core, first))

    # -- looking inside --------------------------------------------------------------------------------------------

    @property
    def registers(self) -> list[int]:
        """General registers in hardware's numbering."""
        return [int(v) for v in self.core.r[:16]]

    def system(self, place: int) -> int:
        """A system register by its name in ``tracegen.x86_64.state``."""
        return int(self.core.s[place])
