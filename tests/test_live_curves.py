"""Curves that grow: a file beside a run, and a live figure in a real notebook."""

import base64
import logging
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from cnn_experiment import LiveCurves, UserError
from cnn_experiment.look import pictures
from tests.test_pictures import history

NOTEBOOK = """
from cnn_experiment import LiveCurves, load_mnist, preset
import torch_cnn
experiment = preset("article-2").with_changes(epochs=2)
experiment = experiment.with_changes(
    data=experiment.data.with_changes(train_images=128, test_images=100)
)
curves = LiveCurves(experiment.epochs)
pictures = []
curves_show = curves._show
curves._show = lambda picture: (pictures.append(picture), curves_show(picture))
_, history = torch_cnn.train(experiment, load_mnist(experiment), watchers=(curves,))
"""
PRINT = """
from base64 import b64encode
print(len(pictures), len(set(pictures)), b64encode(pictures[-1]).decode())
"""


def test_the_file_is_drawn_anew_after_every_epoch(tmp_path: Path) -> None:
    file = tmp_path / "curves.png"
    records = history(3)
    curves = LiveCurves(3, file=file)
    assert not file.exists()
    for done, record in enumerate(records, start=1):
        curves.epoch_done(record)
        assert file.read_bytes() == pictures.png(pictures.curves({"": records[:done]}, 3))
    assert list(tmp_path.iterdir()) == [file]


def test_a_resumed_run_has_its_earlier_epochs_at_once(tmp_path: Path) -> None:
    whole, resumed = tmp_path / "whole.png", tmp_path / "resumed.png"
    records = history(3)
    for record in records:
        alone = LiveCurves(3, records[: record.epoch - 1], file=whole)
        alone.epoch_done(record)
    curves = LiveCurves(3, records[:2], file=resumed)
    assert resumed.read_bytes() == pictures.png(pictures.curves({"": records[:2]}, 3))
    curves.epoch_done(records[2])
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_file_that_cannot_be_written_is_told_of_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    curves = LiveCurves(2, file=tmp_path / "nowhere" / "curves.png")
    with caplog.at_level(logging.WARNING):
        for record in history(2):
            curves.epoch_done(record)
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().startswith("no curves: ")


def test_a_picture_that_is_cut_short_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "curves.png"
    records = history(2)
    curves = LiveCurves(2, file=file)
    curves.epoch_done(records[0])
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cnn_experiment.atomic_file.os.fsync", full)
    curves.epoch_done(records[1])
    assert not curves.is_drawn
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_outside_of_a_notebook_a_file_is_asked_for() -> None:
    with pytest.raises(UserError, match="there is no notebook to show them in; accepted: a file"):
        LiveCurves(2)


def test_a_notebook_has_one_figure_that_changes_in_its_place() -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in (NOTEBOOK, PRINT)]
    )
    NotebookClient(notebook, timeout=200, kernel_name="python3").execute()
    train, printed = notebook.cells
    drawn, different, last = printed.outputs[0].text.split()
    assert (drawn, different) == ("2", "2")
    (figure,) = (output for output in train.outputs if output.output_type == "display_data")
    assert base64.b64decode(figure.data["image/png"]) == base64.b64decode(last)
