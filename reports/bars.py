"""Figures of bars: published as data, with what belongs to each segment; ours beside them, and how they compare.

A figure's bars come in groups.  The first bar of a group is the scale: its total is 100.  Where ``heights`` are
those of footprints, bars are MB of memory and there is no scale.  A table of values is a figure without segments, whose
bars have no heights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports import values
from reports.breakdown import Document, Part, mechanism_of
from reports.values import Value
from reports.verdicts import FITTED, NO, SHAPE, SMALL, UNEXPLAINED, YES, by_factor, compared

TOTAL = "total"
"""The name of a bar's whole height, which is judged by how far it is from the group's first."""

WHOLE = 100.0
"""What the first bar of a group adds up to."""

FOOTPRINT = "footprint"
"""The heights of bars that are memory at the end, not cycles."""

PAGES_OF_MB = (1 << 20) / (1 << 12)


@dataclass(frozen=True)
class Segment:
    """Rows of a result document that fit every condition here and no earlier segment's; an empty one always holds."""

    name: str
    title: str
    models: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    """Of a footprint."""

    def fits(self, model: str, row: Mapping[str, Any]) -> bool:
        """Whether ``row`` of a document about ``model`` is one of these."""
        asked = (
            (self.models, model),
            (self.services, row["service"]),
            (self.mechanisms, mechanism_of(row)),
            (self.counters, row["counter"]),
        )
        return all(value in wanted for wanted, value in asked if wanted)


@dataclass(frozen=True)
class Bar:
    """A bar of a figure: what is counted for it, and what was published of it."""

    group: str
    title: str
    trace: str
    model: str
    machine: str | None
    settings: Mapping[str, Any]
    prices: Mapping[str, Any]
    printed: float | None
    """The total as printed."""
    vms: int
    """Virtual machines side by side, recordings of the trace with the seeds from 1 on; 0: one recording as it is."""
    side: str
    """Of a footprint: what is seen (``virtual``) or what is there (``machine``)."""
    published: Mapping[str, float]
    """Segment -> its height; empty where only values were published."""
    values: Mapping[str, float]
    """Other figures of the bar -> what was published."""
    reasons: Mapping[str, str]
    """Segment, value, or ``total`` -> why ours differs."""
    without: tuple[str, ...] = ()
    """Of a footprint: classes that the bar has nothing of."""


@dataclass(frozen=True)
class Variation:
    """What a figure is made once more with, to see how far it moves: how guests are recorded, or prices."""

    title: str
    recipe: Mapping[str, Any]
    prices: Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A published figure of bars."""

    name: str
    title: str
    source: str
    note: str
    without: tuple[str, ...]
    bands: Mapping[str, float]
    traces: Mapping[str, Mapping[str, Any]]
    """Name -> the workload and its arguments."""
    segments: tuple[Segment, ...]
    bars: tuple[Bar, ...]
    shape_only: tuple[str, ...] = ()
    """Segments whose heights are never called reproduced, which was declared beforehand."""
    heights: str = ""
    """FOOTPRINT, or cycles on the scale of a group's first bar."""
    values: tuple[Value, ...] = ()
    """What is said of bars beside their heights."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Segment -> why ours differs, where a bar says nothing of its own."""
    variations: tuple[Variation, ...] = ()
    """Each alone; the figure's values have the interval that these make of them."""
    least_seconds: float = 0.0
    """Of the machine's time; what a bar of less says is never called reproduced."""

    @property
    def is_footprint(self) -> bool:
        """Whether bars are memory, not cycles."""
        return self.heights == FOOTPRINT

    @property
    def titles(self) -> dict[str, str]:
        """Segment -> its title, in the order in which bars are stacked."""
        return {segment.name: segment.title for segment in self.segments if segment.title}

    def segment_of(self, model: str, row: Mapping[str, Any]) -> str:
        """The segment that a row of a document about ``model`` belongs to.  Raises LookupError if to none."""
        for segment in self.segments:
            if segment.fits(model, row):
                return segment.name
        raise LookupError(f"{self.name}: no segment takes {mechanism_of(row)} of {row['service']}")


def read(document: Mapping[str, Any]) -> Figure:
    """The figure that a study's file describes."""
    words = ("models", "services", "mechanisms", "counters", "classes")
    segments = tuple(
        Segment(one["name"], one.get("title", ""), **{word: tuple(one.get(word, ())) for word in words})
        for one in document.get("segments", ())
    )
    return Figure(
        **{key: document[key] for key in ("name", "title", "source", "note", "bands", "traces")},
        without=tuple(document.get("without", ())),
        segments=segments,
        bars=tuple(_bar(one) for one in document["bars"]),
        shape_only=tuple(document.get("shape_only", ())),
        heights=document.get("heights", ""),
        values=tuple(values.read(one) for one in document.get("values", ())),
        reasons=document.get("reasons", {}),
        variations=tuple(
            Variation(one["title"], one.get("recipe", {}), one.get("price", {}))
            for one in document.get("variations", ())
        ),
        least_seconds=document.get("least_seconds", 0.0),
    )


def _bar(one: Mapping[str, Any]) -> Bar:
    return Bar(
        **{key: one[key] for key in ("group", "title", "trace", "model")},
        vms=one.get("vms", 0),
        side=one.get("side", ""),
        published=one.get("published", {}),
        machine=one.get("machine"),
        settings=one.get("set", {}),
        prices=one.get("price", {}),
        printed=one.get("printed"),
        values=one.get("values", {}),
        reasons=one.get("reasons", {}),
        without=tuple(one.get("without", ())),
    )


def figure_table(figure: Figure, documents: Iterable[Document]) -> dict[str, Any]:
    """Ours beside the published figure; ``documents`` are the results of its bars, in order.

    Each bar has its ``segments`` and ``total``: ours with its bounds, the paper's, the verdict, and why where it is
    not the best.  Bounds move the prices of a segment, not the scale.
    """
    scale: dict[str, float] = {}
    bars = []
    for bar, document in zip(figure.bars, documents, strict=True):
        parts = _parts(figure, bar, document)
        whole = sum(part.cycles for part in parts.values()) / WHOLE
        unit = PAGES_OF_MB if figure.heights == FOOTPRINT else scale.setdefault(bar.group, whole)
        seconds = values.machine_seconds(document, figure.without) if "total" in document else None
        made = _beside(figure, bar, parts, unit) | {"values": _values(figure, bar, document), "seconds": seconds}
        bars.append(_weighed(made, figure.least_seconds))
    return {
        "study": figure.name,
        "kind": "bars",
        "title": figure.title,
        "source": figure.source,
        "note": figure.note,
        "heights": figure.heights,
        "bands": dict(figure.bands),
        "least_seconds": figure.least_seconds,
        "titles": figure.titles,
        "value_titles": {value.name: value.title for value in figure.values},
        "shares": [value.name for value in figure.values if value.kind == values.SHARE],
        "traces": {name: dict(recipe) for name, recipe in figure.traces.items()},
        "variations": [variation.title for variation in figure.variations],
        "bars": bars,
        "verdicts": tally(bars, scaled=figure.heights != FOOTPRINT),
    }


def _weighed(made: dict[str, Any], least: float) -> dict[str, Any]:
    """The bar, with nothing called reproduced where it stands for less than ``least`` seconds of the machine's time."""
    if made["seconds"] is not None and made["seconds"] < least:
        for value in (*made["segments"].values(), made["total"], *made["values"].values()):
            if value["verdict"] == YES:
                value |= {"verdict": SHAPE, "reason": f"It is of {made['seconds']:.3g} s, and {least:g} are asked for."}
    return made


def _parts(figure: Figure, bar: Bar, document: Document) -> dict[str, Part]:
    parts = {name: Part(name) for name in figure.titles}
    if figure.heights == FOOTPRINT:
        for row in (row for row in values.pages(document) if row["class"] not in bar.without):
            (segment,) = (one.name for one in figure.segments if row["class"] in one.classes)
            parts[segment].add(dict.fromkeys(("cycles", "low", "high"), row[bar.side]))
        return parts
    for row in document["rows"] if parts else ():
        if row["service"] not in figure.without:
            parts[figure.segment_of(bar.model, row)].add(row)
    return parts


def _beside(figure: Figure, bar: Bar, parts: Mapping[str, Part], unit: float) -> dict[str, Any]:
    whole = Part(TOTAL)
    for part in parts.values():
        whole.cycles, whole.low, whole.high = whole.cycles + part.cycles, whole.low + part.low, whole.high + part.high
    printed = bar.printed if bar.printed is not None or not bar.published else sum(bar.published.values())
    scaled = {name: _value(figure, bar, part, unit, bar.published.get(name)) for name, part in parts.items()}
    return {
        "group": bar.group,
        "title": bar.title,
        "trace": bar.trace,
        "model": bar.model,
        "settings": dict(bar.settings),
        "prices": dict(bar.prices),
        "segments": scaled,
        "total": _value(figure, bar, whole, unit, printed),
    }


def _values(figure: Figure, bar: Bar, document: Document) -> dict[str, Any]:
    """Of each figure that was published of the bar: ours, the paper's, the verdict, and why."""
    found = {}
    for value in figure.values:
        if value.name in bar.values:
            ours, published = value.of(document, figure.without), bar.values[value.name]
            judged = NO if ours is None else by_factor(ours, published, figure.bands)
            verdict = FITTED if value.fitted and ours is not None else judged
            reason = bar.reasons.get(value.name) or figure.reasons.get(value.name, "")
            told = reason if verdict in UNEXPLAINED else ""
            found[value.name] = {"ours": ours, "published": published, "verdict": verdict, "reason": told}
    return found


def _value(figure: Figure, bar: Bar, part: Part, unit: float, published: float | None) -> dict[str, Any]:
    ours = part.cycles / unit if unit else 0.0
    low, high = sorted((part.low / unit, part.high / unit)) if unit else (0.0, 0.0)
    zero = WHOLE if part.name == TOTAL and figure.heights != FOOTPRINT else 0.0
    verdict = "" if published is None else compared(ours - zero, published - zero, figure.bands)
    if verdict == YES and part.name in figure.shape_only:
        verdict = SHAPE
    reason = bar.reasons.get(part.name) or figure.reasons.get(part.name, "")
    return {
        "ours": ours,
        "low": low,
        "high": high,
        "published": published,
        "verdict": verdict,
        "reason": reason if verdict in UNEXPLAINED else "",
    }


def tally(bars: Iterable[Mapping[str, Any]], *, scaled: bool = True) -> dict[str, int]:
    """How many values came out how.

    A group's first total where it is the scale (``scaled``), and what was fitted, say nothing and are left out.
    """
    found = dict.fromkeys((YES, SHAPE, NO, SMALL), 0)
    seen: set[str] = set()
    for bar in bars:
        judged = [
            *bar["segments"].values(),
            *([bar["total"]] if bar["group"] in seen or not scaled else []),
            *bar["values"].values(),
        ]
        seen.add(bar["group"])
        for value in judged:
            if value["verdict"] in found:
                found[value["verdict"]] += 1
    return found
