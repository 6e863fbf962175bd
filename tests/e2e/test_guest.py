"""The guest on the emulated machine: right answers, refusals, clean ends, and a trace that says what happened."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay.trace.schema import CAUSE_MASK, FOUND_TO_BE, Cause, Kind, Mode
from tracegen import abi, build, filesystem
from tracegen.machine import make

MEBI = 1 << 20
WORD = (1 << 64) - 1
LEVEL_SHIFT = 12
"""Of an ENTRY row's ``info``."""
CROSSINGS = (Kind.SERVICE_ENTER, Kind.SERVICE_EXIT, Kind.RETURN, Kind.THREAD_SWITCH, Kind.THREAD_SPACE)

Boot = Callable[..., Any]
Run = Any


def count(run: Run, cause: Cause) -> int:
    """Exceptions of one cause."""
    taken = run.rows["kind"] == Kind.EXCEPTION
    return int((run.rows["info"][taken] & CAUSE_MASK == cause).sum())


def services_of(run: Run) -> np.ndarray:
    """The service that each row is in; a row that says so is in the new one."""
    kinds, pages = run.rows["kind"], run.rows["page"]
    says = np.union1d([0], np.flatnonzero(np.isin(kinds, [Kind.SERVICE_ENTER, Kind.SERVICE_EXIT])))
    return np.repeat(pages[says], np.diff(says, append=kinds.size))


@pytest.fixture(scope="module", params=build.CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    """Each CPU that there is a guest for."""
    return str(request.param)


@pytest.fixture(scope="module")
def boot(cpu: str, boot_on: Boot) -> Boot:
    """Boots the guest with a boot argument string and runs it to its end."""
    return partial(boot_on, cpu)


def polynomial_sum(values: list[int]) -> int:
    """Each value and its place, in 64 bits."""
    total = 0
    for value in values:
        total = total * 31 + value & WORD
    return total


def gups_output(words: int, updates: int) -> str:
    """What gups must print, computed independently."""
    table, random = list(range(words)), 1
    for _ in range(updates):
        random = random << 1 & WORD ^ (7 if random >> 63 else 0)
        table[random % words] ^= random
    return f"gups: {words} words, {updates} updates, checksum {polynomial_sum(table):#x}, 0 wrong\n"


def radix_output(keys: int, radix: int) -> str:
    """What radix must print, computed independently: Python sorts."""
    state, made = 1, []
    for _ in range(keys):
        state = state * 6364136223846793005 + 1442695040888963407 & WORD
        made.append((state >> 33) % (1 << 19))
    passes = -(-19 // (radix.bit_length() - 1))
    return f"radix: {keys} keys, radix {radix}, {passes} passes, checksum {polynomial_sum(sorted(made)):#x}, sorted\n"


@pytest.mark.parametrize(("words", "updates"), [(512, 1), (1024, 5000), (65536, 2000)])
def test_gups_gives_the_independent_answer(boot: Boot, words: int, updates: int) -> None:
    """The guest's gups ends with status 0 and the checksum that Python computes."""
    run = boot(f"gups {words} {updates}")

    assert (0, gups_output(words, updates)) == (run.status, run.console)


@pytest.mark.parametrize(("keys", "radix"), [(1, 2), (1000, 2), (5000, 1024), (20000, 256), (3000, 65536)])
def test_radix_gives_the_independent_answer(boot: Boot, keys: int, radix: int) -> None:
    """The guest's radix ends with status 0 and the checksum of the keys as Python sorts them."""
    run = boot(f"radix {keys} {radix}")

    assert (0, radix_output(keys, radix)) == (run.status, run.console)


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ("forkwait 70", "forkwait: 70 children, 0 wrong\n"),
        ("largeram 300 2", "largeram: 300 pages, 2 rounds, 0 wrong\n"),
    ],
)
def test_processes_that_come_and_go_check_themselves(boot: Boot, line: str, output: str) -> None:
    """forkwait and largeram end with status 0, every child waited for and every word as it was written."""
    run = boot(line)

    assert (0, output) == (run.status, run.console)


TESTS = (
    *("data", "soft_bits", "heap", "sweep", "restart", "stack", "copies", "interrupts", "refusals", "isolation"),
    *("shared_pages", "statuses", "orphans", "faults", "execution", "preemption", "sleeping", "killing", "pipe_order"),
    *("half_read", "pipe_ends", "descriptors", "files", "refused_names", "big_file", "names", "many_files"),
    *("directories", "refused_directories", "links", "listing", "disk_full", "modification", "appenders"),
    *("redirection", "damaged_programs", "command_lines", "running_program", "reading_without_memory"),
    *("float_arithmetic", "float_modes", "float_turns", "float_forks", "float_programs", "threads_share"),
    *("locked_counter", "atomic_counter", "barriers", "futexes", "fork_of_threads", "unmap_of_threads"),
    *("thread_ends", "thread_chains"),
    *("fork_storm", "signals", "fault_signals", "interruptions", "woken", "signals_of_programs", "selection"),
    *("datagrams", "refused_sockets", "streams", "stream_ends", "many_connections", "sockets_out", "socket_selection"),
    *("memory_map", "protection", "shared_memory", "private_file", "shared_file", "refused_maps", "copies_of_maps"),
    *("pages_out", "many", "processes_out", "refusals_for_memory", "memory_out"),
)


@pytest.fixture(scope="module")
def tested(boot: Boot) -> Run:
    """The guest's own tests, with little memory because they use up what there is."""
    return boot("usertests", 16 * MEBI)


def test_guest_passes_its_own_tests(tested: Run) -> None:
    """Every test that the guest holds for itself passes, and no page or block is lost."""
    verdicts = [line for line in tested.console.splitlines() if line.endswith((": ok", "FAILED", "PAGES", "BLOCKS"))]

    assert [f"{name}: ok" for name in TESTS] == verdicts
    assert tested.console.endswith("pages and blocks: all back\n")
    assert 0 == tested.status
    assert count(tested, Cause.STALE) == 0


@pytest.mark.parametrize(("memory", "disk"), [(8, 2), (64, 16)])
def test_guest_tests_fit_what_there_is(memory: int, disk: int) -> None:
    """With less memory and disk, and with the default machine's, the tests pass and say the same on each CPU."""
    said = set()
    for on in build.CPUS:
        image = build.image(on)
        disk_image = filesystem.fit(image.disk, disk * MEBI)
        result = make(on, image.data, memory * MEBI, 1, ["usertests"], disk=disk_image).run()
        assert 0 == result.status
        said.add(re.sub(rb"killed: .*", b"killed", result.console))

    assert 1 == len(said)


def test_guest_works_with_hardly_any_buffers(cpu: str, tmp_path: Path) -> None:
    """With nine buffers, of which one may be newer than the disk, processes take each other's and all get on."""
    guest = Path(shutil.copytree(build.GUEST, tmp_path / "guest"))
    limits = guest / "kernel" / "param.h"
    text = limits.read_text()
    for name, value in (("MAX_BUFFERS", 9), ("MAX_DIRTY", 1), ("BUFFER_CHAINS", 2), ("RESERVED_PAGES", 1)):
        text, found = re.subn(rf"#define {name} \d+", f"#define {name} {value}", text)
        assert 1 == found
    limits.write_text(text)
    kernel = build.link(cpu, guest, build.KERNELS["full"], f"{build.ARCH}/{cpu}/kernel/kernel.ld", tmp_path)
    disk = filesystem.fit(build.image(cpu).disk, 2 * MEBI)
    machine = make(cpu, kernel, 8 * MEBI, 1, ["usertests"], disk=disk)
    result = machine.run()

    assert (0, True) == (result.status, result.console.endswith(b"pages and blocks: all back\n"))


def in_use(disk: bytes) -> int:
    """Blocks that the bitmap of a disk marks."""
    bitmap = disk[abi.FS_BITMAP * abi.PAGE_BYTES :][: abi.FS_BITMAP_BLOCKS * abi.PAGE_BYTES]
    return int.from_bytes(bitmap).bit_count()


def test_the_disk_is_as_the_guest_says(cpu: str, boot: Boot, tested: Run) -> None:
    """Read from outside: the tests leave the disk's files and blocks as they were; a file that one leaves is there."""
    image = build.image(cpu)
    kept = boot("usertests exit")
    before = filesystem.fit(image.disk, len(kept.disk))

    assert filesystem.read(image.disk) == filesystem.read(tested.disk)
    assert in_use(before) == in_use(tested.disk)
    assert filesystem.read(image.disk) | {"kept": b"to the end"} == filesystem.read(kept.disk)
    assert in_use(before) + 1 == in_use(kept.disk)


def test_the_disk_is_the_drivers(tested: Run) -> None:
    """Requests are made in service DISK, one after the other, and each is completed and interrupts."""
    kinds, pages = tested.rows["kind"], tested.rows["page"]
    requests, completed, raised = (np.flatnonzero(kinds == k) for k in (Kind.REQUEST, Kind.COMPLETE, Kind.INTERRUPT))

    assert {int(abi.Service.DISK)} == set(services_of(tested)[requests].tolist())
    assert list(range(1, requests.size + 1)) == pages[requests].tolist() == pages[completed].tolist()
    assert requests.size > 200
    assert (requests < completed).all()
    assert (completed[:-1] < requests[1:]).all()
    assert pages[requests].tolist() == pages[raised].tolist()


def test_no_page_is_freed_that_holds_a_table(tested: Run) -> None:
    """Pages whose last user goes are announced, and none of them is a page table then."""
    kinds, pages = tested.rows["kind"], tested.rows["page"]
    freed, tables = Counter[int](), set[int]()
    chosen = np.flatnonzero(np.isin(kinds, [Kind.FREED, Kind.TABLE_ALLOC, Kind.TABLE_FREE]))
    for kind, frame in zip(kinds[chosen].tolist(), pages[chosen].tolist(), strict=True):
        if kind == Kind.TABLE_ALLOC:
            tables.add(frame)
        elif kind == Kind.TABLE_FREE:
            tables.remove(frame)
        else:
            assert frame not in tables
            freed[frame] += 1

    assert sum(freed.values()) > 10_000


def test_each_copy_is_made_for_a_store(tested: Run) -> None:
    """A page is copied at a store while others hold it, and where a page that comes in is one to be stored to."""
    kinds, pages = tested.rows["kind"], tested.rows["page"]
    entered = np.flatnonzero((kinds == Kind.SERVICE_ENTER) & (pages == abi.Service.PAGE_COPY))
    owners = Counter(services_of(tested)[entered - 1].tolist())

    # A system call that stores to a page of its process brings that in itself, if it comes from a file.
    read = abi.SYSCALL_SERVICE + abi.Syscall.READ
    assert {int(abi.Service.FILE_FAULT), int(abi.Service.COW_FAULT), read} == set(owners)
    assert 0 < owners[abi.Service.COW_FAULT] < count(tested, Cause.COPY_ON_WRITE)


def test_spaces_and_tables_are_given_back(tested: Run) -> None:
    """Each space but the one the first process ends with is destroyed, its tables freed, and no id comes again."""
    kinds, pages = tested.rows["kind"], tested.rows["page"]
    created, destroyed = (pages[kinds == k].tolist() for k in (Kind.SPACE_CREATE, Kind.SPACE_DESTROY))
    tables = Counter(pages[kinds == Kind.TABLE_ALLOC].tolist())

    assert list(range(1, len(created) + 1)) == created
    assert {2} == set(created) - set(destroyed)
    assert len(created) > 300
    assert pages[kinds == Kind.TABLE_UNLINK].tolist() == pages[kinds == Kind.TABLE_FREE].tolist()
    assert set() == set(Counter(pages[kinds == Kind.TABLE_FREE].tolist()) - tables)


def test_services_follow_their_thread(tested: Run) -> None:
    """User mode is service USER, and a return there ends the service of the same thread's exception, or its birth."""
    kinds, pages, info = (tested.rows[name] for name in ("kind", "page", "info"))
    crossings = np.flatnonzero(np.isin(kinds, CROSSINGS))
    thread = service = 0
    opened: dict[int, int] = {}
    from_user, ends = True, Counter[str]()
    for kind, page, mode in zip(*(a[crossings].tolist() for a in (kinds, pages, info)), strict=True):
        if kind == Kind.THREAD_SWITCH:
            thread = page
        elif kind == Kind.THREAD_SPACE and page != thread:
            opened[page] = service
        elif kind == Kind.SERVICE_ENTER and mode & FOUND_TO_BE:
            opened[thread] = page if opened[thread] == service else opened[thread]
            service = page
        elif kind == Kind.SERVICE_ENTER:
            opened[thread] = page if from_user else opened.get(thread, page)
            service, from_user = page, False
        elif kind == Kind.SERVICE_EXIT:
            service, from_user = page, page == abi.Service.USER
        elif kind == Kind.RETURN and mode == Mode.USER:
            ends["same" if service == opened[thread] else "other"] += 1
            opened.pop(thread)

    assert {"same"} == set(ends)
    assert int((kinds == Kind.THREAD_SWITCH).sum()) > 700
    assert 0 == services_of(tested)[tested.rows["ctx"] >> 4 == Mode.USER].max()


FATAL = {
    "mips64": {
        "null": (abi.Status.FAULT, "bad address", "cause 3 address 0x0"),
        "misaligned": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address {odd:#x}"),
        "kernel": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address 0xffffffff80000000"),
        "forbidden": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address 0xffffffffc0000000"),
        "text": (abi.Status.FAULT, "store to read-only memory", "cause 1 address 0x"),
        "beyond": (abi.Status.FAULT, "bad address", "cause 2 address {beyond:#x}"),
        "jump": (abi.Status.FAULT, "bad address", "cause 2 address 0x70000000"),
        "data": (abi.Status.FAULT, "bad address", "cause 2 address 0x"),
        "stack": (abi.Status.FAULT, "bad address", "cause 3 address 0x7fefff"),
        "memory": (abi.Status.NO_MEMORY, "out of memory", "cause 3 address 0x"),
        "reserved": (abi.Status.ILLEGAL, "reserved instruction", "cause 10"),
        "break": (abi.Status.ILLEGAL, "break", "cause 9"),
        "privileged": (abi.Status.ILLEGAL, "privileged instruction", "cause 11"),
        "arithmetic": (abi.Status.ILLEGAL, "overflow", "cause 12"),
    },
    "x86-64": {
        "null": (abi.Status.FAULT, "bad address", "cause 14 address 0x0"),
        "kernel": (abi.Status.FAULT, "privileged address", "cause 14 address 0xffffffff80000000"),
        "forbidden": (abi.Status.ILLEGAL, "privileged instruction or address", "cause 13"),
        "text": (abi.Status.FAULT, "store to read-only memory", "cause 14 address 0x"),
        "beyond": (abi.Status.FAULT, "bad address", "cause 14 address {beyond:#x}"),
        "jump": (abi.Status.FAULT, "bad address", "cause 14 address 0x70000000"),
        "data": (abi.Status.FAULT, "jump to data", "cause 14 address 0x"),
        "stack": (abi.Status.FAULT, "bad address", "cause 14 address 0x7fefff"),
        "memory": (abi.Status.NO_MEMORY, "out of memory", "cause 14 address 0x"),
        "reserved": (abi.Status.ILLEGAL, "reserved instruction", "cause 6"),
        "break": (abi.Status.ILLEGAL, "break", "cause 3"),
        "privileged": (abi.Status.ILLEGAL, "privileged instruction or address", "cause 13"),
        "arithmetic": (abi.Status.ILLEGAL, "division", "cause 0"),
    },
}
"""CPU -> test that is fatal -> the run's status, why, and what else the console says."""


@pytest.mark.parametrize(("on", "name"), [(on, name) for on, names in FATAL.items() for name in names])
def test_user_fault_ends_cleanly(boot_on: Boot, on: str, name: str) -> None:
    """A process that cannot go on ends the run with one line that says why and where, and a status that says so."""
    status, why, facts = FATAL[on][name]
    at = next(s.address for s in build.image(on).symbols if s.name == "usertests:initialised")
    facts = facts.format(odd=at + 1, beyond=at + (1 << 32))
    run = boot_on(on, f"usertests {name}", 8 * MEBI)

    assert status == run.status
    assert run.console.startswith(f"usertests: killed: {why}: pc 0x")
    assert facts in run.console
    assert 1 == run.console.count("\n")


@pytest.mark.parametrize(
    ("line", "memory_bytes", "status", "console"),
    [
        ("usertests deadlock", 8 * MEBI, abi.Status.PANIC, "panic: every process waits for another\n"),
        ("gups 1048576 1", 4 * MEBI, abi.Status.NO_MEMORY, "gups: out of memory\n"),
        ("gups 1000 1", 64 * MEBI, 2, "gups: table words must be a power of two\n"),
        ("gups 512", 64 * MEBI, 2, "gups: an argument is missing or not a number\n"),
        ("radix 5 99999999999999999999", 64 * MEBI, 2, "radix: an argument is missing or not a number\n"),
        ("radix 5 3", 64 * MEBI, 2, "radix: keys must be positive and the radix a power of two\n"),
        ("compile", 64 * MEBI, 2, "compile: no such program\n"),
        ("", 64 * MEBI, 2, ": no such program\n"),
        ("a" * 28, 64 * MEBI, 2, "a" * 28 + ": no such program\n"),
        ("a " * 17, 64 * MEBI, abi.Status.PANIC, "panic: too many words in a command line\n"),
        ("a" * 256, 64 * MEBI, abi.Status.PANIC, "panic: boot argument string too long\n"),
    ],
)
def test_guest_refuses_by_itself(boot: Boot, line: str, memory_bytes: int, status: int, console: str) -> None:
    """What the guest cannot run, or has no memory for, is one console line and a status of its own."""
    run = boot(line, memory_bytes)

    assert (status, console) == (run.status, run.console)


def test_largest_workloads_fit_the_default_machine(boot: Boot) -> None:
    """The largest tables that the workloads allow are promised by the kernel at their start."""
    run = boot("gups 4194304 1")

    assert run.status == 0


def test_announcements_tell_what_the_kernel_did(boot: Boot) -> None:
    """A page is zeroed in service PAGE_ZERO, again if it was freed; each table is linked once; one region is marked."""
    run = boot("gups 65536 1000")
    rows, kinds = run.rows, run.rows["kind"]
    current = services_of(run)
    zeroed = kinds == Kind.ZEROED
    tables = rows["page"][kinds == Kind.TABLE_ALLOC]
    again = [frame for frame, n in Counter(rows["page"][zeroed].tolist()).items() if n > 1]

    assert {int(abi.Service.PAGE_ZERO)} == set(current[zeroed].tolist())
    assert set() == set(again) - set(rows["page"][kinds == Kind.FREED].tolist())
    assert tables.tolist() == rows["page"][kinds == Kind.TABLE_LINK].tolist()
    assert set() == set(tables.tolist()) - set(rows["page"][zeroed].tolist())
    assert ([1], [1]) == tuple(rows["page"][kinds == mark].tolist() for mark in (Kind.MARK_BEGIN, Kind.MARK_END))


NOT_PRESENT = {"mips64": 128 + 1 + 2, "x86-64": 128 + 1 + 1 + 1}
"""Of gups: its table, the stack, the bss where that has a page of its own, and its text."""


def test_each_page_is_brought_in_once(cpu: str, boot: Boot) -> None:
    """Once the program runs, each page that was not there gets one entry."""
    run = boot("gups 65536 1000")
    kinds, infos = run.rows["kind"], run.rows["info"]
    services = services_of(run)
    in_user_mode = int(np.argmax((kinds == Kind.RETURN) & (infos == Mode.USER)))
    entries = np.flatnonzero((kinds == Kind.ENTRY) & (infos >> LEVEL_SHIFT == 0))
    brought = np.isin(services[entries[entries > in_user_mode]], [abi.Service.DEMAND_ZERO, abi.Service.FILE_FAULT])

    assert NOT_PRESENT[cpu] == count(run, Cause.NOT_PRESENT) == int(brought.sum())


def test_a_run_is_repeated(boot: Boot) -> None:
    """The same run again has the same rows."""
    first, second = (boot("radix 3000 1024", seed=5) for _ in range(2))

    assert first.console == second.console
    assert all(np.array_equal(first.rows[name], second.rows[name]) for name in first.rows)
