"""Planted differences in the kind of a loss."""

import keras
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import classes, numbers, wrong_loss

K = keras.losses


def squares_of_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """The squared errors of probabilities."""
    targets = F.one_hot(labels, scores.shape[-1]).to(scores.dtype)
    return F.mse_loss(torch.softmax(scores, -1), targets)


PLANTED = [
    wrong_loss("another loss", K.Huber, F.huber_loss, F.mse_loss, numbers),
    wrong_loss("another loss", lambda: "mse", F.mse_loss, F.huber_loss, numbers),
    wrong_loss(
        "another loss",
        lambda: K.SparseCategoricalCrossentropy(from_logits=True),
        F.cross_entropy,
        squares_of_scores,
        classes,
    ),
]
