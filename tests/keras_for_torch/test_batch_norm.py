"""Batch normalization in PyTorch against Keras' layer, in float64, to rounding."""

from typing import Any

import keras
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

import keras_ref
from keras_for_torch import (
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    KerasBatchNorm3d,
    SettingError,
)

STEPS, CHANNELS = 100, 3
ROUNDING = STEPS * 4 * float(np.finfo(np.float64).eps)
"""Each of the steps rounds at most four times: a product of each side, a sum, and (n - 1) / n."""
SHAPES: list[tuple[Any, tuple[int, ...]]] = [
    (KerasBatchNorm1d, (5, CHANNELS)),
    (KerasBatchNorm1d, (2, 4, CHANNELS)),
    (KerasBatchNorm2d, (2, 3, 2, CHANNELS)),
    (KerasBatchNorm3d, (2, 2, 1, 3, CHANNELS)),
]


def batches(shape: tuple[int, ...]) -> NDArray[Any]:
    """Return batches with channels last, whose mean and deviation are far from 0 and 1."""
    return np.random.default_rng(0).normal(2.0, 3.0, size=(STEPS, *shape))


def channels_first(batch: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(batch, -1, 1).copy())


def relative(ours: Any, theirs: Any) -> float:
    """Return the largest difference on the scale of the whole array."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.parametrize(("kind", "shape"), SHAPES)
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.7}])
def test_a_hundred_steps_equal_keras_to_rounding(
    kind: Any, shape: tuple[int, ...], settings: dict[str, float]
) -> None:
    module = kind(CHANNELS, dtype=torch.float64, **settings)
    with keras_ref.floatx("float64"):
        layer = keras.layers.BatchNormalization(**settings)
        for batch in batches(shape):
            theirs = keras.ops.convert_to_numpy(layer(batch, training=True))
            ours = module(channels_first(batch))
            assert relative(ours.detach(), np.moveaxis(theirs, -1, 1)) < ROUNDING
        mean, variance = (keras.ops.convert_to_numpy(v) for v in layer.non_trainable_variables)
        theirs = keras.ops.convert_to_numpy(layer(batch, training=False))

    assert relative(module.running_mean, mean) < ROUNDING
    assert relative(module.running_var, variance) < ROUNDING
    assert relative(module.eval()(channels_first(batch)).detach(), np.moveaxis(theirs, -1, 1)) < (
        ROUNDING
    )


def test_pytorchs_own_running_variance_is_another_one() -> None:
    ours = KerasBatchNorm1d(CHANNELS, dtype=torch.float64)
    pytorchs = nn.BatchNorm1d(CHANNELS, 1e-3, 1 - 0.99, dtype=torch.float64)
    batch = channels_first(batches((5, CHANNELS))[0])
    assert torch.equal(ours(batch), pytorchs(batch))
    assert torch.equal(ours.running_mean, pytorchs.running_mean)  # type: ignore[arg-type]
    assert relative(ours.running_var, pytorchs.running_var) > 1e-3


def test_gradients_are_those_of_pytorch() -> None:
    batch = channels_first(batches((2, 3, 2, CHANNELS))[0])
    modules = KerasBatchNorm2d(CHANNELS).double(), nn.BatchNorm2d(CHANNELS, 1e-3).double()
    for module in modules:
        module(batch).pow(3).sum().backward()
    for mine, theirs in zip(*(m.parameters() for m in modules), strict=True):
        assert mine.grad is not None
        assert torch.equal(mine.grad, theirs.grad)


def test_its_state_dict_goes_into_pytorchs_module_and_back() -> None:
    ours, pytorchs = KerasBatchNorm2d(CHANNELS), nn.BatchNorm2d(CHANNELS)
    ours(torch.randn(2, CHANNELS, 4, 4))
    pytorchs.load_state_dict(ours.state_dict())
    ours.load_state_dict(pytorchs.state_dict())
    assert int(pytorchs.num_batches_tracked or 0) == 1


def test_without_scale_and_shift_or_without_statistics_it_works_as_pytorchs_does() -> None:
    batch = torch.randn(4, CHANNELS)
    for settings in ({"affine": False}, {"track_running_stats": False}):
        ours = KerasBatchNorm1d(CHANNELS, **settings)
        pytorchs = nn.BatchNorm1d(CHANNELS, 1e-3, **settings)
        assert torch.equal(ours(batch), pytorchs(batch))


def test_a_batch_with_another_number_of_axes_is_refused() -> None:
    with pytest.raises(ValueError, match="4D input"):
        KerasBatchNorm2d(CHANNELS)(torch.zeros(2, CHANNELS))


@pytest.mark.parametrize("settings", [{"momentum": 1.1}, {"momentum": -0.1}, {"eps": -1e-3}])
def test_a_setting_outside_its_range_is_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(settings))} = .*accepted: "):
        KerasBatchNorm1d(CHANNELS, **settings)
