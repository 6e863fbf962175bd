"""Segment descriptors: where they are, what their bits say."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from tracegen.x86_64 import state as S
from tracegen.x86_64.access import load_system
from tracegen.x86_64.state import Leave
from tracegen.x86_64.translation import NO_TOUCH, fault

ON, FAULT = int(Leave.ON), int(Leave.FAULT)
WRITABLE, CONFORMING, CODE, MEMORY, PRESENT, LONG, NARROW, PAGES = (
    np.uint64(1 << bit) for bit in (41, 42, 43, 44, 47, 53, 54, 55)
)
"""WRITABLE is READABLE in code; CONFORMING is expand-down in data; MEMORY: code or data, not of the system."""
READABLE = WRITABLE
SELECTOR_TABLE = np.uint64(0xFFFC)
"""A selector without its ring: what error codes hold."""
ZERO, THREE, SEVEN = np.uint64(0), np.uint64(3), np.uint64(7)
U24, U40, U45, LOW16, LOW24 = np.uint64(24), np.uint64(40), np.uint64(45), np.uint64(0xFFFF), np.uint64(0xFFFFFF)
LOCAL = np.uint64(4)


@inline
def descriptor_ring(segment):
    """DPL."""
    return segment >> U45 & THREE


@inline
def code_segment(segment):
    """Whether a descriptor is one of 64-bit code."""
    return segment & (MEMORY | CODE | LONG | NARROW) == MEMORY | CODE | LONG


@inline
def segment_base(segment):
    """The low 32 bits of a descriptor's base."""
    return segment >> np.uint64(16) & LOW24 | segment >> np.uint64(56) << U24


@inline
def limit_of(segment):
    """A descriptor's limit in bytes."""
    limit = segment & LOW16 | segment >> np.uint64(32) & np.uint64(0xF0000)
    return limit << np.uint64(12) | np.uint64(0xFFF) if segment & PAGES else limit


@inline
def inside(s, selector, size):
    """Whether ``size`` bytes of descriptor at a selector lie in its table, and the selector is not null."""
    limit = s[S.LDT_LIMIT] if selector & LOCAL else s[S.GDT_LIMIT]
    if selector & LOCAL and s[S.LDT] & SELECTOR_TABLE == ZERO:
        return False
    return selector & SELECTOR_TABLE != ZERO and (selector & ~SEVEN) + size - np.uint64(1) <= limit


@inline
def descriptor_address(s, selector):
    """Where the descriptor of a selector is."""
    return (s[S.LDT_BASE] if selector & LOCAL else s[S.GDT_BASE]) + (selector & LOW16 & ~SEVEN)


@helper
def descriptor(core, selector, vector, outside):
    """The descriptor of a selector into SLOW_VALUE; ``vector``'s fault where there is none.  Gives a Leave.

    ``outside`` is the error code's bit 0.
    """
    s = core.s
    if not inside(s, selector, np.uint64(8)):
        fault(s, vector, selector & SELECTOR_TABLE | outside, ZERO, NO_TOUCH)
        return FAULT
    return load_system(core, descriptor_address(s, selector), ZERO)
