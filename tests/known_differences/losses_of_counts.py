"""Planted differences in losses of counts."""

from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import counts, wrong_loss

K = keras.losses


def positive(source: np.random.Generator, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return whole numbers from 1 up."""
    return counts(source, shape) + 1


def logarithmic(scores: Tensor, labels: Tensor, smallest: float = 1e-7) -> Tensor:
    """The mean squared logarithmic error."""
    logarithms = torch.log1p(scores.clamp(min=smallest)), torch.log1p(labels.clamp(min=1e-7))
    return F.mse_loss(*logarithms)


def poisson(scores: Tensor, labels: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Keras' Poisson loss of rates."""
    return F.poisson_nll_loss(F.softplus(scores), labels, log_input=False, eps=epsilon)


PLANTED = [
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
