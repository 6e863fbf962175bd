"""A flat machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tracegen.cpu import state as S
from tracegen.cpu.block import Block
from tracegen.cpu.machine import PAGE, Machine
from tracegen.cpu.state import Core, Views, new_core
from tracegen.interpreter import load_loop
from tracegen.x86_64 import state as X
from tracegen.x86_64.lower.block import lower_block
from tracegen.x86_64.places import REGISTERS


class X86Machine(Machine):
    """See ``Machine``."""

    CPU: ClassVar[str] = "x86-64"
    WORD: ClassVar[str] = "<u8"
    MOST_MEMORY: ClassVar[int] = 1 << 30
    KEPT_PAGES: ClassVar[int] = 5
    ARGUMENTS: ClassVar[tuple[int, int]] = (7, 6)

    def _new_core(self) -> tuple[Core, Views]:
        return new_core(self.memory_bytes, REGISTERS, self.memory_bytes // PAGE, PAGE)

    def _load_loop(self, traced: bool) -> Callable[[Any, Any], None]:
        return load_loop("x86-64", traced)

    def _reset(self, seed: int) -> None:
        self.core.s[S.CONTEXT] = 1 << 11
        self.core.s[S.TIMER_AT] = S.NEVER
        self.core.r[28] = 3
        self.core.r[4] = self.memory_bytes - 5 * PAGE

    def _block_at(self, physical: int, left: int) -> Block:
        following = b""
        if self.core.s[X.LOWER_NEXT]:
            start = int(self.core.s[X.LOWER_NEXT]) & ~0xFFF
            following = self.read(start, 16)
        page, place = self._page(physical >> 12), physical & 0xFFF
        block = lower_block(page, following, place, self._traced)
        return block if block.retired <= left else lower_block(page, following, place, self._traced, left)

    def _enter(self, physical: int, at: int) -> int:
        self.core.entries[physical] = at
        return physical >> 12

    def _forget_page(self, frame: int) -> None:
        self.core.frames[4 * frame + S.FRAME_CODE_LINES] = 0
        self.core.entries[frame << 12 : (frame + 1) << 12] = 0

    @property
    def registers(self) -> list[int]:
        return [int(v) for v in self.core.r[:16]]
