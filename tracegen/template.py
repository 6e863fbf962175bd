"""The refill template: what one run of the guest's TLB refill handler costs, read from its code.

The recorded refills belong to the recording machine's TLB.  A model with another TLB charges this template instead,
once for each of its own misses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from replay.errors import UserError
from replay.trace.schema import Sensitive
from tracegen import abi
from tracegen.build import Image
from tracegen.elf import read_elf

if TYPE_CHECKING:
    from capstone import CsInsn

LINE_BYTES = 64
INSTRUCTION_BYTES = 4
LONGEST = 64
"""No fast path is longer, in instructions."""

CLASSES = {"dmfc0": "MFC0", "dmtc0": "MTC0"} | {s.name.lower(): s.name for s in list(Sensitive)[: Sensitive.CACHE + 1]}
"""Mnemonic -> name of the sensitive class."""

LOADS = {"ld", "lw", "lwu", "lh", "lhu", "lb", "lbu"}
LEAVES = {"j", "jal", "jr", "jalr", "b", "bal", "syscall", "break"}


def refill_template(image: Image) -> dict[str, Any]:
    """The ``refill`` metadata of traces made with ``image``.

    ``full`` is a run of the handler whose loads hit; ``aborted`` is what retires before its first load misses in the
    window; ``nested`` is the handler of that miss, from the general vector to its ``eret``.
    """
    at = {s.name: s.address for s in image.symbols}
    refill, nested = at["utlb_refill"], at["general_vector"]
    path = _path(image, refill)
    first_load = next(i for i, instruction in enumerate(path) if instruction.mnemonic in LOADS)
    return {
        "window": abi.WINDOW,
        "entry_bytes": abi.PTE_BYTES,
        "pc": refill,
        "nested_pc": nested,
        "full": _handler(path, len(path)),
        "aborted": _handler(path, first_load),
        "nested": _handler(nested_path := _path(image, nested), len(nested_path)),
    }


def _path(image: Image, start: int) -> list[CsInsn]:
    """The fast path from ``start`` to its ``eret``: every conditional branch on it falls through."""
    import capstone

    decoder = capstone.Cs(capstone.CS_ARCH_MIPS, capstone.CS_MODE_MIPS64 | capstone.CS_MODE_BIG_ENDIAN)
    code = _loaded(image, start, LONGEST * INSTRUCTION_BYTES)
    path: list[CsInsn] = []
    for instruction in decoder.disasm(code, start):
        path.append(instruction)
        if instruction.mnemonic == "eret":
            return path
        if instruction.mnemonic in LEAVES:
            break
    raise UserError(
        f"the guest's refill handler at {start:#x} has no straight path to eret, so no model can run it again;"
        " correct vectors.S in the guest's arch/mips64/kernel"
    )


def _handler(path: list[CsInsn], retired: int) -> dict[str, Any]:
    """Counts over the first ``retired`` instructions; the lines include that of the next one, which was fetched too."""
    sensitive: dict[str, int] = {}
    for instruction in path[:retired]:
        name = CLASSES.get(instruction.mnemonic)
        if name:
            sensitive[name] = sensitive.get(name, 0) + 1
    lines = {instruction.address // LINE_BYTES for instruction in path[: retired + 1]}
    return {"instructions": retired, "lines": len(lines), "sensitive": sensitive}


def _loaded(image: Image, address: int, size: int) -> bytes:
    """``size`` bytes (fewer at the segment's end) of what ``image`` puts at an address in kseg0."""
    for segment in read_elf(image.data).segments:
        at = address - abi.KSEG0 - segment.physical
        if 0 <= at < len(segment.data):
            return segment.data[at : at + size]
    raise ValueError(f"nothing is loaded at {address:#x}")
