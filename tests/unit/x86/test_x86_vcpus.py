"""Several vCPUs on x86-64: locked instructions, start-up, interrupts by the command register, waiting."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind, Wake
from tracegen import abi
from tracegen.abi_x86_64 import MSR_ICR, MSR_START_ARGUMENT, MSR_START_ENTRY, MSR_START_STACK, PORT_VCPUS, VECTOR_IPI

RBP, R8, R9, R10, R11 = 5, 8, 9, 10, 11
KERNEL = 0xFFFFFFFF80000000
COUNTER, DONE, FOUND = 0x30FFC, 0x32000, 0x33000
"""Physical addresses; the counter lies across two pages."""
ROUNDS = 200
MACROS = f"""
        .macro  start
        set_msr {MSR_START_ENTRY}, second
        set_msr {MSR_START_STACK}, {KERNEL + 0xA000}
        set_msr {MSR_START_ARGUMENT}, 77
        .endm
        .macro  command low, target
        mov     ${MSR_ICR}, %ecx
        mov     $\\low, %eax
        mov     \\target, %edx
        wrmsr
        .endm
        .macro  end_of_interrupt
        mov     $0x80b, %ecx
        xor     %eax, %eax
        xor     %edx, %edx
        wrmsr
        .endm
"""
START_UP = 6 << 8
START_ALL = f"""
        start
        mov     ${PORT_VCPUS}, %edx
        in      %dx, %eax
        mov     %eax, %r11d
        mov     $1, %ebp
1:      cmp     %r11d, %ebp
        je      2f
        command {START_UP}, %ebp
        inc     %ebp
        jmp     1b
2:
"""
STOPPING = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
INCREMENTS = {
    "inc": "lock incq (%r8)",
    "add": "lock addq $1, (%r8)",
    "xadd": "mov $1, %eax\n lock xaddq %rax, (%r8)",
    "cmpxchg": "mov (%r8), %rax\n4: lea 1(%rax), %rdx\n jmp 5f\n5: lock cmpxchgq %rdx, (%r8)\n jne 4b",
    "xchg": f"""
4:      mov     $1, %eax
        xchg    %eax, {DONE + 64 - COUNTER}(%r8)
        test    %eax, %eax
        jne     4b
        mov     (%r8), %rax
        jmp     5f
5:      inc     %rax
        mov     %rax, (%r8)
        movl    $0, {DONE + 64 - COUNTER}(%r8)""",
}


def count_with(increment: str) -> str:
    """A guest whose vCPUs add to one counter, ROUNDS times each; the first waits for the others and ends with 7."""
    work = f"""
        mov     ${KERNEL + COUNTER}, %r8
        mov     ${ROUNDS}, %r9d
3:      {increment}
        dec     %r9d
        jnz     3b
        lock incq {DONE - COUNTER}(%r8)
"""
    return f"""{MACROS}
body:   {START_ALL} {work}
6:      cmp     {DONE - COUNTER}(%r8), %r11
        jne     6b
        mov     $7, %eax
        exit
second: {work}
7:      jmp     7b
{STOPPING}"""


@pytest.mark.parametrize("quantum", [64, 101, 2000])
@pytest.mark.parametrize("name", INCREMENTS)
def test_a_counter_under_locked_instructions_is_exact_at_any_quantum(x86, name, quantum) -> None:  # type: ignore[no-untyped-def]
    """Every vCPU's every increment is there, wherever the turns end and though the counter lies across two pages."""
    ran = x86(count_with(INCREMENTS[name]), vcpus=5, quantum=quantum, traced=True, limit=1_000_000)
    assert (7, 5 * ROUNDS) == (ran.result.status, ran.word(COUNTER))
    assert ran.result.instructions == sum(n for *_, n in ran.rows)


def test_a_counter_without_them_loses_increments(x86) -> None:  # type: ignore[no-untyped-def]
    """A turn that ends between load and store loses what others did meanwhile."""
    body = count_with("mov (%r8), %rax\n jmp 4f\n4: inc %rax\n mov %rax, (%r8)")
    found = [x86(body, vcpus=4, quantum=quantum, limit=1_000_000) for quantum in (64, 65, 66, 67)]
    assert [7] * 4 == [ran.result.status for ran in found]
    assert 4 * ROUNDS > min(ran.word(COUNTER) for ran in found)


def test_vcpus_that_are_never_started_change_nothing(x86) -> None:  # type: ignore[no-untyped-def]
    """A guest that waits for its timer makes the same rows on a machine of one vCPU and on one of five."""
    body = f"""{MACROS}
body:   set_msr 0x80f, 0x1ff
        set_msr 0x832, {2 << 17 | 0x31}
        set_msr 0x6e0, 9000
        mov     $500, %r9d
1:      dec     %r9d
        jnz     1b
        sti
        hlt
        mov     $3, %eax
        exit
handler: end_of_interrupt
        add     $16, %rsp
        iretq
on_syscall: exit"""
    one, five = (x86(body, traced=True, vcpus=vcpus, quantum=64) for vcpus in (1, 5))
    assert 3 == one.result.status
    assert one.rows == five.rows
    assert [Wake.TIMER] == [info for info, _ in one.of(Kind.IDLE)]


def test_a_started_vcpu_finds_its_registers_and_its_starter_s_space(x86) -> None:  # type: ignore[no-untyped-def]
    """Argument, number, stack and control registers are where the interface says; rows tell who called whom."""
    body = f"""{MACROS}
body:   start
        mov     $2, %ebp
        command {START_UP}, %ebp
1:      cmpq    $0, {DONE - 0x80000000}
        je      1b
        mov     $7, %eax
        exit
second: mov     %rdi, {FOUND - 0x80000000}
        mov     %rsi, {FOUND + 8 - 0x80000000}
        mov     %rsp, {FOUND + 16 - 0x80000000}
        mov     %cr3, %rax
        mov     %rax, {FOUND + 24 - 0x80000000}
        mov     %cr0, %rax
        mov     %rax, {FOUND + 32 - 0x80000000}
        mov     $0x802, %ecx
        rdmsr
        mov     %rax, {FOUND + 40 - 0x80000000}
        mov     $1, %eax
        cpuid
        shr     $24, %ebx
        mov     %rbx, {FOUND + 48 - 0x80000000}
        incq    {DONE - 0x80000000}
1:      jmp     1b
{STOPPING}"""
    ran = x86(body, vcpus=3, traced=True)
    found = [ran.word(FOUND + 8 * place) for place in range(7)]
    assert 7 == ran.result.status
    assert [77, 2, KERNEL + 0xA000, 0x10000, 0x80010011, 2, 2] == found
    assert [(2, 1)] == ran.of(Kind.IPI_SEND)
    assert [(0, 1)] == ran.of(Kind.IPI_RECEIVE)
    assert [Wake.IPI] == [info for info, _ in ran.of(Kind.IDLE)]
    switched = [(ctx & 15, page) for kind, ctx, _, page, _ in ran.rows if kind == Kind.BASE_SWITCH]
    assert [(0, switched[-1][1]), (2, switched[-1][1])] == switched[-2:]


RECEIVER = f"""
second: lidt    idt_register(%rip)
        lgdt    gdt_register(%rip)
        set_msr 0x80f, 0x1ff
        xor     %r9d, %r9d
        incq    {DONE - 0x80000000}
1:      sti
        hlt
        cmpq    $2, {FOUND - 0x80000000}
        jne     1b
        incq    {DONE - 0x80000000}
        cli
        hlt
"""
NOTING = f"""
handler: incq   {FOUND - 0x80000000}
        end_of_interrupt
        add     $16, %rsp
        iretq
on_syscall: mov $2, %eax
        exit
"""


@pytest.mark.parametrize("low", [VECTOR_IPI, 3 << 18 | VECTOR_IPI])
def test_an_interrupt_wakes_a_waiting_vcpu_and_is_delivered_there(x86, low) -> None:  # type: ignore[no-untyped-def]
    """By number or to all others: an exception of the vector, in the service of such interrupts, on the target."""
    body = f"""{MACROS}
body:   start
        mov     $1, %ebp
        command {START_UP}, %ebp
1:      cmpq    $1, {DONE - 0x80000000}
        jne     1b
        mov     $3000, %r9d
1:      dec     %r9d
        jnz     1b
        command {low}, %ebp
1:      cmpq    $1, {FOUND - 0x80000000}
        jne     1b
        command {low + 1}, %ebp
1:      cmpq    $2, {DONE - 0x80000000}
        jne     1b
        mov     $7, %eax
        exit
{RECEIVER}{NOTING}"""
    ran = x86(body, vcpus=2, traced=True)
    assert 7 == ran.result.status
    taken = [(ctx & 15, info & 31, page) for kind, ctx, info, page, _ in ran.rows if kind == Kind.EXCEPTION]
    assert [(1, Cause.INTERRUPT, VECTOR_IPI), (1, Cause.INTERRUPT, VECTOR_IPI + 1)] == taken
    assert [VECTOR_IPI, VECTOR_IPI + 1] == [note.vector for note in ran.notes]
    assert 2 == [page for _, page in ran.of(Kind.SERVICE_ENTER)].count(abi.Service.IPI)
    assert [(1, 1), (1, 2), (1, 3)] == ran.of(Kind.IPI_SEND)
    assert [(0, 1), (0, 2), (0, 3)] == ran.of(Kind.IPI_RECEIVE)


def test_calls_wait_by_vector_and_the_highest_goes_first(x86) -> None:  # type: ignore[no-untyped-def]
    """Three to itself with interrupts off, two of one vector: two are taken, the one of the higher class first."""
    own = 1 << 18
    body = f"""{MACROS}
body:   set_msr 0x80f, 0x1ff
        command {own | 0x25}, %ebp
        command {own | 0x37}, %ebp
        command {own | 0x25}, %ebp
        sti
        mov     $10, %r9d
1:      dec     %r9d
        jnz     1b
        cmpq    $2, {FOUND - 0x80000000}
        jne     2f
        mov     $7, %eax
        exit
2:      mov     $4, %eax
        exit
{NOTING}"""
    ran = x86(body)
    assert (7, [0x37, 0x25]) == (ran.result.status, [note.vector for note in ran.notes])


@pytest.mark.parametrize("value", [0x0F, 0x124, 1 << 11 | 0x24, 0x1000024])
def test_commands_that_cannot_be_are_refused(x86, value) -> None:  # type: ignore[no-untyped-def]
    """A vector below 16, an unknown delivery, a logical destination and a reserved bit are protection faults."""
    ran = x86(f"{MACROS}\nbody: xor %ebp, %ebp\n command {value}, %ebp\n{STOPPING}")
    assert (1, [(13, 0)]) == (ran.result.status, ran.vectors)


def test_a_repeated_string_that_a_turn_cuts_is_whole(x86) -> None:  # type: ignore[no-untyped-def]
    """Two vCPUs fill a page each by one instruction while turns of 64 instructions end in it."""
    work = """
        cld
        mov     $4096, %ecx
        mov     $0x5a, %eax
        rep stosb
"""
    body = f"""{MACROS}
body:   start
        mov     $1, %ebp
        command {START_UP}, %ebp
        mov     ${KERNEL + 0x40800}, %rdi
        {work}
1:      cmpq    $1, {DONE - 0x80000000}
        jne     1b
        mov     $7, %eax
        exit
second: mov     ${KERNEL + 0x42800}, %rdi
        {work}
        incq    {DONE - 0x80000000}
1:      jmp     1b
{STOPPING}"""
    ran = x86(body, vcpus=2, quantum=64)
    assert 7 == ran.result.status
    assert [b"\x5a" * 4096] * 2 == [ran.machine.read(at, 4096) for at in (0x40800, 0x42800)]
