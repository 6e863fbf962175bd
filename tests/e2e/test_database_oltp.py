"""database-oltp in the guest: the bank holds in the end what adding up says, and its log is on the disk."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from replay.trace.schema import Kind
from tracegen import build, filesystem

from .chance import WORD, Chance, digest

Boot = Callable[..., Any]
BRANCHES, TELLERS, FIRST = 8, 80, 1_000_000
BRANCH, TELLER, ACCOUNT, HISTORY = (kind << 48 for kind in range(1, 5))


def bank(accounts: int, clients: int, requests: int) -> tuple[dict[int, int], Counter[str]]:
    """The rows that the bank ends with, by key; and how many transactions committed and were undone."""
    rows = {BRANCH + i: FIRST for i in range(BRANCHES)} | {TELLER + i: FIRST for i in range(TELLERS)}
    rows |= {ACCOUNT + i * 16: FIRST for i in range(accounts)}
    endings = Counter[str]()
    for client in range(clients):
        chance = Chance(client)
        for number in range(requests):
            lot, account, teller = chance.below(16), ACCOUNT + chance.below(accounts) * 16, chance.below(TELLERS)
            amount, undone = chance.below(2000) - 1000, chance.below(16) == 0
            if 8 <= lot < 15:
                continue
            endings["undone" if undone else "committed"] += 1
            if not undone and lot == 15:
                rows[account + 1 + client] = amount + 1000
            elif not undone:
                for key in (account, TELLER + teller, BRANCH + teller % BRANCHES):
                    rows[key] += amount
                rows[HISTORY + (client << 32) + number] = amount & WORD
    return rows, endings


SIZES = [(1, 1, 40, 16), (3000, 8, 60, 16), (3000, 3, 50, 200)]


@pytest.fixture(scope="module", params=build.CPUS)
def cpu(request: pytest.FixtureRequest) -> str:
    """Each CPU that there is a guest for."""
    return str(request.param)


@pytest.mark.parametrize(("sizes", "vcpus"), [(SIZES[0], 1), (SIZES[1], 1), (SIZES[1], 8), (SIZES[2], 1)])
def test_the_bank_adds_up(boot_on: Boot, cpu: str, sizes: tuple[int, ...], vcpus: int) -> None:
    """Whatever the order of the clients' requests, the rows are the twin's, and the log on the disk ends them all."""
    accounts, clients, requests, frames = sizes
    run = boot_on(cpu, f"database-oltp {accounts} {clients} {requests} {frames}", vcpus=vcpus)
    rows, endings = bank(accounts, clients, requests)
    of = digest(number for row in sorted(rows.items()) for number in row)
    log = filesystem.read(run.disk)["log"]
    order = ">" if build.TARGETS[cpu].order == "big" else "<"
    changes = [struct.unpack_from(f"{order}4Q", log, at) for at in range(0, len(log), 32)]

    said = f"database-oltp: {clients} clients, {clients * requests} requests, digest {of:#x}, 0 wrong\n"
    assert (0, said) == (run.status, run.console)
    assert [endings["committed"], endings["undone"]] == [
        sum(key == 0 and after == ending for _, key, _, after in changes) for ending in (1, 2)
    ]


def test_clients_are_processes_that_wait_for_the_disk(boot_on: Boot, cpu: str) -> None:
    """Each client more is an address space more, and every round of answers waits for the log to be on the disk."""
    one, four = (Counter(boot_on(cpu, f"database-oltp 500 {n} 20 64").rows["kind"].tolist()) for n in (1, 4))

    assert 3 == four[Kind.THREAD_SPACE] - one[Kind.THREAD_SPACE]
    assert min(one[Kind.IDLE], four[Kind.IDLE]) >= 10
