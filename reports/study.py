"""Studies: published tables as data files, with how a model's mechanisms and a guest's services map to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.catalogue import SERVICES, catalogue


@dataclass(frozen=True)
class Column:
    """A column of a published table: the mechanisms and single counters that belong to it; counters go first."""

    name: str
    title: str
    short: str
    mechanisms: tuple[str, ...]
    counters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """A row of the table: what the source calls the service, and its figures there.

    ``share`` is of system time, ``microseconds`` the average per invocation on bare hardware, ``ratios`` by column
    name the fractions of it that the service spends under the model; ``slowdown`` is as printed.
    """

    service: str
    name: str
    share: float
    microseconds: float
    slowdown: float
    ratios: Mapping[str, float]
    note: str

    @property
    def total(self) -> float:
        """The sum of the components: printed slowdowns are rounded, and one is a misprint."""
        return sum(self.ratios.values())


@dataclass(frozen=True)
class Study:
    """A published table of services under one model."""

    name: str
    title: str
    source: str
    model: str
    workload: str
    not_system: tuple[str, ...]
    overall: float
    bands: Mapping[str, float]
    fitted: Mapping[tuple[str, str], tuple[str, ...]]
    """(Service, column) -> the prices that were set by this cell."""
    reasons: Mapping[tuple[str, str], str]
    """(Service, column) -> why our figure differs; service "*" stands for every service without a reason of its own."""
    columns: tuple[Column, ...]
    services: Mapping[str, Published]

    def column_of(self, row: Mapping[str, Any]) -> str:
        """The column that a row of a result document belongs to, '' for none."""
        by_counter = [column.name for column in self.columns if row["counter"] in column.counters]
        by_mechanism = [column.name for column in self.columns if row["mechanism"] in column.mechanisms]
        return next(iter(by_counter + by_mechanism), "")

    def reason(self, service: str, column: str) -> str:
        """Why our figure in this cell differs from the published one, '' if nobody says."""
        return self.reasons.get((service, column)) or self.reasons.get(("*", column), "")


def studies() -> list[Study]:
    """Every study that comes with the package, by name."""
    return [read(document) for document in catalogue().values() if document["kind"] == SERVICES]


def study_of(model: str) -> Study | None:
    """The published table of services under ``model``, if there is one."""
    return next((study for study in studies() if study.model == model), None)


def read(document: Mapping[str, Any]) -> Study:
    """The table of services that a study's file describes."""
    columns = tuple(
        Column(name, c["title"], c["short"], tuple(c["mechanisms"]), tuple(c.get("counters", ())))
        for name, c in document["columns"].items()
    )
    names = [column.name for column in columns]
    return Study(
        **{key: document[key] for key in ("name", "title", "source", "model", "workload", "bands")},
        not_system=tuple(document["not_system"]),
        overall=document["overall"]["slowdown"],
        fitted={(cell["service"], cell["column"]): tuple(cell["prices"]) for cell in document["fitted"]},
        reasons={(one["service"], one["column"]): one["why"] for one in document["reasons"]},
        columns=columns,
        services={name: _published(name, row, names) for name, row in document["services"].items()},
    )


def _published(service: str, row: Mapping[str, Any], columns: list[str]) -> Published:
    return Published(
        service=service,
        name=row["paper"],
        share=row["share"] / 100,
        microseconds=row["microseconds"],
        slowdown=row["slowdown"],
        ratios={column: row[column] for column in columns},
        note=row.get("note", ""),
    )
