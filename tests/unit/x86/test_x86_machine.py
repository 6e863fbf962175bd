"""The x86-64 machine: how it starts, what it refuses, limits of a run, code that changes, tables in the trace."""

from __future__ import annotations

import random

import pytest

from replay.errors import UserError
from replay.trace import schema
from replay.trace.schema import Kind, Mode, Sensitive
from tracegen import abi
from tracegen.abi import Announce
from tracegen.abi_x86_64 import ANNOUNCE_MAGIC
from tracegen.cpu.state import UNANNOUNCED_SPACE
from tracegen.ending import state_of
from tracegen.symbols import Symbol
from tracegen.x86_64.machine import X86Machine

MEMORY = 4 << 20
RSP, RSI, RDI, R8, R9, R10, R12 = 4, 6, 7, 8, 9, 10, 12
HANDLED = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
DONE = "mov $3, %eax\n exit\n"


def announce(code: Announce, *arguments: int) -> str:
    """Assembly of an announcement."""
    moves = "".join(
        f"mov ${value}, %{register}\n" for register, value in zip(("rdi", "rsi", "rdx", "rcx"), arguments, strict=False)
    )
    return f"{moves} nopl {ANNOUNCE_MAGIC + code}(%rax)\n"


def test_the_machine_starts_in_long_mode(assemble_x86) -> None:  # type: ignore[no-untyped-def]
    """Argument string and memory size in rdi and rsi, a stack below the tables, all memory mapped twice."""
    machine = X86Machine(assemble_x86(f"body: {HANDLED}"), memory_bytes=MEMORY, arguments=["one", "2"])
    registers = machine.registers
    assert (MEMORY - abi.PAGE_BYTES, MEMORY) == (registers[RDI], registers[RSI])
    assert MEMORY - 5 * abi.PAGE_BYTES == registers[RSP]
    assert b"one 2\0" == machine.read(registers[RDI], 6)
    assert 0xFFFFFFFF80001000 == machine.pc


@pytest.mark.parametrize("memory", [0, 5 << 12, (4 << 20) + 1, (2 << 30) - 4096])
def test_memory_that_does_not_fit_is_refused(assemble_x86, memory) -> None:  # type: ignore[no-untyped-def]
    """One line that names the sizes there can be."""
    with pytest.raises(UserError, match="give a multiple of 4096 from 24576 to 2145386496"):
        X86Machine(assemble_x86(f"body: {HANDLED}"), memory_bytes=memory)


def test_an_image_of_another_cpu_is_refused(assemble) -> None:  # type: ignore[no-untyped-def]
    """A big-endian image is none of this machine's."""
    with pytest.raises(UserError, match="guest image is no 64-bit little-endian ELF file"):
        X86Machine(assemble(".globl _start\n_start: nop\n"))


LOOP = f"""body: mov $500, %ecx
        movabs  $0xffffffff80300000, %rdi
1:      mov     %rcx, (%rdi)
        dec     %ecx
        mov     %cr0, %rax
        jnz     1b
        {DONE}{HANDLED}"""


@pytest.mark.parametrize("limit", [1, 2, 3, 500, 1001, 1002, 1003, 1004, 1005, 1200])
def test_no_more_instructions_retire_than_allowed(x86, limit) -> None:  # type: ignore[no-untyped-def]
    """A run ends at its limit exactly; its rows are those of a longer run up to there."""
    short, long = x86(LOOP, traced=True, limit=limit), x86(LOOP, traced=True)
    assert limit == short.result.instructions == sum(row[4] for row in short.rows)
    assert [row[:4] for row in long.rows[: len(short.rows) - 1]] == [row[:4] for row in short.rows[:-1]]
    assert (Kind.END, 1) == (short.rows[-1][0], short.rows[-1][2])


def test_a_run_can_be_cut_anywhere_and_go_on(x86, assemble_x86) -> None:  # type: ignore[no-untyped-def]
    """Stops at any distance change nothing about where the guest ends up."""
    cut, chance = X86Machine(assemble_x86(LOOP), memory_bytes=MEMORY), random.Random(5)
    while cut.run(max_instructions=chance.choice((1, 2, 3, 7, 130))).reason != "exit":
        pass
    whole = x86(LOOP)
    assert whole.result.instructions == cut.instructions
    assert whole.machine.registers == cut.registers


def test_recording_changes_nothing_about_the_guest(x86) -> None:  # type: ignore[no-untyped-def]
    """Registers and counts are those of the run without a trace, and the rows' n add up to them."""
    plain, traced = x86(LOOP), x86(LOOP, traced=True)
    assert plain.machine.registers == traced.machine.registers
    assert plain.result == traced.result
    assert traced.result.instructions == sum(row[4] for row in traced.rows)


def test_a_store_over_code_is_seen(x86) -> None:  # type: ignore[no-untyped-def]
    """Code changed through another address of its page runs as changed, in the same page and after the next branch."""
    body = f"""body:
        call    there
        mov     %r8d, %r9d
        lea     there(%rip), %rax
        and     $0xfffff, %eax
        movabs  $0xffffffff80000000, %rbx
        movb    $9, 2(%rbx, %rax)
        call    there
        {DONE}
there:  mov     $7, %r8d
        ret
{HANDLED}"""
    registers = x86(body).machine.registers
    assert (7, 9) == (registers[R9], registers[R8])


def test_an_instruction_across_two_pages_follows_the_second_page(x86) -> None:  # type: ignore[no-untyped-def]
    """Its end is fetched through the present tables: changed, remapped, or faulting with the second page's address."""
    body = f"""body:
        mov     $0xffffffff80020000, %rbx
        movl    $0x2244b841, 0xffc(%rbx)
        movl    $0x00c31122, 0x1000(%rbx)
        movl    $0x00c33322, 0x2000(%rbx)
        movq    $0x21005, 0xffffffff80015000 + 0x11 * 8
        mov     $0x10ffc, %eax
        call    *%rax
        mov     %r8d, %r9d
        movb    $0x33, 0x1000(%rbx)
        call    *%rax
        mov     %r8d, %r10d
        movq    $0x22005, 0xffffffff80015000 + 0x11 * 8
        invlpg  0x11000
        call    *%rax
        mov     %r8d, %r12d
        movq    $0, 0xffffffff80015000 + 0x11 * 8
        invlpg  0x11000
        call    *%rax
{HANDLED}"""
    ran = x86(body, traced=True)
    (note,) = ran.notes
    assert [0x11222244, 0x11332244, 0x33222244] == [ran.machine.registers[at] for at in (R9, R10, R12)]
    assert (14, 0x10, 0x10FFC, 0x11000) == (note.vector, note.error, note.rip, note.cr2)


def test_an_instruction_across_pages_of_which_the_first_is_gone_faults(x86) -> None:  # type: ignore[no-untyped-def]
    """Code that drops its own page from the tables ends at its page's end, where both pages are fetched anew."""
    body = f"""body:
        mov     $0xffffffff80020000, %rbx
        movl    $0x01c74890, 0xff4(%rbx)
        movl    $0, 0xff8(%rbx)
        movl    $0x3344b841, 0xffc(%rbx)
        movl    $0x00c31122, 0x1000(%rbx)
        mov     $0xffffffff80015000 + 0x10 * 8, %rcx
        movq    $0x21005, 8(%rcx)
        mov     $0x10ff5, %eax
        jmp     *%rax
{HANDLED}"""
    (note,) = x86(body).notes
    assert (14, 0x10, 0x10FFC, 0x10FFC) == (note.vector, note.error, note.rip, note.cr2)


ROOT = 0x10
SPACE = 5


def test_table_rows_follow_the_walker_s_tables(x86) -> None:  # type: ignore[no-untyped-def]
    """Announced tables: ENTRY rows at each level with the page that the entry maps; the root names the space."""
    body = f"""body:
        {announce(Announce.SPACE_CREATE, SPACE)}
        {announce(Announce.TABLE_ALLOC, ROOT, 3)}
        {announce(Announce.TABLE_ALLOC, 0x13, 1)}
        {announce(Announce.TABLE_ALLOC, 0x15, 0)}
        {announce(Announce.TABLE_LINK, ROOT, SPACE, 0, 3)}
        {announce(Announce.TABLE_LINK, 0x13, SPACE, 0, 1)}
        {announce(Announce.TABLE_LINK, 0x15, SPACE, 0, 0)}
        movabs  $0x8000000000021067, %rax
        mov     %rax, 0xffffffff80015000 + 0x14 * 8
        movq    $0x4000e7, 0xffffffff80013010
        movl    $0, 0xffffffff80015000 + 0x14 * 8 + 4
        movq    $0, 0xffffffff80010000 + 300 * 8
        mov     %cr3, %rax
        mov     %rax, %cr3
        invlpg  0x14000
        mov     $0x11000, %eax
        mov     %rax, %cr3
        {DONE}{HANDLED}"""
    ran = x86(body, traced=True)
    pages = {page: at for at, (kind, _, _, page, _) in enumerate(ran.rows) if kind == Kind.PAGE}

    def place(page: int) -> tuple[int, int]:
        """(virtual page, space) that a page id stands for."""
        low, high = ran.rows[pages[page] - 2], ran.rows[pages[page] - 1]
        return low[2] << 32 | low[3] | (high[3] & 15) << 48, high[2] << 28 | high[3] >> 4

    entries = [at for at, row in enumerate(ran.rows) if row[0] == Kind.ENTRY]
    values = [[ran.rows[at - back][2] << 32 | ran.rows[at - back][3] for back in (3, 2, 1)] for at in entries]
    rights = schema.ENTRY_VALID | schema.ENTRY_PRESENT | schema.ENTRY_WRITE | schema.ENTRY_USER
    used = schema.ENTRY_REFERENCED | schema.ENTRY_DIRTY
    small = 0x21000 | rights | used
    large = 0x400000 | rights | used | schema.ENTRY_EXECUTE | 1 << schema.ENTRY_SIZE_SHIFT
    assert [(0x14, (0x14, SPACE)), (2 | 1 << 12, (0x400, SPACE)), (0x14, (0x14, SPACE))] == [
        (ran.rows[at][2], place(ran.rows[at][3])) for at in entries[:3]
    ]
    assert [[0, small, 0x15], [0, large, 0x13], [small, small | schema.ENTRY_EXECUTE, 0x15]] == values[:3]
    assert (300 | 3 << 12, (0xFFFF_0000_0000_0 | 300 << 27, 0)) == (
        ran.rows[entries[3]][2],
        place(ran.rows[entries[3]][3]),
    )
    assert [(0, SPACE), (0, SPACE), (0, UNANNOUNCED_SPACE + 0x11)] == ran.of(Kind.BASE_SWITCH)[-3:]
    assert [(0x14, SPACE)] == [place(page) for _, page in ran.of(Kind.INVALIDATE_PAGE)]


@pytest.mark.parametrize(("level", "pages"), [(3, [(0x14 << 27) + 7]), (4, []), (15, [])])
def test_a_table_of_a_level_that_there_is_not_maps_nothing(x86, level, pages) -> None:  # type: ignore[no-untyped-def]
    """Its ENTRY rows name no page; those of the highest level there is do."""
    body = f"""body:
        {announce(Announce.TABLE_LINK, 0x15, SPACE, 7, level)}
        movq    $0x21005, 0xffffffff80015000 + 0x14 * 8
        {DONE}{HANDLED}"""
    ran = x86(body, traced=True)
    ((info, page),) = ran.of(Kind.ENTRY)
    at = ran.rows.index(next(row for row in ran.rows if row[0] == Kind.ENTRY))
    numbers = [row[2] << 32 | row[3] for row in ran.rows[at - 6 : at - 5]] if page else []
    assert 0x14 | level << 12 == info
    assert pages == numbers


def test_a_guest_that_links_tables_for_ever_is_ended(x86) -> None:  # type: ignore[no-untyped-def]
    """More links than the machine can hold end the run with a reason, instead of a search without an end."""
    body = f"""body:
        {announce(Announce.TABLE_LINK, 0x15, SPACE, 0, 0)}
        mov     $2200000, %r8d
1:      add     $512, %rdx
        nopl    {ANNOUNCE_MAGIC + Announce.TABLE_LINK}(%rax)
        dec     %r8d
        jnz     1b
        {DONE}{HANDLED}"""
    with pytest.raises(UserError, match="the guest used more than 1572864 virtual pages"):
        x86(body, limit=10_000_000)


def test_modes_are_rings(x86) -> None:  # type: ignore[no-untyped-def]
    """Rows of ring 3 are the user's, of ring 0 the kernel's, as are those of what the CPU itself reads and writes."""
    ran = x86(f"body: to_user 2\n{HANDLED}", "mov %rsp, 0x11000; syscall", traced=True)
    stores = [ctx >> schema.CTX_MODE_SHIFT for kind, ctx, _, _, _ in ran.rows if kind == Kind.STORE8]
    assert Mode.USER == stores[-1]
    assert {Mode.KERNEL} == set(stores[:-1])
    assert Sensitive.IRET in {klass for klass, _, _ in ran.sensitive()}


def test_memory_that_is_not_there_is_a_machine_check(x86) -> None:  # type: ignore[no-untyped-def]
    """A page beyond RAM, and tables beyond it: vector 18, no harm to the host."""
    body = f"body: mov $0x80000003, %eax\n mov %rax, 0xffffffff80015000 + 0x14 * 8\n mov 0x14000, %eax\n{HANDLED}"
    assert [(18, 0)] == x86(body).vectors
    body = f"body: mov $0x80000003, %eax\n mov %rax, 0xffffffff80013018\n mov 0x600000, %eax\n{HANDLED}"
    assert [(18, 0)] == x86(body).vectors
    ran = x86(f"body: movabs $0xffff000000, %rax\n mov %rax, %cr3\n{HANDLED}")
    assert ran.result.reason.startswith("the CPU shut down")


def test_a_run_that_ends_early_tells_where_the_guest_was(x86) -> None:  # type: ignore[no-untyped-def]
    """The state names pc by the nearest symbol, the mode, and the last exception with cause, place and address."""
    ran = x86("body: to_user 2\nhandler: jmp .\non_syscall: ud2\n", "nop; movb %al, 0x14008", limit=5000)
    symbols = [Symbol("program:start", 0x10000), Symbol("_start", 0xFFFFFFFF80001000)]
    state = state_of(ran.machine, ran.result, symbols)
    crossing = state.crossing
    assert ("kernel", f"(_start+{ran.machine.pc - 0xFFFFFFFF80001000:#x})") == (state.mode, state.place)
    assert crossing is not None
    assert ("NOT_PRESENT", "0x10001", "0x14008") == (crossing.cause, crossing.pc, crossing.address)
    assert "allow more with --max-instructions" == state.remedy
