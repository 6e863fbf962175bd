"""Whatever a guest is made of, it cannot hurt the host: no crash, no hang, no access beyond an array."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracegen.machine import CPUS

SEEDS = int(os.environ.get("VMREPLAY_SEEDS", "1000"))
"""Guests of each CPU; `make soak` asks for more."""
FOREVER, MASKED = "takes exceptions for ever without executing", "waits with its interrupts masked"
ENDS = (
    "N instructions ran",
    f"the guest {FOREVER}",
    f"the guest {MASKED}",
    "the CPU shut down",
    "exit",
    "the guest wrote N",
)
"""How a guest may end: each is told to the user in words of its own."""


def run(root: Path, cpu: str, first: int, end: int) -> dict[str, int]:
    """Outcomes of the guests with these seeds, run by a loop that checks the bounds of every array."""
    command = [sys.executable, Path(__file__).with_name("hostile_guests.py"), cpu, str(first), str(end)]
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr[-2000:])
    outcomes: dict[str, int] = json.loads(done.stdout)
    return outcomes


@pytest.mark.parametrize("cpu", CPUS)
def test_generated_guests_end_as_guests_may(root: Path, cpu: str) -> None:
    """Guests of random code, with wild registers and tables, each end in one of the ways that a user is told of."""
    outcomes = run(root, cpu, 0, SEEDS)

    assert {} == {how: count for how, count in outcomes.items() if not how.startswith(ENDS)}
    assert SEEDS == sum(outcomes.values())
    assert SEEDS // 4 <= outcomes["N instructions ran without the guest's exit"]


def test_the_checks_see_an_access_beyond_an_array(root: Path, tmp_path: Path) -> None:
    """In the checked build, a load behind the end of memory is an error: the guests above prove something."""
    script = (
        "import numpy as np\n"
        "from replay.jit import kernel\n"
        "from tracegen.cpu.memory import load8\n"
        "@kernel\n"
        "def read(words, place): return load8(words, place) + words[place >> np.uint64(3)]\n"
        "words = np.zeros(2, np.uint64)\n"
        "print(read(words, np.uint64(8)))\n"
        "for place in (9, 16, (1 << 64) - 8):\n"
        "    try: read(words, np.uint64(place))\n"
        "    except IndexError: print('refused')\n"
    )
    (tmp_path / "reads.py").write_text(script)
    done = subprocess.run(
        [sys.executable, tmp_path / "reads.py"],
        cwd=root,
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ["0", "refused", "refused", "refused"] == [line for line in done.stdout.splitlines() if "debug" not in line]
