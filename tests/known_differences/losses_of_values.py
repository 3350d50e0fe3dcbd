"""Planted differences in losses of numbers."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import numbers, wrong_loss

K = keras.losses


def single(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a number for each sample, without an axis for the one output."""
    return numbers(source, shape[:-1])


def relative(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean absolute relative error."""
    return ((scores - labels) / labels.abs().clamp(min=1e-7)).abs().mean()


PLANTED = [
    wrong_loss(
        "labels broadcast",
        K.MeanSquaredError,
        lambda scores, labels: ((scores.squeeze(-1) - labels) ** 2).mean(),
        lambda scores, labels: ((scores - labels) ** 2).mean(),
        single,
        outputs=1,
    ),
    wrong_loss(
        "absolute errors for squared ones", K.MeanSquaredError, F.mse_loss, F.l1_loss, numbers
    ),
    wrong_loss(
        "squared errors for absolute ones", K.MeanAbsoluteError, F.l1_loss, F.mse_loss, numbers
    ),
    wrong_loss(
        "root of the mean squared error",
        lambda: "mse",
        F.mse_loss,
        lambda scores, labels: F.mse_loss(scores, labels).sqrt(),
        numbers,
    ),
    wrong_loss(
        "half the squared error",
        lambda: "mse",
        F.mse_loss,
        lambda scores, labels: 0.5 * F.mse_loss(scores, labels),
        numbers,
    ),
    wrong_loss(
        "smooth_l1_loss for Huber",
        lambda: K.Huber(delta=0.5),
        lambda scores, labels: F.huber_loss(scores, labels, delta=0.5),
        lambda scores, labels: F.smooth_l1_loss(scores, labels, beta=0.5),
        numbers,
    ),
    wrong_loss(
        "delta of Huber at its default",
        lambda: K.Huber(delta=0.5),
        lambda scores, labels: F.huber_loss(scores, labels, delta=0.5),
        F.smooth_l1_loss,
        numbers,
    ),
    wrong_loss(
        "percentages as fractions",
        K.MeanAbsolutePercentageError,
        lambda scores, labels: 100 * relative(scores, labels),
        relative,
        numbers,
    ),
]
