"""What instructions do to the arithmetic flags and to the flow of control: what the block builder must know of them."""

from __future__ import annotations

from collections.abc import Sequence

from tracegen.x86_64.lower import floats
from tracegen.x86_64.lower.conditions import CODES
from tracegen.x86_64.lower.decode import Immediate, Instruction, Memory, Special
from tracegen.x86_64.lower.flow import STRING_NAMES
from tracegen.x86_64.ops.branch import COMPARE, TABLE, TEST

LOCKABLE = {*"add adc and btc btr bts cmpxchg dec inc neg not or sbb sub xor xadd xchg cmpxchg8b".split()}

SUBTRACT = {"sub", "cmp", "neg", "cmpxchg"}
LOGIC = {"and", "or", "xor", "test"}
RESULT = {"add", "inc", "dec", "adc", "sbb", "xadd", "bsf", "bsr", "tzcnt", "lzcnt", "imul", "mul"}
SHIFTS = {"shl", "sal", "shr", "sar"}
PARTIAL = {"inc", "dec", "bt", "bts", "btr", "btc", "clc", "stc", "cmc", "sahf", "cmpxchg8b"}
"""Set some flags and leave others."""
ROTATIONS = {"rol", "ror", "rcl", "rcr", "shld", "shrd"}
SETTERS = SUBTRACT | LOGIC | RESULT | SHIFTS | PARTIAL | ROTATIONS | floats.COMPARISONS
READERS = {"adc", "sbb", "rcl", "rcr", "cmc", "lahf", "loope", "loopne"}
READERS |= {f"{start}{condition}" for start in ("j", "set", "cmov") for condition in CODES}
TRAPPING = {"push", "pop", "call", "ret", "leave", "enter", "pushf", "pushfq", "popf", "popfq", "div", "idiv", "xlatb"}
"""May fault, or do what is not seen here, without an operand in memory."""

LEAVING = {"jmp", "call", "ret"}
"""Always go elsewhere."""
ADDRESS_ONLY = {"lea", "nop"}
"""Have an operand in memory that they do not touch."""
BRANCHES = {*COMPARE, *TEST, *TABLE}


def is_branch(op: str) -> bool:
    """Whether a micro-op may go elsewhere, and so counts the instruction that it ends."""
    return op in BRANCHES


def ends(name: str) -> bool:
    """Whether no block goes on behind an instruction; others may be cut there, too."""
    return name in LEAVING


def sets_all(instruction: Instruction) -> bool:
    """Whether an instruction leaves nothing of the flags before it."""
    name = instruction.name
    if name in SHIFTS:
        count = instruction.operands[1] if len(instruction.operands) > 1 else Immediate(1, 1)
        mask = 63 if instruction.operands[0].size == 8 else 31
        return isinstance(count, Immediate) and count.value & mask != 0
    return name in SUBTRACT | LOGIC | (RESULT - PARTIAL) | floats.COMPARISONS


def looks(instruction: Instruction) -> bool:
    """Whether an instruction needs the flags before it: it reads them, or may fault and have them saved."""
    name = instruction.name
    if name in READERS or name in TRAPPING or name in STRING_NAMES or name in LEAVING:
        return True
    if name not in SETTERS and not harmless(name):
        return True
    touching = (Special,) if name in ADDRESS_ONLY else (Special, Memory)
    return any(isinstance(o, touching) for o in instruction.operands)


HARMLESS = {
    *"mov movabs movzx movsx movsxd cbw cwde cdqe cwd cdq cqo lea xchg not nop pause endbr64".split(),
    *"mfence lfence sfence cld std push pop leave".split(),
}


def harmless(name: str) -> bool:
    """Whether an instruction has nothing to do with flags and cannot fault but in memory."""
    return name in HARMLESS


def flags_needed(instructions: Sequence[Instruction]) -> list[bool]:
    """For each instruction of a block, whether anyone may look at the flags behind it."""
    needed: list[bool] = []
    after = True
    for instruction in reversed(instructions):
        needed.append(after)
        after = looks(instruction) or (after and not sets_all(instruction))
    return needed[::-1]


def known_after(instruction: Instruction, flags: bool, known: str) -> str:
    """What is known of the flags behind an instruction: see ``Code.known``."""
    name = instruction.name
    if name not in SETTERS:
        return known if harmless(name) or name in READERS or floats.is_float(instruction) else ""
    if not flags:
        return ""
    if name in SUBTRACT:
        return "subtraction"
    if name in LOGIC:
        return "logic"
    if name in floats.COMPARISONS:
        return "order"
    return "result" if name in RESULT or (name in SHIFTS and sets_all(instruction)) else ""
