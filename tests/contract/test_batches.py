"""A trace is prepared alike however its rows are divided into batches, be they valid or not."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from replay.columns import Columns
from replay.errors import UserError
from replay.handmade import Script
from replay.prepare import Prepared, _prepare_arrays, assemble, frozen
from replay.trace.schema import COLUMNS

from .hostile import METAS, altered, valid

EDGES = (0, 1, 2, 15, 16, 63, 255, 4095, 0xFFFF, 1 << 20, (1 << 32) - 1)
GUESTS = [valid(meta) for meta in METAS]


def in_batches(rows: list[tuple[int, ...]], guest: Script, size: int) -> Prepared:
    """Prepared from batches of ``size`` rows."""
    table = np.array([tuple(row) for row in rows], np.int64)
    whole = frozen(Columns(*(table[:, at].astype(COLUMNS[name]) for at, name in enumerate(Columns._fields))))
    batches = [Columns(*(column[first : first + size] for column in whole)) for first in range(0, len(rows), size)]
    out = Columns(*(np.empty_like(column) for column in whole))
    return assemble(_prepare_arrays(batches, out, guest.meta, "rows"), guest.meta, "rows")


def outcome(rows: list[tuple[int, ...]], guest: Script, size: int) -> str | list[Any]:
    """All arrays of the prepared trace, or why it is refused."""
    try:
        prepared = in_batches(rows, guest, size)
    except UserError as error:
        return str(error)
    parts = (*prepared.columns, *prepared.pages, *prepared.sites, *prepared.places, *prepared.moments[:-2])
    return [array.tolist() for array in parts]


@pytest.mark.parametrize("seed", range(8))
def test_batches_of_any_length_prepare_alike(seed: int) -> None:
    """Rows in batches of any length give the arrays, or the error with its row, that they give in one."""
    chance = random.Random(seed)
    refused = set()
    for _ in range(20):
        guest = chance.choice(GUESTS)
        changes = [
            (
                chance.choice(["set"] * 8 + ["delete", "repeat"]),
                chance.randrange(1000),
                chance.randrange(5),
                chance.choice([*EDGES, chance.randrange(300)]),
            )
            for _ in range(chance.randrange(4))
        ]
        rows = altered(guest.rows, changes)
        whole = outcome(rows, guest, len(rows))
        refused.add(isinstance(whole, str))

        assert whole == outcome(rows, guest, chance.choice([1, 2, 7, 64]))
    assert {True, False} == refused
