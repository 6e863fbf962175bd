"""All entries of the TLB are compared with an address at once: the first that an ordinary scan would find is found."""

from __future__ import annotations

import numpy as np

from replay.jit import kernel
from tracegen.mips64 import state as M
from tracegen.mips64.matching import first_bit, matches
from tracegen.mips64.translation import ASID_MASK, PAIR_MASK, TLB_GLOBAL

PAIR, ASID, GLOBAL = int(PAIR_MASK), int(ASID_MASK), int(TLB_GLOBAL)


@kernel
def _first(words, key):  # type: ignore[no-untyped-def]
    return first_bit(matches(words, np.uint64(M.TLB_HI), key, PAIR_MASK, ASID_MASK, TLB_GLOBAL))


def _scan(entries: list[int], key: int) -> int:
    """One by one, as the architecture's manual has it."""
    for i, entry in enumerate(entries):
        if (entry ^ key) & PAIR == 0 and ((entry ^ key) & ASID == 0 or entry & GLOBAL):
            return i
    return len(entries)


def test_the_entry_found_is_that_of_a_scan() -> None:
    """Over random entries of few pages, spaces and regions, some global, hits and misses are those of a scan."""
    chance, words = np.random.default_rng(5), np.zeros(1000, np.uint64)
    expected, actual = [], []
    for _ in range(2000):
        pages, asids, regions = chance.integers(0, (24, 3, 2), (M.TLB_ENTRIES + 1, 3)).T
        made = [int(p) << 13 | int(a) | int(r) << 62 for p, a, r in zip(pages, asids, regions, strict=True)]
        entries = [entry | GLOBAL * int(chance.random() < 0.1) for entry in made[:-1]]
        words[M.TLB_HI : M.TLB_HI + M.TLB_ENTRIES] = entries
        expected.append(_scan(entries, made[-1]))
        actual.append(int(_first(words, np.uint64(made[-1]))))

    assert expected == actual
    assert {0, M.TLB_ENTRIES} < set(actual)
