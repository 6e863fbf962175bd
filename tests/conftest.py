"""Fixtures for all tests, and the one cache folder they share: inside the checkout, kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Read when replay.jit is first imported, so it is set before any test module is.
os.environ["VMREPLAY_CACHE"] = os.environ.get("VMREPLAY_TEST_CACHE", str(ROOT / "build" / "test-cache"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's folder."""
    return ROOT
