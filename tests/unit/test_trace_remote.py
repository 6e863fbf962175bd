"""Traces by URI: whatever Arrow or fsspec reaches is charged like a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from distributed import LocalCluster
from moto.server import ThreadedMotoServer

import replay
from replay import cli, shell
from replay.errors import UserError
from replay.info import describe
from replay.prepare import prepare
from replay.trace.container import open_trace
from replay.trace.remote import file_name, open_system

from .sweeping import grid_over

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def s3(trace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of the trace in a bucket of an S3 server on loopback."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    options = f"?endpoint_override={host}:{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    system, bucket = open_system(f"s3://traces/{options}")
    system.create_dir(bucket)
    with system.open_output_stream("traces/small.arrow") as file:
        file.write(trace.read_bytes())
    yield f"s3://traces/small.arrow{options}"
    server.stop()


@pytest.fixture
def memory(trace: Path) -> Iterator[str]:
    """The URI of the trace in fsspec's file system in memory."""
    system = fsspec.filesystem("memory")
    system.pipe("/traces/small.arrow", trace.read_bytes())
    yield "memory://traces/small.arrow"
    system.rm("/traces", recursive=True)


@pytest.fixture
def local(trace: Path) -> str:
    """The URI of the trace's file."""
    return trace.as_uri()


@pytest.mark.parametrize("kind", ["s3", "memory", "local"])
def test_a_trace_is_charged_wherever_it_lies(kind: str, trace: Path, request: pytest.FixtureRequest) -> None:
    """By any URI a trace prepares to the same arrays, tells the same facts and costs the same as by its path."""
    uri = request.getfixturevalue(kind)
    ours, there = prepare(str(trace), use_cache=False), prepare(uri, use_cache=False)

    assert describe(str(trace)) | {"file": uri} == describe(uri)
    assert ours.digest == there.digest
    assert [column.tolist() for column in ours.columns] == [column.tolist() for column in there.columns]
    assert replay.run(trace, "ept").document == replay.run(uri, "ept").document
    assert 0 == shell.run(cli.app, "replay", ["run", uri, "--model", "ept"])


def test_workers_of_a_cluster_fetch_the_trace_themselves(s3: str, trace: Path, tmp_path: Path) -> None:
    """A sweep on a cluster over a trace in a bucket has the points of one over its file, under the same label."""
    alone = replay.sweep(grid_over(trace), tmp_path / "alone").points().to_dicts()
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        data = replay.sweep(grid_over(s3), tmp_path / "out", cluster=cluster.scheduler_address)

    assert alone == data.points().to_dicts()


def test_an_object_that_is_damaged_is_refused_by_its_uri(memory: str, trace: Path) -> None:
    """One flipped bit in an object is found as in a file."""
    data = bytearray(trace.read_bytes())
    data[len(data) // 3] ^= 4
    fsspec.filesystem("memory").pipe("/traces/small.arrow", bytes(data))

    with pytest.raises(UserError, match=f"^{memory}: damaged: checksum of batch"):
        open_trace(memory)


REFUSED = {
    "s3x://bucket/x.arrow": r"unknown file system 's3x'; did you mean 's3'\?",
    "q://bucket/x.arrow": "unknown file system 'q'; known: abfs, .*, s3, viewfs$",
    "memory://none/x.arrow": "no such file; check the name",
    "memory://traces": "is a folder; name a .arrow trace",
    "sftp://host/x.arrow": ".*paramiko.*; give a path, or a URI",
    "file://relative/x.arrow": ".*; give a path, or a URI that Arrow reads, like s3://",
}
"""URI -> what is said about it."""


@pytest.mark.parametrize("uri", sorted(REFUSED))
def test_a_uri_that_names_no_trace_is_one_line(uri: str, memory: str) -> None:
    """A wrong scheme, a missing file, a folder and a missing library are each named with what to do."""
    assert memory
    with pytest.raises(UserError, match=f"^{uri}: {REFUSED[uri]}") as caught:
        prepare(uri)

    assert "\n" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_one_line(s3: str) -> None:
    """A missing bucket, and a missing object in one that is there, are refused by their URIs."""
    for other in ("s3://none/small.arrow", "s3://traces/none.arrow"):
        uri = s3.replace("s3://traces/small.arrow", other)
        with pytest.raises(UserError, match=r"no such file; check the name$") as caught:
            prepare(uri)
        assert str(caught.value).startswith(f"{uri}: ")


def test_without_fsspec_other_schemes_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheme that Arrow does not reach by itself names the extra that reaches more."""
    monkeypatch.setitem(sys.modules, "fsspec", None)

    with pytest.raises(UserError, match=r"^memory://a/b: unknown file system 'memory'; .*vmreplay\[cluster\]"):
        open_system("memory://a/b")


@pytest.mark.parametrize(
    ("place", "name"),
    [("a/b.arrow", "b.arrow"), ("s3://a/b.arrow?scheme=http&x=1.2", "b.arrow"), ("b?.arrow", "b?.arrow")],
)
def test_the_name_of_a_file_is_known_from_its_place(place: str, name: str) -> None:
    """What leads to a file, and a URI's options, are no part of its name."""
    assert name == file_name(place)


def test_large_objects_lie_in_a_file(memory: str, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is fetched is read in pieces into a mapped file where it is large, and is the same."""
    monkeypatch.setattr("replay.mapped.IN_MEMORY", 0)
    monkeypatch.setattr("replay.trace.remote.PIECE_BYTES", 1000)
    made: list[Any] = []
    memmap = np.memmap
    monkeypatch.setattr(np, "memmap", lambda *of: made.append(of) or memmap(*of))

    assert trace.read_bytes() == open_trace(memory).buffer.to_pybytes()
    assert 1 == len(made)
