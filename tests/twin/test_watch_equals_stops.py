"""What the counting loop notes at device rows, against counts looked at row by row."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

import models
from replay.count import count, current, make_engine, settle
from replay.handmade import Script, handmade_meta
from replay.machine import load_machine
from replay.pieces import count_pieces
from replay.prepare import Prepared
from replay.trace.schema import Kind, Wake

VCPUS = 3
MODELS = ("native", "disco", "xen")


def guest(seed: int) -> Prepared:
    """Services, references and device rows on some vCPUs by chance, several device rows after another among them."""
    chance, script = random.Random(seed), Script(handmade_meta(vcpus=VCPUS))
    pages = [script.user(n + 1) for n in range(30)] + [script.kernel(n + 1) for n in range(3)]
    requests = 0
    for _ in range(400):
        vcpu = chance.randrange(VCPUS)
        match chance.choice(("work", "work", "enter", "exit", "request", "done", "idle")):
            case "work":
                for _ in range(chance.randrange(9)):
                    script.row(Kind.LOAD8, chance.choice(pages), n=chance.randrange(5), vcpu=vcpu)
            case "enter":
                script.row(Kind.SERVICE_ENTER, chance.choice((2, 3, 8, 10, 15, 34)), vcpu=vcpu)
            case "exit":
                script.row(Kind.SERVICE_EXIT, vcpu=vcpu)
            case "request":
                requests += 1
                script.row(Kind.REQUEST, requests, vcpu=vcpu, payload=(7, 4096, 1, 0))
            case "done" if requests:
                script.row(Kind.COMPLETE, chance.randint(1, requests), vcpu=vcpu, payload=(50,))
            case _:
                script.row(Kind.IDLE, chance.randrange(90), Wake.TIMER, vcpu=vcpu, payload=(90,))
    return script.prepared()


def looked_at(prepared: Prepared, name: str) -> np.ndarray:
    """What each class of services ticked before each device row on its vCPU: counts before and after every row."""
    model, machine = models.load(name), load_machine("flash-1997")
    settings = settle(model, machine, prepared.meta, {})
    engine = make_engine(prepared, model, settings)
    state = model.state(prepared, settings, engine.counts)
    rows = prepared.columns.kind.size
    stops = count_pieces(state, engine, prepared.columns, set(range(rows + 1)), None)
    seen = [current(prepared, model, engine) for _ in stops]
    classes = [prepared.meta.services[service].klass for service in prepared.places.inner]
    found = []
    for vcpu in range(VCPUS):
        watched = prepared.moments.row[prepared.moments.vcpu == vcpu]
        for before, row in pairwise([-1, *watched.tolist()]):
            first, last = (max(n + 1, prepared.before) for n in (before, row))
            ticked = seen[last][vcpu] - seen[first][vcpu]
            found.append((row, [ticked[[k == klass for k in classes]].sum(axis=0) for klass in sorted(set(classes))]))
    return np.array([ticked for _, ticked in sorted(found, key=lambda one: one[0])])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("before", [0, 500])
def test_what_is_noted_is_what_was_counted(name: str, before: int) -> None:
    """Between device rows of a vCPU each class of services ticks what counts, looked at after each row, say.

    Rows before the window that is counted tick nothing.
    """
    prepared = guest(len(name))._replace(before=before)

    found = count(prepared, models.load(name), load_machine("flash-1997"))

    assert np.count_nonzero(prepared.moments.row > before) > 50
    assert np.array_equal(looked_at(prepared, name), found.timeline.ticks)
