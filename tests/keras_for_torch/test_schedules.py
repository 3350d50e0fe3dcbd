"""The schedules against Keras' own, bit for bit, as its optimizers are given them in `fit`."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_for_torch
import keras_ref
from keras_for_torch import SettingError

CASES: list[tuple[str, dict[str, Any]]] = [
    ("InverseTimeDecay", {"initial_learning_rate": 1e-3, "decay_steps": 1, "decay_rate": 1e-3}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7.5, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 49, "decay_rate": 0.5, "staircase": True},
    ),
    ("ExponentialDecay", {"initial_learning_rate": 1e-3, "decay_steps": 938, "decay_rate": 0.96}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.9}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 49, "decay_rate": 0.9, "staircase": True},
    ),
    ("CosineDecay", {"initial_learning_rate": 1e-3, "decay_steps": 1000}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 777, "alpha": 0.013}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.0, "decay_steps": 700, "warmup_target": 1e-3,
         "warmup_steps": 99},
    ),
    (
        "CosineDecay",
        {"initial_learning_rate": 1e-5, "decay_steps": 700, "alpha": 0.1, "warmup_target": 0.05,
         "warmup_steps": 150},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 50, "warmup_target": 0.2}),
    ("CosineDecayRestarts", {"initial_learning_rate": 1e-3, "first_decay_steps": 93}),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 77, "t_mul": 1.0, "m_mul": 0.9,
         "alpha": 0.01},
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 50, "t_mul": 1.5, "m_mul": 0.9},
    ),
    ("PolynomialDecay", {"initial_learning_rate": 1e-3, "decay_steps": 938}),
    *(
        (
            "PolynomialDecay",
            {"initial_learning_rate": 0.1, "decay_steps": 777, "end_learning_rate": 1e-3,
             "power": power},
        )
        for power in (0.5, 2.0, 3.0, 1.7, 0.0)
    ),
    *(
        (
            "PolynomialDecay",
            {"initial_learning_rate": 0.1, "decay_steps": steps, "power": power, "cycle": True},
        )
        for steps, power in ((49, 1.0), (49, 2.0), (7, 0.9))
    ),
    ("PiecewiseConstantDecay", {"boundaries": [100], "values": [0.1, 0.01]}),
    ("PiecewiseConstantDecay", {"boundaries": [50, 99.5, 700], "values": [0.1, 0.05, 0.3, 0.0]}),
]  # fmt: skip
STEPS = np.unique(np.r_[0:200, 200:1100:7, 49:1100:49, 77:1100:77, 1100:80_000:997])


def rates_in_fit(schedule: Any, floatx: str) -> list[float]:
    """Plain gradient descent on a weight of 0 with a gradient of -1 leaves the rate behind."""
    with keras_ref.floatx(floatx):
        weight = keras.Variable(np.zeros(()), dtype=floatx)
        optimizer = keras.optimizers.SGD(schedule)
        optimizer.build([weight])
        gradient = keras.ops.convert_to_tensor(-1.0, floatx)

        @tf.function  # type: ignore[untyped-decorator]
        def update() -> None:
            optimizer.apply([gradient], [weight])

        rates = []
        for step in STEPS:
            optimizer.iterations.assign(int(step))
            weight.assign(0.0)
            update()
            rates.append(float(weight))
        return rates


def must_be_the_same(name: str, settings: dict[str, Any], floatx: str) -> None:
    theirs = rates_in_fit(getattr(keras.optimizers.schedules, name)(**settings), floatx)
    schedule = getattr(keras_for_torch, name)(**settings)
    np.testing.assert_array_equal([schedule(int(step)) for step in STEPS], theirs)


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_rates_are_bit_for_bit_those_that_keras_updates_with(
    name: str, settings: dict[str, Any]
) -> None:
    must_be_the_same(name, settings, "float32")


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_rates_are_float32_in_a_float64_model_too(name: str) -> None:
    settings = next(settings for each, settings in CASES if each == name)
    must_be_the_same(name, settings, "float64")


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_arguments_and_defaults_are_those_of_keras(name: str) -> None:
    ours = inspect.signature(getattr(keras_for_torch, name)).parameters
    theirs = inspect.signature(getattr(keras.optimizers.schedules, name)).parameters
    assert {each: value.default for each, value in ours.items()} == {
        each: value.default for each, value in theirs.items() if each != "name"
    }


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("CosineDecay", {"decay_steps": 0}, "decay_steps = 0: accepted: above 0"),
        ("CosineDecay", {"decay_steps": "9"}, "decay_steps = '9': accepted: above 0"),
        ("CosineDecay", {"decay_steps": 9, "alpha": -1.0}, "alpha = -1.0: accepted: 0 or more"),
        ("PolynomialDecay", {"decay_steps": 9, "power": float("inf")}, "power = inf: accepted: a"
         " finite number"),
        ("InverseTimeDecay", {"decay_steps": 9, "decay_rate": -0.1}, "decay_rate = -0.1: accepted:"
         " 0 or more"),
        ("CosineDecayRestarts", {"first_decay_steps": -1}, "first_decay_steps = -1: accepted: above"
         " 0"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingError) as error:
        getattr(keras_for_torch, name)(initial_learning_rate=0.1, **settings)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("boundaries", "values", "part"),
    [
        ([], [0.1], "accepted: one boundary or more"),
        ([1, 2], [0.1, 0.2], "2 boundaries and 2 values: accepted: .* one value more"),
        ([2, 1], [0.1, 0.2, 0.3], r"boundaries = \[2, 1\]: accepted: increasing"),
        ([1], [0.1, -0.2], r"values = -0\.2: accepted: 0 or more"),
    ],
)
def test_wrong_pieces_are_named(boundaries: list[int], values: list[float], part: str) -> None:
    with pytest.raises(SettingError, match=part):
        keras_for_torch.PiecewiseConstantDecay(boundaries, values)
