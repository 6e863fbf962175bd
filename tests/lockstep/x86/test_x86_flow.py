"""Jumps, calls, the stack, strings and code that changes itself, against un-hooked Unicorn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

AF, ALL = 0x10, 0x8D5
SUFFIXES = {1: "b", 2: "w", 4: "l", 8: "q"}
SIZES = (1, 2, 4, 8)
DATA = 0xA00000
LANDED = "1: lea 7(%r14), %r14"

Form = Callable[[Any], Any]


def texts(*choices: str, defined: int = ALL) -> Form:
    """Cases without generated operands, each in turn."""
    return lambda d: d.case(choices[d.index // 2 % len(choices)], defined)


def through(op: str) -> Form:
    """An indirect jump or call, through a register or memory."""

    def form(d: Any) -> Any:
        target = d.register(8, "rbx", "rsi", "r9", "r13")
        d.reserved = frozenset(("rbx", "rsi", "r9", "r13"))
        if d.random() < 0.5:
            memory = d.memory()
            target, before = f"*{memory}", f"lea 1f(%rip), {target}\n mov {target}, {memory}\n"
        else:
            target, before = f"*{target}", f"lea 1f(%rip), {target}\n"
        if op == "jmp":
            return d.case(f"{before}jmp {target}\n lea 3(%r14), %r14\n{LANDED}")
        return d.case(f"{before}call {target}\n jmp 2f\n{LANDED}\n ret\n2:")

    return form


def pushed(d: Any) -> Any:
    """push of a register, a number or memory, and what it left."""
    size = d.size(8, 8, 2)
    source = d.choice((d.register(size), d.memory(), f"${d.randrange(-128, 128)}", f"${d.randrange(1 << 15, 1 << 16)}"))
    source = d.memory() if size == 8 and source.startswith("$") and d.random() < 0.3 else source
    return d.case(f"push{SUFFIXES[size]} {source}\n pop{SUFFIXES[size]} %r14{'w' if size == 2 else ''}")


def popped(d: Any) -> Any:
    """pop into a register or memory."""
    size = d.size(8, 8, 2)
    target = d.register(size) if d.random() < 0.5 else d.memory()
    return d.case(f"push{SUFFIXES[size]} %{d.part('r11', size)}\n pop{SUFFIXES[size]} {target}")


def counted(op: str) -> Form:
    """loop and its like: rounds until the counter, or a comparison, ends them."""

    def form(d: Any) -> Any:
        size = d.choice(("", "", "addr32 "))
        size = size if op == "jrcxz" else ""
        if op == "jrcxz":
            counter = d.choice((0, 1 << 32, 5))
            name = "jecxz" if size else op
            return d.case(f"{name} 1f\n lea 3(%r14), %r14\n{LANDED}", rcx=counter)
        # Unicorn's flags are wrong where the counter ends a loop that looks at them.
        text = f"1: lea 1(%r14), %r14\n cmp %r14b, %r13b\n {op} 1b"
        registers = {"rcx": d.randrange(1, 40), "r13": d.randrange(64), "r14": d.randrange(64)}
        return d.case(text, ALL if op == "loop" else 0, **registers)

    return form


def string(op: str) -> Form:
    """A string instruction, forwards or backwards, once or repeated, over chunks and pages, often not at all."""

    def form(d: Any) -> Any:
        size = d.size(*SIZES)
        repeats = ("", "rep ") if op in ("movs", "stos", "lods") else ("", "repe ", "repne ")
        repeat, down = d.choice(repeats), d.random() < 0.4
        most = 700 if d.index % 16 == 3 else 24
        count = d.choice((0, 1, 2, d.randrange(most), d.randrange(most)))
        first = DATA + 16384 + 256 * d.index + d.randrange(300)
        second = first + d.choice((4096, 1000, -700, 3, -5))
        text = f"{repeat}{op}{SUFFIXES[size]}"
        if op in ("cmps", "scas") and repeat:
            text = alike(d, op, size, repeat, first, second, count) + text
        if d.random() < 0.2 and op in ("movs", "cmps", "lods"):
            text, first = f".byte 0x65\n {repeat}{op}{SUFFIXES[size]}", first - 0x2000  # %gs
        fill = "std\n " if down else "cld\n "
        return d.case(fill + text, rsi=first, rdi=second, rcx=count)

    return form


def alike(d: Any, op: str, size: int, repeat: str, first: int, second: int, count: int) -> str:
    """Code that makes some elements alike, so that a comparison does not end at the first one."""
    if repeat == "repne ":
        return ""
    if op == "scas":
        return f"push %rdi\n push %rcx\n rep stos{SUFFIXES[size]}\n pop %rcx\n pop %rdi\n"
    return f"push %rsi\n push %rdi\n push %rcx\nrep movs{SUFFIXES[size]}\n pop %rcx\n pop %rdi\n pop %rsi\n" + (
        f"incb {second + d.randrange(1, 90)}\n" if d.random() < 0.7 else ""
    )


def flags_from_stack(d: Any) -> Any:
    value = d.getrandbits(12) & (ALL | 0x400)
    suffix = d.choice("qw")
    register = "rax" if suffix == "q" else "ax"
    return d.case(f"push{suffix} ${value}\n popf{suffix}\n pushf{suffix}\n pop{suffix} %{register}")


def rewritten(d: Any) -> Any:
    """Code that overwrites the instruction behind the next jump."""
    return d.case(f"movb ${d.randrange(128)}, 1f+3(%rip)\n jmp 1f\n lea 9(%r14), %r14\n1: add $5, %r14b\n"
                  f" movb ${d.randrange(128)}, 2f+3(%rip)\n jmp 2f\n2: add $6, %r13b")  # fmt: skip


JUMPS = texts(
    f"jmp 1f\n lea 3(%r14), %r14\n{LANDED}",
    "jmp 2f\n1: lea 5(%r14), %r14\n ret\n2: jmp 1b",
    f"jmp 1f\n .skip 5000\n{LANDED}",
)
CALLS = texts(
    f"call 1f\n jmp 2f\n{LANDED}\n ret\n2:",
    "jmp 2f\n1: lea 5(%r14), %r14\n ret\n2: call 1b",
    "push %rbx\n push %rsi\n call 1f\n jmp 2f\n1: lea 5(%r14), %r14\n ret $16\n2:",
    "call 1f\n jmp 3f\n1: call 2f\n lea 1(%r14), %r14\n ret\n2: lea (%r14,%r14), %r14\n ret\n3:",
)
STACK_POINTER = texts(
    "push %rsp\n pop %rax",
    "push %rax\n push %rcx\n popq (%rsp)\n pop %rdx",
    "mov %rsp, %rbx\n lea 8(%rsp), %rax\n push %rax\n mov %rsp, %rcx\n pop %rsp\n mov %rbx, %rsp",
    "lea 16(%rsp,%rcx,2), %rax\n mov -8(%rsp), %rdx\n mov %esp, %esi",
    "push %rax\n push %rcx\n push %rdx\n popq 8(%rsp)\n pop %rdx\n pop %rcx",
)
FRAMES = texts(
    "push %rbp\n mov %rsp, %rbp\n push %rax\n sub $64, %rsp\n leave",
    "enter $32, $0\n mov %rax, -8(%rbp)\n leave",
    "push %rbp\n mov %rsp, %rbp\n leave\n",
)

TABLE: dict[str, Form] = {
    "jump": JUMPS,
    "call": CALLS,
    "jump_through": through("jmp"),
    "call_through": through("call"),
    "push": pushed,
    "pop": popped,
    "stack_pointer": STACK_POINTER,
    "frame": FRAMES,
    "flags_on_stack": flags_from_stack,
    **{op: counted(op) for op in ("loop", "loope", "loopne", "jrcxz")},
    **{op: string(op) for op in ("movs", "stos", "lods", "cmps", "scas")},
    "direction": texts("std", "cld", "std\n pushfq\n pop %rax\n cld"),
    "rewritten": rewritten,
}


@pytest.mark.parametrize("form", TABLE)
def test_control_and_strings_match_unicorn(bench, form) -> None:  # type: ignore[no-untyped-def]
    """Registers, defined flags, stack pointer and memory are Unicorn's after each of 200 cases."""
    expected, actual, same_memory = bench(TABLE).run(form)
    assert expected == actual
    assert same_memory
