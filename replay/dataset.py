"""The dataset of a sweep: runs, what they cost at points, the machines, and the grids that were asked for.

    dataset.json                  what this folder is
    runs/<run>/                   one count: a trace under a model at one setting of its parameters (``replay.stored``)
    machines/<machine>.json       a machine with its prices, as it was
    points/<part>.parquet         a line for each point: a run beside its bare machine's, on a machine, at given prices
    rows/<part>.parquet           a line for each point, side, mechanism and counter
    vms/<part>.parquet            a line for each point and VM, of points where VMs run together
    grids/<grid>.json             what was asked for, and the points of it

Names of runs, machines and points are digests of all that they follow from: what has a name is never computed again,
and two processes that write the same name write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from replay import stored, tariff
from replay.errors import UserError
from replay.machine import Machine
from replay.records import Parameter, Record
from replay.store import Store, open_store
from replay.tariff import Tariff

if TYPE_CHECKING:
    import polars as pl

    from replay.count import Counts
    from replay.sched.charge import Counted
    from replay.sched.consolidate import Member
    from replay.trace.meta import TraceMeta
    from replay.trace.schema import ServiceClass

FORMAT, VERSION = "vmreplay dataset", 1
MARKER = "dataset.json"
AGAIN = "run the sweep again, which makes what is missing"

PRICE, SET = "price.", "set."
"""What the names of columns for prices and parameters start with."""

BETWEEN = "+"
"""Between the runs of several bare machines."""


def digest(document: Any) -> str:
    """The content address of a JSON document: 32 hex digits."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


def name_of(runs: Iterable[str]) -> str:
    """Runs as one text, as points name their bare machines': one of each VM."""
    return BETWEEN.join(runs)


def runs_of(name: str) -> list[str]:
    """The runs that ``name_of`` made ``name`` of."""
    return name.split(BETWEEN)


def is_dataset(folder: str) -> bool:
    """Whether ``folder`` holds a dataset, of whatever version."""
    return open_store(folder).read(MARKER) is not None


def open_dataset(folder: str) -> Dataset:
    """The dataset in ``folder``.  Raises UserError if there is none that this version reads."""
    store = open_store(folder)
    _check(store, store.read(MARKER))
    return Dataset(store)


def make_dataset(folder: str) -> Dataset:
    """The dataset in ``folder``, made if there is nothing yet.  Raises UserError for a folder of other things."""
    store = open_store(folder)
    marker = store.read(MARKER)
    if marker is None:
        if store.names(""):
            raise UserError(f"{folder}: holds other files than a sweep's; choose another folder")
        store.write(MARKER, json.dumps({"format": FORMAT, "version": VERSION}).encode() + b"\n")
    else:
        _check(store, marker)
    return Dataset(store)


def _check(store: Store, marker: bytes | None) -> None:
    if marker is None:
        raise UserError(f"{store.where}: holds no results of a sweep; give a folder that `replay sweep -o` wrote")
    try:
        found = json.loads(marker)
        version = found["version"] if found["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError):
        version = None
    if version != VERSION:
        raise UserError(f"{store.where}: results of another version; sweep into a new folder")


class Dataset:
    """Results in a folder, read and added to."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._manifest = cache(self._read_manifest)
        self._known: dict[str, dict[str, Any]] = {}  # points by digest: what has a digest never changes

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def grids(self) -> list[dict[str, Any]]:
        """What was asked for, as the grids' documents: name, stated, axes, points, runs."""
        return [self._json(f"grids/{name}") for name in self.store.names("grids")]

    @property
    def axes(self) -> list[str]:
        """Columns of ``points`` that vary over the grids, in the order they were stated."""
        return list(dict.fromkeys(axis for grid in self.grids for axis in grid["axes"]))

    @property
    def left_out(self) -> list[dict[str, Any]]:
        """What the grids ask for and cannot be: {model, reason}, {points, reason} or all three."""
        return [one for grid in self.grids for one in grid["left_out"]]

    @property
    def missing(self) -> int:
        """Points that were asked for and are not there yet."""
        return len(self._asked() - self.finished())

    def finished(self) -> set[str]:
        """Digests of the points that are there."""
        found = self._tables("points", ["point"])
        return set() if found is None else set(found["point"].to_list())

    def points(self) -> pl.DataFrame:
        """One row for each point that is there and belongs to a grid, in the order of the grids."""
        import polars as pl

        asked = list(dict.fromkeys(point for grid in self.grids for point in grid["points"]))
        found = self._tables("points")
        if found is None:
            raise UserError(f"{self.store.where}: holds no finished points yet; {AGAIN}")
        order = pl.DataFrame(
            {"point": asked, "order": range(len(asked))}, schema={"point": pl.String, "order": pl.Int64}
        )
        here = found.unique("point").join(order, on="point", how="inner").sort("order").drop("order")
        return here.select(_in_order(here))

    def rows(self) -> pl.DataFrame:
        """What each point's cycles are made of: point, side, mechanism, counter, count, cycles, low, high."""
        points, found = self.points().select("point"), self._tables("rows")
        if found is None:
            raise UserError(f"{self.store.where}: lacks the rows of its points; {AGAIN}")
        return found.unique().join(points, on="point", how="semi").sort("point", "side", "mechanism", "counter")

    def vms(self) -> pl.DataFrame:
        """What each of several VMs costs, beside a bare machine of its own: a row for each point and VM.

        Points of one trace have none.
        """
        import polars as pl

        points, found = self.points().select("point"), self._tables("vms")
        if found is None:
            return pl.DataFrame(schema={"point": pl.String, "vm": pl.Int64})
        return found.unique(("point", "vm")).join(points, on="point", how="semi").sort("point", "vm")

    def meta(self, run: str) -> TraceMeta:
        """What the trace of ``run`` says of itself, its kernel's symbols left out.  Raises UserError."""
        try:
            return stored.meta_of(self.manifest(run))
        except stored.DAMAGED as error:
            raise self._damaged(f"runs/{run}", error) from None

    def manifest(self, run: str) -> dict[str, Any]:
        """What the run called ``run`` is.  Raises UserError."""
        return self._manifest(run)

    def counts(self, run: str) -> Counts:
        """All that was counted in ``run``.  Raises UserError."""
        manifest = self.manifest(run)
        read = {name: self.store.read(f"runs/{run}/{name}") for name in manifest.get("files", ())}
        try:
            return stored.counts_of(manifest, {name: data for name, data in read.items() if data is not None})
        except stored.DAMAGED as error:
            raise self._damaged(f"runs/{run}", error) from None

    def ticks(self, run: str) -> dict[tuple[ServiceClass, str], int]:
        """What was counted in ``run`` by class of services and counter, without the rest.  Raises UserError."""
        try:
            return stored.ticks_of(self.manifest(run), self.store.read(f"runs/{run}/{stored.COUNTS}") or b"")
        except stored.DAMAGED as error:
            raise self._damaged(f"runs/{run}", error) from None

    def tariff(self, run: str) -> Tariff:
        """What stands in for the model of ``run`` when it is priced."""
        try:
            return tariff.of_document(self.manifest(run)["tariff"])
        except stored.DAMAGED as error:
            raise self._damaged(f"runs/{run}", error) from None

    def point(self, point: str) -> dict[str, Any]:
        """The row of one point.  Raises UserError."""
        if point not in self._known:
            self._known = {row["point"]: row for row in self.points().to_dicts()}
        if point not in self._known:
            raise UserError(f"{self.store.where}: holds no point {point}; see its table of points")
        return self._known[point]

    def machine(self, point: str) -> Machine:
        """The machine that ``point`` was priced on."""
        name = self.point(point)["machine_digest"]
        document = self._json(f"machines/{name}.json")
        try:
            tables = {
                table: {record["name"]: Record(**record) for record in document[table]}
                for table in ("parameters", "prices")
            }
            return Machine(
                document["name"], document["summary"], tables["parameters"], document["price_set"], tables["prices"]
            )
        except stored.DAMAGED as error:
            raise self._damaged(f"machines/{name}.json", error) from None

    def document(self, point: str) -> dict[str, Any]:
        """The result document that ``replay run --json`` prints at ``point``, priced anew from its counts."""
        from replay.sched.charge import price_together

        row = self.point(point)
        prices = {name.removeprefix(PRICE): v for name, v in row.items() if name.startswith(PRICE) and v is not None}
        run, bare = row["run"], runs_of(row["bare"])
        return price_together(
            self.counted(run, bare), self.tariff(run), self.tariff(bare[0]), self.machine(point), prices
        )

    def counted(self, run: str, bare: Sequence[str]) -> Counted:
        """The counts of ``run``, of each VM in it, and of each on its bare machine.  Raises UserError."""
        from replay.sched.charge import counted_of

        return counted_of(self.members(run), self.counts(run), [self.counts(one) for one in bare if one != run])

    def members(self, run: str) -> tuple[Member, ...]:
        """The VMs that ``run`` is of, none if it is of one trace.  Raises UserError."""
        try:
            return stored.members_of(self.manifest(run))
        except stored.DAMAGED as error:
            raise self._damaged(f"runs/{run}", error) from None

    # -- adding -------------------------------------------------------------------------------------------------------

    def has_run(self, run: str) -> bool:
        """Whether ``run`` is there, whole."""
        try:
            sizes = self.manifest(run)["files"]
        except (UserError, KeyError):
            return False
        return set(sizes) <= set(self.store.names(f"runs/{run}"))

    def add_run(
        self,
        run: str,
        counts: Counts,
        rates: Tariff,
        parameters: tuple[Parameter, ...],
        members: Sequence[Member] = (),
    ) -> None:
        """Keep what was counted in ``run``, of ``members`` together; the manifest comes last and makes it whole."""
        for name, data in stored.files(run, counts, rates, parameters, members).items():
            self.store.write(f"runs/{run}/{name}", data)

    def add_machine(self, machine: Machine) -> str:
        """Keep ``machine``; its digest."""
        document = machine_document(machine)
        name = digest(document)
        if self.store.read(f"machines/{name}.json") is None:
            self.store.write(f"machines/{name}.json", json.dumps(document, indent=1).encode() + b"\n")
        return name

    def add_points(self, points: pl.DataFrame, rows: pl.DataFrame, vms: pl.DataFrame | None = None) -> None:
        """Keep finished points, their rows and what each of several VMs costs; the points come last."""
        part = digest(points["point"].to_list())
        for folder, frame in (("vms", vms), ("rows", rows), ("points", points)):
            if frame is None:
                continue
            sink = BytesIO()
            frame.write_parquet(sink, compression="zstd")
            self.store.write(f"{folder}/{part}.parquet", sink.getvalue())

    def add_grid(self, document: Mapping[str, Any]) -> None:
        """Keep what is asked for, under a name that depends on the asking alone."""
        self.store.write(f"grids/{digest(document['stated'])}.json", json.dumps(dict(document)).encode() + b"\n")

    # -- files --------------------------------------------------------------------------------------------------------

    def _asked(self) -> set[str]:
        return {point for grid in self.grids for point in grid["points"]}

    def _tables(self, folder: str, columns: list[str] | None = None) -> pl.DataFrame | None:
        """The tables in ``folder`` as one, columns that some lack empty there; None if there are none."""
        import polars as pl

        frames = []
        for name in self.store.names(folder):
            data = self.store.read(f"{folder}/{name}")
            try:
                frames.append(pl.read_parquet(BytesIO(data or b""), columns=columns))
            except (OSError, pl.exceptions.PolarsError) as error:
                raise self._damaged(f"{folder}/{name}", error) from None
        return pl.concat(frames, how="diagonal_relaxed") if frames else None

    def _read_manifest(self, run: str) -> dict[str, Any]:
        manifest = self._json(f"runs/{run}/{stored.MANIFEST}")
        if manifest.get("version") != stored.RUN_VERSION:
            raise UserError(f"{self.store.where}/runs/{run}: of another version; sweep into a new folder")
        return manifest

    def _json(self, name: str) -> dict[str, Any]:
        data = self.store.read(name)
        if data is None:
            raise UserError(f"{self.store.where}/{name}: is missing; {AGAIN}")
        try:
            found: dict[str, Any] = dict(json.loads(data))
        except (ValueError, TypeError) as error:
            raise self._damaged(name, error) from None
        return found

    def _damaged(self, name: str, error: Exception) -> UserError:
        what = " ".join(str(error).split())[:100]
        return UserError(f"{self.store.where}/{name}: is damaged ({what}); delete it and {AGAIN}")


def _in_order(points: pl.DataFrame) -> list[str]:
    """Columns of ``points``: what it is, parameters, prices and results; those that no point states are left out."""
    stated = [name for name in points.columns if name.startswith((SET, PRICE))]
    others = [name for name in points.columns if name not in stated]
    first = others.index("fidelity") + 1
    kept = sorted(
        (name for name in stated if points[name].null_count() < points.height),
        key=lambda name: (name.startswith(PRICE), name),
    )
    return [*others[:first], *kept, *others[first:]]


def machine_document(machine: Machine) -> dict[str, Any]:
    """``machine`` as JSON holds it."""
    return {
        "name": machine.name,
        "summary": machine.summary,
        "clock_hz": machine.clock_hz,
        "price_set": machine.price_set,
        "parameters": [asdict(record) for record in machine.parameters.values()],
        "prices": [asdict(record) for record in machine.prices.values()],
    }
