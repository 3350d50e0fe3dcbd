"""The README tells the truth: its snippets run, its commands and folders exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_experiment import PRESETS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("backend", ["torch_cnn", "keras_ref"])
@pytest.mark.parametrize("snippet", SNIPPETS, ids=["library", "own port"])
def test_snippets_run_with_either_backend(snippet: str, backend: str) -> None:
    code = snippet.replace("import torch_cnn as backend", f"import {backend} as backend")
    shapes = (
        "\nif 'maps' in globals():\n"
        "    assert probabilities.shape == (8, 10)\n"
        "    assert maps.shape == (8, 26, 26, 32)\n"
        "    assert weights.shape == (576, 70)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code + shapes], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_layout_names_every_folder_that_there_is() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
    made_by_running = {"runs", "__pycache__"}
    assert folders - made_by_running == set(re.findall(r"^(\w+)/ ", README, re.MULTILINE))


def test_every_preset_and_script_is_named() -> None:
    for name in PRESETS:
        assert f"`{name}`" in README
    for script in (ROOT / "scripts").glob("*.py"):
        assert script.name in README


def test_contributing_is_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 40
