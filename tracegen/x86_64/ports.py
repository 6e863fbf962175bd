"""Port input and output: the console, the exit register, the disk and the network card."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind, Sensitive
from tracegen import abi_x86_64 as abi
from tracegen.abi import DISK_BLOCKS, DISK_STATUS
from tracegen.abi_net import NET_ADDRESS
from tracegen.cpu import disk, network
from tracegen.cpu.console import console_byte, exit_run
from tracegen.cpu.recorder import put, sensitive
from tracegen.x86_64 import state as S
from tracegen.x86_64.interrupts import set_limit
from tracegen.x86_64.places import RAX
from tracegen.x86_64.privilege import may_do_io, refuse
from tracegen.x86_64.state import Leave

ON = int(Leave.ON)
IN, OUT, PORT = np.uint64(Sensitive.IN), np.uint64(Sensitive.OUT), np.uint64(Kind.PORT)
CONSOLE, CONSOLE_STATUS, EXIT, BLOCK, FRAME, COMMAND, STATUS, ACKNOWLEDGE, BLOCKS, VCPUS = (
    np.uint64(p)
    for p in (
        abi.PORT_CONSOLE,
        abi.PORT_CONSOLE_STATUS,
        abi.PORT_EXIT,
        abi.PORT_DISK_BLOCK,
        abi.PORT_DISK_FRAME,
        abi.PORT_DISK_COMMAND,
        abi.PORT_DISK_STATUS,
        abi.PORT_DISK_ACKNOWLEDGE,
        abi.PORT_DISK_BLOCKS,
        abi.PORT_VCPUS,
    )
)
READY = np.uint64(1 << 5)
NET_FIRST, NET_LAST, NET_AT = (np.uint64(p) for p in (abi.PORT_NET_ADDRESS, abi.PORT_NET_DROPPED, NET_ADDRESS))
STATUS_AT, BLOCKS_AT = np.uint64(DISK_STATUS), np.uint64(DISK_BLOCKS)
ZERO, ONE, TWO, THREE, FOUR, EIGHT = (np.uint64(n) for n in (0, 1, 2, 3, 4, 8))
NOTHING = np.uint64(0xFFFFFFFF)
"""What a port reads that no device has."""
WRITE = np.uint64(1 << 8)
A = np.uint64(RAX)


@inline
def low_bytes(size):
    """A mask of the low 1, 2 or 4 bytes."""
    return (ONE << (size * EIGHT)) - ONE


@inline
def device_word(core, at):
    """What a device shows at offset ``at`` behind RAM."""
    return core.ram8[(core.s[S.MEMORY_BYTES] + at) >> THREE]


@inline
def net_register(port):
    """Offset in the device page of the network card's register at a port."""
    return NET_AT + (port - NET_FIRST) * TWO


@inline
def is_net(port):
    """Whether a register of the network card is at a port."""
    return port >= NET_FIRST and port <= NET_LAST and port & THREE == ZERO


@helper
def in_port(core, port, size):
    """IN of 1, 2 or 4 bytes into al, ax or eax."""
    r = core.r
    if not may_do_io(core.s):
        return refuse(core)
    sensitive(core, IN, port, ZERO)
    put(core, PORT, size, port)
    value = NOTHING
    if port == CONSOLE_STATUS:
        value = READY
    elif port == STATUS:
        value = device_word(core, STATUS_AT)
    elif port == BLOCKS:
        value = device_word(core, BLOCKS_AT)
    elif port == VCPUS:
        value = core.s[S.VCPUS]
    elif is_net(port):
        value = device_word(core, net_register(port))
    kept = ZERO if size == FOUR else r[A] & ~low_bytes(size)
    r[A] = kept | value & low_bytes(size)
    return ON


@helper
def out_port(core, port, size, value):
    """OUT of 1, 2 or 4 bytes.  Gives a Leave: STOP at the exit register."""
    s = core.s
    if not may_do_io(s):
        return refuse(core)
    value &= low_bytes(size)
    sensitive(core, OUT, port, ZERO)
    put(core, PORT, size | WRITE, port)
    leave = ON
    if port == CONSOLE:
        console_byte(s, value)
    elif port == EXIT:
        s[S.PC] = s[S.NEXT_PC]
        leave = exit_run(s, value)
    elif port == BLOCK:
        s[S.DISK_BLOCK] = value
    elif port == FRAME:
        s[S.DISK_FRAME] = value
    elif port == COMMAND:
        disk.command(core, value)
        set_limit(s)
    elif port == ACKNOWLEDGE:
        disk.acknowledge(core)
        set_limit(s)
    elif is_net(port):
        network.store(core, net_register(port), value)
        set_limit(s)
    return leave
