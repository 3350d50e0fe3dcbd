"""The notebook of the examples runs from its first cell to its last, on few images."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "walkthrough.ipynb"
SIZES = "TRAIN_IMAGES, TEST_IMAGES, EPOCHS = 6_000, 2_000, 2"


def test_it_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs for cell in code), "it is kept without outputs"
    sizes, *_, climb, planted = code
    assert sizes.source == SIZES
    sizes.source = "TRAIN_IMAGES, TEST_IMAGES, EPOCHS = 300, 100, 2"

    resources = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=250, kernel_name="python3", resources=resources).execute()
    printed = ["".join(out.get("text", "") for out in cell.outputs) for cell in code]
    shown = [out for cell in code for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(shown) >= 5  # digits, curves, doubts, maps
    assert "every rung" in printed[code.index(climb)]
    assert "cause: rho 0.99" in printed[code.index(planted)]
