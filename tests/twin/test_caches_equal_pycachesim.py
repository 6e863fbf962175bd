"""The machine's caches against pycachesim, whose counts ``make oracles`` commits, where the two mean the same.

``tests/oracles/make.py`` says where they do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.hw import caches
from replay.jit import kernel

ORACLE = json.loads((Path(__file__).parents[1] / "oracles" / "pycachesim.json").read_text())
SEQUENCES = pytest.mark.parametrize("sequence", ORACLE["sequences"], ids=lambda sequence: sequence["name"])
LINE = 64


@kernel
def refer(here, stores, address, took):
    """What each load or store took."""
    for row in range(np.uint64(address.size)):
        if stores[row]:
            took[row] = caches.store(here, np.uint64(0), address[row])
        else:
            took[row] = caches.read(here, np.uint64(0), caches.DATA, address[row])


def taken(lines: list[int], stores: np.ndarray, first: list[int], second: list[int]) -> np.ndarray:
    """What each reference took of one CPU with levels of (sets, ways); u64."""
    geometry = {"l1i.bytes": LINE, "l1i.ways": 1, "l1i.line": LINE}
    for name, (sets, ways) in (("l1d", first), ("l2", second)):
        geometry |= {f"{name}.bytes": sets * ways * LINE, f"{name}.ways": ways, f"{name}.line": LINE}
    took = np.zeros(len(lines), np.uint64)
    here = caches.make_caches(1, (max(lines) + 1) * LINE, geometry)
    refer(here, stores, np.array(lines, np.uint64) * np.uint64(LINE), took)
    return took


@SEQUENCES
def test_both_levels_miss_as_pycachesims(sequence: dict[str, Any]) -> None:
    """Loads miss in each of two levels, of any ways, as often as they do there."""
    lines, loads = sequence["lines"], np.zeros(len(sequence["lines"]), np.uint8)

    found = [taken(lines, loads, both["first"], both["second"]) for both in sequence["levels"]]

    assert [both["misses"] for both in sequence["levels"]] == [
        [int(np.count_nonzero(took)), int(np.count_nonzero(took & caches.MEMORY))] for took in found
    ]


@SEQUENCES
def test_changed_lines_go_to_memory_as_pycachesims(sequence: dict[str, Any]) -> None:
    """Loads and stores miss in a second level below a first of one line, and write back, as in one level there."""
    lines = sequence["lines"]
    stores = (np.arange(len(lines)) % 3 == 1).astype(np.uint8)

    found = [taken(lines, stores, [1, 1], [one["sets"], one["ways"]]) for one in sequence["written"]]

    assert [(one["misses"], one["written"]) for one in sequence["written"]] == [
        (int(np.count_nonzero(took & caches.MEMORY)), int(np.count_nonzero(took & caches.WROTE_BACK))) for took in found
    ]
