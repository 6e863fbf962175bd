"""Undefined."""

import numpy as np

from replay.jit import helper
from tracegen.x86_64 import state as S
from tracegen.x86_64.flags import arithmetic, assign


@helper
def syscall(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def sysret(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def iret(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def soft_interrupt(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def breakpoint(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def hlt(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def cli(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def sti(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def swapgs(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def clts(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def wbinvd(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_flags(core, p1):
    core.r[p1] = arithmetic(core) | core.s[S.RFLAGS] | np.uint64(2)
    return 0


@helper
def pop_flags(core, p1, p2):
    assign(core, p1)
    core.s[S.RFLAGS] = p1 & np.uint64(0x400)
    return 0


@helper
def in_port(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def out_port(core, p1, p2, p3):
    core.s[S.EXIT_VALUE] = p3
    core.s[S.COUNT] += np.uint64(1)
    core.s[S.STATUS_CODE] = np.uint64(S.Stop.EXIT)
    return 3


@helper
def cpuid(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def rdtsc(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def rdtscp(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def rdpmc(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def rdmsr(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def wrmsr(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_control(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def write_control(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_debug(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def write_debug(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def load_table(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def store_table(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def load_local(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def load_task(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_local(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_task(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_status_word(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def load_status_word(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def invlpg(core, p1):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def access_rights(core, p1, p2, p3):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def segment_limit(core, p1, p2, p3):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def verify(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def read_segment(core, p1, p2, p3):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def load_segment(core, p1, p2, p3):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def far_jump(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def far_call(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def far_return(core, p1, p2):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1


@helper
def float_unit(core):
    core.s[S.FAULT_CODE] = np.uint64(6)
    return 1
