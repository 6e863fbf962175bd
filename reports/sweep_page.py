"""A sweep's section of the page: curves and heat maps over its axes, and its points as a table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from reports.breakdown import is_bare
from reports.result import Sweep
from reports.sweep import heading
from reports.tables import Column, live, table

MOST_ROWS = 200
"""Points in the page's table; a sweep with more has them in ``--format csv``."""

MOST_CURVES = 20
"""Values of an axis that has a curve each."""

DEVICE_UNIT = "device_unit"
"""The price of a unit of waiting."""

PRICE = "price."
"""What the name of a column of prices starts with."""


def live_sweep(sweep: Sweep) -> dict[str, Any]:
    """What the page computes a sweep with: points with their runs, by number, and what runs spent."""
    runs = {name: at for at, name in enumerate(sweep.spent)}
    return {
        "axes": [_axis(sweep, at) for at in range(len(sweep.axes))],
        "waits": waits(sweep),
        "runs": list(sweep.spent.values()),
        "points": [
            {
                "run": runs[point["run"]],
                "bare": runs[point["bare"]],
                "isBare": is_bare(point),
                "machine": point["machine"],
                "at": [point[axis] for axis in sweep.axes],
                "fixed": _fixed(sweep, point),
                "idle": _idle(sweep, point),
                "given": stated(point),
                "bounds": [point["overhead_low"], point["overhead_high"]],
            }
            for point in sweep.points
        ],
    }


def _fixed(sweep: Sweep, point: Mapping[str, Any]) -> list[float]:
    """Cycles of a point, and of its bare machine, that no price moves: idle time and what follows from counts."""
    own = stated(point)
    records = (record for record in sweep.machines[point["machine"]] if record["stated"])
    prices = {r["name"]: own.get(r["name"], r["value"]) * r["cycles"] for r in records}
    found = []
    for cycles, run in (("cycles", "run"), ("native", "bare")):
        parts = (part for part in sweep.spent[point[run]].values())
        moved = sum(n * prices[name] for part in parts for name, n in part.items() if name in prices)
        found.append(point[cycles] - moved)
    return found


def _axis(sweep: Sweep, at: int) -> dict[str, Any]:
    """What varies: what it is called, its values in order, those that it means nothing to last."""
    axis, found = sweep.axes[at], values(sweep, sweep.axes[at])
    return {
        "axis": axis,
        "at": at,
        "name": heading(axis),
        "title": ", ".join([heading(axis), *_units(sweep, axis)]),
        "values": found,
        "isNumbers": any(value is not None for value in found)
        and all(value is None or isinstance(value, int | float) for value in found),
    }


def _units(sweep: Sweep, axis: str) -> list[str]:
    """The unit of an axis of prices; none of another, or where machines state it in different ones."""
    records = (record for records in sweep.machines.values() for record in records)
    units = {record["unit"] for record in records if PRICE + record["name"] == axis}
    return list(units) if len(units) == 1 else []


def values(sweep: Sweep, axis: str) -> list[Any]:
    """The values on an axis: numbers in order, names as they come, None last."""
    found = list(dict.fromkeys(point[axis] for point in sweep.points))
    there = [value for value in found if value is not None]
    ordered = sorted(there) if all(isinstance(value, int | float) for value in there) else there
    return ordered + [None] * (len(found) - len(there))


def waits(sweep: Sweep) -> bool:
    """Whether any point waits for anything."""
    return any(point["idle"] or point["native_idle"] for point in sweep.points)


def _idle(sweep: Sweep, point: Mapping[str, Any]) -> list[float]:
    """Cycles for which a point waits, and its bare machine."""
    unit = next(r for r in sweep.machines[point["machine"]] if r["name"] == DEVICE_UNIT)
    return [point[name] * unit["value"] * unit["cycles"] for name in ("idle", "native_idle")]


def stated(point: Mapping[str, Any]) -> dict[str, float]:
    """Prices that a point states."""
    return {key.removeprefix(PRICE): v for key, v in point.items() if key.startswith(PRICE) and v is not None}


def word(value: Any) -> str:
    """A place on an axis as the page writes it."""
    return "as it is" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def section(sweep: Sweep) -> str:
    """Choices of axes, their charts, and the points dearest last."""
    axes = list(sweep.axes)
    missing = f"<p class='warning'>{sweep.missing:,} points are not there yet; run the sweep again.</p>"
    few = [axis for axis in axes if 1 < len(values(sweep, axis)) <= MOST_CURVES]
    return (
        f"<p>{len(sweep.points):,} points over {escape(', '.join(map(heading, axes)))}. {live('sweep/moves')}"
        " Idle time is fixed here: it is each point's own, whatever price is moved; a price that is an axis has no"
        " slider.</p>"
        + (missing if sweep.missing else "")
        + f"<form class='axes'>{_choice('x', 'along', axes)}"
        + (_choice("series", "a curve each", few, "none") if len(axes) > 1 else "")
        + f"{''.join(_filter(sweep, at) for at in range(len(axes)))}"
        + "<label><input type='checkbox' id='sweep-bounds'> bounds</label>"
        + ("<label><input type='checkbox' id='sweep-waits'> count idle time, too</label>" if waits(sweep) else "")
        + "</form><p class='soft' id='sweep-left-out' role='status'></p>"
        + "<figure><div class='chart' data-chart='curves'></div><figcaption>Time over bare hardware's along one axis."
        " The others are as chosen above. Bounds are what a curve can be within those of all prices; after a price is"
        " moved, with idle time fixed.</figcaption></figure>"
        + "<figure><div class='chart' data-chart='stack'></div><figcaption>The same by mechanism, of one curve. Idle is"
        " what no price moves here: waiting, for devices and for controllers of memory.</figcaption></figure>"
        + (
            "<figure><div class='chart' data-chart='heat'></div><figcaption>The same over both axes: dark is dear."
            "</figcaption></figure>"
            if len(axes) > 1
            else ""
        )
        + _points(sweep)
    )


def _choice(name: str, what: str, axes: list[str], without: str = "") -> str:
    """A choice of one of ``axes``, or of none, which ``without`` calls so."""
    options = f"<option value=''>{without}</option>" if without else ""
    options += "".join(f"<option value='{escape(axis, quote=True)}'>{escape(heading(axis))}</option>" for axis in axes)
    return f"<label>{what} <select id='sweep-{name}'>{options}</select></label>"


def _filter(sweep: Sweep, at: int) -> str:
    axis = sweep.axes[at]
    options = "".join(
        f"<option value='{k}'>{escape(word(value))}</option>" for k, value in enumerate(values(sweep, axis))
    )
    label = escape(heading(axis))
    select = f"<select aria-label='{label}'><option value=''>any</option>{options}</select>"
    return f"<label data-filter='{at}' hidden><span class='of'></span>{label} {select}</label>"


def _points(sweep: Sweep) -> str:
    order = sorted(range(len(sweep.points)), key=lambda at: _rank(sweep.points[at]))
    busy = [Column("busy", "without idle time", number=True)] if waits(sweep) else []
    columns = [
        Column("number", "point"),
        *(
            Column(f"axis{k}", escape(heading(axis)), number=_is_number(sweep, axis))
            for k, axis in enumerate(sweep.axes)
        ),
        Column("overhead", "times bare hardware", number=True),
        Column("bounds", "bounds", number=True),
        *busy,
        Column("cycles", "cycles", number=True),
    ]
    rows = [
        {
            "number": f"{at + 1}",
            **{f"axis{k}": escape(word(sweep.points[at][axis])) for k, axis in enumerate(sweep.axes)},
            **{field: live(f"point/{at}/{field}") for field in ("overhead", "bounds", "busy", "cycles")},
        }
        for at in order[:MOST_ROWS]
    ]
    rest = f"; the first {MOST_ROWS} of {len(order):,}" if len(order) > MOST_ROWS else ""
    return table("points", f"Points, cheapest first at the stated prices, bare hardware last{rest}", columns, rows)


def _rank(point: Mapping[str, Any]) -> tuple[bool, float]:
    return is_bare(point), float(point["overhead"])


def _is_number(sweep: Sweep, axis: str) -> bool:
    return all(isinstance(value, int | float) for value in values(sweep, axis))


def traces(sweep: Sweep) -> str:
    """Which recordings the sweep charges."""
    columns = [Column("trace", "trace"), Column("workload", "workload"), Column("digest", "digest")]
    found = {point["trace_digest"]: point for point in sweep.points}
    rows = [
        {
            "trace": escape(point["trace"]),
            "workload": escape(f"{point['workload']} on a {point['architecture']} guest"),
            "digest": f"<code>{escape(digest)}</code>",
        }
        for digest, point in found.items()
    ]
    return table("traces-table", "Traces of the sweep", columns, rows)
