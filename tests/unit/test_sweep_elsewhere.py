"""Sweeps beyond one machine: workers of a Dask cluster, one of them killed, and results in an object store."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from moto.server import ThreadedMotoServer

import replay
from replay.dataset import open_dataset
from replay.errors import UserError

from .sweeping import grid_over, grid_together

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def alone(trace: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The points of the sweep on this machine alone."""
    return replay.sweep(grid_over(trace), tmp_path_factory.mktemp("alone") / "out").points().to_dicts()


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler, and two worker processes of one thread each."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as started:
        yield started


class Killer:
    """Kills a worker as soon as a point is finished."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.pid = next(iter(cluster.workers.values())).pid
        self.killed = 0

    def begin(self, points: int, there: int) -> None:
        """Nothing is finished yet."""

    def counting(self, rows: int, total: int) -> None:
        """Workers do not tell rows."""

    def finished(self, points: int) -> None:
        """The first time, a worker dies in the middle of what it does."""
        if not self.killed:
            os.kill(self.pid, signal.SIGKILL)
            self.killed = self.pid


def test_a_killed_worker_costs_only_its_tasks(
    cluster: LocalCluster, trace: Path, alone: list[dict[str, Any]], tmp_path: Path
) -> None:
    """A sweep on a cluster that loses a worker ends with the points of a sweep on this machine."""
    killer = Killer(cluster)

    data = replay.sweep(grid_over(trace), tmp_path / "out", watcher=killer, cluster=cluster.scheduler_address)

    assert killer.pid == killer.killed
    assert alone == data.points().to_dicts()


def test_workers_put_virtual_machines_together(cluster: LocalCluster, trace: Path, tmp_path: Path) -> None:
    """A sweep over groups of traces on a cluster ends with the points, and the documents, of one on this machine."""
    here = replay.sweep(grid_together(trace), tmp_path / "here")

    there = replay.sweep(grid_together(trace), tmp_path / "there", cluster=cluster.scheduler_address)

    points = here.points().to_dicts()
    assert points == there.points().to_dicts()
    assert [here.document(p["point"]) for p in points[::5]] == [there.document(p["point"]) for p in points[::5]]


def test_a_cluster_that_is_not_there_is_one_line(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody answers is refused by its name, and no point is lost over it."""
    monkeypatch.setattr("replay.cluster.ANSWER_SECONDS", 1)

    with pytest.raises(UserError, match=r"cluster tcp://127.0.0.1:9: .*start one with `dask scheduler`"):
        replay.sweep(grid_over(trace), tmp_path / "out", cluster="tcp://127.0.0.1:9")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of an empty bucket of an S3 server on loopback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield (
        f"s3://results/sweep?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    )
    server.stop()


def test_results_lie_in_an_object_store(bucket: str, trace: Path, alone: list[dict[str, Any]]) -> None:
    """A sweep into a bucket keeps the points of one into a folder, and is gone on with like one."""
    replay.sweep(grid_over(trace), bucket)
    again = replay.sweep(grid_over(trace), bucket)

    assert alone == open_dataset(bucket).points().to_dicts()
    assert again.missing == 0
