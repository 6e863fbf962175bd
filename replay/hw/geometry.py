"""Geometry of TLBs for pages of two sizes: which entries a page may take, by level, kind of access and page size.

A *unit* is what an entry maps: a page id, or, numbered after all page ids, a 2 MB region.  Structures are indexed by
the low bits of the page number, modulo the number of sets, whatever that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from replay.hw import sets, walk_caches
from replay.prepare import Pages
from replay.records import Parameter

MOST = 1000
ASSUMED = "assumed"
PARAMETERS = (
    Parameter("itlb.entries", 128, "entries", 1, MOST, ASSUMED, "first-level TLB of instructions, 4 KB pages"),
    Parameter("itlb.ways", 8, "ways", 1, MOST, ASSUMED, "its associativity; beyond its entries: full"),
    Parameter("itlb.large_entries", 8, "entries", 0, MOST, ASSUMED, "for 2 MB pages; 0: they take those of 4 KB"),
    Parameter("itlb.large_ways", MOST, "ways", 1, MOST, ASSUMED, "their associativity"),
    Parameter("dtlb.entries", 64, "entries", 1, MOST, ASSUMED, "first-level TLB of data, 4 KB pages"),
    Parameter("dtlb.ways", 4, "ways", 1, MOST, ASSUMED, "its associativity; beyond its entries: full"),
    Parameter("dtlb.large_entries", 32, "entries", 0, MOST, ASSUMED, "for 2 MB pages; 0: they take those of 4 KB"),
    Parameter("dtlb.large_ways", 4, "ways", 1, MOST, ASSUMED, "their associativity"),
    Parameter("stlb.entries", 1536, "entries", 0, 1 << 20, ASSUMED, "second-level TLB, 4 KB pages; 0: none"),
    Parameter("stlb.ways", 12, "ways", 1, 1 << 20, ASSUMED, "its associativity; beyond its entries: full"),
    Parameter("stlb.large", 1, "count", 0, 1, ASSUMED, "1: 2 MB pages take its 4 KB entries; 0: only their own"),
    Parameter("stlb.large_entries", 0, "entries", 0, 1 << 20, ASSUMED, "of their own for 2 MB pages of data"),
    Parameter("stlb.large_ways", 1 << 20, "ways", 1, 1 << 20, ASSUMED, "their associativity"),
    Parameter("stlb.code_entries", 0, "entries", 0, 1 << 20, ASSUMED, "of their own for 4 KB pages of code; 0: shared"),
    Parameter("stlb.code_ways", 1 << 20, "ways", 1, 1 << 20, ASSUMED, "their associativity"),
    *walk_caches.parameters("pwc", (32, 4, 2), "Skylake's, from general knowledge"),
    Parameter("tlb.tagged", 0, "count", 0, 1, ASSUMED, "1: entries keep their address space over base switches (PCID)"),
)
"""Parameters of every model whose hardware walks page tables; a machine gives values to those it knows."""


class Units(NamedTuple):
    """What entries of a TLB may map, of one trace."""

    address: np.ndarray  # u64 by unit: page or region number in its space
    space: np.ndarray  # u32 by unit
    begin: np.ndarray  # u32 by leaf region: its first page id; one more for the end
    pages: int
    """Units below are page ids, others regions."""


class Level(NamedTuple):
    """Where units live in a TLB level: runs of ways within a vCPU's entries."""

    home: np.ndarray  # u32[2 * units]: first way of the set, for instructions then for data
    ways: np.ndarray  # u64[4]: by [data, large]; 0: not held
    begins: np.ndarray  # u8[entries]: 1 at the first way of a set
    entries: int  # of a vCPU


def find_units(pages: Pages) -> Units:
    """The units of a trace's pages."""
    begin = first_pages(pages.leaf)
    return Units(
        np.concatenate([pages.vpn, pages.vpn[begin] >> np.uint64(9)]),
        np.concatenate([pages.space, pages.space[begin]]),
        np.append(begin, pages.leaf.size).astype(np.uint32),
        pages.leaf.size,
    )


def first_pages(region: np.ndarray) -> np.ndarray:
    """By region number: the first page id that lies in it; ``region`` is by page id, as in ``Pages``."""
    found: np.ndarray = np.searchsorted(region, np.arange(int(region[-1]) + 1))
    return found


def first_level(units: Units, settings: Mapping[str, Any]) -> Level:
    """The first level: split in two."""
    cells = [
        cell
        for side in ("itlb.", "dtlb.")
        for cell in (side, side + "large_" if settings[side + "large_entries"] else side)
    ]
    return _level(cells, units, settings)


def second_level(units: Units, settings: Mapping[str, Any]) -> Level:
    """The second level: shared, but for what has entries of its own."""
    large = "stlb.large_" if settings["stlb.large_entries"] else "stlb." if settings["stlb.large"] else ""
    code = ["stlb.code_", ""] if settings["stlb.code_entries"] else ["stlb.", large]
    return _level([*code, "stlb.", large], units, settings, spare=True)


def _level(cells: list[str], units: Units, settings: Mapping[str, Any], *, spare: bool = False) -> Level:
    """A level whose entries for [data, large] are called ``cells``: the same name for shared ones, '' for none.

    If ``spare``, sets that no unit falls in and ways that no set fills are left out: a level of more entries than
    there are units is emptied as fast as one of as many.
    """
    part = {0: slice(units.pages), 1: slice(units.pages, None)}
    home, ways, firsts, at = np.zeros((2, units.address.size), np.uint32), np.zeros(4, np.uint64), [], 0
    for name in dict.fromkeys(filter(None, cells)):
        mine = [cell for cell, other in enumerate(cells) if other == name]
        entries = settings[name + "entries"]
        most = min(entries, settings[name + "ways"])
        count = sets.number_of_sets(name, entries, most)
        chosen = {large: sets.homes(units.address[part[large]], count, 1) for large in {cell % 2 for cell in mine}}
        if spare and entries > units.address.size:
            used, many = np.unique(np.concatenate(list(chosen.values())), return_counts=True)
            chosen = {large: np.searchsorted(used, which).astype(np.uint32) for large, which in chosen.items()}
            count, most = used.size, min(most, int(many.max()))
        for cell in mine:
            ways[cell] = most
            home[cell // 2, part[cell % 2]] = np.uint32(at) + chosen[cell % 2] * np.uint32(most)
        firsts.append(at + most * np.arange(count if most else 0))
        at += count * most
    begins = np.zeros(at, np.uint8)
    begins[np.concatenate(firsts)] = 1
    return Level(home.reshape(-1), ways, begins, at)
