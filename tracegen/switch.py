"""The network between the machines of a session: a link for each to one virtual switch.

A packet leaves its sender when the link is free, takes its bytes' time, and arrives after the latency.  Simplified: the
switch's ports never fill, so packets of several senders to one station do not wait for each other.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from replay.trace.schema import PACKET_STATION_SHIFT
from tracegen.abi import UNITS_PER_SECOND
from tracegen.abi_net import BITS_PER_SECOND, LATENCY_UNITS

LEAST_BYTES, FRAMING_BYTES = 46, 38
"""Of an Ethernet frame: the least that it carries; what is around that, with the gap to the next.  [IEEE 802.3]"""
MIX = 0x9E3779B97F4A7C15
MASK64 = (1 << 64) - 1
PARTS_PER_MILLION = 1_000_000


class Link(NamedTuple):
    """What the links and the switch do: times in units, bandwidth in bits a second, what they lose."""

    latency: int = LATENCY_UNITS
    bandwidth: int = BITS_PER_SECOND
    drop_every: int = 0  # of each sender's packets every so manieth is lost; 0: none
    drop_share: int = 0  # parts per million of all packets are lost
    seed: int = 1  # which ones

    def units(self, size: int) -> int:
        """Units in which a packet of ``size`` bytes leaves."""
        bits = 8 * (max(size, LEAST_BYTES) + FRAMING_BYTES)
        return -(-bits * UNITS_PER_SECOND // self.bandwidth)

    def loses(self, packet: int) -> bool:
        """Whether the packet of this id is lost."""
        if self.drop_every and packet % (1 << PACKET_STATION_SHIFT) % self.drop_every == 0:
            return True
        return chance(self.seed, packet) % PARTS_PER_MILLION < self.drop_share


LINK = Link()
"""A link as it is where nothing else is said."""


def chance(seed: int, number: int) -> int:
    """A 64-bit number that looks random: the mixing function of SplitMix64.  [Steele et al., OOPSLA 2014]."""
    z = (seed * MIX + number * 0xD1342543DE82EF95) & MASK64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK64
    return z ^ z >> 31


class Packet(NamedTuple):
    """A packet under way; packets are ordered by the time of their arrival, then by id."""

    at: int
    id: int
    header: bytes
    payload: bytes


class Switch:
    """What is under way to each station; ``stations`` of them, numbered from 1."""

    def __init__(self, link: Link | None = None, stations: int = 1) -> None:
        self.link, self.stations = link or LINK, stations
        self.under_way: dict[int, list[Packet]] = {station: [] for station in range(1, stations + 1)}

    def send(self, packet: int, to: int, departure: int, header: bytes, payload: bytes) -> None:
        """Carry a packet that leaves at ``departure`` to station ``to``: nowhere, if there is none."""
        if to in self.under_way and not self.link.loses(packet):
            heapq.heappush(self.under_way[to], Packet(departure + self.link.latency, packet, header, payload))

    def leave(self, station: int) -> None:
        """Take a station away: what is under way to it is lost."""
        del self.under_way[station]

    def next_at(self, station: int) -> int | None:
        """When the next packet arrives there."""
        queue = self.under_way[station]
        return queue[0].at if queue else None

    def arrived(self, station: int, now: int) -> list[Packet]:
        """Take what has arrived there at time ``now``, in order."""
        queue, found = self.under_way[station], list[Packet]()
        while queue and queue[0].at <= now:
            found.append(heapq.heappop(queue))
        return found
