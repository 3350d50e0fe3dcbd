"""Our optimizers against Keras' own on the same gradients, in float64, under a decaying rate."""

import io
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch

import keras_ref
from cnn_experiment import InverseTimeDecay
from keras_for_torch import SettingError
from keras_ref.rmsprop import RMSpropOfKeras2
from parity_ladder import assert_close
from torch_cnn import KerasAdamax, KerasNadam, KerasRMSprop, keras_schedule

DECAY = InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=1, decay_rate=1e-2)
START = np.linspace(-1, 1, 60).reshape(6, 10)
UPDATES = 1000

KERAS = {
    KerasRMSprop: keras.optimizers.RMSprop,
    KerasNadam: keras.optimizers.Nadam,
    KerasAdamax: keras.optimizers.Adamax,
}
CASES = [
    (KerasRMSprop, {}),
    (KerasRMSprop, {"momentum": 0.5}),
    (KerasRMSprop, {"momentum": 0.9, "rho": 0.99, "epsilon": 1e-3}),
    (KerasRMSprop, {"epsilon_outside": True}),
    (KerasRMSprop, {"epsilon_outside": True, "rho": 0.8, "epsilon": 1e-4}),
    (KerasNadam, {}),
    (KerasNadam, {"beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-4}),
    (KerasAdamax, {}),
    (KerasAdamax, {"beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-4}),
]


def gradients(updates: int) -> np.ndarray:
    """Gradients over six decades, shape (updates, 6, 10)."""
    source = np.random.RandomState(0)
    scales = 10.0 ** np.linspace(-6, 0, START.size).reshape(START.shape)
    return np.asarray(source.standard_normal((updates, *START.shape)) * scales)


def keras_path(kind: Any, settings: dict[str, float], steps: np.ndarray) -> np.ndarray:
    with keras_ref.floatx("float64"):
        variable = keras.Variable(START)
        schedule = keras.optimizers.schedules.InverseTimeDecay(
            DECAY.initial_learning_rate, DECAY.decay_steps, DECAY.decay_rate
        )
        settings = dict(settings)
        outside = settings.pop("epsilon_outside", False)
        optimizer = (RMSpropOfKeras2 if outside else KERAS[kind])(
            learning_rate=schedule, **settings
        )
        optimizer.build([variable])

        @tf.function  # type: ignore[untyped-decorator]
        def update(gradient: tf.Tensor) -> None:
            optimizer.apply([gradient], [variable])

        path = []
        for gradient in steps:
            update(tf.constant(gradient))
            path.append(keras.ops.convert_to_numpy(variable).copy())
    return np.stack(path)


def torch_path(optimizer: torch.optim.Optimizer, steps: np.ndarray) -> np.ndarray:
    (parameter,) = optimizer.param_groups[0]["params"]
    scheduler = keras_schedule(optimizer, DECAY)
    path = []
    for gradient in steps:
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
        scheduler.step()
        path.append(parameter.detach().numpy().copy())
    return np.stack(path)


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(START.copy()))


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_a_thousand_updates_follow_keras(kind: Any, settings: dict[str, float]) -> None:
    steps = gradients(UPDATES)
    ours, theirs = (
        torch_path(kind([parameter()], **settings), steps),
        keras_path(kind, settings, steps),
    )
    assert ours.shape == (UPDATES, *START.shape)
    assert_close(ours / theirs, np.ones_like(theirs), 1e-12)


def test_torch_s_own_rmsprop_is_the_equation_of_keras_2() -> None:
    steps = gradients(UPDATES)
    stock = torch_path(torch.optim.RMSprop([parameter()], alpha=0.9, eps=1e-7), steps)
    theirs = keras_path(KerasRMSprop, {"epsilon_outside": True}, steps)
    assert_close(stock / theirs, np.ones_like(theirs), 1e-12)


def test_what_no_keras_had_is_refused() -> None:
    with pytest.raises(SettingError, match=r"epsilon_outside = True with momentum = 0\.5"):
        KerasRMSprop([parameter()], momentum=0.5, epsilon_outside=True)
    with pytest.raises(ValueError, match=r"momentum = 0\.5, centered = False: accepted: neither"):
        RMSpropOfKeras2(momentum=0.5).build([keras.Variable(START)])


@pytest.mark.parametrize(
    ("kind", "stock"),
    [
        (KerasRMSprop, lambda p: torch.optim.RMSprop(p, alpha=0.9, eps=1e-7)),
        (KerasNadam, lambda p: torch.optim.NAdam(p, eps=1e-7, momentum_decay=1.0)),
        (KerasAdamax, lambda p: torch.optim.Adamax(p, eps=1e-7)),
    ],
)
def test_torch_s_own_does_not_follow_keras(kind: Any, stock: Any) -> None:
    steps = gradients(200)
    with pytest.raises(AssertionError, match="apart"):
        assert_close(torch_path(stock([parameter()]), steps), keras_path(kind, {}, steps), 1e-12)


@pytest.mark.parametrize(("kind", "settings"), CASES)
def test_state_dict_goes_on_where_it_was_taken(kind: Any, settings: dict[str, float]) -> None:
    steps = gradients(20)
    whole = kind([parameter()], **settings)
    expected = torch_path(whole, steps)[-1]

    first = kind([parameter()], **settings)
    scheduler = keras_schedule(first, DECAY)
    (moved,) = first.param_groups[0]["params"]
    for number, gradient in enumerate(steps):
        if number == 7:
            second = kind([moved], **settings)
            again = keras_schedule(second, DECAY)  # sets the first rate, so it comes first
            again.load_state_dict(scheduler.state_dict())
            file = io.BytesIO()
            torch.save(first.state_dict(), file)
            file.seek(0)
            second.load_state_dict(torch.load(file, weights_only=True))
            first, scheduler = second, again
        moved.grad = torch.from_numpy(gradient)
        first.step()
        scheduler.step()
    np.testing.assert_array_equal(moved.detach().numpy(), expected)


@pytest.mark.parametrize("kind", KERAS)
def test_groups_have_their_own_decay_under_a_stock_scheduler(kind: Any) -> None:
    decayed, free = parameter(), parameter()
    optimizer = kind([{"params": [decayed], "weight_decay": 0.1}, {"params": [free]}], lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    for _ in range(3):
        for each in (decayed, free):
            each.grad = torch.zeros_like(each)
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 / 8)
    assert torch.equal(free, parameter())
    assert (decayed.abs() < parameter().abs()).float().mean() > 0.9
