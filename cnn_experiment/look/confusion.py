"""Which digits a network takes for which, and where it is in doubt."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Pair(NamedTuple):
    """How often one class was taken for another."""

    true: int
    predicted: int
    times: int


def confusion_counts(labels: NDArray[np.int64], probabilities: Floats) -> NDArray[np.int64]:
    """Count of digits by true class (row) and predicted class (column).

    `labels` is (count,), `probabilities` (count, classes).
    """
    classes = probabilities.shape[1]
    cells = labels * classes + probabilities.argmax(axis=1)
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def most_confused(counts: NDArray[np.int64]) -> list[Pair]:
    """Pairs of different classes that were confused at all, the most frequent first."""
    pairs = [
        Pair(true, predicted, int(counts[true, predicted]))
        for true, predicted in np.ndindex(counts.shape)
        if true != predicted and counts[true, predicted]
    ]
    return sorted(pairs, key=lambda pair: -pair.times)


def least_sure(probabilities: Floats) -> NDArray[np.int64]:
    """Indices of all digits, those first whose two likeliest classes lie closest together."""
    likeliest = np.sort(probabilities, axis=1)
    return np.argsort(likeliest[:, -1] - likeliest[:, -2], kind="stable")


def misclassified(labels: NDArray[np.int64], probabilities: Floats) -> NDArray[np.int64]:
    """Indices of the digits that were taken for others, the surest mistakes first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def between(
    pair: tuple[int, int], labels: NDArray[np.int64], probabilities: Floats
) -> NDArray[np.int64]:
    """Indices of the digits of two classes, those first that are likeliest the other of the two."""
    members = np.flatnonzero(np.isin(labels, pair))
    other = np.where(labels[members] == pair[0], pair[1], pair[0])
    return members[np.argsort(-probabilities[members, other], kind="stable")]
