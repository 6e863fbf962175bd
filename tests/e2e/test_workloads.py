"""Workloads on both CPUs at small sizes: each answer is what a slow twin in Python finds, and each region is marked."""

from __future__ import annotations

import itertools
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from replay.trace.schema import Kind
from tracegen import build, filesystem, marks
from tracegen.workloads import WORKLOADS

CPUS = build.CPUS
MASK = (1 << 64) - 1
FIBONACCI, DIGEST = 0x9E3779B97F4A7C15, 0xCBF29CE484222325


class Chance:
    """The guest's numbers by chance, xorshift64*."""

    def __init__(self, seed: int) -> None:
        self.state = (seed + 1) * FIBONACCI & MASK

    def next(self) -> int:
        self.state ^= self.state >> 12
        self.state ^= self.state << 25 & MASK
        self.state ^= self.state >> 27
        return self.state * 0x2545F4914F6CDD1D & MASK

    def below(self, limit: int) -> int:
        return (self.next() >> 32) * limit >> 32


def mixed(values: Any, digest: int = DIGEST) -> int:
    """The guest's digest of ``values`` in their order."""
    for value in values:
        digest = ((digest << 5 | digest >> 59) & MASK ^ value) * 0x100000001B3 & MASK
    return digest


class Ended(NamedTuple):
    """What a run leaves: its last line, and how many regions of each mark began."""

    line: str
    regions: dict[str, int]


@pytest.fixture(params=CPUS)
def run(request: pytest.FixtureRequest, boot_on: Callable[..., Any]) -> Callable[..., Ended]:
    """Runs a workload at these sizes on one CPU; it has to end well, and to end the regions that it begins."""

    def ended(workload: str, **sizes: int) -> Ended:
        done = boot_on(request.param, WORKLOADS[workload].command_line(sizes), disk_bytes=4 << 20)
        assert done.status == 0, done.console
        program = WORKLOADS[workload].program or workload
        names = dict(marks.names(filesystem.read(build.image(request.param).disk)[program]))
        kinds, page = done.rows["kind"], done.rows["page"]
        begun, over = (Counter(page[kinds == kind].tolist()) for kind in (Kind.MARK_BEGIN, Kind.MARK_END))
        assert begun == over
        return Ended(done.console.splitlines()[-1], {names[mark]: n for mark, n in begun.items()})

    return ended


def test_a_pointer_chase_ends_where_the_cycle_says(run: Callable[..., Ended]) -> None:
    """Steps lead along the cycle that Sattolo's shuffle makes, which goes through every page."""
    pages, steps = 300, 1234
    chance, after = Chance(pages), list(range(pages))
    for i in range(pages - 1, 0, -1):
        other = chance.below(i)
        after[i], after[other] = after[other], after[i]
    end = 0
    for _ in range(steps):
        end = after[end]

    done = run("pointer-chase", pages=pages, steps=steps)

    assert f"pointer-chase: {pages} pages, {steps} steps, ends at {end}" == done.line
    assert {"measured": 1} == done.regions


def text_of(chance: Chance, words: list[bytes], size: int) -> bytes:
    """A text of words by chance, cut at ``size``."""
    text = bytearray()
    while len(text) < size:
        text += words[chance.below(1 + chance.below(len(words)))]
    return bytes(text[:size])


def codes_of(text: bytes) -> Iterator[tuple[int, int]]:
    """(Code, bits) of each code that Lempel-Ziv-Welch coding makes of ``text``, which the dictionary has room for."""
    known = {bytes([byte]): byte for byte in range(256)}
    following, met = 257, b""
    for at in range(len(text)):
        longer = met + text[at : at + 1]
        if longer in known:
            met = longer
            continue
        yield known[met], max(9, (following - 1).bit_length())
        known[longer], following, met = following, following + 1, text[at : at + 1]
    yield known[met], max(9, (following - 1).bit_length())


def test_compressed_text_is_what_the_coding_says(run: Callable[..., Ended]) -> None:
    """Each text is compressed to the same bytes as by a dictionary of texts, and comes back whole."""
    size, rounds, chance, words = 20_000, 2, Chance(1), []
    for _ in range(4096):
        letters = 1 + chance.below(9)
        words.append(bytes(ord("a") + chance.below(1 + chance.below(26)) for _ in range(letters)) + b" ")
    packed, digest = 0, DIGEST
    for _ in range(rounds):
        number = place = 0
        for code, bits in codes_of(text_of(chance, words, size)):
            number, place = number | code << place, place + bits
        compressed = number.to_bytes((place + 7) // 8, "little")
        packed, digest = packed + len(compressed), mixed(compressed, digest)

    done = run("compress", bytes=size, rounds=rounds)

    assert f"compress: {size} bytes, {rounds} rounds, {packed} compressed, digest {digest:#x}, 0 wrong" == done.line
    assert {"compress": rounds, "decompress": rounds} == done.regions


def test_a_dictionary_that_is_full_is_forgotten(run: Callable[..., Ended]) -> None:
    """A text with more different parts than there are codes comes back whole, too."""
    assert run("compress", bytes=400_000, rounds=1).line.endswith(", 0 wrong")


def test_searches_find_the_levels_of_the_graph(run: Callable[..., Ended]) -> None:
    """Levels are those that a search of the same graph finds, from each root."""
    vertices, degree, searches = 500, 3, 2
    chance, ends, neighbours = Chance(vertices), list[int](), [list[int]() for _ in range(vertices)]
    for vertex in range(1, vertices):
        before = len(ends)
        for _ in range(degree):
            ends += [vertex, ends[chance.below(before)] if before else 0]
    for one, other in zip(ends[::2], ends[1::2], strict=True):
        neighbours[one].append(other)
        neighbours[other].append(one)
    digest = DIGEST
    for root in range(0, vertices, vertices // searches):
        level, waiting = {root: 0}, deque([root])
        while waiting:
            vertex = waiting.popleft()
            for near in neighbours[vertex]:
                if near not in level:
                    level[near] = level[vertex] + 1
                    waiting.append(near)
        digest = mixed((level[vertex] for vertex in range(vertices)), digest)

    done = run("graph", vertices=vertices, degree=degree, searches=searches)

    edges = degree * (vertices - 1)
    what = f"{vertices} vertices, {edges} edges, {searches} searches, {vertices} reached, digest {digest:#x}, 0 wrong"
    assert f"graph: {what}" == done.line
    assert {"search": searches} == done.regions


def test_a_cache_of_values_hits_as_least_recent_use_says(run: Callable[..., Ended]) -> None:
    """Hits and the values that they give are those of an ordered dictionary that drops what was used longest ago."""
    items, requests, percent = 60, 2000, 20
    chance, sums = Chance(items), np.cumsum([(1 << 40) // (key + 1) for key in range(2 * items)])
    cache, times = OrderedDict[int, int](), Counter[int]()
    gets = hits = 0
    digest = DIGEST

    def put(key: int) -> None:
        times[key] += 1
        cache[key] = times[key]
        cache.move_to_end(key)
        if len(cache) > items:
            cache.popitem(last=False)

    for key in range(items - 1, -1, -1):
        put(key)
    for _ in range(requests):
        key = int(np.searchsorted(sums, chance.next() % int(sums[-1]), "right"))
        if chance.below(100) < percent:
            put(key)
            continue
        gets += 1
        if key not in cache:
            put(key)
            continue
        hits += 1
        cache.move_to_end(key)
        words = 8 + ((key * FIBONACCI & MASK) >> 40) % (123 - 8 + 1)
        digest = mixed([(key << 32 | cache[key]) + words - 1], digest)

    done = run("kv", items=items, requests=requests, sets=percent)

    assert f"kv: {items} items, {requests} requests, {gets} gets, {hits} hits, digest {digest:#x}, 0 wrong" == done.line
    assert {"fill": 1, "requests": 1} == done.regions


def test_every_operation_of_lmbench_is_marked(run: Callable[..., Ended]) -> None:
    """Each is done as often as asked for, in a region of its own; a context switch is a turn of each process."""
    rounds = 2
    done = run("lmbench", rounds=rounds)
    names = {name for _, name in marks.names(filesystem.read(build.image(CPUS[0]).disk)["lmbench"])}
    turns = {name: rounds * int(name[4:].partition("p")[0]) if name.startswith("ctx") else rounds for name in names}

    assert turns == done.regions
    assert f"lmbench: {len(names)} operations, {rounds} rounds, 0 wrong" == done.line


def test_one_operation_of_lmbench_runs_alone(run: Callable[..., Ended]) -> None:
    """A number chooses the operation with that mark."""
    assert {"stat": 3} == run("lmbench", operation=4, rounds=3).regions


def test_an_interpreted_program_answers_as_its_meaning_says(run: Callable[..., Ended]) -> None:
    """What the guest compiles, links and interprets counts primes and boards of queens."""
    rounds, limit, answer = 2, 4000, 0
    primes = sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))
    queens = sum(
        len({c + r for r, c in enumerate(p)}) == len({c - r for r, c in enumerate(p)}) == 6
        for p in itertools.permutations(range(6))
    )
    for round_ in range(1, rounds + 1):
        answer = (answer * 31 + primes * round_ + queens) % 1_000_003

    done = run("interp", rounds=rounds)

    assert f"interp: {rounds} rounds, answer {answer}, 0 wrong" == done.line
    assert {"interpret": 1} == done.regions


def test_clients_of_a_file_server_find_what_they_left(run: Callable[..., Ended]) -> None:
    """Each request is a region, nothing that a client knows of its files is wrong, and no block of the disk is lost."""
    done = run("dbench", clients=3, requests=80)

    assert done.line.startswith("dbench: 3 clients, 80 requests each, digest 0x")
    assert done.line.endswith(", 0 wrong")
    assert {"request": 240} == done.regions
