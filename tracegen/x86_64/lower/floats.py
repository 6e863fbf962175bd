"""SSE and SSE2 to micro-ops: scalar singles and doubles, and what else compilers make of scalar code.

A vector register is two words.  What its lanes hold is moved, combined bit by bit and, of doubles, calculated with;
whole vectors of other things are left out.  Sixteen bytes of memory are two accesses, and their address may be any.
"""

from __future__ import annotations

from tracegen.cpu import softfloat
from tracegen.cpu.float_ops import NAMES
from tracegen.x86_64.lower.code import LOW32, Code, Lowering, Place, UndefinedError, Value, fits
from tracegen.x86_64.lower.decode import Immediate, Instruction, Memory, Operand, Register, Special
from tracegen.x86_64.microops import KIND_SHIFT
from tracegen.x86_64.places import MXCSR, SINK, XMM, XMM_HIGH, ZERO

WORD = 8
SIZES = {"s": 4, "d": 8}
HIGH32 = ~LOW32


# -- operands ---------------------------------------------------------------------------------------------------------


def number(operand: Operand) -> int:
    """The number of a vector register."""
    if not isinstance(operand, Special) or not operand.name.startswith("xmm"):
        raise UndefinedError
    return int(operand.name[3:])


def second(code: Code, at: Place) -> Place:
    """Where the other half of sixteen bytes lies."""
    further = at.displacement + WORD
    return at._replace(displacement=further) if fits(further) else Place(code.address(at), ZERO, 0, WORD)


def scalar(code: Code, operand: Operand, size: int) -> int:
    """A register whose low ``size`` bytes are an operand's."""
    if isinstance(operand, Memory):
        return code.load(code.place(operand), size)
    return XMM + number(operand)


def halves(code: Code, operand: Operand) -> tuple[int, int]:
    """Registers with both words of an operand."""
    if not isinstance(operand, Memory):
        return XMM + number(operand), XMM_HIGH + number(operand)
    at = code.place(operand)
    return code.load(at, WORD), code.load(second(code, at), WORD)


# -- moves ------------------------------------------------------------------------------------------------------------


def move_scalar(size: int) -> Lowering:
    """movss movsd: from memory the rest becomes zero, between registers it stays."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if isinstance(target, Memory):
            code.store(code.place(target), size, Value(XMM + number(source)))
        elif isinstance(source, Memory):
            code.load(code.place(source), size, XMM + number(target))
            code.emit("OR", XMM_HIGH + number(target))
        else:
            code.emit("MERGEW" if size == 4 else "OR", XMM + number(target), XMM + number(source))

    return lower


def move_all(code: Code) -> None:
    """movaps movups movdqa and their like."""
    target, source = code.instruction.operands
    if isinstance(target, Memory):
        at = code.place(target)
        code.store(at, WORD, Value(XMM + number(source)))
        code.store(second(code, at), WORD, Value(XMM_HIGH + number(source)))
    elif isinstance(source, Memory):
        at = code.place(source)
        code.load(at, WORD, XMM + number(target))
        code.load(second(code, at), WORD, XMM_HIGH + number(target))
    else:
        code.emit("OR", XMM + number(target), XMM + number(source))
        code.emit("OR", XMM_HIGH + number(target), XMM_HIGH + number(source))


def move_word(code: Code) -> None:
    """movd movq: what is above becomes zero."""
    target, source = code.instruction.operands
    if isinstance(target, Special):
        if isinstance(source, Memory):
            code.load(code.place(source), source.size, XMM + number(target))
        else:
            register = source.number if isinstance(source, Register) else XMM + number(source)
            code.emit("ADD32" if source.size == 4 else "OR", XMM + number(target), register)
        code.emit("OR", XMM_HIGH + number(target))
    else:
        code.write_to(target, Value(XMM + number(source)))


def move_half(bank: int) -> Lowering:
    """movlpd movhpd and of singles: one word from or to memory."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if isinstance(target, Memory):
            code.store(code.place(target), WORD, Value(bank + number(source)))
        elif isinstance(source, Memory):
            code.load(code.place(source), WORD, bank + number(target))
        else:
            raise UndefinedError

    return lower


def move_across(to: int, origin: int) -> Lowering:
    """movlhps movhlps."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        code.emit("OR", to + number(target), origin + number(source))

    return lower


# -- lanes ------------------------------------------------------------------------------------------------------------


def joined(code: Code, low: tuple[int, int], high: tuple[int, int]) -> int:
    """A temporary of two lanes of 32 bits, each (register, 0 for its low and 1 for its high half)."""
    a, b = code.temporary(), code.temporary()
    if low[1]:
        code.emit("SHR", a, low[0], ZERO, 32)
    else:
        code.emit("AND", a, low[0], ZERO, LOW32)
    if high[1]:
        code.emit("AND", b, high[0], ZERO, HIGH32)
    else:
        code.emit("SHL", b, high[0], ZERO, 32)
    return code.emit("OR", a, a, b)


def put(code: Code, target: Operand, low: int, high: int) -> None:
    """Both words of a register, neither of which is read any more."""
    code.emit("OR", XMM + number(target), low)
    code.emit("OR", XMM_HIGH + number(target), high)


def interleave(bank: int) -> Lowering:
    """unpcklps unpckhps punpckldq punpckhdq: the lanes of one word of both operands in turn."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        a, b = bank + number(target), halves(code, source)[bank != XMM]
        put(code, target, joined(code, (a, 0), (b, 0)), joined(code, (a, 1), (b, 1)))

    return lower


def pair(bank: int) -> Lowering:
    """unpcklpd unpckhpd punpcklqdq punpckhqdq: one word of both operands."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        high = code.copy(Value(halves(code, source)[bank != XMM]))
        put(code, target, bank + number(target), high)

    return lower


def lane(of: tuple[int, int], index: int) -> tuple[int, int]:
    """The lane ``index`` of a register's two words."""
    return of[index >> 1 & 1], index & 1


def shuffle(code: Code) -> None:
    """shufps and pshufd: four lanes as a number says, the lower two from the target or, of pshufd, the source."""
    target, source, choice = code.instruction.operands
    if not isinstance(choice, Immediate):
        raise UndefinedError
    high = halves(code, source)
    low = high if code.instruction.name == "pshufd" else halves(code, target)
    first, second_, third, fourth = (choice.value >> shift & 3 for shift in (0, 2, 4, 6))
    word = joined(code, lane(low, first), lane(low, second_))
    put(code, target, word, joined(code, lane(high, third), lane(high, fourth)))


def shuffle_words(code: Code) -> None:
    """shufpd."""
    target, source, choice = code.instruction.operands
    if not isinstance(choice, Immediate):
        raise UndefinedError
    high = code.copy(Value(halves(code, source)[choice.value >> 1 & 1]))
    put(code, target, halves(code, target)[choice.value & 1], high)


def bitwise(op: str) -> Lowering:
    """and, or, xor of all bits; ANDN inverts the target first."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        for bank, register in zip((XMM, XMM_HIGH), halves(code, source), strict=True):
            d = bank + number(target)
            a = code.emit("XOR", code.temporary(), d, ZERO, -1) if op == "ANDN" else d
            code.emit(op[:3], d, a, register)

    return lower


# -- arithmetic -------------------------------------------------------------------------------------------------------


def arithmetic(how: int, letter: str) -> Lowering:
    """add sub mul div sqrt of scalars."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        d, b = XMM + number(target), scalar(code, source, SIZES[letter])
        code.emit(NAMES[how] + letter.upper(), d, b if how == softfloat.ROOT else d, b, how)

    return lower


def arithmetic_of_both(how: int) -> Lowering:
    """The same of two doubles."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        for bank, b in zip((XMM, XMM_HIGH), halves(code, source), strict=True):
            d = bank + number(target)
            code.emit(NAMES[how] + "D", d, b if how == softfloat.ROOT else d, b, how)

    return lower


def choose(op: str, letter: str) -> Lowering:
    """min max."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        d = XMM + number(target)
        code.emit(op + letter.upper(), d, d, scalar(code, source, SIZES[letter]))

    return lower


RELATIONS = {"eq": 2, "lt": 4, "le": 6, "unord": 1, "neq": 13, "nlt": 11, "nle": 9, "ord": 14}
"""Of each predicate, the relations of ``tracegen.cpu.floats``."""


def mask(relations: int, letter: str) -> Lowering:
    """cmpsd cmpss: all ones where a predicate holds."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands[:2]
        d = XMM + number(target)
        code.emit("MASK" + letter.upper(), d, d, scalar(code, source, SIZES[letter]), 0, relations << KIND_SHIFT)

    return lower


def compare(letter: str) -> Lowering:
    """ucomisd comisd ucomiss comiss."""

    def lower(code: Code) -> None:
        first, other = code.instruction.operands
        b = scalar(code, other, SIZES[letter])
        if code.flags:
            code.emit("ORDER" + letter.upper(), SINK, XMM + number(first), b)

    return lower


# -- conversions ------------------------------------------------------------------------------------------------------


def change(op: str, size: int) -> Lowering:
    """cvtss2sd cvtsd2ss."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        code.emit(op, XMM + number(target), scalar(code, source, size))

    return lower


def from_integer(op: str) -> Lowering:
    """cvtsi2sd cvtsi2ss."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if isinstance(source, Memory):
            register = code.load(code.place(source), source.size, op="LD4S" if source.size == 4 else "LD8")
        elif isinstance(source, Register):
            short = source.size == 4
            register = code.emit("SEXT32", code.temporary(), source.number) if short else source.number
        else:
            raise UndefinedError
        code.emit(op, XMM + number(target), register)

    return lower


def to_integer(letter: str, truncating: bool) -> Lowering:
    """cvtsd2si cvtss2si cvttsd2si cvttss2si."""

    def lower(code: Code) -> None:
        target, source = code.instruction.operands
        if not isinstance(target, Register):
            raise UndefinedError
        register, bits = scalar(code, source, SIZES[letter]), 8 * target.size
        if truncating and letter == "d":
            code.emit(f"TRUNCATE{bits}", target.number, register)
        else:
            fraction = int(softfloat.DOUBLE if letter == "d" else softfloat.SINGLE)
            code.emit("INTEGER_OF", target.number, register, fraction, bits | truncating << 8)

    return lower


# -- MXCSR ------------------------------------------------------------------------------------------------------------


def load_control(code: Code) -> None:
    """ldmxcsr."""
    code.emit("LDMXCSR", SINK, code.read(code.instruction.operands[0]).register)


def store_control(code: Code) -> None:
    """stmxcsr."""
    code.write_to(code.instruction.operands[0], Value(MXCSR))


BOTH_LETTERS = ("s", "d")
TABLE: dict[str, Lowering] = {
    "movss": move_scalar(4), "movsd": move_scalar(8), "movd": move_word, "movq": move_word,
    **dict.fromkeys("movaps movapd movups movupd movdqa movdqu".split(), move_all),
    **dict.fromkeys(("movlps", "movlpd"), move_half(XMM)), **dict.fromkeys(("movhps", "movhpd"), move_half(XMM_HIGH)),
    "movlhps": move_across(XMM_HIGH, XMM), "movhlps": move_across(XMM, XMM_HIGH),
    **dict.fromkeys(("unpcklps", "punpckldq"), interleave(XMM)),
    **dict.fromkeys(("unpckhps", "punpckhdq"), interleave(XMM_HIGH)),
    **dict.fromkeys(("unpcklpd", "punpcklqdq"), pair(XMM)),
    **dict.fromkeys(("unpckhpd", "punpckhqdq"), pair(XMM_HIGH)),
    "shufps": shuffle, "pshufd": shuffle, "shufpd": shuffle_words,
    **dict.fromkeys(("andps", "andpd", "pand"), bitwise("AND")),
    **dict.fromkeys(("andnps", "andnpd", "pandn"), bitwise("ANDN")),
    **dict.fromkeys(("orps", "orpd", "por"), bitwise("OR")),
    **dict.fromkeys(("xorps", "xorpd", "pxor"), bitwise("XOR")),
    **{f"{name.lower()}s{s}": arithmetic(how, s) for how, name in enumerate(NAMES) for s in BOTH_LETTERS},
    **{f"{name.lower()}pd": arithmetic_of_both(how) for how, name in enumerate(NAMES)},
    **{f"{op.lower()}s{s}": choose(op, s) for op in ("MIN", "MAX") for s in BOTH_LETTERS},
    **{f"cmp{name}s{s}": mask(of, s) for name, of in RELATIONS.items() for s in BOTH_LETTERS},
    **{f"{u}comis{s}": compare(s) for u in ("u", "") for s in BOTH_LETTERS},
    "cvtss2sd": change("WIDEN", 4), "cvtsd2ss": change("NARROW", 8),
    "cvtsi2sd": from_integer("FROM_SIGNED"), "cvtsi2ss": from_integer("SINGLE_OF"),
    **{f"cvts{s}2si": to_integer(s, truncating=False) for s in BOTH_LETTERS},
    **{f"cvtts{s}2si": to_integer(s, truncating=True) for s in BOTH_LETTERS},
    "ldmxcsr": load_control, "stmxcsr": store_control,
}  # fmt: skip

COMPARISONS = {f"{u}comis{s}" for u in ("u", "") for s in BOTH_LETTERS}
"""The only ones that set flags."""


def is_float(instruction: Instruction) -> bool:
    """Whether an instruction is in the table: strings share a name with it, and MMX has registers of its own."""
    if instruction.name not in TABLE or instruction.locked:
        return False
    others = [o.name for o in instruction.operands if isinstance(o, Special) and not o.name.startswith("xmm")]
    strings = instruction.name == "movsd" and all(isinstance(o, Memory) for o in instruction.operands)
    return not others and not strings
