"""Count: charge a prepared trace to a model.  Integers only; what they cost is ``replay.price``'s business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replay.columns import Inserted, rows_of
from replay.errors import UserError, unknown
from replay.idle import Timeline
from replay.kernel import KEPT, PAYLOADS, REPLACED, REPLACED_REFILL, Engine, count_rows
from replay.machine import Machine
from replay.mapped import CHUNK_ROWS, chunks, scratch
from replay.memory.contention import NO_REQUESTS, Requests
from replay.memory.make import forget_requests, make_memory, requests
from replay.memory.parameters import on_machine
from replay.model import NO_REACTION, Model
from replay.pieces import STEP_ROWS, Interval, count_steps, interval_ends, interval_of
from replay.places import Place, named
from replay.prepare import Prepared, Progress, Region
from replay.records import Parameter
from replay.trace.meta import TraceMeta
from replay.trace.schema import Cause, Kind, Sensitive, ServiceClass
from replay.watch import NEVER, forget, make_watch, ticks_of

Settings = dict[str, int | str]

SOFTWARE_REFILLED = ("mips64",)
"""Architectures whose kernels refill the TLB, so that a trace holds refills of the recording machine's."""

SUPPLIED = ("translation", "crossing", "privilege", "device")
"""Groups of rows that a rule can stand in for, see ``replay.synthesize``."""

GROUP_EVENTS = {
    "access": "fetches, loads and stores",
    "translation": "page-table stores, base switches, invalidations",
    "privilege": "privileged and sensitive instructions",
    "crossing": "exceptions, returns, services",
    "thread": "thread switches",
    "device": "requests, interrupts, ports, waiting",
    "content": "pages zeroed, filled, freed",
    "mark": "regions that the workload marks",
}
"""Group of rows -> what a model misses without it."""


@dataclass(frozen=True)
class Counts:
    """Integer counts ``n[vcpu, place, counter]`` of one trace under one model, and what they were made with."""

    n: np.ndarray
    model: str
    counters: tuple[str, ...]
    places: tuple[Place, ...]
    settings: Settings
    meta: TraceMeta
    digest: str
    interval: int
    """Retired instructions in an interval; 0: the whole run is one."""
    intervals: tuple[Interval, ...]
    """What was counted in each, in order; they add up to ``n``."""
    regions: tuple[Region, ...]
    """What the places' regions number."""
    classes: tuple[ServiceClass, ...]
    """Those that the places belong to, in the order of the timeline's."""
    timeline: Timeline
    footprints: tuple[list[dict[str, Any]], ...] = ()
    """Pages by VM and class at the end of each interval, see ``replay.memory.footprint``; none where nobody looked."""
    requests: Requests = NO_REQUESTS
    """What CPUs asked of the nodes of the machine's memory, where they wait for it."""
    unfinished: str = ""
    """Why the recorded guest did not finish; empty where it did."""
    synthesized: str = ""
    """The rule that stands in for events that the trace lacks; empty where none does."""

    @property
    def footprint(self) -> dict[str, Any]:
        """What a document says of ``footprints``: rows by interval, VM and class; nothing where nobody looked."""
        rows = [{"interval": at} | row for at, rows in enumerate(self.footprints) for row in rows]
        return {"footprint": rows} if rows else {}

    def total(self, counter: str) -> int:
        """``counter`` summed over vCPUs and places."""
        return int(self.n[:, :, self.counters.index(counter)].sum())

    def by_place(self) -> np.ndarray:
        """Counts summed over vCPUs: int64 [place, counter]."""
        total: np.ndarray = self.n.sum(axis=0)
        return total

    def by_stretch(self) -> np.ndarray:
        """Counts between device rows, and last those after them all: int64 [device rows + 1, class, counter]."""
        before = self.timeline.ticks
        whole = np.zeros(before.shape[1:], np.int64)
        for place, ticks in zip(self.places, self.by_place(), strict=True):
            whole[self.classes.index(place.klass)] += ticks
        found = scratch(before.dtype, before.size + whole.size).reshape(-1, *whole.shape)
        found[:-1], found[-1] = before, whole - before.sum(axis=0)
        return found

    def invocations(self) -> dict[str, int]:
        """Service -> times that it was entered; entries of work within it are not among them."""
        entered = self.by_place()[:, self.counters.index("invocations")].tolist()
        found = dict.fromkeys((place.service for place in self.places), 0)
        for place, n in zip(self.places, entered, strict=True):
            found[place.service] += 0 if place.work else n
        return found


def count(
    prepared: Prepared,
    model: Model,
    machine: Machine,
    given: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    interval: int = 0,
) -> Counts:
    """Charge ``prepared`` to ``model`` on ``machine``; ``given`` are the parameters that the user sets.

    ``interval`` is the number of retired instructions to count apart, 0 for the whole run.  Raises UserError for a
    trace the model cannot be charged with, a parameter it does not take, and an interval that makes too many.
    """
    (found,) = count_each(prepared, [(model, machine, given or {})], progress, interval)
    return found


def count_each(
    prepared: Prepared,
    asked: Sequence[tuple[Model, Machine, Mapping[str, Any]]],
    progress: Progress | None = None,
    interval: int = 0,
) -> list[Counts]:
    """The same for each of several models, machines and parameters, side by side.  Raises UserError.

    ``interval`` is 0 where rows are there for a while only.
    """
    ends, each = np.array([prepared.columns.kind.size]), list[Generator[int, None, Counts]]()
    step = CHUNK_ROWS if prepared.feed else STEP_ROWS
    for bare, machine, given in asked:
        model = on_machine(bare, machine, given)
        refuse_unfit(model, prepared.meta)
        settings = settle(model, machine, prepared.meta, given)
        if interval and not each:
            ends = interval_ends(prepared.columns, interval)
        each.append(counting(prepared, model, settings, ends, interval, progress, model.state, step))
    return together(prepared, each)


def together(prepared: Prepared, each: Sequence[Generator[int, None, Counts]]) -> list[Counts]:
    """What ``each`` counts, side by side as the rows of ``prepared`` come to be there."""
    counted, found = dict.fromkeys(range(len(each)), -1), dict[int, Counts]()
    for there in prepared.feed() if prepared.feed else (prepared.columns.kind.size,):
        for at, one in enumerate(each):
            try:
                while at not in found and (counted[at] + CHUNK_ROWS <= there or there == prepared.columns.kind.size):
                    counted[at] = next(one)
            except StopIteration as ended:
                found[at] = ended.value
    return [found[at] for at in range(len(each))]


def counting(
    prepared: Prepared,
    model: Model,
    settings: Settings,
    ends: np.ndarray,
    interval: int,
    progress: Progress | None,
    make_state: Callable[..., Any],
    step: int,
) -> Generator[int, None, Counts]:
    """Count every row from an empty state: yields how many are counted, ``step`` at most before it does again.

    Those that say what there was when the recording began have to be there from the start.  Intervals end before the
    rows ``ends``; a row that stands there twice ends an interval of nothing.
    """
    engine = make_engine(prepared, model, settings)
    state = make_state(prepared, settings, engine.counts)
    finished = Counter(ends.tolist())
    before, intervals, footprints = current(prepared, model, engine), list[Interval](), list[list[dict[str, Any]]]()
    watched = _footprint(prepared, model, settings, make_state, interval)
    opening = count_opening(prepared, state, engine)
    for stop in count_steps(state, engine, prepared.columns, set(finished), progress, opening, step):
        for _ in range(finished[stop]):
            now = current(prepared, model, engine)
            intervals.append(interval_of(now - before))
            before = now
            footprints.append(watched.look(state.pmap, state.sharing) if watched else [])
        yield stop
    return Counts(
        n=before,
        model=model.name,
        counters=model.counters,
        places=named(prepared.places, prepared.meta),
        settings=settings,
        meta=prepared.meta,
        digest=prepared.digest,
        interval=interval,
        intervals=tuple(intervals),
        regions=prepared.regions,
        footprints=tuple(footprints) if watched else (),
        classes=_classes(prepared)[0],
        timeline=Timeline(prepared.moments, ticks_of(engine.watch)),
        requests=requests(engine.memory, settings),
        unfinished=prepared.unfinished,
        synthesized=prepared.synthesized,
    )


def _footprint(
    prepared: Prepared, model: Model, settings: Settings, make_state: Callable[..., Any], interval: int
) -> Any:
    """Who looks at the memory that VMs take, where somebody does: over time, or of several VMs."""
    wanted = make_state is model.state and (interval or prepared.frames_of_vm)
    return model.footprint(prepared, settings) if model.footprint and wanted else None


def count_opening(prepared: Prepared, state: Any, engine: Engine) -> int:
    """Let ``state`` see the rows before what is counted; how many there are.  What they count is forgotten."""
    opening = opening_rows(prepared)
    for part in chunks(opening):
        count_rows(state, engine, prepared.columns, part.start, part.stop)
    if opening:
        engine.counts[:] = 0
        forget(engine.watch)
        forget_requests(engine.memory)
    return opening


def opening_rows(prepared: Prepared) -> int:
    """How many rows say what was there when the recording, or the window that is counted, began."""
    if prepared.feed or not prepared.meta.skipped:
        return prepared.before
    started = rows_of(prepared.columns.kind, (Kind.START,))
    return max(prepared.before, int(started[-1]) + 1 if started.size else 0)


def current(prepared: Prepared, model: Model, engine: Engine) -> np.ndarray:
    """What ``engine`` has counted so far: int64 [vcpu, place, counter]."""
    shape = (prepared.meta.vcpus, prepared.places.inner.size, len(model.counters) + 1)
    return engine.counts.reshape(shape)[:, :, :-1].copy()


def make_engine(prepared: Prepared, model: Model, settings: Settings) -> Engine:
    """The generic kernel's state before the first row, with the model's reaction table in it."""
    meta = prepared.meta
    skip = np.array([_skip(model, service.klass) for service in meta.services], np.uint8)
    places, counters = prepared.places.inner.size, len(model.counters) + 1
    counts = np.zeros(meta.vcpus * places * counters, np.int64)
    return Engine(
        counts=counts,
        place=np.array(prepared.first_place or [0] * meta.vcpus, np.uint32),
        skip=skip[prepared.places.inner],
        on_kind=_on_kind(model),
        on_cause=_ticks(model, list(Cause), 32),
        on_sensitive=_ticks(model, list(Sensitive), 256),
        site_class=prepared.sites.klass,
        payload=np.zeros(PAYLOADS + 1, np.uint64),
        retired=np.zeros(meta.vcpus, np.int64),
        slice_end=np.full(meta.vcpus, model.first_slice(settings) if model.first_slice else NEVER, np.int64),
        counters=np.uint64(counters),
        places=np.uint64(places),
        refill=refill_places(prepared),
        pairs=np.uint64(prepared.pages.table.size),
        memory=make_memory(prepared, settings, counts, model.counters),
        watch=make_watch(
            prepared.moments.row, prepared.moments.vcpu, _classes(prepared)[1], meta.vcpus, len(model.counters)
        ),
    )


def _classes(prepared: Prepared) -> tuple[tuple[ServiceClass, ...], np.ndarray]:
    """The classes of services that places belong to, in the timeline's order, and by place which of them."""
    services = [prepared.meta.services[service].klass for service in prepared.places.inner]
    classes, klass = np.unique(services, return_inverse=True)
    return tuple(ServiceClass(k) for k in classes), klass


def refill_places(prepared: Prepared) -> np.ndarray:
    """By place: that of the refill service, service 0 where there is none, in the same regions; u32."""
    places, classes = prepared.places, [s.klass for s in prepared.meta.services]
    service = classes.index(ServiceClass.REFILL) if ServiceClass.REFILL in classes else 0
    own = np.flatnonzero((places.owner == service) & (places.inner == service))
    found: np.ndarray = own[np.searchsorted(places.region[own], places.region)].astype(np.uint32)
    return found


def _skip(model: Model, klass: ServiceClass) -> int:
    if klass not in model.replaces:
        return KEPT
    return REPLACED_REFILL if klass == ServiceClass.REFILL else REPLACED


def _on_kind(model: Model) -> np.ndarray:
    table = _ticks(model, [k for k in Kind if k not in NO_REACTION], 256)
    table[Inserted.VCPU_SWITCH] = model.index(model.vcpu_switch)
    return table


def _ticks(model: Model, events: list[Any], size: int) -> np.ndarray:
    table = np.full(size, model.index(""), np.uint8)
    for event in events:
        table[event] = model.index(model.reaction(event).ticks)
    return table


def refuse_unfit(model: Model, meta: TraceMeta) -> None:
    """Raise UserError if the trace lacks what ``model`` needs: nothing is guessed."""
    if meta.architecture not in model.fidelity:
        known = ", ".join(sorted(model.fidelity))
        raise UserError(
            f"model {model.name} takes traces of {known}, not of {meta.architecture}; "
            "choose another (see `replay models`)"
        )
    lacking = [group for group in model.needs if group not in meta.groups]
    if lacking:
        what = ", ".join(f"{group} events ({GROUP_EVENTS[group]})" for group in lacking)
        rule = ", or let a rule stand in: --synthesize first-touch" if set(lacking) <= set(SUPPLIED) else ""
        raise UserError(
            f"model {model.name} needs the trace's {what}, which it lacks; record a guest with `tracegen run`{rule}"
        )
    if ServiceClass.REFILL in model.replaces and meta.architecture in SOFTWARE_REFILLED:
        _refuse_without_refill(model, meta)


def _refuse_without_refill(model: Model, meta: TraceMeta) -> None:
    """A trace of a machine whose kernel refills the TLB says which rows are its refills, and what one takes."""
    if all(s.klass != ServiceClass.REFILL for s in meta.services):
        raise UserError(f"model {model.name} needs the trace's refill service, which it lacks; record the trace again")
    if meta.refill is None:
        raise UserError(f"model {model.name} needs the trace's refill template, which it lacks; record the trace again")


def settle(model: Model, machine: Machine, meta: TraceMeta, given: Mapping[str, Any]) -> Settings:
    """The value of each parameter: as given, else the machine's, else the trace's, else the model's default."""
    known = {p.name: p for p in model.parameters}
    for name in given:
        if name not in known:
            raise unknown(f"parameter of model {model.name}:", name, known, f"replay explain {model.name}")
    return {name: _setting(parameter, machine, meta, given) for name, parameter in known.items()}


def _setting(parameter: Parameter, machine: Machine, meta: TraceMeta, given: Mapping[str, Any]) -> int | str:
    if parameter.name in given:
        return parameter.parse(given[parameter.name])
    if parameter.name in machine.parameters:
        return parameter.parse(machine.parameters[parameter.name].value)
    if parameter.value is None:
        recorded = getattr(meta.tlb, parameter.name.rpartition(".")[2]) if meta.tlb else parameter.low
        return parameter.parse(recorded)
    return parameter.value
