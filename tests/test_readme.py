"""The README tells the truth: its snippets run, and what it names is there."""

import re
from pathlib import Path

import keras
import pytest

from parity_ladder.known_differences import CATALOGUE
from tests.any_model.small_models import eagerly
from tests.documents import README, ROOT, printed_below, python_in

MODELS, TEN_LINES, LIBRARY = python_in(README)
SHAPES = """
assert probabilities.shape == (8, 10)
assert maps.shape == (8, 26, 26, 32)
assert weights.shape == (576, 70)
"""


def test_it_is_read_in_minutes() -> None:
    assert len(README.splitlines()) <= 200
    assert len([line for line in TEN_LINES.splitlines() if line]) <= 10


def test_the_snippet_for_an_own_model_names_the_mistake_and_holds_once_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which takes less time; `test_wheel.py` has it in one of its own."""
    monkeypatch.chdir(tmp_path)
    keras.backend.clear_session()  # Keras numbers the layers of a process
    with eagerly():
        exec(MODELS + TEN_LINES, {"__name__": "__main__"})  # noqa: S102 - our own
    printed = " ".join(capsys.readouterr().out.split())
    assert [part for part in printed_below(TEN_LINES, README) if part not in printed] == []
    assert "cause: " in printed
    assert (tmp_path / "proof.html").is_file()

    mended = MODELS.replace("torch.optim.Adam(", "KerasAdam(") + TEN_LINES
    mended = f"from keras_for_torch import KerasAdam\n{mended}\nassert result.holds"
    with eagerly():
        exec(mended, {"__name__": "__main__"})  # noqa: S102 - our own


@pytest.mark.parametrize("backend", ["torch_cnn", "keras_ref"])
def test_the_library_snippet_runs_with_either_backend(backend: str) -> None:
    """In this process; `test_imports.py` has either framework's start in one of its own."""
    assert LIBRARY.count("import torch_cnn as backend") == 1
    code = LIBRARY.replace("import torch_cnn as backend", f"import {backend} as backend")
    exec(code + SHAPES, {"__name__": "__main__"})  # noqa: S102 - our own


def test_each_claim_names_files_that_are_there() -> None:
    rows = re.findall(r"^\| (?!claim|---)(.*) \|$", README, re.MULTILINE)
    assert len(rows) >= 8
    for row in rows:
        _, code, held_by = row.split(" | ")
        for files in (code, held_by):
            named = re.findall(r"`([^`]+)`", files)
            assert named
            assert [name for name in named if not (ROOT / name).exists()] == []
        assert "test_" in held_by


def test_the_number_of_known_differences_is_that_of_the_catalogue() -> None:
    assert f"a catalogue of {len(CATALOGUE)}" in " ".join(README.split())
    assert f"all {len(CATALOGUE)} known differences" in README
