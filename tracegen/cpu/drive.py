"""The disk's content, and the way between it and memory: compiled code has the rest, see ``tracegen.cpu.disk``."""

from __future__ import annotations

from typing import Any

import numpy as np

from replay.errors import UserError
from tracegen import abi
from tracegen import disk as drive
from tracegen.cpu import state as S

WORDS = abi.PAGE_BYTES // 8
"""Of a block."""


class Drive:
    """The disk of ``machine``, which holds ``content`` at first, known as ``image`` (0: of no image that others have).

    Raises UserError for a size that no disk has.
    """

    def __init__(self, machine: Any, content: bytes | bytearray, image: int) -> None:
        if len(content) % abi.PAGE_BYTES or len(content) > drive.BLOCKS * abi.PAGE_BYTES:
            most = drive.BLOCKS * abi.PAGE_BYTES
            raise UserError(f"a disk of {len(content)} bytes: give a multiple of {abi.PAGE_BYTES}, at most {most}")
        self.machine = machine
        self.words = np.frombuffer(content, machine.WORD).astype(np.uint64)
        s, blocks = machine.core.s, len(content) // abi.PAGE_BYTES
        s[S.DISK_BLOCKS], s[S.DISK_END], s[S.DISK_IMAGE] = blocks, S.NEVER, image
        machine.core.ram8[machine.memory_bytes + abi.DISK_BLOCKS >> 3] = blocks

    def image(self) -> bytes:
        """What the disk holds now."""
        return self.words.astype(self.machine.WORD).tobytes()

    def put(self, content: bytes) -> None:
        """Let the disk hold something else of its size."""
        self.words[:] = np.frombuffer(content, self.machine.WORD)

    def transfer(self) -> None:
        """Move the block of the finished request by DMA, if it did not fail."""
        s, ram = self.machine.core.s, self.machine.core.ram8
        if ram[self.machine.memory_bytes + abi.DISK_STATUS >> 3] != abi.Disk.DONE:
            return
        frame, block = int(s[S.REQUEST_FRAME]) * WORDS, int(s[S.REQUEST_BLOCK]) * WORDS
        if s[S.REQUEST_COMMAND] == abi.Disk.READ:
            ram[frame : frame + WORDS] = self.words[block : block + WORDS]
            self.machine.forget_page(frame // WORDS)
        else:
            self.words[block : block + WORDS] = ram[frame : frame + WORDS]
