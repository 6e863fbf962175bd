"""The live page: one HTML file that opens without a network and computes again at prices that its reader moves."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from reports import charts, memory_view, sections, study_page
from reports.charge import trace_words
from reports.lines import lines
from reports.live import live
from reports.palette import Palette, palette
from reports.result import Content, labels
from reports.sweep_page import PRICE, live_sweep, traces
from reports.sweep_page import section as sweep_section

SCRIPTS = ("exact.js", "numbers.js", "pricing.js", "cells.js", "charts.js", "views.js", "sweep.js", "page.js")
SLOT = re.compile(r"\{\{(\w+)\}\}")


def page(content: Content, library: str) -> str:
    """The page of ``content``; ``library`` is what ``reports.bundle.vega`` gives."""
    results, sweep, studies = content
    names = labels(results)
    colours = palette(results, sweep)
    data = live(results, names, sweep.machines if sweep else {})
    runs = [
        sections.run_section(at, result, name, lines(result, run["model"]["rows"]), opened=len(results) == 1, run=run)
        for at, (result, name, run) in enumerate(zip(results, names, data["runs"], strict=True))
    ]
    parts: dict[str, dict[str, str]] = {"overhead": {}, "each": {"runs": "".join(runs)}} if results else {}
    if sweep:
        data["sweep"] = live_sweep(sweep)
        parts = {"sweep": {"sweep": sweep_section(sweep)}} | parts
    if studies:
        parts["studies"] = {"studies": "".join(study_page.section(at, one) for at, one in enumerate(studies))}
    used = _used(data, sweep.axes if sweep else ())
    if used:
        parts["prices"] = {"prices": _prices(used)}
    where = (sections.provenance(results, names) if results else "") + (traces(sweep) if sweep else "")
    if where:
        parts["provenance"] = {"provenance": where}
    drawn = _charts(data["runs"], colours, swept=sweep is not None)
    data |= {"palette": colours._asdict(), "charts": drawn | study_page.charts(studies)}
    return _fill(
        "page.html",
        title=escape(_title(content)),
        style=_text("page.css"),
        plain="" if used else " plain",
        links=" ".join(f"<a href='#{name}'>{LINKS[name]}</a>" for name in parts),
        summary=sections.summary(results, names, swept=sweep is not None) + study_page.summary(studies),
        body="".join(_fill(f"{name}.html", **slots) for name, slots in parts.items()),
        aside=_fill("sliders.html", sliders=_sliders(used)) if used else "",
        vega=_harmless(library),
        scripts=_harmless("\n".join(_text(name) for name in SCRIPTS)),
        data=_packed(data),
    )


def _sliders(used: Mapping[str, list[Mapping[str, Any]]]) -> str:
    """Sliders by machine, the first one's in sight."""
    return "".join(sections.sliders(name, records, opened=not at) for at, (name, records) in enumerate(used.items()))


def _prices(used: Mapping[str, list[Mapping[str, Any]]]) -> str:
    """Price tables by machine, what nobody published first."""
    return "".join(sections.prices(*one, assumed=assumed) for assumed in (True, False) for one in used.items())


LINKS = {
    "sweep": "Sweep",
    "overhead": "Overhead",
    "each": "Each run",
    "studies": "Studies",
    "prices": "Prices",
    "provenance": "Provenance",
}
"""Section that not every page has -> how the page's head calls it."""


def _title(content: Content) -> str:
    results, sweep, studies = content
    guests = {trace_words(result.document) for result in results}
    if not guests and sweep:
        guests = {f"{point['workload']} on a {point['architecture']} guest" for point in sweep.points}
    if not guests:
        about = study_page.title(studies[0]) if len(studies) == 1 else f"{len(studies)} studies"
        return f"{about}: ours beside the paper's"
    return f"{', '.join(sorted(guests))}: what virtualizing it costs"


def _charts(runs: Sequence[dict[str, Any]], colours: Palette, *, swept: bool) -> dict[str, Any]:
    found = {"bars": (charts.bars(_bar_names(runs), colours), BARS), "timeline": (charts.timeline(colours), PHASES)}
    kinds = {kind for run in runs for kind in run["memory"]}
    found |= {kind: made for kind, made in memory_view.charts().items() if kind in kinds}
    if swept:
        found |= {f"curves{kind}": (charts.curves(kind), CURVES) for kind in "OQN"}
        found |= {"stack": (charts.stack(colours), STACK), "heat": (charts.heat(), HEAT)}
    return {name: charts.specification(chart, words) for name, (chart, words) in found.items()}


BARS = "Time of each run as a bar, over bare hardware's time, stacked by mechanism; the table of runs has the totals."
CURVES = "Time over bare hardware's time along an axis of the sweep; the table of points has the figures."
STACK = "Time over bare hardware's time along an axis of the sweep, as bars stacked by mechanism."
HEAT = "Time over bare hardware's time over two axes of the sweep; the table of points has the figures."
PHASES = "Cycles of each interval of the run, stacked by mechanism."


def _bar_names(runs: Sequence[dict[str, Any]]) -> list[str]:
    """The bars from top to bottom: bare machines that are no run of their own first; marks them in ``runs``."""
    own = {(run["model_name"], run["machine"], run["trace"]) for run in runs if run["model_name"] == run["baseline"]}
    found = []
    for run in runs:
        key = run["baseline"], run["machine"], run["trace"]
        run["bare_bar"] = "" if key in own else _bare_name(key, runs)
        own.add(key)
        found += [run["bare_bar"]] if run["bare_bar"] else []
    return [*found, *(run["name"] for run in runs)]


def _bare_name(key: tuple[str, str, str], runs: Sequence[Mapping[str, Any]]) -> str:
    several = len({run["machine"] for run in runs}) > 1
    return f"{key[0]} on {key[1]}" if several else key[0]


def _used(data: Mapping[str, Any], axes: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Machine -> the price records that anything on it costs, those first that the answers hang on most.

    A price among the ``axes`` of a sweep is as each point states it.
    """
    weight: dict[str, dict[str, float]] = {}
    for run in data["runs"]:
        known = weight.setdefault(run["machine"], {})
        for side in ("model", "native"):
            for name, spent in run[side]["amounts"].items():
                known[name] = known.get(name, 0.0) + sum(spent)
    for point in data.get("sweep", {}).get("points", ()):
        known = weight.setdefault(point["machine"], {})
        for spent in data["sweep"]["runs"][point["run"]].values():
            for name, n in spent.items():
                known[name] = known.get(name, 0.0) + n
    found = {}
    for machine, amounts in weight.items():
        records = [
            r for r in data["machines"][machine]["records"] if r["name"] in amounts and PRICE + r["name"] not in axes
        ]
        found[machine] = sorted(records, key=lambda r: -amounts[r["name"]] * r["cycles"] * (r["high"] - r["low"]))
    return found


def _packed(data: Mapping[str, Any]) -> str:
    """``data`` as compressed JSON in letters."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode("ascii")


def _harmless(script: str) -> str:
    """``script`` without what would end its element."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _text(name: str) -> str:
    return resources.files("reports").joinpath("web", name).read_text("utf-8")


def _fill(name: str, **slots: str) -> str:
    return SLOT.sub(lambda found: slots[found[1]], _text(name))
