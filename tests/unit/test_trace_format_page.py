"""docs/trace-format.md and the schema module say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from replay.trace.schema import COLUMNS, GROUPS, SCHEMA_MAJOR, SCHEMA_MINOR, Kind

PAGE = (Path(__file__).parents[2] / "docs" / "trace-format.md").read_text()


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_every_kind_is_in_the_table(kind: Kind) -> None:
    """Each row kind appears by name in a table row whose numbers include its own."""
    row = next(line for line in PAGE.splitlines() if re.search(rf"^\|[^|]*\b{kind.name}\b", line))
    numbers = [int(n) for n in re.findall(r"\d+", row.split("|")[2])]

    assert min(numbers) <= kind <= max(numbers)


def test_every_column_and_the_version_are_stated() -> None:
    """The page names each column and the schema version that it describes."""
    assert f"schema {SCHEMA_MAJOR}.{SCHEMA_MINOR}" in PAGE
    for name in COLUMNS:
        assert f"| `{name}` |" in PAGE


def test_every_kind_belongs_to_one_group() -> None:
    """Groups partition the kinds."""
    for kind in Kind:
        assert 1 == sum(kind in members for members in GROUPS.values())
