"""Shifts, rotations, bits and conditions to micro-ops."""

from __future__ import annotations

from tracegen.x86_64.lower.code import ALL, Code, Lowering, Place, UndefinedError, Value, change, extend_register
from tracegen.x86_64.lower.conditions import CODES, emit_condition
from tracegen.x86_64.lower.decode import Immediate, Memory, Register
from tracegen.x86_64.ops.rare import TABLE as RARE
from tracegen.x86_64.places import RCX, SINK, ZERO

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
            raise UndefinedError
        register = code.read(source).register
        d = target.number if target.size >= 4 else code.copy(Value(target.number))
        code.emit(op, d, register, imm=64 - 8 * source.size)
        code.put(target, d)

    return lower


def swap_bytes(code: Code) -> None:
    """bswap."""
    (target,) = code.instruction.operands
    if not isinstance(target, Register) or target.size < 4:
        raise UndefinedError
    code.emit("BSWAP" if target.size == 8 else "BSWAP32", target.number, target.number)


def bit_place(code: Code, target: Memory, index: Register) -> Place:
    """Where the bit of a bit string lies that a register numbers."""
    log = {2: 1, 4: 2, 8: 3}[target.size]
    far = code.copy(Value(index.number))
    extend_register(code, far, index.number, index.size, 8)
    code.emit("SAR", far, far, ZERO, log + 3)
    code.emit("SHL", far, far, ZERO, log)
    at = code.place(target)
    first = at.base if (at.indexed, at.displacement) == (ZERO, 0) else code.address(at)
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
            raise UndefinedError
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
            raise UndefinedError
        register = code.read(source).register
        d = target.number if target.size >= 4 else code.copy(Value(target.number))
        emit_condition(code, "CMOV", condition, code.known, d, register, (1 << 32) - 1 if target.size == 4 else ALL)
        code.put(target, d)

    return lower


TABLE: dict[str, Lowering] = {
    "shl": shift("SHL"), "sal": shift("SHL"), "shr": shift("SHR"), "sar": shift("SAR"),
    **{name: rotation(name.upper()) for name in ("rol", "ror", "rcl", "rcr")},
    "shld": shift_double("SHLD"), "shrd": shift_double("SHRD"),
    "bsf": scan("BSF"), "bsr": scan("BSR"), "tzcnt": scan("BSF"), "lzcnt": scan("BSR"), "bswap": swap_bytes,
    "bt": bit(""), "bts": bit("OR"), "btr": bit("AND"), "btc": bit("XOR"),
    **{f"set{name}": set_if(name) for name in CODES}, **{f"cmov{name}": move_if(name) for name in CODES},
}  # fmt: skip
