"""Ctrl-C at the worst moment: what is being written goes, what was there stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import models
from replay import document as results
from replay.handmade import Script
from replay.machine import load_machine
from replay.trace.schema import Kind


def charged() -> Any:
    """What a run gives."""
    script = Script()
    script.row(Kind.LOAD8, script.user(4), n=3)
    native = models.load("native")
    return results.outcome(script.prepared(), native, native, load_machine("flash-1997"))


@pytest.mark.parametrize("after", [0, 1])
def test_an_interrupt_while_saving_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int) -> None:
    """Ctrl-C between the files of a result leaves neither the folder nor one beside it, and is passed on."""
    outcome = charged()
    written, write = [], pq.write_table

    def interrupted(table: Any, where: Path) -> None:
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(where)
        write(table, where)

    monkeypatch.setattr(pq, "write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        results.save(str(tmp_path / "out"), outcome)

    assert after == len(written)
    assert [] == list(tmp_path.iterdir())


def test_an_interrupted_count_can_be_started_again() -> None:
    """Ctrl-C in the middle of counting is passed on and leaves nothing behind that a later count would see."""
    document = charged().document

    def interrupted(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    script = Script()
    script.row(Kind.LOAD8, script.user(4), n=3)
    native = models.load("native")
    with pytest.raises(KeyboardInterrupt):
        results.run(script.prepared(), native, native, load_machine("flash-1997"), progress=interrupted)

    assert document == charged().document
