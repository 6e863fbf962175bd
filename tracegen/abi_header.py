"""The C header ``abi.h``, which every guest source includes: the numbers of ``tracegen.abi``, for one CPU's guest.

Pure Python without dependencies: the package's build hook imports it.
"""

from __future__ import annotations

from enum import IntEnum

from tracegen import abi, abi_net, abi_x86_64

_PLAIN = (
    *("MARK_NAME_BYTES", "MOST_MARKS"),
    *("PAGE_SHIFT", "PAGE_BYTES", "USER_TOP", "PTE_BYTES"),
    *("FS_MAGIC", "FS_BITMAP", "FS_BITMAP_BLOCKS", "FS_BLOCKS", "FS_INODE_BYTES", "FS_DIRECT"),
    *("SELECT_WORDS", "NET_HEADER_BYTES", "NET_MTU", "NET_MTU_MOST", "NET_HEAD_WORDS"),
    *("FS_INDIRECT", "FS_FILE_BYTES", "FS_TABLE_AT", "FS_DATA", "FS_ROOT", "FS_NAME_BYTES", "FS_ENTRY_BYTES"),
)
_PREFIXED: dict[str, type[IntEnum]] = {"DISK": abi.Disk, "ANNOUNCE": abi.Announce, "OPEN": abi.Open}
_PREFIXED |= {"MAP": abi.Map, "SOCKET": abi.Socket, "SIGNAL": abi.Signal}
_PREFIXED |= {"SYS": abi.Syscall, "SERVICE": abi.Service, "STATUS": abi.Status}

_DISK_REGISTERS = ("DISK_BLOCK", "DISK_FRAME", "DISK_COMMAND", "DISK_STATUS", "DISK_ACKNOWLEDGE", "DISK_BLOCKS")
_OF_MIPS64 = (
    *("KSEG1", "WINDOW", "WINDOW_BYTES", "PTE_ENTRYLO_SHIFT", "DEVICE_BASE", "CONSOLE_OUT", "DEVICE_EXIT"),
    *(*_DISK_REGISTERS, "DISK_LINE", "VCPU_NUMBER", "VCPU_COUNT", "IPI_SEND", "IPI_PENDING", "IPI_ACKNOWLEDGE"),
    *("START_ENTRY", "START_STACK", "START_ARGUMENT", "START_VCPU", "IPI_LINE"),
)
_OF_X86_64 = ("KERNEL_BASE", "PORT_CONSOLE", "PORT_EXIT", *(f"PORT_{name}" for name in _DISK_REGISTERS))
_OF_X86_64 += (*(f"PORT_{name}" for name in abi_net.NET_REGISTERS), "VECTOR_NET")
_OF_X86_64 += ("VECTOR_DISK", "MSR_TSC_DEADLINE", "MSR_APIC_EOI", "MSR_SPURIOUS", "MSR_LVT_TIMER", "ANNOUNCE_MAGIC")
_OF_X86_64 += ("PORT_VCPUS", "VECTOR_IPI", "MSR_APIC_ID", "MSR_ICR")
_OF_X86_64 += ("MSR_START_ENTRY", "MSR_START_STACK", "MSR_START_ARGUMENT")


def _members(prefix: str, enum: type[IntEnum]) -> dict[str, int]:
    return {f"{prefix}_{m.name}": m.value for m in enum}


def _of_cpu(cpu: str) -> dict[str, int]:
    """What CPUs differ in: where the kernel lies, devices, page-table entries, how to announce."""
    if cpu == "x86-64":
        own = {name: int(getattr(abi_x86_64, name)) for name in _OF_X86_64}
        return {"RAM_BASE": abi_x86_64.KERNEL_BASE} | own | _members("PTE", abi_x86_64.Pte)
    own = {name: int(getattr(abi, name)) for name in _OF_MIPS64}
    card = {name: int(getattr(abi_net, name)) for name in (*abi_net.NET_REGISTERS, "NET_LINE")}
    return {"KERNEL_BASE": abi.KSEG0, "RAM_BASE": abi.XKPHYS} | own | card | _members("PTE", abi.Pte)


def constants(cpu: str) -> dict[str, int]:
    """Name in C -> value of every number that the guest on ``cpu`` shares with the machine and the recorder."""
    found = {name: int(getattr(abi, name)) for name in _PLAIN} | abi_net.constants() | _of_cpu(cpu)
    for prefix, enum in _PREFIXED.items():
        found |= _members(prefix, enum)
    return found


def header(cpu: str) -> str:
    """The text of ``abi.h``, for C and assembly alike."""
    lines = [f"#define {name} {value:#x}" for name, value in constants(cpu).items()]
    return "\n".join(["// Generated from tracegen/abi.py.", "#pragma once", "", *lines, ""])
