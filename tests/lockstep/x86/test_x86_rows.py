"""The rows of a recorded x86-64 program against what Unicorn's hooks saw of the same one."""

from __future__ import annotations

from typing import Any

import capstone
import numpy as np
import pytest
import unicorn
from unicorn import x86_const as xc

from replay.trace.schema import Arrival, Kind
from tracegen.elf import read_elf
from tracegen.machine import make

CPU = "x86_64-sse-sse2-mmx-x87+soft_float"
MEMORY, INSTRUCTIONS, LINE, PAGE = 8 << 20, 40_000, 64, 4096
ATOMIC = 1
LOADS = {1: Kind.LOAD1, 2: Kind.LOAD2, 4: Kind.LOAD4, 8: Kind.LOAD8}
STORES = {1: Kind.STORE1, 2: Kind.STORE2, 4: Kind.STORE4, 8: Kind.STORE8}
DECODER = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)

Row = tuple[Kind, int, int]
"""Kind, address, flags of an access."""


def recorded(image: bytes) -> tuple[list[Row], list[int]]:
    """The accesses of a recorded run, and for each fetch how many instructions had retired."""
    chunks: list[tuple[np.ndarray, np.ndarray]] = []
    machine = make("x86-64", image, MEMORY)
    machine.run(sink=lambda words, counts: chunks.append((words.copy(), counts.copy())), max_instructions=INSTRUCTIONS)
    words = np.concatenate([c[0] for c in chunks]).tolist()
    counts = np.concatenate([c[1] for c in chunks]).tolist()
    pages: dict[int, int] = {}
    rows, retired, payload, done = list[Row](), list[int](), list[int](), 0
    for word, count in zip(words, counts, strict=True):
        kind, info, page = word & 0xFF, word >> 16 & 0xFFFF, word >> 32
        done += count
        if kind == Kind.PAGE:
            pages[page] = payload[-2]
        payload = [*payload, page | info << 32][-3:]
        if kind <= Kind.STORE8:
            rows.append((Kind(kind), pages[page] * PAGE + (info & PAGE - 1), info >> 12))
            retired += [done] if kind == Kind.FETCH else []
    return rows, retired


class Watched:
    """Unicorn with hooks, and the rows that its events call for."""

    def __init__(self, image: bytes) -> None:
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.mem_map(0, MEMORY)
        entry, segments = read_elf(image, "x86-64")
        for segment in segments:
            self.uc.mem_write(segment.physical, segment.data)
        machine = make("x86-64", image, MEMORY)
        self.uc.reg_write(xc.UC_X86_REG_RSP, machine.registers[4])
        self.rows, self.retired, self.line, self.arrival = list[Row](), list[int](), -1, Arrival.TRAP
        self.end, self.instruction, self.count = entry, ("", "", -1), -1
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self.fetch)
        self.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self.access)
        self.uc.emu_start(entry, 0, 0, 3 * INSTRUCTIONS)

    def fetch(self, _: Any, pc: int, size: int, __: Any) -> None:
        """An instruction, or one more round of a repeated one."""
        if pc == self.instruction[2] and self.instruction[0].startswith("rep"):
            return
        self.count += 1
        if self.count and pc == self.end and self.instruction[0] != "jmp":
            if pc // LINE != self.line:
                self.row(pc, Arrival.SEQUENTIAL)
        else:
            self.row(pc, self.arrived() if self.count else Arrival.TRAP)
        if (pc + size - 1) // LINE != pc // LINE:
            self.row((pc + size - 1) // LINE * LINE, Arrival.SEQUENTIAL)
        self.line, self.end = (pc + size - 1) // LINE, pc + size
        found = next(DECODER.disasm_lite(bytes(self.uc.mem_read(pc, size)), pc))
        self.instruction = found[2], found[3], pc

    def arrived(self) -> Arrival:
        """How the last instruction sent control elsewhere."""
        name, operands, _ = self.instruction
        if name in ("call", "ret"):
            return Arrival.CALL if name == "call" else Arrival.RETURN
        return Arrival.JUMP if operands.startswith("0x") else Arrival.INDIRECT

    def row(self, address: int, arrival: Arrival) -> None:
        self.rows.append((Kind.FETCH, address, int(arrival)))
        self.retired.append(self.count)

    def access(self, _: Any, access: int, address: int, size: int, *__: Any) -> None:
        """A load or store; one that reaches into the next page has a row there, too."""
        kind = (STORES if access == unicorn.UC_MEM_WRITE else LOADS)[size]
        name, operands, _pc = self.instruction
        flags = ATOMIC if name.startswith("lock") or (name == "xchg" and "[" in operands) else 0
        self.rows.append((kind, address, flags))
        if (address + size - 1) // PAGE != address // PAGE:
            self.rows.append((kind, (address + size - 1) // PAGE * PAGE, flags))


@pytest.mark.parametrize("program", ["unaligned", "crossings_x86_64"])
def test_rows_are_the_accesses_of_the_program(compile_program, program) -> None:  # type: ignore[no-untyped-def]
    """Each fetch of a line, arrival, load and store stands in its place, and n counts the instructions before it."""
    image = compile_program(program, CPU)
    rows, retired = recorded(image)
    watched = Watched(image)
    assert len(rows) > INSTRUCTIONS // 6
    assert watched.rows[: len(rows)] == rows
    assert watched.retired[: len(retired)] == retired
