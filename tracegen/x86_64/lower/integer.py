"""Integer instructions to micro-ops: moves, arithmetic, shifts, bits."""

from __future__ import annotations

from collections.abc import Callable

from tracegen.x86_64.lower.code import Code, Place, Undefined, Value
from tracegen.x86_64.lower.conditions import CODES, emit_condition
from tracegen.x86_64.lower.decode import Immediate, Memory, Operand, Register, Special
from tracegen.x86_64.ops.rare import TABLE as RARE
from tracegen.x86_64.places import RAX, RBX, RCX, RDX, SINK, ZERO

Lowering = Callable[[Code], None]
Change = Callable[[Code, int, int], int]
"""(code, register a, place of the result) -> register of the result."""

ALL = (1 << 64) - 1


def size_of(operand: Operand) -> int:
    """Bytes of an operand."""
    return operand.size


def change(code: Code, operand: Operand, how: Change) -> None:
    """Replace an operand by what ``how`` computes from it."""
    if isinstance(operand, Memory):
        at = code.place(operand)
        old = code.load_to_change(at, operand.size)
        code.store_changed(at, operand.size, how(code, old, code.temporary()))
        return
    if not isinstance(operand, Register) or code.instruction.locked:
        raise Undefined
    code.put(operand, how(code, code.read(operand).register, code.target(operand)))


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
        raise Undefined
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
            raise Undefined
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


def extend_register(code: Code, d: int, register: int, size: int, target_size: int) -> None:
    """d = a register sign-extended from ``size`` bytes."""
    if size >= target_size:
        code.emit("ADD" if target_size == 8 else "ADD32", d, register)
    else:
        code.emit(f"SEXT{8 * size}" + ("_32" if target_size == 4 else ""), d, register)


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
        raise Undefined
    at = code.place(source, plain=True)
    d = code.target(target)
    narrow = "32" if target.size == 4 else ""
    if at.index == ZERO:
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
        raise Undefined
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
        raise Undefined


def exchange_add(code: Code) -> None:
    """xadd."""
    target, source = code.instruction.operands
    if not isinstance(source, Register):
        raise Undefined
    value = code.read(source)
    if isinstance(target, Memory):
        at = code.place(target)
        old = code.load_to_change(at, target.size)
        total = code.compute("ADD", code.temporary(), old, value, target.size)
        code.store_changed(at, target.size, total)
        code.write(source, Value(old))
        return
    if not isinstance(target, Register):
        raise Undefined
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


def merged(code: Code, register: int, size: int) -> int:
    """A temporary that holds rAX with its low ``size`` bytes replaced."""
    result = code.copy(Value(RAX))
    code.write(Register(result, size), Value(register))
    return result


def emit_move_if(code: Code, condition: str, d: int, source: int, known: str) -> None:
    """d = source where a condition holds, of all 64 bits."""
    emit_condition(code, "CMOV", condition, known, d, source, ALL)


# -- shifts and rotations ---------------------------------------------------------------------------------------------


def count_of(code: Code) -> Value:
    """The count of a shift."""
    source = code.instruction.operands[1] if len(code.instruction.operands) > 1 else Immediate(1, 1)
    return Value(ZERO, source.value & 63) if isinstance(source, Immediate) else Value(RCX)


def shift(op: str) -> Lowering:
    """shl shr sar."""

    def lower(code: Code) -> None:
        count, size = count_of(code), code.instruction.operands[0].size
        change(code, code.instruction.operands[0], lambda c, a, d: c.compute(op, d, a, count, size))

    return lower


def rotation(op: str) -> Lowering:
    """rol ror rcl rcr."""

    def lower(code: Code) -> None:
        count, target = count_of(code), code.instruction.operands[0]
        size = target.size
        if not code.flags and size >= 4 and op in ("ROL", "ROR"):
            change(code, target, lambda c, a, d: c.compute(op, d, a, count, size))
            return
        name = op if op in RARE else f"{op}_F"
        imm = 64 - 8 * size << 32 | count.number
        change(code, target, lambda c, a, d: c.emit(name, d, a, count.register, imm))

    return lower


def shift_double(op: str) -> Lowering:
    """shld shrd."""

    def lower(code: Code) -> None:
        target, source, count = code.instruction.operands
        size, filler = target.size, code.read(source).register
        imm = 64 - 8 * size << 32 | (count.value & 63 if isinstance(count, Immediate) else 1 << 8)
        change(code, target, lambda c, a, d: c.emit(op, d, a, filler, imm))

    return lower


# -- bits -------------------------------------------------------------------------------------------------------------


def scan(op: str) -> Lowering:
    """bsf bsr, and tzcnt lzcnt, which without their feature are the same."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if not isinstance(target, Register):
            raise Undefined
        register = code.read(source).register
        d = target.number if target.size >= 4 else code.copy(Value(target.number))
        code.emit(op, d, register, imm=64 - 8 * source.size)
        code.put(target, d)

    return lower


def swap_bytes(code: Code) -> None:
    """bswap."""
    (target,) = code.instruction.operands
    if not isinstance(target, Register) or target.size < 4:
        raise Undefined
    code.emit("BSWAP" if target.size == 8 else "BSWAP32", target.number, target.number)


def bit_place(code: Code, target: Memory, index: Register) -> Place:
    """Where the bit of a bit string lies that a register numbers."""
    log = {2: 1, 4: 2, 8: 3}[target.size]
    far = code.copy(Value(index.number))
    extend_register(code, far, index.number, index.size, 8)
    code.emit("SAR", far, far, ZERO, log + 3)
    code.emit("SHL", far, far, ZERO, log)
    at = code.place(target)
    first = at.base if (at.index, at.displacement) == (ZERO, 0) else code.address(at)
    return Place(first, far, 0, 0)


def bit(how: str) -> Lowering:
    """bt bts btr btc: ``how`` is OR, AND or XOR, or nothing."""

    def lower(code: Code) -> None:
        target, index = code.instruction.operands
        if isinstance(target, Memory):
            is_far = isinstance(index, Register)
            at = bit_place(code, target, index) if is_far else code.place(target)  # type: ignore[arg-type]
            old = code.load_to_change(at, target.size) if how else code.load(at, target.size)
        elif code.instruction.locked:
            raise Undefined
        else:
            old = code.read(target).register
        number = code.read(index)
        if code.flags:
            code.compute_flags("BT", SINK, old, number, target.size)
        if not how:
            return
        result = change_bit(code, how, old, number, target.size)
        if isinstance(target, Memory):
            code.store_changed(at, target.size, result)
        else:
            code.write_to(target, Value(result))

    return lower


def change_bit(code: Code, how: str, old: int, number: Value, size: int) -> int:
    """A temporary that holds ``old`` with one bit set, cleared or flipped."""
    last = 8 * size - 1
    if number.register == ZERO:
        mask = 1 << (number.number & last)
        return code.emit(how, code.temporary(), old, ZERO, ~mask if how == "AND" else mask)
    place = code.emit("AND", code.temporary(), number.register, ZERO, last)
    one = code.copy(Value(ZERO, 1))
    mask_register = code.emit("SHL", one, one, place)
    if how == "AND":
        code.emit("XOR", one, one, ZERO, -1)
    return code.emit(how, place, old, mask_register)


# -- conditions -------------------------------------------------------------------------------------------------------


def set_if(condition: str) -> Lowering:
    """setcc."""

    def lower(code: Code) -> None:
        (target,) = code.instruction.operands
        if isinstance(target, Register) and not target.high:
            emit_condition(code, "SET", condition, code.known, target.number, ZERO, 0)
            return
        value = code.copy(Value(ZERO))
        emit_condition(code, "SET", condition, code.known, value, ZERO, 0)
        code.write_to(target, Value(value))

    return lower


def move_if(condition: str) -> Lowering:
    """cmovcc: memory is read in any case."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if not isinstance(target, Register):
            raise Undefined
        register = code.read(source).register
        d = target.number if target.size >= 4 else code.copy(Value(target.number))
        emit_condition(code, "CMOV", condition, code.known, d, register, (1 << 32) - 1 if target.size == 4 else ALL)
        code.put(target, d)

    return lower


# -- single flags -----------------------------------------------------------------------------------------------------


def single(op: str, imm: int = 0) -> Lowering:
    """An instruction that is one micro-op without operands."""
    return lambda code: void(code.emit(op, imm=imm))


def void(_: object) -> None:
    """Nothing: a lowering gives no value."""


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
    "xchg": exchange, "xadd": exchange_add, "cmpxchg": compare_exchange,
    "shl": shift("SHL"), "sal": shift("SHL"), "shr": shift("SHR"), "sar": shift("SAR"),
    **{name: rotation(name.upper()) for name in ("rol", "ror", "rcl", "rcr")},
    "shld": shift_double("SHLD"), "shrd": shift_double("SHRD"),
    "bsf": scan("BSF"), "bsr": scan("BSR"), "tzcnt": scan("BSF"), "lzcnt": scan("BSR"), "bswap": swap_bytes,
    "bt": bit(""), "bts": bit("OR"), "btr": bit("AND"), "btc": bit("XOR"),
    **{f"set{name}": set_if(name) for name in CODES}, **{f"cmov{name}": move_if(name) for name in CODES},
    "clc": single("CARRY", 0), "stc": single("CARRY", 1), "cmc": single("CARRY", 2),
    "cld": single("DIRECTION", 0), "std": single("DIRECTION", 1), "lahf": single("LAHF"), "sahf": single("SAHF"),
    "xlatb": translate_byte,
    **dict.fromkeys(("pause", "endbr64", "endbr32", "mfence", "lfence", "sfence", "clflush"), nothing),
    **dict.fromkeys(("prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2", "prefetchw", "prefetch"), nothing),
}  # fmt: skip
