"""The notebook as Jupyter runs it, in a kernel of its own; and two of its charts as the README shows them:

python tests/notebooks/execution.py .statsig_export/demo docs/pictures

One gate of the demo has a Japanese name: without a font for it (Debian: fonts-noto-cjk) it shows as boxes.
"""

import io
import os
import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from statsig_export.demo.home import read_environment

FOLDER = Path(__file__).parents[2] / "statsig_export" / "notebooks"
NOTEBOOK = FOLDER / "explore_export.ipynb"
CHARTS = ("volumes", "exposures", "deliveries")
"""The ids of the cells that draw."""
PICTURES = ("volumes", "exposures")
COLORS = 256
"""Of a picture: enough for a chart, and a third of the bytes."""


def committed(path: Path = NOTEBOOK) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def environment(home: Path) -> dict[str, str]:
    """The variables that a demo's home wrote down for whoever comes after it."""
    return read_environment(home / "environment")


def executed(notebook: NotebookNode, environ: Mapping[str, str]) -> NotebookNode:
    """The notebook with its outputs. Raises nbclient's CellExecutionError for the first cell that fails."""
    return NotebookClient(notebook, timeout=300).execute(env={**os.environ, **environ})


def figures(notebook: NotebookNode) -> dict[str, list[bytes]]:
    """Cell id -> the charts (PNG) that it drew, for the cells that drew any."""
    drawn = {
        cell.id: [
            b64decode(output.data["image/png"]) for output in cell.outputs if "image/png" in output.get("data", ())
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    return {cell: charts for cell, charts in drawn.items() if charts}


def paint(home: Path, folder: Path) -> None:
    """Write the PICTURES as notebook-<cell>.png."""
    drawn = figures(executed(committed(), environment(home)))
    for cell in PICTURES:
        with Image.open(io.BytesIO(drawn[cell][0])) as chart:
            chart.convert("RGB").quantize(COLORS).save(folder / f"notebook-{cell}.png", optimize=True)


if __name__ == "__main__":
    paint(Path(sys.argv[1]), Path(sys.argv[2]))
