"""Settings of a command line: what they change, what they keep, what they refuse."""

from typing import Any

import pytest

from cnn_experiment import (
    L1,
    L2,
    Adamax,
    ConstantRate,
    ExponentialDecay,
    InverseTimeDecay,
    Nadam,
    RMSprop,
    UserError,
    preset,
)
from cnn_experiment.settings.overrides import with_overrides

ADDENDUM = preset("article-3-addendum")


def test_nothing_given_changes_nothing() -> None:
    assert with_overrides(ADDENDUM) == ADDENDUM


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"optimizer": "nadam"}, "optimizer", Nadam()),
        ({"optimizer": "adamax"}, "optimizer", Adamax()),
        ({"optimizer": "rmsprop"}, "optimizer", RMSprop(momentum=0.9)),
        ({"momentum": 0.3}, "optimizer", RMSprop(momentum=0.3)),
        (
            {"momentum": 0.0, "epsilon_outside": True},
            "optimizer",
            RMSprop(epsilon_outside=True),
        ),
        ({"schedule": "constant"}, "schedule", ConstantRate()),
        (
            {"schedule": "exponential", "decay_rate": 0.5},
            "schedule",
            ExponentialDecay(decay_rate=0.5),
        ),
        ({"decay_steps": 9.0}, "schedule", InverseTimeDecay(decay_steps=9.0)),
        (
            {"learning_rate": 0.1, "staircase": True},
            "schedule",
            InverseTimeDecay(initial_learning_rate=0.1, staircase=True),
        ),
        ({"l1": 0.1}, "regularizer", L1(strength=0.1)),
        ({"l2": 0.1}, "regularizer", L2(strength=0.1)),
    ],
)
def test_what_is_given_is_changed(given: dict[str, Any], field: str, expected: object) -> None:
    changed = with_overrides(ADDENDUM, **given)
    assert getattr(changed, field) == expected
    assert changed.with_changes(**{field: getattr(ADDENDUM, field)}) == ADDENDUM


def test_another_schedule_keeps_the_initial_rate() -> None:
    slow = with_overrides(ADDENDUM, learning_rate=1e-5)
    assert with_overrides(slow, schedule="exponential").schedule.initial_learning_rate == 1e-5


def test_the_regularizer_stays_on_its_layers() -> None:
    assert with_overrides(preset("mlp"), l1=0.1).regularizer == L1(strength=0.1, layers=("hidden",))


def test_filters_and_units() -> None:
    network = with_overrides(ADDENDUM, filters=[1, 2], dense=[5, 6]).network
    assert [c.filters for c in network.convolutions] == [1, 2]
    assert network.pools == ((2, 2),)
    assert [h.units for h in network.hidden] == [5, 6]
    assert {c.kernel_size for c in network.convolutions} == {(3, 3)}
    none = with_overrides(ADDENDUM, filters=[], dense=[]).network
    assert (none.convolutions, none.pools, none.hidden) == ((), (), ())


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"optimizer": "sgd"}, "optimizer = 'sgd': accepted: rmsprop, nadam, adamax"),
        (
            {"optimizer": "nadam", "momentum": 0.9},
            "momentum = 0.9: nadam has no such setting; accepted",
        ),
        (
            {"epsilon_outside": True},
            "epsilon_outside with momentum 0.9; accepted: without momentum",
        ),
        ({"momentum": 1.5}, "momentum = 1.5: input should be less than 1"),
        (
            {"schedule": "cosine"},
            "schedule = 'cosine': accepted: constant, inverse_time, exponential",
        ),
        (
            {"schedule": "constant", "decay_rate": 0.5},
            "decay_rate = 0.5: a constant learning rate has",
        ),
        ({"schedule": "exponential", "decay_rate": 1.5}, "decay_rate = 1.5: input should be less"),
        ({"l1": 0.1, "l2": 0.1}, "l1 = 0.1 and l2 = 0.1: accepted: only one of them"),
        ({"l2": -1.0}, "strength = -1.0: input should be greater than or equal to 0"),
        ({"filters": [0]}, "filters = 0: input should be greater than or equal to 1"),
        ({"filters": [9] * 6}, "conv2d_4 has a kernel of 3x3, larger than the 1x1 that reach it"),
        ({"dense": [0]}, "units = 0: input should be greater than or equal to 1"),
    ],
)
def test_bad_settings_end_in_a_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as error:
        with_overrides(ADDENDUM, **given)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
