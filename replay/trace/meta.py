"""What a trace says about itself: the JSON document in the Arrow schema metadata, typed and checked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from replay.errors import UserError
from replay.trace import schema
from replay.trace.schema import SCHEMA_MAJOR, SCHEMA_MINOR, ServiceClass

MAX_VCPUS = 16
MAX_SERVICES = 65536
MAX_MEMORY_BYTES = 1 << 44
"""Frames are 32-bit numbers of 4 KiB pages."""


@dataclass(frozen=True)
class Service:
    """A named piece of guest work, such as DEMAND_ZERO or a system call."""

    id: int
    name: str
    klass: ServiceClass


@dataclass(frozen=True)
class RecorderTlb:
    """Geometry of the TLB that the recording machine had; entries map page pairs where ``pair`` is true."""

    entries: int
    pair: bool
    wired: int
    replacement: str
    seed: int


@dataclass(frozen=True)
class Handler:
    """One run of a refill path: instructions retired, 64-byte lines fetched, sensitive instructions by class name."""

    instructions: int
    lines: int
    sensitive: dict[str, int]


@dataclass(frozen=True)
class Refill:
    """The refill template: what a model charges when it re-enters the guest's handler, and where entries lie.

    ``window`` is the virtual address of the linear page table; the entry of virtual page v is at
    ``window + v * entry_bytes`` in the same address space.  ``pc`` and ``nested_pc`` are the handlers' addresses.
    """

    window: int
    entry_bytes: int
    pc: int
    nested_pc: int
    full: Handler
    aborted: Handler
    nested: Handler


@dataclass(frozen=True)
class Network:
    """The session in which a machine ran: ``vm`` of ``vms`` machines, as station ``vm + 1``, each with such a link.

    Traces of one session have the same text in ``session``; packet ids are the session's.  ``latency`` is one way, in
    units of device time, ``bandwidth`` in bits a second; of each sender's packets every ``drop_every``th is lost (0:
    none), and ``drop_share`` parts per million of all.
    """

    session: str
    vm: int
    vms: int
    latency: int
    bandwidth: int
    drop_every: int
    drop_share: int


@dataclass(frozen=True)
class TraceMeta:
    """The metadata of one trace.  Times are in units of ``device_time_unit`` (a word, e.g. "instruction").

    ``skipped`` instructions ran before the recording began (since 1.2); a START row says where its events begin.
    ``base_image`` (since 1.3) is the id of what the disk held at first, 0 if unknown: REQUEST rows name it.
    """

    architecture: str
    vcpus: int
    memory_bytes: int
    instructions_per_second: int
    workload: str
    arguments: tuple[str, ...] = ()
    seed: int = 0
    page_bytes: int = schema.PAGE_BYTES
    device_time_unit: str = "instruction"
    interleave_quantum: int = 0
    fetch_line_bytes: int = 64
    tlb: RecorderTlb | None = None
    tool_version: str = ""
    image_digest: str = ""
    groups: tuple[str, ...] = tuple(schema.GROUPS)
    services: tuple[Service, ...] = (Service(0, "USER", ServiceClass.OTHER),)
    symbols: tuple[tuple[str, int], ...] = ()
    refill: Refill | None = None
    marks: tuple[tuple[int, str], ...] = ()
    skipped: int = 0
    network: Network | None = None
    base_image: int = 0
    schema_version: str = field(default=f"{SCHEMA_MAJOR}.{SCHEMA_MINOR}")

    def to_json(self) -> bytes:
        """The document, byte for byte the same for equal metadata."""
        document = asdict(self)
        document["services"] = [[s.id, s.name, s.klass.name] for s in self.services]
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse(raw: bytes, name: str) -> TraceMeta:
    """The metadata in ``raw``; ``name`` is the file that errors speak of.  Raises UserError naming the field."""
    try:
        document = json.loads(raw)
    except ValueError as error:
        raise UserError(f"{name}: trace metadata is not JSON ({error}); record or import the trace again") from None
    if not isinstance(document, dict):
        raise UserError(f"{name}: trace metadata is not an object; record or import the trace again")
    _check_version(document.get("schema_version"), name)
    known = {f.name for f in fields(TraceMeta)}
    return _Reader(name).build({k: v for k, v in document.items() if k in known})


def refuse_other_major(raw: bytes, name: str) -> None:
    """Raise UserError if ``raw`` is readable metadata of another major schema, whatever else it holds."""
    try:
        document = json.loads(raw)
    except ValueError:
        return
    if isinstance(document, dict) and isinstance(document.get("schema_version"), str):
        _check_version(document["schema_version"], name)


def _check_version(version: Any, name: str) -> None:
    major, dot, minor = version.partition(".") if isinstance(version, str) else ("", "", "")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise UserError(f"{name}: field schema_version is {version!r}, not major.minor; record the trace again")
    if int(major) != SCHEMA_MAJOR:
        raise UserError(
            f"{name}: schema {version} is not readable by this version (reads {SCHEMA_MAJOR}.x); "
            + ("upgrade vmreplay" if int(major) > SCHEMA_MAJOR else "record the trace again")
        )


class _Reader:
    """Turns a decoded JSON document into TraceMeta, refusing wrong types and ranges by field name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def fail(self, where: str, wanted: str, value: Any) -> UserError:
        shown = repr(value)
        return UserError(
            f"{self.name}: metadata field {where} should be {wanted}, is {shown[:40]}; record or import the trace again"
        )

    def integer(self, d: dict[str, Any], key: str, low: int, high: int, where: str = "") -> int:
        value = d.get(key)
        if type(value) is not int or not low <= value <= high:
            raise self.fail(where + key, f"an integer from {low} to {high}", value)
        return value

    def text(self, d: dict[str, Any], key: str, where: str = "") -> str:
        value = d.get(key)
        if not isinstance(value, str) or not value.isprintable():  # it reaches the reader's terminal
            raise self.fail(where + key, "a printable text", value)
        return value

    def texts(self, d: dict[str, Any], key: str) -> tuple[str, ...]:
        value = d.get(key)
        if not isinstance(value, list) or not all(isinstance(v, str) and v.isprintable() for v in value):
            raise self.fail(key, "a list of printable texts", value)
        return tuple(value)

    def build(self, d: dict[str, Any]) -> TraceMeta:
        return TraceMeta(
            architecture=self.text(d, "architecture"),
            vcpus=self.integer(d, "vcpus", 1, MAX_VCPUS),
            memory_bytes=self.integer(d, "memory_bytes", schema.PAGE_BYTES, MAX_MEMORY_BYTES),
            instructions_per_second=self.integer(d, "instructions_per_second", 1, 10**12),
            workload=self.text(d, "workload"),
            arguments=self.texts(d, "arguments"),
            seed=self.integer(d, "seed", 0, 2**64 - 1),
            page_bytes=self.integer(d, "page_bytes", schema.PAGE_BYTES, schema.PAGE_BYTES),
            device_time_unit=self.text(d, "device_time_unit"),
            interleave_quantum=self.integer(d, "interleave_quantum", 0, 2**63 - 1),
            fetch_line_bytes=self.integer(d, "fetch_line_bytes", 4, schema.PAGE_BYTES),
            tlb=self.tlb(d.get("tlb")),
            tool_version=self.text(d, "tool_version"),
            image_digest=self.text(d, "image_digest"),
            groups=self.texts(d, "groups"),
            services=self.services(d.get("services")),
            symbols=self.symbols(d.get("symbols")),
            refill=self.refill(d.get("refill")),
            marks=self.marks(d.get("marks", [])),
            skipped=self.integer({"skipped": 0} | d, "skipped", 0, 2**64 - 1),
            network=self.network(d.get("network")),
            base_image=self.integer({"base_image": 0} | d, "base_image", 0, 2**48 - 1),
            schema_version=self.text(d, "schema_version"),
        )

    def tlb(self, value: Any) -> RecorderTlb | None:
        if value is None:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("pair"), bool):
            raise self.fail("tlb", "a TLB geometry", value)
        entries = self.integer(value, "entries", 1, 1 << 24, "tlb.")
        return RecorderTlb(
            entries=entries,
            pair=value["pair"],
            wired=self.integer(value, "wired", 0, entries - 1, "tlb."),
            replacement=self.text(value, "replacement", "tlb."),
            seed=self.integer(value, "seed", 0, 2**64 - 1, "tlb."),
        )

    def services(self, value: Any) -> tuple[Service, ...]:
        """Services as [id, name, class]; ids below MAX_SERVICES, unique, 0 among them."""
        if not isinstance(value, list):
            raise self.fail("services", "a list of [id, name, class]", value)
        found: dict[int, Service] = {}
        for item in value:
            shape = isinstance(item, list) and [type(part) for part in item] == [int, str, str]
            if (
                not (shape and 0 <= item[0] < MAX_SERVICES and item[1].isprintable())
                or item[2] not in ServiceClass.__members__
            ):
                raise self.fail("services", "a list of [id, name, class]", item)
            if item[0] in found:
                raise self.fail("services", "a list of unique ids", item)
            found[item[0]] = Service(item[0], item[1], ServiceClass[item[2]])
        if 0 not in found:
            raise self.fail("services", "a list with service 0 (no service)", value)
        return tuple(found[i] for i in sorted(found))

    def symbols(self, value: Any) -> tuple[tuple[str, int], ...]:
        if not isinstance(value, list):
            raise self.fail("symbols", "a list of [name, address]", value)
        for item in value:
            shape = isinstance(item, list) and [type(part) for part in item] == [str, int]
            if not (shape and item[0].isprintable() and 0 <= item[1] < 1 << 64):
                raise self.fail("symbols", "a list of [name, address]", item)
        return tuple((item[0], item[1]) for item in value)

    def marks(self, value: Any) -> tuple[tuple[int, str], ...]:
        """The workload's marks as [id, name], unique ids; none in traces before schema 1.2."""
        if not isinstance(value, list):
            raise self.fail("marks", "a list of [id, name]", value)
        for item in value:
            shape = isinstance(item, list) and [type(part) for part in item] == [int, str]
            if not (shape and 0 <= item[0] < 1 << 32 and item[1].isprintable()):
                raise self.fail("marks", "a list of [id, name]", item)
        found = {item[0]: item[1] for item in value}
        if len(found) < len(value):
            raise self.fail("marks", "a list of unique ids", value)
        return tuple(found.items())

    def network(self, value: Any) -> Network | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fail("network", "a network", value)
        vms = self.integer(value, "vms", 1, 1 << 16, "network.")
        return Network(
            session=self.text(value, "session", "network."),
            vm=self.integer(value, "vm", 0, vms - 1, "network."),
            vms=vms,
            latency=self.integer(value, "latency", 1, 10**12, "network."),
            bandwidth=self.integer(value, "bandwidth", 1, 10**15, "network."),
            drop_every=self.integer(value, "drop_every", 0, 2**63 - 1, "network."),
            drop_share=self.integer(value, "drop_share", 0, 10**6, "network."),
        )

    def refill(self, value: Any) -> Refill | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.fail("refill", "a refill template", value)
        return Refill(
            window=self.integer(value, "window", 0, 2**64 - 1, "refill."),
            entry_bytes=self.integer(value, "entry_bytes", 4, 16, "refill."),
            pc=self.integer(value, "pc", 0, 2**64 - 1, "refill."),
            nested_pc=self.integer(value, "nested_pc", 0, 2**64 - 1, "refill."),
            full=self.handler(value.get("full"), "refill.full."),
            aborted=self.handler(value.get("aborted"), "refill.aborted."),
            nested=self.handler(value.get("nested"), "refill.nested."),
        )

    def handler(self, value: Any, where: str) -> Handler:
        sensitive = value.get("sensitive") if isinstance(value, dict) else None
        if not isinstance(sensitive, dict) or not set(sensitive) <= set(schema.Sensitive.__members__):
            raise self.fail(where + "sensitive", "counts by instruction class", sensitive)
        return Handler(
            instructions=self.integer(value, "instructions", 0, 1 << 16, where),
            lines=self.integer(value, "lines", 0, 1 << 12, where),
            sensitive={k: self.integer(sensitive, k, 0, 1 << 12, where + "sensitive.") for k in sensitive},
        )
