"""A timeline for Perfetto and Chrome's tracing page, in Chrome's JSON trace event format.

A run is a process, a mechanism a thread of it; each interval's cycles are a slice as long as they last, one mechanism
after the other, so that a moment is the model's own time without idle time.  How often each counter ticked in an
interval is a track of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reports.breakdown import mechanism_of
from reports.live import amounts_by_interval, cycles_by_primitive
from reports.result import Result

MICRO = 1e6
MOST_EVENTS = 200_000
"""Events of a file: about 20 MB; further intervals are put together."""


def events(results: Sequence[Result], names: Sequence[str]) -> bytes:
    """The timeline of ``results``; those without intervals are one slice a mechanism."""
    found = [
        event
        for process, (result, name) in enumerate(zip(results, names, strict=True), 1)
        for event in _process(process, result, name, MOST_EVENTS // len(results))
    ]
    return (json.dumps({"traceEvents": found, "displayTimeUnit": "ns"}, separators=(",", ":")) + "\n").encode()


def _process(process: int, result: Result, name: str, most: int) -> Iterator[dict[str, Any]]:
    document = result.document
    clock, prices = document["bill"]["clock_hz"], cycles_by_primitive(document)
    mechanisms = list(dict.fromkeys(mechanism_of(row) for row in document["rows"] if row["counter"] != "idle"))
    counters = {row["counter"]: mechanism_of(row) for row in document["rows"] if row["counter"] != "idle"}
    bins = max(1, most // (len(mechanisms) + len(counters)) - 1)
    spent = amounts_by_interval(result, bins)
    ticks = _ticks(result, counters, spent.step, spent.bins)
    yield {"ph": "M", "pid": process, "tid": 0, "name": "process_name", "args": {"name": name}}
    for thread, mechanism in enumerate(mechanisms, 1):
        yield {"ph": "M", "pid": process, "tid": thread, "name": "thread_name", "args": {"name": mechanism}}
    now = 0.0
    for at in range(spent.bins):
        for counter, n in ticks.items():
            yield _event("C", process, 0, counter, now, args={"n": n[at]})
        for thread, mechanism in enumerate(mechanisms, 1):
            cycles = sum(n[at] * prices[primitive] for primitive, n in spent.mechanisms.get(mechanism, {}).items())
            if cycles:
                lasts = cycles / clock * MICRO
                yield _event("X", process, thread, mechanism, now, dur=round(lasts, 3), args={"cycles": round(cycles)})
                now += lasts


def _event(phase: str, process: int, thread: int, name: str, now: float, **more: Any) -> dict[str, Any]:
    return {"ph": phase, "pid": process, "tid": thread, "name": name, "cat": "replay", "ts": round(now, 3), **more}


def _ticks(result: Result, counters: Mapping[str, str], step: int, bins: int) -> dict[str, list[int]]:
    """Counter -> how often it ticked in each interval."""
    found = {counter: [0] * bins for counter in counters}
    table = result.counts
    for interval, counter, n in zip(*(table[name] for name in ("interval", "counter", "n")), strict=True):
        if counter in found:
            found[counter][interval // step] += n
    return found
