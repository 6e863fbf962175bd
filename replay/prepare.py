"""Prepare: a trace becomes dense, page-numbered columns that a count kernel walks, with a side table per page.

Page ids are renumbered so that ``id >> 1`` is the page's *pair* (an R10000 TLB entry maps the even and the odd page
of a pair) and ``id & 1`` says which half it is.  Definition rows become side tables and leave the columns.  Every
number a kernel may use as an index is checked here, so that a hostile file cannot make one leave its arrays.  Rows
that enter or leave a service name a *place* (see ``replay.places``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from replay import prepared_cache
from replay.columns import Columns
from replay.errors import UserError
from replay.idle import Moments, find_moments
from replay.places import Booking, Places
from replay.renumber import Scan, Taking, renumber
from replay.trace.container import REMEDY, OpenTrace, open_trace, unfinished
from replay.trace.meta import Refill, TraceMeta
from replay.trace.schema import COLUMNS, PAGE_SHIFT, Segment

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all)."""

ROW_BYTES = sum(dtype.itemsize for dtype in COLUMNS.values())

UNMAPPED_MASKS = {"mips64": (0xFFFFFFFFFF, 0xFFFFFFFF80000000, 0x1FFFFFFF)}
"""Architecture with unmapped segments -> which address bits are the physical address in xkphys; the first address of
kseg0 and kseg1, and which bits are in these."""


class Pages(NamedTuple):
    """Facts of each prepared page id (or, where said, of each pair id); index 0 stands for no page."""

    segment: np.ndarray  # u8, a Segment
    space: np.ndarray  # u32, address space; 0 is global
    vpn: np.ndarray  # u64, virtual page number
    frame: np.ndarray  # u32, guest-physical frame + 1 in an unmapped segment, else 0
    leaf: np.ndarray  # u32: number of the 2 MB region of its space that it lies in; 0 for no page
    middle: np.ndarray  # u32: of the 1 GB region
    upper: np.ndarray  # u32: of the 512 GB region
    table: np.ndarray  # u32 by pair: pair of the linear table's page that holds this pair's entries; 0 for none
    handler: np.ndarray  # u32[2 * VMs], page ids of the refill handler's and the nested handler's code; 0 for none


class Sites(NamedTuple):
    """Static sensitive instructions by site id; index 0 stands for none."""

    klass: np.ndarray  # u8, a Sensitive
    register: np.ndarray  # u32
    pc: np.ndarray  # u64


class Region(NamedTuple):
    """Regions of the workload that are open at once: their marks from the outermost in, and how often this began."""

    marks: tuple[str, ...]
    begun: int
    vm: int = 0
    """Of several virtual machines, the one that it is in: each has a region of no marks of its own."""

    @property
    def name(self) -> str:
        """Its marks in one text; empty for none."""
        return " > ".join(self.marks)


class Prepared(NamedTuple):
    """A trace ready to be counted."""

    meta: TraceMeta
    columns: Columns
    pages: Pages
    sites: Sites
    places: Places
    moments: Moments
    digest: str
    unfinished: str = ""
    """Why the recorded guest did not finish; empty where it did."""
    synthesized: str = ""
    """The rule that stands in for events that the trace lacks, and what it says; empty where none does."""
    regions: tuple[Region, ...] = (Region((), 0),)
    """What ``places.region`` numbers: none, but where ``replay.marks`` told regions apart."""
    frames_of_vm: tuple[int, ...] = ()
    """Of several virtual machines, the frames of each; they follow each other."""
    image_of_vm: tuple[int, ...] = ()
    """The number of the guest image that each booted from."""
    network_of_vm: tuple[int, ...] = ()
    """The number of the network that each is on: packets have one id in all traces of one."""
    first_place: tuple[int, ...] = ()
    """By vCPU: the place that it is in before the first row; place 0 where nothing is said."""
    before: int = 0
    """Rows before the window that is counted: they make what is there when it begins."""
    feed: Callable[[], Iterator[int]] | None = None
    """Where rows are there for a while only, see ``replay.streamed``: makes them; yields before which one they are."""
    retired: int = 0
    """Instructions in all rows that are there for a while only; see ``retired_in``."""


STORED = {
    *(*Columns._fields, *Pages._fields),
    *(f"site_{name}" for name in Sites._fields),
    *(f"place_{name}" for name in Places._fields),
}
"""Names of the arrays that a prepared trace is stored as."""


def prepare(path: str, *, use_cache: bool = True, progress: Progress | None = None) -> Prepared:
    """Read, verify and renumber the trace at ``path``; from the user's cache when it was prepared before.

    Raises UserError for a file that is no whole, valid trace.
    """
    trace = open_trace(path)
    digest = trace.closing.digest
    stored = prepared_cache.load(digest) if use_cache else None
    if stored is None or not stored.keys() >= STORED:  # another process may be removing the entry
        rows = trace.closing.rows
        with prepared_cache.draft(digest if use_cache else "", rows * ROW_BYTES) as draft:
            columns = Columns(*(draft.column(name, COLUMNS[name], rows) for name in Columns._fields))
            stored = _prepare_arrays(decoded(trace, progress), columns, trace.meta, str(path))
            draft.save(stored)
    return assemble(stored, trace.meta, digest)._replace(unfinished=unfinished(trace.closing.summary))


def retired_in(prepared: Prepared) -> int:
    """Instructions in all rows."""
    return prepared.retired if prepared.feed else int(prepared.columns.n.sum(dtype=np.int64))


def from_rows(rows: Iterable[Sequence[int]], meta: TraceMeta) -> Prepared:
    """Prepare rows given as (kind, ctx, info, page, n), PAGE and SITE rows included.  For tests and small studies."""
    table = np.array([tuple(row) for row in rows], np.int64).reshape(-1, len(COLUMNS))
    given = frozen(Columns(*(table[:, i].astype(COLUMNS[name]) for i, name in enumerate(Columns._fields))))
    out = Columns(*(np.empty_like(column) for column in given))
    return assemble(_prepare_arrays([given], out, meta, "rows"), meta, "rows")


def decoded(trace: OpenTrace, progress: Progress | None) -> Iterator[Columns]:
    """The rows of each batch, as many in all as the closing batch says, the next batch decoded meanwhile."""
    rows, done = trace.closing.rows, 0
    for batch in _ahead(trace.batches()):
        done += batch.num_rows
        if done > rows:
            raise UserError(f"{trace.path}: holds more rows than its closing batch says; {REMEDY}")
        yield frozen(Columns(*(batch.column(name).to_numpy(zero_copy_only=False) for name in Columns._fields)))
        if progress:
            progress(done, rows)
    if done != rows:
        raise UserError(f"{trace.path}: holds fewer rows than its closing batch says; {REMEDY}")


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """``items``, the next one made on another thread while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as worker:
        pending = worker.submit(next, items, None)
        while (item := pending.result()) is not None:
            pending = worker.submit(next, items, None)
            yield item


def frozen(columns: Columns) -> Columns:
    """``columns`` read-only and of their types."""
    found = [np.ascontiguousarray(column, COLUMNS[name]) for name, column in columns._asdict().items()]
    for column in found:
        column.flags.writeable = False
    return Columns(*found)


def _prepare_arrays(batches: Iterable[Columns], out: Columns, meta: TraceMeta, name: str) -> dict[str, np.ndarray]:
    """What a prepared trace is stored as, from the rows of ``batches``; columns in ``out``, as long as these."""
    taking, booking = Taking(out, meta, name), Booking(out, meta, name)
    for rows in batches:
        booking.book(taking.take(rows))
    found, kept = taking.finish()
    booking.book(kept.kind.size)
    arrays, ids = defined(found, meta)
    renumber(kept, ids, 0, kept.kind.size)
    return arrays | stored_places(booking.finish()) | kept._asdict()


def defined(found: Scan, meta: TraceMeta) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Of what a trace defines: the arrays that are stored, and the prepared page id of each of the trace's."""
    vpn, space, ids = _pair_up(found, meta.refill)
    arrays = _side_tables(found, vpn, space, ids, meta)
    arrays |= {f"site_{k}": v for k, v in (("klass", found.site_class), ("register", found.site_register))}
    arrays["site_pc"] = found.site_pc
    return arrays, ids["page"]


def stored_places(places: Places) -> dict[str, np.ndarray]:
    """Places as the arrays that are stored."""
    return {f"place_{name}": array for name, array in places._asdict().items()}


def _window_vpn(vpn: np.ndarray, refill: Refill) -> np.ndarray:
    entry = np.uint64(refill.window) + vpn * np.uint64(refill.entry_bytes)
    return entry >> np.uint64(PAGE_SHIFT)


def _pair_up(found: Scan, refill: Refill | None) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Pair numbers for every page seen, every table page behind one, and the two handlers.

    Returns (vpn of each pair's even page, space of each pair), both indexed by pair id with 0 unused, and the
    prepared ids: "page" by trace id, "table" by pair id (pair ids), "handler".
    """
    one = np.uint64(1)
    mapped = found.segment == Segment.MAPPED
    mapped[0] = False
    keys = [np.stack([found.space[1:].astype(np.uint64), found.vpn[1:] >> one])]
    if refill:
        below = mapped & (found.space > 0) & (found.vpn < np.uint64(refill.window >> PAGE_SHIFT))
        window = _window_vpn(found.vpn, refill)
        keys.append(np.stack([found.space[below].astype(np.uint64), window[below] >> one]))
        codes = np.array([refill.pc, refill.nested_pc], np.uint64) >> np.uint64(PAGE_SHIFT)
        keys.append(np.stack([np.zeros(2, np.uint64), codes >> one]))
    unique, place = np.unique(np.concatenate(keys, axis=1), axis=1, return_inverse=True)
    pair = (place.reshape(-1) + 1).astype(np.uint32)
    count = found.vpn.size - 1
    page = np.zeros(found.vpn.size, np.uint32)
    page[1:] = pair[:count] * 2 + (found.vpn[1:] & one).astype(np.uint32)
    table = np.zeros(unique.shape[1] + 1, np.uint32)
    handler = np.zeros(2, np.uint32)
    if refill:
        table[page[below] >> 1] = pair[count:-2]
        handler[:] = pair[-2:] * 2 + (codes & one).astype(np.uint32)
    zero = np.zeros(1, np.uint64)
    vpn, space = np.concatenate([zero, unique[1] << one]), np.concatenate([zero, unique[0]])
    return vpn, space.astype(np.uint32), {"page": page, "table": table, "handler": handler}


def _side_tables(
    found: Scan, pair_vpn: np.ndarray, pair_space: np.ndarray, ids: dict[str, np.ndarray], meta: TraceMeta
) -> dict[str, np.ndarray]:
    vpn = np.repeat(pair_vpn, 2)
    vpn[1::2] |= np.uint64(1)
    vpn[:2] = 0
    segment = np.zeros(vpn.size, np.uint8)
    segment[ids["page"][1:]] = found.segment[1:]
    segment[ids["handler"]] = np.where(segment[ids["handler"]] == 0, Segment.UNMAPPED, segment[ids["handler"]])
    segment[0] = Segment.MAPPED
    _fill_buddies(segment)
    frame = np.zeros(vpn.size, np.uint32)
    if meta.architecture in UNMAPPED_MASKS:
        fixed = segment != Segment.MAPPED
        wide, compatible, narrow = (np.uint64(bits >> PAGE_SHIFT) for bits in UNMAPPED_MASKS[meta.architecture])
        masks = np.where(vpn[fixed] < compatible, wide, narrow)
        frame[fixed] = (vpn[fixed] & masks).astype(np.uint32) + 1
    space = np.repeat(pair_space, 2)
    return {
        "segment": segment,
        "space": space,
        "vpn": vpn,
        "frame": frame,
        "leaf": regions_of(space, vpn, 1),
        "middle": regions_of(space, vpn, 2),
        "upper": regions_of(space, vpn, 3),
        "table": ids["table"],
        "handler": ids["handler"],
    }


def regions_of(space: np.ndarray, vpn: np.ndarray, levels: int) -> np.ndarray:
    """By page id: number of the region of 512 ** levels pages that it lies in; pages of one have neighbouring ids.

    ``space`` is by page id too, any number that is the same for pages of one address space alone.
    """
    number = vpn >> np.uint64(9 * levels)
    starts = np.ones(vpn.size, np.uint32)
    starts[3:] = (number[3:] != number[2:-1]) | (space[3:] != space[2:-1])
    starts[:2] = 0  # page 0 is none, and page 1 the other half of its pair
    return np.cumsum(starts, dtype=np.uint32)


def _fill_buddies(segment: np.ndarray) -> None:
    """A page that no row touched lies in the segment of the other half of its pair."""
    even, odd = segment[0::2], segment[1::2]
    np.maximum(even, odd, out=even, where=even == Segment.MAPPED)
    np.maximum(even, odd, out=odd, where=odd == Segment.MAPPED)


def assemble(arrays: dict[str, np.ndarray], meta: TraceMeta, digest: str, moments: Moments | None = None) -> Prepared:
    """The prepared trace of which ``arrays`` are stored; ``moments``, unless given, are found in its rows."""
    shown: dict[str, Any] = {}
    for name, array in arrays.items():
        view = np.ascontiguousarray(array).view(np.ndarray)
        view.flags.writeable = False
        shown[name] = view
    columns = Columns(**{name: shown[name] for name in Columns._fields})
    return Prepared(
        meta,
        columns,
        Pages(**{name: shown[name] for name in Pages._fields}),
        Sites(**{name: shown[f"site_{name}"] for name in Sites._fields}),
        Places(**{name: shown[f"place_{name}"] for name in Places._fields}),
        find_moments(columns) if moments is None else moments,
        digest,
    )
