"""What the guest printed: kept whole while it is short, by its first and last part when it is not."""

from __future__ import annotations

from collections.abc import Iterable

KEPT = 1 << 16
"""Bytes kept of the beginning, and as many of the end."""

LONGEST_LINE = 200
"""Characters shown of a line."""


class Console:
    """Takes the guest's output piece by piece, however long it gets."""

    def __init__(self) -> None:
        self._head, self._tail = bytearray(), bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Append what was printed."""
        room = KEPT - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * KEPT:  # cut seldom, so that each byte is moved once
            self._cut()

    def _cut(self) -> None:
        surplus = max(len(self._tail) - KEPT, 0)
        self._dropped += surplus
        del self._tail[:surplus]

    def text(self) -> bytes:
        """All of it, or both ends with a line between them that says how much is missing."""
        self._cut()
        gap = f"\n[{self._dropped} bytes of the guest's output dropped]\n".encode() if self._dropped else b""
        return bytes(self._head) + gap + bytes(self._tail)


def escape(text: bytes) -> str:
    """Printable ASCII, newlines and tabs as they are; every other byte as its number, so that no terminal obeys it."""
    return "".join(chr(c) if c in _PLAIN else f"\\x{c:02x}" for c in text)


_PLAIN = frozenset((*b"\n\t", *range(0x20, 0x7F)))


def shorten(lines: Iterable[str]) -> list[str]:
    """The lines, each cut to LONGEST_LINE characters with how many were cut."""
    return [x if len(x) <= LONGEST_LINE else f"{x[:LONGEST_LINE]}... ({len(x) - LONGEST_LINE} more)" for x in lines]
