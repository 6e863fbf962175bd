"""Both levels of TLB below a monitor as one: what the guest takes out of its own TLB is in neither afterwards."""

from __future__ import annotations

import numpy as np

from replay.hw import sets, tlb
from replay.jit import inline
from replay.trace.schema import Kind

ONE = np.uint64(1)
"""Two pages make a pair."""


@inline
def drop(first, second, vcpu, pair):
    """Forget ``pair``."""
    tlb.drop(first, vcpu, pair)
    sets.drop(second, vcpu, pair)


@inline
def drop_space(first, second, space_of, vcpu, space):
    """Forget what belongs to ``space``."""
    tlb.flush_space(first, vcpu, space_of, space)
    sets.flush_space(second, vcpu, space_of, ONE, space)


@inline
def invalidate(first, second, base, space_of, vcpu, row):
    """Follow an INVALIDATE or BASE_SWITCH row of the guest, other rows change nothing.

    ``base`` is the current space by vCPU, ``space_of`` the space by page id.
    """
    if row.kind == Kind.INVALIDATE_PAGE:
        drop(first, second, vcpu, tlb.pair_of(row.page))
    elif row.kind == Kind.INVALIDATE_SPACE:
        drop_space(first, second, space_of, vcpu, row.page)
    elif row.kind == Kind.BASE_SWITCH:
        if tlb.set_base(base, vcpu, row.page):
            drop_space(first, second, space_of, vcpu, row.page)
    elif row.kind == Kind.INVALIDATE_ALL:
        tlb.flush(first, vcpu)
        sets.flush(second, vcpu)
