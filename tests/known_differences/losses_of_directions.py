"""Planted differences in losses of distributions, directions and margins."""

import keras
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import (
    distributions,
    numbers,
    one_hot,
    wrong_loss,
    zeros_and_ones,
)

K = keras.losses


def divergence(scores: Tensor, labels: Tensor) -> Tensor:
    """The KL divergence, averaged over samples."""
    return F.kl_div(scores.log_softmax(-1), labels, reduction="batchmean")


def cosine(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean cosine similarity."""
    return F.cosine_similarity(scores, labels).mean()


def hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """The hinge loss of labels -1 and 1."""
    return F.relu(1 - labels * scores).mean()


def categorical_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """The hinge loss of the worst wrong class."""
    wrong = ((1 - labels) * scores).amax(-1)
    return F.relu(1 + wrong - (labels * scores).sum(-1)).mean()


def without_zero(scores: Tensor, labels: Tensor) -> Tensor:
    """The same, with the right class left out of the highest."""
    wrong = scores.masked_fill(labels == 1, -float("inf")).amax(-1)
    return F.relu(1 + wrong - (labels * scores).sum(-1)).mean()


PLANTED = [
    wrong_loss(
        "KL divergence averaged over classes",
        K.KLDivergence,
        divergence,
        lambda scores, labels: F.kl_div(scores.log_softmax(-1), labels, reduction="none").mean(),
        distributions,
        activation="softmax",
    ),
    wrong_loss(
        "KL divergence with arguments exchanged",
        K.KLDivergence,
        divergence,
        lambda scores, labels: F.kl_div(labels.log(), scores.softmax(-1), reduction="batchmean"),
        distributions,
        activation="softmax",
    ),
    wrong_loss(
        "KL divergence without the logarithm",
        K.KLDivergence,
        divergence,
        lambda scores, labels: F.kl_div(scores.softmax(-1), labels, reduction="batchmean"),
        distributions,
        activation="softmax",
    ),
    wrong_loss(
        "cosine similarity not negated",
        K.CosineSimilarity,
        lambda scores, labels: -cosine(scores, labels),
        cosine,
        numbers,
    ),
    wrong_loss(
        "one minus the cosine similarity",
        K.CosineSimilarity,
        lambda scores, labels: -cosine(scores, labels),
        lambda scores, labels: 1 - cosine(scores, labels),
        numbers,
    ),
    wrong_loss(
        "hinge of labels 0 and 1",
        K.Hinge,
        lambda scores, labels: hinge(scores, 2 * labels - 1),
        hinge,
        zeros_and_ones,
    ),
    wrong_loss(
        "squared hinge without the square",
        K.SquaredHinge,
        lambda scores, labels: F.relu(1 - (2 * labels - 1) * scores).square().mean(),
        lambda scores, labels: hinge(scores, 2 * labels - 1),
        zeros_and_ones,
    ),
    wrong_loss(
        "multi_margin_loss for CategoricalHinge",
        K.CategoricalHinge,
        categorical_hinge,
        lambda scores, labels: F.multi_margin_loss(scores, labels.argmax(-1)),
        one_hot,
    ),
    wrong_loss(
        "categorical hinge without its zero",
        K.CategoricalHinge,
        categorical_hinge,
        without_zero,
        one_hot,
    ),
]
