"""Tariffs: what pricing needs to know of a model, apart from its mechanism.

A tariff is kept beside counts, so that they can be priced where the model is not at hand, or has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from replay.model import COMMON, FREE, Cost, Model, meanings


@dataclass(frozen=True)
class Tariff:
    """A model as far as its counts' price depends on it; the fields are those of ``replay.model.Model``."""

    name: str
    baseline: str
    counters: tuple[str, ...]
    mechanisms: Mapping[str, str]
    """Counter -> the mechanism that it belongs to."""
    meanings: Mapping[str, str]
    """Counter -> what it counts."""
    costs: Mapping[str, Cost]
    fidelity: Mapping[str, str]
    rules: Mapping[str, tuple[str, ...]]
    incorrect: str

    @property
    def priced(self) -> dict[str, Cost]:
        """Counter -> cost of those that cost something."""
        return {name: self.costs[name] for name in self.counters if self.costs[name] != FREE}

    def mechanism(self, counter: str) -> str:
        """The mechanism that ``counter`` belongs to."""
        return self.mechanisms[counter]


def tariff_of(model: Model) -> Tariff:
    """What pricing needs to know of ``model``."""
    told = COMMON | meanings(model.events)
    return Tariff(
        name=model.name,
        baseline=model.baseline,
        counters=model.counters,
        mechanisms={counter: model.mechanism(counter) for counter in model.counters},
        meanings={counter: told[counter] for counter in model.counters},
        costs=dict(model.costs),
        fidelity=dict(model.fidelity),
        rules=dict(model.rules),
        incorrect=model.incorrect,
    )


def to_document(tariff: Tariff) -> dict[str, Any]:
    """``tariff`` as JSON holds it: costs as pairs of a primitive and how many times, in the order they are added up."""
    return {
        **{field: getattr(tariff, field) for field in ("name", "baseline", "incorrect")},
        "counters": list(tariff.counters),
        "mechanisms": dict(tariff.mechanisms),
        "meanings": dict(tariff.meanings),
        "costs": {counter: [list(term) for term in cost.terms] for counter, cost in tariff.costs.items()},
        "fidelity": dict(tariff.fidelity),
        "rules": {architecture: list(rules) for architecture, rules in tariff.rules.items()},
    }


def of_document(document: Mapping[str, Any]) -> Tariff:
    """The tariff that ``to_document`` made ``document`` of; KeyError, TypeError or AttributeError if it did not."""
    return Tariff(
        name=document["name"],
        baseline=document["baseline"],
        counters=tuple(document["counters"]),
        mechanisms=document["mechanisms"],
        meanings=document["meanings"],
        costs={
            counter: Cost(tuple((name, times) for name, times in terms)) for counter, terms in document["costs"].items()
        },
        fidelity=document["fidelity"],
        rules={architecture: tuple(rules) for architecture, rules in document["rules"].items()},
        incorrect=document["incorrect"],
    )
