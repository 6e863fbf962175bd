"""The studies that come with the package: published tables and figures as data files, one each."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

SERVICES, BARS = "services", "bars"
"""Kinds of studies: a table of services, a figure of bars."""


@cache
def catalogue() -> dict[str, dict[str, Any]]:
    """Name -> what the study's file says, by name."""
    files = resources.files("reports").joinpath("studies").iterdir()
    found = [tomllib.loads(file.read_text("utf-8")) for file in files if file.name.endswith(".toml")]
    return {document["name"]: document for document in sorted(found, key=lambda document: str(document["name"]))}
