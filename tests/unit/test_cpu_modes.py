"""The three privilege modes: which segments each reaches, and where 64-bit operations are reserved."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tracegen.mips64 import state as M
from tracegen.mips64.machine import Mips64Machine
from tracegen.mips64.state import Exc

KERNEL, SUPERVISOR, USER = 0x00, 0x08, 0x10
UX, SX, KX, CU0 = 0x20, 0x40, 0x80, 1 << 28
MODES = {
    "user": (USER, True), "user, UX": (USER | UX, False), "user, SX and KX": (USER | SX | KX, True),
    "supervisor": (SUPERVISOR, True), "supervisor, SX": (SUPERVISOR | SX, False),
    "supervisor, UX and KX": (SUPERVISOR | UX | KX, True), "kernel": (KERNEL, False),
}  # fmt: skip
"""Status, and whether 64-bit operations are reserved."""
AT, DATA, WIDE, NARROW, REWRITES = 0x600, 0x700, 0x800, 0xA00, 0xC00
S0, S2, S6, A0, A1, T0 = 16, 18, 22, 4, 5, 12
SYSCALL = 0x0000000C
PAGES = (0, 0xC00000FFC0000000, 0xC00000FFE0000000, 1 << 62, 3 << 62)
"""EntryHi of the pairs that are mapped to the first two frames: useg, ksseg, kseg3, xsseg, xkseg."""
GUEST = f"""
.macro map index
  dli $k0, \\index
  mtc0 $k0, $0
  dla $k0, pages + 8 * \\index
  ld $k0, 0($k0)
  dmtc0 $k0, $10
  tlbwi
.endm
.org 0x000
  b vector
  nop
.org 0x080
  b vector
  nop
.org 0x180
vector:
  mfc0 $s0, $13
  lui $t9, 0xbf00
  sd $0, 8($t9)
.org 0x300
pages: .8byte {", ".join(map(hex, PAGES))}
.org 0x400
.globl _start
_start:
  dli $k0, 0x1e
  dmtc0 $k0, $2
  dli $k0, 0x5e
  dmtc0 $k0, $3
  {"".join(f"map {index};" for index in range(len(PAGES)))}
  dmtc0 $0, $10
  dmtc0 $a1, $14
  ori $a0, $a0, 2
  mtc0 $a0, $12
  eret
.org {DATA}
  .8byte 0
.org {WIDE}
  dadd $t0, $t1, $t2; daddu $t0, $t1, $t2; dsub $t0, $t1, $t2; dsubu $t0, $t1, $t2
  daddi $t0, $t1, 1; daddiu $t0, $t1, 1; daddu $t0, $t1, $0
  dsll $t0, $t1, 1; dsrl $t0, $t1, 1; dsra $t0, $t1, 1; dsll32 $t0, $t1, 1; dsrl32 $t0, $t1, 1; dsra32 $t0, $t1, 1
  dsllv $t0, $t1, $t2; dsrlv $t0, $t1, $t2; dsrav $t0, $t1, $t2
  dmult $t1, $t2; dmultu $t1, $t2; ddiv $0, $t1, $t2; ddivu $0, $t1, $t2
  ld $t0, 0($s6); ldl $t0, 0($s6); ldr $t0, 0($s6); lld $t0, 0($s6); lwu $t0, 0($s6)
  sd $t0, 0($s6); sdl $t0, 0($s6); sdr $t0, 0($s6); scd $t0, 0($s6)
  .word 0
.org {NARROW}
  add $t0, $t1, $t2; addu $t0, $t1, $t2; move $t0, $t1; addiu $t0, $t1, 1; sll $t0, $t1, 1; srav $t0, $t1, $t2
  mult $t1, $t2; divu $0, $t1, $t2; mflo $t0; movz $t0, $t1, $t2; lw $t0, 0($s6); lwl $t0, 0($s6); ll $t0, 0($s6)
  sw $t0, 0($s6); swr $t0, 0($s6); sc $t0, 0($s6); lui $t0, 1; slti $t0, $t1, 1; teq $0, $s6; sync
  .word 0
.org {REWRITES}
  bal count
  nop
  sw $t0, 0xc40($0)
  bal count
  nop
  syscall
.org {REWRITES + 0x40}
count:
  addiu $s2, $s2, 1
  jr $ra
  nop
"""

Run = Callable[..., int]


@pytest.fixture(scope="module")
def machine(assemble) -> Mips64Machine:  # type: ignore[no-untyped-def]
    """A machine that drops into a mode, runs a little there and exits at the first exception."""
    return Mips64Machine(assemble(GUEST), 4 << 20)


@pytest.fixture
def drop(machine: Mips64Machine) -> Run:
    """A function (Status, words put at ``at`` and run there) -> ExcCode of the first exception."""

    def run(status: int, *words: int, at: int = AT, base: int = DATA) -> int:
        if words:
            machine.write(at, struct.pack(f">{len(words)}I", *words))
            machine.forget_code()
        machine.core.s[M.STATUS] = 0
        machine.core.r[[A0, A1, S6, S2]] = status, at, base, 0
        machine.restart(0xFFFFFFFF80000400)
        machine.run(max_instructions=1000)
        return machine.registers[S0] >> 2 & 31

    return run


def words_at(machine: Mips64Machine, place: int) -> list[int]:
    """The instruction words from a place to the first zero."""
    words = struct.unpack(">64I", machine.read(place, 256))
    return list(words[: words.index(0)])


@pytest.mark.parametrize("name", MODES)
def test_64_bit_operations_are_reserved_without_the_modes_bit(machine, drop, name) -> None:  # type: ignore[no-untyped-def]
    """Without UX in user mode or SX in supervisor mode each 64-bit operation is reserved; 32-bit ones always work."""
    status, reserved = MODES[name]
    wide = words_at(machine, WIDE)
    assert len(wide) == 29
    assert [Exc.RI if reserved else Exc.SYS] * len(wide) == [drop(status, word, SYSCALL) for word in wide]
    assert {Exc.SYS} == {drop(status, word, SYSCALL) for word in words_at(machine, NARROW)}


def test_wide_moves_of_coprocessor_0_ask_first_whether_it_is_usable(drop) -> None:  # type: ignore[no-untyped-def]
    """In user mode without UX, dmfc0 and dmtc0 are reserved if CU0 is set and Coprocessor Unusable if it is not."""
    for move in (0x40280000, 0x40A01800):
        assert Exc.RI == drop(USER | CU0, move, SYSCALL)
        assert Exc.CPU == drop(USER, move, SYSCALL)
        assert Exc.SYS == drop(USER | CU0 | UX, move, SYSCALL)


def test_a_page_serves_both_widths_at_once(machine, drop) -> None:  # type: ignore[no-untyped-def]
    """The same code runs in kernel mode, is reserved in narrow user mode, and back again, with nothing forgotten."""
    assert Exc.SYS == drop(KERNEL, 0x66520001, SYSCALL)
    assert [Exc.RI, Exc.SYS, Exc.RI, Exc.SYS] == [drop(status) for status in (USER, USER | UX, USER, KERNEL)]


def test_a_narrow_delay_slot_on_the_next_page_is_reserved(machine, drop) -> None:  # type: ignore[no-untyped-def]
    """A branch in a page's last word with a 64-bit operation in its slot faults at the branch, with Cause.BD."""
    for status, code in ((USER, Exc.RI), (USER | UX, Exc.SYS), (USER, Exc.RI)):
        assert code == drop(status, 0x10000001, 0x66520001, SYSCALL, at=0xFFC)
        assert (code == Exc.RI) == bool(machine.registers[S0] >> 31 & 1)


def test_narrow_code_that_is_overwritten_is_lowered_anew(machine, drop) -> None:  # type: ignore[no-untyped-def]
    """A store over an instruction that has run in narrow user mode takes effect."""
    machine.core.r[T0] = 0x26520010  # addiu $s2, $s2, 16
    assert Exc.SYS == drop(USER, at=REWRITES)
    assert 17 == machine.registers[S2]


KSEG0, KSEG1, KSSEG, KSEG3 = (0xFFFFFFFF00000000 + part for part in (0x80000000, 0xA0000000, 0xC0000000, 0xE0000000))
XSSEG, XKPHYS, XKSEG = 1 << 62, 0x9800000000000000, 3 << 62
EVERY = {0, KSEG0, KSEG1, KSSEG, KSEG3, XSSEG, XKPHYS, XKSEG}
REACHED = {
    "user": (USER, {0}),
    "user, all X": (USER | UX | SX | KX, {0}),
    "supervisor": (SUPERVISOR, {0, KSSEG}),
    "supervisor, all X": (SUPERVISOR | UX | SX | KX, {0, KSSEG, XSSEG}),
    "kernel": (KERNEL, {0, KSEG0, KSEG1, KSSEG, KSEG3}),
    "kernel, all X": (KERNEL | UX | SX | KX, EVERY),
}


@pytest.mark.parametrize("name", REACHED)
def test_each_mode_reaches_its_segments(machine, drop, name) -> None:  # type: ignore[no-untyped-def]
    """A load, a store and a fetch in a segment of the mode reach memory; in any other they are address errors."""
    status, reached = REACHED[name]
    machine.write(DATA, struct.pack(">I", 0x12345678))
    for segment in EVERY:
        inside = segment in reached
        assert (Exc.SYS if inside else Exc.ADEL) == drop(status, 0x8ED20000, SYSCALL, base=segment + DATA)
        assert (0x12345678 if inside else 0) == machine.registers[S2]
        assert (Exc.SYS if inside else Exc.ADES) == drop(status, 0xAED20004, SYSCALL, base=segment + DATA)
        jump = (0x02C00008, 0, SYSCALL)
        assert (Exc.SYS if inside else Exc.ADEL) == drop(status, *jump, base=segment + AT + 8)
        assert inside or segment + AT + 8 == machine.cp0(M.BAD_VADDR) == machine.cp0(M.EPC)


def test_high_user_addresses_need_ux(drop) -> None:  # type: ignore[no-untyped-def]
    """Past 2 GiB the user segment is an address error without UX, and a TLB miss with it."""
    assert Exc.ADEL == drop(USER, 0x8ED20000, SYSCALL, base=1 << 31)
    assert Exc.TLBL == drop(USER | UX, 0x8ED20000, SYSCALL, base=1 << 31)
