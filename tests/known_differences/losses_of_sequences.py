"""Planted differences in losses of sequences and pixels."""

import keras
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as ports write it

from tests.known_differences.loss_cases import classes, wrong_loss

K = keras.losses


def steps_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each step of a sequence."""
    return F.cross_entropy(scores.movedim(-1, 1), labels)


PLANTED = [
    wrong_loss(
        "classes moved by a reshape",
        lambda: K.SparseCategoricalCrossentropy(from_logits=True),
        steps_entropy,
        lambda scores, labels: F.cross_entropy(scores.reshape(5, 3, 4), labels),
        classes,
        steps=4,
    ),
    wrong_loss(
        "labels shifted once more",
        lambda: K.SparseCategoricalCrossentropy(from_logits=True),
        steps_entropy,
        lambda scores, labels: steps_entropy(scores[:, :-1], labels[:, 1:]),
        classes,
        steps=4,
    ),
]
