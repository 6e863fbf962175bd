"""Who may use vector registers on x86-64: CR4.OSFXSR, CR0.EM, CR0.TS; MXCSR."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind, Sensitive
from tracegen.abi import Service

UNDEFINED, NOT_AVAILABLE, PROTECTION = (6, 0), (7, 0), (13, 0)
EM, TS = 4, 8
END = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
AGAIN = """
handler: clts
        add $16, %rsp
        iretq
on_syscall: mov $2, %eax
        exit
"""
"""Clears CR0.TS and goes back to the same instruction."""
INSTRUCTIONS = (
    "addsd %xmm1, %xmm0",
    "movups %xmm0, 0x11000",
    "ldmxcsr 0x11000",
    "cvttsd2si 0x11000, %eax",
    "pxor %xmm0, %xmm0",
)


def body(cr0: int, cr4: int) -> str:
    """To ring 3 with bits of control registers set."""
    set_cr0 = f"mov %cr0, %rax; or ${cr0:#x}, %rax; mov %rax, %cr0"
    return f"body: mov %cr4, %rax; or ${cr4:#x}, %rax; mov %rax, %cr4; {set_cr0}\n to_user 0x2"


@pytest.mark.parametrize("code", INSTRUCTIONS)
@pytest.mark.parametrize(
    ("cr0", "cr4", "expected"),
    [(0, 0, [UNDEFINED]), (EM, 0x200, [UNDEFINED]), (EM | TS, 0x200, [UNDEFINED]), (TS, 0, [UNDEFINED]),
     (TS, 0x200, [NOT_AVAILABLE]), (0, 0x200, [])],
)  # fmt: skip
def test_sse_is_there_as_control_registers_say(x86, code, cr0, cr4, expected) -> None:  # type: ignore[no-untyped-def]
    """#UD without OSFXSR or with EM, else #NM with TS, before anything else happens."""
    ran = x86(body(cr0, cr4) + END, f"movl $0x1f80, 0x11000; {code}; syscall")
    assert expected == ran.vectors


def test_not_available_is_a_switch_of_registers_and_restarts(x86) -> None:  # type: ignore[no-untyped-def]
    """The exception's cause and service say so; after clts, a row of its own, the instruction runs."""
    ran = x86(body(TS, 0x200) + AGAIN, "cvtsi2sd %eax, %xmm0; cvtsi2sd %eax, %xmm0; syscall", traced=True)
    assert [NOT_AVAILABLE] == ran.vectors
    causes = [info & 31 for kind, _, info, _, _ in ran.rows if kind == Kind.EXCEPTION]
    assert [Cause.COPROCESSOR, Cause.SYSCALL] == causes
    entered = [page for kind, _, _, page, _ in ran.rows if kind == Kind.SERVICE_ENTER]
    assert Service.FP_SWITCH in entered
    assert (Sensitive.CLTS, 0, 1) in ran.sensitive()


def test_reserved_bits_of_mxcsr_are_refused(x86) -> None:  # type: ignore[no-untyped-def]
    """#GP(0) by ldmxcsr, and MXCSR keeps its value."""
    user = "movl $0x1f80, 0x11000; ldmxcsr 0x11000; movl $0x10000, 0x11000; ldmxcsr 0x11000"
    assert [PROTECTION] == x86(body(0, 0x200) + END, user).vectors


def test_x87_and_mmx_stay_undefined(x86) -> None:  # type: ignore[no-untyped-def]
    """Only SSE's scalar part is there: others are #UD, or #NM where TS is set."""
    for code in ("fld1", "paddb %mm0, %mm1", "addps %xmm0, %xmm1"):
        assert [UNDEFINED] == x86(body(0, 0x200) + END, code).vectors
        assert [NOT_AVAILABLE] == x86(body(TS, 0x200) + END, code).vectors
