"""cpuid: what this CPU says that it is.

A 64-bit core with the integer set that compilers emit, paging of four levels with 2 MB pages, an x2APIC with a
TSC-deadline timer, and the scalar floating point of SSE and SSE2.
"""

from __future__ import annotations

import numpy as np

from replay.jit import helper
from tracegen.abi import UNITS_PER_SECOND
from tracegen.x86_64 import state as S
from tracegen.x86_64.places import RAX, RBX, RCX, RDX
from tracegen.x86_64.state import Leave

ON = int(Leave.ON)
VENDOR = b"vmreplay-x86"
LEAVES = {
    0x00000000: (0x15, *(int.from_bytes(VENDOR[at : at + 4], "little") for at in (0, 8, 4))),  # eax, ebx, ecx, edx
    # TSC-deadline and x2APIC; SSE2, SSE, CMOV, PGE, APIC, CX8, PAE, MSR, TSC, PSE.
    0x00000001: (
        0x00000F00,
        0,
        1 << 24 | 1 << 21,
        1 << 26 | 1 << 25 | 1 << 15 | 1 << 13 | 1 << 9 | 1 << 8 | 1 << 6 | 1 << 5 | 1 << 4 | 1 << 3,
    ),
    0x00000015: (1, 1, UNITS_PER_SECOND, 0),  # the clock's rate
    0x80000000: (0x80000008, 0, 0, 0),
    0x80000001: (0, 0, 1, 1 << 29 | 1 << 27 | 1 << 20 | 1 << 11),  # LAHF; long mode, RDTSCP, NX, SYSCALL
    0x80000007: (0, 0, 0, 1 << 8),  # the clock never changes its rate
    0x80000008: (48 << 8 | 40, 0, 0, 0),  # bits of addresses: virtual, physical
}
"""eax at entry -> eax, ebx, ecx, edx; all zeroes for others."""
_NUMBERS = np.array(list(LEAVES), np.uint64)
_VALUES = np.array(list(LEAVES.values()), np.uint64)
FEATURES, NUMBER_AT = np.uint64(1), np.uint64(24)
"""The leaf whose ebx holds the vCPU's number, and where."""
A, B, C, D = (np.uint64(p) for p in (RAX, RBX, RCX, RDX))


@helper
def cpuid(core):
    """CPUID, in every ring."""
    r = core.r
    asked = r[A] & np.uint64(0xFFFFFFFF)
    r[A] = r[B] = r[C] = r[D] = np.uint64(0)
    for i in range(_NUMBERS.size):
        if _NUMBERS[i] == asked:
            r[A], r[B], r[C], r[D] = _VALUES[i, 0], _VALUES[i, 1], _VALUES[i, 2], _VALUES[i, 3]
    if asked == FEATURES:
        r[B] |= core.s[S.VCPU] << NUMBER_AT
    return ON
