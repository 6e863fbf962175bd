"""engineering in the guest: its circuits and memory systems end as plain ones do that know no events and no caches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tracegen import build

from .chance import Chance, digest

Boot = Callable[..., Any]
LEVELS, DELAYS, NEAR, NODES = 16, 4, 32, 8
GATES: tuple[Callable[[int, int, int], int], ...] = (
    lambda a, b, _: a & b,
    lambda a, b, _: a | b,
    lambda a, b, _: a ^ b,
    lambda a, b, _: 1 - (a & b),
    lambda a, b, _: 1 - (a | b),
    lambda a, b, c: a if c else b,
)


def netlist(chance: Chance, width: int) -> tuple[list[tuple[int, list[int]]], list[int]]:
    """The gates as (kind, inputs), and the gate that each register takes over; a level has ``width`` signals."""
    gates = []
    for index in range(width, width * (LEVELS + 1)):
        kind, _delay, inputs = chance.below(len(GATES)), chance.below(DELAYS), []
        for _ in range(3):
            level, near = index // width * width, index - width + chance.below(NEAR)
            inputs.append(near if chance.below(3) and near < level else chance.below(level))
        gates.append((kind, inputs))
    return gates, [width + chance.below(LEVELS * width) for _ in range(width - width // 4)]


def circuit_digest(gates: int, cycles: int, seed: int) -> int:
    """Of each input and register in each cycle, 64 cycles at a time; every gate is evaluated once in every cycle."""
    chance, width = Chance(seed), gates // LEVELS
    netlist_of, taken = netlist(chance, width)
    inputs = width // 4
    value, of = [0] * width, []
    history = [0] * width
    for cycle in range(-1, cycles):
        if cycle >= 0:
            words = [chance.word() for _ in range(-(-inputs // 64))]
            value = [words[i // 64] >> i % 64 & 1 for i in range(inputs)] + [value[i] for i in taken]
            history = [h | v << cycle % 64 for h, v in zip(history, value, strict=True)]
        for kind, (a, b, c) in netlist_of:
            value.append(GATES[kind](value[a], value[b], value[c]))
        if cycle >= 0 and (cycle % 64 == 63 or cycle == cycles - 1):
            of += history
            history = [0] * width
    return digest(of)


def memory_digest(lines: int, accesses: int, seed: int) -> int:
    """Of how often each line is stored to."""
    stores = Counter[int]()
    part = lines // (2 * NODES)
    for node in range(NODES):
        chance = Chance(seed * NODES + node)
        for _ in range(accesses // NODES):
            match chance.below(6):
                case 0 | 1 | 2:
                    line = node * part + chance.below(part // 16)
                case 3:
                    line = node * part + chance.below(part)
                case _:
                    reach = lines // 2 >> chance.below(8)
                    line = lines // 2 + chance.below(reach)
            stores[line] += chance.below(4) == 0
    return digest(stores[line] for line in range(lines))


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize(
    ("sizes", "vcpus"),
    [((1, 256, 1, 1, 512, 8), 1), ((3, 600, 130, 2, 512, 4000), 1), ((0, 256, 1, 4, 5000, 3000), 4)],
)
def test_simulations_end_in_the_independent_state(boot_on: Boot, cpu: str, sizes: tuple[int, ...], vcpus: int) -> None:
    """Signals of each cycle and versions of each line are those of plain twins, and the guest's own checks hold."""
    circuits, gates, cycles, memories, lines, accesses = sizes
    run = boot_on(cpu, f"engineering {' '.join(map(str, sizes))}", vcpus=vcpus)
    of_circuits = digest(circuit_digest(gates, cycles, seed) for seed in range(circuits))
    of_memories = digest(memory_digest(lines, accesses, seed) for seed in range(memories))

    assert [
        f"engineering: {circuits} circuits, N events, digest {of_circuits:#x}, 0 wrong",
        f"engineering: {memories} memory systems, N misses, digest {of_memories:#x}, 0 wrong",
    ] == re.sub(r"\d+ (events|misses)", r"N \1", run.console).splitlines()
    assert 0 == run.status
