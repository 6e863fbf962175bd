"""The rows of a trace as arrays: what preparing, booking and counting walk."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from replay.jit import by_reference


@by_reference
class Columns(NamedTuple):
    """The rows, one array per column, all of one length; ``page`` is as the trace has it until rows are prepared."""

    kind: np.ndarray  # u8, a Kind
    ctx: np.ndarray  # u8, vCPU | Mode << 4
    info: np.ndarray  # u16
    page: np.ndarray  # u32, prepared page id in accesses and page-id events, place where a service is entered or left
    n: np.ndarray  # u8, instructions retired since the last row with n > 0


class Inserted(IntEnum):
    """Kinds of rows that no file holds: consolidation puts them between those of the guests."""

    VCPU_SWITCH = 68
    """The CPU goes on with a virtual CPU of another VM: page = its place, info = the VM; EXTRA: its current space."""
