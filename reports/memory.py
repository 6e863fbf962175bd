"""What a machine with caches says of its memory: misses by where they went, and what a monitor did about it."""

from __future__ import annotations

from typing import Any

from replay.shell import table
from reports.breakdown import Document, is_bare
from reports.numbers import figure, share

NEAR, FAR = ("local_miss", "local_upgrade", "table_local_miss"), ("remote_miss", "remote_upgrade", "table_remote_miss")
ACTIONS = {"migration": "migrations", "replication": "replications", "collapse": "collapses"}


def memory(document: Document) -> list[Any]:
    """Requests to memory on both sides, and moves of pages; nothing of a machine without caches."""
    sides = {f"under {document['model']}": _counted(document["rows"])}
    if not is_bare(document):
        sides["on bare hardware"] = _counted(document["native_rows"])
    if not any(name in counted for counted in sides.values() for name in (*NEAR, *FAR, "l2_hit")):
        return []
    return [_requests(sides), *_moves(document, sides[f"under {document['model']}"])]


def _counted(rows: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Counter -> count, and cycles at their value, low and high."""
    found: dict[str, tuple[int, ...]] = {}
    for row in rows:
        these = tuple(row[field] for field in ("count", "cycles", "low", "high"))
        found[row["counter"]] = tuple(map(sum, zip(found.get(row["counter"], (0, 0, 0, 0)), these, strict=True)))
    return found


def local_share(counted: dict[str, tuple[int, ...]]) -> tuple[int, int]:
    """Requests that the CPU's own node served, and all."""
    near, far = (sum(counted.get(name, (0,))[0] for name in names) for names in (NEAR, FAR))
    return near, near + far


def _requests(sides: dict[str, dict[str, tuple[int, ...]]]) -> Any:
    made = table("requests to memory", ">all", ">local")
    for name, counted in sides.items():
        near, everything = local_share(counted)
        made.add_row(name, f"{everything:,}", share(near, everything))
    return made


def _moves(document: Document, counted: dict[str, tuple[int, ...]]) -> list[Any]:
    """How many pages moved, a second of the run, and how long each took."""
    seconds, cycles = document["total"]["seconds"], document["total"]["cycles"]
    made = table("pages", ">count", ">a second", ">us each", ">share")
    for counter, name in ACTIONS.items():
        if counter in counted and seconds:
            n, *spent = counted[counter]
            each = (c * seconds / cycles / n * 1e6 for c in spent)
            made.add_row(name, f"{n:,}", f"{n / seconds:,.0f}", figure(*each), share(spent[0], cycles))
    return [made] if made.row_count else []
