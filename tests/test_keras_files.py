"""Model files of today's Keras are read as what Keras computes, and nothing in them is run."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

import keras_ref
import torch_cnn
from cnn_experiment import (
    UserError,
    initial_weights,
    load_mnist,
    preset,
    read_weights,
)
from cnn_experiment.formats import keras_files
from cnn_experiment.formats.keras_config import read_config
from cnn_experiment.formats.weight_files import weights_as

EXPERIMENT = preset("article-2")
SAVED = ("cnn.h5", "cnn.keras", "cnn.weights.h5")


@dataclass(frozen=True)
class Saved:
    """What today's Keras saved of one model, and what the model said of 1,000 real images."""

    folder: Path
    images_nhwc: NDArray[Any]
    probabilities: NDArray[Any]
    weights: list[NDArray[Any]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """Article II's network as its author builds it, except for names, weights and biases."""
    cnn = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu", name="zebra"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu", name="dense_1"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu", kernel_regularizer="l2", name="a.b"),
            layers.Flatten(),
            layers.Dense(70, activation="relu", name="conv2d_1"),
            layers.Dense(10),
            layers.Activation("softmax"),
        ]
    )
    cnn.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    numbers = np.random.default_rng(0)
    cnn.set_weights([numbers.normal(0, 0.1, w.shape) for w in cnn.get_weights()])
    data = EXPERIMENT.data.with_changes(train_images=1, test_images=1_000)
    images = load_mnist(EXPERIMENT.with_changes(data=data)).test_images_nhwc
    folder = tmp_path_factory.mktemp("keras")
    for name in SAVED:
        (cnn.save_weights if "weights" in name else cnn.save)(folder / name)
    return Saved(folder, images, cnn.predict(images, verbose=0), cnn.get_weights())


@pytest.mark.parametrize("name", SAVED)
def test_the_port_of_a_saved_model_computes_what_keras_does(saved: Saved, name: str) -> None:
    given = EXPERIMENT if name == "cnn.weights.h5" else None
    experiment, weights = read_weights(saved.folder / name, given)
    assert experiment == EXPERIMENT
    ours_in_order = [weights[name] for name in experiment.network.variable_shapes()]
    for ours, theirs in zip(ours_in_order, saved.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    model = torch_cnn.build_model(experiment)
    torch_cnn.load_neutral_weights(model, weights)
    ours = torch_cnn.predict(model, saved.images_nhwc)
    assert ours.dtype == saved.probabilities.dtype == np.float32
    assert saved.probabilities.std() > 0.01
    np.testing.assert_allclose(ours, saved.probabilities, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_keras_loads_what_we_write(tmp_path: Path, dtype: str) -> None:
    experiment = preset("mlp").with_changes(dtype=dtype)
    weights = initial_weights(experiment.network, 7, experiment.dtype)
    path = tmp_path / "cnn.weights.h5"
    path.write_bytes(weights_as("keras", experiment, weights))
    model = keras_ref.build_model(experiment)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        model.load_weights(path)
    loaded = keras_ref.neutral_weights(model)
    model.save_weights(tmp_path / "again.weights.h5")
    same, again = read_weights(tmp_path / "again.weights.h5", preset("mlp"))
    assert same == experiment
    assert loaded.keys() == weights.keys() == again.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(loaded[name], array)
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_lambda_is_refused_by_name_and_not_run(tmp_path: Path, ending: str) -> None:
    trace = tmp_path / "written by the model"

    def write(features: Any) -> Any:
        trace.write_text("run")
        return features

    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Lambda(write, name="innocent")])
    model.save(tmp_path / f"cnn.{ending}")
    assert trace.exists()  # so it would show
    trace.unlink()
    with pytest.raises(UserError, match="layer 'innocent' is a Lambda; accepted: InputLayer, Conv"):
        read_weights(tmp_path / f"cnn.{ending}")
    assert not trace.exists()


Change = Callable[[dict[str, Any]], None]


def with_setting(place: int, **settings: Any) -> Change:
    return lambda config: config["config"]["layers"][place]["config"].update(settings)


def with_layers(part: slice) -> Change:
    def change(config: dict[str, Any]) -> None:
        config["config"]["layers"] = config["config"]["layers"][part]

    return change


def with_model(**settings: Any) -> Change:
    return lambda config: config.update(settings)


def without_pooling(config: dict[str, Any]) -> None:
    del config["config"]["layers"][2]


def of_another_module(config: dict[str, Any]) -> None:
    config["config"]["layers"][1]["module"] = "os"


def of_another_class(config: dict[str, Any]) -> None:
    names = {"class_name": "Embedding", "registered_name": "Embedding"}
    config["config"]["layers"][1].update(names)


CONFIGURATIONS: dict[str, Change] = {
    "layer 'zebra': padding = 'same'; accepted: \"valid\"": with_setting(1, padding="same"),
    r"strides = \[2, 2\]; accepted: \[1, 1\]": with_setting(1, strides=[2, 2]),
    "strides = .*; accepted: its pool_size": with_setting(2, strides=[1, 1]),
    r"dilation_rate = \[2, 2\]": with_setting(1, dilation_rate=[2, 2]),
    "groups = 2": with_setting(1, groups=2),
    "use_bias = False; accepted: true": with_setting(1, use_bias=False),
    "data_format = 'channels_first'": with_setting(1, data_format="channels_first"),
    "activation = 'gelu'; accepted: relu, sigmoid, elu, tanh": with_setting(1, activation="gelu"),
    "activation = 'softmax'; accepted: relu": with_setting(7, activation="softmax"),
    r"activation = \{'class_name': 'function'": with_setting(
        1, activation={"class_name": "function", "config": "f"}
    ),
    "lora_rank = 4; accepted: null": with_setting(1, lora_rank=4),
    "dtype = 'mixed_float16'; accepted: float32, float64": with_setting(
        1, dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}
    ),
    r"batch_shape = \[None, 784\]": with_setting(0, batch_shape=[None, 784]),
    "filters = 'many': input should be a valid integer": with_setting(1, filters="many"),
    r"pools\[0\]\[0\] = 0: input should be greater": with_setting(
        2, pool_size=[0, 2], strides=[0, 2]
    ),
    "layer 'zebra' is an Embedding; accepted: InputLayer, Conv2D": of_another_class,
    "layer 'dense_1' is a Conv2D in the place of MaxPooling2D": without_pooling,
    "layer 'zebra' is a Conv2D of os; accepted": of_another_module,
    "layers are named .*; accepted: a different name for each": with_setting(7, name="zebra"),
    "the model does not begin with an InputLayer": with_layers(slice(1, None)),
    "the model ends, there is nothing in the place of Dense": with_layers(slice(7)),
    "the model is a Mine; accepted: Keras' own Sequential, or a Functional that": with_model(
        class_name="Mine"
    ),
    "the model is a Sequential of 'mine'; accepted: Keras' own": with_model(module="mine"),
    "the model is a Sequential of 'keras'; accepted: Keras' own": with_model(
        registered_name="mine>Sequential"
    ),
    "configuration: layers = 3: input should be a valid list": with_model(config={"layers": 3}),
}


@pytest.mark.parametrize("sentence", CONFIGURATIONS)
def test_what_a_network_cannot_express_is_refused_by_name(saved: Saved, sentence: str) -> None:
    with zipfile.ZipFile(saved.folder / "cnn.keras") as archive:
        config = json.loads(archive.read("config.json"))
    assert read_config(json.dumps(config))[0] == EXPERIMENT.network
    CONFIGURATIONS[sentence](config)
    with pytest.raises(UserError, match=sentence):
        read_config(json.dumps(config))


def test_another_network_than_the_experiments_is_refused(saved: Saved) -> None:
    with pytest.raises(UserError, match=r"its network has convolutions = .*; accepted: the exper"):
        read_weights(saved.folder / "cnn.h5", preset("article-3"))
    with pytest.raises(UserError, match="only weights; accepted: together with an experiment"):
        read_weights(saved.folder / "cnn.weights.h5")


def test_a_damaged_archive_is_read_or_refused(
    saved: Saved, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_files, "read_hdf5", lambda _: ({}, {}))
    content = (saved.folder / "cnn.keras").read_bytes()
    numbers = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in numbers.integers(1, 260, 3):  # the list of members stands last
            damaged[-place] = numbers.integers(256)
        path = tmp_path / "cnn.keras"
        path.write_bytes(damaged)
        with pytest.raises(UserError) as caught:  # for want of weights, if for nothing else
            read_weights(path)
        assert len(str(caught.value)) < 500
