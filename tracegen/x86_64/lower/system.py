"""System instructions to micro-ops: operands are read and written here, the rest is ``tracegen.x86_64.system``'s."""

from __future__ import annotations

from tracegen.abi_x86_64 import ANNOUNCE_MAGIC
from tracegen.x86_64.lower.code import Code, Lowering, Place, UndefinedError, Value
from tracegen.x86_64.lower.decode import SEGMENTS, Immediate, Memory, Operand, Register, Special
from tracegen.x86_64.places import RAX, RDX, RSP, SINK, ZERO

UNDEFINED = 6
"""Vector of the exception that an undefined opcode raises."""
ANNOUNCE_MASK = 0xFFFF_0000
MOV, STACK = 0, 1
"""How a segment register is read or written."""


def plain(op: str, imm: int = 0) -> Lowering:
    """No operands."""

    def lower(code: Code) -> None:
        code.emit(op, imm=imm)

    return lower


def undefined(code: Code) -> None:
    """What the CPU does not have."""
    code.emit("RAISE", imm=UNDEFINED)


def no_operation(code: Code) -> None:
    """nop of any length; one with the right displacement is the guest's announcement."""
    number = announcement(code.instruction.operands)
    if number is not None:
        code.emit("ANNOUNCE", imm=number)


def announcement(operands: tuple[Operand, ...]) -> int | None:
    """The number that ``nopl (ANNOUNCE_MAGIC + number)(%rax)`` announces."""
    if len(operands) != 1 or not isinstance(operands[0], Memory):
        return None
    m = operands[0]
    if (m.base, m.indexed, m.size, m.displacement & ANNOUNCE_MASK) != (RAX, None, 4, ANNOUNCE_MAGIC):
        return None
    return m.displacement - ANNOUNCE_MAGIC


def interrupt(code: Code) -> None:
    """int n."""
    (vector,) = code.instruction.operands
    if not isinstance(vector, Immediate):
        raise UndefinedError
    code.emit("INT", imm=vector.value & 0xFF)


def port_access(code: Code) -> None:
    """in out."""
    first, second = code.instruction.operands
    data, port = (first, second) if code.instruction.name == "in" else (second, first)
    number = port.value & 0xFF if isinstance(port, Immediate) else 0
    register = ZERO if isinstance(port, Immediate) else RDX
    code.emit(code.instruction.name.upper(), SINK, register, imm=data.size | number << 32)


def special(operand: Operand) -> tuple[str, int]:
    """("segment", "cr" or "dr"; its number) of a register that is no general one."""
    if not isinstance(operand, Special):
        raise UndefinedError
    if operand.name in SEGMENTS:
        return "segment", SEGMENTS.index(operand.name)
    kind, number = operand.name[:2], operand.name[2:]
    if kind not in ("cr", "dr") or not number.isdigit():
        raise UndefinedError
    return kind, int(number)


READERS = {"cr": "READ_CONTROL", "dr": "READ_DEBUG"}
WRITERS = {"cr": "WRITE_CONTROL", "dr": "WRITE_DEBUG"}


def move(code: Code) -> None:
    """mov with a segment, control or debug register."""
    target, source = code.instruction.operands
    if isinstance(target, Special):
        kind, number = special(target)
        if isinstance(source, Memory):
            source = source._replace(size=2)
        register = code.read(source).register
        if target.name == "cs":
            raise UndefinedError
        if kind == "segment":
            code.emit("LOAD_SEGMENT", SINK, register, imm=number | MOV << 32)
        else:
            code.emit(WRITERS[kind], SINK, register, imm=number)
        return
    kind, number = special(source)
    value = code.temporary()
    if kind == "segment":
        code.emit("READ_SEGMENT", value, imm=number | MOV << 32)
    else:
        code.emit(READERS[kind], value, imm=number)
    code.write_to(target._replace(size=2) if isinstance(target, Memory) else target, Value(value))


def push_segment(code: Code) -> None:
    """push fs, push gs."""
    kind, number = special(code.instruction.operands[0])
    size = 2 if code.instruction.short else 8
    if kind != "segment":
        raise UndefinedError
    code.emit("PROBE", size, RSP, imm=-size)
    value = code.emit("READ_SEGMENT", code.temporary(), imm=number | STACK << 32)
    code.store(Place(RSP, ZERO, 0, -size), size, Value(value))
    code.emit("SUB", RSP, RSP, ZERO, size)


def pop_segment(code: Code) -> None:
    """pop fs, pop gs."""
    kind, number = special(code.instruction.operands[0])
    size = 2 if code.instruction.short else 8
    if kind != "segment":
        raise UndefinedError
    value = code.load(Place(RSP, ZERO, 0, 0), size)
    code.emit("LOAD_SEGMENT", SINK, value, imm=number | STACK << 32)
    code.emit("ADD", RSP, RSP, ZERO, size)


def at_address(op: str) -> Lowering:
    """Instructions that are told an address: invlpg, far jumps and calls."""

    def lower(code: Code) -> None:
        (operand,) = code.instruction.operands
        if not isinstance(operand, Memory):
            raise UndefinedError
        at = code.place(operand, plain=op == "INVLPG")
        code.emit(op, SINK, code.address(at), imm=offset_bytes(operand.size))

    return lower


def offset_bytes(size: int) -> int:
    """Bytes of the offset in a far pointer, a selector behind it."""
    return {4: 2, 6: 4, 10: 8}.get(size, 4)


def table(op: str, which: int) -> Lowering:
    """lgdt lidt sgdt sidt."""

    def lower(code: Code) -> None:
        (operand,) = code.instruction.operands
        if not isinstance(operand, Memory):
            raise UndefinedError
        code.emit(op, SINK, code.address(code.place(operand)), imm=which)

    return lower


def load_selector(op: str, imm: int = 0) -> Lowering:
    """lldt ltr lmsw verr verw: 16 bits from a register or memory."""

    def lower(code: Code) -> None:
        (operand,) = code.instruction.operands
        if isinstance(operand, Memory):
            operand = operand._replace(size=2)
        code.emit(op, SINK, code.read(operand).register, imm=imm)

    return lower


def store_selector(op: str) -> Lowering:
    """sldt str smsw: to a register of any size, or 16 bits of memory."""

    def lower(code: Code) -> None:
        (operand,) = code.instruction.operands
        if isinstance(operand, Memory):
            operand = operand._replace(size=2)
            at = code.place(operand)
            code.emit("PROBE", 2, code.address(at))
            code.store(at, 2, Value(code.emit(op, code.temporary())))
        else:
            code.write_to(operand, Value(code.emit(op, code.temporary())))

    return lower


def examine(op: str) -> Lowering:
    """lar lsl: the register is written only where the selector names something."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if not isinstance(target, Register):
            raise UndefinedError
        if isinstance(source, Memory):
            source = source._replace(size=2)
        selector = code.read(source).register
        d = target.number if target.size >= 4 else code.copy(Value(target.number))
        code.emit(op, d, selector, imm=target.size)
        code.put(target, d)

    return lower


def far_return(code: Code) -> None:
    """retf."""
    size = 8 if code.instruction.wide else 2 if code.instruction.short else 4
    released = [o.value & 0xFFFF for o in code.instruction.operands if isinstance(o, Immediate)]
    code.emit("FAR_RETURN", imm=size | sum(released) << 32)


def interrupt_return(code: Code) -> None:
    """iret iretd iretq."""
    code.emit("IRET", imm=8 if code.instruction.wide else 2 if code.instruction.short else 4)


TABLE: dict[str, Lowering] = {
    "nop": no_operation,
    "syscall": plain("SYSCALL"), "sysret": plain("SYSRET", 0), "sysretq": plain("SYSRET", 1),
    **dict.fromkeys(("iret", "iretd", "iretq"), interrupt_return),
    "int": interrupt, "int3": plain("INT3"), "hlt": plain("HLT"), "cli": plain("CLI"), "sti": plain("STI"),
    "swapgs": plain("SWAPGS"), "clts": plain("CLTS"), "wbinvd": plain("WBINVD"), "invd": plain("WBINVD"),
    "in": port_access, "out": port_access,
    **{name: plain(name.upper()) for name in ("cpuid", "rdtsc", "rdtscp", "rdpmc", "rdmsr", "wrmsr")},
    "lgdt": table("LOAD_TABLE", 0), "lidt": table("LOAD_TABLE", 1),
    "sgdt": table("STORE_TABLE", 0), "sidt": table("STORE_TABLE", 1),
    "lldt": load_selector("LLDT"), "ltr": load_selector("LTR"), "lmsw": load_selector("LMSW"),
    "verr": load_selector("VERIFY", 0), "verw": load_selector("VERIFY", 1),
    "sldt": store_selector("SLDT"), "str": store_selector("STR"), "smsw": store_selector("SMSW"),
    "invlpg": at_address("INVLPG"), "ljmp": at_address("FAR_JUMP"), "lcall": at_address("FAR_CALL"),
    "lar": examine("LAR"), "lsl": examine("LSL"),
    **dict.fromkeys(("retf", "retfq", "retfw"), far_return),
    **dict.fromkeys(("ud0", "ud1", "ud2"), undefined),
}  # fmt: skip

CUTS = {
    *("STI", "CLTS", "POP_FLAGS", "IN", "OUT", "WRMSR", "WRITE_CONTROL", "LOAD_TABLE", "LMSW", "INVLPG"),
    *("LOAD_SEGMENT", "MOVS", "STOS", "LODS", "CMPS", "SCAS", "SWAPGS", "CLI"),
}
"""Micro-ops after which the loop must look up where it is, how many rows there are, whether an interrupt came."""

ENDS = {"SYSCALL", "SYSRET", "IRET", "INT", "INT3", "HLT", "FAR_JUMP", "FAR_CALL", "FAR_RETURN", "RAISE", "FLOAT"}
"""Micro-ops that never go on to the next instruction."""
