"""Hand-written x86-64 guests: a frame of tables and handlers around each test's own code."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from replay.trace.schema import Kind
from tracegen.machine import RunResult
from tracegen.x86_64.machine import X86Machine

FRAME = Path(__file__).parent / "system.S"
LINKER_SCRIPT = """SECTIONS {
  . = 0xffffffff80001000;
  .text : AT(0x1000) { *(.text*) *(.data*) *(.rodata*) *(.bss*) }
  /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }
}"""
FLAGS = (
    "-target x86_64-freestanding -mcpu=x86_64-sse-sse2-mmx-x87+soft_float -g0 -fno-pic -fno-pie -nostdlib -static "
    "-Wl,--no-gc-sections -Wl,-e,_start"
).split()
NOTES, NOTE_BYTES = 0x8000, 64
MEMORY = 4 << 20


class Note(NamedTuple):
    """What a handler was given."""

    vector: int
    error: int
    rip: int
    cs: int
    rflags: int
    rsp: int
    ss: int
    cr2: int


class Ran(NamedTuple):
    """A guest that ran."""

    machine: X86Machine
    result: RunResult
    rows: list[tuple[int, int, int, int, int]]  # kind, ctx, info, page, n

    @property
    def notes(self) -> list[Note]:
        """What handlers noted, in order."""
        count = int.from_bytes(self.machine.read(NOTES, 8), "little")
        places = range(NOTES + NOTE_BYTES, NOTES + NOTE_BYTES * (count + 1), NOTE_BYTES)
        return [Note(*struct.unpack("<8Q", self.machine.read(place, NOTE_BYTES))) for place in places]

    @property
    def vectors(self) -> list[tuple[int, int]]:
        """(vector, error code) of each note."""
        return [(note.vector, note.error) for note in self.notes]

    def word(self, physical: int) -> int:
        """Eight bytes of memory."""
        return int.from_bytes(self.machine.read(physical, 8), "little")

    def of(self, *kinds: Kind) -> list[tuple[int, int]]:
        """(info, page) of the rows of some kinds."""
        return [(info, page) for kind, _, info, page, _ in self.rows if kind in kinds]

    def sensitive(self, after: int = 0) -> list[tuple[int, int, int]]:
        """(schema.Sensitive, register, info) of the sensitive instructions executed, the first ``after`` left out."""
        sites: dict[int, tuple[int, int]] = {}
        found = []
        for at, (kind, _, info, page, _) in enumerate(self.rows):
            if kind == Kind.SITE:
                _, _, high, low, _ = self.rows[at - 1]
                sites[page] = info, (high << 32 | low) >> 16
            elif kind == Kind.SENSITIVE:
                found.append((*sites[page], info))
        return found[after:]


@pytest.fixture(scope="session")
def assemble_x86(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """A function (code at ``body``, code of ring 3 at ``user``, gates) -> ELF bytes, all inside ``system.S``."""
    folder = tmp_path_factory.mktemp("x86")
    (folder / "flat.ld").write_text(LINKER_SCRIPT)

    def build(body: str, user: str = "nop", gates: str = "") -> bytes:
        (folder / "body.S").write_text(f"{body}\n")
        (folder / "user.S").write_text(f"{user}\n")
        places = [f"-Wl,-T,{folder / 'flat.ld'}", f"-I{folder}", str(FRAME), "-o", str(folder / "guest")]
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, f"-DGATES={gates}", *places]
        subprocess.run(command, check=True, capture_output=True)
        return (folder / "guest").read_bytes()

    return build


@pytest.fixture(scope="session")
def x86(assemble_x86: Callable[..., bytes]) -> Callable[..., Ran]:
    """A function (body, user=..., gates=..., traced=..., limit=..., disk=..., vcpus=..., quantum=...) -> Ran."""

    def run(
        body: str,
        user: str = "nop",
        gates: str = "",
        *,
        traced: bool = False,
        limit: int = 100_000,
        disk: bytes = b"",
        steps: int = 0,
        **options: int,
    ) -> Ran:
        machine = X86Machine(assemble_x86(body, user, gates), memory_bytes=MEMORY, disk=disk, **options)
        rows: list[tuple[int, int, int, int, int]] = []

        def sink(words: np.ndarray, counts: np.ndarray) -> None:
            for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                rows.append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

        result = machine.run(sink if traced else None, max_instructions=steps or limit)
        while steps and result.reason != "exit" and result.instructions < limit:
            result = machine.run(sink if traced else None, max_instructions=steps)
        return Ran(machine, result, rows)

    return run


@pytest.fixture(scope="session")
def in_user(x86: Callable[..., Ran]) -> Callable[..., Ran]:
    """A function (code of ring 3, flags=..., ...) -> Ran: the first exception ends the run, as does a system call."""

    def run(user: str, flags: int = 0x2, **options: object) -> Ran:
        return x86(f"body: to_user {flags:#x}\n{END}", user, **options)

    return run


END = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
"""The first exception ends the run with status 1, a system call with 2."""
