"""KerasRMSprop against Keras' own RMSprop on the same gradients, in float64."""

import keras
import numpy as np
import pytest
import torch

import keras_ref
from cnn_experiment import InverseTimeDecay
from parity_tests.comparison import assert_close
from torch_cnn import KerasRMSprop, keras_schedule

DECAY = InverseTimeDecay(initial_learning_rate=1e-3, decay_steps=1, decay_rate=1e-2)
START = np.linspace(-1, 1, 60).reshape(6, 10)


def gradients(updates: int) -> np.ndarray:
    """Gradients over six decades, shape (updates, 6, 10)."""
    source = np.random.RandomState(0)
    scales = 10.0 ** np.linspace(-6, 0, START.size).reshape(START.shape)
    return np.asarray(source.standard_normal((updates, *START.shape)) * scales)


def keras_path(settings: dict[str, float], steps: np.ndarray) -> np.ndarray:
    with keras_ref.floatx("float64"):
        variable = keras.Variable(START)
        schedule = keras.optimizers.schedules.InverseTimeDecay(
            DECAY.initial_learning_rate, DECAY.decay_steps, DECAY.decay_rate
        )
        optimizer = keras.optimizers.RMSprop(learning_rate=schedule, **settings)
        path = []
        for gradient in steps:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"momentum": 0.5},
        {"momentum": 0.9, "rho": 0.99, "epsilon": 1e-3},
    ],
)
def test_updates_follow_keras(settings: dict[str, float]) -> None:
    steps = gradients(200)
    ours = torch_path(KerasRMSprop([parameter()], **settings), steps)
    assert_close(ours, keras_path(settings, steps), 1e-13)


def test_stock_rmsprop_does_not_follow_keras() -> None:
    steps = gradients(200)
    stock = torch.optim.RMSprop([parameter()], alpha=0.9, eps=1e-7, momentum=0.9)
    with pytest.raises(AssertionError, match="apart"):
        assert_close(torch_path(stock, steps), keras_path({"momentum": 0.9}, steps), 1e-3)
