"""Reports that do not compute: text, tables and pictures of the results as they were made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports import charts, perfetto, study_page
from reports.breakdown import by_mechanism, by_service, is_bare
from reports.charge import incorrect, trace_words, unfinished
from reports.numbers import bounds, figure, share
from reports.palette import REST, Palette, palette
from reports.result import Content, Result, Sweep, labels
from reports.sections import command
from reports.sweep import heading
from reports.sweep_page import values, word

WIDTH = 720
"""Pixels of width of a picture's bars."""

SCALE = 2
"""Pixels of a picture for each of the page's."""

CONFIG = {"legend": {"columns": 4}, "font": "sans-serif", "axis": {"titleFontWeight": "normal"}}

COLUMNS = tuple("service work region class mechanism counter count price cycles low high source".split())


def markdown(content: Content) -> bytes:
    """What came out as text: the runs, each one's mechanisms and services, what is assumed, where it comes from."""
    results, sweep, studies = content
    names = labels(results)
    parts = ["# What virtualizing it costs", *_sweep_words(sweep)]
    if results:
        parts += ["## Runs", _overview(results, names)]
    for result, name in zip(results, names, strict=True):
        parts += _one(result, name)
    for study in studies:
        heading = [heading for heading, _ in study_page.COLUMNS[study["kind"]]]
        parts += [f"## {study_page.title(study)}", _table(heading, study_page.rows(study))]
    return ("\n\n".join(parts) + "\n").encode()


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Headings that start with ``>`` are of numbers."""
    marks = ["---:" if heading.startswith(">") else "---" for heading in headings]
    lines = [[heading.removeprefix(">") for heading in headings], marks, *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _sweep_words(sweep: Sweep | None) -> list[str]:
    if sweep is None:
        return []
    rows = [
        [*(word(point[axis]) for axis in sweep.axes), f"{point['overhead']:.4g}", f"{point['cycles']:,}"]
        for point in sweep.points
    ]
    missing = [f"{sweep.missing:,} points are not there yet."] if sweep.missing else []
    return ["## Sweep", *missing, _table([*map(heading, sweep.axes), ">times bare hardware", ">cycles"], rows)]


def _overview(results: Sequence[Result], names: Sequence[str]) -> str:
    rows = []
    for result, name in zip(results, names, strict=True):
        document, total = result.document, result.document["total"]
        ratio = total["overhead"], total["overhead_low"], total["overhead_high"]
        rows.append([name, document["machine"], document["fidelity"], figure(*ratio), bounds(*ratio)])
    return _table(["run", "machine", "this pair is", ">times bare hardware", "bounds"], rows)


def _one(result: Result, name: str) -> list[str]:
    document = result.document
    whole = document["total"]["cycles"]
    mechanisms = [
        [part.name, figure(part.cycles, part.low, part.high), share(part.cycles, whole)]
        for part in by_mechanism(document)
    ]
    services = [
        [part.name, figure(part.cycles, part.low, part.high), share(part.cycles, whole)]
        for part, _ in by_service(document)
    ]
    assumed = [
        [r["name"], f"{r['value']:g}", r["unit"], f"{r['low']:g} to {r['high']:g}", r["note"]]
        for r in document["assumptions"]
    ]
    return [
        f"## {name}",
        f"{trace_words(document)}, trace {document['trace']['digest']}: `{command(document)}`",
        *unfinished(document),
        *incorrect(document),
        _table(["mechanism", ">cycles", ">share"], mechanisms),
        _table(["service", ">cycles", ">share"], services),
        *([_table(["assumed", ">value", "unit", "bounds", "why"], assumed)] if assumed else []),
    ]


def as_json(content: Content) -> bytes:
    """The documents by name, the points of the sweep, and the values of studies."""
    results, sweep, studies = content
    runs = [{"name": name, **result.document} for name, result in zip(labels(results), results, strict=True)]
    swept = {"axes": list(sweep.axes), "missing": sweep.missing, "points": list(sweep.points)} if sweep else None
    return (
        json.dumps({"runs": runs, "sweep": swept, "studies": list(studies)}, indent=1, allow_nan=False) + "\n"
    ).encode()


def as_csv(content: Content) -> bytes:
    """The points of a sweep; of runs without one, every priced row of both sides."""
    results, sweep, _ = content
    text = io.StringIO()
    if sweep:
        writer = csv.DictWriter(text, list(sweep.points[0]) if sweep.points else [])
        writer.writeheader()
        writer.writerows(sweep.points)
        return text.getvalue().encode()
    writer = csv.DictWriter(text, ["run", "side", *COLUMNS], extrasaction="ignore")
    writer.writeheader()
    for name, result in zip(labels(results), results, strict=True):
        for side, rows in (("model", "rows"), ("native", "native_rows")):
            writer.writerows({"run": name, "side": side, **row} for row in result.document[rows])
    return text.getvalue().encode()


def bars(results: Sequence[Result], colours: Palette) -> tuple[list[str], dict[str, list[Mapping[str, Any]]]]:
    """The names of the bars from the top down, and the data of their chart."""
    found: dict[str, list[Mapping[str, Any]]] = {"bars": [], "totals": [], "one": [{"at": 1}]}
    order: list[str] = []
    shown: set[tuple[str, str, str]] = set()
    names = labels(results)
    own = {_bare_key(result) for result in results if is_bare(result.document)}
    for result, name in zip(results, names, strict=True):
        document, total = result.document, result.document["total"]
        native = total["native"] or 1
        key = _bare_key(result)
        if key not in own | shown:
            shown.add(key)
            order.append(f"{key[0]} on {key[1]}")
            found["bars"] += _bar(order[-1], document["native_rows"], native, colours)
        order.append(name)
        found["bars"] += _bar(name, document["rows"], native, colours)
        found["totals"].append({"run": name, "low": total["overhead_low"], "high": total["overhead_high"]})
    return order, found


def _bare_key(result: Result) -> tuple[str, str, str]:
    document = result.document
    return document["baseline"], document["machine"], document["trace"]["digest"]


def _bar(name: str, rows: Sequence[Mapping[str, Any]], native: int, colours: Palette) -> list[dict[str, Any]]:
    cycles: dict[str, int] = {}
    for row in rows:
        mechanism = row["mechanism"] if row["mechanism"] in colours.names else REST
        cycles[mechanism] = cycles.get(mechanism, 0) + row["cycles"]
    return [
        {"run": name, "mechanism": mechanism, "cycles": n, "share": n / native, "rank": colours.names.index(mechanism)}
        for mechanism, n in cycles.items()
    ]


def picture(results: Sequence[Result], sweep: Sweep | None) -> dict[str, Any]:
    """The chart of all runs, or of the sweep's first axes, as a whole Vega-Lite document."""
    if sweep and not results:
        return _curves(sweep)
    colours = palette(results)
    order, data = bars(results, colours)
    found: dict[str, Any] = charts.bars(order, colours).properties(width=WIDTH).to_dict()
    return found | {"datasets": data, "config": CONFIG}


def _curves(sweep: Sweep) -> dict[str, Any]:
    """The sweep's curves over its first axis; names are joined by no line, and bare hardware is left out."""
    x, *others = sweep.axes
    monitors = [point for point in sweep.points if not is_bare(point)] or list(sweep.points)
    points = [point for point in monitors if point[x] is not None] or monitors
    numbers = all(isinstance(point[x], int | float) for point in points)
    rows = [
        {
            "x": point[x] if numbers else word(point[x]),
            "overhead": point["overhead"],
            "low": point["overhead"],
            "high": point["overhead"],
            "series": ", ".join(word(point[axis]) for axis in others),
        }
        for point in sorted(points, key=lambda point: values(sweep, x).index(point[x]))
    ]
    found: dict[str, Any] = charts.curves("O" if numbers else "N").properties(width=WIDTH).to_dict()
    domain = list(dict.fromkeys(row["series"] for row in rows))
    for part in found["layer"]:
        part["encoding"]["x"] |= {"title": heading(x)} | ({"axis": {"labelAngle": 0}} if numbers else {})
        for channel in {"color", "shape"} & set(part["encoding"]):
            one = part["encoding"][channel]
            one["scale"] = one.get("scale", {}) | {"domain": domain}
            one |= {"title": ", ".join(map(heading, others))} if others else {"legend": None}
    return found | {"datasets": {"curves": rows}, "config": CONFIG}


def svg(content: Content) -> bytes:
    """``picture`` as a scalable picture."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(picture(content.results, content.sweep))).encode()


def png(content: Content) -> bytes:
    """``picture`` in pixels."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(picture(content.results, content.sweep), scale=SCALE))


def timeline(content: Content) -> bytes:
    """Crossings and costs over time, for Perfetto and Chrome."""
    return perfetto.events(content.results, labels(content.results))


FORMATS = {
    "md": markdown,
    "json": as_json,
    "csv": as_csv,
    "svg": svg,
    "png": png,
    "perfetto": timeline,
}
"""Format -> what makes it; the page is ``reports.page``'s."""
