"""Runs generated guests on one CPU, for ``test_hostile_guests`` and ``make soak``, in a process that may die of it.

Arguments: CPU, first seed, seed to stop before.  Each guest is random bytes or random instructions with wild registers,
tables and translations, in user or kernel mode, recorded or not, and runs for BUDGET instructions at most.  Prints what
became of them as one JSON object, outcome -> how many; a guest that does what no guest may do is a seed by name.
"""

from __future__ import annotations

import faulthandler
import json
import random
import re
import signal
import sys
from collections import Counter

from hostile_code import MEMORY, frame, memory_mips64, memory_x86_64

from replay.errors import UserError
from tracegen import symbols
from tracegen.machine import make

BUDGET = 1000
SECONDS = 60
"""Of processor time that no guest takes: the process ends itself, and says where it was."""
DISK = bytes(16 * 4096)
NUMBERS = re.compile(r"0x[0-9a-f]+|\d+")


def compile_loops(cpu: str, image: bytes) -> None:
    """Compile what is not compiled yet, which may take longer than a guest."""
    for sink in (None, lambda words, counts: None):
        make(cpu, image, MEMORY).run(sink, 1)


def outcome(cpu: str, image: bytes, skips: tuple[int, int], seed: int) -> str:
    """How the guest with this seed ended, numbers left out."""
    dice = random.Random(f"{cpu} {seed}")
    machine = make(cpu, image, MEMORY, seed, disk=DISK)
    for place, content in (memory_mips64(dice) if cpu == "mips64" else memory_x86_64(dice, skips)).items():
        machine.write(place, content)
    sink = (lambda words, counts: None) if dice.getrandbits(1) else None
    try:
        ended = machine.run(sink, BUDGET).reason
    except UserError as error:
        ended = str(error)
    return NUMBERS.sub("N", ended)


def main(cpu: str, first: int, end: int) -> None:
    """Run the guests and print what became of them."""
    image = frame(cpu)
    places = {s.name: s.address & 0xFFFFFFF for s in symbols.read(image)}
    skips = places.get("skip_code", 0), places.get("skip", 0)
    compile_loops(cpu, image)
    found = Counter[str]()
    faulthandler.register(signal.SIGPROF, chain=True)
    for seed in range(first, end):
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            found[outcome(cpu, image, skips, seed)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, the test names it
            found[f"seed {seed}: {type(error).__name__}: {error}"] += 1
    signal.setitimer(signal.ITIMER_PROF, 0)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
