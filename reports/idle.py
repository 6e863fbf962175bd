"""Idle time in a line of text: how long the recorded guest waited, and how long it waits at each model's speed."""

from __future__ import annotations

from collections.abc import Sequence

from reports.breakdown import Document, is_bare
from reports.numbers import figure


def lines(documents: Sequence[Document], names: Sequence[str]) -> list[str]:
    """One line about the idle time of ``documents``, called ``names``, and why it is as recorded; none without any."""
    first = documents[0]["idle"]
    if not any(document["idle"][side] for document in documents for side in ("recorded", "high", "native_high")):
        return []
    recorded = _milliseconds(first, first["recorded"], first["recorded"], first["recorded"])
    if first["as_recorded"]:
        return [f"Idle: {recorded} ms, as recorded: {first['as_recorded']}."]
    each = [
        f"{_milliseconds(d['idle'], *(d['idle'][side] for side in ('recomputed', 'low', 'high')))} ms {name}"
        for d, name in zip(documents, names, strict=True)
    ]
    return [f"Idle: {recorded} ms recorded, {', '.join(each)}."]


def beside_bare(document: Document) -> list[str]:
    """The line about one model and bare hardware."""
    idle = document["idle"]
    bare = {**document, "idle": idle | {key: idle[f"native{tail}"] for key, tail in BARE.items()}}
    if is_bare(document):
        return lines([bare], ["on bare hardware"])
    return lines([document, bare], [f"under {document['model']}", "on bare hardware"])


BARE = {"recomputed": "", "low": "_low", "high": "_high"}
"""Field about the model -> the end of the name of bare hardware's."""


def _milliseconds(idle: Document, *units: int) -> str:
    value, low, high = (n * idle["seconds_per_unit"] * 1e3 for n in units)
    return figure(value, low, high)
