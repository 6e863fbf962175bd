"""The page that puts all models side by side: ``make docs`` writes it to docs/models.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby

import models
from replay.model import Model, Reaction, event_name, guest_events

SIGNS = {
    Reaction.DIRECT: "·",
    Reaction.TRAPPED: "T",
    Reaction.HYPERCALL: "H",
    Reaction.TRANSLATED: "X",
    Reaction.HARDWARE: "V",
    Reaction.REPLACED: "-",
}
"""How a cell of the table of reactions says what a model does."""

HEAD = """# Models

Made from `models/` by `make docs`; a test holds it to what the models say. `replay explain MODEL` tells all about one:
mechanism, parameters, counters and what each costs.

A pair of model and trace has a label. *Faithful* is the system on the architecture that it was made for; *ported* is
its mechanism on another architecture; *hypothetical* is what nobody built. Where the label is not faithful, the model
states by which rules it takes the trace.
"""

KEY = "What happens to each class of guest events: {signs}. Beside it stands the counter that each such event ticks."


def page() -> str:
    """The page's text, of the models that come with the package."""
    found = [models.load(name) for name in models.BUILT_IN]
    return "\n".join([HEAD, *_table(found), "", *_words(), "", *_reactions(found), "", *_rules(found)]) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(*cells: str) -> list[str]:
    return [_row(*cells), _row(*["---"] * len(cells))]


def _table(found: list[Model]) -> Iterator[str]:
    labels = [f"on {architecture}" for architecture in models.ARCHITECTURES]
    yield from _heading("model", "what it is", *labels, "runs on", "compared with")
    for model in found:
        machines = dict.fromkeys(model.machine[architecture] for architecture in models.ARCHITECTURES)
        yield _row(
            f"`{model.name}`",
            model.summary,
            *(model.fidelity[architecture] for architecture in models.ARCHITECTURES),
            ", ".join(machines),
            f"`{model.baseline}`",
        )


def _words() -> Iterator[str]:
    """What else models are called."""
    yield from _heading("word", *(f"on {architecture}" for architecture in models.ARCHITECTURES))
    words = [alias for entry in models.BUILT_IN.values() for alias in entry.aliases]
    for word in sorted({*words, *models.BY_ARCHITECTURE}):
        yield _row(f"`{word}`", *(f"`{models.resolve(word, a)}`" for a in models.ARCHITECTURES))


def _reactions(found: list[Model]) -> Iterator[str]:
    """Events in the order of the schema; neighbours to which each model does the same share a row."""
    yield "## Reactions"
    yield ""
    signs = ", ".join(f"`{sign}` {reaction}" for reaction, sign in SIGNS.items())
    yield KEY.format(signs=signs)
    yield ""
    yield from _heading("guest events", *(model.name for model in found))
    rows = [(event_name(event), tuple(_cell(model, event) for model in found)) for event in guest_events()]
    for cells, group in groupby(rows, key=lambda row: row[1]):
        yield _row(", ".join(name for name, _ in group), *cells)


def _cell(model: Model, event: object) -> str:
    row = next(row for row in model.reactions for e in row.events if e is event)
    return f"{SIGNS[row.reaction]} {row.ticks}".rstrip()


def _rules(found: list[Model]) -> Iterator[str]:
    yield "## Rules"
    for model in found:
        for architecture in models.ARCHITECTURES:
            if architecture in model.rules:
                yield ""
                yield f"`{model.name}` on a trace of {architecture}, {model.fidelity[architecture]}:"
                yield ""
                yield from (f"- {rule}" for rule in model.rules[architecture])


if __name__ == "__main__":
    sys.stdout.write(page())
