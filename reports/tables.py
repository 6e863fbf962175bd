"""Tables of the page, by great-tables: cells that prices move are filled in by the page itself."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
"""A table brings its own style sheet; the page has one for all."""


@dataclass(frozen=True)
class Column:
    """A column: its heading, and whether it holds numbers."""

    name: str
    heading: str
    number: bool = False


def live(key: str) -> str:
    """A cell that the page fills: ``key`` says with what."""
    return f'<span data-cell="{html.escape(key, quote=True)}"></span>'


def table(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, str]],
    groups: str | None = None,
) -> str:
    """Rows of HTML as a table; the first column heads its row, the column ``groups`` sets rows apart."""
    import polars as pl
    from great_tables import GT

    fields = [column.name for column in columns] + ([groups] if groups else [])
    frame = pl.DataFrame({field: [row.get(field, "") for row in rows] for field in fields}, strict=False)
    made = (
        GT(frame, rowname_col=columns[0].name, groupname_col=groups, id=name)
        .cols_label({column.name: column.heading for column in columns[1:]})
        .cols_align("left", [column.name for column in columns if not column.number])
        .cols_align("right", [column.name for column in columns if column.number])
        .tab_stubhead(columns[0].heading)
    )
    shown = made.fmt_passthrough([column.name for column in columns], escape=False)
    label = html.escape(caption, quote=True)
    text = STYLE.sub("", shown.as_raw_html())
    text = text.replace(
        f'<div id="{name}"', f'<div id="{name}" class="scroll" tabindex="0" role="region" aria-label="{label}"', 1
    )
    return re.sub(
        r"(<table[^>]*>)",
        lambda found: f"{found[1]}<caption><span>{html.escape(caption)}</span></caption>",
        text,
        count=1,
    )
