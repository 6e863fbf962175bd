"""The state of any machine: arrays that compiled code shares, and the names of the places in them.

Everything is unsigned 64-bit.  ``Core.s`` holds scalars and small tables at the places named below, and from ``ARCH``
on what one architecture alone has: see ``tracegen.mips64.state`` and ``tracegen.x86_64.state``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from replay.jit import by_reference
from tracegen.disk import BLOCKS


@by_reference
class Core(NamedTuple):
    """The vCPU that runs, with the machine's memory and recorder: what compiled code is handed."""

    s: np.ndarray  # u64[PARKED + vCPUs * PARKED_WORDS] scalars and small tables: places named here and by architectures
    r: np.ndarray  # u64[REGISTERS] general registers, temporaries
    tags: np.ndarray  # u64[MICRO_WORDS] micro-TLBs of the vCPU: (tag, value) pairs
    ids: np.ndarray  # u64[2 * IDS] open-addressing hash of page ids, site ids and table links
    frames: np.ndarray  # u64[4 * code pages] what each physical page is: see FRAME_*
    entries: np.ndarray  # u32[places of code] micro-op at which the block starting at that place begins, 0 for none
    ram8: np.ndarray  # u64[(memory + the words in which the devices show their state) / 8]
    rows: np.ndarray  # u64[ROWS] packed trace rows
    counts: np.ndarray  # u8[ROWS] their n


class Views(NamedTuple):
    """What only the loop itself needs; kept apart because every array costs each call of a helper."""

    ops: np.ndarray  # u64[OPS_LIMIT] packed micro-ops
    imms: np.ndarray  # u64[OPS_LIMIT] their immediates
    ram1: np.ndarray  # u8 view of RAM
    ram2: np.ndarray  # u16 view
    ram4: np.ndarray  # u32 view
    tags: np.ndarray  # u64[vCPUs, MICRO_WORDS] the micro-TLBs of all


# -- Core.s: what a vCPU owns, up to VCPU_WORDS
PC, COUNT, LAST, LIMIT, BUDGET_END, ARRIVE, SLOT, CONTEXT, MODE, VCPU_BITS = range(10)
"""COUNT: instructions retired.  LAST: COUNT at the last row with n.  LIMIT: COUNT at which the loop must look up, 0 for
at once.  BUDGET_END: COUNT at which the loop returns.  SLOT: the next instruction is a delay slot at the start of a
page (MIPS).  CONTEXT: what micro-TLB tags carry of mode and address space.  MODE: a schema.Mode.  VCPU_BITS: the number
of the vCPU where a row has it."""
TIMER_AT, TIME_BASE, DEVICE_AT, LINKED = range(10, 14)
"""TIMER_AT: COUNT at the next timer match, NEVER without one.  TIME_BASE: what turns COUNT into the clock that the
guest reads.  DEVICE_AT: COUNT at which a device has something to do, NEVER where none has: see ``tracegen.cpu.clock``.
LINKED: a linked load is armed (MIPS)."""
FAULT_CODE, FAULT_ADDRESS, FAULT_TOUCH = range(16, 19)
"""An exception about to be taken: the architecture's number of it, address, schema.Touch."""
SPACE, DEPTH, THREAD = range(20, 23)
"""THREAD: the guest's thread that runs, as it announced."""
STUCK_COUNT, STUCK, EXCEPTIONS, INTERRUPTS, IDLE_UNITS = range(24, 29)
"""STUCK: exceptions taken since an instruction last retired.  Then statistics; COUNT + IDLE_UNITS is the vCPU's
time."""
STATE, WAKE_AT, WRITES_SEEN = range(30, 33)
"""STATE: a ``Power``.  WAKE_AT: time at which a wait ends by itself, NEVER if it does not.  WRITES_SEEN: WRITES_EPOCH
when the write tags were last emptied."""
UNHEARD, UNHEARD_SINCE, IPI_SOURCES = range(34, 37)
"""Bit set of the vCPUs whose IPIs have no IPI_RECEIVE row yet; time of the first of them; bit set of the vCPUs whose
IPIs the guest has not acknowledged (MIPS)."""
LAST_CAUSE, LAST_PC, LAST_ADDRESS, LAST_HAS_ADDRESS, LAST_THREAD = range(40, 45)
"""The last exception taken: schema.Cause + 1, 0 for none yet; the instruction; the address and whether it has one; the
thread that took it."""
UNHEARD_IDS = 46
"""Sixteen places: the latest IPI of each vCPU in UNHEARD."""
NEVER = (1 << 64) - 1

UNANNOUNCED_SPACE = 1 << 16
"""Address spaces that no announcement has named: this plus what hardware knows them by."""

ARCH, ARCH_WORDS = 64, 512
"""Where the places of one architecture are."""
LINES = ARCH + 13
"""The interrupt lines that are up, by bit: where MIPS has Cause, which shows them.  The disk's and the IPIs' are the
same bits in all."""
STACK, STACK_DEPTH = 576, 64
"""Services open on this vCPU: id, and 1 << 32 if an exception opened it."""
VCPU_WORDS = STACK + STACK_DEPTH

# -- Core.s: what the machine owns
POSITION, ROW_LIMIT, RECORDING, NEXT_PAGE, NEXT_SITE, IDS_USED, CONSOLE_LENGTH, MEMORY_BYTES = range(640, 648)
"""POSITION: the next row.  ROW_LIMIT: POSITION from which the loop returns."""
STATUS_CODE, EXIT_VALUE, LOWER_AT, DISK_VECTOR = range(648, 652)
"""STATUS_CODE: a ``Stop``.  LOWER_AT: physical address of the code to lower.  DISK_VECTOR: what INTERRUPT rows call the
disk's interrupt."""
DISK_BLOCK, DISK_FRAME, DISK_BLOCKS, DISK_END, DISK_NEXT = range(652, 657)
"""What was stored to the disk's registers; its size; time at which its request ends, NEVER without one; the block after
the last one asked for, 0 before the first."""
REQUEST_ID, REQUEST_COMMAND, REQUEST_BLOCK, REQUEST_FRAME, REQUEST_UNITS = range(657, 662)
"""The disk's latest request: number, from 1; an abi.Disk; block and frame; how long it takes."""
VCPU, VCPUS, QUANTUM, TURN_END, BUDGET, OTHERS, WRITES_EPOCH, IPI_ID = range(662, 670)
"""The vCPU that runs; how many there are; how long a turn is; time at which the present turns end; instructions of all
vCPUs at which Python is asked; those of the vCPUs that do not run; how often pages were found whose stores must be
seen; the latest IPI."""
MARK_WANTED, MARK_REACHED = 673, (1 << 64) - 1
"""Mark + 1 at whose begin Python is asked, 0 for none; it then reads MARK_REACHED."""
START_ENTRY, START_STACK, START_ARGUMENT = range(670, 673)
"""What the next vCPU to be started gets: see ``tracegen.cpu.ipi``."""
NET_SEND_FRAME, NET_SEND_AT, NET_RECEIVE_FRAME, NET_RECEIVE_AT, NET_RUNG, NET_RUNG_AT = range(674, 680)
"""The page of each ring of the network card, and which of its descriptors is next; bits of what the guest told the card
and Python has not done yet: see ``tracegen.cpu.network``; time of the first of these."""
NET_EVENTS, NET_AT, NET_SERIAL, NET_FREE_AT, NET_VECTOR, NET_LOST = range(680, 686)
"""abi_net.Net of what the card's interrupt tells; time at which the card has something to do, NEVER without; packets
sent; time at which the last of them has left; what INTERRUPT rows call the card's interrupt; packets dropped."""
HORIZON, DISK_IMAGE = 686, 687
"""Time at which the machine has to wait for others on its network, NEVER for one alone; id of what the disk held at
first."""
CONSOLE, CONSOLE_BYTES, CONSOLE_FLUSH = 1024, 4096, 2048
"""Console bytes, one a word; past CONSOLE_FLUSH the loop returns at its next look, long before the end."""
THREADS = 256
THREAD_STACKS = CONSOLE + CONSOLE_BYTES
THREAD_WORDS = 1 + STACK_DEPTH
"""What each guest thread that does not run had open: how many services, and they.  Threads beyond have none kept."""
THREAD_NAMES = THREAD_STACKS + THREADS * THREAD_WORDS
"""Physical address of each guest thread's command line, 0 where it announced none."""
DISK_OWN = THREAD_NAMES + THREADS
"""A bit for each block of the disk: the guest has written it."""
PARKED = DISK_OWN + BLOCKS // 64 + 1
REGISTERS = 128
"""Places of Core.r."""
PARKED_WORDS = VCPU_WORDS + REGISTERS
"""What each vCPU owns while another one runs: its part of Core.s, then Core.r."""

DEVICE_VCPU = 0
"""The vCPU that devices interrupt."""

# -- Core.tags: direct-mapped micro-TLBs, indexed by virtual page number
DATA_SLOTS, CODE_SLOTS = 4096, 1024
READS, WRITES, FETCHES = 0, 2 * DATA_SLOTS, 4 * DATA_SLOTS
MICRO_WORDS = FETCHES + 2 * CODE_SLOTS
VALUE_VALID = 1
"""A value is page id << 32 | physical page address | VALUE_VALID."""

# -- Core.ids
IDS = 1 << 21
IDS_LIMIT = IDS * 3 // 4

# -- Core.frames: four words a physical page
FRAME_CODE_LINES, FRAME_TABLE, FRAME_FIRST_VPN = range(3)
"""64-byte lines that hold lowered code; table: TABLE_IS | TABLE_LINKED | level << 8 | space << 32; the first virtual
page that the table maps.  The fourth word is the architecture's."""
TABLE_IS, TABLE_LINKED = 1, 2

OPS_LIMIT = 1 << 20
ROWS = 1 << 20
"""Rows in a chunk, about."""
ROW_MARGIN = 8192
"""Rows that one stretch between two looks at the buffer can emit at most, with room to spare."""


class Leave(IntEnum):
    """How a helper lets the loop go on."""

    ON, FAULT, REDIRECT, STOP = range(4)


class Stop(IntEnum):
    """Why the loop returned to Python (STATUS_CODE)."""

    BUDGET, LOWER, ROWS_FULL, EXIT, CONSOLE_FULL, STUCK, WAITS_FOREVER, DISK, SHUTDOWN, WAITS, NET, HORIZON = range(12)


class Power(IntEnum):
    """What a vCPU does: it was not started yet, waits for an interrupt, was just started, or runs."""

    OFF, WAITS, STARTS, RUNS = range(4)


def new_core(memory_bytes: int, pages: int, places: int, vcpus: int) -> tuple[Core, Views]:
    """All state of a machine at power-on, zero where the machine does not say otherwise.

    ``pages`` of code, each with ``places`` at which a block may start.
    """
    ram = np.zeros((memory_bytes + 4096) // 8, np.uint64)
    tags = np.empty((vcpus, MICRO_WORDS), np.uint64)
    core = Core(
        s=np.zeros(PARKED + vcpus * PARKED_WORDS, np.uint64),
        r=np.zeros(REGISTERS, np.uint64),
        tags=tags[0],
        ids=np.zeros(2 * IDS, np.uint64),
        frames=np.zeros(4 * pages, np.uint64),
        entries=np.zeros(pages * places, np.uint32),
        ram8=ram,
        rows=np.zeros(ROWS + ROW_MARGIN, np.uint64),
        counts=np.zeros(ROWS + ROW_MARGIN, np.uint8),
    )
    clear_micro_tlbs(tags)
    ops, imms = np.zeros(OPS_LIMIT, np.uint64), np.zeros(OPS_LIMIT, np.uint64)
    return core, Views(ops, imms, ram.view(np.uint8), ram.view(np.uint16), ram.view(np.uint32), tags)


def clear_micro_tlbs(tags: np.ndarray) -> None:
    """Make every micro-TLB slot of all vCPUs unreachable: a slot's tag then belongs to the slot after it."""
    for base, slots in ((READS, DATA_SLOTS), (WRITES, DATA_SLOTS), (FETCHES, CODE_SLOTS)):
        tags[:, base : base + 2 * slots : 2] = np.arange(1, slots + 1, dtype=np.uint64) << np.uint64(12)


def clear_write_tags(tags: np.ndarray) -> None:
    """Send the next store of any vCPU to any page down the slow path, which knows code and table pages."""
    tags[:, WRITES : WRITES + 2 * DATA_SLOTS : 2] = np.arange(1, DATA_SLOTS + 1, dtype=np.uint64) << np.uint64(12)
