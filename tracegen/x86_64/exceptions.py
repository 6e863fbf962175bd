"""Stops."""

import numpy as np

from replay.jit import helper
from tracegen.x86_64 import state as S


@helper
def take(core):
    core.s[S.STATUS_CODE] = np.uint64(S.Stop.SHUTDOWN)
    return 3


@helper
def attend(core):
    s = core.s
    if s[S.COUNT] >= s[S.BUDGET_END]:
        s[S.STATUS_CODE] = np.uint64(S.Stop.BUDGET)
        return 3
    s[S.LIMIT] = s[S.BUDGET_END]
    return 0


@helper
def raise_exception(core, vector, error):
    core.s[S.FAULT_CODE] = vector
    return 1
