"""The line that screens have about idle time."""

from __future__ import annotations

from typing import Any

import pytest

from reports import idle


def document(model: str, **changes: Any) -> dict[str, Any]:
    """A document about a model that waits 2 to 4 ms less than bare hardware does."""
    units = {"recorded": 10_000, "recomputed": 7_000, "low": 6_000, "high": 8_000}
    bare = {"native": 10_000, "native_low": 10_000, "native_high": 10_000}
    return {
        "model": model,
        "baseline": "native",
        "idle": {**units, **bare, "seconds_per_unit": 1e-6, "as_recorded": "", **changes},
    }


def test_recorded_and_recomputed_stand_side_by_side() -> None:
    """One model's screen says both and bare hardware's; figures keep to their bounds."""
    assert ["Idle: 10 ms recorded, 7.0 ms under disco, 10 ms on bare hardware."] == idle.beside_bare(document("disco"))
    assert ["Idle: 10 ms recorded, 10 ms on bare hardware."] == idle.beside_bare(document("native"))


def test_idle_kept_as_recorded_says_why() -> None:
    """Where nothing could be recomputed, the line gives the reason instead of models."""
    kept = document("disco", as_recorded="no latencies")

    assert ["Idle: 10 ms, as recorded: no latencies."] == idle.lines([kept, kept], ["a", "b"])


@pytest.mark.parametrize("side", ["recorded", "high", "native_high"])
def test_a_guest_that_never_waits_has_no_line(side: str) -> None:
    """Nothing is said where nobody waits, and something as soon as one side does."""
    none = dict.fromkeys(("recorded", "recomputed", "low", "high", "native", "native_low", "native_high"), 0)

    assert [] == idle.lines([document("disco", **none)], ["x"])
    assert 1 == len(idle.lines([document("disco", **{**none, side: 5})], ["x"]))
