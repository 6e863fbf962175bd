"""How long the disk takes: the HP 97560's published figures, the drive of SimOS's disk model.

Times are in device-time units; everything is an integer, so that every machine computes the same latency.
Simplified: the head arrives half a rotation away from the block wherever it was, the blocks are not reordered on the
platters, controller and bus take no time, and the block after the last one served streams whenever it is asked for.
"""

from __future__ import annotations

import math

import numpy as np

from replay.jit import inline
from tracegen.abi import PAGE_BYTES, UNITS_PER_SECOND

CYLINDERS, TRACKS, SECTORS, SECTOR_BYTES, ROTATIONS_PER_MINUTE = 1962, 19, 72, 512, 4002
"""Cylinders; tracks of a cylinder; sectors of a track; 4002 rpm.  [Ruemmler and Wilkes, IEEE Computer 27(3), 1994]"""

NEAR_CYLINDERS = 383
NEAR_FIXED_US, NEAR_ROOT_US, FAR_FIXED_US, FAR_EACH_US = 3240, 400, 8000, 8
"""Microseconds of a seek over d cylinders: 3240 + 400 sqrt(d) below NEAR_CYLINDERS, else 8000 + 8 d.  [ditto]"""

BLOCKS_OF_CYLINDER = TRACKS * SECTORS * SECTOR_BYTES // PAGE_BYTES
BLOCKS = CYLINDERS * BLOCKS_OF_CYLINDER
"""Blocks that the drive holds."""

ROTATION = 60 * UNITS_PER_SECOND // ROTATIONS_PER_MINUTE
TRANSFER = ROTATION * (PAGE_BYTES // SECTOR_BYTES) // SECTORS
"""Units in which a block passes below the head."""

_MICROSECOND = UNITS_PER_SECOND // 1_000_000


def seek(distance: int) -> int:
    """Units that the arm takes over ``distance`` cylinders."""
    if distance == 0:
        return 0
    if distance < NEAR_CYLINDERS:
        return NEAR_FIXED_US * _MICROSECOND + math.isqrt((NEAR_ROOT_US * _MICROSECOND) ** 2 * distance)
    return (FAR_FIXED_US + FAR_EACH_US * distance) * _MICROSECOND


_POSITION = np.array([seek(distance) + ROTATION // 2 for distance in range(CYLINDERS)], np.uint64)
"""Cylinders away -> units until the block is below the head."""

_ZERO, _ONE, _TRANSFER, _OF_CYLINDER = (np.uint64(n) for n in (0, 1, TRANSFER, BLOCKS_OF_CYLINDER))


@inline
def latency(block, following):  # type: ignore[no-untyped-def]
    """Units that a request for ``block`` takes; ``following`` is the block after the last one served, 0 for none."""
    if following and block == following:
        return _TRANSFER
    here = (following - _ONE) // _OF_CYLINDER if following else _ZERO
    there = block // _OF_CYLINDER
    return _POSITION[there - here if there > here else here - there] + _TRANSFER
