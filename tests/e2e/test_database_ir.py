"""database-ir in the guest: its queries find the documents that looking into all of them does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tracegen import build

from .chance import Chance, digest

Boot = Callable[..., Any]
TOP, LEAST, MOST, TERMS, OCTAVES = 10, 40, 160, 4, 10


def word(chance: Chance, words: int) -> int:
    """A word, by how often each occurs."""
    reach = words >> chance.below(OCTAVES)
    return chance.below(reach)


def document(number: int, words: int) -> list[int]:
    """The document's words."""
    chance = Chance(1_000_000 + number)
    return [word(chance, words) for _ in range(LEAST + chance.below(MOST - LEAST + 1))]


def query(number: int, words: int) -> list[int]:
    """The query's words."""
    chance = Chance(2_000_000 + number)
    return [word(chance, words) for _ in range(1 + chance.below(TERMS))]


def logarithm(number: int) -> int:
    """16 times the logarithm to base 2, rounded down."""
    return (number**16).bit_length() - 1


def answers(documents: int, words: int, queries: int) -> list[int]:
    """The best documents of each query and their scores; equal ones by number."""
    held = [Counter(document(number, words)) for number in range(documents)]
    within = Counter(name for of in held for name in of)
    found = []
    for number in range(queries):
        scores = []
        for at, of in enumerate(held):
            terms = [name for name in query(number, words) if name in of]
            weight = sum(of[name] * (1 + logarithm(documents) - logarithm(within[name])) for name in terms)
            scores += [(-(weight * 1024 // (of.total() + LEAST)), at)] if terms else []
        best = [(at, -points) for points, at in sorted(scores)[:TOP]]
        found += [number for row in best + [(0, 0)] * (TOP - len(best)) for number in row]
    return found


@pytest.mark.parametrize("cpu", build.CPUS)
@pytest.mark.parametrize("sizes", [(1, 1024, 3, 8), (700, 3000, 60, 8), (700, 3000, 60, 64)])
def test_queries_find_the_independent_answers(boot_on: Boot, cpu: str, sizes: tuple[int, ...]) -> None:
    """Whether or not the pool holds the index, the best ten documents and their scores are the twin's."""
    documents, words, queries, frames = sizes
    run = boot_on(cpu, f"database-ir {documents} {words} {queries} {frames}")
    found = digest(answers(documents, words, queries))

    assert f"database-ir: {documents} documents, {queries} queries, digest {found:#x}, 0 wrong\n" == run.console
    assert 0 == run.status
