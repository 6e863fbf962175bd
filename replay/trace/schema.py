"""Trace schema v1: the rows, fields and metadata of a ``.arrow`` trace.  The one definition; see docs/trace-format.md.

A trace is a sequence of rows in program order.  A row is an *access* (fetch, load, store) or an *event*.  Every row
has the five columns of ``COLUMNS``; what ``page`` and ``info`` hold depends on ``kind`` and is stated beside each
member of ``Kind``.  A payload that does not fit there travels in EXTRA rows *before* the row it belongs to, least
significant field first, 48 bits each, so that a reader never has to look ahead.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

SCHEMA_MAJOR, SCHEMA_MINOR = 1, 3
METADATA_KEY = b"vmreplay"
"""Key of the Arrow schema metadata whose value is the trace's JSON document (see ``replay.trace.meta``)."""

CLOSING_KEY = b"vmreplay.closing"
"""Key of the custom metadata of the closing zero-row batch: offset, length and checksum of each batch."""

PAGE_SHIFT = 12
PAGE_BYTES = 1 << PAGE_SHIFT
OFFSET_MASK = PAGE_BYTES - 1

COLUMNS: dict[str, np.dtype[Any]] = {
    "kind": np.dtype("u1"),  # what the row is: a member of Kind
    "ctx": np.dtype("u1"),  # bits 0-3 the vCPU, bits 4-5 its Mode before the row
    "info": np.dtype("u2"),  # accesses: bits 0-11 the offset in the page, bits 12-15 flags; events: see Kind
    "page": np.dtype("u4"),  # accesses: the page's id; events: see Kind
    "n": np.dtype("u1"),  # instructions this vCPU retired since its last row with n > 0, all in the context before the row
}
"""Column name -> numpy type, in file order.  In memory a recorder packs the first four into one little-endian u64."""

PACK_SHIFT = {"kind": 0, "ctx": 8, "info": 16, "page": 32}
"""Bit position of each column in the packed 64-bit row word."""

CTX_MODE_SHIFT = 4
INFO_FLAG_SHIFT = 12
"""In an access's ``info``: where the flags start.  Fetch: an Arrival.  Load or store: bit 0 is ATOMIC."""
ATOMIC = 1


class Kind(IntEnum):
    """What a row is.  Access kinds are below EVENT_FIRST; every page id is defined by a PAGE row before its first use."""

    # -- access: page = page id, info = offset | flags << 12
    FETCH = 0  # fetching enters another cache line, or is redirected; flags = Arrival
    LOAD1, LOAD2, LOAD4, LOAD8 = 1, 2, 3, 4
    STORE1, STORE2, STORE4, STORE8 = 5, 6, 7, 8
    # -- structure
    EXTRA = 16  # 48 payload bits of the next row that is no EXTRA: page = low 32, info = high 16
    PAGE = 17  # page = the new id (ids count up from 1), info = Segment; EXTRA: vpn low 48; vpn high 4 | space << 4
    SITE = 18  # a static sensitive instruction: page = the new site id (from 1), info = Sensitive; EXTRA: pc low 48; pc high 16 | register << 16
    START = 20  # the rows before say what was there when the recording began, and nothing that happened (since 1.2)
    END = 19  # the recording's last row: info = 0 complete, 1 failed or cut short
    # -- translation
    ENTRY = 24  # a store to a page-table page (annotates the STORE row before it): page = page id that the entry maps (0: none), info = index | level << 12; EXTRA: old entry; new entry; the table's frame
    TABLE_ALLOC = 25  # page = frame, info = level
    TABLE_FREE = 26  # page = frame
    TABLE_LINK = 27  # page = frame, info = level; EXTRA: first vpn it maps (low 48); space
    TABLE_UNLINK = 28  # page = frame
    SPACE_CREATE = 29  # page = space
    SPACE_DESTROY = 30  # page = space
    BASE_SWITCH = 31  # page = space now current, info = its hardware ASID
    TLB_WRITE = 32  # page = page id of the even half, info = index | TLB_RANDOM; EXTRA: even entry; odd entry
    TLB_PROBE = 33  # page = page id probed for, info = 1 if found
    INVALIDATE_PAGE = 34  # page = page id
    INVALIDATE_SPACE = 35  # page = space
    INVALIDATE_ALL = 36
    # -- privilege
    SENSITIVE = 40  # page = site id, info = bit 0 value changed, bit 1 dropped silently (what popf asked did not happen)
    # -- crossing
    EXCEPTION = 48  # info = Cause | Touch << 5 | in-delay-slot << 7; page = page id if Touch, else system-call number or interrupt line
    RETURN = 49  # return from exception; info = the Mode returned to
    SERVICE_ENTER = 50  # page = service id, current on this vCPU from here on
    SERVICE_EXIT = 51  # page = service id that is current again
    # -- thread
    THREAD_SWITCH = 56  # page = thread now running, info = thread that ran
    THREAD_SPACE = 57  # page = thread, info = space that it owns
    LOCK_TRY = 58  # page = lock, info = 1 while spinning on it
    LOCK_ACQUIRE = 59  # page = lock
    LOCK_RELEASE = 60  # page = lock
    BARRIER = 61  # page = barrier, info = 0 arrives, 1 leaves
    IPI_SEND = 62  # page = id, info = target vCPU
    IPI_RECEIVE = 63  # page = id, info = source vCPU
    # -- device
    REQUEST = 72  # page = request id, info = device | REQUEST_WRITE; EXTRA: block; bytes; first frame; base image (0: of none, or the guest wrote the block)
    COMPLETE = 73  # page = request id; EXTRA (since 1.1): device-time units that the device took
    INTERRUPT = 74  # raised: page = id of a request or (since 1.3) a packet, or 0; info = vector
    PORT = 75  # programmed access through a port: page = port, info = bytes | write << 8
    DOORBELL = 76  # page = ring of the network card: 1 to send, 2 to receive; info = value (rows since 1.3)
    PACKET_SENT = 77  # page = packet id, info = bytes; EXTRA: first frame; payload's place in it | bytes << 16 | other station << 32
    PACKET_RECEIVED = 78  # page = packet id, info = bytes; EXTRA: as PACKET_SENT (rows since 1.3)
    IDLE = 79  # waited for an interrupt: page = device-time units waited, info = Wake; EXTRA: units to the timer's deadline
    # -- content
    ZEROED = 88  # page = frame
    FILLED = 89  # page = frame; EXTRA: block
    HASHED = 90  # page = frame; EXTRA: content hash (low 48 bits)
    BALLOON_OUT = 92  # page = frame that the guest gave its host, which may use it elsewhere (since 1.3)
    BALLOON_IN = 93  # page = frame that it has again, of unknown content (since 1.3)
    FREED = 91  # page = frame that nobody holds any more (since 1.1)
    # -- mark
    MARK_BEGIN = 96  # page = mark id of the workload
    MARK_END = 97  # page = mark id


EVENT_FIRST = 16
"""Kinds below are accesses."""

TLB_RANDOM = 1 << 15
"""Flag in TLB_WRITE's ``info``: the hardware chose the index at random."""

TLB_HELD = 1 << 14
"""Flag in TLB_WRITE's ``info``, before START alone: the TLB held the entry when the recording began (since 1.2)."""

TLB_INDEX = TLB_HELD - 1
"""The index in TLB_WRITE's ``info``."""

OPENED_BY_EXCEPTION = 1
"""SERVICE_ENTER's ``info``, before START alone: an exception that no row tells of opened the service (since 1.2)."""

FOUND_TO_BE = 2
"""SERVICE_ENTER's ``info``: the service that is open turned out to be this one; it was from its beginning (since 1.2)."""

REQUEST_WRITE = 1 << 8
"""Flag in REQUEST's ``info``: from memory to the device (since 1.1)."""

PACKET_STATION_SHIFT = 26
"""In a packet's id: where its sender's station starts, above a number that counts from 1 (since 1.3)."""

PAYLOAD_BYTES_SHIFT, OTHER_STATION_SHIFT = 16, 32
"""In the second payload of a packet's row: its payload's bytes, above its place in the frame; the other station."""

TOUCH_SHIFT, CAUSE_MASK, DELAY_SLOT = 5, 31, 1 << 7

GROUPS = {
    "access": range(16),
    "structure": range(16, 24),
    "translation": range(24, 40),
    "privilege": range(40, 48),
    "crossing": range(48, 56),
    "thread": range(56, 72),
    "device": range(72, 88),
    "content": range(88, 96),
    "mark": range(96, 104),
}
"""Group name -> the kinds that belong to it; the metadata lists the groups that a recorder or importer could see."""

PAGE_ID_KINDS = (Kind.ENTRY, Kind.TLB_WRITE, Kind.TLB_PROBE, Kind.INVALIDATE_PAGE)
"""Events whose ``page`` column is a page id (EXCEPTION's is one where its Touch is not NONE)."""

FRAME_KINDS = (
    *(Kind.TABLE_ALLOC, Kind.TABLE_FREE, Kind.TABLE_LINK, Kind.TABLE_UNLINK),
    *(Kind.ZEROED, Kind.FILLED, Kind.HASHED, Kind.FREED, Kind.BALLOON_OUT, Kind.BALLOON_IN),
)
"""Events whose ``page`` column is a frame of the guest's memory."""


class Mode(IntEnum):
    """Privilege: MIPS user, supervisor, kernel; x86 rings 3, 1, 0."""

    USER, SUPERVISOR, KERNEL = 0, 1, 2


class Segment(IntEnum):
    """How hardware translates a page: through the TLB, by a fixed offset (cached or not), or to a device."""

    MAPPED, UNMAPPED, UNCACHED, DEVICE = 0, 1, 2, 3


class Arrival(IntEnum):
    """How fetching reached the place of a FETCH row."""

    SEQUENTIAL, JUMP, CALL, RETURN, INDIRECT, TRAP = 0, 1, 2, 3, 4, 5


class Touch(IntEnum):
    """The access that an exception interrupted, if any; it emits no access row until it is restarted."""

    NONE, FETCH, LOAD, STORE = 0, 1, 2, 3


class Cause(IntEnum):
    """Why an exception was taken, in the guest's terms: fine enough to tell facts of the guest from facts of its TLB."""

    INTERRUPT = 0
    REFILL = 1  # no TLB entry; taken at a refill vector
    NESTED_REFILL = 2  # no TLB entry for the page table itself, inside a refill handler
    STALE = 3  # the entry in memory permits the access: only the TLB's copy was old
    NOT_PRESENT = 4
    SOFT_REFERENCE = 5  # present, but the software reference bit was off
    SOFT_DIRTY = 6
    COPY_ON_WRITE = 7
    PROTECTION = 8
    ADDRESS_ERROR = 9
    BUS_ERROR = 10
    SYSCALL = 11
    BREAKPOINT = 12
    RESERVED_INSTRUCTION = 13
    COPROCESSOR = 14
    OVERFLOW = 15
    TRAP = 16
    MACHINE_CHECK = 17
    GENERAL_PROTECTION = 18
    DIVIDE = 19


class Wake(IntEnum):
    """What ended an IDLE row."""

    TIMER, DEVICE, IPI = 0, 1, 2


class ServiceClass(IntEnum):
    """What kind of work a service is: a model replaces whole classes by its own mechanism."""

    OTHER, REFILL, PAGE_ZERO, PAGE_COPY, TABLE_UPDATE, DRIVER, SHOOTDOWN, SPIN, IDLE = range(9)


class Sensitive(IntEnum):
    """Privileged and sensitive instructions by class."""

    # MIPS: coprocessor 0 and cache
    MFC0, MTC0, TLBR, TLBWI, TLBWR, TLBP, ERET, WAIT, CACHE = range(9)
    # x86, privileged: trap outside ring 0
    CLI, STI, HLT, IN, OUT, INS, OUTS, MOV_FROM_CR, MOV_TO_CR, MOV_DR, LGDT, LIDT, LLDT, LTR = range(16, 30)
    LMSW, CLTS, INVLPG, INVPCID, WBINVD, RDMSR, WRMSR, SWAPGS, SYSRET, IRET, RDTSC, RDPMC = range(30, 42)
    # x86, sensitive but unprivileged (Robin and Irvine, USENIX Security 2000): no trap outside ring 0
    SGDT, SIDT, SLDT, SMSW, STR, PUSHF, POPF, LAR, LSL, VERR, VERW = range(64, 75)
    POP_SEGMENT, PUSH_SEGMENT, MOV_SEGMENT, CALL_FAR, JMP_FAR, RET_FAR, INT_N = range(75, 82)


# A page-table entry in architecture-neutral form: 48 bits.
ENTRY_VALID, ENTRY_WRITE, ENTRY_USER, ENTRY_EXECUTE = 1 << 0, 1 << 1, 1 << 2, 1 << 3
ENTRY_REFERENCED, ENTRY_DIRTY, ENTRY_GLOBAL = 1 << 4, 1 << 5, 1 << 6
ENTRY_SIZE_SHIFT = 7  # two bits: 4 KiB, 2 MiB, 1 GiB
ENTRY_PRESENT = 1 << 9  # the guest holds the page, though hardware may not be allowed to use the entry yet
ENTRY_COW = 1 << 10
ENTRY_UNCACHED = 1 << 11
ENTRY_FRAME_SHIFT = 12
