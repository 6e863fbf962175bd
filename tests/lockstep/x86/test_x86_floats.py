"""SSE against un-hooked Unicorn on generated operands, in all rounding modes.

A case puts two words into each of two vector registers, runs an instruction and fetches them again.  Where both
operands are NaNs Unicorn follows x87's rule instead of SSE's, so that one at most is.  MXCSR's flags are left out: the
machine raises no floating-point exception and records none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tracegen.x86_64.lower.floats import COMPARISONS, RELATIONS, TABLE

from .float_numbers import double, integer, single

Form = Callable[[Any], Any]
ALL_FLAGS = 0x8D5
PUT = """movq %rax,%xmm0
 movq %rcx,%xmm2
 punpcklqdq %xmm2,%xmm0
 movq %rdx,%xmm1
 movq %rbx,%xmm2
 punpcklqdq %xmm2,%xmm1"""
TAKE = """movq %xmm0,%rax
 movhlps %xmm0,%xmm0
 movq %xmm0,%rcx
 movq %xmm1,%rdx
 punpckhqdq %xmm1,%xmm1
 movq %xmm1,%rbx"""
WORDS = {"s": single, "d": double, "i": lambda dice, nans=True: integer(dice)}


def case(d: Any, kind: str, text: str, flags: int = ALL_FLAGS) -> Any:
    """Registers from general ones, MXCSR's mode by the case's number, the instruction, registers to general ones."""
    number = WORDS[kind]
    words = {"rax": number(d), "rcx": number(d), "rdx": number(d, nans=False), "rbx": number(d, nans=False)}
    place = f"data_area+{512 * d.index}(%rip)"
    mode = f"movl ${0x1F80 | d.index % 4 << 13:#x}, {place}\n ldmxcsr {place}"
    return d.case(f"{mode}\n {PUT}\n {text}\n {TAKE}", flags, **words)


def spot(d: Any) -> str:
    """Sixteen aligned bytes of the case's data; ``d`` has put the second register there."""
    return f"data_area+{512 * d.index + 256}(%rip)"


def two(op: str, kind: str, more: str = "") -> Form:
    """op from the other register, the same one, or memory that holds the other."""

    def form(d: Any) -> Any:
        if d.index % 3 == 0:
            return case(d, kind, f"movups %xmm1,{spot(d)}\n {op} {more}{spot(d)},%xmm0")
        return case(d, kind, f"{op} {more}%xmm{d.choice((1, 1, 1, 0))},%xmm0")

    return form


def choice(op: str) -> Form:
    """op of two registers by any number."""
    return lambda d: two(op, "i", f"${d.randrange(256)},")(d)


def between(op: str, size: int) -> Form:
    """A move between registers, from memory and to memory."""

    def form(d: Any) -> Any:
        place = f"data_area+{512 * d.index + 256 + d.randrange(0, 64, min(size, 16))}(%rip)"
        text = (f"{op} %xmm1,%xmm0", f"{op} {place},%xmm0", f"{op} %xmm1,{place}")
        return case(d, "i", text[d.index % 3])

    return form


def half(op: str) -> Form:
    """A move of one word from and to memory."""

    def form(d: Any) -> Any:
        place = f"data_area+{512 * d.index + 256 + 8 * d.randrange(8)}(%rip)"
        return case(d, "i", f"{op} {place},%xmm0" if d.index % 2 else f"{op} %xmm1,{place}")

    return form


def word(op: str, general: str) -> Form:
    """movd, movq: also with a general register, in which upper bits vanish."""

    def form(d: Any) -> Any:
        texts = [f"{op} %{general},%xmm0\n {op} %xmm1,%{general}"]
        place = f"data_area+{512 * d.index + 256 + 8 * d.randrange(8)}(%rip)"
        texts += [f"{op} {place},%xmm0", f"{op} %xmm1,{place}"] + ([f"{op} %xmm1,%xmm0"] if op == "movq" else [])
        return case(d, "i", texts[d.index % len(texts)])

    return form


def across(op: str) -> Form:
    return lambda d: case(d, "i", f"{op} %xmm{d.choice((0, 1))},%xmm{d.choice((0, 1))}")


def from_integer(op: str) -> Form:
    """From a general register or memory, of 32 or 64 bits."""

    def form(d: Any) -> Any:
        suffix, register = d.choice((("l", "%r9d"), ("q", "%r9")))
        source = f"data_area+{512 * d.index + 256}(%rip)" if d.index % 3 == 0 else register
        text = f"mov %r9,{source}\n {op}{suffix} {source},%xmm0" if d.index % 3 == 0 else f"{op}{suffix} {source},%xmm0"
        made = case(d, "i", text)
        made.registers["r9"] = integer(d)
        return made

    return form


def to_integer(op: str, kind: str) -> Form:
    """To a general register of 32 or 64 bits."""

    def form(d: Any) -> Any:
        source = "%xmm0"
        before = ""
        if d.index % 3 == 0:
            before, source = f"movups %xmm0,{spot(d)}\n ", spot(d)
        return case(d, kind, f"{before}{op} {source},%{d.choice(('r8', 'r8d'))}")

    return form


def compared(op: str, kind: str, use: str) -> Form:
    """A comparison's flags, and conditions that follow."""
    return lambda d: case(d, kind, f"{op} %xmm{d.choice((1, 1, 0))},%xmm0\n {use}")


def control(d: Any) -> Any:
    """MXCSR is read as it was written."""
    return case(d, "i", f"stmxcsr {spot(d)}\n movl {spot(d)},%r8d")


SCALARS = ("add", "sub", "mul", "div", "sqrt", "min", "max")
PAIRS = ("andps andpd pand andnps andnpd pandn orps orpd por xorps xorpd pxor").split()
LANES = "unpcklps punpckldq unpckhps punpckhdq unpcklpd punpcklqdq unpckhpd punpckhqdq".split()
USES = {"": "", "_jumps": "ja 1f\n inc %r8\n 1: jb 2f\n inc %r9\n 2: jae 3f\n inc %r10\n 3: jbe 4f\n inc %r11\n 4:"}
USES["_sets"] = "seta %r8b\n setb %r9b\n setp %r10b\n sete %r11b\n cmovbe %rsi,%r12\n cmovne %rsi,%r13"
FORMS: dict[str, Form] = {
    **{f"{op}s{s}": two(f"{op}s{s}", s) for op in SCALARS for s in "sd"},
    **{f"{op}pd": two(f"{op}pd", "d") for op in SCALARS[:5]},
    **{f"cmp{name}s{s}": two(f"cmp{name}s{s}", s) for name in RELATIONS for s in "sd"},
    **{op: two(op, "i") for op in (*PAIRS, *LANES)},
    **{op: choice(op) for op in ("shufps", "shufpd", "pshufd")},
    **{op: between(op, 16) for op in "movaps movapd movups movupd movdqa movdqu".split()},
    "movss": between("movss", 4), "movsd": between("movsd", 8), "movd": word("movd", "r8d"), "movq": word("movq", "r8"),
    **{op: half(op) for op in ("movlps", "movlpd", "movhps", "movhpd")},
    "movlhps": across("movlhps"), "movhlps": across("movhlps"),
    "cvtss2sd": two("cvtss2sd", "s"), "cvtsd2ss": two("cvtsd2ss", "d"),
    "cvtsi2sd": from_integer("cvtsi2sd"), "cvtsi2ss": from_integer("cvtsi2ss"),
    **{f"cvt{t}s{s}2si": to_integer(f"cvt{t}s{s}2si", s) for t in ("", "t") for s in "sd"},
    "ldmxcsr_stmxcsr": control,
}  # fmt: skip
FORMS |= {f"{op}{use}": compared(op, op[-1], text) for op in sorted(COMPARISONS) for use, text in USES.items()}


def test_every_instruction_has_cases() -> None:
    """The forms hold every name that the lowering knows."""
    assert set(TABLE) == {part for name in FORMS for part in name.split("_") if part not in ("jumps", "sets")}


@pytest.mark.parametrize("form", FORMS)
def test_instruction_matches_unicorn_in_all_rounding_modes(bench, form) -> None:  # type: ignore[no-untyped-def]
    """Registers, flags and memory are Unicorn's, to the bit, after each of 200 cases with NaNs and denormals."""
    expected, actual, same = bench(FORMS).run(form)
    assert expected == actual
    assert same
