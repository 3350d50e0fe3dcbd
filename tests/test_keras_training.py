"""What a Keras file says of its training is taken or named; other forms of files are read."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers, optimizers, regularizers
from safetensors.numpy import load_file, save_file

from cnn_experiment import (
    L2,
    Experiment,
    ExponentialDecay,
    InverseTimeDecay,
    Nadam,
    RMSprop,
    UserError,
    initial_weights,
    preset,
    read_checkpoint,
    read_weights,
)
from cnn_experiment.formats.conversion import read_names
from cnn_experiment.formats.weight_files import read_model_file, weights_as
from tests.running_scripts import run_script

EXPERIMENT = preset("article-2")
ENDINGS = ("h5", "keras")
PENALTY = regularizers.L2(1e-3)


def cnn(*, functional: bool = False, **dense: Any) -> keras.Model:
    """Article II's network; `dense` are settings of both dense layers."""
    parts = [
        layers.Conv2D(32, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.MaxPooling2D((2, 2)),
        layers.Conv2D(64, (3, 3), activation="relu"),
        layers.Flatten(),
        layers.Dense(70, activation="relu", **dense),
        layers.Dense(10, activation="softmax", **dense),
    ]
    images = keras.Input((28, 28, 1))
    if not functional:
        return keras.Sequential([images, *parts])
    features = images
    for part in parts:
        features = part(features)
    return keras.Model(images, features)


def saved(model: keras.Model, folder: Path, ending: str = "keras") -> Path:
    path = folder / f"cnn.{ending}"
    model.save(path)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_an_experiment_can_have_is_taken(tmp_path: Path, ending: str) -> None:
    model = cnn(kernel_regularizer=PENALTY)
    rate = optimizers.schedules.InverseTimeDecay(2e-3, 1.0, 5e-3, staircase=True)
    model.compile(optimizers.RMSprop(rate, rho=0.8, momentum=0.9), "categorical_crossentropy")
    experiment, weights = read_weights(saved(model, tmp_path, ending))
    assert experiment == EXPERIMENT.with_changes(
        optimizer=RMSprop(rho=0.8, momentum=0.9),
        schedule=InverseTimeDecay(initial_learning_rate=2e-3, decay_rate=5e-3, staircase=True),
        regularizer=L2(strength=1e-3, layers=("hidden", "output")),
    )
    ours = [weights[name] for name in experiment.network.variable_shapes()]
    for one, other in zip(ours, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_nadam_and_an_exponential_decay_are_taken(tmp_path: Path) -> None:
    model = cnn()
    rate = optimizers.schedules.ExponentialDecay(1e-2, 100, 0.5)
    model.compile(optimizers.Nadam(rate, beta_1=0.8), "sparse_categorical_crossentropy")
    experiment = read_weights(saved(model, tmp_path))[0]
    assert experiment.optimizer == Nadam(beta_1=0.8)
    assert experiment.schedule == ExponentialDecay(
        initial_learning_rate=1e-2, decay_steps=100, decay_rate=0.5
    )


LEFT: dict[str, tuple[Callable[[], keras.Model], Any, str]] = {
    "optimizer: it is 'Adam'; accepted: RMSprop, Nadam, Adamax": (
        cnn, optimizers.Adam, "categorical_crossentropy",
    ),
    "optimizer: RMSprop with clipnorm = 1.0": (
        cnn, lambda: optimizers.RMSprop(clipnorm=1.0), "categorical_crossentropy",
    ),
    "optimizer: RMSprop with centered = True": (
        cnn, lambda: optimizers.RMSprop(centered=True), "categorical_crossentropy",
    ),
    "optimizer: RMSprop with use_ema = True": (
        cnn, lambda: optimizers.RMSprop(use_ema=True), "categorical_crossentropy",
    ),
    "schedule: it is 'CosineDecay'; accepted: InverseTimeDecay, ExponentialDecay": (
        cnn,
        lambda: optimizers.RMSprop(optimizers.schedules.CosineDecay(0.1, 10)),
        "categorical_crossentropy",
    ),
    "loss: it is 'mean_squared_error'; accepted: categorical_crossentropy": (
        cnn, optimizers.RMSprop, "mean_squared_error",
    ),
    "loss: it is 'SparseCategoricalCrossentropy, ignore_class = 3'; accepted": (
        cnn, optimizers.RMSprop, keras.losses.SparseCategoricalCrossentropy(ignore_class=3),
    ),
    "loss: it is 'CategoricalCrossentropy, from_logits = True'; accepted": (
        cnn, optimizers.RMSprop, keras.losses.CategoricalCrossentropy(from_logits=True),
    ),
    "regularizer: it is .*'L1L2'.*; accepted: L1 or L2": (
        lambda: cnn(kernel_regularizer=regularizers.L1L2(0.1, 0.2)),
        optimizers.RMSprop,
        "categorical_crossentropy",
    ),
    "layer 'dense.*': bias_regularizer = .*L2": (
        lambda: cnn(bias_regularizer=PENALTY), optimizers.RMSprop, "categorical_crossentropy",
    ),
    "layer 'dense.*': kernel_constraint = .*MaxNorm": (
        lambda: cnn(kernel_constraint="max_norm"), optimizers.RMSprop, "categorical_crossentropy",
    ),
    "layer 'dense.*': trainable = False": (
        lambda: cnn(trainable=False), optimizers.RMSprop, "categorical_crossentropy",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sentence", LEFT)
def test_what_it_cannot_have_is_named(tmp_path: Path, ending: str, sentence: str) -> None:
    makes, optimizer, loss = LEFT[sentence]
    model = makes()
    model.compile(optimizer(), loss)
    target = tmp_path / "latest.safetensors"
    run = run_script("convert", saved(model, tmp_path, ending), target, "--to", "checkpoint")
    assert run.returncode == 0, run.stderr
    left = [line for line in run.stdout.splitlines() if line.startswith("not taken")]
    assert left
    pattern = re.compile(f"not taken from the file: {sentence}")
    assert any(pattern.match(line) for line in left), run.stdout
    if sentence.startswith("optimizer"):
        trained = read_checkpoint(target).experiment
        assert (trained.optimizer, trained.schedule) == (EXPERIMENT.optimizer, EXPERIMENT.schedule)
        assert any(line.startswith("not taken from the file: schedule: 0.0") for line in left)


def test_a_penalty_of_one_layer_of_a_group_is_named(tmp_path: Path) -> None:
    model = cnn()
    model.layers[0].kernel_regularizer = PENALTY
    file = read_model_file(saved(model, tmp_path))
    assert file.experiment.regularizer is None
    assert file.training is not None
    assert [note.partition(";")[0] for note in file.training.left] == [
        "regularizer: the kernels have different ones"
    ]


def test_a_given_experiment_wins_and_the_message_says_so(tmp_path: Path) -> None:
    model = cnn(kernel_regularizer=PENALTY)
    model.compile(optimizers.Nadam(), "categorical_crossentropy")
    path, target = saved(model, tmp_path), tmp_path / "latest.safetensors"
    files = (path, target, "--to", "checkpoint")
    run = run_script("convert", *files, "--preset", "article-2")
    assert "not taken from the file: optimizer nadam, beta_1 0.9" in run.stdout
    assert read_checkpoint(target).experiment == EXPERIMENT
    run = run_script("convert", *files, "--overwrite")
    assert "\ntaken from the file: optimizer nadam, beta_1 0.9" in run.stdout
    assert "\ntaken from the file: regularizer l2, strength 0.001" in run.stdout
    assert read_checkpoint(target).experiment.optimizer == Nadam()


def with_training(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Save article II's network, and change what the file says of its training."""
    model = cnn()
    model.compile("rmsprop", keras.losses.categorical_crossentropy)
    saved(model, path.parent, "h5").rename(path)
    with h5py.File(path, "r+") as file:
        compiled = json.loads(file.attrs["training_config"])
        change(compiled)
        file.attrs["training_config"] = json.dumps(compiled)
    return path


def notes_of(path: Path) -> list[str]:
    file = read_model_file(path)
    assert file.experiment.network == EXPERIMENT.network
    assert file.training is not None
    assert not any("\n" in note for note in file.training.left)
    return list(file.training.left)


def test_a_loss_that_is_a_function_of_keras_is_known(tmp_path: Path) -> None:
    assert notes_of(with_training(tmp_path / "cnn.h5", lambda _: None)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rho": "much"}, "optimizer: 'RMSprop': rho = 'much': "),
        ({"rho": 2.0}, "optimizer: 'RMSprop': rho = 2.0: "),
        ({"learning_rate": [1]}, "schedule: 'the rate': initial_learning_rate"),
        ({"new": 1}, "optimizer: RMSprop with 'new', which is not known"),
        ({"weight_decay": {"a": 1}}, "optimizer: RMSprop with weight_decay = "),
        ({"decay": 1e-3}, "optimizer: RMSprop with decay = 0.001"),
        (
            {"learning_rate": {"class_name": "ExponentialDecay", "config": {}}},
            "schedule: ExponentialDecay without decay_rate, decay_steps, initial_learning_rate",
        ),
        (
            {"learning_rate": {"class_name": "ExponentialDecay", "module": "mine", "config": {}}},
            "schedule: it is 'ExponentialDecay' of 'mine'",
        ),
    ],
)
def test_settings_that_are_damaged_or_not_keras_own_are_named_and_not_taken(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = with_training(
        tmp_path / "cnn.h5", lambda compiled: compiled["optimizer_config"]["config"].update(change)
    )
    notes = notes_of(path)
    assert notes[0].startswith(said)
    assert len(notes) == (2 if said.startswith("optimizer") else 1)
    schedule = read_weights(path)[0].schedule
    assert schedule == EXPERIMENT.schedule


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loss_weights": [2.0]}, "loss_weights = [2.0]"),
        ({"loss": {"class_name": "L", "registered_name": "my>L"}}, "loss: it is 'my>L' of None"),
        ({"optimizer_config": {"class_name": "Nadam", "config": {"decay": 0.0}}},
         "optimizer: Nadam of Keras 2, whose momentum grows by another schedule"),
        ({"optimizer_config": {"class_name": "Nadam", "config": {"schedule_decay": 0.004}}},
         "optimizer: Nadam of Keras 2, whose momentum grows by another schedule"),
        ({"optimizer_config": {"class_name": "RMSprop", "registered_name": "my>RMSprop"}},
         "optimizer: it is 'my>RMSprop' of None"),
    ],
)  # fmt: skip
def test_what_is_another_computation_is_named(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = with_training(tmp_path / "cnn.h5", lambda compiled: compiled.update(change))
    assert notes_of(path)[0] == said
    assert read_weights(path)[0].optimizer == EXPERIMENT.optimizer


@pytest.mark.parametrize("text", ["null", "{}", "[1]", "no JSON", '{"optimizer_config": null}'])
def test_a_damaged_training_config_does_not_cost_the_weights(text: str, tmp_path: Path) -> None:
    path = with_training(tmp_path / "cnn.h5", lambda _: None)
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = text
    assert len(notes_of(path)) == (text in ("[1]", "no JSON"))


def test_a_sigmoid_output_of_keras_2_is_named(tmp_path: Path) -> None:
    parts = [layers.Flatten(), layers.Dense(10, activation="sigmoid")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *parts])
    model.compile("rmsprop", "categorical_crossentropy")
    path = saved(model, tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        compiled = json.loads(file.attrs["training_config"])
        compiled["optimizer_config"]["config"]["decay"] = 0.0
        file.attrs["training_config"] = json.dumps(compiled)
    training = read_model_file(path).training
    assert training is not None
    assert training.left == (
        "loss: Keras 2 computes that of a sigmoid output from its probabilities",
    )


def test_rmsprop_of_keras_2_has_its_epsilon_outside(tmp_path: Path) -> None:
    model = cnn()
    model.compile("rmsprop", "categorical_crossentropy")
    path = saved(model, tmp_path, "h5")
    old = {"name": "RMSprop", "learning_rate": 0.002, "decay": 0.0, "rho": 0.9, "momentum": 0.0}
    old |= {"epsilon": 1e-7, "centered": False}
    with h5py.File(path, "r+") as file:
        described = {"optimizer_config": {"class_name": "RMSprop", "config": old}}
        file.attrs["training_config"] = json.dumps(described)
    experiment = read_weights(path)[0]
    assert experiment.optimizer == RMSprop(epsilon_outside=True)
    assert experiment.schedule.initial_learning_rate == 0.002


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_functional_model_that_is_a_chain_is_read(tmp_path: Path, ending: str) -> None:
    model = cnn(functional=True)
    experiment, weights = read_weights(saved(model, tmp_path, ending))
    assert experiment.network == EXPERIMENT.network
    ours = [weights[name] for name in experiment.network.variable_shapes()]
    for one, other in zip(ours, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_nested_lists_of_keras_2_are_read(tmp_path: Path) -> None:
    path = saved(cnn(functional=True), tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        model = json.loads(file.attrs["model_config"])
        config = model["config"]
        before: str | None = None
        for layer in config["layers"]:
            layer["inbound_nodes"] = [] if before is None else [[[before, 0, 0, {}]]]
            before = layer["config"]["name"]
        config["input_layers"], config["output_layers"] = (
            [config["input_layers"]],
            [config["output_layers"]],
        )
        file.attrs["model_config"] = json.dumps(model)
    assert read_weights(path)[0].network == EXPERIMENT.network


def test_a_functional_model_with_a_way_around_is_refused(tmp_path: Path) -> None:
    images = keras.Input((28, 28, 1))
    features = layers.Flatten()(images)
    hidden = layers.Dense(784, activation="relu", name="first")(features)
    output = layers.Dense(10, activation="softmax", name="last")(features)
    model = keras.Model(images, [hidden, output])
    with pytest.raises(
        UserError, match=r"layer 'last' takes its input from .*'flatten.*'first' al"
    ):
        read_weights(saved(model, tmp_path))
    short = keras.Model(images, layers.Dense(10, name="end")(hidden))
    path = saved(short, tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["output_layers"] = ["first", 0, 0]
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(UserError, match=r"the model has output_layers = \['first', 0, 0\]; accept"):
        read_weights(path)


def weights_of_keras_2(path: Path, **attributes: Any) -> dict[str, Any]:
    """Write weights as Keras 2's `save_weights('x.h5')`, with names of no alphabetical order."""
    weights = initial_weights(EXPERIMENT.network, 3, "float32")
    names = ["z", "pool", "y", "x", "b", "a"]
    kept = [name for name in names if name != "pool"]
    variables = list(weights)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["keras_version"] = b"2.3.1"
        for place, name in enumerate(kept):
            for variable in variables[2 * place : 2 * place + 2]:
                kind = variable.rpartition("/")[2]
                file[f"{name}/{name}/{kind}:0"] = weights[variable]
        file.create_group("pool")
        file.attrs.update(attributes)
    return dict(weights)


def test_weights_that_keras_2_saved_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights = weights_of_keras_2(path)
    experiment, found = read_weights(path, EXPERIMENT)
    assert experiment == EXPERIMENT
    assert found.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)
    with pytest.raises(UserError, match="only weights; accepted: together with an experiment"):
        read_weights(path)


@pytest.mark.parametrize(
    ("layer_names", "said"),
    [
        ([b"z", b"z"], "layer_names: accepted: names of layers, each once"),
        ([b"z", b".."], "layer_names: accepted: names of layers, each once"),
        ([b"z", b"z/z"], "layer_names: accepted: texts without a slash"),
        ([b"z", b"y"], "it has 2 layers with weights, .*; accepted: 5"),
        (7, r"layer_names has shape \(\); accepted: a list of names"),
    ],
)
def test_wrong_names_of_layers_are_refused(layer_names: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path, layer_names=layer_names)
    with pytest.raises(UserError, match=said):
        read_weights(path, EXPERIMENT)


def test_the_mirrored_kernels_of_theano_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    weights_of_keras_2(path, backend=b"theano")
    with pytest.raises(UserError, match="backend = 'theano'; accepted: tensorflow, jax, torch"):
        read_weights(path, EXPERIMENT)


def test_a_sequential_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = saved(cnn(), tmp_path, "h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"]) | {"registered_name": "my>Sequential"}
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(UserError, match="the model is a my>Sequential; accepted: a Sequential"):
        read_weights(path)


def names_of_my_module(experiment: Experiment) -> dict[str, str]:
    variables = list(experiment.network.variable_shapes())
    return {f"body.{place}.w": name for place, name in enumerate(variables)}


def test_names_of_an_own_module_go_both_ways(tmp_path: Path) -> None:
    weights = initial_weights(EXPERIMENT.network, 4, "float32")
    mine = names_of_my_module(EXPERIMENT)
    names = tmp_path / "names.json"
    names.write_text(json.dumps(mine))
    ours = tmp_path / "ours.safetensors"
    ours.write_bytes(weights_as("torch", EXPERIMENT, weights))

    theirs, back = tmp_path / "theirs.safetensors", tmp_path / "back.safetensors"
    save_file(dict(weights), tmp_path / "neutral.safetensors")
    given: list[str | Path] = ["--preset", "article-2", "--names", names]
    run = run_script("convert", tmp_path / "neutral.safetensors", theirs, "--to", "torch", *given)
    assert run.returncode == 0, run.stderr
    assert "dense_1/kernel has Keras' order of rows" in run.stdout
    assert load_file(theirs).keys() == mine.keys()
    assert theirs.read_bytes() == weights_as("torch", EXPERIMENT, weights, mine)
    refused = run_script("convert", ours, back, "--to", "checkpoint", *given)
    assert " is unknown; accepted: body.0.w" in refused.stderr
    run = run_script("convert", theirs, back, "--to", "checkpoint", *given)
    assert run.returncode == 0, run.stderr
    found = read_checkpoint(back).weights
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array)
    again = tmp_path / "again.safetensors"
    run = run_script("convert", back, again, "--to", "torch", "--names", names)
    assert run.returncode == 0, run.stderr
    assert again.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "accepted: a JSON object such as"),
        ('{"a": 1}', "accepted: a JSON object such as"),
        ('{"a": "conv2d_1/kernel"}', "names: 'conv2d_1/bias' is missing; accepted: conv2d_1/ker"),
        ('{"a": "b/c"}', "names: 'b/c' is unknown; accepted: conv2d_1/kernel"),
        ('{"a": "b/c", "d": "b/c"}', "names: 'b/c' is there 2 times; accepted: each once"),
    ],
)
def test_wrong_names_are_one_sentence(content: str, said: str, tmp_path: Path) -> None:
    names, source = tmp_path / "names.json", tmp_path / "in.safetensors"
    names.write_text(content)
    source.write_bytes(
        weights_as("torch", EXPERIMENT, initial_weights(EXPERIMENT.network, 4, "float32"))
    )
    target = tmp_path / "out.safetensors"
    given: list[str | Path] = ["--preset", "article-2", "--names", names, "--to", "torch"]
    run = run_script("convert", source, target, *given)
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (1, "", 1)
    assert said in run.stderr
    assert not target.exists()


def test_names_are_read_from_a_path_that_is_text(tmp_path: Path) -> None:
    (tmp_path / "names.json").write_text('{"a": "b"}')
    assert read_names(str(tmp_path / "names.json")) == {"a": "b"}
