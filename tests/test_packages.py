"""What the installed packages tell of themselves, and what their public functions take."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import cnn_experiment
from cnn_experiment import (
    Checkpoint,
    EpochRecord,
    LiveCurves,
    RunFolder,
    initial_weights,
    preset,
    read_checkpoint,
    read_weights,
)
from cnn_experiment.atomic_file import (
    remove_unfinished,
    write_atomically,
    write_json_atomically,
    write_table_atomically,
)
from cnn_experiment.look.picture_file import read_grey
from cnn_experiment.runs.run_folder import read_experiment
from cnn_experiment.safetensors_file import read_arrays, read_index

ROOT = Path(__file__).parents[1]
EXPERIMENT = preset("article-2")


def test_every_installed_package_says_that_it_is_typed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert "cnn_experiment" in packages
    for package in packages:
        assert (ROOT / package / "py.typed").is_file(), package


def test_the_version_is_that_of_the_installed_metadata() -> None:
    import keras_ref
    import torch_cnn

    assert cnn_experiment.__version__ == version("twin-cnn")
    assert torch_cnn.__version__ == keras_ref.__version__ == cnn_experiment.__version__


def state() -> Checkpoint:
    weights = initial_weights(EXPERIMENT.network, 0, "float32")
    return Checkpoint(EXPERIMENT, weights, EXPERIMENT.initial_optimizer_state())


def test_paths_may_be_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("state", state().to_bytes())
    assert read_checkpoint("state").experiment == EXPERIMENT
    assert read_index("state")[1].keys() == read_arrays("state").keys()
    assert read_weights("state")[0] == EXPERIMENT

    folder = RunFolder("run")
    with folder.taken():
        folder.start(EXPERIMENT, "torch")
    assert read_experiment("run/experiment.json") == EXPERIMENT
    assert type(EXPERIMENT).from_file("run/experiment.json", longest=2**20, what="") == EXPERIMENT

    write_json_atomically("value.json", [1])
    write_table_atomically("table.csv", [{"a": 1}])
    assert Path("table.csv").read_text() == "a\n1\n"
    Path(".left.partial").touch()
    remove_unfinished(".")
    assert not Path(".left.partial").exists()


def test_paths_of_pictures_may_be_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record = EpochRecord(
        epoch=1,
        step=1,
        learning_rate=0.1,
        loss=1.0,
        accuracy=0.5,
        val_loss=1.0,
        val_accuracy=0.5,
        seconds=1.0,
    )
    curves = LiveCurves(1, file="curves.png")
    curves.epoch_done(record)
    assert curves.is_drawn
    grey = read_grey("curves.png")
    assert grey.dtype == np.uint8


def test_paths_of_keras_files_may_be_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras_ref
    from cnn_experiment.formats.keras_files import read_keras_archive, read_keras_hdf5

    monkeypatch.chdir(tmp_path)
    model = keras_ref.build_model(EXPERIMENT)
    model.save("model.keras")
    model.save_weights("model.weights.h5")
    assert read_keras_archive("model.keras")[0] == EXPERIMENT.network
    arrays = read_keras_hdf5("model.weights.h5", EXPERIMENT.network).weights
    assert arrays.keys() == EXPERIMENT.network.variable_shapes().keys()
