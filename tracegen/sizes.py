"""Sizes, times, rates and arguments as users write them, with their units."""

from __future__ import annotations

import re
from collections.abc import Iterable

from replay.errors import UserError, unknown

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
"""Suffix -> bytes."""
NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}
BITS = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
LEAST_LATENCY_NS, MOST_LATENCY_NS = 5, 1_000_000_000
PARTS_PER_MILLION = 1_000_000
LEAST_BITS, MOST_BITS = 10_000, 1_000_000_000_000
MAX_SEED = 2**64 - 1


def parse_size(option: str, text: str) -> int:
    """Bytes in a size such as ``64M`` or ``1GiB`` of ``option``; the units are powers of 1024.  Raises UserError."""
    match = re.fullmatch(r"(\d+)([KMG])(i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise UserError(f"{option} {text!r} is no size with a unit; write for example {option} 64M")
    return int(match[1]) * UNITS[match[2].upper()]


def parse_arguments(words: Iterable[str], known: Iterable[str], options: Iterable[str] = ()) -> dict[str, int]:
    """Workload arguments from ``--name value``, ``--name=value`` and ``name=value`` words; ``known`` are the names.

    ``options`` are names that a wrong one may have been meant for.
    Values are integers in decimal, or in another base with its prefix (0x10).  Raises UserError.
    """
    names, found, rest = list(known), dict[str, int](), iter(words)
    for word in rest:
        name, equals, value = word.removeprefix("--").partition("=")
        if not equals and not word.startswith("--"):
            raise UserError(f"workload argument {word!r} has no name; write NAME=VALUE, one of: {', '.join(names)}")
        if name not in names:
            raise unknown("workload argument or option", name, [*names, *options], "tracegen workloads")
        if name in found:
            raise UserError(f"workload argument {name} is given twice; give it once")
        found[name] = _integer(name, value if equals else next(rest, ""))
    return found


def _integer(name: str, text: str) -> int:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        raise UserError(f"workload argument {name} should be an integer, is {text!r}") from None


def parse_latency(option: str, text: str) -> int:
    """Nanoseconds in a time such as ``50us``.  Raises UserError."""
    match = re.fullmatch(r"(\d+)(ns|us|ms)", text.strip())
    nanoseconds = int(match[1]) * NANOSECONDS[match[2]] if match else 0
    if not LEAST_LATENCY_NS <= nanoseconds <= MOST_LATENCY_NS:
        raise UserError(f"{option} {text!r} is no time from 5ns to 1000ms; write for example {option} 50us")
    return nanoseconds


def parse_bandwidth(option: str, text: str) -> int:
    """Bits a second in a rate such as ``1Gbit``; the units are powers of 1000.  Raises UserError."""
    match = re.fullmatch(r"(\d+)([KMG])bit", text.strip(), re.IGNORECASE)
    bits = int(match[1]) * BITS[match[2].upper()] if match else 0
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise UserError(
            f"{option} {text!r} is no rate from 10Kbit to 1000Gbit a second; write for example {option} 100Mbit"
        )
    return bits


def parse_drop(option: str, text: str) -> tuple[int, int]:
    """(Every so manieth, parts per million) of the packets that are lost: ``100``, or ``1.5%``.  Raises UserError."""
    match = re.fullmatch(r"(\d+)|(\d+(?:\.\d{1,4})?)%", text.strip())
    if match and match[1] and 0 < int(match[1]) < 1 << 63:
        return int(match[1]), 0
    share = round(float(match[2]) * PARTS_PER_MILLION / 100) if match and match[2] else -1
    if not 0 <= share <= PARTS_PER_MILLION:
        raise UserError(
            f"{option} {text!r} is neither a number nor a share: {option} 100 drops every 100th packet of each machine,"
            f" {option} 1% drops one of a hundred by chance"
        )
    return 0, share
