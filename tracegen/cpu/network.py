"""The network card's registers and its interrupt line.  Python goes round the rings: see ``tracegen.cpu.card``."""

from __future__ import annotations

import numpy as np

from replay.jit import helper, inline
from replay.trace.schema import Kind
from tracegen import abi_net as abi
from tracegen.cpu import disk
from tracegen.cpu import state as S
from tracegen.cpu.clock import time
from tracegen.cpu.ipi import base_of, show
from tracegen.cpu.recorder import put
from tracegen.cpu.state import Stop

LINE_UP = np.uint64(1 << 8 + abi.NET_LINE)
"""The card's bit of LINES."""
SEND_RUNG, RECEIVE_RUNG, SEND_RING_SET = 1, 2, 4
"""Bits of NET_RUNG: a doorbell, or another ring to send from."""
DOORBELL = np.uint64(Kind.DOORBELL)
SEND_RING, RECEIVE_RING, SEND, RECEIVE, STATUS, ACKNOWLEDGE = (
    np.uint64(getattr(abi, f"NET_{name}"))
    for name in ("SEND_RING", "RECEIVE_RING", "SEND", "RECEIVE", "STATUS", "ACKNOWLEDGE")
)
TOLD_SEND, TOLD_RECEIVE, TOLD_RING = (np.uint64(bit) for bit in (SEND_RUNG, RECEIVE_RUNG, SEND_RING_SET))
DISK, NET = np.uint64(Stop.DISK), np.uint64(Stop.NET)
DEVICE_VCPU, LINES = np.uint64(S.DEVICE_VCPU), np.uint64(S.LINES)
ZERO = np.uint64(0)


@inline
def tell(s, bit):
    """Let Python look at the card when the loop next looks up."""
    if s[S.NET_RUNG] == ZERO:
        s[S.NET_RUNG_AT] = time(s)
    s[S.NET_RUNG] |= bit
    s[S.DEVICE_AT] = ZERO


@inline
def ring(core, bit, value):
    """A store to a doorbell."""
    put(core, DOORBELL, value, bit)
    tell(core.s, bit)


@inline
def acknowledge(core, events):
    """Forget some of what happened; the line goes down with the last of it."""
    s = core.s
    s[S.NET_EVENTS] &= ~events
    show(core, STATUS, s[S.NET_EVENTS])
    if s[S.NET_EVENTS] == ZERO:
        s[base_of(s, DEVICE_VCPU) + LINES] &= ~LINE_UP


@helper
def store(core, register, value):
    """A store to a register of the card, named by its offset in the device page; to others nothing happens."""
    s = core.s
    if register == SEND:
        ring(core, TOLD_SEND, value)
    elif register == RECEIVE:
        ring(core, TOLD_RECEIVE, value)
    elif register == ACKNOWLEDGE:
        acknowledge(core, value)
    elif register == SEND_RING:
        s[S.NET_SEND_FRAME], s[S.NET_SEND_AT] = value, ZERO
        tell(s, TOLD_RING)
    elif register == RECEIVE_RING:
        s[S.NET_RECEIVE_FRAME], s[S.NET_RECEIVE_AT] = value, ZERO


@inline
def serve_device(core):
    """At DEVICE_AT: end the disk's request, or leave the card to Python.  The loop is to return."""
    s = core.s
    if s[S.NET_RUNG] == ZERO and s[S.DISK_END] <= time(s):
        disk.complete(core)
        s[S.STATUS_CODE] = DISK
    else:
        s[S.STATUS_CODE] = NET
