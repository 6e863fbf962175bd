"""Paging on x86-64: rights, error codes, accessed and dirty bits, large pages, accesses that cross a page."""

from __future__ import annotations

import pytest

from replay.trace.schema import TOUCH_SHIFT, Cause, Kind, Touch
from tracegen.abi_x86_64 import Pte

R8, R9, R10 = 8, 9, 10
PAGE_FAULT, PROTECTION = 14, 13
TABLE = 0x15000
USER, DATA, SHARED, SYSTEM_ONLY, ABSENT, RESERVED_BIT = 0x10000, 0x11000, 0x12000, 0x13000, 0x14000, 0x16000
LARGE = 0x200000
PRESENT, WRITE, BY_USER, RESERVED, FETCH = 1, 2, 4, 8, 16
HANDLED = """
handler: mov $1, %eax
        exit
on_syscall: mov $2, %eax
        exit
"""
ACCESSES = {
    "read of an absent page": (f"movabs ${ABSENT + 8}, %rax; mov (%rax), %ebx", BY_USER, ABSENT + 8),
    "write to an absent page": (f"movabs ${ABSENT}, %rax; movb $1, (%rax)", BY_USER | WRITE, ABSENT),
    "call into an absent page": (f"movabs ${ABSENT}, %rax; jmp *%rax", BY_USER | FETCH, ABSENT),
    "write to a page that is read only": (f"movabs ${SHARED}, %rax; incl (%rax)", PRESENT | BY_USER | WRITE, SHARED),
    "code that is not executable": (f"movabs ${DATA}, %rax; jmp *%rax", PRESENT | BY_USER | FETCH, DATA),
    "read of the system's page": (f"movabs ${SYSTEM_ONLY}, %rax; mov (%rax), %bl", PRESENT | BY_USER, SYSTEM_ONLY),
    "jump into the kernel": ("mov $0xffffffff80001000, %rax; jmp *%rax", PRESENT | BY_USER | FETCH, -0x7FFFF000),
    "reserved bit": (f"movabs ${RESERVED_BIT}, %rax; mov (%rax), %bl", PRESENT | BY_USER | RESERVED, RESERVED_BIT),
    "locked change of a page that is read only": (
        f"movabs ${SHARED + 16}, %rax; lock addl $1, (%rax)",
        PRESENT | BY_USER | WRITE,
        SHARED + 16,
    ),
}


@pytest.mark.parametrize("name", ACCESSES)
def test_a_page_fault_tells_why_and_where(in_user, name) -> None:  # type: ignore[no-untyped-def]
    """Error code and CR2 of each kind of page fault of ring 3."""
    code, error, address = ACCESSES[name]
    (note,) = in_user(code).notes
    assert (PAGE_FAULT, error, address & (1 << 64) - 1) == (note.vector, note.error, note.cr2)


def test_ring_0_heeds_write_protection_only_when_told_to(x86) -> None:  # type: ignore[no-untyped-def]
    """CR0.WP decides whether the kernel may write to a page that is read only; its flag is seen at once."""
    body = f"""body:
        movabs  ${SHARED}, %rbx
        mov     %cr0, %rax
        btr     $16, %rax
        mov     %rax, %cr0
        movb    $7, (%rbx)
        bts     $16, %rax
        mov     %rax, %cr0
        movb    $8, (%rbx)
{HANDLED}"""
    ran = x86(body)
    assert [(PAGE_FAULT, PRESENT | WRITE)] == ran.vectors
    assert 7 == ran.word(0x22000)


@pytest.mark.parametrize(
    ("code", "bits"),
    [
        ("nop", 0),
        (f"mov {DATA}, %rax", Pte.ACCESSED),
        (f"mov {DATA}, %rax; mov %rax, {DATA}", Pte.ACCESSED | Pte.DIRTY),
        (f"incq {DATA}", Pte.ACCESSED | Pte.DIRTY),
        (f"mov {DATA + 0xFFC}, %rax", Pte.ACCESSED),
    ],
)
def test_accessed_and_dirty_bits_are_the_walker_s(in_user, code, bits) -> None:  # type: ignore[no-untyped-def]
    """A read sets the accessed bit of the entry, a write the dirty bit, too, also after the page was read."""
    ran = in_user(f"{code}; syscall")
    assert bits == ran.word(TABLE + (DATA >> 12) * 8) & (Pte.ACCESSED | Pte.DIRTY)
    assert Pte.ACCESSED == ran.word(0x10000) & (Pte.ACCESSED | Pte.DIRTY)
    assert Pte.ACCESSED == ran.word(0x13000) & (Pte.ACCESSED | Pte.DIRTY)


def test_a_cleared_dirty_bit_comes_back_after_invlpg(x86) -> None:  # type: ignore[no-untyped-def]
    """The kernel clears accessed and dirty and invalidates the page: the next store sets them again."""
    body = f"""body:
        mov     $0xffffffff80000000 + {TABLE + (DATA >> 12) * 8}, %rbx
        movb    $1, {DATA}
        mov     (%rbx), %r8
        andq    $~0x60, (%rbx)
        invlpg  {DATA}
        mov     (%rbx), %r9
        movb    $2, {DATA}
        mov     $3, %eax
        exit
{HANDLED}"""
    ran = x86(body)
    assert (0x60, 0) == (ran.machine.registers[R8] & 0x60, ran.machine.registers[R9] & 0x60)
    assert 0x60 == ran.word(TABLE + (DATA >> 12) * 8) & 0x60


def test_a_large_page_maps_all_of_its_two_megabytes(in_user) -> None:  # type: ignore[no-untyped-def]
    """A store through a 2 MB page lands at its offset; the entry one level up carries the bits."""
    ran = in_user(f"movabs ${LARGE + 0x123458}, %rax; mov %rax, (%rax); syscall")
    assert LARGE + 0x123458 == ran.word(0x200000 + 0x123458)


def test_invlpg_forgets_all_of_a_large_page(x86) -> None:  # type: ignore[no-untyped-def]
    """One invalidation anywhere in a 2 MB page, and every 4 KB of it is looked up again."""
    body = f"""body:
        movabs  ${LARGE}, %rbx
        mov     0x5000(%rbx), %eax
        mov     0x7000(%rbx), %eax
        andq    $~1, 0xffffffff80013008
        invlpg  0x9000(%rbx)
        mov     0x7000(%rbx), %eax
{HANDLED}"""
    (note,) = x86(body).notes
    assert (PAGE_FAULT, 0, LARGE + 0x7000) == (note.vector, note.error, note.cr2)


def test_a_stale_translation_lasts_until_it_is_dropped(x86) -> None:  # type: ignore[no-untyped-def]
    """An entry changed in memory has no effect on a page just used, until CR3 is written."""
    body = f"""body:
        mov     {DATA}, %eax
        movabs  $0xffffffff80000000 + {TABLE + (DATA >> 12) * 8}, %rbx
        movq    $0, (%rbx)
        mov     {DATA}, %eax
        mov     %cr3, %rax
        mov     %rax, %cr3
        mov     {DATA + 4}, %eax
{HANDLED}"""
    (note,) = x86(body).notes
    assert (PAGE_FAULT, 0, DATA + 4) == (note.vector, note.error, note.cr2)


@pytest.mark.parametrize("code", ["mov (%rax), %rbx", "mov %rbx, (%rax)", "jmp *%rax", "push (%rax)"])
def test_an_address_that_is_not_canonical_is_a_general_protection_fault(in_user, code) -> None:  # type: ignore[no-untyped-def]
    """Bits 63 to 47 must be alike, else #GP(0) and no CR2."""
    ran = in_user(f"movabs $0x800000000000, %rax; {code}")
    assert [(PROTECTION, 0)] == ran.vectors
    assert 0 == ran.notes[0].cr2


CROSSING = """
        movabs  $0x17ffd, %rax
        movabs  $0x1122334455667788, %r8
        {code}
        syscall
"""


@pytest.mark.parametrize(("code", "error"), [("mov %r8, (%rax)", 6), ("add %r8, (%rax)", 6), ("mov (%rax), %r8", 4)])
def test_a_crossing_access_that_faults_in_its_second_page_changes_nothing(in_user, code, error) -> None:  # type: ignore[no-untyped-def]
    """CR2 names the second page, no byte of the first is written, no flag or register changes."""
    ran = in_user(CROSSING.format(code=code), flags=0x2)
    (note,) = ran.notes
    assert (PAGE_FAULT, error, 0x18000) == (note.vector, note.error, note.cr2)
    assert bytes(3) == ran.machine.read(0x24FFD, 3)
    assert 0x1122334455667788 == ran.machine.registers[R8]
    assert 0x2 == note.rflags


def test_a_crossing_access_reaches_both_pages(in_user) -> None:  # type: ignore[no-untyped-def]
    """Stores and loads of eight bytes over a page's end, in frames that are not neighbours; a row for each page."""
    user = """
        movabs  $0x1122334455667788, %r8
        mov     %r8, 0x200ffb
        mov     0x200ffb, %r9
        addl    $1, 0x201ffe
        mov     0x201ffc, %r10
        syscall
"""
    ran = in_user(user, traced=True)
    rows = [(Kind(kind), info) for kind, ctx, info, _, _ in ran.rows if kind < 16 and kind != Kind.FETCH and ctx == 0]
    expected = [(Kind.STORE8, 0xFFB), (Kind.STORE8, 0), (Kind.LOAD8, 0xFFB), (Kind.LOAD8, 0)]
    expected += [(Kind.LOAD4, 0xFFE), (Kind.LOAD4, 0), (Kind.STORE4, 0xFFE), (Kind.STORE4, 0)]
    assert expected == rows[:8]
    assert 0x1122334455667788 == ran.machine.registers[R9]
    assert 0x10000 == ran.machine.registers[R10]


def test_the_kernel_s_rights_are_not_the_user_s(x86) -> None:  # type: ignore[no-untyped-def]
    """What ring 0 used just before is not in ring 3's reach, nor the other way round where the page is the system's."""
    body = f"""body:
        movb    $9, {SYSTEM_ONLY}
        movb    {SYSTEM_ONLY}, %al
        to_user 2
{HANDLED}"""
    ran = x86(body, f"movb {SYSTEM_ONLY}, %al; syscall")
    assert [(PAGE_FAULT, PRESENT | BY_USER)] == ran.vectors


@pytest.mark.parametrize(
    ("code", "cause", "touch"),
    [
        (f"movb {ABSENT}, %al", Cause.NOT_PRESENT, Touch.LOAD),
        (f"movb %al, {SHARED}", Cause.COPY_ON_WRITE, Touch.STORE),
        (f"movb %al, {SYSTEM_ONLY}", Cause.PROTECTION, Touch.STORE),
        (f"mov ${DATA}, %eax; jmp *%rax", Cause.PROTECTION, Touch.FETCH),
    ],
)
def test_rows_say_what_a_page_fault_was_about(in_user, code, cause, touch) -> None:  # type: ignore[no-untyped-def]
    """The EXCEPTION row has the guest's reason, the access and the page; no row of the access itself."""
    ran = in_user(code, traced=True)
    (row,) = ran.of(Kind.EXCEPTION)
    assert cause | touch << TOUCH_SHIFT == row[0]
    assert [] == [info for info, page in ran.of(Kind.LOAD1, Kind.STORE1) if page == row[1]]
