"""A Functional model is read if it is the same network as a Sequential, else refused by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnn_experiment import UserError, preset, read_weights
from tests.keras_models import ENDINGS, change_json, cnn, saved

EXPERIMENT = preset("article-2")


@pytest.mark.parametrize("is_compiled", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_functional_model_that_is_a_chain_is_read(
    tmp_path: Path, ending: str, *, is_compiled: bool
) -> None:
    model = cnn(functional=True)
    if is_compiled:
        model.compile("rmsprop", "categorical_crossentropy")
    experiment, weights = read_weights(saved(model, tmp_path, ending))
    assert experiment == EXPERIMENT
    ours = [weights[name] for name in experiment.network.variable_shapes()]
    for one, other in zip(ours, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("class_name", ["Functional", "Model"])
def test_the_nested_lists_of_keras_2_are_read(tmp_path: Path, class_name: str) -> None:
    def change(model: dict[str, Any]) -> None:
        config, before = model["config"], None
        for layer in config["layers"]:
            layer["inbound_nodes"] = [] if before is None else [[[before, 0, 0, {}]]]
            before = layer["config"]["name"]
        for ends in ("input_layers", "output_layers"):
            config[ends] = [config[ends]]
        model["class_name"] = class_name

    path = saved(cnn(functional=True), tmp_path, "h5")
    change_json(path, "model_config", change)
    assert read_weights(path)[0].network == EXPERIMENT.network


def shape_of(*parts: Callable[[Any], Any]) -> Any:
    """Return the input, and what these parts make of it, each of what the one before made."""
    features = images = keras.Input((28, 28, 1), name="images")
    for part in parts:
        features = part(features)
    return images, features


def two_outputs() -> keras.Model:
    images, hidden = shape_of(layers.Flatten(), layers.Dense(784, activation="relu", name="first"))
    return keras.Model(images, [hidden, layers.Dense(10, name="last")(hidden)])


def two_inputs() -> keras.Model:
    images, features = shape_of(layers.Flatten(name="flat"))
    more = keras.Input((784,), name="more")
    both = layers.Add(name="sum")([features, more])
    return keras.Model([images, more], layers.Dense(10, name="last")(both))


def way_around() -> keras.Model:
    images, features = shape_of(layers.Flatten(name="flat"))
    hidden = layers.Dense(784, name="hidden")(features)
    both = layers.Add(name="sum")([features, hidden])
    return keras.Model(images, layers.Dense(10, name="last")(both))


def called_twice() -> keras.Model:
    shared = layers.Dense(784, name="shared")
    return keras.Model(*shape_of(layers.Flatten(name="flat"), shared, shared, layers.Dense(10)))


REFUSED: dict[Callable[[], keras.Model], str] = {
    two_outputs: r"the model has output_layers = \[\['first', 0, 0\], \['last', 0, 0\]\]; accepted",
    two_inputs: "layer '(more|flat)' takes its input from .*; accepted: once, and from the layer",
    way_around: r"layer 'sum' takes its input from \['flat', 'hidden'\]; accepted: once, and from",
    called_twice: r"layer 'shared' takes its input from \['flat', 'shared'\]; accepted: once",
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_another_graph_is_refused_by_the_layer(
    tmp_path: Path, make: Callable[[], keras.Model], ending: str
) -> None:
    with pytest.raises(UserError, match=REFUSED[make]) as caught:
        read_weights(saved(make(), tmp_path, ending))
    assert "\n" not in str(caught.value)


def with_node(place: int, node: Any) -> Callable[[dict[str, Any]], object]:
    return lambda model: model["config"]["layers"][place].update(inbound_nodes=node)


def with_setting(**settings: Any) -> Callable[[dict[str, Any]], object]:
    return lambda model: model["config"].update(settings)


HISTORY = {"class_name": "__keras_tensor__", "config": {"keras_history": ["images", 0, 0]}}
DAMAGED: dict[str, Callable[[dict[str, Any]], object]] = {
    r"layer 'flat' takes its input from \[\]; accepted: once": with_node(1, []),
    r"layer 'flat' takes its input from \[7\]": with_node(1, [7]),
    r"layer 'flat' takes its input from \[\[\]\]": with_node(1, [[]]),
    r"layer 'flat' takes its input from \['images'\]": with_node(1, [[["images", 1, 0, {}]]]),
    r"layer 'flat' takes its input from \['image": with_node(1, [[["images", 0, 0, {"a": 1}]]]),
    r"layer 'flat' takes its input from \[\{'args'": with_node(
        1, [{"args": [HISTORY], "kwargs": {"training": True}}]
    ),
    "layer 'images' takes its input from another layer; accepted: from none": with_node(
        0, [[["flat", 0, 0, {}]]]
    ),
    r"layers\[1\].inbound_nodes = 3: input should be a valid list": with_node(1, 3),
    r"the model has input_layers = \['flat', 0, 0\]; accepted": with_setting(
        input_layers=["flat", 0, 0]
    ),
    "the model has output_layers = None; accepted": with_setting(output_layers=None),
}


@pytest.mark.parametrize("sentence", DAMAGED)
def test_a_damaged_graph_is_refused_in_one_sentence(tmp_path: Path, sentence: str) -> None:
    parts = shape_of(layers.Flatten(name="flat"), layers.Dense(10, activation="softmax"))
    path = saved(keras.Model(*parts), tmp_path, "h5")
    assert read_weights(path)[0].network.hidden == ()
    change_json(path, "model_config", DAMAGED[sentence])
    with pytest.raises(UserError, match=sentence) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
