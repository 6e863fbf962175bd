"""Fixtures for all tests, and the one cache folder they share: inside the checkout, kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# Read when replay.jit is first imported, so it is set before any test module is.
os.environ["VMREPLAY_CACHE"] = os.environ.get("VMREPLAY_TEST_CACHE", str(ROOT / "build" / "test-cache"))

TIMES = int(os.environ.get("VMREPLAY_EXAMPLES", "1"))
"""How many times the usual number of examples a generated test tries, all anew; `make soak` asks for more."""
SETTINGS = "_hypothesis_internal_use_settings"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let generated tests try more examples, where that is asked for: each states its usual number itself."""
    for item in items:
        test = getattr(item, "obj", None)
        usual = getattr(test, SETTINGS, None)
        if TIMES > 1 and usual is not None:
            setattr(test, SETTINGS, settings(usual, max_examples=TIMES * usual.max_examples, derandomize=False))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's folder."""
    return ROOT
