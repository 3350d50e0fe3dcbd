"""Planted differences in cross-entropies of probabilities."""

from functools import partial

import keras
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import classes, one_hot, wrong_loss, zeros_and_ones

sparse = keras.losses.SparseCategoricalCrossentropy
binary = keras.losses.BinaryCrossentropy


def binary_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """As a port that knows PyTorch writes it."""
    return F.binary_cross_entropy_with_logits(scores, labels)


def clipped_entropy(probabilities: Tensor, labels: Tensor) -> Tensor:
    """What Keras computes of probabilities that carry no logits."""
    return F.binary_cross_entropy(probabilities.clamp(1e-7, 1 - 1e-7), labels)


of_softmax = partial(wrong_loss, loss=sparse, sound=F.cross_entropy, labels=classes)
PLANTED = [
    of_softmax(
        "a small number added to probabilities",
        faulty=lambda scores, labels: F.nll_loss((scores.softmax(-1) + 1e-8).log(), labels),
        activation="softmax",
    ),
    wrong_loss(
        "probabilities not clipped",
        binary,
        lambda scores, labels: clipped_entropy(F.relu6(scores + 3) / 6, labels),
        lambda scores, labels: F.binary_cross_entropy(F.relu6(scores + 3) / 6, labels),
        zeros_and_ones,
        activation="hard_sigmoid",
        scale=5.0,
    ),
    wrong_loss(
        "loss of rounded probabilities",
        binary,
        binary_entropy,
        lambda scores, labels: F.binary_cross_entropy(scores.sigmoid(), labels),
        zeros_and_ones,
        activation="sigmoid",
        scale=100.0,
    ),
    wrong_loss(
        "probabilities clipped",
        binary,
        binary_entropy,
        lambda scores, labels: clipped_entropy(scores.sigmoid(), labels),
        zeros_and_ones,
        activation="sigmoid",
        scale=20.0,
    ),
    wrong_loss(
        "loss of a softmax that is none in Keras",
        binary,
        binary_entropy,
        lambda scores, labels: F.binary_cross_entropy(scores.softmax(-1), labels),
        one_hot,
        activation="softmax",
    ),
]
