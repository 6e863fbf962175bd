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

from reports import charts, sections
from reports.charge import trace_words
from reports.lines import lines
from reports.live import live
from reports.palette import palette
from reports.result import Result, labels

SCRIPTS = ("exact.js", "numbers.js", "pricing.js", "cells.js", "charts.js", "page.js")
SLOT = re.compile(r"\{\{(\w+)\}\}")


def page(results: Sequence[Result]) -> str:
    """The page of ``results``."""
    names = labels(results)
    colours = palette(results)
    data = live(results, names)
    runs = []
    for at, (result, name, run) in enumerate(zip(results, names, data["runs"], strict=True)):
        made = lines(result, run["model"]["rows"])
        runs.append(
            sections.run_section(at, result, name, made, opened=len(results) == 1, phases=run["timeline"] is not None)
        )
    used = _used(data)
    title = f"{', '.join(sorted({trace_words(result.document) for result in results}))}: what virtualizing it costs"
    data |= {
        "palette": {"names": colours.names, "colours": colours.colours},
        "charts": {
            "bars": charts.specification(charts.bars(_bar_names(data["runs"]), colours), BARS),
            "timeline": charts.specification(charts.timeline(colours), PHASES),
        },
    }
    return _fill(
        "page.html",
        title=escape(title),
        style=_text("page.css"),
        summary=sections.summary(results, names),
        sliders="".join(sections.sliders(machine, records) for machine, records in used.items()),
        runs="".join(runs),
        prices="".join(
            sections.prices(machine, records, assumed=assumed)
            for assumed in (True, False)
            for machine, records in used.items()
        ),
        provenance=sections.provenance(results, names),
        vega=_harmless(_vega()),
        scripts=_harmless("\n".join(_text(name) for name in SCRIPTS)),
        data=_packed(data),
    )


BARS = "Time of each run as a bar, over bare hardware's time, stacked by mechanism; the table of runs has the totals."
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


def _used(data: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """Machine -> the price records that anything on it costs, those first that the answers hang on most."""
    weight: dict[str, dict[str, float]] = {}
    for run in data["runs"]:
        known = weight.setdefault(run["machine"], {})
        for side in ("model", "native"):
            for name, spent in run[side]["amounts"].items():
                known[name] = known.get(name, 0.0) + sum(spent)
    found = {}
    for machine, amounts in weight.items():
        records = [r for r in data["machines"][machine]["records"] if r["name"] in amounts]
        found[machine] = sorted(records, key=lambda r: -amounts[r["name"]] * r["cycles"] * (r["high"] - r["low"]))
    return found


def _packed(data: Mapping[str, Any]) -> str:
    """``data`` as compressed JSON in letters."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.b64encode(gzip.compress(text, mtime=0)).decode("ascii")


def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _harmless(script: str) -> str:
    """``script`` without what would end its element."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _text(name: str) -> str:
    return resources.files("reports").joinpath("web", name).read_text("utf-8")


def _fill(name: str, **slots: str) -> str:
    return SLOT.sub(lambda found: slots[found[1]], _text(name))
