"""The library of a page's charts is put together once and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from replay.commands import report_library
from reports.bundle import vega

MADE = "vega = 'façade'"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was put together, in an empty cache; the test's own script stands for the library."""
    found: list[str] = []

    def make() -> str:
        found.append(MADE)
        return MADE

    monkeypatch.setenv("VMREPLAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(report_library, "vega", make)
    return found


def test_the_library_is_put_together_once(made: list[str]) -> None:
    """The second page takes what the first one kept."""
    assert [MADE, MADE] == [report_library.library(), report_library.library()]
    assert [MADE] == made


@pytest.mark.parametrize("damage", [lambda kept: kept[:-1], lambda kept: kept[:-1] + b"?", lambda _: b""])
def test_a_damaged_library_is_put_together_again(
    made: list[str], damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """A file that is not what was kept, byte for byte, is no library."""
    report_library.library()
    (kept,) = (tmp_path / "cache" / "vega").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))

    assert MADE == report_library.library()
    assert [MADE, MADE] == made


def test_another_version_of_the_library_is_put_together(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older package made is not a newer one's library."""
    report_library.library()
    monkeypatch.setattr(report_library, "vega_version", lambda: "another")

    assert MADE == report_library.library()
    assert [MADE, MADE] == made


def test_a_page_can_be_made_without_a_cache(made: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing can be kept, the library is put together each time."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("VMREPLAY_CACHE", str(tmp_path / "file"))

    assert [MADE, MADE] == [report_library.library(), report_library.library()]
    assert [MADE, MADE] == made


def test_the_library_draws_charts() -> None:
    """The script names what the page calls, and is the same each time."""
    script = vega()

    assert script == vega()
    assert [] == [name for name in ("vegaEmbed", "vegaLite", "vega") if name not in script]
