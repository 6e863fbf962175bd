"""Exceptions on x86-64: what handlers are given, stacks, gates, double faults, the end of a CPU that cannot go on."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind, Mode

KERNEL_STACK, FAULT_STACK = 0xFFFFFFFF8000B000, 0xFFFFFFFF8000C000
SYSTEM_CODE, SYSTEM_DATA, USER_DATA, USER_CODE = 0x08, 0x10, 0x1B, 0x23
USER, USER_STACK = 0x10000, 0x18000
HANDLED = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
GATE = ".rept {at}; .quad 0, 0; .endr; .word 0, 0, {type}, 0; .quad 0"
CAUSES = {
    "ud2": (6, 0, 0, Cause.RESERVED_INSTRUCTION),
    "xor %ecx, %ecx; div %ecx": (0, 0, 2, Cause.DIVIDE),
    "hlt": (13, 0, 0, Cause.GENERAL_PROTECTION),
    "int $0x20": (13, 0x20 * 8 + 2, 0, Cause.GENERAL_PROTECTION),
    "int $0x50": (13, 0x50 * 8 + 2, 0, Cause.GENERAL_PROTECTION),
    "mov $0x33, %eax; mov %eax, %ds": (13, 0x30, 5, Cause.GENERAL_PROTECTION),
    "xor %eax, %eax; mov %eax, %ss": (13, 0, 2, Cause.GENERAL_PROTECTION),
    "fnop": (6, 0, 0, Cause.RESERVED_INSTRUCTION),
    "mov %eax, %cs": (6, 0, 0, Cause.RESERVED_INSTRUCTION),
}


@pytest.mark.parametrize("code", CAUSES)
def test_an_exception_s_handler_is_given_where_and_why(in_user, code) -> None:  # type: ignore[no-untyped-def]
    """Vector, error code, the faulting instruction's address, ring 3's stack and flags; the trace has the cause."""
    vector, error, offset, cause = CAUSES[code]
    ran = in_user(code, flags=0x202, traced=True)
    (note,) = ran.notes
    assert (vector, error, USER + offset, USER_CODE) == (note.vector, note.error, note.rip, note.cs)
    assert (USER_STACK, USER_DATA, 0x202) == (note.rsp, note.ss, note.rflags & 0xF302)
    assert [(cause, 0)] == ran.of(Kind.EXCEPTION)


def test_an_interrupt_gate_turns_interrupts_off_and_a_trap_gate_does_not(x86) -> None:  # type: ignore[no-untyped-def]
    """IF in the handler by the gate's type."""
    body = """body: sti
        int     $0x30
        int     $0x31
        mov     $3, %eax
        exit
handler: pushf
        pop     %rcx
        add     $16, %rsp
        cmpq    $0x30, (%rbx)
        cmove   %rcx, %r8
        cmovne  %rcx, %r9
        iretq
on_syscall: ud2
"""
    ran = x86(body, gates=GATE.format(at=0x31, type="0x8f00"))
    assert (0, 0x200) == (ran.machine.registers[8] & 0x200, ran.machine.registers[9] & 0x200)
    assert [0x30, 0x31] == [note.vector for note in ran.notes]


def test_a_gate_of_ring_3_is_open_to_ring_3(in_user) -> None:  # type: ignore[no-untyped-def]
    """int n through a gate with privilege 3 saves the address after it and counts as one retired instruction."""
    ran = in_user("int $0x33; nop", gates=GATE.format(at=0x33, type="0xee00"), traced=True)
    (note,) = ran.notes
    assert (0x33, USER + 2) == (note.vector, note.rip)
    assert [(Cause.TRAP, 0x33)] == ran.of(Kind.EXCEPTION)


def test_a_gate_that_is_not_present_says_so(in_user) -> None:  # type: ignore[no-untyped-def]
    """#NP with the vector in its error code, bit 1 for the interrupt table."""
    assert [(11, 0x33 * 8 + 2)] == in_user("int $0x33", gates=GATE.format(at=0x33, type="0x6e00")).vectors


def test_a_handler_in_ring_0_starts_on_the_task_s_stack(in_user) -> None:  # type: ignore[no-untyped-def]
    """From ring 3 the frame lies at the top of the stack that the task names for ring 0."""
    ran = in_user("ud2")
    assert KERNEL_STACK - 7 * 8 == ran.machine.registers[4]


def test_a_handler_of_the_same_ring_keeps_the_stack_aligned_to_16(x86) -> None:  # type: ignore[no-untyped-def]
    """rsp is cut to a multiple of 16 before the frame is pushed; the old one is in the frame."""
    ran = x86(f"body: sub $4, %rsp\n ud2\n{HANDLED}")
    (note,) = ran.notes
    assert (KERNEL_STACK - 4, SYSTEM_DATA) == (note.rsp, note.ss)
    assert KERNEL_STACK - 16 - 7 * 8 == ran.machine.registers[4]


def test_a_gate_can_name_a_stack_of_its_own(x86) -> None:  # type: ignore[no-untyped-def]
    """The gate's interrupt stack is used in the same ring, too."""
    ran = x86(
        f"body: ud2\n{HANDLED}", gates=GATE.format(at=6, type="0x8e00").replace(".word 0, 0,", ".word 0, 0x0008,")
    )
    assert KERNEL_STACK - 7 * 8 == ran.machine.registers[4]
    ran = x86(f"body: ud2\n{HANDLED}", gates=GATE.format(at=6, type="0x8e01"))
    assert FAULT_STACK - 7 * 8 == ran.machine.registers[4]


def test_a_fault_while_a_fault_is_delivered_is_a_double_fault(x86) -> None:  # type: ignore[no-untyped-def]
    """A page fault whose frame cannot be pushed ends in #DF with error code 0, on a stack that works."""
    body = f"body: movabs $0x5000000008, %rsp\n mov (%rsp), %eax\n{HANDLED}"
    ran = x86(body, gates=GATE.format(at=8, type="0x8e01"), traced=True)
    (note,) = ran.notes
    assert (8, 0, 0x5000000008) == (note.vector, note.error, note.rsp)
    assert [Cause.NOT_PRESENT, Cause.NOT_PRESENT] == [info & 31 for info, _ in ran.of(Kind.EXCEPTION)]


def test_a_benign_fault_while_another_is_delivered_is_delivered_itself(x86) -> None:  # type: ignore[no-untyped-def]
    """An undefined opcode whose handler's gate lacks its segment: #NP with the gate's code, no double fault."""
    ran = x86(f"body: ud2\n{HANDLED}", gates=GATE.format(at=6, type="0x0e00").replace(".word 0, 0,", ".word 1, 0,"))
    assert [(11, 6 * 8 + 3)] == ran.vectors


@pytest.mark.parametrize("traced", [False, True])
def test_a_fault_while_a_double_fault_is_delivered_ends_the_run(x86, traced) -> None:  # type: ignore[no-untyped-def]
    """Without a stack that works the CPU shuts down, and the run says so."""
    ran = x86(f"body: xor %esp, %esp\n movabs $0x5000000008, %rsp\n ud2\n{HANDLED}", traced=traced)
    assert None is ran.result.status
    assert ran.result.reason.startswith(
        "the CPU shut down: a fault while it delivered a double fault, at pc 0xffffffff"
    )
    assert not traced or (Kind.END, 1) == (ran.rows[-1][0], ran.rows[-1][2])


def test_a_guest_that_faults_for_ever_is_stopped(x86) -> None:  # type: ignore[no-untyped-def]
    """A handler that faults at its first instruction never gets on."""
    body = (
        "body: lidt second(%rip)\n ud2\nhandler: on_syscall: nop\nsecond: .word 0xfff; .quad again\n.balign 16\nagain:"
    )
    gate = ".word bad - _start + 0x1000, 8, 0x8e01, 0x8000; .long 0xffffffff, 0;"
    body = (
        body.replace(" ud2", " jmp bad")
        .replace("nop", "ud2")
        .replace("again:", f"again: .rept 8; {gate} .endr\nbad: ud2")
    )
    ran = x86(body)
    assert ran.result.reason.startswith("the guest takes exceptions for ever without executing an instruction")


@pytest.mark.parametrize("ring", [1, 3])
def test_iretq_goes_to_an_outer_ring_and_an_exception_comes_back(x86, ring) -> None:  # type: ignore[no-untyped-def]
    """CS, SS and mode of rings 1 and 3; ring 1 is a supervisor to the trace and has the system's pages."""
    code, data, start = {1: (0x39, 0x41, "inside"), 3: (USER_CODE, USER_DATA, f"{USER}")}[ring]
    body = f"""body:
        push    ${data}
        push    $0x18000
        push    $0x202
        push    ${code}
        push    ${start}
        iretq
inside: hlt
{HANDLED}"""
    ran = x86(body, "hlt", traced=True)
    (note,) = ran.notes
    assert (13, 0, code, data, 0x18000, 0x202) == (note.vector, note.error, note.cs, note.ss, note.rsp, note.rflags)
    assert [({1: Mode.SUPERVISOR, 3: Mode.USER}[ring], 0)] == ran.of(Kind.RETURN)


FRAMES = {
    "code of 32 bits": ("0x18, 0x18000, 0x2, 0x4b, 0x10000", 0x48),
    "no code segment": ("0x1b, 0x18000, 0x2, 0x1b, 0x10000", 0x18),
    "null code segment": ("0x1b, 0x18000, 0x2, 0, 0x10000", 0),
    "stack of another ring": ("0x10, 0x18000, 0x2, 0x23, 0x10000", 0x10),
    "null stack in ring 3": ("0x3, 0x18000, 0x2, 0x23, 0x10000", 0),
    "beyond the table": ("0x1b, 0x18000, 0x2, 0x1fb, 0x10000", 0x1F8),
}


@pytest.mark.parametrize("name", FRAMES)
def test_iretq_checks_where_it_goes(x86, name) -> None:  # type: ignore[no-untyped-def]
    """#GP with the selector, at the iretq, with nothing changed."""
    words, error = FRAMES[name]
    ran = x86(f"body: {''.join(f'push ${word.strip()};' for word in words.split(','))} iretq\n{HANDLED}")
    (note,) = ran.notes
    assert (13, error, SYSTEM_CODE, KERNEL_STACK - 40) == (note.vector, note.error, note.cs, note.rsp)


def test_iretq_to_an_address_that_is_not_canonical(x86) -> None:  # type: ignore[no-untyped-def]
    """#GP(0) in ring 0."""
    frame = "push $0x1b; push $0x18000; push $2; push $0x23; push %rax"
    body = f"body: movabs $0x800000000000, %rax\n {frame}; iretq\n{HANDLED}"
    assert [(13, 0)] == x86(body).vectors


def test_a_page_fault_s_instruction_runs_again(x86) -> None:  # type: ignore[no-untyped-def]
    """The handler makes the page present and returns: the program goes on as if nothing had been."""
    body = """body: to_user 2
handler: movq   $0x25007, 0xffffffff800150a0
        add     $16, %rsp
        iretq
on_syscall: mov $5, %eax
        exit
"""
    user = "movl $0x14, %r8d; movl $6, 0x14ff0; addl %r8d, 0x14ff0; movl 0x14ff0, %r9d; syscall"
    ran = x86(body, user, traced=True)
    assert (26, [(14, 6)]) == (ran.machine.registers[9], ran.vectors)
    assert 1 == sum(kind == Kind.LOAD4 and info == 0xFF0 and ctx == 0 for kind, ctx, info, _, _ in ran.rows[-40:]) - 1
