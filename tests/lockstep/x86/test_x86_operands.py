"""Every integer instruction against un-hooked Unicorn on generated operands of every kind and size.

A form is text for the assembler with generated operands.  Half of the cases are followed by an instruction that sets
all flags, so that both ways of lowering are seen: with the flags that an instruction sets, and without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CF, PF, AF, ZF, SF, OF = 1, 4, 0x10, 0x40, 0x80, 0x800
ALL = CF | PF | AF | ZF | SF | OF
SUFFIXES = {1: "b", 2: "w", 4: "l", 8: "q"}
SIZES = (1, 2, 4, 8)
CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split()

Form = Callable[[Any], Any]


def to_place(op: str, defined: int = ALL, *, lock: bool = False) -> Form:
    """op register, register or memory."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        target = d.memory() if lock else d.place(size)
        prefix = "lock " if lock else ""
        return d.case(f"{prefix}{op}{SUFFIXES[size]} {d.register(size)}, {target}", defined)

    return form


def from_place(op: str, defined: int = ALL, sizes: tuple[int, ...] = SIZES) -> Form:
    """op register or memory, register."""

    def form(d: Any) -> Any:
        size = d.size(*sizes)
        return d.case(f"{op}{SUFFIXES[size]} {d.place(size)}, {d.register(size)}", defined)

    return form


def number_to_place(op: str, defined: int = ALL) -> Form:
    """op immediate, register or memory."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        return d.case(f"{op}{SUFFIXES[size]} {d.number(size)}, {d.place(size)}", defined)

    return form


def one_place(op: str, defined: int = ALL, *, lock: bool = False) -> Form:
    """op register or memory."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        prefix, target = ("lock ", d.memory()) if lock else ("", d.place(size))
        return d.case(f"{prefix}{op}{SUFFIXES[size]} {target}", defined)

    return form


def product(op: str) -> Form:
    """One operand, the other in rax."""
    return one_place(op, CF | OF)


def product_of_three(d: Any) -> Any:
    size = d.size(2, 4, 8)
    return d.case(f"imul{SUFFIXES[size]} {d.number(size)}, {d.place(size)}, {d.register(size)}", CF | OF)


def quotient(op: str, signed: bool) -> Form:
    """Division of a product, and a bit more, by one of its factors: the quotient always fits."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        bits = 8 * size
        divisor = d.value() % (1 << bits - 1 if signed else 1 << bits) or 1
        answer = d.value() % (1 << bits - 1 if signed else 1 << bits)
        total = divisor * answer + d.randrange(divisor)
        if signed:
            divisor *= d.choice((1, -1))
            total *= d.choice((1, -1))
        high, low = total >> bits & (1 << bits) - 1, total & (1 << bits) - 1
        kept = {"rax": d.value() >> 16 << 16 | high << 8 | low, "rdx": d.value()} if size == 1 else {}
        registers = kept or {"rax": low | d.value() >> bits << bits, "rdx": high | d.value() >> bits << bits}
        target = f"%{d.part('r9', size)}"
        text = f"{op}{SUFFIXES[size]} {target}"
        if d.random() < 0.5:
            memory = f"data_area+{512 * d.index + 61}(%rip)"
            text = f"mov{SUFFIXES[size]} {target}, {memory}\n {op}{SUFFIXES[size]} {memory}"
        return d.case(text, 0, r9=divisor & (1 << 64) - 1, **registers)

    return form


def shift(op: str, counted: str) -> Form:
    """Shifts and rotations by 1, by a number and by %cl: what is defined depends on the count."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        mask = 63 if size == 8 else 31
        count = 1 if counted == "one" else d.choice((0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, d.randrange(256)))
        if counted == "cl":
            target = d.memory(fixed=False) if d.random() < 0.5 else d.register(size, "rax", "rdx", "rsi", "r9")
            target = "%dl" if d.plain and size == 1 and target[0] == "%" else target
            text = f"{op}{SUFFIXES[size]} %cl, {target}"
        else:
            text = f"{op}{SUFFIXES[size]} {'' if counted == 'one' else f'${count}, '}{d.place(size)}"
        return d.case(text, after_shift(op, count & mask, 8 * size), rcx=d.value() >> 8 << 8 | count)

    return form


def after_shift(op: str, count: int, bits: int) -> int:
    """The flags that the architecture defines after a shift or rotation."""
    if count == 0:
        return ALL
    if op[0] == "r":
        return ALL if count == 1 else ALL & ~OF
    defined = CF | ZF | SF | PF if count < bits or op == "sar" else ZF | SF | PF
    return defined | OF if count == 1 else defined


def double_shift(op: str, counted: str) -> Form:
    def form(d: Any) -> Any:
        size = d.size(2, 4, 8)
        count = d.randrange(8 * size)
        by = "%cl" if counted == "cl" else f"${count}"
        target = d.memory(fixed=False) if d.random() < 0.5 else d.register(size, "rax", "rsi", "r9")
        text = f"{op}{SUFFIXES[size]} {by}, {d.register(size, 'rdx', 'rdi', 'r8')}, {target}"
        return d.case(text, after_shift("sh", count, 8 * size), rcx=d.value() >> 8 << 8 | count)

    return form


def bit(op: str, kind: str, *, lock: bool = False) -> Form:
    """Bit tests by number, by register on a register, and by register on a bit string in memory."""

    def form(d: Any) -> Any:
        size = d.size(2, 4, 8)
        prefix = "lock " if lock else ""
        if kind == "string":
            if d.index == 0:
                d.index = 1
            number = d.randrange(-400, 400)
            text = f"{prefix}{op}{SUFFIXES[size]} {d.register(size, 'rcx')}, {d.memory(fixed=False)}"
            return d.case(text, CF | ZF, rcx=number & (1 << 64) - 1)
        target = d.memory() if lock else d.place(size) if kind == "number" else d.register(size)
        source = f"${d.randrange(256)}" if kind == "number" else d.register(size)
        return d.case(f"{prefix}{op}{SUFFIXES[size]} {source}, {target}", CF | ZF)

    return form


def extension(op: str) -> Form:
    """movzx and movsx from one size to a greater one."""

    def form(d: Any) -> Any:
        source, target = d.choice(((1, 2), (1, 4), (1, 8), (2, 4), (2, 8), *(((4, 8),) if op == "movs" else ())))
        d.plain = d.plain and target < 8
        text = d.place(source)
        return d.case(f"{op}{SUFFIXES[source]}{SUFFIXES[target]} {text}, {d.register(target)}")

    return form


def address(d: Any) -> Any:
    size = d.size(2, 4, 8)
    return d.case(f"lea{SUFFIXES[size]} {d.memory().split(':')[-1]}, {d.register(size)}")


def short_address(d: Any) -> Any:
    """An address of 32 bits: what lies above in the registers does not count."""
    size, at = d.size(*SIZES), 0xA00000 + 512 * d.index + d.randrange(64, 400)
    text = d.choice(
        (f"mov{SUFFIXES[size]} 8(%r9d,%r10d,2), {d.register(size, 'rax', 'rcx')}", "lea 8(%r9d,%r10d,2), %r8")
    )
    if d.plain and "mov" in text:
        text = f"movl 8(%r9d,%r10d,2), {d.register(4, 'rax', 'rcx')}"
    return d.case(text, r9=d.value() >> 32 << 32 | at - 14, r10=d.value() >> 32 << 32 | 3)


def number_to_register(d: Any) -> Any:
    return d.case(f"movabsq ${d.value():#x}, {d.register(8)}")


def plain(*texts: str, defined: int = ALL) -> Form:
    """Instructions without generated operands."""
    return lambda d: d.case(texts[d.index // 2 % len(texts)], defined)


def swap(d: Any) -> Any:
    size = d.size(4, 8)
    return d.case(f"bswap{SUFFIXES[size]} {d.register(size)}")


def scan(op: str) -> Form:
    """The source has at least one bit set: the target is left open otherwise."""

    def form(d: Any) -> Any:
        size = d.size(2, 4, 8)
        target = d.register(size, "rax", "r9", "r14")
        return d.case(f"or $1, %rsi\n shl ${d.randrange(8 * size)}, %rsi\n {op}{SUFFIXES[size]} "
                      f"{d.register(size, 'rsi')}, {target}", ZF)  # fmt: skip

    return form


def compare_exchange(prefix: str) -> Form:
    """Half of the comparisons succeed; the upper half of rax is 0, where the architecture leaves it open."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        target = d.memory(fixed=False) if prefix else d.place(size)
        text = f"{prefix}cmpxchg{SUFFIXES[size]} {d.register(size, 'rcx', 'r8')}, {target}"
        equal = d.random() < 0.5
        before = f"mov{SUFFIXES[size]} {target}, %{d.part('rax', size)}\n" if equal else ""
        if "h" in target.split("(")[0] or (d.plain and size == 1):
            text, before = "cmpxchgb %cl, %bl", "mov %bl, %al\n" if equal else ""
        return d.case(before + text, rax=d.value() & 0xFFFFFFFF)

    return form


def compare_exchange_pair(prefix: str) -> Form:
    """Half of the comparisons succeed; the upper halves of rax and rdx, which it leaves open, are 0."""

    def form(d: Any) -> Any:
        memory = f"data_area+{512 * d.index + 59 + d.randrange(8)}"
        equal = f"mov {memory}, %eax\n mov {memory}+4, %edx\n" if d.random() < 0.5 else ""
        registers = {"rax": d.value() & 0xFFFFFFFF, "rdx": d.value() & 0xFFFFFFFF}
        return d.case(f"{equal}{prefix}cmpxchg8b {memory}(%rip)", **registers)

    return form


def producer(d: Any) -> str:
    """Something that sets flags in front of a condition, or nothing."""
    size = d.size(*SIZES)
    suffix = SUFFIXES[size]
    first, second, third = (f"%{d.part(name, size)}" for name in ("r8", "r9", "r10"))
    memory = f"data_area+{512 * d.index + 80}(%rip)"
    return d.choice((
        "", f"cmp{suffix} {first}, {second}\n", f"cmp{suffix} {d.number(size)}, {first}\n",
        f"cmp{suffix} {third}, {memory}\n", f"cmp{suffix} {memory}, {third}\n",
        f"test{suffix} {first}, {second}\n", f"test{suffix} {first}, {first}\n",
        f"test{suffix} {d.number(size)}, {first}\n",
        f"add{suffix} {first}, {second}\n", f"sub{suffix} {first}, {second}\n", f"and{suffix} {first}, {second}\n",
        f"inc{suffix} {first}\n", f"dec{suffix} {first}\n", f"shl{suffix} $1, {first}\n", f"neg{suffix} {first}\n",
        f"cmp{suffix} {first}, {first}\n", f"adc{suffix} {first}, {second}\n", f"xor{suffix} {first}, {first}\n",
    ))  # fmt: skip


def condition(op: str) -> Form:
    """setcc cmovcc jcc of one condition, behind many kinds of instructions that set the flags."""
    name = op.rpartition("_")[2]

    def form(d: Any) -> Any:
        d.reserved = frozenset(("r8", "r9", "r10", "r11", "r12"))
        before = producer(d) + d.choice(("", "", "mov %r11, %r12\n", "lea 1(%r11), %r11\n", "push %r11\n pop %r12\n"))
        if op.startswith("set"):
            body = f"set{name} {d.place(1)}"
        elif op.startswith("cmov"):
            size = d.size(2, 4, 8)
            body = f"cmov{name}{SUFFIXES[size]} {d.place(size)}, {d.register(size)}"
        else:
            body = f"j{name} 1f\n lea 3(%r14), %r14\n ret\n1: lea 5(%r14), %r14"
            if d.random() < 0.3:
                body = f"jmp 2f\n1: lea 5(%r14), %r14\n ret\n2: {before}j{name} 1b\n lea 3(%r14), %r14"
                before = ""
        # The flags that logic and shifts leave open are no condition's.
        return d.case(before + body, ALL & ~AF)

    return form


TABLE: dict[str, Form] = {
    **{f"{op}_to_place": to_place(op) for op in ("add", "sub", "adc", "sbb", "cmp", "xadd")},
    **{f"{op}_to_place": to_place(op, ALL & ~AF) for op in ("and", "or", "xor", "test")},
    **{f"{op}_from_place": from_place(op) for op in ("add", "sub", "adc", "sbb", "cmp", "mov", "xchg")},
    **{f"{op}_from_place": from_place(op, ALL & ~AF) for op in ("and", "or", "xor")},
    **{f"{op}_number": number_to_place(op) for op in ("add", "sub", "adc", "sbb", "cmp", "mov")},
    **{f"{op}_number": number_to_place(op, ALL & ~AF) for op in ("and", "or", "xor", "test")},
    **{f"lock_{op}": to_place(op, lock=True) for op in ("add", "sub", "adc", "sbb", "xadd")},
    **{f"lock_{op}": to_place(op, ALL & ~AF, lock=True) for op in ("and", "or", "xor")},
    **{op: one_place(op) for op in ("inc", "dec", "neg", "not")},
    **{f"lock_{op}": one_place(op, lock=True) for op in ("inc", "dec", "not")},
    "lock_neg": one_place("neg", 0, lock=True),  # Unicorn's flags are those of the operand, not of the result
    "mov_to_place": to_place("mov"), "mov_wide_number": number_to_register,
    "movz": extension("movz"), "movs": extension("movs"), "lea": address, "short_address": short_address,
    "mul": product("mul"), "imul": product("imul"), "imul_two": from_place("imul", CF | OF, (2, 4, 8)),
    "imul_three": product_of_three, "div": quotient("div", signed=False), "idiv": quotient("idiv", signed=True),
    **{f"{op}_{by}": shift(op, by) for op in ("shl", "shr", "sar", "rol", "ror", "rcl", "rcr")
       for by in ("one", "number", "cl")},
    **{f"{op}_{by}": double_shift(op, by) for op in ("shld", "shrd") for by in ("number", "cl")},
    **{f"{op}_{kind}": bit(op, kind) for op in ("bt", "bts", "btr", "btc")
       for kind in ("number", "register", "string")},
    **{f"lock_{op}": bit(op, "string", lock=True) for op in ("bts", "btr", "btc")},
    "bsf": scan("bsf"), "bsr": scan("bsr"), "bswap": swap,
    "widen": plain("cbw", "cwde", "cdqe", "cwd", "cdq", "cqo"), "xlat": lambda d: d.case("xlatb", rbx=0xA00000),
    "single_flags": plain("clc", "stc", "cmc", "lahf", "sahf"),
    "no_operation": plain("nop", "nopl 8(%rax)", "nopw 8(%rax,%rax,1)", "pause", "endbr64", "mfence", "xchg %eax,%eax"),
    "cmpxchg": compare_exchange(""), "lock_cmpxchg": compare_exchange("lock "),
    "cmpxchg8b": compare_exchange_pair(""), "lock_cmpxchg8b": compare_exchange_pair("lock "),
    **{f"set_{name}": condition(f"set_{name}") for name in CONDITIONS},
    **{f"cmov_{name}": condition(f"cmov_{name}") for name in CONDITIONS},
    **{f"j_{name}": condition(f"j_{name}") for name in CONDITIONS},
}  # fmt: skip


@pytest.mark.parametrize("form", TABLE)
def test_instruction_matches_unicorn_on_generated_operands(bench, form) -> None:  # type: ignore[no-untyped-def]
    """Registers, defined flags and memory are Unicorn's after each of 200 cases, edges and crossings among them."""
    expected, actual, same_memory = bench(TABLE).run(form)
    assert expected == actual
    assert same_memory
