"""Results: one run's document and its files, a manifest and three tables."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from replay.bill import moments_table, stretches_table
from replay.errors import UserError

if TYPE_CHECKING:
    from replay.count import Counts
    from replay.machine import Machine
    from replay.model import Model
    from replay.prepare import Prepared, Progress

RESULT_VERSION = 5
MANIFEST, COUNTS = "manifest.json", "counts.parquet"
MOMENTS, STRETCHES = "moments.parquet", "stretches.parquet"
TABLES = {"rows": "prices.parquet", "native_rows": "native.parquet"}
"""Part of the document that is stored as a table -> its file."""

TABLE_FILES = {"counts": COUNTS, "moments": MOMENTS, "stretches": STRETCHES}
"""Table beside the document -> its file."""

FILES = (MANIFEST, *TABLE_FILES.values(), *TABLES.values())


class Outcome(NamedTuple):
    """One run: its document, and what was counted under the model and on bare hardware."""

    document: dict[str, Any]
    counts: Counts
    bare: Counts


def run(
    prepared: Prepared,
    model: Model,
    native: Model,
    machine: Machine,
    settings: Mapping[str, Any] | None = None,
    prices: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    interval: int = 0,
) -> tuple[dict[str, Any], Counts]:
    """The document and the model's counts of ``outcome``."""
    return outcome(prepared, model, native, machine, settings, prices, progress, interval)[:2]


def outcome(
    prepared: Prepared,
    model: Model,
    native: Model,
    machine: Machine,
    settings: Mapping[str, Any] | None = None,
    prices: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    interval: int = 0,
) -> Outcome:
    """Count and price ``prepared`` under ``model``, beside ``native`` with the parameters that both take.

    ``settings``, ``prices`` and ``interval`` are what the user states.
    """
    from replay.count import count
    from replay.entrants import taken
    from replay.memory.parameters import on_machine
    from replay.price import price

    settings = settings or {}
    model, native = on_machine(model, machine, settings), on_machine(native, machine, settings)
    counts = count(prepared, model, machine, settings, progress, interval)
    bare = counts
    if native.name != model.name:
        bare = count(prepared, native, machine, taken(settings, native), progress)
    return Outcome(price(counts, model, machine, prices, (bare, native)) | counts.footprint, counts, bare)


def save(folder: str, outcome: Outcome) -> None:
    """Write the run's files into the new folder ``folder``: aside first, then renamed.  Raises UserError."""
    target = Path(folder)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and any(target.iterdir()):
            raise UserError(f"{folder}: exists and is not empty; choose another folder")
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; choose a folder that can be written") from None
    try:
        _write(aside, outcome)
        aside.chmod(0o755)
        aside.replace(target)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; free some space or choose another folder") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: Path, outcome: Outcome) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    document, counts, bare = outcome
    manifest = {"version": RESULT_VERSION, **{k: v for k, v in document.items() if k not in TABLES}}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
    pq.write_table(count_table(counts), folder / COUNTS)
    pq.write_table(pa.table(moments_table(counts)), folder / MOMENTS)
    pq.write_table(pa.table(stretches_table({"model": counts, "native": bare})), folder / STRETCHES)
    for part, file in TABLES.items():
        pq.write_table(pa.Table.from_pylist(list(document[part])), folder / file)


def count_table(counts: Counts) -> Any:
    """The counts that are not 0, an Arrow table: run, vm, vcpu, interval, region, service, work, class, counter, n."""
    import numpy as np
    import pyarrow as pa

    def words(names: Sequence[str], index: np.ndarray) -> Any:
        return pa.DictionaryArray.from_arrays(index.astype(np.int32), pa.array(names, pa.string())).cast(pa.string())

    sizes = [part.at.size for part in counts.intervals]
    vcpu, place, counter = np.unravel_index(np.concatenate([part.at for part in counts.intervals]), counts.n.shape)
    return pa.table(
        {
            "run": words([counts.digest], np.zeros_like(vcpu)),
            "vm": np.array([counts.regions[p.region].vm for p in counts.places])[place],
            "vcpu": vcpu,
            "interval": np.repeat(np.arange(len(sizes)), sizes),
            "region": words([counts.regions[p.region].name for p in counts.places], place),
            "service": words([p.service for p in counts.places], place),
            "work": words([p.work for p in counts.places], place),
            "class": words([p.klass.name.lower() for p in counts.places], place),
            "counter": words(counts.counters, counter),
            "n": np.concatenate([part.n for part in counts.intervals]),
        }
    )


def load(folder: str) -> dict[str, Any]:
    """The result document saved in ``folder``.  Raises UserError."""
    import pyarrow.parquet as pq

    try:
        document: dict[str, Any] = json.loads((Path(folder) / MANIFEST).read_text("utf-8"))
        for part, file in TABLES.items():
            document[part] = pq.read_table(Path(folder) / file).to_pylist()
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; give a folder that `replay run -o` wrote") from None
    except ValueError as error:
        raise UserError(f"{folder}: {error}; give a folder that `replay run -o` wrote") from None
    if document.pop("version", None) != RESULT_VERSION:
        raise UserError(f"{folder}: results of another version; run `replay run` again")
    return document
