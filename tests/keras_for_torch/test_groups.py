"""Parameter groups, weight decay of both kinds, and settings that are refused."""

import copy
import io
import math
from typing import Any

import keras
import numpy as np
import pytest
import torch

import keras_for_torch
from keras_for_torch import (
    KerasAdam,
    KerasAdamW,
    KerasRMSprop,
    KerasSGD,
    SettingError,
)
from keras_for_torch.optimizers.shared_settings import (
    Clipping,
)
from tests.keras_for_torch.paths import RATE, STARTS, apart, gradients, keras_path, torch_path

TOLERANCE = 1e-12
ALL = ("KerasAdagrad", "KerasAdam", "KerasAdamW", "KerasAdamax", "KerasNadam", "KerasRMSprop",
       "KerasSGD")  # fmt: skip


def weight() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(3, dtype=torch.float64))


def test_biases_are_excluded_from_decay_by_a_group_of_their_own() -> None:
    theirs = keras_path(
        lambda learning_rate: keras.optimizers.AdamW(learning_rate, 0.1), bias_decays=False
    )
    ours = torch_path(
        lambda both: KerasAdamW(
            [{"params": both[:1]}, {"params": both[1:], "weight_decay": 0.0}], RATE, 0.1
        )
    )
    everything = torch_path(lambda both: KerasAdamW(both, RATE, 0.1))
    assert apart(ours, theirs) < TOLERANCE < apart(everything, theirs)


def test_the_global_norm_is_that_of_all_groups() -> None:
    theirs = keras_path(
        lambda learning_rate: keras.optimizers.Adam(learning_rate, global_clipnorm=0.7)
    )
    groups = torch_path(
        lambda both: KerasAdam([{"params": [each]} for each in both], RATE, global_clipnorm=0.7)
    )
    alone = torch_path(lambda both: KerasAdam(both, RATE, clipnorm=0.7))
    assert apart(groups, theirs) < TOLERANCE < apart(alone, theirs)


@pytest.mark.parametrize("clipping", [{}, {"clipnorm": 0.3}, {"global_clipnorm": 0.7}], ids=str)
def test_weight_decay_is_keras_l2_and_added_before_clipping(clipping: Clipping) -> None:
    strength = 0.05
    theirs = keras_path(
        lambda learning_rate: keras.optimizers.Adam(learning_rate, **clipping),
        penalty=strength,
        updates=200,
    )
    rounded = float(np.float32(strength))  # as Keras' L2 does
    ours = torch_path(
        lambda both: KerasAdam(both, RATE, weight_decay=2 * rounded, **clipping), updates=200
    )
    decoupled = torch_path(
        lambda both: KerasAdam(both, RATE, decoupled_weight_decay=2 * rounded, **clipping),
        updates=200,
    )
    assert apart(ours, theirs) < TOLERANCE < apart(decoupled, theirs)


def test_torch_s_global_norm_has_a_millionth_more() -> None:
    ours, theirs = weight(), weight()
    for each in (ours, theirs):
        each.grad = torch.full_like(each, 1e-6)
    KerasSGD([ours], lr=1.0, global_clipnorm=1e-6).step()
    torch.nn.utils.clip_grad_norm_([theirs], 1e-6)
    assert theirs.grad is not None
    assert (1 - ours.detach()).norm().item() == pytest.approx(1e-6, rel=1e-9)
    assert theirs.grad.norm() < 0.7e-6


@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("bad", [math.inf, math.nan, 0.0])
def test_clipping_treats_zeros_and_what_is_not_finite_as_keras_does(clip: str, bad: float) -> None:
    gradient = np.array([bad, 1.0, -2.0]) if bad else np.zeros(3)
    variable = keras.Variable(np.ones(3), dtype="float64")
    keras.optimizers.SGD(0.5, **{clip: 0.7}).apply(
        [keras.ops.array(gradient, "float64")], [variable]
    )
    ours = weight()
    ours.grad = torch.tensor(gradient)
    KerasSGD([ours], lr=0.5, **{clip: 0.7}).step()  # type: ignore[arg-type]
    np.testing.assert_allclose(ours.detach(), keras.ops.convert_to_numpy(variable), rtol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_states_are_saved_loaded_and_copied_without_a_change(name: str) -> None:
    kind = getattr(keras_for_torch, name)
    steps = gradients(20)
    settings: dict[str, Any] = {"lr": RATE, "clipnorm": 0.5}
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in STARTS]
    whole = [copy.deepcopy(each) for each in parameters]
    reference, optimizer = kind(whole, **settings), kind(parameters, **settings)
    for number, step in enumerate(zip(*steps, strict=True)):
        if number == 7:
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            file.seek(0)
            optimizer = kind(parameters, lr=1.0)
            optimizer.load_state_dict(torch.load(file, weights_only=True))
        if number == 13:
            parameters, optimizer = copy.deepcopy((parameters, optimizer))
        for one, other, gradient in zip(parameters, whole, step, strict=True):
            one.grad, other.grad = torch.tensor(gradient), torch.tensor(gradient)
        optimizer.step()
        reference.step()
    for one, other in zip(parameters, whole, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ALL)
def test_a_float32_model_is_updated_in_float32(name: str) -> None:
    """Against the same updates in float64: they differ by float32's rounding and no more."""
    steps, results = gradients(10), []
    for dtype in (torch.float32, torch.float64):
        parameter = torch.nn.Parameter(torch.tensor(STARTS[1], dtype=dtype))
        optimizer = getattr(keras_for_torch, name)([parameter], lr=RATE, global_clipnorm=0.7)
        for gradient in steps[1]:
            parameter.grad = torch.tensor(gradient, dtype=dtype)
            optimizer.step()
        assert parameter.dtype == dtype
        results.append(parameter.detach().double())
    # Each of 10 subtractions rounds a value of about 2 by half a spacing; the increments, about
    # RATE, by far less.
    assert 0 < (results[0] - results[1]).abs().max() < 6 * np.spacing(np.float32(2))


@pytest.mark.parametrize(
    ("kind", "setting", "sentence"),
    [
        (KerasAdam, {"lr": -1.0}, "lr = -1.0: accepted: 0 or more"),
        (KerasAdam, {"beta_1": 1.0}, "beta_1 = 1.0: accepted: 0 to below 1"),
        (KerasAdam, {"beta_2": math.nan}, "beta_2 = nan: accepted: 0 to below 1"),
        (KerasSGD, {"momentum": 1.5}, "momentum = 1.5: accepted: 0 to 1"),
        (KerasRMSprop, {"rho": "0.9"}, "rho = '0.9': accepted: 0 to below 1"),
        (KerasAdam, {"clipnorm": 0.0}, "clipnorm = 0.0: accepted: above 0, or None"),
        (
            KerasAdam,
            {"clipnorm": 1.0, "clipvalue": 2.0},
            "clipnorm = 1.0, clipvalue = 2.0: accepted: one of clipnorm, clipvalue,"
            " global_clipnorm",
        ),
        (KerasAdamW, {"weight_decay": -0.1}, "weight_decay = -0.1: accepted: 0 or more"),
    ],
)
def test_wrong_settings_are_named(kind: Any, setting: dict[str, Any], sentence: str) -> None:
    for groups, settings in (([weight()], setting), ([{"params": [weight()], **setting}], {})):
        with pytest.raises(SettingError) as error:
            kind(groups, **settings)
        assert str(error.value) == sentence


def test_groups_that_differ_in_the_global_norm_are_refused() -> None:
    parameters = [weight(), weight()]
    for each in parameters:
        each.grad = torch.ones_like(each)
    groups = [
        {"params": [each], "global_clipnorm": limit}
        for each, limit in zip(parameters, (1.0, None), strict=True)
    ]
    with pytest.raises(SettingError, match=r"1\.0, None in groups .* accepted: one value for all"):
        KerasSGD(groups).step()


def test_adamw_has_one_decay_and_refuses_the_other_name() -> None:
    for groups, settings in (
        ([weight()], {"decoupled_weight_decay": 0.1}),
        ([{"params": [weight()], "decoupled_weight_decay": 0.0}], {}),
    ):
        with pytest.raises((SettingError, TypeError), match=r"accepted: .*weight_decay"):
            KerasAdamW(groups, **settings)  # type: ignore[arg-type]


def test_a_setting_under_torch_s_name_is_refused_with_keras_names() -> None:
    with pytest.raises(TypeError, match=r"KerasAdam has no setting eps; accepted: lr, .*epsilon"):
        KerasAdam([weight()], eps=1e-8)  # type: ignore[call-arg]
