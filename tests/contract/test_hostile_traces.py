"""Whatever a trace holds, charging it gives a result or an error of one line: no crash, no index beyond its array."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EDGES = [0, 1, 2, 15, 16, 63, 64, 127, 128, 255, 256, 4095, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFFF, 1 << 20, 1 << 26]
VALUES = st.one_of(st.sampled_from([*EDGES, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1]), st.integers(0, 300))
CHANGE = st.tuples(st.sampled_from(["set"] * 8 + ["delete", "repeat"]), st.integers(0, 999), st.integers(0, 4), VALUES)
BATCH = st.lists(st.lists(CHANGE, min_size=1, max_size=5), min_size=20, max_size=60)
ROWS = 500
"""More than the trace has: places wrap around."""

PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Victim:
    """A process that charges altered traces, its kernels compiled with bounds checks; a dead one is replaced."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, Path(__file__).with_name("hostile.py")],
            env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(self.root)},
            cwd=self.root,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def charge(self, batch: list[Any]) -> list[str]:
        """What became of each trace of ``batch``; of all of them, that the process died."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(batch) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            outcomes: list[str] = json.loads(answer)
            return outcomes
        died = self.process.wait()
        self.process = self._start()
        return [f"died with {died}"]


@pytest.fixture(scope="module")
def victim(root: Path) -> Iterator[Victim]:
    """The process for all of this file's tests."""
    made = Victim(root)
    yield made
    with made.process as process:
        process.kill()


def test_the_unaltered_trace_gives_a_result(victim: Victim) -> None:
    """The traces that others are made from are valid for every model: what is refused is refused for its change."""
    assert ["result"] * 6 == victim.charge([[]] * 6)


@PATIENT
@given(batch=BATCH)
def test_altered_rows_give_a_result_or_one_line(victim: Victim, batch: list[Any]) -> None:
    """Rows changed, dropped and repeated at will are charged or refused in one line."""
    assert {"result", "refused"} >= set(victim.charge(batch))


@pytest.mark.parametrize("column", range(5), ids=["kind", "ctx", "info", "page", "n"])
def test_every_field_of_every_row_at_its_greatest(victim: Victim, column: int) -> None:
    """Each field of each row, set to the greatest value that its column holds, is charged or refused in one line."""
    outcomes = victim.charge([[["set", row, column, -1]] for row in range(ROWS)])

    assert {"result", "refused"} >= set(outcomes)
