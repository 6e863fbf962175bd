"""Address spaces, TLB maintenance and the recorder's reading of the guest's page table."""

from __future__ import annotations

import pytest

from replay.trace.schema import Cause, Kind, Touch
from tracegen.abi import Announce, Pte

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
START = """
.org 0x180
  dmtc0 $s7, $14
  eret
.org 0x400
.globl _start
_start:
  lui  $s7, %hi(done)
  addiu $s7, $s7, %lo(done)
"""


def map_pair(asid: int, even: int, odd: int, index: int = 0, address: int = 0x6000) -> str:
    """Assembly that writes a TLB entry for the pair at ``address`` with two EntryLo values."""
    return f"""
  ori $t0, $0, {address | asid:#x}
  dmtc0 $t0, $10
  ori $t0, $0, {even:#x}
  dmtc0 $t0, $2
  ori $t0, $0, {odd:#x}
  dmtc0 $t0, $3
  ori $t0, $0, {index}
  mtc0 $t0, $0
  tlbwi
"""


def lo(frame: int, bits: int) -> int:
    """EntryLo of a frame with hardware bits (dirty 4, valid 2, global 1)."""
    return frame << 6 | 3 << 3 | bits


def test_rewritten_entry_is_used_at_once(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """After tlbwi puts another frame under a page just read and written, the next access reaches the new frame."""
    text = f"""{START}
  {map_pair(1, lo(0x40, 6), lo(0x41, 6))}
  ori $t1, $0, 0x6010
  ori $t2, $0, 0x11
  sb  $t2, 0($t1)
  lb  $s0, 0($t1)
  {map_pair(1, lo(0x50, 6), lo(0x51, 6))}
  lb  $s1, 0($t1)
  ori $t2, $0, 0x22
  sb  $t2, 0($t1)
done: {EXIT}"""
    run = record(assemble(text))
    assert [0x11, 0] == run.machine.registers[16:18]
    assert [b"\x11", b"\x22"] == [run.machine.read(place, 1) for place in (0x40010, 0x50010)]


def test_each_asid_sees_its_own_page(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """One address under two ASIDs is two pages with two ids, and switching back needs no new entry."""
    text = f"""{START}
  ori $a0, $0, 3
  ori $a1, $0, 1
  ori $0, $0, {Announce.SPACE_ASID}
  ori $a0, $0, 4
  ori $a1, $0, 2
  ori $0, $0, {Announce.SPACE_ASID}
  {map_pair(1, lo(0x40, 6), 0)}
  {map_pair(2, lo(0x41, 6), 0, 1)}
  ori $t1, $0, 0x6000
  ori $t2, $0, 7
  sb  $t2, 0($t1)
  ori $t0, $0, 1
  dmtc0 $t0, $10
  lb  $s0, 0($t1)
  ori $t0, $0, 2
  dmtc0 $t0, $10
  lb  $s1, 0($t1)
done: {EXIT}"""
    run = record(assemble(text))
    assert [0, 7] == run.machine.registers[16:18]
    assert [(1, 3), (2, 4), (1, 3), (2, 4)] == run.of(Kind.BASE_SWITCH)
    loads = [page for _, page in run.of(Kind.LOAD1)]
    assert loads[0] != loads[1] == run.of(Kind.STORE1)[0][1]


def test_global_entry_matches_every_asid(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """An entry whose halves are both global serves another ASID, and its page belongs to space 0."""
    text = f"""{START}
  {map_pair(1, lo(0x40, 7), lo(0x41, 7))}
  ori $t0, $0, 9
  dmtc0 $t0, $10
  ori $t1, $0, 0x6000
  lb  $s0, 0($t1)
  ori $s1, $0, 5
done: {EXIT}"""
    run = record(assemble(text))
    assert 5 == run.machine.registers[17]
    page = run.of(Kind.LOAD1)[0][1]
    place = next(i for i, row in enumerate(run.rows) if row[0] == Kind.PAGE and row[3] == page)
    assert 0 == run.rows[place - 1][3] >> 4


LOADABLE = Pte.PRESENT | Pte.REFERENCED | Pte.VALID
CAUSES = {
    "nothing there": ("lb", 0, Cause.NOT_PRESENT),
    "reference bit off": ("lb", Pte.PRESENT, Cause.SOFT_REFERENCE),
    "entry permits": ("lb", LOADABLE, Cause.STALE),
    "entry permits the store": ("sb", LOADABLE | Pte.DIRTY, Cause.STALE),
    "copy on write": ("sb", LOADABLE | Pte.COW, Cause.COPY_ON_WRITE),
    "dirty bit off": ("sb", LOADABLE | Pte.WRITABLE, Cause.SOFT_DIRTY),
    "read only": ("sb", LOADABLE, Cause.PROTECTION),
}


@pytest.mark.parametrize("name", CAUSES)
def test_cause_is_read_from_the_guests_own_table(assemble, record, name) -> None:  # type: ignore[no-untyped-def]
    """An invalid or clean TLB entry faults; the row says why in the guest's terms, from the linked table's entry."""
    access, entry, cause = CAUSES[name]
    text = f"""{START}
  ori $a0, $0, 1
  ori $a1, $0, 5
  ori $0, $0, {Announce.SPACE_ASID}
  ori $a0, $0, 0x30
  ori $a2, $0, 0
  ori $a1, $0, 0
  ori $0, $0, {Announce.TABLE_ALLOC}
  ori $a1, $0, 1
  ori $0, $0, {Announce.SPACE_ASID}
  ori $a0, $0, 0x30
  ori $a3, $0, 0
  ori $0, $0, {Announce.TABLE_LINK}
  lui $t0, 0x8003
  ori $t1, $0, {entry | 0x40 << 9:#x}
  sd  {"$t1" if entry else "$0"}, 0x30($t0)
  ori $a0, $0, 1
  ori $a1, $0, 1
  ori $0, $0, {Announce.SPACE_ASID}
  {map_pair(1, 0, lo(0x41, 6))}
  ori $t1, $0, 0x6123
  {access} $t2, 0($t1)
done: {EXIT}"""
    run = record(assemble(text))
    touch = Touch.STORE if access == "sb" else Touch.LOAD
    [(info, page)] = run.of(Kind.EXCEPTION)
    assert (cause, touch) == (info & 31, info >> 5 & 3)
    assert page == run.of(Kind.TLB_WRITE)[0][1]


def test_store_conditional_succeeds_once_per_link(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """ll arms sc; sc stores and tells 1, a second sc stores nothing and tells 0; the rows are marked atomic."""
    text = f"""{START}
  lui $t0, 0x8002
  ori $t1, $0, 9
  ll  $t2, 0x10($t0)
  or  $s0, $0, $t1
  sc  $s0, 0x10($t0)
  or  $s1, $0, $t1
  sc  $s1, 0x14($t0)
  lld $t2, 0x18($t0)
  or  $s2, $0, $t1
  scd $s2, 0x18($t0)
done: {EXIT}"""
    run = record(assemble(text))
    assert [1, 0, 1] == run.machine.registers[16:19]
    assert [0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9] == list(run.machine.read(0x20010, 16))
    assert [0x1010] == [info for info, _ in run.of(Kind.LOAD4) + run.of(Kind.STORE4) if info >> 12][:1]
    assert 2 == sum(info >> 12 for info, _ in run.of(Kind.STORE4) + run.of(Kind.STORE8))


def test_an_exception_between_breaks_the_link(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """After ll, a system call and its eret, sc stores nothing and tells 0."""
    text = f"""{START}
  lui $t0, 0x8002
  ori $s0, $0, 9
  ll  $t1, 0x10($t0)
  dla $s7, resumed
  syscall
resumed:
  sc  $s0, 0x10($t0)
done: {EXIT}"""
    run = record(assemble(text))
    assert 0 == run.machine.registers[16]
    assert bytes(4) == run.machine.read(0x20010, 4)
