"""Rows in words: what a row of a prepared trace says happened, for a reader."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

from replay.places import named
from replay.prepare import Prepared
from replay.trace.schema import (
    ATOMIC,
    CAUSE_MASK,
    ENTRY_COW,
    ENTRY_EXECUTE,
    ENTRY_FRAME_SHIFT,
    ENTRY_GLOBAL,
    ENTRY_SIZE_SHIFT,
    ENTRY_USER,
    ENTRY_VALID,
    ENTRY_WRITE,
    EVENT_FIRST,
    INFO_FLAG_SHIFT,
    OFFSET_MASK,
    OTHER_STATION_SHIFT,
    PACKET_STATION_SHIFT,
    PAGE_SHIFT,
    PAYLOAD_BYTES_SHIFT,
    REQUEST_WRITE,
    TLB_INDEX,
    TLB_RANDOM,
    TOUCH_SHIFT,
    Arrival,
    Cause,
    Kind,
    Mode,
    Sensitive,
    Touch,
    Wake,
)

LEVEL_SHIFT = 12
"""Where in the ``info`` of an ENTRY row the level starts."""

SIZES = ("", ", 2 MB", ", 1 GB", "")
RIGHTS = ((ENTRY_WRITE, "writable"), (ENTRY_USER, "user"), (ENTRY_EXECUTE, "executable"), (ENTRY_GLOBAL, "global"))

TEMPLATES = {
    Kind.START: "the recording begins: the rows before say what was there",
    Kind.END: "the recording ends",
    Kind.TABLE_ALLOC: "frame {page:#x} becomes a page table of level {info}",
    Kind.TABLE_FREE: "frame {page:#x} is a page table no longer",
    Kind.TABLE_LINK: "table {page:#x} of level {info} is linked",
    Kind.TABLE_UNLINK: "table {page:#x} is unlinked",
    Kind.SPACE_CREATE: "space {page} is created",
    Kind.SPACE_DESTROY: "space {page} is destroyed",
    Kind.BASE_SWITCH: "space {page} becomes current, ASID {info}",
    Kind.INVALIDATE_SPACE: "translations of space {page} are invalidated",
    Kind.INVALIDATE_ALL: "all translations are invalidated",
    Kind.THREAD_SWITCH: "thread {info} makes way for thread {page}",
    Kind.THREAD_SPACE: "thread {page} owns space {info}",
    Kind.LOCK_TRY: "lock {page} is tried",
    Kind.LOCK_ACQUIRE: "lock {page} is taken",
    Kind.LOCK_RELEASE: "lock {page} is given back",
    Kind.BARRIER: "barrier {page}",
    Kind.IPI_SEND: "interrupt {page} is sent to vCPU {info}",
    Kind.IPI_RECEIVE: "interrupt {page} came from vCPU {info}",
    Kind.COMPLETE: "request {page} is complete",
    Kind.INTERRUPT: "a device raises interrupt {info}",
    Kind.DOORBELL: "the doorbell of ring {page} of the network card (1 to send, 2 to receive) rings with {info}",
    Kind.ZEROED: "frame {page:#x} was filled with zeros",
    Kind.FILLED: "frame {page:#x} was filled by a device",
    Kind.HASHED: "the contents of frame {page:#x} are known",
    Kind.FREED: "nobody holds frame {page:#x} any more",
    Kind.BALLOON_OUT: "the guest gives frame {page:#x} to its host",
    Kind.BALLOON_IN: "the guest has frame {page:#x} again",
    Kind.MARK_BEGIN: "region {page} of the workload begins",
    Kind.MARK_END: "region {page} of the workload ends",
}
"""Kinds of rows whose two numbers say it all."""


class Words(NamedTuple):
    """Tells rows of ``prepared``; makes the names that they need once."""

    prepared: Prepared
    services: tuple[str, ...]
    symbols: list[tuple[int, str]]

    def row(self, index: int, payload: list[int]) -> str:
        """What row ``index`` says, with the payload of the rows before it."""
        columns = self.prepared.columns
        kind, info, page = int(columns.kind[index]), int(columns.info[index]), int(columns.page[index])
        if kind < EVENT_FIRST:
            return self._access(Kind(kind), info, page)
        if kind not in Kind.__members__.values():
            return f"a row of unknown kind {kind}"
        teller = TELLERS.get(Kind(kind))
        return teller(self, info, page, payload) if teller else TEMPLATES[Kind(kind)].format(page=page, info=info)

    def place(self, place: int) -> str:
        """The service of a place, and the work within it."""
        return self.services[place]

    def context(self, index: int) -> tuple[int, str]:
        """The vCPU of row ``index`` and its mode before the row."""
        ctx = int(self.prepared.columns.ctx[index])
        return ctx & 15, Mode(ctx >> 4).name.lower()

    def address(self, page: int, offset: int = 0) -> str:
        """A guest-virtual address in page id ``page``."""
        pages = self.prepared.pages
        space = int(pages.space[page])
        where = (int(pages.vpn[page]) << PAGE_SHIFT | offset) & (1 << 64) - 1
        return f"{where:#x}" + (f" of space {space}" if space else "")

    def code(self, address: int) -> str:
        """``address`` of code, by the symbol that it lies behind."""
        at = bisect_right(self.symbols, (address, chr(0x10FFFF))) - 1
        if at < 0:
            return f"{address:#x}"
        start, name = self.symbols[at]
        return f"{name}+{address - start:#x}"

    def _access(self, kind: Kind, info: int, page: int) -> str:
        where, flags = self.address(page, info & OFFSET_MASK), info >> INFO_FLAG_SHIFT
        if kind == Kind.FETCH:
            how = Arrival(flags).name.lower() if flags in Arrival.__members__.values() else f"arrival {flags}"
            return f"fetch {where}, {how}"
        name = kind.name.lower()
        return f"{name[:-1]} {name[-1]} bytes at {where}" + (", atomic" if flags & ATOMIC else "")


def words(prepared: Prepared) -> Words:
    """A teller of the rows of ``prepared``."""
    places = named(prepared.places, prepared.meta)
    services = tuple(f"{p.service}, {p.work}" if p.work else p.service for p in places)
    return Words(prepared, services, sorted((address, name) for name, address in prepared.meta.symbols))


def entry(value: int) -> str:
    """A page-table entry in architecture-neutral form."""
    if not value & ENTRY_VALID:
        return "nothing"
    rights = [name for bit, name in RIGHTS if value & bit] + (["copy-on-write"] if value & ENTRY_COW else [])
    size = SIZES[value >> ENTRY_SIZE_SHIFT & 3]
    return f"frame {value >> ENTRY_FRAME_SHIFT:#x}{size} ({', '.join(rights) or 'read-only'})"


def _number(payload: list[int], k: int) -> int:
    return payload[k] if k < len(payload) else 0


def _entry(words: Words, info: int, page: int, payload: list[int]) -> str:
    level, index = info >> LEVEL_SHIFT, info & (1 << LEVEL_SHIFT) - 1
    whose = f" for {words.address(page)}" if page else ""
    old, new = (entry(_number(payload, k)) for k in (0, 1))
    return f"page-table entry {index} of level {level}{whose}: {old} becomes {new}"


def _tlb_write(words: Words, info: int, page: int, payload: list[int]) -> str:
    index = "an entry chosen at random" if info & TLB_RANDOM else f"entry {info & TLB_INDEX}"
    return f"{index} of the TLB now maps the pair at {words.address(page)}: " + " and ".join(
        entry(_number(payload, k)) for k in (0, 1)
    )


def _tlb_probe(words: Words, info: int, page: int, _payload: list[int]) -> str:
    return f"the TLB is probed for {words.address(page)}: {'found' if info else 'not there'}"


def _invalidate(words: Words, _info: int, page: int, _payload: list[int]) -> str:
    return f"the translation of {words.address(page)} is invalidated"


def _sensitive(words: Words, info: int, page: int, _payload: list[int]) -> str:
    sites = words.prepared.sites
    klass, register, pc = int(sites.klass[page]), int(sites.register[page]), int(sites.pc[page])
    name = Sensitive(klass).name if klass in Sensitive.__members__.values() else f"instruction of class {klass}"
    changed = ", changes it" if info & 1 else ""
    dropped = ", silently without effect" if info & 2 else ""
    return f"{name}, register {register}, at {words.code(pc)}{changed}{dropped}"


def _exception(words: Words, info: int, page: int, _payload: list[int]) -> str:
    cause, touch = info & CAUSE_MASK, Touch(info >> TOUCH_SHIFT & 3)
    name = Cause(cause).name if cause in Cause.__members__.values() else f"cause {cause}"
    if touch != Touch.NONE:
        return f"exception {name}: a {touch.name.lower()} at {words.address(page)} is cut off"
    return f"exception {name}, number {page}"


def _return(_words: Words, info: int, _page: int, _payload: list[int]) -> str:
    mode = Mode(info).name.lower() if info in Mode.__members__.values() else f"mode {info}"
    return f"return from exception to {mode} mode"


def _enter(words: Words, _info: int, page: int, _payload: list[int]) -> str:
    return f"service begins: {words.place(page)}"


def _exit(words: Words, _info: int, page: int, _payload: list[int]) -> str:
    return f"back in service {words.place(page)}"


def _request(_words: Words, info: int, page: int, payload: list[int]) -> str:
    what = "write" if info & REQUEST_WRITE else "read"
    return f"request {page}: device {info & REQUEST_WRITE - 1} is to {what} block {_number(payload, 0)}"


def _packet(page: int) -> str:
    return f"packet {page & (1 << PACKET_STATION_SHIFT) - 1} of station {page >> PACKET_STATION_SHIFT}"


def _sent(_words: Words, info: int, page: int, payload: list[int]) -> str:
    to = _number(payload, 1) >> OTHER_STATION_SHIFT
    return f"{_packet(page)} is sent to station {to}: {_parts(info, payload)}"


def _received(_words: Words, info: int, page: int, payload: list[int]) -> str:
    return f"{_packet(page)} is received: {_parts(info, payload)}"


def _parts(info: int, payload: list[int]) -> str:
    """What lies where of a packet of ``info`` bytes: the payload, if there is one, else the header."""
    place, frame = _number(payload, 1), _number(payload, 0)
    size = place >> PAYLOAD_BYTES_SHIFT & 0xFFFF
    where = f"{size:,} of them payload at byte {place & 0xFFFF} of" if size else "its header in"
    return f"{info:,} bytes, {where} frame {frame:#x}"


def _port(_words: Words, info: int, page: int, _payload: list[int]) -> str:
    return f"{info & 0xFF} bytes {'to' if info >> 8 else 'from'} port {page:#x}"


def _idle(_words: Words, info: int, page: int, _payload: list[int]) -> str:
    what = Wake(info).name.lower() if info in Wake.__members__.values() else f"wake {info}"
    return f"waits {page:,} units of device time, ended by: {what}"


def _payload_row(_words: Words, info: int, page: int, _payload: list[int]) -> str:
    return f"payload {page | info << 32:#x} of the next row"


TELLERS: dict[Kind, Any] = {
    Kind.EXTRA: _payload_row,
    Kind.ENTRY: _entry,
    Kind.TLB_WRITE: _tlb_write,
    Kind.TLB_PROBE: _tlb_probe,
    Kind.INVALIDATE_PAGE: _invalidate,
    Kind.SENSITIVE: _sensitive,
    Kind.EXCEPTION: _exception,
    Kind.RETURN: _return,
    Kind.SERVICE_ENTER: _enter,
    Kind.SERVICE_EXIT: _exit,
    Kind.REQUEST: _request,
    Kind.PACKET_SENT: _sent,
    Kind.PACKET_RECEIVED: _received,
    Kind.PORT: _port,
    Kind.IDLE: _idle,
}
"""Kinds of rows that take more than their two numbers to tell."""
