"""Interrupts on x86-64: the local controller and its timer, hlt, the sti shadow, the disk, repeated strings."""

from __future__ import annotations

import pytest

from replay.trace.schema import REQUEST_WRITE, Cause, Kind, Sensitive, Wake
from tracegen import abi
from tracegen import disk as drive
from tracegen.abi_x86_64 import (
    PORT_DISK_ACKNOWLEDGE,
    PORT_DISK_BLOCK,
    PORT_DISK_BLOCKS,
    PORT_DISK_COMMAND,
    PORT_DISK_FRAME,
    PORT_DISK_STATUS,
    VECTOR_DISK,
)
from tracegen.x86_64.machine import X86Machine

RCX, RDI, R8, R9, R10 = 1, 7, 8, 9, 10
TIMER = 0x31
BLOCK = abi.PAGE_BYTES
FIRST_READ = drive.ROTATION // 2 + drive.TRANSFER
MACROS = f"""
        .macro  arm units
        rdtsc
        shl     $32, %rdx
        lea     \\units(%rax, %rdx), %rax
        mov     %rax, %rdx
        shr     $32, %rdx
        mov     $0x6e0, %ecx
        wrmsr
        .endm
        .macro  end_of_interrupt
        mov     $0x80b, %ecx
        xor     %eax, %eax
        xor     %edx, %edx
        wrmsr
        .endm
        .macro  port number, value
        mov     $\\value, %eax
        mov     $\\number, %edx
        out     %eax, %dx
        .endm
        .macro  controller
        set_msr 0x80f, 0x1ff
        set_msr 0x832, {2 << 17 | TIMER}
        .endm
"""
COUNTING = """
handler: incl %r8d
        end_of_interrupt
        add     $16, %rsp
        iretq
on_syscall: mov $2, %eax
        exit
"""
STOPPING = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""


def test_the_timer_wakes_a_waiting_cpu(x86) -> None:  # type: ignore[no-untyped-def]
    """hlt passes the time to the deadline in one IDLE row, and goes on behind it when the handler returned."""
    body = (
        f"{MACROS} body: controller\n arm 5000\n sti\n hlt\n rdtsc\n mov %eax, %r9d\n mov $3, %eax\n exit\n{COUNTING}"
    )
    ran = x86(body, traced=True)
    assert (3, 1) == (ran.result.status, ran.machine.registers[R8])
    ((info, waited),) = ran.of(Kind.IDLE)
    assert Wake.TIMER == info
    assert waited == ran.machine.statistics["idle_units"]
    assert [(Cause.INTERRUPT, TIMER)] == ran.of(Kind.EXCEPTION)
    assert 5000 - 30 < waited < 5000
    assert ran.machine.registers[R9] < ran.result.instructions + waited


def test_a_busy_cpu_is_interrupted_at_its_deadline(x86) -> None:  # type: ignore[no-untyped-def]
    """A loop is left within a few instructions of the deadline, and resumed."""
    body = f"""{MACROS}
body:   controller
        arm     3000
        sti
        mov     $10000, %r9d
1:      dec     %r9d
        jnz     1b
        mov     $3, %eax
        exit
handler: mov    %r9d, %r10d
        {COUNTING.replace("handler:", "")}"""
    ran = x86(body)
    assert (3, 1, 0) == (ran.result.status, ran.machine.registers[R8], ran.machine.registers[R9])
    assert abs(10000 - 3000 / 2 - ran.machine.registers[R10]) < 30


def test_sti_lets_one_more_instruction_run(x86) -> None:  # type: ignore[no-untyped-def]
    """An interrupt that waits is taken after the instruction behind sti: not between sti and cli, but after a nop."""
    wait = "1: rdtsc\n cmp %r12d, %eax\n jb 1b\n"
    body = f"""{MACROS}
body:   controller
        arm     10
        rdtsc
        lea     200(%rax), %r12d
        {wait}
        sti
        cli
        mov     %r8d, %r9d
        sti
        nop
        cli
        mov     %r8d, %r10d
        mov     $3, %eax
        exit
{COUNTING}"""
    ran = x86(body)
    assert (3, 0, 1) == (ran.result.status, ran.machine.registers[R9], ran.machine.registers[R10])


def test_popf_that_enables_interrupts_has_no_shadow(x86) -> None:  # type: ignore[no-untyped-def]
    """The interrupt that waits is taken right behind popf."""
    body = f"""{MACROS}
body:   controller
        arm     1
        nop
        push    $0x202
        popf
here:   cli
        mov     $3, %eax
        exit
{COUNTING}"""
    ran = x86(body)
    assert (3, 1) == (ran.result.status, ran.machine.registers[R8])


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("cli", "the guest waits with its interrupts masked"),
        ("sti; set_msr 0x80f, 0xff", "the guest waits with its interrupts masked"),
        (f"sti; set_msr 0x832, {2 << 17 | 1 << 16 | TIMER}", "the guest waits with its interrupts masked"),
        ("sti; mov $3, %eax; mov %rax, %cr8", "the guest waits with its interrupts masked"),
        ("sti; set_msr 0x6e0, 0", "the guest waits with its interrupts masked"),
    ],
)
def test_a_wait_that_nothing_can_end_ends_the_run(x86, setting, reason) -> None:  # type: ignore[no-untyped-def]
    """IF off, controller off, timer masked, priority too low, or no deadline: the run says so instead of hanging."""
    ran = x86(f"{MACROS} body: controller\n arm 1000\n {setting}\n hlt\n{STOPPING}")
    assert None is ran.result.status
    assert ran.result.reason.startswith(reason)


def test_an_interrupt_of_the_same_class_waits_for_the_end_of_the_one_before(x86) -> None:  # type: ignore[no-untyped-def]
    """Without a write to the EOI register the timer does not interrupt again; with it, what waited comes at once."""
    body = f"""{MACROS}
body:   controller
        arm     10
        sti
        mov     $300, %r9d
1:      dec     %r9d
        jnz     1b
        mov     %r8d, %r10d
        end_of_interrupt
        nop
        mov     $3, %eax
        exit
handler: incl   %r8d
        arm     10
        add     $16, %rsp
        iretq
on_syscall: ud2
"""
    ran = x86(body)
    assert (1, 2) == (ran.machine.registers[R10], ran.machine.registers[R8])


def test_an_interrupt_comes_in_ring_3_and_goes_back(x86) -> None:  # type: ignore[no-untyped-def]
    """The timer interrupts user code that cannot turn it off; what it ran is unharmed."""
    body = f"{MACROS} body: controller\n arm 1000\n to_user 0x202\n{COUNTING}"
    user = "mov $5000, %r9d\n1: push $2; popf; dec %r9d; jnz 1b\n syscall"
    ran = x86(body, user)
    assert (2, 1, 0) == (ran.result.status, ran.machine.registers[R8], ran.machine.registers[R9])
    assert (TIMER, 0x23) == (ran.notes[0].vector, ran.notes[0].cs)


def content(block: int) -> bytes:
    """What a block holds at first."""
    return bytes((block + i) % 251 for i in range(BLOCK))


def ask(command: int, block: int, frame: int) -> str:
    """Starts a request."""
    return f"port {PORT_DISK_BLOCK}, {block}; port {PORT_DISK_FRAME}, {frame}; port {PORT_DISK_COMMAND}, {command}\n"


DISK_HANDLER = f"""
handler: mov    $({PORT_DISK_STATUS}), %edx
        in      %dx, %eax
        mov     %eax, %r8d
        incl    %r9d
        port    {PORT_DISK_ACKNOWLEDGE}, 0
        end_of_interrupt
        add     $16, %rsp
        iretq
on_syscall: ud2
"""


def test_the_disk_moves_a_block_and_interrupts(x86) -> None:  # type: ignore[no-untyped-def]
    """A read by DMA with its latency, interrupt and rows; a write the other way."""
    body = f"""{MACROS}
body:   controller
        {ask(abi.Disk.READ, 1, 0x300)}
        sti
        hlt
        mov     $0xffffffff80300000, %rax
        movb    $0xaa, (%rax)
        {ask(abi.Disk.WRITE, 2, 0x300)}
        hlt
        mov     $({PORT_DISK_BLOCKS}), %edx
        in      %dx, %eax
        mov     %eax, %r10d
        mov     $3, %eax
        exit
{DISK_HANDLER}"""
    ran = x86(body, traced=True, disk=b"".join(content(block) for block in range(4)))
    machine = ran.machine
    assert (3, abi.Disk.DONE, 2, 4) == (ran.result.status, *(machine.registers[at] for at in (R8, R9, R10)))
    assert b"\xaa" + content(1)[1:] == machine.read(0x300000, BLOCK) == machine.disk_image()[2 * BLOCK : 3 * BLOCK]
    assert [(0, 1), (REQUEST_WRITE, 2)] == ran.of(Kind.REQUEST)
    assert [(VECTOR_DISK, 1), (VECTOR_DISK, 2)] == ran.of(Kind.INTERRUPT)
    assert [(Cause.INTERRUPT, VECTOR_DISK)] * 2 == ran.of(Kind.EXCEPTION)
    assert [Wake.DEVICE] * 2 == [info for info, _ in ran.of(Kind.IDLE)]
    assert FIRST_READ - 20 < ran.of(Kind.IDLE)[0][1] < FIRST_READ


def test_the_disk_s_line_stays_up_until_it_is_acknowledged(x86) -> None:  # type: ignore[no-untyped-def]
    """An end of interrupt without acknowledgement brings the interrupt again."""
    body = f"""{MACROS}
body:   controller
        {ask(abi.Disk.READ, 1, 0x300)}
        sti
        hlt
        mov     $3, %eax
        exit
{DISK_HANDLER.replace("        port ", "        cmp $2, %r9d; jb 1f; port ").replace("        end_of", "1: end_of")}"""
    ran = x86(body, disk=bytes(2 * BLOCK))
    assert (3, 2) == (ran.result.status, ran.machine.registers[R9])


def test_a_read_over_code_is_seen(x86) -> None:  # type: ignore[no-untyped-def]
    """Code that the disk wrote over what has run is run, not what was there."""
    code = bytes.fromhex("41b807000000c3")  # mov $7, %r8d; ret
    body = f"""{MACROS}
body:   controller
        mov     $0xffffffff80300000, %r12
        movq    $0xc3, (%r12)
        call    *%r12
        {ask(abi.Disk.READ, 0, 0x300)}
        sti
        hlt
        call    *%r12
        mov     $3, %eax
        exit
{DISK_HANDLER}"""
    ran = x86(body, disk=code + bytes(BLOCK - len(code)))
    assert (3, 7) == (ran.result.status, ran.machine.registers[R8])


def test_no_time_passes_within_a_repeated_string(x86) -> None:  # type: ignore[no-untyped-def]
    """It retires once however long it is, and the timer that expires meanwhile by hardware's clock comes behind it."""
    body = f"""{MACROS}
body:   controller
        cld
        mov     $0xffffffff80100000, %rdi
        mov     $0x80000, %ecx
        mov     $0x5a, %r9d
        arm     100
        sti
        mov     %r9d, %eax
        mov     $0x80000, %ecx
        rep stosb
        mov     $3, %eax
        exit
{COUNTING}"""
    ran = x86(body)
    assert (3, 0) == (ran.result.status, ran.machine.registers[R8])
    assert b"\x5a" * 0x80000 == ran.machine.read(0x100000, 0x80000)


def test_a_wait_for_centuries_can_be_ended(assemble_x86) -> None:  # type: ignore[no-untyped-def]
    """The timer's deadline is 2**62 units away: an IDLE row holds what 32 bits can, and after each the run may end."""
    body = f"{MACROS} body: controller\n set_msr 0x6e0, {1 << 62}\n sti\n hlt\n{STOPPING}"
    machine, left = X86Machine(assemble_x86(body), memory_bytes=4 << 20), list[int]()
    result = machine.run(
        lambda words, _: left.extend((words[:-1] >> 32)[words[1:] & 0xFF == Kind.IDLE].tolist()),
        interrupted=lambda: "enough" if machine.statistics["idle_units"] >= 3 * 0xFFFFFFFF else "",
    )
    assert ("enough", [0xFFFFFFFE] * 3) == (result.reason, left)  # the low half of the longest time that fits


def test_a_long_repeated_string_can_be_ended(assemble_x86) -> None:  # type: ignore[no-untyped-def]
    """A store of a gigabyte through tables that map it all to one page: the run asks on the way whether to end."""
    body = f"""body:
        cld
        mov     $0xffffffff80025000, %rdi
        mov     $0x2000e7, %eax
        mov     $512, %ecx
        rep stosq
        movq    $0x25007, 0xffffffff80011008
        mov     $0x40000000, %edi
        mov     %edi, %ecx
        rep stosb
{STOPPING}"""
    machine = X86Machine(assemble_x86(body), memory_bytes=4 << 20)

    def half_done() -> str:
        return "enough" if 0x40000000 < machine.registers[RDI] < 0x80000000 else ""

    result = machine.run(max_instructions=100_000, interrupted=half_done)
    assert "enough" == result.reason
    assert 0x80000000 == machine.registers[RDI] + machine.registers[RCX]


def test_a_repeated_string_faults_in_its_middle_and_goes_on(x86) -> None:  # type: ignore[no-untyped-def]
    """The page fault's handler sees exact counts and pointers; after it the rest is copied."""
    body = """body: to_user 2
handler: mov    %rcx, %r8
        mov     %rdi, %r9
        movq    $0x25007, 0xffffffff800150a0
        mov     $0xffffffff80014000, %rax
        add     $16, %rsp
        iretq
on_syscall: mov $2, %eax
        exit
"""
    user = "std; mov $0x14018, %edi; mov $0x11018, %esi; movq $77, (%rsi); mov $4, %ecx; rep movsq; syscall"
    ran = x86(body, user)
    assert [(14, 6)] == ran.vectors
    assert (4, 0x14018) == (ran.machine.registers[R8], ran.machine.registers[R9])
    assert 77 == ran.word(0x25018)


def test_waiting_survives_the_end_of_a_step(x86) -> None:  # type: ignore[no-untyped-def]
    """A run cut into short pieces, also while the CPU waits, is the same run."""
    body = f"{MACROS} body: controller\n {ask(abi.Disk.READ, 1, 0x300)} arm 100\n sti\n1: hlt\n cmp $2, %r9d\n jb 1b\n"
    body += f" mov $3, %eax\n exit\n{DISK_HANDLER}"
    whole, cut = x86(body, disk=bytes(2 * BLOCK)), x86(body, disk=bytes(2 * BLOCK), steps=37)
    assert (3, 3) == (whole.result.status, cut.result.status)
    assert whole.result.instructions == cut.result.instructions
    assert whole.machine.registers == cut.machine.registers
    assert whole.machine.statistics == cut.machine.statistics


def test_rdtsc_counts_instructions_and_waits(x86) -> None:  # type: ignore[no-untyped-def]
    """Two readings differ by the instructions between; a written clock goes on from there."""
    body = f"""body:
        rdtsc
        mov     %eax, %r8d
        nop
        nop
        rdtsc
        sub     %r8d, %eax
        mov     %eax, %r8d
        set_msr 0x10, 0x500000000
        rdtsc
        mov     %eax, %r9d
        mov     %edx, %r10d
        mov     $3, %eax
        exit
{STOPPING}"""
    registers = x86(body).machine.registers
    assert (4, 1, 5) == (registers[R8], registers[R9], registers[R10])


def test_ports_without_a_device_read_as_ones(x86) -> None:  # type: ignore[no-untyped-def]
    """Bytes and words leave the rest of rax alone, four bytes clear its high half."""
    body = f"""body:
        mov     $-1, %rax
        mov     $0x60, %edx
        xor     %eax, %eax
        in      %dx, %al
        mov     %rax, %r8
        in      %dx, %ax
        mov     %rax, %r9
        mov     $-1, %rax
        in      $0x60, %eax
        mov     %rax, %r10
        mov     $3, %eax
        exit
{STOPPING}"""
    ran = x86(body, traced=True)
    assert (0xFF, 0xFFFF, 0xFFFFFFFF) == tuple(ran.machine.registers[at] for at in (R8, R9, R10))
    assert Sensitive.IN in {klass for klass, _, _ in ran.sensitive()}
