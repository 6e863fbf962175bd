"""Counts as files: a manifest, and tables of what is not 0.  What is read is what was written."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from replay import sources, tariff
from replay.records import Parameter
from replay.tariff import Tariff
from replay.trace import meta as trace_meta
from replay.trace.meta import TraceMeta
from replay.trace.schema import ServiceClass

if TYPE_CHECKING:
    from replay.count import Counts
    from replay.memory.contention import Requests
    from replay.pieces import Interval
    from replay.sched.consolidate import Member

RUN_VERSION = 3
COUNTS, MOMENTS, TICKS = "counts.parquet", "moments.parquet", "ticks.parquet"
REQUESTS = "requests.parquet"
"""Only where requests wait for the nodes of the machine's memory."""

MANIFEST = "manifest.json"
"""Written last: a run that has it is whole."""

REQUEST_COLUMNS = ("window", "cpu", "node")
MOMENT_COLUMNS = ("row", "kind", "vcpu", "units", "completion", "timed", "clock")

MEMBER_FIELDS = ("digest", "recorded", "reason", "unfinished", "synthesized")
"""What a manifest says of each of several VMs, besides its CPUs and metadata."""

KEPT = 16
"""Descriptions of traces and models that are not made anew for each run."""

DAMAGED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError)
"""What reading a damaged file may raise."""


def files(
    run: str, counts: Counts, rates: Tariff, parameters: tuple[Parameter, ...], members: Sequence[Member] = ()
) -> dict[str, bytes]:
    """The files of the run called ``run`` by name, the manifest last; ``members`` are VMs counted together."""
    tables = {COUNTS: _count_table(counts), MOMENTS: _moment_table(counts), TICKS: _tick_table(counts)}
    if counts.requests.n.size:
        tables[REQUESTS] = _request_table(counts)
    found = {name: _parquet(columns) for name, columns in tables.items()}
    manifest = _manifest(run, counts, rates, parameters)
    manifest |= {"vms": [_member(one) for one in members], "files": {name: len(data) for name, data in found.items()}}
    return found | {MANIFEST: json.dumps(manifest, sort_keys=True).encode() + b"\n"}


@cache
def versions() -> dict[str, str]:
    """What made the counts: of each process the same."""
    return {
        **{package: _version(package) for package in ("vmreplay", "numpy", "numba")},
        "python": platform.python_version(),
        "sources": sources.digest("replay.count"),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _manifest(run: str, counts: Counts, rates: Tariff, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    meta, told = counts.meta, _told(counts.meta)
    return {
        "version": RUN_VERSION,
        "run": run,
        "trace": {
            "digest": counts.digest,
            "workload": meta.workload,
            "arguments": list(meta.arguments),
            "architecture": meta.architecture,
            "vcpus": meta.vcpus,
            "unfinished": counts.unfinished,
            "synthesized": counts.synthesized,
        },
        "meta": told,
        "model": counts.model,
        "settings": dict(counts.settings),
        "parameters": _parameters(parameters),
        "interval": counts.interval,
        "intervals": len(counts.intervals),
        "classes": [klass.name for klass in counts.classes],
        "places": [
            {"service": p.service, "work": p.work, "region": p.region, "class": p.klass.name} for p in counts.places
        ],
        "regions": [{"marks": list(r.marks), "begun": r.begun, "vm": r.vm} for r in counts.regions],
        "footprints": [list(rows) for rows in counts.footprints],
        "idle": {"recorded": counts.timeline.moments.recorded, "reason": counts.timeline.moments.reason},
        "requests": {
            "shape": list(counts.requests.n.shape),
            "node": counts.requests.node.tolist(),
            "window": counts.requests.window,
        },
        "tariff": tariff.to_document(rates),
        "versions": versions(),
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        **{name: getattr(member, name) for name in MEMBER_FIELDS},
        "cpus": [member.cpus.start, member.cpus.stop],
        "meta": _told(member.meta),
    }


def members_of(manifest: Mapping[str, Any]) -> tuple[Member, ...]:
    """The VMs that a run is of, none if it is of one trace; one of DAMAGED if the manifest does not say."""
    from replay.sched.consolidate import Member

    return tuple(
        Member(range(*vm["cpus"]), meta_of(vm), **{name: vm[name] for name in MEMBER_FIELDS}) for vm in manifest["vms"]
    )


_recent: deque[tuple[TraceMeta, dict[str, Any]]] = deque(maxlen=KEPT)


def _told(meta: TraceMeta) -> dict[str, Any]:
    for known, told in tuple(_recent):
        if known is meta:
            return told
    found: dict[str, Any] = json.loads(replace(meta, symbols=()).to_json())
    _recent.append((meta, found))
    return found


@lru_cache(KEPT)
def _parameters(parameters: tuple[Parameter, ...]) -> list[dict[str, Any]]:
    return [asdict(parameter) for parameter in parameters]


def _count_table(counts: Counts) -> dict[str, np.ndarray]:
    sizes = [part.at.size for part in counts.intervals]
    vcpu, place, counter = np.unravel_index(np.concatenate([part.at for part in counts.intervals]), counts.n.shape)
    return {
        "vm": np.array([counts.regions[p.region].vm for p in counts.places], np.int32)[place],
        "vcpu": vcpu.astype(np.int32),
        "interval": np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        "place": place.astype(np.int32),
        "counter": counter.astype(np.int32),
        "n": np.concatenate([part.n for part in counts.intervals]),
    }


def _moment_table(counts: Counts) -> dict[str, np.ndarray]:
    return {name: getattr(counts.timeline.moments, name) for name in MOMENT_COLUMNS}


def _tick_table(counts: Counts) -> dict[str, np.ndarray]:
    ticks = counts.timeline.ticks
    at = np.flatnonzero(ticks)
    index = dict(zip(("moment", "class", "counter"), np.unravel_index(at, ticks.shape), strict=True))
    return {name: of.astype(np.int32) for name, of in index.items()} | {"n": ticks.reshape(-1)[at]}


def _request_table(counts: Counts) -> dict[str, np.ndarray]:
    n = counts.requests.n
    at = np.nonzero(n)
    return {name: of.astype(np.int32) for name, of in zip(REQUEST_COLUMNS, at, strict=True)} | {"n": n[at]}


def _requests(manifest: Mapping[str, Any], read: Mapping[str, bytes]) -> Requests:
    from replay.memory.contention import Requests

    about = manifest["requests"]
    n = np.zeros(about["shape"], np.int64)
    if n.size:
        cells = _columns(read[REQUESTS])
        n[tuple(cells[name] for name in REQUEST_COLUMNS)] = cells["n"]
    return Requests(n, np.array(about["node"], np.uint8), about["window"])


def _parquet(columns: Mapping[str, np.ndarray]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()  # which takes no turns with other threads, as a file of Python's would
    pq.write_table(pa.table(dict(columns)), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _columns(data: bytes) -> dict[str, np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(BytesIO(data))
    return {name: table.column(name).to_numpy() for name in table.column_names}


def meta_of(manifest: Mapping[str, Any]) -> trace_meta.TraceMeta:
    """What the trace of a run, or of a VM, says of itself, but for its symbols; one of DAMAGED if that is not there."""
    return trace_meta.parse(json.dumps(manifest["meta"]).encode(), "manifest")


def ticks_of(manifest: Mapping[str, Any], data: bytes) -> dict[tuple[ServiceClass, str], int]:
    """What the count table ``data`` of a run holds, by class of services and counter; one of DAMAGED if it does not."""
    cells = _columns(data)
    classes = np.array([ServiceClass[place["class"]] for place in manifest["places"]])[cells["place"]]
    counters = manifest["tariff"]["counters"]
    found: dict[tuple[ServiceClass, str], int] = {}
    for klass, counter, n in zip(classes.tolist(), cells["counter"].tolist(), cells["n"].tolist(), strict=True):
        key = ServiceClass(klass), counters[counter]
        found[key] = found.get(key, 0) + n
    return found


def counts_of(manifest: Mapping[str, Any], read: Mapping[str, bytes]) -> Counts:
    """The counts that ``files`` wrote, from the manifest and the tables' bytes; one of DAMAGED if they are not."""
    from replay.count import Counts
    from replay.idle import Moments, Timeline
    from replay.places import Place
    from replay.prepare import Region

    meta = meta_of(manifest)
    places = tuple(Place(p["service"], p["work"], ServiceClass[p["class"]], p["region"]) for p in manifest["places"])
    counters = tuple(manifest["tariff"]["counters"])
    classes = tuple(ServiceClass[name] for name in manifest["classes"])
    shape = (meta.vcpus, len(places), len(counters))
    intervals = _intervals(_columns(read[COUNTS]), shape, manifest["intervals"])
    n = np.zeros(shape, np.int64)
    for part in intervals:
        np.add.at(n.reshape(-1), part.at, part.n)
    moments = Moments(
        **_columns(read[MOMENTS]), recorded=manifest["idle"]["recorded"], reason=manifest["idle"]["reason"]
    )
    ticks = np.zeros((moments.row.size, len(classes), len(counters)), np.int64)
    cells = _columns(read[TICKS])
    ticks[cells["moment"], cells["class"], cells["counter"]] = cells["n"]
    return Counts(
        n=n,
        model=manifest["model"],
        counters=counters,
        places=places,
        settings=manifest["settings"],
        meta=meta,
        digest=manifest["trace"]["digest"],
        interval=manifest["interval"],
        intervals=intervals,
        regions=tuple(Region(tuple(r["marks"]), r["begun"], r["vm"]) for r in manifest["regions"]),
        footprints=tuple(manifest["footprints"]),
        classes=classes,
        timeline=Timeline(moments, ticks),
        requests=_requests(manifest, read),
        unfinished=manifest["trace"]["unfinished"],
        synthesized=manifest["trace"]["synthesized"],
    )


def _intervals(cells: Mapping[str, np.ndarray], shape: tuple[int, ...], number: int) -> tuple[Interval, ...]:
    from replay.pieces import Interval

    at = np.ravel_multi_index((cells["vcpu"], cells["place"], cells["counter"]), shape)
    ends = np.searchsorted(cells["interval"], np.arange(number + 1))
    pieces = zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    return tuple(Interval(at[a:b], cells["n"][a:b]) for a, b in pieces)
