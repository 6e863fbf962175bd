"""What a model is: a mechanism's state and hooks, the table of its reactions to guest events, and what they cost.

A model's file states, in this order: the mechanism (its docstring), parameters, events (the counters), reactions,
state and hooks, costs, and one ``MODEL = Model(...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from replay.records import Parameter
from replay.trace.schema import EVENT_FIRST, GROUPS, Cause, Kind, Sensitive, ServiceClass

if TYPE_CHECKING:
    from replay.split import Split

COMMON = {
    "instructions": "instructions retired by the guest, without those of replaced services",
    "references": "fetched lines, loads and stores of the guest, without those of replaced services",
    "invocations": "times the service was entered; of the refill service, times the model's TLB missed",
    "kernel_instructions": "of the instructions, those outside user mode",
}
"""Counters that the generic kernel keeps for every model; a model's own counters follow them."""

FIRST_COUNTER = len(COMMON)

IDLE = "idle"
"""What each model calls its counter of device-time units waited; the wait is recomputed when prices are known."""

DIRECT_EXECUTION = "direct execution"
"""The mechanism that the common counters belong to."""

Events = Mapping[str, Mapping[str, str]]
"""Mechanism -> its counters, each with what it counts."""


class Reaction(StrEnum):
    """What a virtualization system does about a guest event."""

    DIRECT = "direct"  # runs on the hardware as on a bare machine
    TRAPPED = "trapped"  # enters the monitor, which emulates it or acts on it
    HYPERCALL = "hypercall"  # the guest asks the monitor
    TRANSLATED = "translated"  # binary translation put other instructions in its place
    HARDWARE = "hardware"  # virtualization hardware handles it without the monitor
    REPLACED = "replaced"  # belongs to the recording machine; the model's own mechanism acts in its place


class Access(StrEnum):
    """What a reference meets in the model's machine."""

    HIT = "TLB hit"
    MISS = "TLB miss"
    UNMAPPED = "unmapped segment"
    DEVICE = "device register"


Guest = Access | Kind | Cause | Sensitive
"""A class of guest events that a model reacts to."""


def event_name(event: Guest) -> str:
    """A guest event as tables print it."""
    return event.value if isinstance(event, Access) else event.name


# Groups of guest events that most models treat alike.
TLB_CAUSES = (Cause.REFILL, Cause.NESTED_REFILL, Cause.STALE)
INTERRUPTS = (Cause.INTERRUPT,)
FAULTS = (Cause.NOT_PRESENT, Cause.SOFT_REFERENCE, Cause.SOFT_DIRTY, Cause.COPY_ON_WRITE, Cause.PROTECTION)
SYSTEM_CALLS = (Cause.SYSCALL,)
OTHER_CAUSES = (*(c for c in Cause if c not in (*TLB_CAUSES, *INTERRUPTS, *FAULTS, *SYSTEM_CALLS)),)
MIPS_PRIVILEGED = tuple(s for s in Sensitive if s <= Sensitive.CACHE)
X86_PRIVILEGED = tuple(s for s in Sensitive if Sensitive.CLI <= s <= Sensitive.RDPMC)
X86_UNPRIVILEGED = tuple(s for s in Sensitive if s >= Sensitive.SGDT)
PORT_INSTRUCTIONS = (Sensitive.IN, Sensitive.OUT, Sensitive.INS, Sensitive.OUTS)
"""Of X86_PRIVILEGED, those that a PORT row annotates: a model reacts to the one or to the other."""
INVALIDATIONS = (Kind.INVALIDATE_PAGE, Kind.INVALIDATE_SPACE, Kind.INVALIDATE_ALL)
TABLE_CHANGES = (Kind.ENTRY, Kind.TABLE_ALLOC, Kind.TABLE_FREE, Kind.TABLE_LINK, Kind.TABLE_UNLINK)
SPACES = (Kind.SPACE_CREATE, Kind.SPACE_DESTROY, Kind.BASE_SWITCH)
SERVICES = (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT)
THREADS = tuple(Kind(k) for k in GROUPS["thread"] if k in Kind.__members__.values() and k != Kind.IPI_SEND)
DEVICES = tuple(Kind(k) for k in GROUPS["device"] if k in Kind.__members__.values() and k not in (Kind.PORT, Kind.IDLE))
BALLOON = (Kind.BALLOON_OUT, Kind.BALLOON_IN)
CONTENT = (Kind.ZEROED, Kind.FILLED, Kind.HASHED, Kind.FREED, *BALLOON)
MARKS = (Kind.MARK_BEGIN, Kind.MARK_END)
NO_REACTION = (*range(EVENT_FIRST), *GROUPS["structure"], Kind.EXCEPTION, Kind.SENSITIVE)
"""Kinds that stand for no guest event of their own: accesses, definitions, and rows told apart by cause or class."""


class Row(NamedTuple):
    """A line of a reaction table.

    ``ticks`` is the counter that each such event ticks by itself ('' for none); ``may`` lists the counters that
    the model's hooks tick besides, depending on what the model's structures hold.
    """

    events: tuple[Guest, ...]
    reaction: Reaction
    ticks: str = ""
    may: tuple[str, ...] = ()


def guest_events() -> Iterator[Guest]:
    """Every class of guest event that a reaction table must cover."""
    yield from Access
    yield from Cause
    yield from Sensitive
    yield from (kind for kind in Kind if kind not in NO_REACTION)


class Cost(NamedTuple):
    """What one tick of a counter costs: a sum of named primitives, each so many times.

    Written ``price("monitor_entry") + 2 * price("tlb_write")``.  A primitive whose name ends in ``.@`` is priced by
    the class of the service: ``stall.@`` is ``stall.other`` in an ordinary service.
    """

    terms: tuple[tuple[str, float], ...]

    def __add__(self, other: Any) -> Cost:
        terms = dict(self.terms)
        for name, times in other.terms:
            terms[name] = terms.get(name, 0) + times
        return Cost(tuple(terms.items()))

    def __rmul__(self, times: Any) -> Cost:
        return Cost(tuple((name, times * n) for name, n in self.terms))

    def names(self, klass: ServiceClass) -> dict[str, float]:
        """Primitive -> how many times, in a service of ``klass``."""
        return {name.replace(".@", f".{klass.name.lower()}"): times for name, times in self.terms}

    def __str__(self) -> str:
        return " + ".join(name if times == 1 else f"{times:g} {name}" for name, times in self.terms) or "nothing"


FREE = Cost(())
"""The cost of what is counted for its number alone; priced rows leave it out."""


def price(name: str) -> Cost:
    """The cost of one ``name``, a primitive that a price set gives a value."""
    return Cost(((name, 1),))


def meanings(events: Events) -> dict[str, str]:
    """Counter -> what it counts, over all mechanisms; the order numbers the counters."""
    return {name: meaning for group in events.values() for name, meaning in group.items()}


def counter(events: Events, name: str) -> int:
    """The number that hooks tick the event ``name`` by."""
    return FIRST_COUNTER + list(meanings(events)).index(name)


@dataclass(frozen=True)
class Model:
    """One virtualization system (or the bare machine), as its file in ``models/`` states it."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    events: Events
    reactions: tuple[Row, ...]
    state: Callable[..., Any]
    """``state(prepared, settings, counts)`` makes the state that the kernel's hooks are chosen by."""
    costs: Mapping[str, Cost]
    replaces: tuple[ServiceClass, ...]
    needs: tuple[str, ...]
    """Groups of rows that a trace must hold."""
    fidelity: Mapping[str, str]
    """Architecture of a trace -> faithful, ported or hypothetical."""
    machine: Mapping[str, str]
    """Architecture of a trace -> the default machine."""
    baseline: str = "native"
    """The bare machine that it is compared with, by its name in the registry."""
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Architecture of a trace -> what is done about mechanisms without a counterpart there; none where faithful."""
    incorrect: str = ""
    """The counter of sensitive instructions that should have trapped and did not; if it ticks, guests go wrong."""
    vcpu_switch: str = ""
    """The counter of CPUs that go on with another virtual CPU; '' for a bare machine, which runs one guest."""
    footprint: Callable[..., Any] | None = None
    """``footprint(prepared, settings).look(state.pmap, state.sharing)`` says what memory VMs take, if anything does."""
    aliases: tuple[str, ...] = ()
    first_slice: Callable[[Mapping[str, Any]], int] | None = None
    """Settings -> instructions until the slice hook first runs; None if the model's time has no slices."""
    split: Split | None = None
    """Where what lies behind the first-level TLB can be counted apart."""
    places: bool = False
    """Whether its monitor decides where machine pages lie, and moves them."""
    counters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        names = (*COMMON, *meanings(self.events))
        object.__setattr__(self, "counters", names)
        self._check()

    def reaction(self, event: Guest) -> Row:
        """The line of the reaction table that covers ``event``."""
        return next(row for row in self.reactions for e in row.events if e is event)

    def mechanism(self, counter: str) -> str:
        """The mechanism that ``counter`` belongs to."""
        return next((name for name, group in self.events.items() if counter in group), DIRECT_EXECUTION)

    @property
    def priced(self) -> dict[str, Cost]:
        """Counter -> cost of those that cost something."""
        return {name: self.costs[name] for name in self.counters if self.costs[name] != FREE}

    def index(self, counter: str) -> int:
        """Place of ``counter`` among the model's counters; the place after the last one for ''."""
        return self.counters.index(counter) if counter else len(self.counters)

    def _check(self) -> None:
        unruled = [a for a, label in self.fidelity.items() if (label == "faithful") == bool(self.rules.get(a))]
        if unruled:
            raise ValueError(
                f"{self.name}: rules belong to traces it is not faithful for, and to all of them: {unruled}"
            )
        covered = [event for row in self.reactions for event in row.events]
        twice = {repr(e) for e in covered if sum(e is c for c in covered) > 1}
        missing = [repr(e) for e in guest_events() if not any(e is c for c in covered)]
        if twice or missing:
            raise ValueError(f"{self.name}: reactions given twice {sorted(twice)}, missing {missing}")
        if len(set(self.counters)) != sum(len(group) for group in (COMMON, *self.events.values())):
            raise ValueError(f"{self.name}: a counter belongs to two mechanisms")
        named = {c for row in self.reactions for c in (row.ticks, *row.may) if c} | {*filter(None, (self.vcpu_switch,))}
        if self.incorrect and self.incorrect not in self.counters:
            raise ValueError(f"{self.name}: what is incorrect is no counter of it: {self.incorrect}")
        if set(self.counters) != set(self.costs) or named != set(self.counters) - set(COMMON):
            loose = sorted((set(self.counters) ^ set(self.costs)) | (named ^ (set(self.counters) - set(COMMON))))
            raise ValueError(f"{self.name}: every counter has one cost and a place in the reactions, but not {loose}")
