"""The micro-TLBs in front of translation: direct-mapped, by virtual page number; see ``tracegen.cpu.state``."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.cpu import state as S

READ_MASK, CODE_MASK = np.uint64(2 * S.DATA_SLOTS - 2), np.uint64(2 * S.CODE_SLOTS - 2)
U11 = np.uint64(11)
PAGE_MASK = np.uint64(0xFFFFFFFFFFFFF000)


@inline
def tag(s, va):
    """What a micro-TLB slot of this page holds in the present mode and address space."""
    return (va & PAGE_MASK) | s[S.CONTEXT]


@inline
def fill(core, base, mask, va, value):
    """Let the micro-TLB at word ``base``, whose slots ``mask`` chooses, serve the page of ``va`` from here on."""
    at = np.uint64(base) + (va >> U11 & mask)
    core.tags[at] = tag(core.s, va)
    core.tags[at + np.uint64(1)] = value


@inline
def forget_slot(tags, base, at):
    """Make the slot at word ``at`` of one micro-TLB unreachable."""
    tags[base + at] = (at + np.uint64(2)) << U11


@inline
def forget_page(tags, va):
    """Make one virtual page unreachable in all three micro-TLBs, in every mode and address space."""
    forget_slot(tags, np.uint64(S.READS), va >> U11 & READ_MASK)
    forget_slot(tags, np.uint64(S.WRITES), va >> U11 & READ_MASK)
    forget_slot(tags, np.uint64(S.FETCHES), va >> U11 & CODE_MASK)


@helper
def forget_all(tags):
    """Make every slot of the micro-TLBs unreachable."""
    for i in range(S.DATA_SLOTS):
        forget_slot(tags, np.uint64(S.READS), np.uint64(2 * i))
        forget_slot(tags, np.uint64(S.WRITES), np.uint64(2 * i))
    for i in range(S.CODE_SLOTS):
        forget_slot(tags, np.uint64(S.FETCHES), np.uint64(2 * i))


@helper
def forget_writes(tags):
    """Send the vCPU's next store to every page down the slow path."""
    for i in range(S.DATA_SLOTS):
        forget_slot(tags, np.uint64(S.WRITES), np.uint64(2 * i))


@inline
def forget_all_writes(core):
    """Send every page's next store down the slow path: now on the vCPU that runs, on others as their turns begin."""
    s = core.s
    s[S.WRITES_EPOCH] += np.uint64(1)
    s[S.WRITES_SEEN] = s[S.WRITES_EPOCH]
    forget_writes(core.tags)
