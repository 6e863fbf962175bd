"""What the guest, the machine under it and the recorder agree on: numbers defined once, here.

``header()`` renders them as the C header ``abi.h`` that every guest source includes, so the two cannot drift apart.
Pure Python without dependencies: the package's build hook imports it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

# -- memory map ------------------------------------------------------------------------------------------------------

PAGE_SHIFT = 12
PAGE_BYTES = 1 << PAGE_SHIFT

KSEG0 = 0xFFFF_FFFF_8000_0000
"""Unmapped, cached: physical address + KSEG0.  The kernel lives here."""

KSEG1 = 0xFFFF_FFFF_A000_0000
"""Unmapped, uncached: devices are reached here."""

USER_TOP = 0x8000_0000
"""First address a user process can never own; the page-table window covers exactly the addresses below it."""

WINDOW = 0xFFFF_FFFF_C000_0000
"""Linear page table of the current space, in mapped kernel space: the entry of ``va`` is at WINDOW + (va >> 12) * 8."""

WINDOW_BYTES = (USER_TOP >> PAGE_SHIFT) * 8

VECTOR_REFILL = KSEG0 + 0x000
VECTOR_XREFILL = KSEG0 + 0x080
VECTOR_GENERAL = KSEG0 + 0x180

DEVICE_BASE = 0x1F00_0000
"""Physical address of the device page."""

CONSOLE_OUT = 0x00
"""Offset in the device page: a store prints the low byte of its value."""

DEVICE_EXIT = 0x08
"""Offset in the device page: a store ends the run; its value is the exit status."""

DISK_BLOCK, DISK_FRAME, DISK_COMMAND, DISK_STATUS, DISK_ACKNOWLEDGE, DISK_BLOCKS = range(0x40, 0x70, 8)
"""Offsets of the disk's registers in the device page: block and memory page of the next request (stores); a store of
a ``Disk`` command starts it; the state of the latest request (load); a store ends its interrupt; the disk's size in
blocks (load).  A block has the size of a page, and one request at a time moves one of them by DMA."""

DISK_LINE = 2
"""Interrupt line of the disk: bit 8 + 2 of Cause and Status."""

MEMORY_BYTES = 64 << 20
"""RAM of the default machine."""

# -- devices ---------------------------------------------------------------------------------------------------------


class Disk(IntEnum):
    """Commands to the disk, and the states of its latest request."""

    READ = 1  # into the memory page
    WRITE = 2  # from it
    IDLE = 0  # nothing was asked, or the answer was acknowledged
    BUSY = 3
    DONE = 4  # the interrupt line is up until it is acknowledged
    FAILED = 5  # no such block or memory page, or a command while busy; the line is up, too


# -- page tables -----------------------------------------------------------------------------------------------------

PTE_BYTES = 8
PTE_ENTRYLO_SHIFT = 6
"""A page-table entry shifted right by this is the hardware's EntryLo; the bits shifted out are the kernel's."""


class Pte(IntEnum):
    """Bits of a page-table entry.  The frame's physical address occupies bits 12 and up, as it is."""

    PRESENT = 1 << 0  # the process owns this page; without it the other bits are 0
    COW = 1 << 1  # shared with another process until someone stores
    REFERENCED = 1 << 2  # soft reference bit: V stays off until the first touch
    WRITABLE = 1 << 3  # stores are allowed; D stays off until the first one
    SOFT_DIRTY = 1 << 4
    GLOBAL = 1 << 6  # hardware, from here on
    VALID = 1 << 7
    DIRTY = 1 << 8
    CACHED = 3 << 9  # coherency attribute 3: cacheable


# -- crossings -------------------------------------------------------------------------------------------------------


class Announce(IntEnum):
    """Codes of ``ori $0, $0, CODE``, by which the guest tells the recorder what it does; arguments in a0-a3.

    On hardware the instruction does nothing.  Frames are physical page numbers.
    """

    SERVICE_ENTER = 1  # service id
    SERVICE_EXIT = 2
    SPACE_CREATE = 3  # space
    SPACE_DESTROY = 4  # space
    TABLE_ALLOC = 5  # frame, level: the page is all zeroes and holds page-table entries from here on
    TABLE_FREE = 6  # frame
    TABLE_LINK = 7  # frame, space, first virtual page number that it maps, level
    TABLE_UNLINK = 8  # frame
    SPACE_ASID = 9  # space, hardware ASID that names it from here on
    THREAD_SWITCH = 10  # thread that ran, thread that runs
    THREAD_SPACE = 11  # thread, space that it owns; a thread that does not run begins in the present service
    ZEROED = 12  # frame
    FREED = 13  # frame: nobody holds the page, and its content is forgotten
    MARK_BEGIN = 14  # mark id of the workload
    MARK_END = 15  # mark id
    THREAD_NAME = 16  # thread, address of the NUL-ended command line that it runs: said when a run ends early


class Syscall(IntEnum):
    """System calls: number in v0, arguments from a0, result in v0 (-1: refused)."""

    EXIT = 1  # (status): ends the process; the first process's end is the machine's
    WRITE = 2  # (descriptor, buffer, bytes) -> bytes written; a full pipe blocks
    SBRK = 3  # (bytes to grow by) -> the heap's end before
    TIME = 4  # () -> nanoseconds since boot
    YIELD = 5  # () -> 0, after the other runnable processes had their turns
    GETARG = 6  # (index, buffer, bytes) -> length of the process's argument, copied with its final NUL
    FORK = 7  # () -> the child's process id in the parent, 0 in the child
    EXEC = 8  # (command line): runs the program that its first word names; returns only where refused
    WAIT = 9  # (where to store the status, or 0) -> process id of a child that ended; blocks until one does
    GETPID = 10  # () -> process id
    KILL = 11  # (process id) -> 0; the process ends before it next runs in user mode
    SLEEP = 12  # (timer ticks) -> 0, so many ticks later
    PIPE = 13  # (where to store two descriptors: the end to read from, the end to write to) -> 0
    READ = 14  # (descriptor, buffer, bytes) -> bytes read; an empty pipe blocks, 0 when nobody can write to it
    CLOSE = 15  # (descriptor) -> 0
    DUP = 16  # (descriptor) -> the lowest free descriptor, which now means the same
    FREEPAGES = 17  # () -> physical pages that nobody holds


class Service(IntEnum):
    """Kernel services by id; system call k is service SYSCALL_SERVICE + k."""

    USER = 0
    BOOT = 1
    UTLB_MISS = 2
    DEMAND_ZERO = 3
    QUICK_FAULT = 4
    COW_FAULT = 5
    PROTECTION_FAULT = 6
    TIMER_INTERRUPT = 7
    DEVICE_INTERRUPT = 8
    IDLE = 9
    PAGE_ZERO = 10
    EXCEPTION_OTHER = 11
    STALE_FAULT = 12
    TABLE_UPDATE = 13
    PAGE_COPY = 14


SYSCALL_SERVICE = 32

SERVICE_CLASSES = {
    Service.UTLB_MISS: "REFILL",
    Service.STALE_FAULT: "REFILL",
    Service.IDLE: "IDLE",
    Service.PAGE_ZERO: "PAGE_ZERO",
    Service.TABLE_UPDATE: "TABLE_UPDATE",
    Service.PAGE_COPY: "PAGE_COPY",
}
"""Service -> name of its ``replay.trace.schema.ServiceClass`` where that is not OTHER."""


class ServiceRow(NamedTuple):
    """One line of the service table that a trace's metadata carries."""

    id: int
    name: str
    klass: str


def services() -> tuple[ServiceRow, ...]:
    """Every service this guest can be in, by id; system calls carry the name of the call."""
    fixed = [ServiceRow(s.value, s.name, SERVICE_CLASSES.get(s, "OTHER")) for s in Service]
    calls = [ServiceRow(SYSCALL_SERVICE + c.value, c.name.lower(), "OTHER") for c in Syscall]
    return tuple(sorted(fixed + calls))


# -- exit statuses ---------------------------------------------------------------------------------------------------


class Status(IntEnum):
    """What a process ends with, and a run when its first process does, where the program did not choose.

    From 128 on as a shell reports the corresponding signal.
    """

    USAGE = 2  # a program that is not there, or arguments that it does not take
    ILLEGAL = 132  # reserved or privileged instruction in user mode
    PANIC = 134  # the kernel found itself inconsistent
    NO_MEMORY = 137
    NO_SPACE = 138  # the disk is full
    FAULT = 139  # a user access to an address the process does not own
    KILLED = 143  # by another process


# -- the C header ----------------------------------------------------------------------------------------------------

_PLAIN = (
    *("PAGE_SHIFT", "PAGE_BYTES", "KSEG0", "KSEG1", "USER_TOP", "WINDOW", "WINDOW_BYTES"),
    *("DEVICE_BASE", "CONSOLE_OUT", "DEVICE_EXIT", "PTE_BYTES", "PTE_ENTRYLO_SHIFT"),
    *("DISK_BLOCK", "DISK_FRAME", "DISK_COMMAND", "DISK_STATUS", "DISK_ACKNOWLEDGE", "DISK_BLOCKS", "DISK_LINE"),
)
_PREFIXED = {"PTE": Pte, "DISK": Disk, "ANNOUNCE": Announce, "SYS": Syscall, "SERVICE": Service, "STATUS": Status}


def constants() -> dict[str, int]:
    """Name in C -> value of every number the guest shares with the machine and the recorder."""
    plain = {name: int(globals()[name]) for name in _PLAIN}
    return plain | {f"{prefix}_{m.name}": m.value for prefix, enum in _PREFIXED.items() for m in enum}


def header() -> str:
    """The text of ``abi.h``, for C and assembly alike."""
    lines = [f"#define {name} {value:#x}" for name, value in constants().items()]
    return "\n".join(["// Generated from tracegen/abi.py.", "#pragma once", "", *lines, ""])
