"""Planted differences in the labels and settings of losses of classes."""

import keras
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import one_hot, wrong_loss, zeros_and_ones

K = keras.losses
SMOOTHING = 0.2


def smoothed_binary(scores: Tensor, labels: Tensor, goal: float = 0.5) -> Tensor:
    """The binary cross-entropy of labels that are smoothed toward `goal`."""
    smoothed = labels * (1 - SMOOTHING) + goal * SMOOTHING
    return F.binary_cross_entropy_with_logits(scores, smoothed)


def binary_focal(scores: Tensor, labels: Tensor, *, alpha: float = -1.0) -> Tensor:
    """The focal loss as torchvision writes it: a negative alpha balances nothing."""
    probabilities = torch.sigmoid(scores)
    entropy = F.binary_cross_entropy_with_logits(scores, labels, reduction="none")
    right = probabilities * labels + (1 - probabilities) * (1 - labels)
    loss = entropy * (1 - right) ** 2
    if alpha >= 0:
        loss = (alpha * labels + (1 - alpha) * (1 - labels)) * loss
    return loss.mean()


def focal(scores: Tensor, labels: Tensor, *, alpha: float = 0.25) -> Tensor:
    """The focal loss of several classes."""
    right = (scores.softmax(-1) * labels).sum(-1)
    return (alpha * (1 - right) ** 2 * -right.log()).mean()


PLANTED = [
    wrong_loss(
        "label smoothing left out",
        lambda: K.CategoricalCrossentropy(label_smoothing=SMOOTHING),
        lambda scores, labels: F.cross_entropy(scores, labels, label_smoothing=SMOOTHING),
        F.cross_entropy,
        one_hot,
        activation="softmax",
    ),
    wrong_loss(
        "binary labels smoothed toward another value",
        lambda: K.BinaryCrossentropy(label_smoothing=SMOOTHING),
        smoothed_binary,
        lambda scores, labels: smoothed_binary(scores, labels, 1 / 3),
        zeros_and_ones,
        activation="sigmoid",
    ),
    wrong_loss(
        "classes balanced in a focal loss",
        K.BinaryFocalCrossentropy,
        binary_focal,
        lambda scores, labels: binary_focal(scores, labels, alpha=0.25),
        zeros_and_ones,
        activation="sigmoid",
    ),
    wrong_loss(
        "alpha left out of a focal loss",
        K.CategoricalFocalCrossentropy,
        focal,
        lambda scores, labels: focal(scores, labels, alpha=1.0),
        one_hot,
        activation="softmax",
    ),
]
