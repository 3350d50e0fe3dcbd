"""Planted differences in what goes into a cross-entropy."""

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
        "softmax applied twice",
        faulty=lambda scores, labels: F.cross_entropy(scores.softmax(-1), labels),
        activation="softmax",
    ),
    wrong_loss(
        "sigmoid applied twice",
        binary,
        binary_entropy,
        lambda scores, labels: F.binary_cross_entropy_with_logits(scores.sigmoid(), labels),
        zeros_and_ones,
        activation="sigmoid",
    ),
    of_softmax(
        "logarithm left out before nll_loss",
        faulty=lambda scores, labels: F.nll_loss(scores.softmax(-1), labels),
        activation="softmax",
    ),
    wrong_loss(
        "softmax left out before nll_loss",
        lambda: sparse(from_logits=True),
        F.cross_entropy,
        F.nll_loss,
        classes,
    ),
    of_softmax(
        "softmax over the samples",
        faulty=lambda scores, labels: F.nll_loss(scores.log_softmax(0), labels),
        activation="softmax",
    ),
    wrong_loss(
        "cross_entropy for a binary loss",
        binary,
        binary_entropy,
        F.cross_entropy,
        zeros_and_ones,
        activation="sigmoid",
    ),
    wrong_loss(
        "binary loss for a cross-entropy",
        keras.losses.CategoricalCrossentropy,
        F.cross_entropy,
        binary_entropy,
        one_hot,
        activation="softmax",
    ),
]
