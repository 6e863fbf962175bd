"""The notebook of the Python API runs as it is printed."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

SECONDS = 600
"""No cell takes longer."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of the API's notebook runs, in order, and the document of a point is the one of its row."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(root / "docs" / "api.ipynb", as_version=4)

    about = {"timeout": SECONDS, "iopub_timeout": 60, "resources": {"metadata": {"path": str(tmp_path)}}}
    done = NotebookClient(notebook, **about).execute()

    cells = [cell for cell in done.cells if cell.cell_type == "code"]
    assert "True" == cells[-2].outputs[-1]["data"]["text/plain"]
    assert all(cell.outputs for cell in cells)
