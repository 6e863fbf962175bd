"""All instructions of the system set, by the names that the table of rare operations calls."""

from __future__ import annotations

from tracegen.x86_64.control import (
    clts,
    float_unit,
    invlpg,
    load_status_word,
    read_control,
    read_debug,
    read_status_word,
    wbinvd,
    write_control,
    write_debug,
)
from tracegen.x86_64.identity import cpuid
from tracegen.x86_64.msr import rdmsr, rdpmc, rdtsc, rdtscp, swapgs, wrmsr
from tracegen.x86_64.ports import in_port, out_port
from tracegen.x86_64.privilege import cli, hlt, pop_flags, read_flags, sti
from tracegen.x86_64.segments import (
    access_rights,
    load_local,
    load_segment,
    load_table,
    load_task,
    read_local,
    read_segment,
    read_task,
    segment_limit,
    store_table,
    verify,
)
from tracegen.x86_64.transfer import (
    far_call,
    far_jump,
    far_return,
    int3,
    iret,
    soft_interrupt,
    syscall,
    sysret,
)

__all__ = [
    "access_rights",
    "cli",
    "clts",
    "cpuid",
    "far_call",
    "far_jump",
    "far_return",
    "float_unit",
    "hlt",
    "in_port",
    "int3",
    "invlpg",
    "iret",
    "load_local",
    "load_segment",
    "load_status_word",
    "load_table",
    "load_task",
    "out_port",
    "pop_flags",
    "rdmsr",
    "rdpmc",
    "rdtsc",
    "rdtscp",
    "read_control",
    "read_debug",
    "read_flags",
    "read_local",
    "read_segment",
    "read_status_word",
    "read_task",
    "segment_limit",
    "soft_interrupt",
    "sti",
    "store_table",
    "swapgs",
    "syscall",
    "sysret",
    "verify",
    "wbinvd",
    "write_control",
    "write_debug",
    "wrmsr",
]
