"""Options of the guest's kernel: from the command line to the boot argument string and the trace's metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from replay.errors import UserError
from replay.trace.container import open_trace
from tracegen.cli import main
from tracegen.options import options


def test_only_what_is_not_the_default_is_said() -> None:
    """A default is no word of the boot argument string; another value is one."""
    assert () == options(locks="coarse") == options()
    assert ("locks=fine",) == options(locks="fine")


def test_wrong_values_are_refused() -> None:
    """A value that an option has not is refused, with those that it has."""
    with pytest.raises(UserError, match=r"^--locks should be coarse or fine, is 'finer'$"):
        options(locks="finer")


def test_options_are_in_the_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording with an option has it before the workload's arguments."""
    place = tmp_path / "t.arrow"
    words = f"tracegen run radix --locks fine --window 1000 -o {place}"
    monkeypatch.setattr("sys.argv", words.split())
    with pytest.raises(SystemExit, match=r"^0$"):
        main()

    assert ("locks=fine", "262144", "1024", "1") == tuple(open_trace(place).meta.arguments)
