"""A figure of bars as a page of Markdown: its drawing, all heights and values beside the paper's, why they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports.across import interval
from reports.bar_screen import about, figure, legend, reasons
from reports.verdicts import told

Table = Mapping[str, Any]


def page(found: Table) -> str:
    """The page of a ``figure_table``, which expects the drawing of its bars beside it as NAME.svg."""
    parts = [
        f"# {found['title']}",
        f"{found['source'].partition(': ')[2]}. Made by `replay study {found['study']}`.",
        *(_drawn(found) if found["titles"] else []),
        *(["\n".join(_values(found))] if any(bar["values"] for bar in found["bars"]) else []),
        legend(found),
        f"Of what was published: {told(found['verdicts'])}.",
        *_why(found),
        "\n".join(["## Our guests", "", *_guests(found)]),
    ]
    return "\n\n".join(parts) + "\n"


def _drawn(found: Table) -> list[str]:
    drawing = f"![Bars of ours and of the paper's, stacked side by side]({found['study']}.svg)"
    return [drawing, "\n".join(_heights(found))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _heights(found: Table) -> Iterator[str]:
    """Heights as ``ours / the paper's``, with the verdict."""
    titles = list(found["titles"].values())
    yield _line("ours / the paper's", *titles, "total")
    yield _line("---", *["---:"] * (len(titles) + 1))
    for bar in found["bars"]:
        yield _line(f"{bar['group']}, {bar['title']}", *map(_height, [*bar["segments"].values(), bar["total"]]))


def _height(value: Table) -> str:
    published = "" if value["published"] is None else f" / {value['published']:.1f} {value['verdict']}"
    return f"{value['ours']:.1f}{interval(value, '.1f')}{published}"


def _values(found: Table) -> Iterator[str]:
    yield _line("", "", "ours", "the paper's", "verdict")
    yield _line("---", "---", "---:", "---:", "---")
    for bar in found["bars"]:
        for name, value in bar["values"].items():
            title, paper = found["value_titles"][name], f"{value['published']:g}"
            yield _line(f"{bar['group']}, {bar['title']}", title, figure(value), paper, value["verdict"])


def _why(found: Table) -> list[str]:
    lines = [f"- {'; '.join(heights)}: {reason}" for reason, heights in reasons(found).items()]
    return ["\n".join(["## Where it does not come out, and why", "", *lines])] if lines else []


def _guests(found: Table) -> Iterator[str]:
    for name, recipe in found["traces"].items():
        yield f"- {name}: `{recipe['command']}`. {about(found, name)}".rstrip()
