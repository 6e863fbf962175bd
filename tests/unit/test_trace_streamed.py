"""Counting rows that are there for a while only."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import models
from replay import count as counting
from replay import mapped, streamed
from replay.count import Counts, count_each
from replay.handmade import SERVICES, Script, handmade_meta
from replay.machine import load_machine
from replay.prepare import Prepared, prepare
from replay.streamed import stream
from replay.trace.schema import Cause, Kind, Mode, Sensitive, Touch
from replay.until import until_end_of

CHUNK, STRETCH, LAG, BATCH = 256, 1 << 12, 64, 100
"""Rows that are counted at once; bytes forgotten at once; rows that may change yet; rows of a batch in the file."""
STEPS = 6000


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a trace of some thousand rows be decoded, counted and forgotten in many pieces."""
    monkeypatch.setattr(streamed, "LAG", LAG)
    monkeypatch.setattr(mapped, "SLIDE_BYTES", STRETCH)
    for module in (streamed, counting):
        monkeypatch.setattr(module, "CHUNK_ROWS", CHUNK)


def guest(seed: int, opening: int) -> Script:
    """A guest on two vCPUs that refers to memory, crosses into its kernel, waits for a disk; first, what was there."""
    chance = random.Random(seed)
    script = Script(handmade_meta(vcpus=2))
    script.meta = replace(script.meta, marks=((1, "measured"),), skipped=opening)
    pages = [script.user(vpn) for vpn in range(4, 200)]
    for _ in range(opening):
        script.row(Kind.SERVICE_ENTER, chance.choice(SERVICES).id, vcpu=chance.randrange(2), mode=Mode.KERNEL)
    if opening:
        script.row(Kind.START)
    for step in range(STEPS):
        vcpu = chance.randrange(2)
        script.row(Kind.LOAD8, chance.choice(pages), n=chance.randrange(40), vcpu=vcpu)
        if step % 40 == 0:
            script.exception(Cause.SYSCALL, vcpu=vcpu)
            script.row(Kind.SERVICE_ENTER, chance.choice(SERVICES).id, vcpu=vcpu, mode=Mode.KERNEL)
            script.sensitive(Sensitive.ERET, vcpu=vcpu)
            script.row(Kind.SERVICE_EXIT, 0, n=1, vcpu=vcpu)
        if step % 500 == 0:
            script.exception(Cause.REFILL, chance.choice(pages), Touch.LOAD, vcpu)
            script.row(Kind.REQUEST, step, vcpu=vcpu, mode=Mode.KERNEL)
            script.row(Kind.COMPLETE, step, n=2, vcpu=vcpu, mode=Mode.KERNEL, payload=(30_000,))
    script.row(Kind.MARK_END, 1)
    script.row(Kind.LOAD8, pages[0], n=7)
    return script


def counted(prepared: Prepared) -> list[Counts]:
    """The counts of two models side by side."""
    machine = load_machine("flash-1997")
    return count_each(prepared, [(models.load(name), machine, {}) for name in ("native", "disco")])


@pytest.mark.parametrize(("opening", "until"), [(0, ""), (0, "measured"), (3 * CHUNK, "measured")])
def test_rows_that_are_forgotten_count_as_those_that_are_held(
    small_pieces: None, tmp_path: Path, opening: int, until: str
) -> None:
    """Decoded and forgotten piece by piece, a trace has the counts, waits included, that it has held as a whole."""
    path = tmp_path / "t.arrow"
    guest(7, opening).save(path, BATCH)
    held, fed = prepare(str(path), use_cache=False), stream(str(path), until)
    held = until_end_of(held, until) if until else held
    assert fed is not None
    for one, other in zip(counted(held), counted(fed), strict=True):
        assert np.array_equal(one.n, other.n)
        assert np.array_equal(one.timeline.ticks, other.timeline.ticks)
        assert (one.places, one.digest) == (other.places, other.digest)


def test_rows_behind_are_forgotten(small_pieces: None, tmp_path: Path) -> None:
    """While a trace is counted, what lies more than a piece and a stretch behind is there no more."""
    path = tmp_path / "t.arrow"
    guest(7, 0).save(path, BATCH)
    fed = stream(str(path))
    assert fed is not None
    assert fed.feed is not None
    lost = [there for there in fed.feed() if not fed.columns.page[: there - CHUNK - 2 * STRETCH // 4].any()]

    assert len(lost) > 10
