"""Integer instructions to micro-ops: moves, arithmetic, shifts, bits."""

from __future__ import annotations

from tracegen.x86_64.lower.code import ALL, Code, Lowering, Place, UndefinedError, Value, change, extend_register
from tracegen.x86_64.lower.conditions import emit_condition
from tracegen.x86_64.lower.decode import Memory, Register
from tracegen.x86_64.places import RAX, RBX, RCX, RDX, SINK, ZERO

# -- arithmetic -------------------------------------------------------------------------------------------------------


def arithmetic(op: str) -> Lowering:
    """add sub and or xor: destination and source."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        value = code.read(source)
        change(code, target, lambda c, a, d: c.compute(op, d, a, value, target.size))

    return lower


def with_carry(op: str) -> Lowering:
    """adc sbb."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        value = code.read(source)
        change(code, target, lambda c, a, d: c.compute_flags(op, d, a, value, target.size))

    return lower


def comparison(op: str) -> Lowering:
    """cmp test: only flags."""

    def lower(code: Code) -> None:
        first, second = code.instruction.operands
        a, value = code.read(first), code.read(second)
        if code.flags:
            code.compute_flags(op, SINK, a.register, value, first.size)

    return lower


def step(op: str, plain: str) -> Lowering:
    """inc dec: flags but for CF."""

    def lower(code: Code) -> None:
        (target,) = code.instruction.operands
        if code.flags:
            change(code, target, lambda c, a, d: c.compute_flags(op, d, a, Value(ZERO), target.size))
        else:
            change(code, target, lambda c, a, d: c.compute(plain, d, a, Value(ZERO, 1), target.size))

    return lower


def negate(code: Code) -> None:
    """neg."""
    (target,) = code.instruction.operands
    change(code, target, lambda c, a, d: c.compute("SUB", d, ZERO, Value(a), target.size))


def invert(code: Code) -> None:
    """not."""
    (target,) = code.instruction.operands
    change(code, target, lambda c, a, d: c.emit("XOR32" if target.size == 4 else "XOR", d, a, ZERO, -1))


def multiply_signed(code: Code) -> None:
    """imul of one, two or three operands."""
    operands = code.instruction.operands
    if len(operands) == 1:
        multiply_wide(code)
        return
    target = operands[0]
    if not isinstance(target, Register):
        raise UndefinedError
    first = code.read(operands[-2]) if len(operands) == 3 else code.read(target)
    value = code.read(operands[-1])
    code.put(target, code.compute("IMUL", code.target(target), first.register, value, target.size))


def multiply_wide(code: Code) -> None:
    """mul, and imul of one operand: the product in rDX:rAX, or AX."""
    (source,) = code.instruction.operands
    signed = code.instruction.name == "imul"
    register = code.read(source).register
    if source.size == 8 or (source.size == 4 and not signed):
        code.emit(("IMUL" if signed else "MUL") + str(8 * source.size), RAX, RAX, register)
    else:
        code.emit("MULTIPLY", SINK, register, imm=source.size | signed << 8)


def divide(op: str) -> Lowering:
    """div idiv."""

    def lower(code: Code) -> None:
        (source,) = code.instruction.operands
        code.emit(op, SINK, code.read(source).register, imm=source.size)

    return lower


# -- moves ------------------------------------------------------------------------------------------------------------


def move(code: Code) -> None:
    """mov movabs, between registers and memory."""
    target, source = code.instruction.operands
    if isinstance(source, Memory) and isinstance(target, Register) and target.size >= 4:
        code.load(code.place(source), source.size, target.number)
    else:
        code.write_to(target, code.read(source))


def extend(signed: bool) -> Lowering:
    """movzx movsx movsxd."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if not isinstance(target, Register):
            raise UndefinedError
        d = code.target(target)
        if isinstance(source, Memory):
            cut = signed and target.size == 4 and source.size < 4
            load = "LD{}S" if signed and source.size < target.size else "LD{}"
            code.load(code.place(source), source.size, code.temporary() if cut else d, load)
            if cut:
                code.write(target, Value(code.ops[-1].d))
                return
        elif signed:
            extend_register(code, d, code.read(source).register, source.size, target.size)
        else:
            code.emit("AND", d, code.read(source).register, ZERO, (1 << 8 * source.size) - 1)
        code.put(target, d)

    return lower


def widen(size: int) -> Lowering:
    """cbw cwde cdqe: rAX from its lower half, of ``size`` bytes."""

    def lower(code: Code) -> None:
        target = Register(RAX, 2 * size)
        d = code.target(target)
        extend_register(code, d, RAX, size, 2 * size)
        code.put(target, d)

    return lower


def spread_sign(size: int) -> Lowering:
    """cwd cdq cqo: rDX from the sign of rAX."""

    def lower(code: Code) -> None:
        register = RAX if size == 8 else code.emit(f"SEXT{8 * size}", code.temporary(), RAX)
        code.write(Register(RDX, size), Value(code.emit("SAR", code.temporary(), register, ZERO, 63)))

    return lower


def load_address(code: Code) -> None:
    """lea."""
    target, source = code.instruction.operands
    if not isinstance(source, Memory) or not isinstance(target, Register):
        raise UndefinedError
    at = code.place(source, plain=True)
    d = code.target(target)
    narrow = "32" if target.size == 4 else ""
    if at.indexed == ZERO:
        code.emit(f"ADD{narrow}", d, at.base, ZERO, at.displacement)
    else:
        code.address_to(d, at, f"LEA{narrow}")
    code.put(target, d)


def exchange(code: Code) -> None:
    """xchg: with memory it is locked in any case."""
    first, second = code.instruction.operands
    if isinstance(second, Memory):
        first, second = second, first
    if not isinstance(second, Register):
        raise UndefinedError
    if isinstance(first, Memory):
        code.instruction = code.instruction._replace(locked=True)
        at = code.place(first)
        old = code.load_to_change(at, first.size)
        code.store_changed(at, first.size, code.read(second).register)
        code.write(second, Value(old))
    elif isinstance(first, Register):
        old = code.copy(code.read(first))
        code.write(first, code.read(second))
        code.write(second, Value(old))
    else:
        raise UndefinedError


def exchange_add(code: Code) -> None:
    """xadd."""
    target, source = code.instruction.operands
    if not isinstance(source, Register):
        raise UndefinedError
    value = code.read(source)
    if isinstance(target, Memory):
        at = code.place(target)
        old = code.load_to_change(at, target.size)
        total = code.compute("ADD", code.temporary(), old, value, target.size)
        code.store_changed(at, target.size, total)
        code.write(source, Value(old))
        return
    if not isinstance(target, Register):
        raise UndefinedError
    old = code.copy(code.read(target))
    total = code.compute("ADD", code.temporary(), old, value, target.size)
    code.write(source, Value(old))
    code.write(target, Value(total))


def compare_exchange(code: Code) -> None:
    """cmpxchg: memory is stored to in any case; rAX is written where the comparison fails."""
    target, source = code.instruction.operands
    value = code.read(source)
    size, at = target.size, Place(ZERO, ZERO, 0, 0)
    if isinstance(target, Memory):
        at = code.place(target)
        old = code.load_to_change(at, size)
    else:
        old = code.copy(code.read(target))
    code.compute_flags("SUB", SINK, RAX, Value(old), size)
    chosen = code.copy(Value(old))
    emit_move_if(code, "e", chosen, value.register, "subtraction")
    code_rax = code.copy(Value(RAX))
    emit_move_if(code, "ne", code_rax, merged(code, old, size), "subtraction")
    if isinstance(target, Memory):
        code.store_changed(at, size, chosen)
    else:
        code.write_to(target, Value(chosen))
    if not (isinstance(target, Register) and target.number == RAX):
        code.emit("ADD", RAX, code_rax)


def compare_exchange_pair(code: Code) -> None:
    """cmpxchg8b: of EDX:EAX and ECX:EBX; of the flags only ZF changes."""
    (target,) = code.instruction.operands
    if not isinstance(target, Memory):
        raise UndefinedError
    at = code.place(target)
    old = code.load_to_change(at, 8)
    # A condition compares a register with the one after it, here a zero.
    difference, _zero, chosen = (code.copy(Value(ZERO)) for _ in range(3))
    join(code, difference, RDX, RAX)
    code.emit("XOR", difference, difference, old)
    join(code, chosen, RCX, RBX)
    code.emit("CMOVNE", chosen, old, difference, ALL)
    code.store_changed(at, 8, chosen)
    code.emit("ZERO_FLAG", SINK, difference)
    for register, shift in ((RAX, 0), (RDX, 32)):
        code.emit("SHR", chosen, old, ZERO, shift)
        code.emit("ADD32", chosen, chosen)
        code.emit("CMOVNE", register, chosen, difference, ALL)


def join(code: Code, d: int, high: int, low: int) -> None:
    """d = the low halves of two registers."""
    half = code.copy(Value(low), 4)
    code.emit("SHL", d, high, ZERO, 32)
    code.emit("OR", d, d, half)


def merged(code: Code, register: int, size: int) -> int:
    """A temporary that holds rAX with its low ``size`` bytes replaced."""
    result = code.copy(Value(RAX))
    code.write(Register(result, size), Value(register))
    return result


def emit_move_if(code: Code, condition: str, d: int, source: int, known: str) -> None:
    """d = source where a condition holds, of all 64 bits."""
    emit_condition(code, "CMOV", condition, known, d, source, ALL)


# -- single flags -----------------------------------------------------------------------------------------------------


def single(op: str, imm: int = 0) -> Lowering:
    """An instruction that is one micro-op without operands."""

    def lower(code: Code) -> None:
        code.emit(op, imm=imm)

    return lower


def translate_byte(code: Code) -> None:
    """xlatb."""
    index = code.emit("AND", code.temporary(), RAX, ZERO, 0xFF)
    code.write(Register(RAX, 1), Value(code.load(Place(RBX, index, 0, 0), 1)))


def nothing(_: Code) -> None:
    """nop and hints."""


TABLE: dict[str, Lowering] = {
    **{name: arithmetic(name.upper()) for name in ("add", "sub", "and", "or", "xor")},
    "adc": with_carry("ADC"), "sbb": with_carry("SBB"), "cmp": comparison("SUB"), "test": comparison("AND"),
    "inc": step("INC", "ADD"), "dec": step("DEC", "SUB"), "neg": negate, "not": invert,
    "imul": multiply_signed, "mul": multiply_wide, "div": divide("DIVIDE"), "idiv": divide("DIVIDE_SIGNED"),
    "mov": move, "movabs": move, "movzx": extend(signed=False), "movsx": extend(signed=True),
    "movsxd": extend(signed=True), "cbw": widen(1), "cwde": widen(2), "cdqe": widen(4),
    "cwd": spread_sign(2), "cdq": spread_sign(4), "cqo": spread_sign(8), "lea": load_address,
    "xchg": exchange, "xadd": exchange_add, "cmpxchg": compare_exchange, "cmpxchg8b": compare_exchange_pair,
    "clc": single("CARRY", 0), "stc": single("CARRY", 1), "cmc": single("CARRY", 2),
    "cld": single("DIRECTION", 0), "std": single("DIRECTION", 1), "lahf": single("LAHF"), "sahf": single("SAHF"),
    "xlatb": translate_byte,
    **dict.fromkeys(("pause", "endbr64", "endbr32", "mfence", "lfence", "sfence", "clflush"), nothing),
    **dict.fromkeys(("prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchw", "prefetch"), nothing),
}  # fmt: skip
