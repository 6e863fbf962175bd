"""The network card on x86-64: its ports, its vector, and hlt; what the rings do is the same on both CPUs."""

from __future__ import annotations

import numpy as np
import pytest

from replay.trace.schema import Cause, Kind, Wake
from tests.unit.cards import (
    BUFFERS,
    PAGE,
    RECEIVE_RING,
    SEND_RING,
    TARGETS,
    buffer,
    content,
    packets,
    put_rings,
    sent,
    states,
)
from tracegen import abi_net as net
from tracegen import abi_x86_64 as ports
from tracegen.abi_net import LATENCY_UNITS, Net
from tracegen.switch import Link
from tracegen.x86_64.machine import X86Machine

from .conftest import Ran
from .test_x86_interrupts import MACROS

R8, R9, R10, R12 = 8, 9, 10, 12
FIRST = 1 << 26 | 1
UNITS = Link().units(1024)
TAKEN_BACK = f"$({ports.PORT_NET_ACKNOWLEDGE})"
RINGS = f"""
        port {ports.PORT_NET_SEND_RING}, {SEND_RING}
        port {ports.PORT_NET_RECEIVE_RING}, {RECEIVE_RING}
"""
HANDLER = f"""
handler: mov    $({ports.PORT_NET_STATUS}), %edx
        in      %dx, %eax
        shl     $4, %r8d
        or      %eax, %r8d
        incl    %r9d
        mov     {TAKEN_BACK}, %edx
        out     %eax, %dx
        end_of_interrupt
        add     $16, %rsp
        iretq
on_syscall: ud2
"""


@pytest.fixture
def ran(assemble_x86):  # type: ignore[no-untyped-def]
    """A function (body, send ring, receive ring) -> Ran."""

    def go(body, send, receive):  # type: ignore[no-untyped-def]
        machine = X86Machine(assemble_x86(body), memory_bytes=4 << 20)
        put_rings(machine, send, receive)
        rows: list[tuple[int, int, int, int, int]] = []

        def sink(words: np.ndarray, counts: np.ndarray) -> None:
            for word, n in zip(words.tolist(), counts.tolist(), strict=True):
                rows.append((word & 0xFF, word >> 8 & 0xFF, word >> 16 & 0xFFFF, word >> 32, n))

        return Ran(machine, machine.run(sink, max_instructions=100_000), rows)

    return go


def test_a_packet_comes_back_and_interrupts(ran) -> None:  # type: ignore[no-untyped-def]
    """Out of the card's ports, through the switch and into memory, little-endian, with one interrupt on the vector."""
    body = f"""{MACROS}
body:   controller
        {RINGS}
        mov     $({ports.PORT_NET_ADDRESS}), %edx
        in      %dx, %eax
        mov     %eax, %r12d
        port    {ports.PORT_NET_SEND}, 1
        sti
        hlt
        mov     $3, %eax
        exit
{HANDLER}"""
    result = ran(body, [sent(0)], [buffer(0)])
    machine = result.machine

    assert (3, Net.RECEIVED, 1, 1) == (result.result.status, *(machine.registers[at] for at in (R8, R9, R12)))
    assert content(0, 0, 24) == machine.read(TARGETS * PAGE, 24)
    assert content(0, 1, 1000) == machine.read((TARGETS + 1) * PAGE, 1000)
    assert [(FIRST, 1024, [BUFFERS + 1, 1000 << 16 | 1 << 32])] == packets(result.rows, Kind.PACKET_SENT)
    assert [(FIRST, 1024, [TARGETS + 1, 1000 << 16 | 1 << 32])] == packets(result.rows, Kind.PACKET_RECEIVED)
    assert [(ports.VECTOR_NET, FIRST)] == result.of(Kind.INTERRUPT)
    assert [(Cause.INTERRUPT, ports.VECTOR_NET)] == result.of(Kind.EXCEPTION)
    assert [(1, 1)] == result.of(Kind.DOORBELL)
    # Behind the doorbell's out come sti and hlt.
    assert [(Wake.DEVICE, UNITS + LATENCY_UNITS - 3)] == result.of(Kind.IDLE)


def test_departure_and_arrival_interrupt_one_after_the_other(ran) -> None:  # type: ignore[no-untyped-def]
    """A packet that notifies brings two interrupts, and hlt waits for each."""
    body = f"""{MACROS}
body:   controller
        {RINGS}
        port    {ports.PORT_NET_SEND}, 1
        sti
        hlt
        hlt
        mov     $3, %eax
        exit
{HANDLER}"""
    result = ran(body, [sent(0, notify=True)], [buffer(0)])

    assert (3, 0x12, 2) == (result.result.status, *(result.machine.registers[at] for at in (R8, R9)))
    assert [net.NET_DONE] == states(result.machine, SEND_RING, 1) == states(result.machine, RECEIVE_RING, 1)
    assert [(ports.VECTOR_NET, 0), (ports.VECTOR_NET, FIRST)] == result.of(Kind.INTERRUPT)


def test_the_line_stays_up_until_it_is_acknowledged(ran) -> None:  # type: ignore[no-untyped-def]
    """An end of interrupt without acknowledgement brings the interrupt again; so do both devices' lines, in turn."""
    handler = HANDLER.replace(f"        mov     {TAKEN_BACK}", f"        cmp $2, %r9d; jb 1f; mov {TAKEN_BACK}")
    handler = handler.replace("        end_of", "1:      end_of")
    body = f"""{MACROS}
body:   controller
        {RINGS}
        port    {ports.PORT_NET_SEND}, 1
        sti
        hlt
        mov     $3, %eax
        exit
{handler}"""
    result = ran(body, [sent(0)], [buffer(0)])

    assert (3, Net.RECEIVED * 0x11, 2) == (result.result.status, *(result.machine.registers[at] for at in (R8, R9)))


@pytest.mark.parametrize("port", [ports.PORT_NET_ADDRESS - 4, ports.PORT_NET_ADDRESS + 1, ports.PORT_NET_DROPPED + 4])
def test_beside_the_card_s_ports_there_is_nothing(ran, port) -> None:  # type: ignore[no-untyped-def]
    """Other ports read all ones, and writes to them do nothing."""
    body = f"""{MACROS}
body:   controller
        port    {port}, 1
        in      %dx, %eax
        mov     %eax, %r10d
        mov     $3, %eax
        exit
{HANDLER}"""
    result = ran(body, [sent(0)], [buffer(0)])

    assert (3, 0xFFFFFFFF) == (result.result.status, result.machine.registers[R10])
    assert [] == result.of(Kind.PACKET_SENT, Kind.DOORBELL, Kind.INTERRUPT)
