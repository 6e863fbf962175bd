"""What the guest on x86-64 and the machine under it agree on, beside ``tracegen.abi``: numbers defined once, here.

Pure Python without dependencies: the package's build hook imports it.
"""

from __future__ import annotations

from enum import IntEnum

# -- memory map ------------------------------------------------------------------------------------------------------

KERNEL_BASE = 0xFFFF_FFFF_8000_0000
"""The kernel, and all of RAM, is mapped from here on: physical address + KERNEL_BASE, in global 2 MB pages."""

BOOT_TABLES = 4
"""Pages below the last page of RAM (the arguments') where the machine puts the tables that it starts the guest with:
they map the first GB of memory in 2 MB pages, at 0 and at KERNEL_BASE, so that paging and long mode are on at the
first instruction, as the 64-bit boot protocol of Linux has it."""

# -- ports -----------------------------------------------------------------------------------------------------------

PORT_CONSOLE = 0x3F8
"""A byte written is printed (the transmitter register of the first serial port)."""

PORT_CONSOLE_STATUS = 0x3FD
"""A byte read has bit 5 set: ready to print."""

PORT_EXIT = 0xF4
"""32 bits written end the run; the value is the exit status."""

PORT_DISK_BLOCK, PORT_DISK_FRAME, PORT_DISK_COMMAND, PORT_DISK_STATUS, PORT_DISK_ACKNOWLEDGE, PORT_DISK_BLOCKS = range(
    0x600, 0x618, 4
)
"""The disk's registers, 32 bits each, as those of ``tracegen.abi`` in the device page."""

PORT_VCPUS = 0x620
"""32 bits read: vCPUs of the machine."""

PORT_NET_ADDRESS, PORT_NET_STATIONS, PORT_NET_SEND_RING, PORT_NET_RECEIVE_RING = range(0x640, 0x650, 4)
PORT_NET_SEND, PORT_NET_RECEIVE, PORT_NET_STATUS, PORT_NET_ACKNOWLEDGE, PORT_NET_DROPPED = range(0x650, 0x664, 4)
"""The network card's registers, 32 bits each, as those of ``tracegen.abi_net`` in the device page."""

# -- interrupts ------------------------------------------------------------------------------------------------------

VECTOR_TIMER_DEFAULT = 0x20
VECTOR_DISK = 0x22
"""Vector of the disk's interrupt; the local timer's is what the guest writes to MSR_LVT_TIMER."""

VECTOR_NET = 0x23
"""Vector of the network card's interrupt: of the same priority class as the disk's."""

MSR_TSC_DEADLINE, MSR_APIC_EOI, MSR_SPURIOUS, MSR_LVT_TIMER = 0x6E0, 0x80B, 0x80F, 0x832
"""The local interrupt controller in x2APIC mode: timer in TSC-deadline mode (bits 17-18 of LVT = 2), a write of 0 to
MSR_APIC_EOI ends the interrupt in service.  The time-stamp counter counts retired instructions and waited units."""

MSR_APIC_ID, MSR_ICR = 0x802, 0x830
"""Number of this vCPU.  Interrupt command: vector in bits 0-7, delivery mode in 8-10 (0 fixed, 5 INIT without effect, 6
start-up), shorthand in 18-19 (1 self, 2 all, 3 all but self), the target's number in 32-63."""

VECTOR_IPI = 0x24
"""A vector for interrupts between vCPUs; hardware leaves the choice to the guest."""

MSR_START_ENTRY, MSR_START_STACK, MSR_START_ARGUMENT = 0x4000_0010, 0x4000_0011, 0x4000_0012
"""Where a vCPU begins that a start-up command starts, its stack pointer and its first argument (rdi); the second one is
its number.  There is no real mode: it begins in ring 0 of long mode with the control registers of its starter."""

# -- announcements ---------------------------------------------------------------------------------------------------

ANNOUNCE_MAGIC = 0x766D_0000
"""The guest announces code N by ``nopl (ANNOUNCE_MAGIC + N)(%rax)``, a no-operation on hardware; arguments in rdi, rsi,
rdx, rcx."""


class Pte(IntEnum):
    """Bits of an x86-64 page-table entry; 9 to 11 are the kernel's.  The frame's address occupies bits 12-51."""

    PRESENT = 1 << 0  # hardware may use the entry
    WRITABLE = 1 << 1
    USER = 1 << 2
    ACCESSED = 1 << 5  # set by the walker
    DIRTY = 1 << 6  # set by the walker
    LARGE = 1 << 7  # in a table of level 1: a 2 MB page
    GLOBAL = 1 << 8
    COW = 1 << 9  # shared with another process until someone stores
    NO_EXECUTE = 1 << 63
