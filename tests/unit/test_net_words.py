"""What users write of sessions and networks: settings of machines, times, rates, losses."""

from __future__ import annotations

import pytest

from replay.errors import UserError
from tracegen.sizes import parse_bandwidth, parse_drop, parse_latency
from tracegen.vms import Request, parse


def test_a_machine_has_settings_a_workload_and_arguments() -> None:
    """Settings stand before the workload's name, and have their units; what stands behind is the workload's."""
    text = "memory=128M vcpus=2 seed=7 quantum=500 disk=32M locks=fine background=yes web role=1 '--name=a b'"
    machine = {"memory_bytes": 128 << 20, "vcpus": 2, "seed": 7, "quantum": 500, "disk_bytes": 32 << 20}

    assert Request("web", ["role=1", "--name=a b"], machine, {"locks": "fine"}, True) == parse(text)
    assert Request("radix", [], {}, {}, False) == parse("background=no radix")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memry=64M radix", "unknown setting of --vm 'memry'; did you mean 'memory'?"),
        ("memory=64 radix", "setting memory of --vm '64' is no size with a unit"),
        ("vcpus=two radix", "setting vcpus of --vm should be a whole number up to 18446744073709551615, is 'two'"),
        ("seed=18446744073709551616 radix", "setting seed of --vm should be a whole number"),
        ("background=maybe web", "setting background of --vm should be yes or no, is 'maybe'"),
        ("vcpus=2", "--vm 'vcpus=2' names no workload"),
        ("", "--vm '' names no workload"),
        ("radix vcpus=2", "settings of the machine stand before its workload; write vcpus=2 first"),
        ("radix 'keys", "close what is quoted"),
    ],
)
def test_machines_that_cannot_be_read(text: str, message: str) -> None:
    """Each mistake is named, with what was meant or what to do."""
    with pytest.raises(UserError) as caught:
        parse(text)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_times_rates_and_losses_have_units() -> None:
    """Nanoseconds; bits a second in powers of 1000; every so manieth, or parts per million."""
    assert [5, 50_000, 1_000_000_000] == [parse_latency("--latency", text) for text in ("5ns", "50us", "1000ms")]
    assert [10_000, 10**9] == [parse_bandwidth("--bandwidth", text) for text in ("10Kbit", "1Gbit")]
    assert [(100, 0), (0, 10_000), (0, 1), (0, 1_000_000)] == [
        parse_drop("--drop", text) for text in ("100", "1%", "0.0001%", "100%")
    ]


@pytest.mark.parametrize("text", ["50", "4ns", "1001ms", "1s", "us", "-1us", "1.5us"])
def test_no_time(text: str) -> None:
    """A time without a unit, or that no link takes, is an error that shows how to write one."""
    with pytest.raises(UserError, match=r"is no time from 5ns to 1000ms; write for example --latency 50us"):
        parse_latency("--latency", text)


@pytest.mark.parametrize("text", ["1G", "9Kbit", "1001Gbit", "1e9", "Mbit", "100 Mb"])
def test_no_rate(text: str) -> None:
    """So is a rate."""
    with pytest.raises(UserError, match=r"is no rate from 10Kbit to 1000Gbit a second; write for example --band"):
        parse_bandwidth("--bandwidth", text)


@pytest.mark.parametrize("text", ["0", "-1", "101%", "1.00001%", "often", "%"])
def test_no_loss(text: str) -> None:
    """And what is lost."""
    with pytest.raises(UserError, match=r"is neither a number nor a share: --drop 100 drops every 100th packet"):
        parse_drop("--drop", text)
