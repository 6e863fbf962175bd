"""Identity mapping."""

import numpy as np

from replay.jit import helper
from tracegen.cpu.micro_tlb import CODE_MASK, READ_MASK, fill
from tracegen.cpu.recorder import mapped_page_id
from tracegen.x86_64 import state as S

ZERO, ONE, U32, PAGE = np.uint64(0), np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFFFFFFF000)


@helper
def translate(core, va):
    if va >= core.s[S.MEMORY_BYTES]:
        core.s[S.FAULT_CODE] = np.uint64(14)
        core.s[S.FAULT_ADDRESS] = va
        return ZERO
    return mapped_page_id(core, va, ZERO) << U32 | va & PAGE | ONE


@helper
def fetch_value(core, va):
    value = translate(core, va)
    if value:
        fill(core, S.FETCHES, CODE_MASK, va, value)
    return value


@helper
def load_value(core, va):
    value = translate(core, va)
    if value:
        fill(core, S.READS, READ_MASK, va, value)
    return value
