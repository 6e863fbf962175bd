"""Sections of the page, as HTML whose numbers the page fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reports import memory_view
from reports.breakdown import Document, is_bare
from reports.charge import trace_words
from reports.lines import Line
from reports.live import fixed
from reports.result import Result
from reports.tables import Column, live, table

MOST_SLIDERS = 8
"""Sliders of a machine that show at once; the others, which matter less, unfold."""


def summary(results: Sequence[Result], names: Sequence[str], *, swept: bool) -> str:
    """What came out, in words, and a table of the runs."""
    if not results and not swept:
        return ""
    if swept:
        return f"<p>{live('sweep/words')}</p>{_overview(results, names) if results else ''}"
    guests = sorted({trace_words(result.document) for result in results})
    told = "".join(
        f"<li>{live(f'{at}/words')}</li>" for at, result in enumerate(results) if not is_bare(result.document)
    )
    about = f"<p class='about'>{escape('; '.join(guests))}</p>"
    return f"{about}<ul class='told'>{told}</ul>{_overview(results, names)}"


def _overview(results: Sequence[Result], names: Sequence[str]) -> str:
    """What is wrong with any of the runs, and a table of them all."""
    warned = "".join(f"<p class='warning'>{escape(line)}</p>" for line in _warnings(results, names))
    columns = [
        Column("run", "run"),
        Column("machine", "machine"),
        Column("kind", "this pair is"),
        Column("overhead", "times bare hardware", number=True),
        Column("bounds", "bounds", number=True),
        Column("busy", "without idle time", number=True),
        Column("seconds", "seconds", number=True),
        Column("native", "bare hardware", number=True),
    ]
    rows = [
        {
            "run": escape(name),
            "machine": escape(result.document["machine"]),
            "kind": escape(result.document["fidelity"]),
            **{field: live(f"{at}/{field}") for field in ("overhead", "bounds", "busy", "seconds", "native")},
        }
        for at, (result, name) in enumerate(zip(results, names, strict=True))
    ]
    return warned + table("runs", "Every run beside its bare machine", columns, rows)


def _warnings(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    from reports.charge import incorrect, unfinished

    found = []
    for result, name in zip(results, names, strict=True):
        said = unfinished(result.document) + incorrect(result.document)
        found += [f"{name}: {line}" if len(results) > 1 else line for line in said]
    return list(dict.fromkeys(found))


def run_section(
    at: int, result: Result, name: str, lines: Sequence[Line], *, opened: bool, run: Mapping[str, Any]
) -> str:
    """One run: its settings, where its cycles go by mechanism and by service, and its phases."""
    document = result.document
    settings = ", ".join(f"{key} = {value}" for key, value in document["settings"].items())
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in document["rules"])
    chart = (
        f"<figure><div class='chart' id='timeline-{at}' data-chart='timeline' data-run='{at}'></div>"
        f"<figcaption>Phases of {escape(name)}: cycles by mechanism in each interval of the guest's instructions."
        " Idle time belongs to the whole run and is left out.</figcaption></figure>"
        if run["timeline"]
        else ""
    )
    return (
        f"<details class='run' id='run-{at}'{' open' if opened else ''}><summary><h3>{escape(name)}</h3>"
        f"<span class='inline'>{live(f'{at}/overhead')} times bare hardware</span></summary>"
        f"<p class='settings'>{escape(settings)}</p>"
        + (f"<p>Fixed, whatever price is moved: {escape(', '.join(fixed(document)))}.</p>" if fixed(document) else "")
        + (f"<p>{escape(document['fidelity'])}, by these rules:</p><ul>{rules}</ul>" if rules else "")
        + chart
        + _mechanisms(at, name, lines)
        + _services(at, name, document)
        + memory_view.section(at, name, run["memory"])
        + _footprint(at, name, document)
        + _unpriced(at, name, result)
        + "</details>"
    )


def _mechanisms(at: int, name: str, lines: Sequence[Line]) -> str:
    columns = [
        Column("counter", "counter"),
        Column("formula", "one costs"),
        Column("count", "count", number=True),
        Column("price", "cycles each", number=True),
        Column("cycles", "cycles", number=True),
        Column("share", "share", number=True),
        Column("bounds", "bounds", number=True),
    ]
    rows = [
        {
            "mechanism": line.mechanism,
            "counter": escape(line.counter),
            "formula": escape(line.formula),
            **{field: live(f"{at}/line/{k}/{field}") for field in ("count", "price", "cycles", "share", "bounds")},
        }
        for k, line in enumerate(lines)
    ]
    whole = {"mechanism": "all", "counter": "total"}
    whole |= {field: live(f"{at}/total/{field}") for field in ("cycles", "share", "bounds")}
    return table(f"mechanisms-{at}", f"Cycles of {name} by mechanism and counter", columns, [*rows, whole], "mechanism")


def _services(at: int, name: str, document: Document) -> str:
    columns = [
        Column("service", "service"),
        Column("invocations", "invocations", number=True),
        Column("us", "µs each", number=True),
        Column("native", "µs on bare hardware", number=True),
        Column("slowdown", "times", number=True),
        Column("cycles", "cycles", number=True),
        Column("share", "share", number=True),
    ]
    rows = [
        {
            "service": escape(line["service"]),
            "invocations": f"{line['invocations']:,}",
            **{f: live(f"{at}/service/{line['service']}/{f}") for f in ("us", "native", "slowdown", "cycles", "share")},
        }
        for line in sorted(document["services"], key=lambda line: -line["cycles"])
    ]
    return table(f"services-{at}", f"Services of the guest under {name}, idle time left out", columns, rows)


def _footprint(at: int, name: str, document: Document) -> str:
    """Pages at the end by virtual machine and by what they hold, and the machine pages behind them."""
    rows = document.get("footprint", [])
    last = [row for row in rows if row["interval"] == rows[-1]["interval"]]
    if not last:
        return ""
    columns = [
        Column("class", "pages"),
        Column("vm", "VM", number=True),
        Column("virtual", "virtual", number=True),
        Column("machine", "machine", number=True),
    ]
    made = [
        {"class": escape(str(row["class"])), "vm": "" if row["vm"] is None else str(row["vm"])}
        | {field: f"{row[field]:,}" for field in ("virtual", "machine")}
        for row in last
    ]
    return table(f"footprint-{at}", f"Footprint under {name} at the end, in pages", columns, made)


def _unpriced(at: int, name: str, result: Result) -> str:
    """What was counted for its number alone, such as where misses went or how many pages lie where."""
    costs = result.document["bill"]["costs"]["model"]
    found: dict[str, int] = {}
    for counter, n in zip(result.counts.get("counter", ()), result.counts.get("n", ()), strict=True):
        if counter not in costs:
            found[counter] = found.get(counter, 0) + n
    if not found:
        return ""
    columns = [Column("counter", "counter"), Column("count", "count", number=True)]
    rows = [{"counter": escape(counter), "count": f"{n:,}"} for counter, n in found.items()]
    return table(f"unpriced-{at}", f"Counted under {name} without a price", columns, rows)


def sliders(machine: str, records: Sequence[Mapping[str, Any]], *, opened: bool) -> str:
    """A slider for each of ``records``, the first ones in sight."""
    made = [_slider(machine, record) for record in records if record["stated"]]
    rest = made[MOST_SLIDERS:]
    more = f"<details class='more'><summary>{len(rest)} more prices</summary>{''.join(rest)}</details>" if rest else ""
    label = f"aria-label='prices on {escape(machine, quote=True)}'"
    return (
        f"<details class='machine'{' open' if opened else ''}><summary>{escape(machine)}</summary>"
        f"<fieldset {label}>{''.join(made[:MOST_SLIDERS])}{more}</fieldset></details>"
    )


def _slider(machine: str, record: Mapping[str, Any]) -> str:
    low, high = limits(record)
    name, label = escape(f"{machine}/{record['name']}", quote=True), escape(record["name"])
    unit, mark = escape(record["unit"]), record["source"].partition(":")[0]
    data = f"data-machine='{escape(machine, quote=True)}' data-price='{label}'"
    return (
        f"<div class='price'><label for='number {name}'>{_breakable(label)}"
        f" <span class='mark {mark}'>{mark}</span></label>"
        f"<input type='number' id='number {name}' {data} value='{record['value']!r}' min='0' step='any'>"
        f"<span class='unit'>{unit}</span>"
        f"<input type='range' {data} aria-label='{label}, {unit}' min='{low!r}' max='{high!r}' step='any'"
        f" value='{record['value']!r}'>"
        f"<button type='button' class='reset' {data} aria-label='reset {label}' hidden>reset</button></div>"
    )


def _breakable(name: str) -> str:
    """A long name that may be broken between its words."""
    return name.replace("_", "_<wbr>").replace(".", ".<wbr>")


def limits(record: Mapping[str, Any]) -> tuple[float, float]:
    """From where to where a slider goes: the price's bounds, or half to twice what is known exactly."""
    if record["low"] < record["high"]:
        return record["low"], record["high"]
    return record["value"] / 2, record["value"] * 2 or 1.0


def prices(machine: str, records: Sequence[Mapping[str, Any]], *, assumed: bool) -> str:
    """The price table of a machine: those that nobody published, or the others."""
    shown = [record for record in records if (record["source"] == "assumed") == assumed]
    if not shown:
        return ""
    columns = [
        Column("name", "price"),
        Column("value", "value", number=True),
        Column("unit", "unit"),
        Column("bounds", "bounds", number=True),
        *([] if assumed else [Column("source", "source")]),
        Column("note", "why this value"),
    ]
    rows = [
        {
            "name": escape(r["name"]),
            "value": f"{r['value']:g}",
            "unit": escape(r["unit"]),
            "bounds": f"{r['low']:g} to {r['high']:g}" if r["low"] < r["high"] else "",
            "source": escape(r["source"]),
            "note": escape(r["note"]),
        }
        for r in shown
    ]
    what = f"Assumed on {machine}: nobody published these" if assumed else f"Prices on {machine} with their sources"
    return table(f"prices-{'assumed' if assumed else 'sourced'}-{machine}", what, columns, rows)


def provenance(results: Sequence[Result], names: Sequence[str]) -> str:
    """Where each run comes from, and the command that repeats it."""
    columns = [Column("run", "run"), Column("trace", "trace"), Column("digest", "digest"), Column("command", "command")]
    rows = [
        {
            "run": escape(name),
            "trace": escape(trace_words(result.document)),
            "digest": f"<code>{escape(result.document['trace']['digest'])}</code>",
            "command": f"<code>{escape(command(result.document))}</code>",
        }
        for result, name in zip(results, names, strict=True)
    ]
    return table("provenance-table", "Each run's trace, and the command that repeats it", columns, rows)


def command(document: Document) -> str:
    """The command line that repeats ``document``."""
    trace = document["trace"]
    words = ["replay run", f"{trace['workload']}.arrow", "--model", document["model"], "--machine", document["machine"]]
    words += [f"--set {name}={value}" for name, value in document["settings"].items()]
    given = [r for r in document["bill"]["prices"] if r["source"] == "given"]
    words += [f"--price {record['name']}={record['value']!r}" for record in given]
    return " ".join(words + ([f"--interval {document['interval']}"] if document["interval"] else []))
