"""The guest on the emulated machine: right answers, refusals, clean ends, and a trace that says what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

from replay.trace.schema import CAUSE_MASK, Arrival, Cause, Kind, Mode
from tracegen import abi, build, template
from tracegen.machine import Machine
from tracegen.writer import unpack

MEBI = 1 << 20
WORD = (1 << 64) - 1


class Run(NamedTuple):
    """How a run ended, and its rows where they were wanted."""

    status: int
    console: str
    instructions: int
    rows: dict[str, np.ndarray]


Boot = Callable[..., Run]


@pytest.fixture(scope="module")
def boot() -> Boot:
    """Boots the guest with a boot argument string and runs it to its end."""
    image = build.image()

    def run(line: str, memory_bytes: int = 64 * MEBI, *, seed: int = 1) -> Run:
        chunks: list[dict[str, np.ndarray]] = []
        machine = Machine(image.data, memory_bytes=memory_bytes, seed=seed, arguments=line.split())
        result = machine.run(sink=lambda words, counts: chunks.append(unpack(words, counts)))
        rows = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        assert result.reason == "exit"
        return Run(result.status, result.console.decode(), result.instructions, rows)

    return run


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


def test_guest_passes_its_own_tests(boot: Boot) -> None:
    """Every test that the guest holds for itself passes."""
    run = boot("usertests")
    names = ("data", "heap", "sweep", "delay_slot", "stack", "copies", "interrupts", "refusals")

    assert "".join(f"{name}: ok\n" for name in names) == run.console
    assert run.status == 0


FATAL = {
    "null": (abi.Status.FAULT, "bad address", "cause 3 address 0x0"),
    "misaligned": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address 0x402001"),
    "kernel": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address 0xffffffff80000000"),
    "window": (abi.Status.FAULT, "misaligned or privileged address", "cause 4 address 0xffffffffc0000000"),
    "text": (abi.Status.FAULT, "store to read-only memory", "cause 1 address 0x"),
    "beyond": (abi.Status.FAULT, "bad address", "cause 2 address 0x100402000"),
    "jump": (abi.Status.FAULT, "bad address", "cause 2 address 0x70000000"),
    "stack": (abi.Status.FAULT, "bad address", "cause 3 address 0x7fefff"),
    "memory": (abi.Status.NO_MEMORY, "out of memory", "cause 3 address 0x"),
    "reserved": (abi.Status.ILLEGAL, "reserved instruction", "cause 10"),
    "break": (abi.Status.ILLEGAL, "break", "cause 9"),
    "privileged": (abi.Status.ILLEGAL, "privileged instruction", "cause 11"),
    "overflow": (abi.Status.ILLEGAL, "overflow", "cause 12"),
}


@pytest.mark.parametrize("name", FATAL)
def test_user_fault_ends_cleanly(boot: Boot, name: str) -> None:
    """A process that cannot go on ends the run with one line that says why and where, and a status that says so."""
    status, why, facts = FATAL[name]
    run = boot(f"usertests {name}", 8 * MEBI)

    assert status == run.status
    assert run.console.startswith(f"usertests: killed: {why}: pc 0x")
    assert facts in run.console
    assert 1 == run.console.count("\n")


@pytest.mark.parametrize(
    ("line", "memory_bytes", "status", "console"),
    [
        ("gups 1048576 1", 4 * MEBI, 3, "gups: out of memory\n"),
        ("gups 1000 1", 64 * MEBI, 2, "gups: table words must be a power of two\n"),
        ("gups 512", 64 * MEBI, 2, "gups: an argument is missing or not a number\n"),
        ("radix 5 99999999999999999999", 64 * MEBI, 2, "radix: an argument is missing or not a number\n"),
        ("radix 5 3", 64 * MEBI, 2, "radix: keys must be positive and the radix a power of two\n"),
        ("compile", 64 * MEBI, 2, "compile: no such program\n"),
        ("", 64 * MEBI, 2, ": no such program\n"),
        ("a b c d e f g h i", 64 * MEBI, abi.Status.PANIC, "panic: too many boot arguments\n"),
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


def crossings(rows: dict[str, np.ndarray]) -> Iterator[tuple[Cause, int, Kind]]:
    """(cause, instructions retired before it was left, EXCEPTION or RETURN that left it) of each exception's code."""
    kinds, counts, infos = (rows[name].tolist() for name in ("kind", "n", "info"))
    cause, retired = None, 0
    for kind, n, info in zip(kinds, counts, infos, strict=True):
        retired += n
        if kind in {Kind.EXCEPTION, Kind.RETURN}:
            if cause is not None:
                yield cause, retired, Kind(kind)
            cause, retired = (Cause(info & CAUSE_MASK) if kind == Kind.EXCEPTION else None), 0


def test_machine_executes_what_the_template_says(boot: Boot, image_template: dict[str, dict[str, int]]) -> None:
    """Each refill retires the template's instructions: all of them, or up to the nested miss; so does each nested one."""
    found = set(crossings(boot("radix 20000 256").rows))

    assert {
        (Cause.REFILL, image_template["full"]["instructions"], Kind.RETURN),
        (Cause.REFILL, image_template["aborted"]["instructions"], Kind.EXCEPTION),
        (Cause.NESTED_REFILL, image_template["nested"]["instructions"], Kind.RETURN),
    } == {crossing for crossing in found if crossing[0] in {Cause.REFILL, Cause.NESTED_REFILL}}
