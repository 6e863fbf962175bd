"""TLB, time, delay slots across pages, self-modifying code and the recorder's exactness, on hand-assembled guests."""

from __future__ import annotations

import contextlib
import random
import struct

import pytest

from replay.errors import UserError
from replay.trace.schema import TLB_RANDOM, Arrival, Cause, Kind, Segment, Sensitive, Wake
from tracegen import abi
from tracegen.mips64.machine import Mips64Machine

EXIT = "lui $t9, 0xbf00\n sd $v1, 8($t9)\n b .\n nop\n"
START = """
.org 0x400
.globl _start
_start:
"""
MASK = (1 << 64) - 1


def _xorshift(x: int) -> int:
    x ^= x << 13 & MASK
    x ^= x >> 7
    return x ^ x << 17 & MASK


def test_random_replacement_follows_the_stated_generator(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """tlbwr's victims are wired + (x >> 32) % (64 - wired) of one xorshift step each, from the run's seed."""
    text = f"{START} daddiu $t0, $0, 5\n mtc0 $t0, $6\n" + "tlbwr\n" * 40 + EXIT
    run = record(assemble(text), seed=9)
    x = (9 * 0x9E3779B97F4A7C15 + 1) & MASK
    expected = []
    for _ in range(40):
        x = _xorshift(x)
        expected.append(5 + (x >> 32) % 59)
    written = run.of(Kind.TLB_WRITE)
    assert expected == [info & ~TLB_RANDOM for info, _ in written]
    assert all(info & TLB_RANDOM for info, _ in written)


def test_probe_and_read_find_what_was_written(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """tlbp finds an entry of the ASID by its pair, tlbr gives it back, and another ASID does not match."""
    text = f"""{START}
  lui $t0, 0x1234
  ori $t0, $t0, 0x6007
  dmtc0 $t0, $10
  daddiu $t1, $0, 0x5a
  dmtc0 $t1, $2
  daddiu $t1, $0, 0x9e
  dmtc0 $t1, $3
  daddiu $t2, $0, 33
  mtc0 $t2, $0
  tlbwi
  mtc0 $0, $0
  tlbp
  mfc0 $s0, $0
  daddiu $t0, $t0, 1
  dmtc0 $t0, $10
  tlbp
  mfc0 $s1, $0
  mtc0 $t2, $0
  dmtc0 $0, $10
  tlbr
  dmfc0 $s2, $10
  dmfc0 $s3, $2
  dmfc0 $s4, $3
{EXIT}"""
    run = record(assemble(text))
    assert [33, 0xFFFFFFFF80000000, 0x12346007, 0x5A, 0x9E] == run.machine.registers[16:21]
    assert [1, 0] == [found for found, _ in run.of(Kind.TLB_PROBE)]


REFILL = """
.org 0x080
  dmfc0 $k0, $20
  daddiu $s0, $s0, 1
  dmfc0 $k1, $4
  ld   $k0, 0($k1)
  ld   $k1, 8($k1)
  dsrl $k0, $k0, 6
  dsrl $k1, $k1, 6
  dmtc0 $k0, $2
  dmtc0 $k1, $3
  tlbwr
  eret
.org 0x180
  daddiu $s1, $s1, 1
  dmfc0 $s2, $8
  dmfc0 $s3, $4
  dmfc0 $s4, $10
  daddiu $k0, $0, 0x2000
  dsll $k0, $k0, 0
  ori  $k0, $0, 0x81f
  dmtc0 $k0, $2
  ori  $k0, $0, 0x85f
  dmtc0 $k0, $3
  tlbwr
  eret
"""


def test_a_refill_that_misses_on_the_page_table_nests(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The handler's load of the linear table misses at the general vector, EPC stays the user's, one eret ends both."""
    text = f"""{REFILL}
{START}
  lui  $t0, 0xc000
  dmtc0 $t0, $4
  dmtc0 $0, $10
  daddiu $t0, $0, 0x20
  mtc0 $t0, $12
  lui  $t1, 0x8002
  lui  $t2, 0x0008
  ori  $t2, $t2, 0x01c6
  sd   $t2, 0x10($t1)
  sd   $t2, 0x18($t1)
  daddiu $t3, $0, 0x2abc
  daddiu $t4, $0, 0x5a
  lui  $t5, 0x8008
  sb   $t4, 0x0abc($t5)
  lb   $s5, 0($t3)
{EXIT}"""
    run = record(assemble(text))
    causes = [info & 31 for info, _ in run.of(Kind.EXCEPTION)]
    assert [Cause.REFILL, Cause.NESTED_REFILL, Cause.REFILL] == causes
    assert [2, 1] == run.machine.registers[16:18]
    assert 0xFFFFFFFFC0000010 == run.machine.registers[18]
    assert 0x5A == run.machine.registers[21]
    assert [1, 1] == [page for _, page in run.of(Kind.SERVICE_EXIT)]
    assert 2 == len(run.of(Kind.RETURN))
    assert {"utlb_refills": 2, "nested_refills": 1} == {
        k: v for k, v in run.machine.statistics.items() if "refills" in k
    }


def test_timer_interrupt_arrives_when_count_meets_compare(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Count moves once every two instructions; the interrupt is taken at the first taken branch from the match on."""
    text = f"""
.org 0x180
  mfc0 $s0, $13
  mfc0 $s1, $9
  dmfc0 $s2, $14
  dmtc0 $s7, $14
  mtc0 $0, $11
  eret
{START}
  lui  $s7, %hi(done)
  addiu $s7, $s7, %lo(done)
  daddiu $t0, $0, 100
  mtc0 $t0, $11
  lui  $t1, 0
  ori  $t1, $t1, 0x8001
  mtc0 $t1, $12
spin: b spin
  nop
done: {EXIT}"""
    run = record(assemble(text))
    assert 0x8000 == run.machine.registers[16] & 0xFF00
    # 7 instructions set up, then 2 per turn: the match is at 200, the first branch from there ends at 201.
    assert 101 == run.machine.registers[17]
    assert 201 + 6 + 2 == run.result.instructions
    assert [(Cause.INTERRUPT, 7)] == run.of(Kind.EXCEPTION)


def test_wait_skips_to_the_timer_and_says_how_far(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """wait emits one IDLE row with the units to the match; they are no instructions, but Count has moved."""
    text = f"""{START}
  daddiu $t0, $0, 1000
  mtc0 $t0, $11
  ori  $t1, $0, 0x8000
  mtc0 $t1, $12
  wait
  mfc0 $s0, $9
{EXIT}"""
    run = record(assemble(text))
    assert [(Wake.TIMER, 2000 - 5)] == run.of(Kind.IDLE)
    assert 1000 == run.machine.registers[16]
    assert 5 + 1 + 2 == run.result.instructions


def test_wait_that_nothing_can_end_stops_the_run(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A wait with the timer masked ends the run and says so; the trace is marked cut short."""
    run = record(assemble(f"{START} wait\n{EXIT}"))
    assert run.result.status is None
    assert "nothing can wake it" in run.result.reason
    assert [(1, 0)] == run.of(Kind.END)


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    "branch", ["beq $t0, $t1, away", "bnel $t0, $t2, away", "bltzal $t3, away", "jal away", "jr $t8"]
)
def test_delay_slot_on_the_next_page_runs_before_the_target(assemble, record, branch, taken) -> None:  # type: ignore[no-untyped-def]
    """A branch in a page's last word runs its slot from the next page; counts and the link register are exact."""
    always = branch.startswith("j")
    if always and not taken:
        branch, always = "bne $0, $0, away", False
    text = f"""{START}
  daddiu $t0, $0, 3
  daddiu $t1, $0, {3 if taken else 4}
  daddiu $t2, $0, {4 if taken else 3}
  daddiu $t3, $0, {-1 if taken else 1}
  lui  $t8, %hi(away)
  addiu $t8, $t8, %lo(away)
  daddiu $ra, $0, 0
  b edge
  nop
.org 0xffc
edge: {branch}
  daddiu $s0, $s0, 1
  daddiu $s1, $s1, 1
away: {EXIT}"""
    run = record(assemble(text))
    nullified = "bnel" in branch and not taken
    assert [0 if nullified else 1, 0 if taken else 1] == run.machine.registers[16:18]
    linked = "al" in branch
    assert (0xFFFFFFFF80001004 if linked else 0) == run.machine.registers[31]
    assert 9 + 2 - nullified + (not taken) + 2 == run.result.instructions
    assert run.result.instructions == sum(row[4] for row in run.rows)
    offsets = [info & 0xFFF for info, _ in run.of(Kind.FETCH)]
    assert [0x400, 0xFFC, 4 if nullified else 0] == offsets[:3]
    arrivals = [info >> 12 for info, _ in run.of(Kind.FETCH)]
    assert taken == (arrivals[-1] in (Arrival.JUMP, Arrival.CALL, Arrival.INDIRECT))


def test_store_to_lowered_code_takes_effect(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A loop whose body is overwritten runs the new instruction at its next turn."""
    text = f"""{START}
  lui  $t0, %hi(patch)
  addiu $t0, $t0, %lo(patch)
  lui  $t1, %hi(new)
  lwu  $t1, %lo(new)($t1)
  daddiu $t2, $0, 3
again:
patch: daddiu $s0, $s0, 1
  sw   $t1, 0($t0)
  daddiu $t2, $t2, -1
  bnez $t2, again
  nop
  {EXIT}
.org 0x800
new: daddiu $s0, $s0, 100"""
    assert 201 == record(assemble(text)).machine.registers[16]


def test_privileged_instruction_counts_are_exact(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Every executed coprocessor-0 instruction gives one SENSITIVE row; mtc0 says whether the value changed."""
    text = f"""{START}
  daddiu $t0, $0, 20
loop: mtc0 $0, $2
  mtc0 $t0, $3
  mfc0 $t1, $12
  cache 0, 0($sp)
  tlbp
  daddiu $t0, $t0, -1
  bnez $t0, loop
  nop
{EXIT}"""
    run = record(assemble(text))
    sites = [info for info, _ in run.of(Kind.SITE)]
    assert [Sensitive.MTC0, Sensitive.MTC0, Sensitive.MFC0, Sensitive.CACHE, Sensitive.TLBP] == sites
    counts = {site: [info for info, page in run.of(Kind.SENSITIVE) if page == site] for site in range(1, 6)}
    assert [20, 20, 20, 20, 20] == [len(rows) for rows in counts.values()]
    assert [0, 20] == [sum(counts[1]), sum(counts[2])]


def test_store_to_an_announced_table_page_gives_an_entry_row(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """The ENTRY row follows the STORE row and carries index, level, mapped page, old and new entry and the frame."""
    text = f"""{START}
  ori $a0, $0, 0x30
  ori $a1, $0, 0
  ori $0, $0, {abi.Announce.TABLE_ALLOC}
  ori $a1, $0, 5
  ori $a2, $0, 0x200
  ori $a3, $0, 0
  ori $0, $0, {abi.Announce.TABLE_LINK}
  lui $t0, 0x8003
  ori $t1, $0, 0x61c7
  sd  $t1, 0x18($t0)
{EXIT}"""
    run = record(assemble(text))
    kinds = [row[0] for row in run.rows]
    at = kinds.index(Kind.ENTRY)
    assert [Kind.STORE8, Kind.EXTRA, Kind.EXTRA, Kind.PAGE, Kind.EXTRA, Kind.EXTRA, Kind.EXTRA] == kinds[at - 7 : at]
    new = run.rows[at - 2]
    assert 6 == (new[3] | new[2] << 32) >> 12
    assert 3 == run.rows[at][2]
    page = run.rows[at - 4]
    assert page[3] == run.rows[at][3]
    assert [0x203, 5 << 4] == [run.rows[at - 6][3], run.rows[at - 5][3]]
    assert 0x30 == run.rows[at - 1][3]
    assert 8 + 2 == run.result.instructions


def test_page_mask_is_refused(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A guest that wants larger pages is told that this machine has none."""
    with pytest.raises(UserError, match="PageMask"):
        record(assemble(f"{START} ori $t0, $0, 0x6000\n mtc0 $t0, $5\n{EXIT}"))


def test_recording_does_not_change_the_run(assemble) -> None:  # type: ignore[no-untyped-def]
    """With and without a trace: the same instructions, registers and memory, also with random victims and a timer."""
    loop = "loop: tlbwr\n mfc0 $t1, $1\n daddu $v1, $v1, $t1\n mfc0 $t2, $9\n xor $v1, $v1, $t2\n"
    loop += "daddiu $t0, $t0, -1\n bgtz $t0, loop\n nop\n"
    text = f"{REFILL}{START} daddiu $t0, $0, 500\n{loop}{EXIT}"
    image = assemble(text)
    plain, traced = (Mips64Machine(image, memory_bytes=1 << 20) for _ in range(2))
    assert plain.run(max_instructions=100_000) == traced.run(sink=lambda w, n: None, max_instructions=100_000)
    assert plain.registers == traced.registers


@pytest.mark.parametrize("seed", range(12))
def test_random_words_never_crash_the_emulator(assemble, record, seed) -> None:  # type: ignore[no-untyped-def]
    """A guest of random words, biased to valid opcodes, ends by its limit, its exit or a stated reason."""
    chance = random.Random(seed)
    words = []
    for _ in range(3000):
        word = chance.getrandbits(32)
        kind = chance.random()
        if kind < 0.3:
            word = word & 0x03FFFFFF | chance.choice((0x10, 0, 1, 0x23, 0x2B, 0x3F, 0x37, 4, 5, 0x22, 0x2C)) << 26
        elif kind < 0.4:
            word = 0x42000000 | chance.choice((1, 2, 6, 8, 24, 32))
        elif kind < 0.5:
            word = 0x40800000 | word & 0x003FF800
        words.append(word)
    machine = Mips64Machine(assemble(f"{START} nop"), memory_bytes=1 << 20, seed=seed)
    machine.write(0, struct.pack(f">{len(words)}I", *words))
    sums = [0, 0]

    def sink(rows, counts) -> None:  # type: ignore[no-untyped-def]
        sums[0] += len(rows)
        sums[1] += int(counts.sum())

    with contextlib.suppress(UserError):  # it may have written PageMask
        assert machine.run(sink=sink, max_instructions=30_000).reason
    assert sums[1] == machine.instructions


def announce(code: abi.Announce, *arguments: int) -> str:
    """Assembly of an announcement with its arguments in a0 and up."""
    loads = "".join(f"  ori $a{i}, $0, {value}\n" for i, value in enumerate(arguments))
    return f"{loads}  ori $0, $0, {code}\n"


def services(run) -> list[tuple[Kind, int]]:  # type: ignore[no-untyped-def]
    """The rows that say which service is current, with thread switches."""
    kinds = (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT, Kind.THREAD_SWITCH)
    return [(Kind(kind), page) for kind, _, _, page, _ in run.rows if kind in kinds]


def test_services_stay_with_the_thread_that_opened_them(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A switch leaves what is open to the thread that stops, and goes on in what the other one had open."""
    enter, leave, switch = abi.Announce.SERVICE_ENTER, abi.Announce.SERVICE_EXIT, abi.Announce.THREAD_SWITCH
    text = [START, announce(switch, 0, 1), announce(enter, 40), announce(enter, 41), announce(switch, 1, 2)]
    text += [announce(enter, 50), announce(switch, 2, 1), announce(leave), announce(switch, 1, 2), announce(leave)]
    run = record(assemble("".join([*text, announce(switch, 2, 0), EXIT])))
    entered, left, switched = Kind.SERVICE_ENTER, Kind.SERVICE_EXIT, Kind.THREAD_SWITCH

    assert [
        *[(entered, 1), (switched, 1), (left, 0), (entered, 40), (entered, 41)],
        *[(switched, 2), (left, 0), (entered, 50), (switched, 1), (left, 41), (left, 40)],
        *[(switched, 2), (left, 50), (left, 0), (switched, 0), (left, 1)],
    ] == services(run)


def test_a_new_thread_begins_in_the_service_that_made_it(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """A thread that gets a space before it runs begins in the present service; numbers too large keep no services."""
    enter, space, switch = abi.Announce.SERVICE_ENTER, abi.Announce.THREAD_SPACE, abi.Announce.THREAD_SWITCH
    text = [START, announce(switch, 0, 1), announce(enter, 40), announce(space, 1, 7), announce(switch, 1, 2)]
    text += [
        announce(switch, 2, 1),
        announce(switch, 1, 2),
        announce(enter, 60),
        announce(space, 1, 8),
        announce(switch, 2, 1),
    ]
    text += [announce(switch, 1, 5000), announce(enter, 70), announce(switch, 5000, 1), announce(switch, 1, 5000)]
    run = record(assemble("".join([*text, EXIT])))

    assert [0, 0, 40, 0, 60, 0, 60, 0] == [page for kind, page in services(run) if kind == Kind.SERVICE_EXIT]


def test_an_entry_for_an_unmapped_address_is_recorded_as_such(assemble, record) -> None:  # type: ignore[no-untyped-def]
    """Writing a kseg0 address, which nothing ever looks up, is how an entry is cleared: its page is an unmapped one."""
    run = record(assemble(f"{START} lui $t0, 0x8002\n dmtc0 $t0, $10\n tlbwi\n {EXIT}"))
    ((_, page),) = run.of(Kind.TLB_WRITE)

    assert (Segment.UNMAPPED, page) in run.of(Kind.PAGE)
