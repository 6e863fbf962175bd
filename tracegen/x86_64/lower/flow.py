"""Jumps, calls, the stack and string instructions to micro-ops."""

from __future__ import annotations

from replay.trace.schema import Arrival
from tracegen.abi import PAGE_BYTES
from tracegen.x86_64.lower.code import BASES, LOG2, Code, Lowering, Place, UndefinedError, Value, halves
from tracegen.x86_64.lower.conditions import AFTER_LOGIC, AFTER_SUBTRACTION, CODES, emit_condition, test_of
from tracegen.x86_64.lower.decode import Immediate, Instruction, Memory, Register
from tracegen.x86_64.microops import ARRIVAL_SHIFT, NARROW_SHIFT, STYLE_SHIFT
from tracegen.x86_64.ops.branch import FAR, NEAR, REGISTER
from tracegen.x86_64.places import PAGE, RBP, RCX, RSP, SINK, ZERO

DIRECTIONS = {f"j{name}": name for name in CODES}
"""Conditional jumps -> their conditions."""


def to_place(target: int, arrival: int) -> int:
    """The fields of a branch to a byte of this page, or of another one."""
    style = NEAR if 0 <= target < PAGE_BYTES else FAR
    return style << STYLE_SHIFT | arrival << ARRIVAL_SHIFT


def target_of(instruction: Instruction) -> int:
    """Where a direct branch goes, in bytes from the page's start."""
    (target,) = instruction.operands
    if not isinstance(target, Immediate):
        raise UndefinedError
    return target.value


def branch(code: Code, op: str, target: int, a: int = ZERO, b: int = ZERO, high: int = 0) -> None:
    """A direct jump taken where ``op`` says."""
    code.emit(op, SINK, a, b, halves(high, target), to_place(target, Arrival.JUMP))


def jump_if(code: Code) -> None:
    """jcc."""
    condition, target = DIRECTIONS[code.instruction.name], target_of(code.instruction)
    test = test_of(condition, code.known)
    if test:
        branch(code, f"J{test.name}", target, test.place, test.place + 1)
    else:
        branch(code, "J_ANY", target, high=CODES[condition])


def fused(first: Instruction, second: Instruction) -> str:
    """The micro-op that a comparison and the jump behind it are together, or nothing."""
    condition = DIRECTIONS.get(second.name, "")
    if first.name == "cmp" and condition in AFTER_SUBTRACTION:
        return f"CMP_J{AFTER_SUBTRACTION[condition]}"
    return f"TEST_J{AFTER_LOGIC[condition]}" if first.name == "test" and condition in AFTER_LOGIC else ""


def compare_and_jump(code: Code, jump: Instruction) -> None:
    """cmp or test, with the conditional jump that follows."""
    first, second = code.instruction.operands
    a, value = code.read(first), code.read(second)
    fields = 64 - 8 * first.size << NARROW_SHIFT
    target = target_of(jump)
    imm = halves(value.number, target)
    op = fused(code.instruction, jump)
    code.emit(op, SINK, a.register, value.register, imm, fields | to_place(target, Arrival.JUMP))


def indirect(code: Code, register: int, arrival: Arrival) -> None:
    code.emit("JUMP", register, fields=REGISTER << STYLE_SHIFT | arrival << ARRIVAL_SHIFT)


def jump(code: Code) -> None:
    """jmp."""
    (target,) = code.instruction.operands
    if isinstance(target, Immediate):
        branch(code, "JUMP", target.value)
    else:
        indirect(code, code.read(target).register, Arrival.INDIRECT)


def push_value(code: Code, value: Value) -> None:
    code.store(Place(RSP, ZERO, 0, -8), 8, value, "PUSH")


def call(code: Code) -> None:
    """call: the target is read before the return address is pushed."""
    (target,) = code.instruction.operands
    back = Value(PAGE, code.instruction.end)
    if isinstance(target, Immediate):
        push_value(code, back)
        code.emit("JUMP", SINK, imm=halves(0, target.value), fields=to_place(target.value, Arrival.CALL))
        return
    register = code.read(target).register
    register = code.copy(Value(RSP)) if register == RSP else register
    push_value(code, back)
    indirect(code, register, Arrival.CALL)


def give_back(code: Code) -> None:
    """ret."""
    register = code.load(Place(RSP, ZERO, 0, 0), 8, op="POP")
    for released in code.instruction.operands:
        if isinstance(released, Immediate) and released.value & 0xFFFF:
            code.emit("ADD", RSP, RSP, ZERO, released.value & 0xFFFF)
    indirect(code, register, Arrival.RETURN)


def if_counter_is_zero(code: Code) -> None:
    """jrcxz jecxz."""
    counter = RCX if code.instruction.name == "jrcxz" else code.emit("ADD32", code.temporary(), RCX)
    branch(code, "JE", target_of(code.instruction), counter, ZERO)


def loop(code: Code) -> None:
    """loop loope loopne: the flags stay as they are."""
    name = code.instruction.name
    code.emit("SUB", RCX, RCX, ZERO, 1)
    if name == "loop":
        branch(code, "JNE", target_of(code.instruction), RCX, ZERO)
        return
    holds = code.copy(Value(ZERO))
    emit_condition(code, "SET", name[4:], code.known, holds, ZERO, 0)
    pair = code.copy(Value(RCX)), code.copy(Value(ZERO))
    code.emit("CMOVE", holds, ZERO, pair[0], -1)
    branch(code, "JNE", target_of(code.instruction), holds, ZERO)


# -- the stack --------------------------------------------------------------------------------------------------------


def push(code: Code) -> None:
    """push."""
    (source,) = code.instruction.operands
    value = code.read(source)
    if code.instruction.short:
        code.store(Place(RSP, ZERO, 0, -2), 2, value)
        code.emit("SUB", RSP, RSP, ZERO, 2)
    else:
        push_value(code, value)


def pop(code: Code) -> None:
    """pop: memory is addressed with the new stack pointer, which nobody sees if the store fails."""
    (target,) = code.instruction.operands
    size = 2 if code.instruction.short else 8
    if isinstance(target, Register) and size == 8:
        code.load(Place(RSP, ZERO, 0, 0), 8, target.number, "POP")
        return
    value = Value(code.load(Place(RSP, ZERO, 0, 0), size))
    if isinstance(target, Memory):
        at = code.place(target)
        if target.base == RSP:
            at = at._replace(displacement=at.displacement + size) if at.base == RSP else moved(code, at, size)
        code.store(at, size, value)
        code.emit("ADD", RSP, RSP, ZERO, size)
    elif isinstance(target, Register):
        code.emit("ADD", RSP, RSP, ZERO, size)
        code.write(target._replace(size=size), value)
    else:
        raise UndefinedError


def moved(code: Code, at: Place, by: int) -> Place:
    """A place whose address was computed already, some bytes on."""
    return Place(code.emit("ADD", code.temporary(), at.base, ZERO, by), at.indexed, at.scale, at.displacement)


def leave(code: Code) -> None:
    """leave."""
    frame = code.load(Place(RBP, ZERO, 0, 0), 8)
    code.emit("ADD", RSP, RBP, ZERO, 8)
    code.emit("ADD", RBP, frame)


def enter(code: Code) -> None:
    """enter without nesting."""
    size, level = code.instruction.operands
    if not isinstance(size, Immediate) or not isinstance(level, Immediate) or level.value & 31:
        raise UndefinedError
    push_value(code, Value(RBP))
    code.emit("ADD", RBP, RSP)
    code.emit("SUB", RSP, RSP, ZERO, size.value & 0xFFFF)


def push_flags(code: Code) -> None:
    """pushf pushfq: the stack is asked first, so that a fault leaves no trace of the instruction."""
    size = 2 if code.instruction.short else 8
    code.emit("PROBE", size, RSP, imm=-size)
    value = code.emit("READ_FLAGS", code.temporary())
    code.store(Place(RSP, ZERO, 0, -size), size, Value(value))
    code.emit("SUB", RSP, RSP, ZERO, size)


def pop_flags(code: Code) -> None:
    """popf popfq."""
    size = 2 if code.instruction.short else 8
    value = code.load(Place(RSP, ZERO, 0, 0), size)
    code.emit("ADD", RSP, RSP, ZERO, size)
    code.emit("POP_FLAGS", SINK, value, imm=size)


# -- strings ----------------------------------------------------------------------------------------------------------

REPEATS = {0: 0, 0xF3: 1, 0xF2: 1}
COMPARING = {0: 0, 0xF3: 2, 0xF2: 3}


def string(op: str, repeats: dict[int, int]) -> Lowering:
    """movs stos lods cmps scas."""

    def lower(code: Code) -> None:
        memory = [o for o in code.instruction.operands if isinstance(o, Memory)]
        if any(m.short for m in memory):
            raise UndefinedError  # a counter and addresses of 32 bits: left out
        base = next((BASES[m.segment] for m in memory if m.segment in BASES), ZERO)
        code.emit(op, SINK, ZERO, base, LOG2[memory[0].size] | repeats[code.instruction.repeat] << 8)

    return lower


SIZES = "bwdq"
STRINGS = {"MOVS": REPEATS, "STOS": REPEATS, "LODS": REPEATS, "CMPS": COMPARING, "SCAS": COMPARING}
STRING_NAMES = {op.lower() + size: op for op in STRINGS for size in SIZES}

TABLE: dict[str, Lowering] = {
    **dict.fromkeys(DIRECTIONS, jump_if),
    "jmp": jump, "call": call, "ret": give_back,
    "jrcxz": if_counter_is_zero, "jecxz": if_counter_is_zero,
    "loop": loop, "loope": loop, "loopne": loop,
    "push": push, "pop": pop, "leave": leave, "enter": enter,
    "pushf": push_flags, "pushfq": push_flags, "popf": pop_flags, "popfq": pop_flags,
    **{name: string(op, STRINGS[op]) for name, op in STRING_NAMES.items()},
}  # fmt: skip
