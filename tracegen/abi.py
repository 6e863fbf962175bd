"""What the guest, the machine under it and the recorder agree on: numbers defined once, here.

``tracegen.abi_header`` renders them as the C header ``abi.h`` that every guest source includes, so the two cannot drift
apart.
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

XKPHYS = 0xA800_0000_0000_0000
"""Unmapped, cached: physical address + XKPHYS.  The kernel reaches all of RAM here, of which KSEG0 has 512 MB only."""

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
"""Physical address of the device page, a hole in RAM where that reaches beyond."""

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

VCPU_NUMBER, VCPU_COUNT, IPI_SEND, IPI_PENDING, IPI_ACKNOWLEDGE = range(0x80, 0xA8, 8)
"""Offsets in the device page: number of the vCPU that loads; vCPUs of the machine (loads); a store of a vCPU's number
interrupts it; bit set of the vCPUs whose interrupts arrived (load); a store of such a bit set forgets them."""

START_ENTRY, START_STACK, START_ARGUMENT, START_VCPU = range(0xA8, 0xC8, 8)
"""Offsets in the device page: where the next vCPU to be started begins, its stack pointer and its first argument; a
store of its number starts it.  The second argument is that number."""

IPI_LINE = 3
"""Interrupt line of other vCPUs' interrupts."""

MEMORY_BYTES = 64 << 20
"""RAM of the default machine."""

DISK_BYTES = 16 << 20
"""Its disk."""

UNITS_PER_SECOND = 200_000_000
"""Device-time units a second: one nominal instruction each, 5 ns."""

# -- devices ---------------------------------------------------------------------------------------------------------


class Disk(IntEnum):
    """Commands to the disk, and the states of its latest request."""

    READ = 1  # into the memory page
    WRITE = 2  # from it
    IDLE = 0  # nothing was asked, or the answer was acknowledged
    BUSY = 3
    DONE = 4  # the interrupt line is up until it is acknowledged
    FAILED = 5  # no such block or memory page, or a command while busy; the line is up, too


# -- the file system on the disk --------------------------------------------------------------------------------------

FS_MAGIC = 0x766D_7265_706C_6179
"""The first eight bytes of the disk; nothing else is in block 0."""

FS_BITMAP, FS_BITMAP_BLOCKS = 1, 8
"""First block and length of the bitmap: bit ``b % 8`` of byte ``b // 8`` is set where block b is in use."""

FS_BLOCKS = FS_BITMAP_BLOCKS * PAGE_BYTES * 8
"""Blocks of the largest disk.  The file system reaches to the end of the disk that it is on, up to here."""

FS_INODE_BYTES = 64
"""Of an inode in the table: its file's bytes (8), when that was modified (8, ns since boot), names that it has (2: 0
for a free inode), whether it is a directory (2), the block of further block numbers (4), and the numbers of its first
``FS_DIRECT`` blocks (4 each; 0 where there is none).  Inodes are numbered from 0, which is none."""

FS_TABLE_AT = 64
"""Offset in block 0 of the inode of the table: the table is a file, too."""

FS_DIRECT = 10
FS_INDIRECT = PAGE_BYTES // 4
"""Block numbers in the block of further ones."""

FS_FILE_BYTES = (FS_DIRECT + FS_INDIRECT) * PAGE_BYTES
"""The largest file."""

FS_INODES = FS_FILE_BYTES // FS_INODE_BYTES
"""No table has more; how many there are depends on the disk."""

FS_DATA = FS_BITMAP + FS_BITMAP_BLOCKS
"""First block that files use."""

FS_ROOT = 1
"""Inode of the directory ``/``.  A directory is a file of a power of two of blocks with entries: number (4; 0 for a
free one), name.  ``hash(name)``, FNV-1a folded, tells the block that has a name; each has ``..``, what is above."""

FS_NAME_BYTES = 28
"""A name with its NUL."""

FS_ENTRY_BYTES = 4 + FS_NAME_BYTES


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
    SERVICE_FOUND = 23  # service, another one: if the service now is the other one, it is this one from its beginning
    MARK_BEGIN = 14  # mark id of the workload
    MARK_END = 15  # mark id
    THREAD_NAME = 16  # thread, address of the NUL-ended command line that it runs: said when a run ends early
    LOCK_TRY = 17  # lock, 1 while spinning on it
    LOCK_ACQUIRE = 18  # lock
    LOCK_RELEASE = 19  # lock
    BARRIER_ARRIVE = 20  # barrier
    BARRIER_LEAVE = 21  # barrier
    BALLOON_OUT = 24  # frame: the guest's host may use it elsewhere
    BALLOON_IN = 25  # frame: the guest has it again, its content unknown
    FILLED = 22  # frame, block of the disk whose content the kernel copied into it, all of it


MARK_NAME_BYTES, MOST_MARKS = 32, 64
"""Bytes of a mark's name with its NUL, in a program's list of them; and how many a program may have."""


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
    KILL = 11  # (process id, signal) -> 0; the process notices before it next runs in user mode
    SLEEP = 12  # (timer ticks) -> 0, so many ticks later
    PIPE = 13  # (where to store two descriptors: the end to read from, the end to write to) -> 0
    READ = 14  # (descriptor, buffer, bytes) -> bytes read; an empty pipe blocks, 0 when nobody can write to it
    CLOSE = 15  # (descriptor) -> 0
    DUP = 16  # (descriptor) -> the lowest free descriptor, which now means the same
    FREEPAGES = 17  # () -> physical pages that a process could get: free, or cached and the same on the disk
    OPEN = 18  # (name, flags of Open) -> the lowest free descriptor, at the file's start
    UNLINK = 19  # (name) -> 0; the file itself goes with its last descriptor
    STAT = 20  # (name, where) -> 0, and three words there: bytes, modified in ns since boot, inode
    SEEK = 21  # (descriptor, offset) -> offset
    SYNC = 22  # () -> 0, when all that was written is on the disk
    RENAME = 23  # (from, to) -> 0; a file that was called `to` is unlinked
    DUP2 = 24  # (descriptor, to) -> to, which now means the same and was closed before
    FREEBLOCKS = 25  # () -> free blocks of the disk
    THREAD_CREATE = 40  # (where it begins, its stack's end, its argument) -> thread id; it shares the process's space
    THREAD_EXIT = 41  # (): ends the thread; the end of the process's first thread is the process's
    THREAD_JOIN = 42  # (thread id) -> 0, when that thread of the process has ended
    FUTEX_WAIT = 43  # (address of a 4-byte word, value) -> 0 when woken; -1 at once where the word is not the value
    FUTEX_WAKE = 44  # (address, how many at most) -> how many waited for that word and were woken
    CPUS = 45  # () -> CPUs that run
    GETPPID = 46  # () -> the parent's process id, 0 for the first process
    MMAP = 26  # (bytes, flags of Map, offset in a file | its descriptor + 1, or 0 for zeroes) -> address
    MUNMAP = 27  # (address, bytes) -> 0; what is mapped there is no more
    MPROTECT = 28  # (address, bytes, READ and others of Map) -> 0
    SIGACTION = 29  # (signal, handler, where the handler returns to) -> the handler before; 0 is the default, 1 none
    SIGRETURN = 30  # () -> what the signal interrupted goes on; the stack is as the handler found it
    SELECT = 31  # (where the bits of descriptors to read from and to write to are, ticks or -1) -> how many are ready
    MKDIR = 32  # (name) -> 0
    RMDIR = 33  # (name) -> 0, for an empty one
    CHDIR = 34  # (name) -> 0; names that do not begin with / begin there from here on
    FSTAT = 35  # (descriptor, where) -> as STAT
    MSYNC = 36  # (address, bytes) -> 0, when what was stored there is in the files
    LINK = 37  # (from, to) -> 0; the file has both names
    SOCKET = 50  # (kind of Socket, largest packet or 0) -> a descriptor
    BIND = 51  # (descriptor, port or 0 for a free one) -> port
    LISTEN = 52  # (descriptor, connections that may wait) -> 0
    ACCEPT = 53  # (descriptor, where to store the peer's station and port, or 0) -> the next connection's descriptor
    CONNECT = 54  # (descriptor, station, port) -> 0, when the peer's kernel has agreed
    SENDTO = 55  # (descriptor, message) -> bytes sent: one datagram
    RECVFROM = 56  # (descriptor, message) -> bytes that came, of which the buffer has as many as it takes
    SHUTDOWN = 57  # (descriptor) -> 0; the peer reads what was written, then the end; reading goes on
    STATION = 58  # (0) -> this machine's number in the network, from 1; (1) -> how many machines there are
    MOUNT = 59  # (station, name of a directory) -> 0; the files that the station serves are below it from here on
    SERVE = 60  # (clients) -> 0, when so many others have used this machine's files and need nothing more


SELECT_WORDS = 2
"""Words of a set of descriptors."""


class Open(IntEnum):
    """Flags of OPEN."""

    READ = 1
    WRITE = 2
    CREATE = 4  # an empty file where there is none of that name
    TRUNCATE = 8  # to no bytes


class Map(IntEnum):
    """Flags of MMAP: what may be done with the memory, and whose it is."""

    READ = 1
    WRITE = 2
    EXECUTE = 4
    SHARED = 8  # with those who map it, too, and children; a file gets what is stored


class Socket(IntEnum):
    """Kinds of sockets."""

    DATAGRAM = 1  # messages that may get lost
    STREAM = 2  # bytes in order, between two that are connected


NET_HEADER_BYTES = 64
"""Of a packet, before its payload."""

NET_MTU, NET_MTU_MOST = 1500, NET_HEADER_BYTES + PAGE_BYTES
"""Bytes of the largest packet, header and payload: by default, and at most.  A payload lies in a page of its own."""

NET_HEAD_WORDS = 5
"""Words of 8 bytes that travel in a datagram's header, beside its payload."""


class Signal(IntEnum):
    """Signals.  By default each but CHILD ends the process, with status 128 + signal."""

    INT = 2
    ILL = 4
    FPE = 8
    KILL = 9  # cannot be handled
    USER = 10
    SEGV = 11
    PIPE = 13
    ALARM = 14
    TERM = 15
    CHILD = 17


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
    DISK = 15  # asking the disk, waiting for its answer, and taking it
    SHOOTDOWN = 16  # dropping translations on other vCPUs' behalf, or waiting until they have
    SPIN = 17  # trying to take a lock that another vCPU holds
    IPI = 18  # what another vCPU asked for by its interrupt
    SIGNAL = 19  # a handler's frame made
    FILE_FAULT = 20  # in a fault: a page of a file brought in
    PAGE_OUT = 21  # looking for pages that processes do without
    FP_SWITCH = 22  # floating-point registers become the current thread's
    BALLOON = 24  # giving the host pages that it asked for, or taking them back
    NET = 25  # asking the network card, and taking what came
    PROTOCOL = 26  # a packet's way through the layers to whom it is for, and what is sent for it
    NFS_CLIENT = 27  # calling another machine for its files, and waiting for its answer
    NFS_SERVER = 28  # doing what another machine called for


SYSCALL_SERVICE = 32

SERVICE_CLASSES = {
    Service.UTLB_MISS: "REFILL",
    Service.STALE_FAULT: "REFILL",
    Service.IDLE: "IDLE",
    Service.PAGE_ZERO: "PAGE_ZERO",
    Service.TABLE_UPDATE: "TABLE_UPDATE",
    Service.PAGE_COPY: "PAGE_COPY",
    Service.DISK: "DRIVER",
    Service.BALLOON: "DRIVER",
    Service.NET: "DRIVER",
    Service.SHOOTDOWN: "SHOOTDOWN",
    Service.SPIN: "SPIN",
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
