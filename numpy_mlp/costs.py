"""What the articles print of a training: its costs, its errors and its weights."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from numpy_mlp.network import Lap, Matrix, no_lap


class Costs(NamedTuple):
    """What a network's outputs for some images cost, and how far they are from the labels."""

    total: float
    """`log_loss`, summed over the images, plus `penalty`, once."""
    penalty_share: float
    """The part of `penalty` in `total`."""
    error: float
    """The average of |label - output| over the output nodes and the images."""

    @property
    def accuracy_from_error(self) -> float:
        """1 - `error`, which the articles call an accuracy; it counts no hits."""
        return 1 - self.error


def costs(
    weights: Sequence[Matrix],
    last: Matrix,
    one_hot: Matrix,
    *,
    l1: float = 0.0,
    l2: float = 0.0,
    lap: Lap = no_lap,
) -> Costs:
    """Return the costs of some images; `last` is the last layer's output, (classes, images)."""
    of_weights = penalty(weights, l1=l1, l2=l2)
    total = log_loss(last, one_hot) + of_weights
    lap("cost")
    error = float(np.abs(one_hot - last).mean())
    lap("error")
    return Costs(total, of_weights / total, error)


def log_loss(last: Matrix, one_hot: Matrix) -> float:
    """Return the binary cross-entropy of each output node, summed over nodes and images."""
    tiny = np.finfo(last.dtype).tiny
    of_ones, of_zeros = np.log(np.maximum(last, tiny)), np.log(np.maximum(1 - last, tiny))
    return float(-(one_hot * of_ones + (1 - one_hot) * of_zeros).sum())


def penalty(weights: Sequence[Matrix], *, l1: float = 0.0, l2: float = 0.0) -> float:
    """Return `l1 * sum(abs(w)) + l2 / 2 * sum(w ** 2)` over all weights except biases."""
    return float(
        sum(l1 * np.abs(w[:, 1:]).sum() + l2 / 2 * np.square(w[:, 1:]).sum() for w in weights)
    )


def mean_weights(weights: Sequence[Matrix]) -> tuple[float, ...]:
    """Return the average of |w| over each layer's matrix, its biases included."""
    return tuple(float(np.abs(matrix).mean()) for matrix in weights)
