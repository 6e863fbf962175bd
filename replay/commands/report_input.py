"""What ``replay report`` reads: folders of one run, and datasets of many points."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay.errors import UserError

if TYPE_CHECKING:
    from replay.dataset import Dataset
    from replay.machine import Machine
    from replay.tariff import Tariff
    from replay.trace.meta import TraceMeta
    from replay.trace.schema import ServiceClass
    from reports.result import Content, Result, Sweep

MOST_WHOLE = 16
"""Points of a dataset that a report shows one by one; one with more, or of several price sets, is a sweep alone."""


DATASET = "dataset.json"
"""The file by which a dataset is known, see ``replay.dataset``: a run's folder is read without that module."""


STUDY_KINDS = ("bars", "services")


def read(folders: Sequence[Path]) -> Content:
    """What is in ``folders``: runs, studies, and at most one sweep.  Raises UserError."""
    from reports.result import Content

    results: list[Result] = []
    studies: list[Mapping[str, Any]] = []
    sweep = None
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; give one that `replay run -o` or `replay sweep -o` wrote")
        found = _studies(folder)
        if (folder / DATASET).exists():
            if sweep is not None:
                raise UserError(f"{folder}: a second sweep; give one sweep's folder, or sweep both into one")
            more, sweep = _dataset(folder)
            results += more
        elif found:
            studies += found
        else:
            results.append(_run(folder))
    return Content(results, sweep, studies)


def _studies(folder: Path) -> list[Mapping[str, Any]]:
    """The values of studies that ``replay study -o`` left in ``folder``."""
    found: list[Mapping[str, Any]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue  # whoever owns the folder says what is wrong with it
        if isinstance(values, dict) and values.get("kind") in STUDY_KINDS:
            found.append(values)
    return found


def _run(folder: Path) -> Result:
    from replay import document
    from reports.result import Result

    try:
        found = document.load(str(folder))
    except (AttributeError, KeyError, TypeError):
        raise UserError(f"{folder}: damaged results; run `replay run -o` again, into a new folder") from None
    return Result(found, **{name: _columns(folder / file) for name, file in document.TABLE_FILES.items()})


def _columns(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException):
        raise UserError(f"{path}: missing or damaged; run `replay run -o` again, into a new folder") from None
    return {name: table[name].to_pylist() for name in table.column_names}


def _dataset(folder: Path) -> tuple[list[Result], Sweep | None]:
    from replay.dataset import open_dataset
    from reports.result import Sweep
    from reports.sweep import varied

    data = open_dataset(str(folder))
    stated = data.points().to_dicts()
    points = _told_apart(stated)
    runs = {point[role]: 0 for point in points for role in ("run", "bare")}
    machines: dict[str, list[dict[str, Any]]] = {}
    for point in points:
        if point["machine"] not in machines:
            machines[point["machine"]] = _records(data.machine(point["point"]), data.meta(point["run"]))
    sweep = Sweep(
        points=points,
        axes=varied(points, data.axes) or ["model"],
        spent={name: _spent_in(data, name) for name in runs},
        machines=machines,
        missing=data.missing,
    )
    whole = [_point(data, point) for point in points] if len(points) <= MOST_WHOLE and points == stated else []
    return whole, None if whole and set(data.axes) <= {"model"} else sweep


def _told_apart(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``points``, a machine with several price sets called after each of them."""
    sets = {(point["machine"], point["price_set"]) for point in points}
    several = {name for name, _ in sets if len([one for one in sets if one[0] == name]) > 1}
    return [
        point | {"machine": f"{point['machine']} at {point['price_set']}"} if point["machine"] in several else point
        for point in points
    ]


def _point(data: Dataset, point: Mapping[str, Any]) -> Result:
    from replay import api
    from replay.bill import moments_table, stretches_table
    from replay.dataset import runs_of
    from replay.document import count_table
    from replay.sched.split import of_all
    from reports.result import Result

    counted = data.counted(point["run"], runs_of(point["bare"]))
    ours, bare = counted.counts, of_all(counted.members, counted.counts, counted.bare)
    return Result(
        api.as_asked(data.document(point["point"]), point["architecture"]),
        counts=count_table(ours).to_pydict(),
        moments={name: column.tolist() for name, column in moments_table(ours).items()},
        stretches={name: column.tolist() for name, column in stretches_table({"model": ours, "native": bare}).items()},
    )


def _records(machine: Machine, meta: TraceMeta) -> list[dict[str, Any]]:
    """The machine's prices as stated, each with the cycles in its unit."""
    from replay.bill import bill
    from replay.primitives import primitives, stated

    found: list[dict[str, Any]] = bill({}, stated(machine), primitives(machine, meta), machine)["prices"]
    return found


def _spent_in(data: Dataset, name: str) -> dict[str, dict[str, float]]:
    """What the run called ``name`` spent, or the bare machines of several virtual machines together."""
    from replay.dataset import runs_of

    found: dict[str, dict[str, float]] = {}
    for run in runs_of(name):
        for mechanism, parts in spent(data.ticks(run), data.tariff(run)).items():
            known = found.setdefault(mechanism, {})
            known |= {primitive: known.get(primitive, 0) + n for primitive, n in parts.items()}
    return found


def spent(ticks: Mapping[tuple[ServiceClass, str], int], tariff: Tariff) -> dict[str, dict[str, float]]:
    """Mechanism -> primitive -> how many of it the run spent, in all but idle time."""
    from replay.model import IDLE

    found: dict[str, dict[str, float]] = defaultdict(dict)
    priced = tariff.priced
    for (klass, counter), n in ticks.items():
        if counter != IDLE and counter in priced:
            known = found[tariff.mechanism(counter)]
            for name, times in priced[counter].names(klass).items():
                known[name] = known.get(name, 0) + times * n
    return dict(found)
