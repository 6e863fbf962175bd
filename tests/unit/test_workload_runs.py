"""Facts of workloads are kept for their page as long as they hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from replay.commands import workload_runs
from replay.commands.workload_runs import Run, measured

RUN = Run("gups", "mips64")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of the images that were recorded from: each run has two machines, and nothing is recorded."""
    found: list[str] = []

    def record(_run: Run, _folder: Path) -> list[int]:
        found.append(workload_runs.build.image("mips64").digest)
        return [1, 2]

    monkeypatch.setattr(workload_runs, "recorded", record)
    monkeypatch.setattr(workload_runs, "_row", lambda number: {"machine": number})
    return found


def of_image(digest: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What is measured of the guest whose image has that ``digest``."""
    monkeypatch.setattr(workload_runs.build, "image", lambda _cpu: SimpleNamespace(digest=digest))
    return [dict(row) for row in measured(RUN, folder)]


def test_facts_are_measured_once_for_an_image(made: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same image's are taken from the folder, another one's are measured; nothing but them is left there."""
    found = [of_image(digest, tmp_path / "facts", monkeypatch) for digest in "aabb"]

    assert [[{"machine": 1}, {"machine": 2}]] * 4 == found
    assert ["a", "b"] == made
    assert [f"{RUN.name}.json"] == [path.name for path in (tmp_path / "facts").iterdir()]
