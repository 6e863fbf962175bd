"""Guests that mean harm: a frame of assembly for each CPU that starts them, and what they are made of."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tracegen import abi, abi_net, abi_x86_64

MEMORY = 1 << 20
FRAME, VALUES, TABLES, ARENA, ARENA_BYTES = 0x1000, 0x4000, 0x8000, 0x10000, 0x4000
"""Physical addresses: the frame's code; what it loads into registers; descriptor tables or page tables; random code."""
KSEG0, HIGH = abi.KSEG0, abi_x86_64.KERNEL_BASE
DEVICES = abi.KSEG1 + abi.DEVICE_BASE
CARD = DEVICES + abi_net.NET_SEND
WORD = (1 << 64) - 1

MIPS64 = f"""
        .set noreorder
        .set noat
        .text
        .globl _start
_start: lui     $k1, {(KSEG0 >> 16) & 0xFFFF:#x}
        ori     $k1, $k1, {VALUES:#x}
        li      $k0, 63
1:      mtc0    $k0, $0
        ld      $t0, 0($k1)
        ld      $t1, 8($k1)
        ld      $t2, 16($k1)
        dmtc0   $t0, $10
        dmtc0   $t1, $2
        dmtc0   $t2, $3
        tlbwi
        daddiu  $k1, $k1, 24
        bnez    $k0, 1b
        addiu   $k0, $k0, -1
        .irp    register, 6, 11, 4, 20, 14, 12
        ld      $k0, 0($k1)
        dmtc0   $k0, $\\register
        daddiu  $k1, $k1, 8
        .endr
        .set    place, 0
        .irp    register, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,28,29,30,31
        ld      $\\register, place($k1)
        .set    place, place + 8
        .endr
        eret
"""
SKIP_MIPS64 = struct.pack(">5I", 0x403A7000, 0x675A0004, 0x40BA7000, 0x42000018, 0)
"""A handler that goes on behind the instruction: dmfc0 $k0, $14; daddiu $k0, $k0, 4; dmtc0 $k0, $14; eret."""

X86_64 = f"""
        .text
        .globl _start
_start: lgdt    gdt(%rip)
        lidt    idt(%rip)
        movabs  ${HIGH + VALUES:#x}, %rsp
        .irp    register, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000102, 0x80f, 0x832, 0x6e0
        mov     $\\register, %ecx
        pop     %rax
        mov     %rax, %rdx
        shr     $32, %rdx
        wrmsr
        .endr
        pop     %rax
        mov     %rax, %cr3
        pop     %rax
        mov     %rax, %cr4
        pop     %rax
        mov     %rax, %cr0
        mov     $0x28, %eax
        ltr     %ax
        .irp    register, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
        pop     %\\register
        .endr
        iretq
        .balign 16
skip_code: add  $8, %rsp
        .balign 16
skip:   addq    $1, (%rsp)
        iretq
        .balign 16
gdt:    .word   0x7f
        .quad   {HIGH + TABLES:#x}
idt:    .word   0xfff
        .quad   {HIGH + TABLES + 0x1000:#x}
"""
SKIPS_FROM_END = 32
"""The frame's last 64 bytes: skip_code, skip, gdt and idt, each in a line of sixteen."""

FLAGS = {
    "mips64": "-target mips64-freestanding -mcpu=mips4 -mno-abicalls -msoft-float -G0".split(),
    "x86-64": "-target x86_64-freestanding -mcpu=x86_64".split(),
}
COMMON = "-g0 -fno-pic -fno-pie -nostdlib -static -Wl,--no-gc-sections -Wl,-e,_start".split()


def frame(cpu: str) -> bytes:
    """The ELF image that loads what is at VALUES and goes where that says."""
    text, base = (MIPS64, KSEG0) if cpu == "mips64" else (X86_64, HIGH)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "frame.S").write_text(text)
        (folder / "frame.ld").write_text(
            f"SECTIONS {{ . = {base + FRAME:#x}; .text : AT({FRAME:#x}) {{ *(.text*) }}"
            " /DISCARD/ : { *(.reginfo) *(.MIPS.*) *(.comment) *(.pdr) *(.gnu.attributes) *(.note*) *(.eh_frame*) } }"
        )
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS[cpu], *COMMON, f"-Wl,-T,{folder / 'frame.ld'}"]
        subprocess.run([*command, folder / "frame.S", "-o", folder / "frame"], check=True, capture_output=True)
        return (folder / "frame").read_bytes()


def address(dice: random.Random, base: int) -> int:
    """An address, often a wild one: in the arena, at the end of memory, of a device, at an edge, or anything."""
    low = (0, 4, 0x7FFFFFFF, 0x80000000, 1 << 40, 1 << 47)
    edges = (*low, WORD - 7, WORD, 1 << 63, 0xC000000000000000, DEVICES, CARD)
    start = dice.choice((ARENA, ARENA, 0, MEMORY, MEMORY - 4096, TABLES, dice.randrange(1 << 30)))
    at = dice.choice((0, base, base, abi.KSEG1)) + start + dice.randrange(-16, ARENA_BYTES)
    return dice.choice((at, at & ~7, at & ~7, dice.choice(edges) + dice.randrange(-8, 9), dice.getrandbits(64))) & WORD


# -- MIPS64 ----------------------------------------------------------------------------------------------------------

SPECIAL = (0, 2, 3, 4, 6, 7, *range(8, 14), 15, *range(16, 21), 22, 23, *range(24, 40), *range(42, 53), 54, 56, 58, 59)
SPECIAL += (60, 62, 63)
OPCODES = (*range(2, 16), *range(20, 28), *range(32, 48), 48, 49, 51, 52, 53, 55, 56, 57, 60, 61, 63)
CO = (1, 2, 6, 8, 24, 32)
REGIMM = (0, 1, 2, 3, 8, 9, 10, 11, 12, 14, 16, 17, 18, 19)


def instruction_mips64(dice: random.Random) -> int:
    """A word that is an instruction, with any operands."""
    registers, low = (
        dice.getrandbits(10) << 16,
        dice.choice((dice.getrandbits(16), 8 * dice.randrange(-32, 32) & 0xFFFF)),
    )
    kind = dice.randrange(20)
    if kind < 6:
        return registers | (low & 0xFFC0) | dice.choice(SPECIAL)
    if kind < 7:
        return 1 << 26 | dice.getrandbits(5) << 21 | dice.choice(REGIMM) << 16 | (low & 0x3F)
    if kind < 9:
        return 16 << 26 | dice.choice((0, 1, 4, 5)) << 21 | dice.getrandbits(10) << 11
    if kind < 10:
        return 16 << 26 | 1 << 25 | dice.choice(CO)
    if kind < 11:
        return 13 << 26 | dice.randrange(40)  # an announcement
    if kind < 12:
        return 17 << 26 | dice.getrandbits(26)
    return dice.choice(OPCODES) << 26 | registers | low


def values_mips64(dice: random.Random) -> bytes:
    """TLB, coprocessor 0 and registers at the start."""
    words = []
    for index in range(64):
        space, pair = dice.randrange(3), dice.randrange(64) if index < 48 else dice.getrandbits(27)
        words.append(dice.choice((0, 0, 1 << 62, 3 << 62)) | pair << 13 | space)
        for _ in range(2):
            frame_number = dice.choice((dice.randrange(MEMORY >> 12), dice.randrange(0x14, 0x18), dice.getrandbits(24)))
            words.append(frame_number << 6 | dice.choice((0x1F, 0x1E, 0x1A, dice.getrandbits(6))))
    mode = dice.choice((0, 0, 1, 2, 2, 2)) << 3
    status = (
        dice.choice((0xE0, 0xE0, 0, dice.getrandbits(8) & 0xE0))
        | mode
        | 2
        | dice.choice((0, 1))
        | 0xFF00 * dice.getrandbits(1)
    )
    status |= dice.choice((0, 0, 0, dice.getrandbits(32) & 0xFFFFFFFB))
    start = ARENA + dice.randrange(ARENA_BYTES) & ~3
    entry = start if mode else KSEG0 + start
    words += [dice.randrange(64), dice.getrandbits(12), dice.getrandbits(64), dice.getrandbits(64)]
    words += [entry if dice.random() < 0.95 else address(dice, KSEG0), status]
    words += [dice.choice((address(dice, KSEG0), dice.getrandbits(64), dice.randrange(64))) for _ in range(29)]
    return struct.pack(f">{len(words)}Q", *words)


def memory_mips64(dice: random.Random) -> dict[int, bytes]:
    """Physical address -> what lies there."""
    vectors = dice.choice((SKIP_MIPS64, SKIP_MIPS64, code(dice, "mips64", 64)))
    return {
        0: vectors.ljust(128, b"\0") * 4,
        VALUES: values_mips64(dice),
        ARENA: code(dice, "mips64", ARENA_BYTES),
    }


# -- x86-64 ----------------------------------------------------------------------------------------------------------

PREFIXES = (0x66, 0x67, 0xF2, 0xF3, 0xF0, 0x64, 0x65, 0x2E, *range(0x40, 0x50), *[0x48] * 6)
TWO_BYTES = (
    0,
    1,
    2,
    3,
    5,
    6,
    7,
    9,
    0xB,
    0x1F,
    0x20,
    0x21,
    0x22,
    0x23,
    0x30,
    0x31,
    0x32,
    0x33,
    0xA0,
    0xA2,
    0xA3,
    0xA4,
    0xA5,
)
TWO_BYTES += (
    *range(0x40, 0x50),
    *range(0x80, 0xA0),
    0xA8,
    0xAB,
    0xAC,
    0xAD,
    0xAE,
    0xAF,
    *range(0xB0, 0xC2),
    *range(0xC7, 0xD0),
)
STRINGS = (0x6C, 0x6D, 0x6E, 0x6F, 0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF)
SYSTEM = (0x9C, 0x9D, 0xCD, 0xCC, 0xCF, 0xCB, 0xE4, 0xE6, 0xEC, 0xEE, 0xF4, 0xFA, 0xFB, 0xFC, 0xFD, 0x8E, 0x8C, 0xFF)


def instruction_x86_64(dice: random.Random) -> bytes:
    """Bytes that begin like an instruction, with any operands."""
    kind = dice.randrange(20)
    if kind == 0:
        return b"\x0f\x1f\x80" + struct.pack("<I", abi_x86_64.ANNOUNCE_MAGIC + dice.randrange(40))
    prefixes = bytes(dice.choice(PREFIXES) for _ in range(dice.choice((0, 0, 1, 1, 2))))
    if kind < 6:
        opcode = bytes((0x0F, dice.choice(TWO_BYTES)))
    elif kind < 7:
        opcode = bytes((dice.choice(STRINGS),))
        prefixes = dice.choice((b"", b"\xf3", b"\xf2", b"\xf3\x48"))
    elif kind < 8:
        opcode = bytes((dice.choice(SYSTEM),))
    else:
        opcode = bytes((dice.randrange(256),))
    small = dice.choice((dice.randbytes(4), struct.pack("<i", dice.randrange(-256, 256))))
    return prefixes + opcode + dice.randbytes(dice.choice((1, 1, 2))) + small[: dice.choice((0, 1, 4))]


def descriptor(dice: random.Random) -> int:
    """A segment descriptor: of code or data for some ring, or anything."""
    ring = dice.randrange(4) << 45
    return dice.choice(
        (0x00209B0000000000 | ring, 0x0000930000000000 | ring, 0x00CF9B000000FFFF | ring, dice.getrandbits(64))
    )


def tables_x86_64(dice: random.Random, skips: tuple[int, int]) -> bytes:
    """The global descriptor table, and behind it the interrupt table."""
    task = HIGH + TABLES + 0x800
    gdt = [0, 0x00209B0000000000, 0x0000930000000000, 0x0000F30000000000, 0x0020FB0000000000]
    gdt += [0x0000890000000067 | (task & 0xFFFFFF) << 16 | (task >> 24 & 0xFF) << 56, task >> 32]
    gdt += [descriptor(dice) for _ in range(9)]
    stack = HIGH + ARENA + ARENA_BYTES // 2
    state = struct.pack("<I7Q", 0, stack, stack, stack, 0, stack, address(dice, HIGH), 0)
    gates = b""
    for vector in range(256):
        handler = skips[0] if vector in (8, 10, 11, 12, 13, 14, 17) else skips[1]
        wild = dice.random() < 0.05
        at = address(dice, HIGH) if wild else HIGH + handler
        kind = dice.choice((0x8E, 0xEE, 0x8F, dice.getrandbits(8))) if wild else dice.choice((0x8E, 0xEE))
        stack_number = dice.choice((0, 0, 1, 2)) if wild else 0
        gates += struct.pack("<HHBBHII", at & 0xFFFF, 8, stack_number, kind, at >> 16 & 0xFFFF, at >> 32, 0)
    return (struct.pack("<16Q", *gdt).ljust(0x800, b"\0") + state).ljust(0x1000, b"\0") + gates


PAGES = 0x40000
"""Physical address of the root table and the tables below it."""


def pages_x86_64(dice: random.Random) -> bytes:
    """Four levels of tables: RAM at 0 for all rings and at HIGH, with some entries gone wrong."""
    rows = [[0] * 512 for _ in range(6)]
    rows[0][0], rows[0][511] = PAGES + 0x1007, PAGES + 0x2007
    rows[1][0], rows[2][510] = PAGES + 0x3007, PAGES + 0x4007
    rows[3][0], rows[4][0], rows[4][1] = PAGES + 0x5007, 0x1E3, 0x2001E3
    rows[3][1] = 0x2000E7
    for page in range(512):
        rows[5][page] = page << 12 | dice.choice((7, 7, 7, 5, 0x107, 3))
    for _ in range(dice.choice((0, 4, 100))):
        row = rows[dice.choice((1, 3, 5, 5, 5)) if dice.random() < 0.99 else dice.randrange(6)]
        row[dice.choice((1, dice.randrange(512)))] = dice.choice((dice.getrandbits(64), dice.getrandbits(40) | 7))
    return b"".join(struct.pack("<512Q", *row) for row in rows)


def values_x86_64(dice: random.Random) -> bytes:
    """Model-specific and control registers, general registers, and what `iretq` takes."""
    entry = ARENA + dice.randrange(ARENA_BYTES)
    ring = dice.choice((0, 0, 3, 3, 3, 1))
    start = HIGH + entry if ring == 0 else entry
    if dice.random() < 0.05:
        start = address(dice, HIGH)
    words = [0xD01, 0x0010000800000000, HIGH + ARENA, dice.getrandbits(20), address(dice, HIGH)]
    words += [0x100 | dice.getrandbits(8), 0x40000 | dice.getrandbits(8), dice.choice((0, dice.getrandbits(11)))]
    words += [
        PAGES if dice.random() < 0.95 else dice.getrandbits(20) & ~0xFFF,
        0x20,
        0x80010011 | dice.getrandbits(1) << 16,
    ]
    ports = (0x3F8, 0xF4, 0x3FD, *range(0x600, 0x618, 4), *range(0x640, 0x664, 4))
    words += [dice.choice((address(dice, HIGH), dice.choice(ports), dice.randrange(64))) for _ in range(15)]
    selectors = {0: (0x08, 0x10), 3: (0x23, 0x1B), 1: (8 * dice.randrange(7, 16) | 1, 8 * dice.randrange(7, 16) | 1)}[
        ring
    ]
    flags = dice.getrandbits(22) & ~0x100 | 2
    stack = dice.choice((ARENA + ARENA_BYTES - 8, HIGH + ARENA + ARENA_BYTES - 8, address(dice, HIGH)))
    words += [start, selectors[0], flags, stack, selectors[1]]
    return struct.pack(f"<{len(words)}Q", *words)


def memory_x86_64(dice: random.Random, skips: tuple[int, int]) -> dict[int, bytes]:
    """Physical address -> what lies there."""
    return {
        VALUES: values_x86_64(dice),
        TABLES: tables_x86_64(dice, skips),
        PAGES: pages_x86_64(dice),
        ARENA: code(dice, "x86-64", ARENA_BYTES),
    }


def code(dice: random.Random, cpu: str, size: int) -> bytes:
    """Random bytes, or random instructions, or both in turn."""
    plan = dice.choice(("bytes", "instructions", "instructions", "both"))
    if plan == "bytes":
        return dice.randbytes(size)
    made = bytearray()
    while len(made) < size:
        if plan == "both" and dice.random() < 0.1:
            made += dice.randbytes(16)
        elif cpu == "mips64":
            made += struct.pack(">I", instruction_mips64(dice))
        else:
            made += instruction_x86_64(dice)
    return bytes(made[:size])
