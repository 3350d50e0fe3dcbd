"""Planted differences in losses of numbers."""

from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import counts, numbers, wrong_loss

K = keras.losses


def single(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a number for each sample, without an axis for the one output."""
    return numbers(source, shape[:-1])


def positive(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return whole numbers from 1 up."""
    return counts(source, shape) + 1


def logarithmic(scores: Tensor, labels: Tensor, smallest: float = 1e-7) -> Tensor:
    """The mean squared logarithmic error."""
    logarithms = torch.log1p(scores.clamp(min=smallest)), torch.log1p(labels.clamp(min=1e-7))
    return F.mse_loss(*logarithms)


def relative(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean absolute relative error."""
    return ((scores - labels) / labels.abs().clamp(min=1e-7)).abs().mean()


def poisson(scores: Tensor, labels: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Keras' Poisson loss of rates."""
    return F.poisson_nll_loss(F.softplus(scores), labels, log_input=False, eps=epsilon)


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
        "logarithm without the 1",
        K.MeanSquaredLogarithmicError,
        lambda scores, labels: logarithmic(F.softplus(scores), labels),
        lambda scores, labels: F.mse_loss(F.softplus(scores).log(), labels.log()),
        positive,
        activation="softplus",
    ),
    wrong_loss(
        "logarithms of negative predictions",
        K.MeanSquaredLogarithmicError,
        logarithmic,
        lambda scores, labels: logarithmic(scores, labels, -1.0),
        counts,
        scale=0.3,
    ),
    wrong_loss(
        "percentages as fractions",
        K.MeanAbsolutePercentageError,
        lambda scores, labels: 100 * relative(scores, labels),
        relative,
        numbers,
    ),
    wrong_loss(
        "log rates in a Poisson loss",
        K.Poisson,
        poisson,
        lambda scores, labels: F.poisson_nll_loss(F.softplus(scores), labels),
        counts,
        activation="softplus",
    ),
    wrong_loss(
        "another epsilon in a Poisson loss",
        K.Poisson,
        poisson,
        lambda scores, labels: poisson(scores, labels, 1e-8),
        counts,
        activation="softplus",
    ),
]
