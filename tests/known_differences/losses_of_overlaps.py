"""Planted differences in losses of overlaps."""

import keras
from torch import Tensor

from tests.known_differences.loss_cases import wrong_loss, zeros_and_ones

K = keras.losses


def dice(scores: Tensor, labels: Tensor) -> Tensor:
    """The Dice loss of a batch."""
    shares = scores.sigmoid()
    return 1 - 2 * (labels * shares).sum() / (labels.sum() + shares.sum() + 1e-7)


def dice_of_samples(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean of the Dice losses of samples."""
    shares = scores.sigmoid()
    both = labels.sum(-1) + shares.sum(-1) + 1e-7
    return (1 - 2 * (labels * shares).sum(-1) / both).mean()


def smoothed_dice(scores: Tensor, labels: Tensor) -> Tensor:
    """The Dice loss with 1 added."""
    shares = scores.sigmoid()
    return 1 - (2 * (labels * shares).sum() + 1) / (labels.sum() + shares.sum() + 1)


def tversky(scores: Tensor, labels: Tensor, extra: float, missed: float) -> Tensor:
    """The Tversky loss, with weights of false positives and of false negatives."""
    shares = scores.sigmoid()
    both = (labels * shares).sum()
    positives, negatives = ((1 - labels) * shares).sum(), (labels * (1 - shares)).sum()
    return 1 - both / (both + extra * positives + missed * negatives + 1e-7)


PLANTED = [
    wrong_loss(
        "Dice loss of each sample",
        K.Dice,
        dice,
        dice_of_samples,
        zeros_and_ones,
        activation="sigmoid",
    ),
    wrong_loss(
        "Dice loss with 1 added",
        K.Dice,
        dice,
        smoothed_dice,
        zeros_and_ones,
        activation="sigmoid",
    ),
    wrong_loss(
        "alpha and beta of Tversky exchanged",
        lambda: K.Tversky(alpha=0.3, beta=0.7),
        lambda scores, labels: tversky(scores, labels, 0.7, 0.3),
        lambda scores, labels: tversky(scores, labels, 0.3, 0.7),
        zeros_and_ones,
        activation="sigmoid",
    ),
]
