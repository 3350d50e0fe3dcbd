"""What a Keras file says of its training is taken exactly, or it is named."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers, losses, optimizers, regularizers

import keras_ref
from cnn_experiment import (
    L1,
    L2,
    Adamax,
    Experiment,
    ExponentialDecay,
    InverseTimeDecay,
    Nadam,
    RMSprop,
    preset,
    read_checkpoint,
    read_weights,
)
from cnn_experiment.formats.weight_files import read_model_file
from cnn_experiment.settings.schedules import ConstantRate
from tests.keras_models import ENDINGS, change_json, cnn, saved
from tests.running_scripts import run_script

EXPERIMENT = preset("article-2")
STATE = "the optimizer's state"
PENALTY = regularizers.L2(1e-3)

EXPERIMENTS: dict[str, Experiment] = {
    "rmsprop": EXPERIMENT.with_changes(
        optimizer=RMSprop(rho=0.8, momentum=0.9, epsilon=1e-5),
        schedule=InverseTimeDecay(initial_learning_rate=2e-3, decay_rate=5e-3, staircase=True),
        regularizer=L2(strength=1e-3),
    ),
    "nadam": EXPERIMENT.with_changes(
        optimizer=Nadam(beta_1=0.8),
        schedule=ExponentialDecay(initial_learning_rate=1e-2, decay_steps=100.5, decay_rate=0.5),
        regularizer=L1(strength=3e-4, layers=("convolutions",)),
    ),
    "adamax": EXPERIMENT.with_changes(
        optimizer=Adamax(beta_2=0.99),
        schedule=ConstantRate(initial_learning_rate=3e-3),
        regularizer=L2(strength=0.1, layers=("convolutions", "hidden", "output")),
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_in_keras_comes_back_whole(
    tmp_path: Path, name: str, ending: str, dtype: str
) -> None:
    experiment = EXPERIMENTS[name].with_changes(dtype=dtype)
    model = keras_ref.build_model(experiment)
    file = read_model_file(saved(model, tmp_path, ending))
    assert file.experiment == experiment
    assert file.training is not None
    assert file.training.left == (STATE,)
    for neutral, array in keras_ref.neutral_weights(model).items():
        np.testing.assert_array_equal(file.weights[neutral], array)


def test_a_rate_in_float32_keeps_its_bits_in_a_float64_model(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), dtype="float64"),
            layers.Flatten(dtype="float64"),
            layers.Dense(10, activation="softmax", dtype="float64"),
        ]
    )
    model.compile("rmsprop", "categorical_crossentropy")  # its rate is in floatx, float32
    experiment = read_weights(saved(model, tmp_path))[0]
    assert experiment.dtype == "float64"
    assert experiment.schedule.initial_learning_rate == float(np.float32(1e-3)) != 1e-3


def test_a_model_that_was_not_compiled_has_nothing_to_name(tmp_path: Path) -> None:
    target = tmp_path / "latest.safetensors"
    run = run_script("convert", saved(cnn(), tmp_path), target, "--to", "checkpoint")
    assert run.stdout.count("\n") == 2
    assert "trained with article-2's settings" in run.stdout
    assert read_checkpoint(target).experiment == EXPERIMENT


CROSSENTROPY = "categorical_crossentropy"
LEFT: dict[str, tuple[Callable[[], keras.Model], Callable[[], Any], Any]] = {
    "optimizer: it is 'Adam'; accepted: RMSprop, Nadam, Adamax": (
        cnn, optimizers.Adam, CROSSENTROPY,
    ),
    "schedule: 0.5, of an optimizer not taken": (
        cnn, lambda: optimizers.SGD(0.5), CROSSENTROPY,
    ),
    "optimizer: RMSprop with clipnorm = 1.0": (
        cnn, lambda: optimizers.RMSprop(clipnorm=1.0), CROSSENTROPY,
    ),
    "optimizer: RMSprop with weight_decay = 0.01": (
        cnn, lambda: optimizers.RMSprop(weight_decay=0.01), CROSSENTROPY,
    ),
    "optimizer: RMSprop with centered = True": (
        cnn, lambda: optimizers.RMSprop(centered=True), CROSSENTROPY,
    ),
    "optimizer: RMSprop with use_ema = True": (
        cnn, lambda: optimizers.RMSprop(use_ema=True), CROSSENTROPY,
    ),
    "optimizer: RMSprop with gradient_accumulation_steps = 2": (
        cnn, lambda: optimizers.RMSprop(gradient_accumulation_steps=2), CROSSENTROPY,
    ),
    "schedule: it is 'CosineDecay'; accepted: InverseTimeDecay, ExponentialDecay": (
        cnn, lambda: optimizers.RMSprop(optimizers.schedules.CosineDecay(0.1, 10)), CROSSENTROPY,
    ),
    "schedule: ExponentialDecay: decay_rate = 2.0: input should be less than or equal to 1": (
        cnn,
        lambda: optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.1, 10, 2.0)),
        CROSSENTROPY,
    ),
    "loss: it is 'mean_squared_error'; accepted: categorical_crossentropy": (
        cnn, optimizers.RMSprop, "mean_squared_error",
    ),
    "loss: CategoricalCrossentropy with label_smoothing = 0.1": (
        cnn, optimizers.RMSprop, losses.CategoricalCrossentropy(label_smoothing=0.1),
    ),
    "loss: CategoricalCrossentropy with from_logits = True": (
        cnn, optimizers.RMSprop, losses.CategoricalCrossentropy(from_logits=True),
    ),
    "loss: SparseCategoricalCrossentropy with ignore_class = 3": (
        cnn, optimizers.RMSprop, losses.SparseCategoricalCrossentropy(ignore_class=3),
    ),
    r"regularizer: it is L1L2\(l1=0.1, l2=0.2\); accepted: L1 or L2": (
        lambda: cnn(kernel_regularizer=regularizers.L1L2(0.1, 0.2)),
        optimizers.RMSprop,
        CROSSENTROPY,
    ),
    r"regularizer: it is OrthogonalRegularizer\(": (
        lambda: cnn(kernel_regularizer="orthogonal_regularizer"), optimizers.RMSprop, CROSSENTROPY,
    ),
    r"layer 'dense.*': bias_regularizer = L2\(l2=0.001\)": (
        lambda: cnn(bias_regularizer=PENALTY), optimizers.RMSprop, CROSSENTROPY,
    ),
    r"layer 'dense.*': kernel_constraint = MaxNorm\(": (
        lambda: cnn(kernel_constraint="max_norm"), optimizers.RMSprop, CROSSENTROPY,
    ),
    "layer 'dense.*': trainable = False": (
        lambda: cnn(trainable=False), optimizers.RMSprop, CROSSENTROPY,
    ),
    STATE: (cnn, optimizers.RMSprop, CROSSENTROPY),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sentence", LEFT)
def test_what_it_cannot_have_is_named(tmp_path: Path, ending: str, sentence: str) -> None:
    makes, optimizer, loss = LEFT[sentence]
    model = makes()
    model.compile(optimizer(), loss)
    model.optimizer.build(model.trainable_variables)
    target = tmp_path / "latest.safetensors"
    run = run_script("convert", saved(model, tmp_path, ending), target, "--to", "checkpoint")
    assert run.returncode == 0, run.stderr
    pattern = re.compile(f"not taken from the file: {sentence}")
    assert any(pattern.match(line) for line in run.stdout.splitlines()), run.stdout
    if sentence.startswith("optimizer") or "not taken" in sentence:
        made = read_checkpoint(target).experiment
        assert (made.optimizer, made.schedule) == (EXPERIMENT.optimizer, EXPERIMENT.schedule)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "loss", [losses.categorical_crossentropy, "sparse_categorical_crossentropy"]
)
def test_our_loss_by_another_name_is_not_named(tmp_path: Path, ending: str, loss: Any) -> None:
    model = cnn()
    model.compile("rmsprop", loss, loss_weights=[0.5])
    training = read_model_file(saved(model, tmp_path, ending)).training
    assert training is not None
    assert [note for note in training.left if "loss" in note] == ["loss_weights = [0.5]"]


def test_a_penalty_of_one_layer_of_a_group_is_named(tmp_path: Path) -> None:
    model = cnn()
    model.layers[0].kernel_regularizer = PENALTY
    file = read_model_file(saved(model, tmp_path))
    assert file.experiment.regularizer is None
    assert file.training is not None
    assert [note.partition(";")[0] for note in file.training.left] == [
        "regularizer: the kernels have different ones"
    ]


def test_a_penalty_of_strength_0_is_none(tmp_path: Path) -> None:
    file = read_model_file(saved(cnn(kernel_regularizer=regularizers.L1L2(0.0, 0.0)), tmp_path))
    assert file.training is not None
    assert (file.experiment.regularizer, file.training.left) == (None, ())


def test_a_penalty_on_what_an_activation_layer_returns_is_named(tmp_path: Path) -> None:
    last = layers.Activation("softmax", activity_regularizer=PENALTY, name="last")
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10), last])
    training = read_model_file(saved(model, tmp_path)).training
    assert training is not None
    assert training.left == ("layer 'last': activity_regularizer = L2(l2=0.001)",)


def test_a_given_experiment_wins_and_the_message_says_so(tmp_path: Path) -> None:
    model = cnn(kernel_regularizer=PENALTY)
    model.compile(optimizers.Nadam(), CROSSENTROPY)
    path, target = saved(model, tmp_path), tmp_path / "latest.safetensors"
    files = (path, target, "--to", "checkpoint")
    run = run_script("convert", *files, "--preset", "article-2")
    assert run.stdout.splitlines()[2:] == [
        "not taken from the file: regularizer l2, strength 0.001, layers hidden and output;"
        " the experiment has none",
        "not taken from the file: optimizer nadam, beta_1 0.9, beta_2 0.999, epsilon 1e-07;"
        " the experiment has rmsprop, rho 0.9, momentum 0.0, epsilon 1e-07, epsilon_outside False",
        f"not taken from the file: {STATE}",
    ]  # the schedule is the same
    assert read_checkpoint(target).experiment == EXPERIMENT
    run = run_script("convert", *files, "--overwrite")
    assert "trained with the file's or, where it has none, article-2's settings" in run.stdout
    assert "\ntaken from the file: optimizer nadam, beta_1 0.9" in run.stdout
    assert "\ntaken from the file: regularizer l2, strength 0.001, layers hidden and" in run.stdout
    assert "\ntaken from the file: schedule constant, initial_learning_rate 0.001" in run.stdout
    assert read_checkpoint(target).experiment.optimizer == Nadam()
    run = run_script("convert", path, tmp_path / "cnn.weights.h5")
    assert "not taken from the file: optimizer nadam, beta_1 0.9" in run.stdout


def test_the_state_in_a_file_of_weights_is_named(tmp_path: Path) -> None:
    model = keras_ref.build_model(EXPERIMENT)
    model.save_weights(tmp_path / "cnn.weights.h5")
    files = (tmp_path / "cnn.weights.h5", tmp_path / "out.safetensors")
    run = run_script("convert", *files, "--to", "torch", "--preset", "article-2")
    assert run.stdout.splitlines()[1:] == [f"not taken from the file: {STATE}"]


Change = Callable[[dict[str, Any]], object]


def rmsprop(**settings: Any) -> Change:
    return lambda compiled: compiled["optimizer_config"]["config"].update(settings)


def compiled_with(**parts: Any) -> Change:
    return lambda compiled: compiled.update(parts)


EXPONENTIAL = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}
MINE = {"module": "mine", "registered_name": "mine>RMSprop"}
DAMAGED: dict[str, Change] = {
    "optimizer: RMSprop: rho = 'much': input should be a valid number": rmsprop(rho="much"),
    "optimizer: RMSprop: rho = 2.0: input should be less than 1": rmsprop(rho=2.0),
    "optimizer: RMSprop: rho = True: input should be a valid number": rmsprop(rho=True),
    "optimizer: RMSprop: epsilon = 0: input should be greater than 0": rmsprop(epsilon=0),
    "optimizer: RMSprop: rho = nan: input should be ": rmsprop(rho=float("nan")),
    f"optimizer: RMSprop: rho = 1{'0' * 50}": rmsprop(rho=10**400),
    "optimizer: RMSprop with 'new', which is not known": rmsprop(new=1),
    "optimizer: RMSprop with weight_decay = {'a': 1}": rmsprop(weight_decay={"a": 1}),
    "optimizer: it is 7; accepted: a class of Keras": compiled_with(optimizer_config=7),
    "optimizer: it is 'RMSprop' of 'mine'; accepted: a class of Keras": compiled_with(
        optimizer_config={"class_name": "RMSprop", "config": {}, **MINE}
    ),
    "optimizer: it is {'class_name': ['RMSprop']": compiled_with(
        optimizer_config={"class_name": ["RMSprop"], "config": {}}
    ),
    "schedule: constant: initial_learning_rate = [1]: input should": rmsprop(learning_rate=[1]),
    "schedule: constant: initial_learning_rate = None: input should": rmsprop(learning_rate=None),
    "schedule: ExponentialDecay has no decay_steps; accepted: a number": rmsprop(
        learning_rate={"class_name": "ExponentialDecay", "config": {"initial_learning_rate": 0.1}}
    ),
    "schedule: ExponentialDecay: kind = 'constant': ": rmsprop(
        learning_rate={
            "class_name": "ExponentialDecay", "config": {"kind": "constant", **EXPONENTIAL}
        }
    ),
    "schedule: it is 'ExponentialDecay' of 'mine'; accepted: a class of Keras": rmsprop(
        learning_rate={"class_name": "ExponentialDecay", "config": EXPONENTIAL, "module": "mine"}
    ),
    "loss: it is ['a', 'b']; accepted: a class of Keras": compiled_with(loss=["a", "b"]),
    "loss: it is 'mine'; accepted: categorical_crossentropy": compiled_with(
        loss={"class_name": "function", "module": "builtins", "config": "mine"}
    ),
    "loss: CategoricalCrossentropy with new = 1": compiled_with(
        loss={"class_name": "CategoricalCrossentropy", "config": {"new": 1}}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def compiled_h5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = cnn()
    model.compile("rmsprop", CROSSENTROPY)
    return saved(model, tmp_path_factory.mktemp("compiled"), "h5")


@pytest.fixture
def compiled(compiled_h5: Path, tmp_path: Path) -> Path:
    """A compiled model with nothing that is not taken, but the optimizer's state."""
    return Path(shutil.copy(compiled_h5, tmp_path / "cnn.h5"))


@pytest.mark.parametrize("said", DAMAGED)
def test_damaged_settings_are_named_and_not_taken(compiled: Path, said: str) -> None:
    change_json(compiled, "training_config", DAMAGED[said])
    file = read_model_file(compiled)
    assert file.training is not None
    assert any(note.startswith(said) for note in file.training.left), file.training.left
    assert all("\n" not in note and len(note) < 300 for note in file.training.left)
    assert said.partition(":")[0] not in file.training.taken


RATE = {"learning_rate": 0.0020000000949949026}
OF_KERAS_2: dict[str, dict[str, Any]] = {
    "2.2": {"lr": RATE["learning_rate"], "rho": 0.8999999761581421, "decay": 0.0, "epsilon": 1e-7},
    "2.3": {**RATE, "rho": 0.8999999761581421, "decay": 0.0, "epsilon": 1e-7},
    "tf.keras": {
        "name": "RMSprop", **RATE, "decay": 0.0, "rho": 0.8999999761581421, "momentum": 0.0,
        "epsilon": 1e-7, "centered": False,
    },
}  # fmt: skip


def described(class_name: str, config: dict[str, Any]) -> Change:
    return compiled_with(optimizer_config={"class_name": class_name, "config": config})


@pytest.mark.parametrize("version", OF_KERAS_2)
def test_rmsprop_of_keras_2_has_its_epsilon_outside(compiled: Path, version: str) -> None:
    change_json(compiled, "training_config", described("RMSprop", OF_KERAS_2[version]))
    experiment = read_weights(compiled)[0]
    assert experiment.optimizer == RMSprop(epsilon_outside=True)
    assert experiment.schedule == ConstantRate(initial_learning_rate=0.002)


def test_a_decay_of_keras_2_is_no_constant_rate(compiled: Path) -> None:
    change_json(compiled, "training_config", described("RMSprop", {**RATE, "decay": 1e-4}))
    file = read_model_file(compiled)
    assert file.experiment.optimizer == RMSprop(epsilon_outside=True)
    assert file.training is not None
    assert "schedule" not in file.training.taken
    assert file.training.left[0].startswith("schedule: the rate 0.002")
    assert "with decay = 0.0001" in file.training.left[0]


@pytest.mark.parametrize("name", ["decay", "schedule_decay"])
def test_nadam_of_keras_2_is_another_one(compiled: Path, name: str) -> None:
    change_json(compiled, "training_config", described("Nadam", {**RATE, name: 0.004}))
    file = read_model_file(compiled)
    assert file.training is not None
    assert file.training.left[0] == f"optimizer: Nadam with {name} = 0.004, that of Keras 2"
    assert file.experiment == EXPERIMENT


def test_l1l2_of_keras_2_is_taken(compiled: Path) -> None:
    def change(model: dict[str, Any]) -> None:
        of_keras_2 = {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.009999999776482582}}
        for layer in model["config"]["layers"]:
            if layer["class_name"] == "Conv2D":
                layer["config"]["kernel_regularizer"] = of_keras_2

    change_json(compiled, "model_config", change)
    assert read_weights(compiled)[0].regularizer == L2(strength=0.01, layers=("convolutions",))


@pytest.mark.parametrize(
    ("penalty", "said"),
    [
        ({"class_name": "L2", "config": {"l2": "x"}}, "it is L2(l2='x'); accepted: a number as l2"),
        ({"class_name": "L2", "config": {"l2": -1.0}}, "l2 of a kernel: strength = -1.0: input"),
        ({"class_name": "L2", "config": {"l2": None}}, "it is L2(l2=None); accepted: a number as"),
        ({"class_name": "L2", "config": {}}, "it is L2(); accepted: L1 or L2"),
        ({"class_name": "L2", "config": {"l2": 0.1, "new": 1}}, "it is L2(l2=0.1, new=1); accept"),
        ({"class_name": "L2", "config": {"l2": 0.1}, **MINE}, "it is 'L2' of 'mine'; accepted: a"),
        ([1], "it is [1]; accepted: a class of Keras"),
    ],
)
def test_a_damaged_penalty_is_named(compiled: Path, penalty: Any, said: str) -> None:
    def change(model: dict[str, Any]) -> None:
        model["config"]["layers"][-1]["config"]["kernel_regularizer"] = penalty

    change_json(compiled, "model_config", change)
    file = read_model_file(compiled)
    assert file.experiment.regularizer is None
    assert file.training is not None
    assert file.training.left[0].startswith(f"regularizer: {said}")


@pytest.mark.parametrize("text", ["null", "{}", "[1]", "no JSON", '{"optimizer_config": null}'])
def test_a_damaged_training_config_does_not_cost_the_weights(compiled: Path, text: str) -> None:
    with h5py.File(compiled, "r+") as file:
        file.attrs["training_config"] = text
    experiment, weights, training = read_model_file(compiled)
    assert experiment == EXPERIMENT
    assert len(weights) == 10
    assert training is not None
    is_told = any(note.startswith("what compile was given: ") for note in training.left)
    assert is_told == (text in ("[1]", "no JSON"))


def test_a_sigmoid_output_of_keras_2_is_named(tmp_path: Path) -> None:
    parts = [layers.Flatten(), layers.Dense(10, activation="sigmoid")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *parts])
    model.compile("rmsprop", "categorical_crossentropy")
    path = saved(model, tmp_path, "h5")
    said = "loss: Keras 2 computes that of a sigmoid output from its probabilities"
    training = read_model_file(path).training
    assert training is not None
    assert said not in training.left
    change_json(path, "training_config", rmsprop(decay=0.0))
    training = read_model_file(path).training
    assert training is not None
    assert said in training.left
