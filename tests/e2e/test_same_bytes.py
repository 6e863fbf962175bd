"""The same arguments and seed make the same trace, byte by byte, in another process: of each workload."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tracegen import build
from tracegen.workloads import WORKLOADS

SKIPPED, WINDOW = 400_000, 600_000
"""Instructions before what is recorded, where the kernel boots, and recorded: programs run by then."""
SECONDS = 600
RECORDER = """
import hashlib, json, pathlib, sys
from tracegen.boot import workload_boot
from tracegen.record import record_boot
from tracegen.window import Skip
place, cpu, vcpus, skipped, window, *names = sys.argv[1:]
found = {}
for name in names:
    boot = workload_boot(name, cpu=cpu, vcpus=int(vcpus), memory_bytes=256 << 20)
    record_boot(boot, output=place, max_instructions=int(window), skip=Skip(int(skipped)))
    found[name] = hashlib.sha256(pathlib.Path(place).read_bytes()).hexdigest()
print(json.dumps(found))
"""


def digests(place: Path, cpu: str, vcpus: int) -> dict[str, str]:
    """Digest of each workload's trace, all made by one process of its own."""
    words = [str(word) for word in (place, cpu, vcpus, SKIPPED, WINDOW, *sorted(WORKLOADS))]
    done = subprocess.run(
        [sys.executable, "-c", RECORDER, *words], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("vcpus", [1, 8])
@pytest.mark.parametrize("cpu", build.CPUS)
def test_two_processes_make_the_same_traces(tmp_path: Path, cpu: str, vcpus: int) -> None:
    """Traces of all workloads, begun behind the boot, are equal in two processes, and no two workloads' are."""
    first, second = (digests(tmp_path / f"{n}.arrow", cpu, vcpus) for n in range(2))

    assert first == second
    assert len(WORKLOADS) == len(set(first.values()))
