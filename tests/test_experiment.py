"""The experiment: lossless JSON, frozen, and every wrong value named with what is accepted."""

import copy
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cnn_experiment import (
    L2,
    PRESETS,
    Adamax,
    ConstantRate,
    Convolution,
    Experiment,
    ExponentialDecay,
    Hidden,
    InverseTimeDecay,
    Nadam,
    Network,
    RMSprop,
    UserError,
    accuracy_line,
    preset,
)
from cnn_experiment.runs.run_folder import read_experiment
from cnn_experiment.settings.optimizers import OPTIMIZERS
from cnn_experiment.settings.schedules import SCHEDULES


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_comes_back_equal_from_json(name: str) -> None:
    assert Experiment.from_json(preset(name).to_json()) == preset(name)


@pytest.mark.parametrize("strength", [0.1, 1 / 3, 1e-30, math.pi * 1e17, 0.0])
def test_floats_come_back_bit_for_bit_from_json(strength: float) -> None:
    experiment = preset("article-3").with_changes(regularizer=L2(strength=strength))
    again = Experiment.from_json(experiment.to_json())
    assert again.regularizer is not None
    assert again.regularizer.strength.hex() == strength.hex()


def test_an_experiment_is_frozen_and_hashable() -> None:
    experiment = preset("article-2")
    with pytest.raises(ValidationError, match="frozen"):
        experiment.epochs = 7  # type: ignore[misc]
    assert hash(experiment) == hash(preset("article-2"))


def test_changes_are_validated_and_leave_the_original() -> None:
    experiment = preset("article-2")
    assert experiment.with_changes(epochs=7).epochs == 7
    assert experiment.epochs == 5


def test_presets_hold_the_articles_figures() -> None:
    def figures(name: str) -> tuple[object, ...]:
        e = preset(name)
        filters = tuple(convolution.filters for convolution in e.network.convolutions)
        strength = e.regularizer.strength if e.regularizer else None
        return (
            filters,
            e.network.hidden[0].units,
            strength,
            e.optimizer.momentum if isinstance(e.optimizer, RMSprop) else None,
            e.schedule.kind,
            e.batch_size,
            e.epochs,
        )

    assert figures("article-2") == ((32, 64, 64), 70, None, 0.0, "constant", 64, 5)
    decaying = ("inverse_time", 64, 80)
    assert figures("article-3-first") == ((64, 64, 128), 120, 9e-4, 0.8, *decaying)
    assert figures("article-3") == ((64, 64, 128), 120, 8e-4, 0.5, *decaying)
    assert figures("article-3-addendum") == ((32, 64, 128), 120, 1e-3, 0.9, *decaying)
    assert figures("article-6") == ((32, 64, 128), 100, 1e-3, 0.9, *decaying)
    for name in PRESETS:
        assert isinstance(preset(name).optimizer, RMSprop)
        assert preset(name).optimizer.model_dump(include={"rho", "epsilon"}) == {
            "rho": 0.9,
            "epsilon": 1e-7,
        }
        assert preset(name).schedule.initial_learning_rate == 1e-3
    schedule = preset("article-3").schedule
    assert isinstance(schedule, InverseTimeDecay)
    assert (schedule.decay_steps, schedule.decay_rate) == (1.0, 1e-3)


def test_the_addendum_s_plot_has_a_line_of_its_own() -> None:
    lines = {name: accuracy_line(preset(name)) for name in PRESETS}
    assert lines == dict.fromkeys(PRESETS, 0.992) | {"article-3-addendum": 0.9935}
    addendum = preset("article-3-addendum")
    assert accuracy_line(addendum.with_changes(epochs=2, seed=5, dtype="float64")) == 0.9935
    assert accuracy_line(addendum.with_changes(optimizer=RMSprop(momentum=0.8))) == 0.992


def test_unknown_preset_lists_the_known() -> None:
    with pytest.raises(UserError, match="'article-9': accepted: article-2, article-3-first, art"):
        preset("article-9")


def changed(path: str, value: Any) -> str:
    """JSON of the addendum with the value at `path` replaced."""
    tree = json.loads(preset("article-3-addendum").to_json())
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    node = tree
    for key in parents:
        node = node[key]
    node[last] = value
    return json.dumps(tree)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            "network.convolutions.0.activation",
            "swish",
            "network.convolutions[0].activation = 'swish': input should be 'relu', 'sigmoid',"
            " 'elu' or 'tanh'",
        ),
        (
            "network.hidden.0.activation",
            "elu",
            "network.hidden[0].activation = 'elu': input should be 'relu', 'sigmoid' or 'tanh'",
        ),
        ("network.output.activation", "relu", "network.output.activation = 'relu': input should"),
        ("network.convolutions.1.filters", 0, "filters = 0: input should be greater than or"),
        ("network.hidden.0.units", 2.5, "network.hidden[0].units = 2.5: input should be a valid"),
        (
            "network.pools",
            [[2, 2]],
            "network: pools has 1 entries for 3 convolutions; accepted: 2, one fewer than conv",
        ),
        (
            "network.convolutions.2.kernel_size",
            [6, 3],
            "conv2d_3 has a kernel of 6x3, larger than the 5x5 that reach it; accepted: at most",
        ),
        (
            "network.pools.1",
            [2, 12],
            "max_pool_2 has a pool of 2x12, larger than the 11x11 that reach it; accepted: at",
        ),
        ("network.convolutions.0.kernel_size", [3], "kernel_size[1]: field required"),
        ("regularizer.strength", -1e-3, "regularizer.strength = -0.001: input should be greater"),
        ("regularizer.strength", math.nan, "strength = nan: input should be a finite number"),
        ("regularizer.strength", 1e39, "strength = 1e+39: input should be 0 or between 1e-37 and"),
        ("schedule.decay_steps", 1e-50, "decay_steps = 1e-50: input should be 0 or between 1e-37"),
        ("optimizer.momentum", -0.1, "optimizer.momentum = -0.1: input should be greater than or"),
        ("optimizer.momentum", 1.0, "optimizer.momentum = 1.0: input should be less than 1"),
        (
            "optimizer",
            {"kind": "nadam", "momentum": 0.9},
            "optimizer.momentum = 0.9: nadam has no such setting; accepted: beta_1",
        ),
        (
            "optimizer",
            {"kind": "adamax", "rho": 0.9},
            "optimizer.rho = 0.9: adamax has no such setting; accepted: beta_1",
        ),
        ("regularizer.layers", ["pools"], "regularizer.layers[0] = 'pools': input should be 'conv"),
        ("regularizer.kind", "l3", "regularizer.kind = 'l3': accepted: l1, l2"),
        (
            "network.output.crossentropy_of",
            "both",
            "crossentropy_of = 'both': input should be 'log",
        ),
        ("schedule.staircase", 1, "schedule.staircase = 1: input should be a valid boolean"),
        ("optimizer.rho", 1.5, "optimizer.rho = 1.5: input should be less than 1"),
        ("optimizer.kind", "sgd", "optimizer.kind = 'sgd': accepted: rmsprop, nadam, adamax"),
        (
            "schedule.kind",
            "cosine",
            "schedule.kind = 'cosine': accepted: constant, inverse_time, exponential",
        ),
        ("schedule.initial_learning_rate", 0.0, "rate = 0.0: input should be greater than 0"),
        ("schedule.decay_steps", 0, "decay_steps = 0: input should be greater than 0"),
        ("schedule.decay_rate", -1.0, "decay_rate = -1.0: input should be greater than or equal"),
        ("data.protocol", "mixed", "data.protocol = 'mixed': input should be 'pooled' or 'offic"),
        ("data.train_images", 60_001, "data.train_images = 60001: input should be less than or"),
        ("data.test_images", 0, "data.test_images = 0: input should be greater than or equal to 1"),
        ("data.split_seed", -1, "data.split_seed = -1: input should be greater than or equal to 0"),
        (
            "data",
            {"protocol": "official", "split_seed": 1},
            "data: split_seed 1 with protocol official; accepted: with pooled",
        ),
        ("batch_size", 0, "batch_size = 0: input should be greater than or equal to 1"),
        ("batch_size", "64", "batch_size = '64': input should be a valid integer"),
        ("epochs", 0, "epochs = 0: input should be greater than or equal to 1"),
        ("epochs", True, "epochs = True: input should be a valid integer"),
        ("seed", -1, "seed = -1: input should be greater than or equal to 0"),
        ("dtype", "float16", "dtype = 'float16': input should be 'float32' or 'float64'"),
        (
            "learning_rate",
            0.1,
            "learning_rate = 0.1: extra inputs are not permitted",
        ),
        ("optimizer", {"momentum": 0.9}, "optimizer has no kind; accepted as its kind: rmsprop"),
        ("optimizer", {"kind": "nadam", "beta_2": 0.99999999}, "less than 1 in float32 too"),
        (
            "regularizer.layers",
            [],
            "regularizer.layers = []: accepted: one or more of convolutions, hidden",
        ),
        ("network.hidden.0.units", 100_000, "accepted: at most 100,000,000"),
        ("network.hidden.0.units", 10**12, "units = 1000000000000: input should be less than or"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        Experiment.from_json(changed(path, value))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"network": {}}', "\x00"])
def test_what_is_no_experiment_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError) as error:
        Experiment.from_json(text)
    assert "\n" not in str(error.value)


NETWORK = Network(convolutions=(Convolution(filters=4),), pools=(), hidden=(Hidden(units=5),))


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        (RMSprop, {"momentum": 2.0}, "momentum = 2.0: input should be less than 1"),
        (RMSprop, {"momentum": "0.9"}, "momentum = '0.9': input should be a valid number"),
        (
            Nadam,
            {"momentum": 0.9},
            "momentum = 0.9: nadam has no such setting; accepted: beta_1, beta_2, epsilon",
        ),
        (L2, {}, "strength: field required"),
        (
            Network,
            {"convolutions": (), "pools": ((2, 2),), "hidden": ()},
            "Network: pools has 1 entries for 0 convolutions; accepted: 0, one fewer than convol",
        ),
        (
            Experiment,
            {"network": NETWORK, "epochs": 0, "seed": -1},
            "epochs = 0: input should be greater than or equal to 1; seed = -1: input should be",
        ),
        (
            Experiment,
            {"network": NETWORK, "epochs": 1, "optimizer": {"kind": "sgd"}},
            "optimizer.kind = 'sgd': accepted: rmsprop, nadam, adamax",
        ),
        (
            Experiment,
            {"network": {"convolutions": ({"filters": 0},), "pools": (), "hidden": ()}},
            "network.convolutions[0].filters = 0: input should be greater than or equal to 1",
        ),
        (
            Experiment,
            {"network": NETWORK, "epochs": 1, "regularizer": {"kind": "l2", "strength": -1.0}},
            "regularizer.strength = -1.0: input should be greater than or equal to 0",
        ),
    ],
)
def test_the_constructor_refuses_wrong_values_in_one_sentence(
    kind: Callable[..., object], fields: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError) as error:
        kind(**fields)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)
    # A traceback shows the sentence, and it alone.
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_a_value_copies_and_pickles_as_any() -> None:
    experiment = preset("article-3")
    assert pickle.loads(pickle.dumps(experiment)) == copy.deepcopy(experiment) == experiment  # noqa: S301 - our own


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"import os\n\nprint(os)\n", "expected value at line 1 column 1"),
        (b'{"epochs": 5,\n "seed" 7}', "expected `:` at line 2 column 9"),
        (b"\xff\xfe\x00", "expected value at line 1 column 1"),
        (b"", "EOF while parsing a value at line 1 column 0"),
    ],
)
def test_a_file_that_is_no_json_is_told_its_place(
    content: bytes, place: str, tmp_path: Path
) -> None:
    file = tmp_path / "train.py"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_experiment(str(file))
    assert str(error.value) == f"{file}: it is not JSON ({place}); accepted: an experiment.json"


def test_a_network_without_convolutions_is_an_mlp() -> None:
    network = Network(convolutions=(), pools=(), hidden=(Hidden(units=70), Hidden(units=30)))
    assert [layer.name for layer in network.layers()] == [
        "flatten",
        "dense_1",
        "dense_2",
        "dense_3",
    ]
    assert sum(layer.parameters for layer in network.layers()) == 57_390


def test_the_l2_strength_is_rounded_as_keras_rounds_it() -> None:
    assert L2(strength=1e-3).rounded_strength == 0.0010000000474974513


@pytest.mark.parametrize("kind", [*OPTIMIZERS, *SCHEDULES])
def test_an_unknown_setting_of_any_kind_lists_its_own(kind: str) -> None:
    field, kinds = ("optimizer", OPTIMIZERS) if kind in OPTIMIZERS else ("schedule", SCHEDULES)
    with pytest.raises(UserError) as error:
        Experiment.from_json(changed(field, {"kind": kind, "speed": 1}))
    own = ", ".join(name for name in kinds[kind].model_fields if name != "kind")
    message = f"{field}.speed = 1: {kind} has no such setting; accepted: {own}"
    assert str(error.value) == message


def test_a_kind_is_found_by_its_name() -> None:
    assert {"rmsprop": RMSprop, "nadam": Nadam, "adamax": Adamax} == OPTIMIZERS
    assert {
        "constant": ConstantRate,
        "inverse_time": InverseTimeDecay,
        "exponential": ExponentialDecay,
    } == SCHEDULES
