"""What rings may do on x86-64: instructions that trap, those that are sensitive and do not, system calls, registers."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind, Mode, Sensitive

PROTECTION, UNDEFINED = (13, 0), (6, 0)
R8, R9, R10 = 8, 9, 10
HANDLED = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
PRIVILEGED = (
    *("cli", "sti", "hlt", "clts", "wbinvd", "invd", "swapgs", "sysretq", "rdmsr", "wrmsr", "rdpmc"),
    *("in %dx, %al", "in $0x60, %eax", "out %al, %dx", "out %ax, $0x60"),
    *("mov %cr0, %rax", "mov %rax, %cr2", "mov %rax, %cr3", "mov %cr4, %rax", "mov %cr8, %rax", "mov %rax, %db0"),
    *("lgdt 0x11000", "lidt 0x11000", "lldt %ax", "ltr %ax", "lmsw %ax", "invlpg 0x11000"),
)


@pytest.mark.parametrize("code", PRIVILEGED)
def test_privileged_instructions_trap_in_ring_3(in_user, code) -> None:  # type: ignore[no-untyped-def]
    """#GP(0), and no SENSITIVE row of what was not executed."""
    ran = in_user(f"movabs $1, %rax; {code}", traced=True)
    assert [PROTECTION] == ran.vectors
    assert [Sensitive.IRET, Sensitive.MOV_FROM_CR, Sensitive.OUT] == [klass for klass, _, _ in ran.sensitive()[-3:]]


SILENT = {
    "sgdt 0x11100": (Sensitive.SGDT, 0, 0),
    "sidt 0x11100": (Sensitive.SIDT, 0, 0),
    "sldt %r8": (Sensitive.SLDT, 0, 0),
    "str %r8": (Sensitive.STR, 0, 0),
    "smsw %r8": (Sensitive.SMSW, 0, 0),
    "pushf": (Sensitive.PUSHF, 0, 0),
    "push $0x246; popf": (Sensitive.POPF, 0, 0),
    "push $0x46; popf": (Sensitive.POPF, 0, 2),
    "lar %ecx, %r8d": (Sensitive.LAR, 0, 0),
    "lsl %ecx, %r8d": (Sensitive.LSL, 0, 0),
    "verr %cx": (Sensitive.VERR, 0, 0),
    "verw %cx": (Sensitive.VERW, 0, 0),
    "mov %cs, %r8": (Sensitive.MOV_SEGMENT, 1, 0),
    "mov %ecx, %ds": (Sensitive.MOV_SEGMENT, 3, 1),
    "push %fs": (Sensitive.PUSH_SEGMENT, 4, 0),
    "push $0; pop %gs": (Sensitive.POP_SEGMENT, 5, 0),
    "rdtsc": (Sensitive.RDTSC, 0, 0),
}


@pytest.mark.parametrize("code", SILENT)
def test_sensitive_instructions_run_in_ring_3_without_a_trap(in_user, code) -> None:  # type: ignore[no-untyped-def]
    """They execute, and the trace says so: class, register, whether a value changed or popf was not obeyed."""
    ran = in_user(f"mov $0x1b, %ecx; {code}; syscall", flags=0x202, traced=True)
    found = ran.sensitive()
    returned = next(at for at, (klass, _, _) in enumerate(found) if klass == Sensitive.IRET)
    assert 2 == ran.result.status
    assert [SILENT[code]] == found[returned + 1 : -1]


def test_tables_and_status_leak_the_kernel_s_values_to_ring_3(in_user) -> None:  # type: ignore[no-untyped-def]
    """sgdt, sidt, str and smsw tell ring 3 where the kernel's tables are."""
    ran = in_user("sgdt 0x11100; sidt 0x11200; str %r8d; smsw %r9d; sldt %r10d; syscall")
    machine = ran.machine
    assert 10 * 8 - 1 == int.from_bytes(machine.read(0x21100, 2), "little")
    assert 64 * 16 - 1 == int.from_bytes(machine.read(0x21200, 2), "little")
    assert 0xFFFFFFFF80001000 <= int.from_bytes(machine.read(0x21102, 8), "little") < 0xFFFFFFFF80008000
    assert (0x28, 0x80010011, 0) == tuple(machine.registers[at] for at in (R8, R9, R10))


@pytest.mark.parametrize(("before", "asked", "after"), [(0x202, 0x0, 0x200), (0x2, 0x200, 0), (0x3002, 0x3200, 0x3200)])
def test_popf_keeps_the_interrupt_flag_silently_outside_its_ring(in_user, before, asked, after) -> None:  # type: ignore[no-untyped-def]
    """In ring 3 popf changes IF only where the I/O privilege level is 3, and the level itself never."""
    ran = in_user(f"push ${asked:#x}; popf; pushf; pop %r8; syscall", flags=before)
    assert after == ran.machine.registers[R8] & 0x3200


def test_iret_keeps_the_interrupt_flag_outside_its_ring(in_user) -> None:  # type: ignore[no-untyped-def]
    """iretq from ring 3 to ring 3 obeys the same rule, and the level stays."""
    frame = "push $0x1b; push $0x17800; push $0x3000; push $0x23; lea 1f(%rip), %rax; push %rax"
    user = f"{frame}; iretq\n1: pushf; pop %r8; syscall"
    assert 0x200 == in_user(user, flags=0x202).machine.registers[R8] & 0x3200


@pytest.mark.parametrize("flags", [0x3202, 0x3002])
def test_ring_3_may_use_ports_and_the_interrupt_flag_where_its_level_allows(in_user, flags) -> None:  # type: ignore[no-untyped-def]
    """With an I/O privilege level of 3, cli, sti and ports are not privileged; ports are rows of the trace."""
    user = "cli; mov $0x3fd, %edx; in %dx, %al; mov %eax, %r8d; mov $0x78, %al; out %al, $0x60; sti; syscall"
    ran = in_user(user, flags=flags, traced=True)
    assert (2, 0x20) == (ran.result.status, ran.machine.registers[R8] & 0xFF)
    assert [(1, 0x3FD), (1 | 1 << 8, 0x60), (4 | 1 << 8, 0xF4)] == ran.of(Kind.PORT)


def test_syscall_and_sysret_cross_the_rings(x86) -> None:  # type: ignore[no-untyped-def]
    """rcx and r11 keep address and flags; the kernel runs with the mask's flags off; sysret comes back to ring 3."""
    body = """body: to_user 0x202
handler: mov $1, %eax
        exit
on_syscall: cmp $7, %eax
        jne     1f
        mov     %rcx, %r8
        mov     %r11, %r9
        pushf
        pop     %r10
        mov     %cs, %r12
        mov     %ss, %r13
        sysretq
1:      mov     %rcx, %r14
        mov     $2, %eax
        exit
"""
    ran = x86(body, "mov $7, %eax; syscall; mov %cs, %r15; mov $8, %eax; syscall", traced=True)
    registers = ran.machine.registers
    assert (0x10007, 0x202, 0) == (registers[R8], registers[R9] & 0x302, registers[R10] & 0x200)
    assert (0x08, 0x10, 0x23) == (registers[12], registers[13], registers[15])
    assert [(Cause.SYSCALL, 7), (Cause.SYSCALL, 8)] == ran.of(Kind.EXCEPTION)
    assert [(Mode.USER, 0), (Mode.USER, 0)] == ran.of(Kind.RETURN)
    assert (2, 0x10007 + 3 + 5 + 2) == (ran.result.status, registers[14])


def test_system_calls_are_undefined_until_they_are_turned_on(x86) -> None:  # type: ignore[no-untyped-def]
    """Without EFER.SCE syscall and sysret are undefined opcodes."""
    body = f"body: set_msr 0xc0000080, 0xd00\n to_user 2\n{HANDLED}"
    assert [UNDEFINED] == x86(body, "syscall").vectors


def test_sysret_to_an_address_that_is_not_canonical_faults_in_ring_0(x86) -> None:  # type: ignore[no-untyped-def]
    """#GP in ring 0, with the stack pointer as the kernel set it."""
    ran = x86(f"body: movabs $0x800000000000, %rcx\n mov $2, %r11d\n sysretq\n{HANDLED}")
    assert [(13, 0, 0x08)] == [(note.vector, note.error, note.cs) for note in ran.notes]


def test_the_clock_can_be_reserved_for_ring_0(x86) -> None:  # type: ignore[no-untyped-def]
    """With CR4.TSD rdtsc is #GP in ring 3 and goes on working in ring 0."""
    body = f"body: mov %cr4, %rax\n bts $2, %rax\n mov %rax, %cr4\n rdtsc\n to_user 2\n{HANDLED}"
    assert [PROTECTION] == x86(body, "rdtscp").vectors


def test_swapgs_exchanges_the_bases(x86) -> None:  # type: ignore[no-untyped-def]
    """gs-relative loads follow; fs has a base of its own."""
    body = f"""body:
        set_msr 0xc0000101, 0xffffffff80008000
        set_msr 0xc0000102, 0xffffffff80008800
        set_msr 0xc0000100, 0xffffffff80008900
        movq    $1, 0xffffffff80008408
        movq    $2, 0xffffffff80008c08
        movq    $3, 0xffffffff80008d08
        mov     %gs:0x408, %r8
        swapgs
        mov     %gs:0x408, %r9
        mov     %fs:0x408, %r10
        mov     $0xc0000102, %ecx
        rdmsr
        mov     %eax, %r12d
        mov     $3, %eax
        exit
{HANDLED}"""
    registers = x86(body).machine.registers
    assert (1, 2, 3, 0x80008000) == tuple(registers[at] for at in (R8, R9, R10, 12))


REFUSED = {
    "paging off": "mov %cr0, %rax; btr $31, %rax; mov %rax, %cr0",
    "high half of CR0": "mov %cr0, %rax; bts $40, %rax; mov %rax, %cr0",
    "physical addresses of 32 bits": "mov %cr4, %rax; btr $5, %rax; mov %rax, %cr4",
    "five levels": "mov %cr4, %rax; bts $12, %rax; mov %rax, %cr4",
    "root beyond 40 bits": "movabs $0x10000010000, %rax; mov %rax, %cr3",
    "priority of 16": "mov $16, %eax; mov %rax, %cr8",
    "unknown register": "mov $0x12345, %ecx; rdmsr",
    "unknown register written": "mov $0x12345, %ecx; wrmsr",
    "long mode off": "mov $0xc0000080, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr",
    "address that is not canonical": "mov $0xc0000082, %ecx; mov $0x8000, %edx; wrmsr",
    "end of interrupt with a value": "mov $0x80b, %ecx; mov $1, %eax; xor %edx, %edx; wrmsr",
    "task of no task": "mov $0x10, %eax; ltr %ax",
    "task that is busy": "mov $0x28, %eax; ltr %ax",
}


@pytest.mark.parametrize("name", REFUSED)
def test_registers_refuse_what_they_cannot_hold(x86, name) -> None:  # type: ignore[no-untyped-def]
    """#GP in ring 0; the error code is the selector where there is one."""
    error = {"task of no task": 0x10, "task that is busy": 0x28}.get(name, 0)
    assert [(13, error)] == x86(f"body: {REFUSED[name]}\n{HANDLED}").vectors


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        (0, (0x15, *(int.from_bytes(part, "little") for part in (b"vmre", b"-x86", b"play")))),
        (0x15, (1, 1, 200_000_000, 0)),
        (0x80000008, (0x3028, 0, 0, 0)),
        (0x12345, (0, 0, 0, 0)),
    ],
)
def test_cpuid_names_what_there_is(in_user, leaf, expected) -> None:  # type: ignore[no-untyped-def]
    """eax, ebx, ecx, edx of a few leaves, in ring 3."""
    ran = in_user(
        f"mov ${leaf:#x}, %eax; cpuid; mov %eax, %r8d; mov %ebx, %r9d; mov %ecx, %r10d; mov %edx, %r12d; syscall"
    )
    assert expected == tuple(ran.machine.registers[at] for at in (R8, R9, R10, 12))


@pytest.mark.parametrize(
    ("code", "found", "value"),
    [
        ("mov $0x23, %eax; lar %eax, %r8d", True, 0x20FB00),
        ("mov $0x08, %eax; lar %eax, %r8d", False, 0),
        ("mov $0x48, %eax; lsl %eax, %r8d", False, 0),
        ("mov $0x4b, %eax; lsl %eax, %r8d", True, 0xFFFFFFFF),
        ("mov $0x1b, %eax; verw %ax", True, 0),
        ("mov $0x23, %eax; verw %ax", False, 0),
        ("mov $0x23, %eax; verr %ax", True, 0),
        ("xor %eax, %eax; verr %ax", False, 0),
    ],
)
def test_selectors_can_be_asked_about_in_every_ring(in_user, code, found, value) -> None:  # type: ignore[no-untyped-def]
    """lar, lsl, verr and verw answer in ZF, by the ring's rights."""
    ran = in_user(f"xor %r8d, %r8d; {code}; setz %r9b; movzbl %r9b, %r9d; syscall")
    expected = {"mov $0x48, %eax; lsl %eax, %r8d": (1, 0xFFFFFFFF)}.get(code, (int(found), value))
    assert expected == (ran.machine.registers[R9], ran.machine.registers[R8])


def test_far_jumps_calls_and_returns_stay_in_the_ring(x86) -> None:  # type: ignore[no-untyped-def]
    """ljmp and lcall through memory, lret; CS is the selector given."""
    body = f"""body:
        rex64; ljmpl *pointer(%rip)
        ud2
1:      rex64; lcalll *second(%rip)
        mov     $3, %eax
        exit
2:      mov     %cs, %r8d
        mov     (%rsp), %r9
        lretq
pointer: .quad  1b
        .word   8
second: .quad   2b
        .word   8
{HANDLED}"""
    ran = x86(body, traced=True)
    assert (3, 8) == (ran.result.status, ran.machine.registers[R8])
    kinds = [klass for klass, _, _ in ran.sensitive()]
    assert [Sensitive.JMP_FAR, Sensitive.CALL_FAR, Sensitive.RET_FAR] == [
        kind for kind in kinds if kind in (Sensitive.JMP_FAR, Sensitive.CALL_FAR, Sensitive.RET_FAR)
    ][-3:]


def test_control_registers_hold_what_was_written(x86) -> None:  # type: ignore[no-untyped-def]
    """CR2, CR8 and a debug register read back; the rows name the register and whether it changed."""
    body = f"""body:
        mov     $0x1234, %eax
        mov     %rax, %cr2
        mov     %cr2, %r8
        mov     $5, %eax
        mov     %rax, %cr8
        mov     %cr8, %r9
        mov     %rax, %cr8
        mov     %rax, %db3
        mov     %db3, %r10
        mov     $3, %eax
        exit
{HANDLED}"""
    ran = x86(body, traced=True)
    assert (0x1234, 5, 5) == tuple(ran.machine.registers[at] for at in (R8, R9, R10))
    to, of, debug = Sensitive.MOV_TO_CR, Sensitive.MOV_FROM_CR, Sensitive.MOV_DR
    assert [(to, 2, 1), (of, 2, 0), (to, 8, 1), (of, 8, 0), (to, 8, 0), (debug, 3, 1), (debug, 3, 0)] == (
        ran.sensitive()[-8:-1]
    )
