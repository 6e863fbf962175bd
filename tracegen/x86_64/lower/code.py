"""The micro-ops of one instruction in the making: operands read, written and changed in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from replay.trace.schema import Kind
from tracegen.x86_64 import places
from tracegen.x86_64.lower.decode import Immediate, Instruction, Memory, Operand, Register
from tracegen.x86_64.microops import (
    KIND_SHIFT,
    LENGTH_SHIFT,
    NARROW_SHIFT,
    OPERATIONS,
    SCALE_SHIFT,
    SPAN_SHIFT,
    MicroOp,
)
from tracegen.x86_64.ops import floats, rare
from tracegen.x86_64.places import FS_BASE, GS_BASE, SINK, TEMPORARY, ZERO

BASES = {"fs": FS_BASE, "gs": GS_BASE}
LOG2 = {1: 0, 2: 1, 4: 2, 8: 3}
LOW32, ALL = (1 << 32) - 1, (1 << 64) - 1
SPECIALISED = {8: "64", 4: "32"}
RARE = {*rare.TABLE, *floats.RARE, *rare.SYSTEM}


class UndefinedError(Exception):
    """The CPU does not have this instruction."""


class Value(NamedTuple):
    """A register's content plus a number."""

    register: int
    number: int = 0


class Place(NamedTuple):
    """The address of a memory operand, as the fields of a micro-op."""

    base: int
    indexed: int
    scale: int
    displacement: int


def fits(number: int) -> bool:
    """Whether a number is a sign-extended one of 32 bits."""
    return -(1 << 31) <= number < 1 << 31


def halves(high: int, low: int) -> int:
    """An immediate of two signed halves."""
    return (high & LOW32) << 32 | low & LOW32


class Code:
    """Collects the micro-ops of one instruction.  ``flags`` says whether anyone looks at the flags it sets."""

    def __init__(self, instruction: Instruction, flags: bool, known: str) -> None:
        self.instruction, self.flags = instruction, flags
        self.known = known
        """What set the flags last: "subtraction", "logic", "result" (zero and sign follow from FLAG_RESULT), or ""."""
        self.ops: list[MicroOp] = []
        self._temporaries = iter(TEMPORARY)

    # -- micro-ops -------------------------------------------------------------------------------------------------

    def emit(self, op: str, d: int = SINK, a: int = ZERO, b: int = ZERO, imm: int = 0, fields: int = 0) -> int:
        """Append a micro-op; gives d."""
        if op in RARE:
            fields |= self.instruction.size << LENGTH_SHIFT
        self.ops.append(MicroOp(op, d, a, b, imm, fields))
        return d

    def temporary(self) -> int:
        """A register that nothing else of this instruction uses."""
        return next(self._temporaries)

    def compute(self, op: str, d: int, a: int, value: Value, size: int) -> int:
        """d = a op value on operands of ``size`` bytes, setting flags if someone looks at them; gives d."""
        if not self.flags and size >= 4:
            return self.emit(op if size == 8 else f"{op}32", d, a, value.register, value.number)
        return self.compute_flags(op, d, a, value, size)

    def compute_flags(self, op: str, d: int, a: int, value: Value, size: int) -> int:
        """The same, setting flags in any case."""
        name = f"{op}_F{SPECIALISED.get(size, '')}"
        if name not in OPERATIONS:
            name = f"{op}_F"
        return self.emit(name, d, a, value.register, value.number, self.narrow(size))

    @staticmethod
    def narrow(size: int) -> int:
        """The field that tells an operand's size."""
        return 64 - 8 * size << NARROW_SHIFT

    def copy(self, value: Value, size: int = 8) -> int:
        """A temporary that holds a value, zero-extended from ``size`` of 4 or more bytes."""
        return self.emit("ADD32" if size == 4 else "ADD", self.temporary(), value.register, ZERO, value.number)

    # -- memory ----------------------------------------------------------------------------------------------------

    def place(self, m: Memory, plain: bool = False) -> Place:
        """Where a memory operand is; without its segment's base if ``plain``."""
        base = ZERO if m.base is None else places.PAGE if isinstance(m.base, str) else m.base
        displacement = m.displacement + (self.instruction.end if m.base == "rip" else 0)
        index = ZERO if m.indexed is None else m.indexed
        found = Place(base, index, m.scale, displacement)
        if not fits(displacement):
            found = Place(self.copy(Value(base, displacement)), index, m.scale, 0)
        if m.short:
            found = Place(self.address(found, "LEA32"), ZERO, 0, 0)
        segment = None if plain else BASES.get(m.segment)
        if segment is None:
            return found
        if found.indexed != ZERO:
            found = Place(self.address(found), ZERO, 0, 0)
        return found._replace(indexed=segment, scale=0)

    def address(self, at: Place, op: str = "LEA") -> int:
        """A temporary that holds an address."""
        return self.address_to(self.temporary(), at, op)

    def address_to(self, d: int, at: Place, op: str) -> int:
        """The same in d."""
        return self.emit(op, d, at.base, at.indexed, at.displacement, at.scale << SCALE_SHIFT)

    def load(self, at: Place, size: int, d: int | None = None, op: str = "LD{}") -> int:
        """Load ``size`` bytes into d, or into a temporary: zero-extended, or as ``op`` says."""
        fields = at.scale << SCALE_SHIFT | Kind.LOAD1 + LOG2[size] << KIND_SHIFT | size - 1 << SPAN_SHIFT
        d = self.temporary() if d is None else d
        return self.emit(op.format(size), d, at.base, at.indexed, at.displacement, fields)

    def load_to_change(self, at: Place, size: int) -> int:
        """Load what will be stored to; refused before anything happens if that is not permitted."""
        if not self.instruction.locked:
            return self.load(at, size, op="MOD{}")
        fields = at.scale << SCALE_SHIFT | Kind.LOAD1 + LOG2[size] << KIND_SHIFT
        return self.emit("LOCKED_LOAD", self.temporary(), at.base, at.indexed, at.displacement, fields)

    def store(self, at: Place, size: int, value: Value, op: str = "ST{}") -> None:
        """Store the low ``size`` bytes of a value."""
        register = value.register if fits(value.number) else self.copy(value)
        imm = halves(value.number if fits(value.number) else 0, at.displacement)
        fields = at.scale << SCALE_SHIFT | Kind.STORE1 + LOG2[size] << KIND_SHIFT | size - 1 << SPAN_SHIFT
        self.emit(op.format(size), register, at.base, at.indexed, imm, fields)

    def store_changed(self, at: Place, size: int, register: int) -> None:
        """Store to what ``load_to_change`` loaded."""
        if not self.instruction.locked:
            self.store(at, size, Value(register))
            return
        fields = at.scale << SCALE_SHIFT | Kind.STORE1 + LOG2[size] << KIND_SHIFT
        self.emit("LOCKED_STORE", register, at.base, at.indexed, at.displacement, fields)

    # -- operands --------------------------------------------------------------------------------------------------

    def read(self, operand: Operand) -> Value:
        """An operand's value; what lies above its size is left open."""
        if isinstance(operand, Immediate):
            return Value(ZERO, operand.value)
        if isinstance(operand, Memory):
            return Value(self.load(self.place(operand), operand.size))
        if not isinstance(operand, Register):
            raise UndefinedError
        if operand.high:
            return Value(self.emit("SHR", self.temporary(), operand.number, ZERO, 8))
        return Value(operand.number)

    def write(self, register: Register, value: Value) -> None:
        """Set a register: 32 bits are zero-extended, less leave the rest alone."""
        if register.size >= 4:
            op = "ADD" if register.size == 8 else "ADD32"
        else:
            op = "MERGE16" if register.size == 2 else "MERGE8H" if register.high else "MERGE8"
        self.emit(op, register.number, value.register, ZERO, value.number)

    def target(self, register: Register) -> int:
        """Where a computation may put a register's new value: itself, or a temporary that ``put`` then merges."""
        return register.number if register.size >= 4 else self.temporary()

    def put(self, register: Register, computed: int) -> None:
        """Merge what was computed for ``target``."""
        if computed != register.number or register.size < 4:
            self.write(register, Value(computed))

    def write_to(self, operand: Operand, value: Value) -> None:
        """Set a register or memory."""
        if isinstance(operand, Register):
            self.write(operand, value)
        elif isinstance(operand, Memory):
            self.store(self.place(operand), operand.size, value)
        else:
            raise UndefinedError


Lowering = Callable[[Code], None]
Change = Callable[[Code, int, int], int]
"""(code, register with the old value, register for the new one) -> register with the new one."""


def change(code: Code, operand: Operand, how: Change) -> None:
    """Replace an operand by what ``how`` computes from it."""
    if isinstance(operand, Memory):
        at = code.place(operand)
        old = code.load_to_change(at, operand.size)
        code.store_changed(at, operand.size, how(code, old, code.temporary()))
        return
    if not isinstance(operand, Register) or code.instruction.locked:
        raise UndefinedError
    code.put(operand, how(code, code.read(operand).register, code.target(operand)))


def extend_register(code: Code, d: int, register: int, size: int, target_size: int) -> None:
    """d = a register sign-extended from ``size`` bytes."""
    if size >= target_size:
        code.emit("ADD" if target_size == 8 else "ADD32", d, register)
    else:
        code.emit(f"SEXT{8 * size}" + ("_32" if target_size == 4 else ""), d, register)
